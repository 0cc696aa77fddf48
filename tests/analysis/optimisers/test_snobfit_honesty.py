"""What the optimiser says of a point, and of a problem, must be true in any unit and noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reactune.analysis.optimisers.ranking import Window
from reactune.analysis.optimisers.recommend import verdict
from reactune.analysis.optimisers.snobfit import Measured, Snobfit
from reactune.analysis.optimisers.surrogate.expected import certain

Floats = NDArray[np.float64]


def disk(unit_f: float, unit_F: float, share: float, seed: int) -> Snobfit:
    """Twenty experiments on a bowl cut by a line, the numbers in some unit."""
    rng = np.random.default_rng(seed)
    window: Window = (None, unit_F, 0.05 * unit_F)
    o = Snobfit([0, 0], [1, 1], [window], seed=seed)
    for _ in range(4):
        x = o.ask(5)
        f, F = unit_f * ((x - [0.8, 0.7]) ** 2).sum(axis=1), unit_F * x.sum(axis=1)
        df, dF = share * unit_f, share * unit_F
        o.tell(
            x,
            f + df * rng.standard_normal(5),
            F + dF * rng.standard_normal(5),
            df or None,
            dF or None,
        )
    return o


# -- units ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_the_unit_of_a_number_changes_nothing(share: float) -> None:
    here, there = disk(1.0, 1.0, share, 3), disk(2.0**-40, 2.0**-30, share, 3)
    assert here.ask(5) == pytest.approx(there.ask(5), abs=1e-6)
    ours, theirs = here.best(feasible=True), there.best(feasible=True)
    assert ours is not None
    assert theirs is not None
    assert ours.x == pytest.approx(theirs.x, abs=1e-6)
    assert ours.probability_feasible == pytest.approx(theirs.probability_feasible, abs=0.01)


def test_an_uncertainty_is_believed_however_small_the_unit() -> None:
    o = Snobfit([0], [1], [(None, 1e-12, 1e-13)], seed=0)
    o.tell([[0.1], [0.9]], [1e-12, 2e-12], [0.5e-12, 1.9e-12], 1e-14, 1e-14)
    best = o.best(feasible=True)
    assert best is not None
    assert best.probability_feasible > 0.999


def test_a_measured_quantity_may_have_any_unit() -> None:
    measured = Measured(2, lambda y, x: (y[:, 0], y[:, [1]] / y.sum(axis=1, keepdims=True)))
    o = Snobfit([0, 0], [1, 1], [(None, 0.4, 0.1)], seed=0, measured=measured)
    for _ in range(6):
        x = o.ask(5)
        y = 1e-12 * np.column_stack([1.2 - x[:, 0], 0.1 + x[:, 1]])
        f, F = measured.compose(y, x)
        o.tell(x, f, F, y=y)
    best, given = o.best(feasible=True), verdict(o.book)
    assert best is not None
    assert best.F[0] <= 0.4
    assert given is None or given.kind == "converged"


# -- what is handed over ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 4, 9])
@pytest.mark.parametrize("feasible", [False, True])
def test_a_value_that_says_nothing_is_not_handed_over(seed: int, feasible: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((20, 2))
    f, F, df = ((x - 0.3) ** 2).sum(axis=1), x.sum(axis=1), np.zeros(20)
    worst = int(np.where(F < 1, f, -1.0).argmax())
    df[worst] = 1e3
    o = Snobfit([0, 0], [1, 1], [(None, 1.2, 0.1)], seed=seed)
    o.tell(x, f, F, df)
    best = o.best(feasible)
    assert best is not None
    assert best.f == f.min()


@pytest.mark.parametrize("stated", [True, False])
def test_best_by_merit_never_contradicts_itself(stated: bool) -> None:
    """It is chosen by what is expected of it, and its neighbours have been judged."""
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        x = rng.random((40, 2))
        f, F = -x.sum(axis=1), x.sum(axis=1) + 0.2 * rng.standard_normal(40)
        o = Snobfit([0, 0], [1, 1], [(None, 1.0, 0.2)], seed=seed)
        o.tell(x, f, F, dF=0.2 if stated else None)
        best = o.best()
        assert best is not None
        assert best.feasible == (best.probability_feasible >= 0.5)
        if stated:
            assert best.x.sum() < 1.2


def test_without_windows_too_the_luckiest_noise_is_not_handed_over() -> None:
    """Forty points with noise of 0.3 on a bowl of depth 1: the lowest value is far off."""
    lucky, expected = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.random((40, 2))
        truth = 2 * ((x - 0.5) ** 2).sum(axis=1)
        f = truth + 0.3 * rng.standard_normal(40)
        o = Snobfit([0, 0], [1, 1], seed=seed)
        o.tell(x, f, df=0.3)
        best = o.best()
        assert best is not None
        lucky.append(truth[f.argmin()])
        expected.append(2 * ((best.x - 0.5) ** 2).sum())
    assert np.mean(expected) < 0.6 * np.mean(lucky)


def test_points_from_outside_the_box_stay_apart_on_any_scale() -> None:
    x = np.r_[np.linspace(0.15, 0.9, 6), 1.5, 2, 2.5, 3][:, None]
    for scale in ("linear", "log", "reciprocal"):
        o = Snobfit([0.1], [1], [(None, 0.95, 0.05)], scales=[scale], seed=0)
        o.tell(x, -x[:, 0], x)
        best = o.best(feasible=True)
        assert best is not None
        assert best.F[0] == 0.9
        assert certain(best.probability_feasible) > 0.9  # as the models hold it


# -- verdicts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_hill_is_not_called_out_of_reach(seed: int) -> None:
    """1.5 % of the box is feasible, and the tolerance a hundredth of what is missing."""
    o = Snobfit([0, 0], [1, 1], [(0.5, None, 0.01)], seed=seed)
    for _ in range(6):
        x = o.ask(5)
        F = np.exp(-((x - [0.73, 0.27]) ** 2).sum(axis=1) / (2 * 0.06**2))
        o.tell(x, ((x - 0.1) ** 2).sum(axis=1), F)
        given = verdict(o.book)
        assert given is None or given.kind != "unsatisfiable"


def test_equal_values_say_nothing_of_what_is_in_reach() -> None:
    o = Snobfit([0, 0], [1, 1], [(0.5, None, 0.1)], seed=0)
    for _ in range(5):
        x = o.ask(5)
        o.tell(x, x.sum(axis=1), np.zeros(5))
    assert verdict(o.book) is None


def test_what_is_out_of_reach_is_said_whatever_the_tolerance() -> None:
    for tolerance in (0.01, 1.0):
        o = Snobfit([0, 0], [1, 1], [(3.0, None, tolerance)], seed=1)
        for _ in range(4):
            x = o.ask(5)
            o.tell(x, (x**2).sum(axis=1), x.sum(axis=1))
        given = verdict(o.book)
        assert given is not None
        assert given.kind == "unsatisfiable"
