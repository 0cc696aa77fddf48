"""What results cannot be, by what a problem says of them."""

import math

import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem

COST = {
    "minimise": "(40 * enzyme + 50) / conversion",
    "measured": ["conversion", "ee"],
    "variables": {"enzyme": (0.5, 10.0), "temperature": (20.0, 60.0)},
}


def cost(**more) -> Problem:
    return Problem.load(COST | more)


@pytest.mark.parametrize("kind", ["fractions", "positive"])
def test_what_divides_and_is_not_positive_makes_no_goal(kind: str) -> None:
    found = cost(kind=kind).properties(
        {"conversion": -0.002, "ee": 0.5}, conditions={"enzyme": 2.0, "temperature": 22.0}
    )
    assert found.failure == (
        "(40 * enzyme + 50) / conversion divides by conversion, which is -0.002"
    )


@pytest.mark.parametrize(
    ("goal", "fine"),
    [
        ("1 / (0.5 - conversion)", True),  # of either sign, as it is meant
        ("ee / enzyme", True),
        ("conversion ^ -1", False),
        ("1 / (1 + 1 / (2 * conversion))", False),
    ],
)
def test_only_what_should_be_positive_is_looked_at(goal: str, fine: bool) -> None:
    found = cost(minimise=goal, kind="positive").properties(
        {"conversion": -0.1, "ee": -0.5}, conditions={"enzyme": 2.0, "temperature": 22.0}
    )
    assert (found.failure is None) is fine
    real = cost(minimise=goal, kind="real").properties(
        {"conversion": -0.1, "ee": -0.5}, conditions={"enzyme": 2.0, "temperature": 22.0}
    )
    assert real.failure is None


def test_what_a_goal_divides_by_is_positive_unless_something_else_is_said() -> None:
    assert cost().resolved("real").kind == "positive"
    assert (
        cost(minimise="1 - conversion", constraints=["ee / conversion >= 0.5 +/- 0.1"])
        .resolved("real")
        .kind
        == "positive"
    )
    assert cost(kind="real").resolved("real").kind == "real"
    assert cost(minimise="conversion / enzyme").resolved("real").kind == "real"
    assert cost(minimise="1 / (0.5 - conversion)").resolved("real").kind == "real"


def test_a_reaction_that_did_nothing_is_not_the_cheapest() -> None:
    agent = Agent(cost())
    rows = [(1, 30, 0.1), (5, 40, 0.5), (10, 50, 0.7), (8, 30, 0.4), (2, 22, -0.002), (3, 55, 0.35)]
    points = [
        {"enzyme": e, "temperature": t, "conversion": c, "ee": -0.6 + 0.2 * c} for e, t, c in rows
    ]
    agent.ingest(points)
    best = agent.best()
    assert best is not None
    assert agent.evaluations[best[0]].conditions["enzyme"] == 3
    assert [e.valid for e in agent.evaluations].count(False) == 1


def test_a_percentage_is_no_share() -> None:
    agent = Agent(
        Problem.load(
            {
                "maximise": "conv",
                "measured": ["conv", "sel"],
                "constraints": ["sel >= 90 % +/- 3 %"],
                "variables": {"flow": (0.1, 2.0)},
            }
        )
    )
    with pytest.raises(ValueError, match=r"sel is 62, and its window is in percent: sel >= 0.9"):
        agent.ingest([{"flow": 0.1, "conv": 97.0, "sel": 62.0}])
    agent.ingest([{"flow": 0.1, "conv": 97.0, "sel": 0.62}])
    assert math.isclose(agent.evaluations[0].F[0], 0.62)
