"""What the agent says of a campaign: which experiments are best, and why it stops."""

import math
import re

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.leader import Estimate, Leader
from reactune.analysis.campaign.stopping import finished
from reactune.analysis.optimisers import composition
from reactune.analysis.problem.model import Problem
from tests.benchmarks.lab import HPLC, Lab, stated


def campaign(name: str, experiments: int, **changes: object) -> Agent:
    """A campaign on the twin, without rig and documents."""
    return Lab(1).campaign(Agent(stated(name, **changes), HPLC, seed=1), experiments).agent


def test_windows_that_cannot_be_met_end_a_campaign_by_their_names() -> None:
    agent = campaign("walker-iv", 42)
    stop, reason = agent.should_stop()
    assert stop
    assert reason is not None
    assert reason.startswith("unsatisfiable: none of 64 functions that agree with the experiments")
    assert "least penalty is 0.2" in reason
    for window in agent.problem.windows:
        assert window.text in reason
    assert agent.best(feasible=True) is None
    assert agent.get_best_points()[0][0] == agent.best()[0] + 1  # type: ignore[index]


def outcome(number: int, X3: float = 0.02) -> dict[str, float]:
    return {"_id": number, "X0": 0.05, "X1": 0.6, "X2": 0.35 - X3, "X3": X3}


@pytest.mark.parametrize("seed", [1, 3])
def test_patience_counts_from_the_last_that_was_the_best(seed: int) -> None:
    """The model may return to an older one; that takes nothing from those named meanwhile."""
    problem, last = stated("walker-ii", stop={"verdict": False, "patience": 8}), 0
    lab, agent = Lab(seed), Agent(problem, HPLC, seed=seed)
    while not agent.should_stop()[0]:
        agent.ingest(lab.measure(agent.suggest()))
        if (best := agent.leader()) is not None:
            last = max(last, best[0] + 1)
    assert len(agent.evaluations) == last + 8
    assert agent.should_stop()[1] == (
        f"no improvement in 8 experiments since experiment {last}, the last to be the best"
    )
    again = Agent.from_state(agent.state())
    assert again.should_stop() == agent.should_stop()


def test_experiments_keep_their_numbers_in_whatever_order_they_are_told() -> None:
    agent = Agent(stated("walker-ii", stop={"patience": 2, "verdict": False}), HPLC, seed=1)
    agent.suggest(3)
    agent.ingest([outcome(3, 0.01), outcome(1, 0.04), outcome(2, 0.05)])
    said = agent.decision()
    assert said.best is not None
    assert said.best.number == agent.get_best_points()[0][0]
    assert "since experiment 3," in str(agent.should_stop()[1])
    asked = dict(agent.evaluations[1].conditions)
    data = {f"asked_{name}": value for name, value in asked.items()}
    assert agent.evaluate({"number": 1, "valid": 0.0, "reason": "", **data}).number == 1


def test_every_suggestion_has_a_number_of_its_own() -> None:
    agent = Agent(stated("walker-ii"), HPLC, seed=1)
    assert agent.ask() is not None
    (given,) = agent.register_suggestions(
        [{"temperature": 120, "flow_c60": 40, "flow_sultine": 40}]
    )
    numbers = [1, given["_id"], *(s["_id"] for s in agent.suggest(10))]
    assert len(set(numbers)) == 12


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"temperature": 90, "flow_c60": 40, "flow_sultine": 40}, "temperature = 90 degC is outs"),
        ({"temperature": 120, "flow_c60": 20, "flow_sultine": 80}, r"= 4 is outside the limits"),
        ({"temperature": 120, "flow_c60": 40}, "flow_sultine is missing"),
        ({"temperature": 150.0001, "flow_c60": 40, "flow_sultine": 40}, "temperature = 150.0001"),
    ],
)
def test_first_conditions_outside_the_limits_are_never_asked(
    conditions: dict[str, float], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        Agent(stated("walker-ii"), HPLC, first=[conditions])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"X3": None}, "X3 = None is no number"),
        ({"X3": "much"}, "X3 = 'much' is no number"),
        ({"X0_sd": -1e-9}, "X0_sd = -1e-09 is no standard deviation"),
        ({"X0_sd": math.inf}, "X0_sd = inf is no standard deviation"),
        ({"_id": [1]}, r"_id \[1\] is no suggestion of this agent"),
    ],
)
def test_an_outcome_that_is_none_changes_nothing(change: dict[str, object], text: str) -> None:
    agent = Agent(stated("walker-ii"), HPLC, seed=1)
    agent.suggest(2)
    with pytest.raises(ValueError, match=text):
        agent.ingest([outcome(1), {**outcome(2), **change}])
    assert not agent.evaluations
    agent.ingest([outcome(1), outcome(2)])
    assert len(agent.evaluations) == 2


