"""What callers may give the optimiser: all else is refused in one clear sentence."""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reactune.analysis.optimisers.snobfit import Measured, Snobfit

Floats = NDArray[np.float64]


# -- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"lower": [0, 1], "upper": [1, 1]}, "lower must be below upper"),
        ({"lower": [0], "upper": [1, 2]}, "same length"),
        ({"lower": [0], "upper": [math.inf]}, "finite"),
        ({"p": 1.5}, "from 0 to 1"),
        ({"model": "quadratic"}, "model must be"),
        ({"scales": ["log"]}, "does not exist all over"),
        ({"scales": ["cubic"]}, "scales must name"),
        ({"resolution": 0.0}, "resolution"),
        ({"resolution": [0.1, 0.1]}, "resolution"),
        ({"windows": [(2.0, 1.0, 0.1)]}, "window"),
        ({"resolution": 1e-160}, "resolution .* from 1e-12 to 1e12 of the box"),
        ({"windows": [(0.0, 1.0, None)]}, "tolerance"),
        (
            {"windows": [(0.0, 1.0, 1e-160)]},
            "of its edge 0 must be above 0, from 1e-100 .* not 1e-160",
        ),
        ({"windows": 5}, r"window 5 is none; give a list"),
        ({"scales": 5}, "scales must name"),
        ({"measured": 3}, "measured must be a Measured"),
        ({"p": np.array([0.5, 0.5])}, "from 0 to 1"),
        ({"seed": np.array([1])}, "seed must be a whole number"),
        ({"upper": [10**400]}, "upper must be numbers"),
    ],
)
def test_bad_settings_are_refused(kwargs: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Snobfit(**{"lower": [0.0], "upper": [1.0], **kwargs})  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [2.5, "3", np.nan, True, None])
def test_points_are_counted_in_whole_numbers(n: object) -> None:
    with pytest.raises(ValueError, match="ask for whole points, at least 1 point, not"):
        Snobfit([0], [1]).ask(n)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "windows",
    [(0, 1, 0.1), [(0, 1)], [("a", 1, 0.1)], [(0, 1, (1, 2, 3))], [None]],
)
def test_a_window_is_three_numbers(windows: object) -> None:
    with pytest.raises(ValueError, match=r"window .* is none; give a list of \(lower, upper, tol"):
        Snobfit([0], [1], windows)  # type: ignore[arg-type]


def test_windows_may_come_as_an_array() -> None:
    assert len(Snobfit([0], [1], np.array([[0, 1, 0.1]])).book.windows) == 1  # type: ignore[arg-type]


def test_scales_may_come_as_an_array() -> None:
    o = Snobfit([1], [2], scales=np.array(["log"]))  # type: ignore[arg-type]
    assert json.loads(json.dumps(o.state()))["scales"] == ["log"]


def test_what_is_measured_needs_a_count_and_a_function() -> None:
    with pytest.raises(ValueError, match="measured needs a count above 0"):
        Measured("two", first_of)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="compose must be a function"):
        Measured(2, 3)  # type: ignore[arg-type]
    measured = Measured(int(np.int64(2)), first_of)
    with pytest.raises(ValueError, match=r"properties of shape \(1, 0\), not \(1,\) and \(1, 1\)"):
        Snobfit([0], [1], measured=measured).tell([[0.5]], [1.0], y=[[1.0, 2.0]])


