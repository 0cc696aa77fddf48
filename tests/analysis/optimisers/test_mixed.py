"""Ranges, steps, values and choices in one space: what the optimiser has to do there."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.analytics import Measurement, Told
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.evaluation import Decision, describe_asked
from reactune.analysis.campaign.replay import retell
from reactune.analysis.optimisers import engine_of, restored, settable_of, snobfit
from reactune.analysis.optimisers.surrogate.scales import Coordinates
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.space import Space

properties = settings(derandomize=True, deadline=None, max_examples=60)

POLARITY = {"THF": 37.4, "DMF": 43.2, "MeCN": 45.6, "MeOH": 55.4, "DCM": 40.7, "toluene": 33.9}
SOLVENT = {"choices": list(POLARITY)}
DESCRIBED = SOLVENT | {"descriptors": {"E_T": list(POLARITY.values())}}
HEAT = {"range": [30, 120], "step": 10, "unit": "degC"}
LOADING = {"range": [1, 10], "unit": "mol%"}
EQUIV = {"values": [1, 1.5, 3]}

SPACES: dict[str, dict[str, Any]] = {
    "choice-alone": {"solvent": SOLVENT},
    "choice-and-ranges": {"solvent": SOLVENT, "loading": LOADING, "temperature": (30, 120)},
    "described": {"solvent": DESCRIBED, "loading": LOADING, "equiv": EQUIV},
    "few-points": {"solvent": SOLVENT, "equiv": EQUIV},
    "two-choices": {"solvent": DESCRIBED, "base": {"choices": ["K2CO3", "DBU"]}, "heat": HEAT},
    "steps-alone": {"temperature": HEAT, "loading": LOADING, "equiv": EQUIV},
}


def problem(name: str, **more: Any) -> Problem:
    stated = {"maximise": "yield", "measured": ["yield"], "variables": SPACES[name]}
    return Problem(**{**stated, "stop": {"verdict": False}, **more})


def measured(conditions: dict[str, Any]) -> float:
    """A yield that every variable decides about."""
    far = 0.0
    for name, value in conditions.items():
        if name == "solvent":
            far += ((POLARITY[value] - 44) / 8) ** 2
        elif name == "base":
            far += 0.3 * (value == "DBU")
        elif not name.startswith("_"):
            best, width = {"loading": (4, 5), "equiv": (1.5, 2)}.get(name, (80, 40))
            far += ((value - best) / width) ** 2
    return math.exp(-far)


def outcomes(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"_id": point["_id"], "yield": measured(point)} for point in points]


def plain(points: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(v for k, v in point.items() if k != "_id") for point in points]


def can_be_set(p: Problem, conditions: dict[str, Any]) -> bool:
    for name, variable in p.variables.items():
        value = conditions[name]
        if variable.choices is not None:
            if value not in variable.choices:
                return False
        elif variable.grid is not None and not variable.grid.holds(value):
            return False
    return p.outside_limits({n: conditions[n] for n in p.variables}) is None


# -- there and back ------------------------------------------------------------------------------


@st.composite
def mixed_problems(draw: st.DrawFn) -> Problem:
    """Up to five variables of every kind."""
    kinds = draw(st.lists(st.sampled_from(["range", "step", "values", "choices", "described"]),
                          min_size=1, max_size=5))  # fmt: skip
    numbers = st.integers(-400, 400).map(lambda n: n / 8)
    variables: dict[str, Any] = {}
    for i, kind in enumerate(kinds):
        low = draw(numbers)
        high = low + draw(st.integers(1, 80)) / 2
        if kind == "range":
            part: dict[str, Any] = {"range": [low, high]}
        elif kind == "step":
            part = {"range": [low, high], "step": (high - low) / draw(st.integers(1, 40))}
        elif kind == "values":
            part = {"values": draw(st.lists(numbers, min_size=2, max_size=6, unique=True))}
        else:
            count = draw(st.integers(2, 6))
            part = {"choices": [f"c{k}" for k in range(count)]}
            if kind == "described":
                rows = draw(st.lists(st.tuples(numbers, numbers), min_size=count, max_size=count,
                                     unique=True))  # fmt: skip
                part["descriptors"] = {"a": [r[0] for r in rows], "b": [r[1] for r in rows]}
        variables[f"v{i}"] = part
    return Problem(minimise="y", measured=["y"], variables=variables)


@properties
@given(mixed_problems(), st.integers(0, 1000))
def test_conditions_come_back_from_the_box_and_the_box_from_the_cube(p: Problem, seed: int) -> None:
    space = Space.of(p)
    settable = settable_of(p, space)
    u = np.random.default_rng(seed).random((12, space.dim))
    x = space.lower + u * (space.upper - space.lower)
    conditions = space.to_conditions(x)
    assert all(can_be_set(p, c) for c in conditions)
    again = np.array([space.to_box(c) for c in conditions])
    assert space.to_conditions(again) == conditions
    assert Problem.load(json.loads(json.dumps(p.to_dict()))) == p
    if settable is None:
        assert all(v.choices is None for v in p.variables.values())
        return
    settled = settable.settle(x)
    np.testing.assert_array_equal(settable.settle(settled), settled)
    assert space.to_conditions(settled) == conditions
    coordinates = Coordinates(space.lower, space.upper, space.scales, settable)
    back = coordinates.to_box(coordinates.to_cube(settled))
    span = space.upper - space.lower
    np.testing.assert_allclose(back / span, settled / span, rtol=1e-9, atol=1e-9)
    # places of different choices are different places
    for i, placed in settable.choices.items():
        assert len(np.unique(np.round(placed, 9), axis=0)) == len(placed)
        assert coordinates.to_box(coordinates.to_cube(settled))[:, i].tolist() == (
            settled[:, i].tolist()
        )
    if settable.every is not None:
        every = {tuple(c.values()) for c in space.to_conditions(settable.every)}
        assert len(every) == math.prod(len(v.grid or ()) for v in p.variables.values())
        assert {tuple(c.values()) for c in conditions} <= every


# -- the contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPACES)
class TestMixedSpaces:
    """What has to hold in every one of them."""

    @pytest.mark.parametrize("n", [1, 3, 5])
    def test_only_what_can_be_set_and_nothing_twice(self, name: str, n: int) -> None:
        p, seen = problem(name), list[tuple[Any, ...]]()
        agent = Agent(p, seed=2)
        for _ in range(4):
            asked = agent.suggest(n)
            assert len(asked) == n
            assert all(can_be_set(p, point) for point in asked)
            whys = [agent._asked[point["_id"]].why for point in asked]
            fresh = [c for c, why in zip(plain(asked), whys, strict=True) if "repl" not in why]
            assert len({*fresh, *seen}) == len(fresh) + len(seen)
            # what is asked for again is said to be, and only where nothing else is left
            assert len(fresh) == n or agent.untried() == 0
            seen += fresh
            agent.ingest(outcomes(asked))

    def test_several_asks_may_wait_and_answers_come_in_any_order(self, name: str) -> None:
        agent = Agent(problem(name), seed=3)
        waiting = [agent.suggest(2) for _ in range(3)]
        points = list(itertools.chain(*waiting))
        assert len(set(plain(points))) == 6
        agent.ingest(outcomes(points[::-1]))
        assert agent.best_points()

    def test_the_same_seed_the_same_asks_also_from_a_state(self, name: str) -> None:
        one, other = (Agent(problem(name), seed=4) for _ in range(2))
        for _ in range(3):
            asked = one.suggest(2)
            assert other.suggest(2) == asked
            one.ingest(outcomes(asked))
            other = Agent.from_state(json.loads(json.dumps(one.state())))
            assert other.digest() == one.digest()
        assert other.suggest(2) == one.suggest(2)

    def test_failures_are_kept_away_from_and_harm_nothing(self, name: str) -> None:
        agent = Agent(problem(name), seed=5)
        for k in range(4):
            asked = agent.suggest(1 if name == "choice-alone" else 3)
            told = outcomes(asked)
            told[0]["yield"] = math.nan if k % 2 else told[0]["yield"]
            agent.ingest(told)
        assert agent.best_points()

    def test_why_is_a_sentence(self, name: str) -> None:
        agent = Agent(problem(name), seed=6)
        for _ in range(3):
            asked = agent.suggest(2)
            assert all(len(agent._asked[p["_id"]].why.split()) > 2 for p in asked)
            agent.ingest(outcomes(asked))

    def test_the_best_is_found(self, name: str) -> None:
        p = problem(name, budget=32)
        agent = Agent(p, seed=7)
        while not agent.should_stop()[0] and (asked := agent.ask()) is not None:
            agent.ingest([{"_id": asked.number, "yield": measured(asked.conditions)}])
        _, conditions, _ = agent.best_points()[0]
        space = Space.of(p)
        u = np.random.default_rng(0).random((5_000, space.dim))
        everywhere = space.to_conditions(space.lower + u * (space.upper - space.lower))
        assert measured(conditions) > 0.98 * max(map(measured, everywhere))


# -- what is special -----------------------------------------------------------------------------


def test_a_space_that_is_exhausted_is_said_and_ends_the_campaign() -> None:
    agent = Agent(problem("few-points", batch=4, budget=100), seed=1)
    done = []
    while not agent.should_stop()[0]:
        asked = agent.ask()
        assert asked is not None
        done.append(tuple(asked.conditions.values()))
        agent.ingest([{"_id": asked.number, "yield": measured(asked.conditions)}])
    assert len(done) == len(set(done)) == 18
    assert agent.should_stop()[1] == (
        "all 18 points that the variables can be set to have been tried"
    )
    assert agent.ask() is None
    (again,) = agent.suggest(1)  # who insists gets the best once more, and is told so
    assert plain([again]) == plain([dict(agent.best_points()[0][1])])
    assert agent._asked[again["_id"]].why == (
        "replicate: all 18 points that can be set have been tried"
    )


def test_what_is_exhausted_at_a_shared_value_is_counted_at_that_value() -> None:
    """Of five of a batch at one temperature there are but four places."""
    stated = {
        "maximise": "yield",
        "measured": ["yield"],
        "variables": {
            "oven": {"range": (20, 80), "step": 30},
            "solvent": {"choices": ["THF", "DMF"]},
            "equiv": {"values": [1, 2]},
        },
        "batch": 5,
        "shared": ["oven"],
    }
    agent = Agent(Problem(**stated), seed=0)
    asked = agent.suggest(5)
    assert len({tuple(point.values())[1:] for point in asked}) == 4
    assert [agent._asked[point["_id"]].why for point in asked][-1] == (
        "replicate: all 4 points that can be set with what the batch shares have been tried"
    )


def test_an_untried_choice_is_proposed_through_its_descriptors() -> None:
    """Of four that nobody tried, one of the two that lie between the good ones; and it says so."""
    polarity = POLARITY | {"hexane": 31.0, "water": 63.1}
    solvent = {"choices": list(polarity), "descriptors": {"E_T": list(polarity.values())}}
    variables = SPACES["described"] | {"solvent": solvent}
    agent = Agent(Problem(maximise="yield", measured=["yield"], variables=variables), seed=1)
    known = [
        {"solvent": solvent, "loading": loading, "equiv": equiv}
        for solvent in ("toluene", "THF", "DCM", "MeOH")
        for loading, equiv in ((2, 1), (6, 1.5), (9, 3))
    ]
    agent.ingest([c | {"yield": measured(c)} for c in known])
    (asked,) = agent.suggest(1)
    assert asked["solvent"] in ("DMF", "MeCN")
    assert agent._asked[asked["_id"]].why.endswith("a choice not tried before")


def test_what_fails_in_one_choice_is_not_asked_of_it_again_and_again() -> None:
    agent = Agent(problem("choice-and-ranges"), seed=1)
    for _ in range(6):
        asked = agent.suggest(4)
        agent.ingest(
            [o | ({"yield": math.nan} if p["solvent"] == "DMF" else {})
             for o, p in zip(outcomes(asked), asked, strict=True)]
        )  # fmt: skip
    assert sum(e.conditions["solvent"] == "DMF" for e in agent.evaluations[12:]) <= 2


@pytest.mark.parametrize("n", [2, 4])
def test_a_batch_shares_one_value_and_the_others_are_free(n: int) -> None:
    p = problem("choice-and-ranges", shared=["temperature"], batch=n)
    agent = Agent(p, seed=1)
    heats = []
    for _ in range(8):
        asked = agent.suggest(n)
        assert len({point["temperature"] for point in asked}) == 1
        assert len(set(plain(asked))) == n
        heats.append(asked[0]["temperature"])
        agent.ingest(outcomes(asked))
    assert len(set(heats)) > 3
    assert agent.best_points()[0][2]["yield"] > 0.8
    assert p.first_batch == n


def test_what_a_batch_shares_is_chosen_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first point alone would share another value, of which the others have less."""
    p = problem("choice-and-ranges", shared=["temperature"], batch=4)
    agents = [Agent(p, seed=1)]
    for _ in range(3):
        asked = agents[0].suggest(4)
        agents[0].ingest(outcomes(asked))

    def gain(common: int) -> float:
        monkeypatch.setattr(snobfit, "COMMON", common)
        optimiser = Agent.from_state(agents[0].state()).optimiser
        x = optimiser.ask(4)
        assert len(set(x[:, optimiser.book.settable.shared[0]])) == 1
        surrogate = optimiser.book.surrogate()
        drawn = surrogate.draw(2000, np.random.default_rng(7))
        known, new = (drawn(z).f for z in (surrogate.z, optimiser.book.coordinates.to_cube(x)))
        return float(np.maximum(known.min(axis=0) - new.min(axis=0), 0).mean())

    assert gain(4) >= 0.95 * gain(1)  # of other functions than those by which it chose
    assert gain(4) > 0


