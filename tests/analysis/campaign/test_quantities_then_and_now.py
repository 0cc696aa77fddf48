"""What was measured earlier beside what is measured now, whatever kind of quantity that is."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from scipy.stats import qmc

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.rediscovery import Earlier, Rediscoverer
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem

Reaction = Callable[[Mapping[str, float]], dict[str, float]]


def rediscovered(
    kind: str | None, names: Sequence[str], then: Reaction, now: Reaction
) -> Rediscoverer:
    """Measure 30 places, and five more of a rediscovery."""
    problem = Problem.load(
        {
            "maximise": "a",
            "measured": list(names),
            "variables": {"T": [20, 100], "q": [10, 100]},
            "budget": 30,
        }
        | ({"kind": kind} if kind else {})
    )
    agent = Agent(problem, seed=0)
    u = qmc.LatinHypercube(2, rng=1).random(30)
    x = agent.space.lower + u * (agent.space.upper - agent.space.lower)
    docs = agent.register_suggestions(agent.space.to_conditions(x))
    agent.ingest([{**doc, **then(doc)} for doc in docs])
    known = [(Suggestion(e.number, e.conditions, e.why), e.measurement) for e in agent.evaluations]
    earlier = Earlier(problem, known)
    again = Rediscoverer(problem, None, 5, earlier.sentinels(), earlier=earlier)
    for _ in range(5):
        asked = again.ask()
        again.ingest([{"_id": asked.number, **asked.conditions, **now(asked.conditions)}])
    return again


def reaction(b: Callable[[Mapping[str, float]], float], seed: int = 1) -> Reaction:
    rng = np.random.default_rng(seed)

    def measured(at: Mapping[str, float]) -> dict[str, float]:
        a = 0.5 + 0.3 * np.sin(at["T"] / 30) + 0.001 * at["q"] + 0.002 * rng.standard_normal()
        return {"a": a, "b": b(at)}

    return measured


@pytest.mark.parametrize("names", [["a", "b"], ["b", "a"]])
@pytest.mark.parametrize("kind", ["real", "positive", None])
def test_what_has_not_changed_holds_whatever_is_measured_first(kind, names) -> None:
    def b(at: Mapping[str, float]) -> float:
        return 2 + 0.01 * at["T"] - 0.003 * at["q"]

    found = rediscovered(kind, names, reaction(b), reaction(b)).finding
    assert found.verdict == "holds"
    for name in names:
        change = found.change[name]
        assert change.now == pytest.approx(change.then, abs=0.02)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("kind", ["real", "positive"])
def test_what_never_varied_keeps_nothing_from_being_compared(kind, value) -> None:
    same = reaction(lambda at: value)
    assert rediscovered(kind, ["a", "b"], same, same).finding.verdict == "holds"
    other = reaction(lambda at: value + 0.5 + 0.01 * at["T"])
    assert rediscovered(kind, ["a", "b"], same, other).finding.verdict != "holds"