def first_of(y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Goal and one property: what is measured first."""
    return y[:, 0], y[:, :1]


# -- results -------------------------------------------------------------------------------


def test_bad_results_are_refused_and_change_nothing() -> None:
    o = Snobfit([0, 0], [1, 1], [(0, 1, 0.1)], seed=1)
    before = o.state()
    for args, text in [
        (([[0.5, 0.5]], [1.0]), "F is missing"),
        (([[0.5]], [1.0], [[0.5]]), "x must have shape"),
        (([[0.5, math.nan]], [1.0], [[0.5]]), "not finite"),
        (([[0.5, 0.5]], [1.0], [[0.5, 0.5]]), "F must have shape"),
        (([[0.5, 0.5]], [1.0], [[0.5]], [-0.1]), "negative"),
        (([[0.5, 0.5]], [1.0], [[0.5]], [math.inf]), "infinite"),
        (([[0.5, 0.5]], [1.0], [[0.5]], [0.1, 0.2]), "df must have shape"),
    ]:
        with pytest.raises(ValueError, match=text):
            o.tell(*args)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        o.ask(0)
    assert o.state() == before


@pytest.mark.parametrize(
    "goal",
    [["3"], [1 + 2j], np.array(["2020-01-01"], dtype="M8[D]"), [10**400], [[1], [2, 3]]],
    ids=["text", "complex", "date", "huge", "ragged"],
)
def test_a_goal_is_a_real_number(goal: Any) -> None:
    with pytest.raises(ValueError, match="f must be numbers, in rows of the same length, not"):
        Snobfit([0], [1]).tell([[0.5]], goal)


def test_a_masked_goal_is_a_failed_experiment() -> None:
    o = Snobfit([0], [1])
    o.tell([[0.5], [0.7]], np.ma.array([0, 1], mask=[True, False]))
    best = o.best()
    assert best is not None
    assert best.x[0] == 0.7


def test_numbers_beyond_what_models_can_square_count_as_failed_or_are_refused() -> None:
    o = Snobfit([0], [1], [(0, 1, 0.1)])
    o.tell([[0.2], [0.5], [0.7]], [1.7e308, 1.0, 1.0], [0.5, 1e200, 0.5])
    best = o.best()
    assert best is not None
    assert best.x[0] == 0.7
    assert len(o.ask(3)) == 3
    for x, df in ((1e200, 0.1), (0.5, 1e200)):
        with pytest.raises(ValueError, match="is told in row 0; 1e\\+100 is the most"):
            o.tell([[x]], [1.0], [0.5], [df])


def test_one_property_for_many_experiments_is_refused() -> None:
    with pytest.raises(ValueError, match=r"F must have shape \(3, 1\)"):
        Snobfit([0], [1], [(0, 1, 0.1)]).tell([[0.1], [0.2], [0.3]], [1, 2, 3], 0.5)
    with pytest.raises(ValueError, match="F is told, but the optimiser was made without windows"):
        Snobfit([0], [1]).tell([[0.1]], [1], [[0.5]])


# -- states --------------------------------------------------------------------------------


def test_a_state_of_another_schema_is_refused() -> None:
    state = Snobfit([0], [1], seed=0).state() | {"schema": 99}
    with pytest.raises(ValueError, match="schema 99"):
        Snobfit.from_state(state)


def places(state: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a state with each of its keys."""
    for key in list(state) if isinstance(state, dict) else range(len(state)):
        yield state, key
        if isinstance(state[key], dict | list):
            yield from places(state[key])


@pytest.mark.parametrize("damage", [None, {}, "a", -1, 99, [1, 2, 3], "missing"])
def test_a_damaged_state_is_refused_or_asks_within_the_box(damage: Any) -> None:
    """A number may be changed without anybody seeing it; whatever else is done is seen."""
    o = Snobfit([0], [1], [(0, 1, 0.1)], seed=0)
    x = o.ask(2)
    o.tell(x[:1], x[:1, 0], x[:1])
    whole = o.state()
    for number in range(len(list(places(whole)))):
        state = copy.deepcopy(whole)
        part, key = list(places(state))[number]
        if damage == "missing":
            del part[key]
        else:
            part[key] = damage
        if (said := refusal(state)) is not None:
            assert "start a new optimiser" in said or "give the same `measured`" in said


def refusal(state: Any) -> str | None:
    """What is said of a state that is refused; None if it asks for a point."""
    try:
        restored = Snobfit.from_state(state)
    except ValueError as error:
        return str(error)
    assert len(restored.ask(1)) == 1
    return None


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of Snobfit, or it is damaged"):
        Snobfit.from_state({"schema": 1})
    with pytest.raises(ValueError, match="has schema None, this version reads 1"):
        Snobfit.from_state(json.loads("null"))