def ask_ahead(agent: Agent, lab: Lab, experiments: int) -> list[dict[str, float]]:
    """Go on as the plan does: the next is asked for before the one under way is known."""
    asked = []
    for _ in range(experiments):
        suggestion = agent.ask()
        assert suggestion is not None
        agent.ahead()
        asked.append(suggestion.conditions)
        agent.ingest(lab.measure([{"_id": suggestion.number, **suggestion.conditions}]))
    return asked


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_what_was_asked_ahead_comes_next_also_after_a_restore(batch: int) -> None:
    agent = Agent(stated("walker-ii", batch=batch), HPLC, seed=1)
    ask_ahead(agent, Lab(1), 8)
    under_way = agent.ask()
    following = agent.ahead()
    assert under_way is not None
    assert following is not None
    assert following == agent.ahead()  # it is not given out
    again = Agent.from_state(agent.state())
    for one in (agent, again):
        (found,) = Lab(2).measure([{"_id": under_way.number, **under_way.conditions}])
        one.leader()  # to look does not change what is asked
        one.ingest([found])
        assert one.ask() == following
        one.ahead()
    assert again.state() == agent.state()


def test_what_was_asked_ahead_of_a_failure_is_asked_for_again() -> None:
    agent = Agent(stated("walker-ii"), HPLC, seed=1)
    ask_ahead(agent, Lab(1), 8)
    under_way, following = agent.ask(), agent.ahead()
    assert under_way is not None
    assert following is not None
    agent.register_failures([{"_id": under_way.number}])
    assert agent.optimiser.state()["asked"]["pending"] == []
    instead = agent.ask()
    assert instead is not None
    assert instead.number == following.number
    assert instead.conditions != following.conditions


def test_a_model_of_the_merit_waits_for_the_whole_batch() -> None:
    agent = Agent(stated("walker-ii", optimiser={"model": "merit"}), HPLC, seed=1)
    for number in range(1, 7):  # the first are asked for at once
        assert agent.ask() is not None
        assert (agent.ahead() is None) == (number == 6)
    agent.ingest([outcome(number) for number in range(1, 7)])
    assert agent.ask() is not None


def test_a_failure_is_taken_in_once() -> None:
    agent = Agent(stated("walker-ii"), HPLC, seed=1)
    (first,) = agent.suggest()
    agent.register_failures([first, first])
    agent.register_failures([first])
    assert [e.number for e in agent.evaluations] == [1]
    with pytest.raises(ValueError, match="_id 9 is no suggestion of this agent"):
        agent.register_failures([{"_id": 9}])


def test_a_goal_ends_a_campaign_once_an_experiment_that_is_likely_feasible_reaches_it() -> None:
    agent = campaign("walker-ii", 35, stop={"verdict": False, "goal": 0.02})
    best = agent.best(feasible=True)
    assert best is not None
    assert best[1].probability_feasible >= 0.5
    expected, number = best[1].expected.value[0], agent.evaluations[best[0]].number
    assert expected <= 0.02
    assert agent.should_stop() == (
        True,
        f"goal reached: X3 = {expected:.4g} is expected of experiment {number} (asked for 0.02)",
    )


