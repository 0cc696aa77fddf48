"""The hard shapes: their optima are the optima, and good is good on the day."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from tests.benchmarks.hard import SHAPES, Row, Shape, Told, campaign, table

Floats = NDArray[np.float64]


def lowest(shape: Shape, day: float) -> float:
    """The lowest goal within the windows, where nothing fails, by differential evolution."""
    lower, upper = np.array(shape.lower, dtype=float), np.array(shape.upper, dtype=float)
    low, high = np.array(
        [(-np.inf if a is None else a, np.inf if b is None else b) for a, b, _ in shape.windows]
    ).T

    def value(u: Floats) -> Floats:
        x = lower + u.T * (upper - lower)
        f, F = shape.outcome(shape.at(x, day), x)
        outside = np.maximum(np.maximum(low - F, F - high), 0.0).sum(axis=1)
        lost = shape.fails(x) if shape.fails else np.zeros(len(x), dtype=bool)
        return np.where(lost, 1e6, f + 1e4 * outside)

    found = differential_evolution(
        value, [(0, 1)] * lower.size, seed=1, vectorized=True, updating="deferred",
        popsize=20, maxiter=600, tol=1e-10, polish=False,
    )  # fmt: skip
    return float(found.fun)


@pytest.mark.parametrize("name", ["told", "drift", "clogging", "plateaus", "steps", "one", "eight"])
def test_the_optimum_is_known(name: str) -> None:
    shape = SHAPES[name]
    for place, best in enumerate(shape.best):
        day = place / max(len(shape.best) - 1, 1) * shape.budget
        assert lowest(shape, day) == pytest.approx(best, abs=0.1 * shape.within)


def test_two_windows_bind_and_little_is_inside() -> None:
    x = np.random.default_rng(0).uniform((60, 0, 1), (140, np.log(30), 3), (20_000, 3))
    x[:, 1] = np.exp(x[:, 1])
    F = SHAPES["told"].outcome(SHAPES["told"].quantities(x), x)[1]
    assert 0.005 < (F <= [0.04, 0.05]).all(axis=1).mean() < 0.02


def test_good_is_judged_on_the_day_and_without_noise() -> None:
    x = np.array([[110.28, 4.419, 2.652]])
    told, drift = SHAPES["told"], SHAPES["drift"]
    assert told.good(x, 0)[0]
    assert not told.good(x + np.array([0, 2, 0]), 0)[0]
    assert drift.good(x, 0)[0]
    assert not drift.good(x, 80)[0]
    clogged = replace(told, fails=lambda x: x[:, 2] > 2.6)
    assert not clogged.good(x, 0)[0]


def test_what_goes_wrong_is_told_as_it_says() -> None:
    x = np.tile([[110.0, 4.4, 2.6]], (400, 1))
    truth = SHAPES["told"].quantities(x)
    sd = SHAPES["told"].noise(x, truth)

    def off(name: str) -> tuple[Floats, Floats]:
        told = Told(SHAPES[name], 0).measure(x)
        return (told["y"] - truth) / sd, told["dy"] / sd

    for name, size in (("half", 0.5), ("twice", 2.0), ("untold", 0.0)):
        z, stated = off(name)
        assert z.std() == pytest.approx(1.0, abs=0.1)
        np.testing.assert_allclose(stated, size)
    z, _ = off("outliers")
    assert (np.abs(z) > 6).any(axis=1).mean() == pytest.approx(0.05, abs=0.03)
    lost = Told(SHAPES["failing"], 0).measure(x)["f"]
    assert np.isnan(lost).mean() == pytest.approx(0.2, abs=0.06)


def test_a_campaign_becomes_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "one", replace(SHAPES["one"], budget=6))
    row = campaign("one", 0)
    assert (row.shape, row.seed) == ("one", 0)
    never = Row("one", 1, 5.0, np.inf, np.inf)
    assert "| one | 0/1 | 0/1 | 5 | - | - |" in table([never])
