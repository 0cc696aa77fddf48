"""What the agent says of a campaign: which experiments are best, and why it stops."""

import math

import numpy as np
import pytest

from reactune.analysis.agent import Agent
from tests.benchmarks.lab import METHOD, Lab, stated


def campaign(name: str, batches: int, **changes: object) -> Agent:
    """A campaign on the twin, without rig and documents."""
    agent = Agent(stated(name, **changes), METHOD, seed=1)
    return Lab(1).campaign(agent, batches * agent.problem.batch).agent


def test_windows_that_cannot_be_met_end_a_campaign_by_their_names() -> None:
    agent = campaign("walker-iv", 6)
    stop, reason = agent.should_stop()
    assert stop
    assert reason is not None
    assert reason.startswith("unsatisfiable: none of 192 functions that agree with the experiments")
    assert "least penalty is 0.2" in reason
    for window in agent.problem.windows:
        assert window.text in reason
    assert agent.best(feasible=True) is None
    assert agent.get_best_points()[0][0] == agent.best()[0] + 1  # type: ignore[index]


def test_patience_ends_a_campaign_and_names_the_best() -> None:
    agent = campaign("walker-ii", 4, stop={"verdict": False, "patience": 1000})
    best = agent.best(feasible=True)
    assert best is not None
    since = len(agent.conclusions) - best[0] - 1
    patient = Agent(stated("walker-ii", stop={"verdict": False, "patience": since}), METHOD, seed=1)
    again = Lab(1).campaign(patient, 28).agent
    assert again.should_stop() == (
        True,
        f"no improvement in {since} experiments since experiment {best[0] + 1}, the best",
    )


def test_a_goal_ends_a_campaign_once_an_experiment_that_is_likely_feasible_reaches_it() -> None:
    agent = campaign("walker-ii", 5, stop={"verdict": False, "goal": 0.02})
    best = agent.best(feasible=True)
    assert best is not None
    assert best[1].probability_feasible >= 0.5
    found = agent.conclusions[best[0]]
    assert found.f <= 0.02
    assert agent.should_stop() == (
        True,
        f"goal reached: X3 = {found.f:.4g} in experiment {found.number} (asked for 0.02)",
    )


def test_a_lucky_measurement_is_not_the_best_feasible_experiment() -> None:
    """One point outside, measured inside by luck, among many that say so."""
    agent = campaign("walker-ii", 5)
    before = agent.best(feasible=True)
    assert before is not None
    truth = Lab(1)
    outside = {"temperature": 100.0, "flow_c60": 150.0, "flow_sultine": 75.0}  # X1 + X2 near 0.4
    (honest,) = truth.measure([{"_id": 0, **outside}])
    assert honest["X1"] + honest["X2"] < 0.7
    lucky = {"X0": 0.09, "X1": 0.905, "X2": 0.0045, "X3": 0.0005}
    agent.ingest([{**outside, **lucky, **{f"{name}_sd": 0.005 for name in lucky}}])
    assert agent.conclusions[-1].f < agent.conclusions[before[0]].f
    after = agent.best(feasible=True)
    assert after is not None
    assert after[0] != len(agent.conclusions) - 1


def test_a_repeat_of_a_failed_experiment_is_handed_over_not_the_failure() -> None:
    agent = Agent(stated("walker-ii", stop={"verdict": False, "goal": 0.02}), METHOD, seed=1)
    suggestions = agent.suggest(7)
    agent.register_failures(suggestions[:1])
    agent.ingest(Lab(1).measure(suggestions[1:]))
    conditions = agent.conclusions[0].conditions
    found = {"X0": 0.02, "X1": 0.9, "X2": 0.07, "X3": 0.01}
    agent.ingest([{**conditions, **found, **{f"{name}_sd": 0.002 for name in found}}])
    for feasible in (False, True):
        best = agent.best(feasible)
        assert best is not None
        assert best[0] == 7
    assert agent.should_stop() == (
        True,
        "goal reached: X3 = 0.01 in experiment 8 (asked for 0.02)",
    )


@pytest.mark.parametrize("name", ["walker-ii", "walker-v"])
def test_a_method_with_more_peaks_than_the_problem_measures_is_no_closed_sum(name: str) -> None:
    """X0 is left out: what is measured no longer adds up to 1, and the models know."""
    problem = stated(name, measured=["X1", "X2", "X3"])
    agent = Lab(2).campaign(Agent(problem, METHOD, seed=2), 35).agent
    best = agent.best(feasible=True)
    assert best is not None
    f, F = best[1].f, best[1].F
    assert math.isfinite(f)
    assert np.isfinite(F).all()
    assert best[1].probability_feasible >= 0.5
