"""Processes and local quadratics: what they know, and how far."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reactune.analysis.optimisers.ranking import as_windows
from reactune.analysis.optimisers.surrogate.gp import GaussianProcess
from reactune.analysis.optimisers.surrogate.local import AIM, constrained_minima
from reactune.analysis.optimisers.surrogate.nearness import LEAST, Neighbourhood
from reactune.analysis.optimisers.surrogate.shaping import CURBED, tamed
from reactune.analysis.optimisers.table import Points
from reactune.analysis.problem.merit import Windows
from tests.analysis.optimisers.asking import undated

Floats = NDArray[np.float64]


def test_a_process_knows_quadratics_exactly_and_doubts_elsewhere() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, (30, 3))
    far = rng.uniform(-1, 1, (50, 3))

    def quadratic(z: Floats) -> Floats:
        return np.asarray(3 + z @ [1.0, -2, 0.5] + z[:, 0] * z[:, 1] - 2 * z[:, 2] ** 2)

    gp = GaussianProcess(z, quadratic(z), np.full(30, 1e-8))
    mean, sd = gp.predict(far)
    np.testing.assert_allclose(mean, quadratic(far), atol=0.02)
    draws = gp.sample(400, rng)(far)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=5 * sd.max() / 20 + 1e-3)
    np.testing.assert_allclose(draws.std(axis=1), sd, rtol=0.5, atol=1e-3)


def test_a_process_finds_the_noise_nobody_stated() -> None:
    rng = np.random.default_rng(1)
    z = rng.uniform(-1, 1, (60, 2))
    y = np.sin(2 * z[:, 0]) + z[:, 1] + 0.1 * rng.standard_normal(60)
    gp = GaussianProcess(z, y, np.full(60, 1e-8))
    assert ((gp.noise > 0.07) & (gp.noise < 0.14)).all()
    truth = np.sin(2 * z[:, 0]) + z[:, 1]
    mean, sd = gp.predict(z)
    assert np.abs(mean - truth).mean() < 0.05
    assert 0.5 < np.sqrt((((mean - truth) / sd) ** 2).mean()) < 1.6


def test_local_quadratics_solve_a_quadratic_problem_in_one_step() -> None:
    """Minimise |x|^2 with x1 + x2 >= 1: the minimum is (0.5, 0.5), or a hair inside of it."""
    x = np.random.default_rng(2).random((14, 2))
    error = np.full(14, 1e-8)
    f, F = (x**2).sum(axis=1), x.sum(axis=1, keepdims=True)
    nothing = np.zeros((14, 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, *undated(x), exact=True)
    windows = Windows.of([(1.0, math.inf, 0.01)])
    place = constrained_minima(x, points, [int(f.argmin())], windows, np.full(2, 1e-5))[0]
    np.testing.assert_allclose(place, 0.5 + AIM * 0.01 / 2, atol=1e-6)


def test_with_noise_a_minimum_is_where_the_edge_is_expected() -> None:
    """Minimise x1 where it is above 0.5: the best point measured 0.2 too much by chance."""
    x = np.vstack([[0.45, 0.5], np.random.default_rng(2).random((40, 2))])
    F = x[:, :1].copy()
    F[0] += 0.2
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(
        x, x[:, 0], error, F, np.full(F.shape, 0.1), nothing, nothing, *undated(x), exact=False
    )
    windows = Windows.of([(0.5, math.inf, 0.1)])
    place = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))[0]
    assert place[0] == pytest.approx(0.5, abs=0.05)


def test_a_slope_is_read_from_as_many_points_as_noise_explains() -> None:
    """Among the nearest points, within 0.01, all that the goal differs by is noise."""
    downhill = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        crowd = 0.5 + 0.01 * rng.uniform(-1, 1, (12, 2))
        x = np.vstack([[[0.5, 0.5]], crowd, rng.random((100, 2))])
        df, nothing = np.full(len(x), 0.1), np.zeros((len(x), 0))
        f = x[:, 0] + df * rng.standard_normal(len(x))
        F, dF = x[:, 1:], np.full((len(x), 1), 1e-3)
        points = Points(x, f, df, F, dF, nothing, nothing, *undated(x), exact=False)
        windows = Windows.of([(0.2, math.inf, 0.01)])
        places = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))
        downhill += all(place[0] < 0.5 for place in places[:3])
    assert downhill >= 18


def test_more_points_are_taken_as_long_as_noise_explains_what_quadratics_do_not() -> None:
    """A line and an exponential, the same whether much or little of it is noise."""
    x = np.random.default_rng(0).random((100, 2))
    nothing, windows = np.zeros((100, 0)), Windows.of([(-math.inf, 1.0, 0.1)])

    def known(noise: float, exact: bool = False) -> Neighbourhood:
        df, dF = np.full(100, noise), np.full((100, 1), noise)
        f, F = (
            values + noise * np.random.default_rng(1).standard_normal(values.shape)
            for values in (x[:, 0], np.exp(5 * x[:, 1:]))
        )
        return Neighbourhood(
            x, Points(x, f, df, F, dF, nothing, nothing, *undated(x), exact), 0, windows
        )

    little, much = known(0.01), known(30.0)
    assert (little.level(0), little.level(1)) == (4, 0)
    assert (much.level(0), much.level(1)) == (4, 4)
    assert [len(much.rows(i)) for i in range(5)] == [11, 22, 44, 88, 100]
    assert known(0.01, exact=True).level(0) == 0


@given(unit=st.floats(1e-6, 1e6), lower=st.booleans())
def test_compression_does_not_depend_on_the_unit_of_a_property(unit: float, lower: bool) -> None:
    F = np.exp(np.random.default_rng(0).uniform(-5, 9, (40, 1)))
    x, error, nothing = np.zeros((40, 1)), np.full(40, 1e-8), np.zeros((40, 0))

    def compressed(unit: float) -> Floats:
        points = Points(
            x, x[:, 0], error, unit * F, error[:, None], nothing, nothing, *undated(x), exact=True
        )
        edges = (2 * unit, None) if lower else (None, 2 * unit)
        return tamed(points, as_windows([(*edges, 100 * unit)]), *CURBED).F / unit

    np.testing.assert_allclose(compressed(unit), compressed(1.0), rtol=1e-9)
    assert compressed(1.0).max() < F.max() / 10


@given(seed=st.integers(0, 10**6))
def test_near_is_what_goal_and_properties_see(seed: int) -> None:
    """One coordinate has a thirtieth of the other's effect, and the third has none."""
    x = np.random.default_rng(seed).random((40, 3))
    error, nothing = np.full(40, 1e-8), np.zeros((40, 0))
    f, F = x @ [10.0, 0.3, 0.0], x @ [[1.0], [-0.03], [0.0]]
    points = Points(x, f, error, F, error[:, None], nothing, nothing, *undated(x), exact=True)
    windows = Windows.of([(0.0, math.inf, 0.01)])
    near = Neighbourhood(x, points, 0, windows)
    np.testing.assert_allclose(near.weights, [1.0, 0.03, LEAST], rtol=1e-3)
    assert near.close[0] == 0
    assert len(near.close) - 1 == 8
    # among the neighbours, what has an effect differs the least
    assert np.ptp(x[near.close, 0]) < np.ptp(x[:, 0]) / 2