def test_a_goal_that_is_reached_is_not_written_as_if_it_were_not() -> None:
    problem = Problem(
        maximise="y",
        measured=["y"],
        variables={"T": (0, 1)},
        stop={"goal": 1234319.1, "verdict": False},
    )
    leader = Leader(3, expected={"goal": Estimate(1234320.2, 1.0, 1.0)})
    assert finished(problem, [], leader, lambda: None, 0) == (
        "goal reached: y = 1.23432e+06 is expected of experiment 3 (asked for 1234319.1)"
    )


def test_a_lucky_measurement_is_not_the_best_feasible_experiment() -> None:
    """One point outside, measured inside by luck, among many that say so."""
    agent = campaign("walker-ii", 35, batch=7)
    before = agent.best(feasible=True)
    assert before is not None
    truth = Lab(1)
    outside = {"temperature": 100.0, "flow_c60": 150.0, "flow_sultine": 75.0}  # X1 + X2 near 0.4
    (honest,) = truth.measure([{"_id": 0, **outside}])
    assert honest["X1"] + honest["X2"] < 0.7
    lucky = {"X0": 0.09, "X1": 0.905, "X2": 0.0045, "X3": 0.0005}
    agent.ingest([{**outside, **lucky, **{f"{name}_sd": 0.005 for name in lucky}}])
    assert agent.evaluations[-1].f < agent.evaluations[before[0]].f
    after = agent.best(feasible=True)
    assert after is not None
    assert after[0] != len(agent.evaluations) - 1


def test_a_point_that_stands_alone_is_repeated_before_anything_else() -> None:
    """The same of a campaign that asks one by one, where few points are elsewhere to say so."""
    agent = campaign("walker-ii", 25)
    outside = {"temperature": 100.0, "flow_c60": 150.0, "flow_sultine": 75.0}
    lucky = {"X0": 0.09, "X1": 0.905, "X2": 0.0045, "X3": 0.0005}
    agent.ingest([{**outside, **lucky, **{f"{name}_sd": 0.003 for name in lucky}}])
    lead = agent.best(feasible=True)
    assert lead is not None
    assert lead[0] == 25
    (again,) = agent.draw(1)
    number = agent.evaluations[25].number
    assert again.why.startswith(f"repeat: experiment {number} is the best, but by all others")
    assert again.conditions == pytest.approx(outside)
    (honest,) = Lab(2).measure([{"_id": 0, **outside}])
    agent.ingest([outside | {name: honest[name] for name in honest if name != "_id"}])
    after = agent.best(feasible=True)
    assert after is not None
    assert after[0] < 25


def test_how_sure_it_is_comes_with_the_answer() -> None:
    """What not knowing which of the experiments is best costs: less than one of them scatters."""
    agent = campaign("walker-ii", 40)
    told = agent.decision().best_feasible
    assert told is not None
    assert 0 < told.regret < told.expected["goal"].repeat_sd
    data = Leader.to_data("best", told, agent.problem)
    assert Leader.from_data("best", data, agent.problem) == told


def test_where_nothing_fits_no_goal_is_held_out_that_no_window_allows() -> None:
    """Others have a better goal than the lowest merit for being farther outside: no doubt of it."""
    told = campaign("walker-iv", 20).decision()
    assert told.best_feasible is None
    assert told.best is not None
    assert 0 <= told.best.regret < 0.02  # of the merit; in the goal it is that of the best of all


def test_a_repeat_of_a_failed_experiment_is_handed_over_not_the_failure() -> None:
    agent = Agent(stated("walker-ii", stop={"verdict": False, "goal": 0.02}), HPLC, seed=1)
    suggestions = agent.suggest(7)
    agent.register_failures(suggestions[:1])
    agent.ingest(Lab(1).measure(suggestions[1:]))
    conditions = agent.evaluations[0].conditions
    found = {"X0": 0.02, "X1": 0.9, "X2": 0.07, "X3": 0.01}
    agent.ingest([{**conditions, **found, **{f"{name}_sd": 0.002 for name in found}}])
    for feasible in (False, True):
        best = agent.best(feasible)
        assert best is not None
        assert best[0] == 7
    stop, reason = agent.should_stop()
    assert stop
    assert re.match(r"goal reached: X3 = 0\.0\d+ is expected of experiment 8 ", str(reason))


