"""A campaign that looks for the trade-off of two goals."""

import json
import math

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.evaluation import Decision
from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.optimisers.surrogate.front import hypervolume, unbeaten
from reactune.analysis.problem.model import Problem

CIRCLE = {
    "minimise": ["a"],
    "maximise": [{"of": "1 - b", "name": "rest", "unit": "%"}],
    "measured": ["a", "b"],
    "variables": {"x": (0, 1), "y": (0, 1)},
    "budget": 22,
    "stop": {"verdict": False},
}
"""True front: y = 0, so that b = (1 - sqrt a)^2."""


def measured(conditions: dict[str, float]) -> dict[str, float]:
    x, y = conditions["x"], conditions["y"]
    return {"a": x**2 + y, "b": (1 - x) ** 2 + y}


def campaign(agent: Agent, until: int | None = None) -> Agent:
    while not agent.should_stop()[0] and (asked := agent.ask()) is not None:
        agent.ingest([{"_id": asked.number, **measured(asked.conditions)}])
        if len(agent.evaluations) == until:
            break
    return agent


def goals(agent: Agent) -> np.ndarray:
    """Both as minimised."""
    return np.array([[e.f, e.F[-1]] for e in agent.evaluations])


@pytest.fixture(scope="module")
def found() -> Agent:
    return campaign(Agent(Problem.load(CIRCLE), seed=0))


def test_it_finds_the_curve(found: Agent) -> None:
    x = np.linspace(0, 1, 2001)
    true = np.column_stack([x**2, (1 - x) ** 2 - 1])
    edge = np.array([1.2, 0.2])
    assert hypervolume(goals(found), edge) > 0.97 * hypervolume(true, edge)
    # the ends and what is between them: no gap is wide
    a = np.sqrt(np.sort([max(e.f, 0.0) for e in found.bests()]))
    assert a[0] < 0.1 < 0.9 < a[-1]
    assert np.diff(a).max() < 0.2


def test_the_front_is_what_no_other_beats(found: Agent) -> None:
    """There is no noise here, so that what is expected is what was measured."""
    best = {e.number for e in found.bests()}
    assert best <= {found.evaluations[i].number for i in unbeaten(goals(found).round(3))}
    assert [number for number, *_ in found.best_points()] == [e.number for e in found.bests()]
    first = [e.f for e in found.bests()]
    assert first == sorted(first)
    assert found.best(feasible=True) is None
    assert found.optimiser.book.held is None


def test_a_decision_holds_the_front_and_no_best(found: Agent) -> None:
    data = found.decision().to_data(found.problem)
    assert all(math.isnan(data[key]) for key in ("best", "best_feasible"))
    json.dumps({key: None if value != value else value for key, value in data.items()})
    last = found.evaluations[-1]
    assert (data["goal"], data["goal_2"]) == (
        last.f,
        pytest.approx(1 - last.measurement.values["b"]),
    )
    assert data["f_soft"] == data["p"] == 0  # two goals have no common merit
    fact = {f"asked_{name}": value for name, value in last.conditions.items()} | {"valid": 1.0}
    again = Decision.from_data(data, fact, found.problem)
    assert repr(again.front) == repr(found.decision().front)  # NaN is told, and equals nothing
    assert pytest.approx(last.F) == again.evaluation.F
    for leader in again.front:
        expected = leader.expected
        assert expected["goal"].value == pytest.approx(expected["a"].value, abs=1e-6)
        assert expected["goal_2"].value == pytest.approx(1 - expected["b"].value, abs=1e-6)


def test_it_goes_on_from_its_state() -> None:
    one = campaign(Agent(Problem.load(CIRCLE), seed=3), until=9)
    other = Agent.from_state(json.loads(json.dumps(one.state(), allow_nan=False)))
    assert other.digest() == one.digest()
    for _ in range(3):
        asked, again = one.ask(), other.ask()
        assert asked == again
        assert "hypervolume" in asked.why
        for agent in (one, other):
            agent.ingest([{"_id": asked.number, **measured(asked.conditions)}])


@pytest.mark.parametrize("batch", [1, 5])
def test_batches_spread_over_the_curve(batch: int) -> None:
    agent = campaign(Agent(Problem.load({**CIRCLE, "batch": batch}), seed=1), until=15)
    asked = agent.draw(4)
    x = np.array([list(s.conditions.values()) for s in asked])
    assert (
        min(np.abs(x - row).max(axis=1)[np.arange(4) != i].min() for i, row in enumerate(x)) > 0.02
    )


def test_windows_are_kept_as_with_one_goal() -> None:
    """Nothing is on the front that is likely outside; while nothing is inside there is none."""
    stated = {**CIRCLE, "constraints": ["b >= 0.3 +/- 0.05"], "budget": 16}
    agent = campaign(Agent(Problem.load(stated), seed=2))
    assert min(e.measurement.values["b"] for e in agent.bests()) > 0.295
    assert any("inside all windows" in e.why for e in agent.evaluations)
    impossible = {**CIRCLE, "constraints": ["b >= 9 +/- 0.05"], "budget": 8}
    agent = campaign(Agent(Problem.load(impossible), seed=2))
    decision = agent.decision()
    assert decision.front == ()
    nearest = max(agent.evaluations, key=lambda e: e.measurement.values["b"])
    assert decision.best.number == nearest.number
    assert decision.best_feasible is None


def test_failures_and_repeats_do_no_harm() -> None:
    agent = Agent(Problem.load({**CIRCLE, "budget": 14}), seed=4)
    while (asked := agent.ask()) is not None:
        lost = asked.number % 4 == 0
        values = dict.fromkeys("ab", math.nan) if lost else measured(asked.conditions)
        agent.ingest([{"_id": asked.number, **values}])
    assert sum(not e.valid for e in agent.evaluations) == 3
    assert all(e.valid for e in agent.bests())


def test_patience_counts_from_the_last_on_the_front() -> None:
    stated = {**CIRCLE, "budget": 60, "stop": {"verdict": False, "patience": 3}}
    agent = Agent(Problem.load(stated), seed=0)
    while not agent.should_stop()[0]:
        (asked,) = agent.suggest()
        values = measured(asked) if asked["_id"] < 8 else {"a": 3.0, "b": 3.0}
        agent.ingest([{"_id": asked["_id"], **values}])
    assert "since experiment" in agent.should_stop()[1]
    assert agent.should_stop()[1].endswith("the last to be on the front")


def test_it_stops_once_the_noise_is_larger_than_what_is_to_be_gained() -> None:
    rng = np.random.default_rng(0)
    agent = Agent(Problem.load({**CIRCLE, "budget": 60, "stop": {}}), seed=0)
    while not agent.should_stop()[0]:
        (asked,) = agent.suggest()
        values = {k: v + 0.08 * rng.standard_normal() for k, v in measured(asked).items()}
        agent.ingest([{"_id": asked["_id"], **values}])
    assert "to the hypervolume" in agent.should_stop()[1]
    assert 15 < len(agent.evaluations) < 60


@pytest.mark.parametrize(
    "wrong", [{"goals": 3}, {"goals": 2}, {"goals": 2, "model": "merit"}, {"goals": 0}]
)
def test_an_optimiser_needs_what_was_measured_for_two(wrong: dict) -> None:
    with pytest.raises(ValueError, match="goals must be 1, or 2 of the composite model"):
        Snobfit([0.0], [1.0], **wrong)