def test_local_models_follow_a_curved_edge_from_beside_it() -> None:
    """The only point inside is far along the edge; one slightly outside is a better centre."""
    rng = np.random.default_rng(0)
    good, best = np.array([0.75, 0.5]), np.array([0.3, 0.1])
    x = np.vstack([best, best + 0.02 * rng.random((8, 2)), good + 0.02 * rng.random((8, 2))])
    x[1:9, 1] -= 0.04
    f, F = -x[:, 0], (x[:, 1] - x[:, 0] ** 2)[:, None]
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, *undated(x), exact=True)
    assert F[0, 0] >= 0
    assert (F[1:] < 0).all()
    windows = Windows.of([(0.0, math.inf, 0.01)])
    places = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))
    assert min(np.abs(place - good).max() for place in places) < 0.1


def test_the_place_of_a_point_outside_is_left_for_one_farther_inside() -> None:
    """Minimise |x|^2 with x1 + x2 >= 1: (0.5, 0.5) is known, and outside by less than is seen."""
    x = np.vstack([[0.4999, 0.4999], 0.3 + 0.5 * np.random.default_rng(2).random((13, 2))])
    f, F = (x**2).sum(axis=1), x.sum(axis=1, keepdims=True)
    error, nothing = np.full(14, 1e-8), np.zeros((14, 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, *undated(x), exact=True)
    windows, resolution = Windows.of([(1.0, math.inf, 0.001)]), np.full(2, 1e-3)
    assert (F[0] < 1).all()
    best = int(np.where(F[:, 0] >= 1, f, np.inf).argmin())
    for place in constrained_minima(x, points, [best], windows, resolution)[:3]:
        assert place.sum() >= 1
        assert np.abs(place - x[0]).max() >= resolution[0]


def test_once_the_best_basin_is_known_the_next_one_has_its_turn() -> None:
    """The lower minimum is a point already; the other basin's is not."""
    rng = np.random.default_rng(3)
    low, high = np.array([0.2, 0.2]), np.array([0.8, 0.7])
    cloud = 0.05 * rng.uniform(-1, 1, (14, 2))
    x = np.vstack([low, low + cloud, high + cloud])
    f = np.minimum(((x - low) ** 2).sum(axis=1), 0.01 + ((x - high) ** 2).sum(axis=1))
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(
        x, f, error, x[:, :1], error[:, None], nothing, nothing, *undated(x), exact=True
    )
    windows = Windows.of([(0.0, math.inf, 0.01)])
    places = constrained_minima(x, points, [0], windows, np.full(2, 1e-3))
    np.testing.assert_allclose(places[:3], np.tile(low, (3, 1)), atol=1e-3)
    np.testing.assert_allclose(places[3], high, atol=1e-3)


@pytest.mark.parametrize("value", [0.98, 0.99, 1.0, 0.0, 1e6])
def test_values_that_are_all_one_hide_no_scatter(value):
    """Whatever rounding makes of their mean; one value alone tells nothing."""
    z = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    model = GaussianProcess(z, np.full(7, value), np.full(7, 1e-12))
    mean, sd = model.predict(z[:1])
    assert model.hidden == 0
    assert mean == pytest.approx([value], abs=1e-9)
    assert 1e-6 < sd[0] / (value or 1) < 5e-3
    assert GaussianProcess(z[:1], np.full(1, 5.0), np.full(1, 1e-12)).hidden > 0.1