@pytest.mark.parametrize("name", ["walker-ii", "walker-v"])
def test_a_method_with_more_peaks_than_the_problem_measures_is_no_closed_sum(name: str) -> None:
    """X0 is left out: what is measured no longer adds up to 1, and the models know."""
    problem = stated(name, measured=["X1", "X2", "X3"])
    agent = Lab(2).campaign(Agent(problem, HPLC, seed=2), 35).agent
    best = agent.best(feasible=True)
    assert best is not None
    f, F = best[1].f, best[1].F
    assert math.isfinite(f)
    assert np.isfinite(F).all()
    assert best[1].probability_feasible >= 0.5


def test_without_an_analytics_it_is_told_outcomes_and_assumes_nothing_of_them() -> None:
    plain = stated("walker-ii").to_dict()
    del plain["kind"]
    agent = Agent(Problem.load(plain), seed=1)
    assert composition(agent.problem, agent.space).kind == "real"
    agent.ingest([outcome(s["_id"]) for s in agent.suggest(9)])
    assert agent.get_best_points()
    with pytest.raises(ValueError, match=r"cannot read events: give it an analytics"):
        agent.evaluate({"number": 10})


@pytest.mark.parametrize(
    ("changes", "kind", "modelled"),
    [
        ({"kind": None}, "fractions", "fractions"),  # as the analytics says
        ({"kind": "real"}, "real", "real"),  # the problem knows better
        ({"kind": None, "measured": ["X3"], "constraints": []}, "fractions", "positive"),
    ],
)
def test_the_kind_is_the_problems_or_else_the_analyticss(
    changes: dict[str, object], kind: str, modelled: str
) -> None:
    """One fraction alone does not add up to one; what is stored is what was said."""
    agent = Agent(stated("walker-ii", **changes), HPLC)
    assert agent.problem.to_dict()["kind"] == kind
    assert composition(agent.problem, agent.space).kind == modelled


def test_a_state_of_another_version_is_refused_with_a_way_on() -> None:
    state = Agent(stated("walker-ii"), HPLC).state() | {"schema": 1}
    with pytest.raises(ValueError, match=r"has schema 1, this version reads 3; begin anew"):
        Agent.from_state(state)


def test_what_the_analytics_does_not_measure_is_refused() -> None:
    problem = stated("walker-ii", measured=["X0", "X1", "X2", "X3", "X9"])
    with pytest.raises(ValueError, match="measured: X9 is not measured by hplc, which has X"):
        Agent(problem, HPLC)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_safe_point_is_not_asked_for_again_while_it_is_waited_for(seed) -> None:
    variables = {"T": (20, 100), "flow": (0.1, 2)}
    agent = Agent({"minimise": "y", "measured": ["y"], "variables": variables}, seed=seed)
    rng = np.random.default_rng(seed)
    rows = [{"T": rng.uniform(20, 100), "flow": rng.uniform(0.1, 2)} for _ in range(12)]
    noise = rng.normal(0, 0.05, 12)
    agent.ingest(
        [
            r | {"y": (r["T"] - 60) ** 2 / 500 + (r["flow"] - 1) ** 2 + e}
            for r, e in zip(rows, noise, strict=True)
        ]
    )
    asked = [point for _ in range(4) for point in agent.draw(2)]
    safe = [p.conditions for p in asked if p.why.endswith("the best that is expected")]
    assert safe
    places = np.array([[p["T"] / 40, p["flow"] / 0.95] for p in safe])  # as in a cube of two
    apart = np.abs(places[:, None] - places[None]).max(axis=2)
    assert (apart[np.triu_indices(len(safe), 1)] >= 0.04).all()
