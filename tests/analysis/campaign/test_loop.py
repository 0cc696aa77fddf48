import math

import pandas as pd
import pytest

from reactune.analysis import Agent, Problem, minimise

PEAK = {
    "maximise": "y",
    "measured": ["y"],
    "variables": {"a": (0, 1), "b": (0, 1)},
    "budget": 30,
    "batch": 3,
    "stop": {"verdict": False},
}


def peak(point: dict[str, float]) -> float:
    return 1 - (point["a"] - 0.3) ** 2 - (point["b"] - 0.8) ** 2


def test_a_plain_function_is_tuned() -> None:
    agent = minimise(peak, PEAK, seed=1)
    ((_, conditions, values),) = agent.best_points()
    assert len(agent.evaluations) == 30
    assert values["y"] == pytest.approx(1, abs=1e-4)
    assert conditions == pytest.approx({"a": 0.3, "b": 0.8}, abs=0.01)
    again = minimise(lambda point: {"y": peak(point)}, PEAK, seed=1)
    assert again.best_points() == agent.best_points()


def test_what_a_function_gives_has_to_be_measured() -> None:
    with pytest.raises(ValueError, match="the problem measures y, z: give a value for each"):
        minimise(peak, PEAK | {"measured": ["y", "z"]})
    with pytest.raises(ValueError, match="y is missing"):
        minimise(lambda _: {"x": 1.0}, PEAK)
    failed = minimise(lambda _: math.nan, PEAK | {"budget": 3})
    assert [e.valid for e in failed.evaluations] == [False] * 3


def test_frames_are_taken_in() -> None:
    agent = Agent(Problem.load(PEAK), seed=1)
    rows = [(a, b, peak({"a": a, "b": b})) for a in (0.1, 0.5, 0.9) for b in (0.2, 0.7)]
    agent.ingest(pd.DataFrame(rows, columns=["a", "b", "y"]))
    assert len(agent.evaluations) == 6
    (point,) = agent.suggest(1)
    assert 0 <= point["a"] <= 1