def test_a_campaign_is_rebuilt_from_its_documents_and_asks_the_same() -> None:
    p, told = problem("described", batch=2, stop={"verdict": False}), Told(("yield",))
    agent, facts, decisions = Agent(p, told, seed=3), [], []
    for _ in range(10):
        asked = agent.ask()
        assert asked is not None
        agent.ahead()  # as the plan does
        measurement = Measurement({"yield": measured(asked.conditions)}, {"yield": math.nan})
        fact = {
            "number": float(asked.number),
            **{f"asked_{name}": value for name, value in asked.conditions.items()},
            "valid": 1.0,
            "reason": "",
            **Told.to_data(measurement),
        }
        assert all(isinstance(fact[key], str) == (d["dtype"] == "string")
                   for key, d in describe_asked(p, "here").items())  # fmt: skip
        agent.evaluate(fact)
        facts.append(fact)
        decision = agent.decision()
        decisions.append(decision.to_data(p))
        again = Decision.from_data(decisions[-1], fact, p)
        assert again.evaluation.conditions == asked.conditions
    assert retell(Agent(p, told, seed=3), facts) == []
    changed = [*facts[:9], facts[9] | {"asked_solvent": "toluene"}]
    (difference,) = retell(Agent(p, told, seed=3), changed)
    assert "experiment 10: stored solvent 'toluene'" in difference
    # an experiment whose facts are lost is told as it was decided
    assert retell(Agent(p, told, seed=3), [*facts[:4], *facts[5:]], decisions) == []


def test_neighbouring_values_are_two_experiments_and_rounding_makes_none_of_both() -> None:
    p = problem("steps-alone")
    o = engine_of(p, space := Space.of(p), seed=1)
    near = [{"temperature": t, "loading": 5.0, "equiv": 1.0} for t in (60.0, 70.0)]
    o.tell(np.array([space.to_box(c) for c in near]), [-0.1, -0.2], y=[[0.1], [0.2]])
    assert len(o.book.table.places) == 2
    twin = restored(p, json.loads(json.dumps(o.state())))
    np.testing.assert_array_equal(twin.ask(3), o.ask(3))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"engine": "sqsnobfit"}, "optimiser.engine: 'sqsnobfit' knows ranges alone, and cannot "
         "choose solvent; leave engine out"),
        ({"model": "merit"}, "optimiser.model: 'merit' fits polynomials to numbers, and cannot "
         "choose solvent; leave model out"),
    ],
)  # fmt: skip
def test_who_knows_no_choices_refuses_them(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ProblemError, match="cannot choose") as refused:
        Space.of(problem("few-points", optimiser=change))
    assert refused.value.problems == [sentence]
