"""The boxes, models and minimisers inside SNOBFIT."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.optimisers.geometry import QuadraticBasis, nearest, neighbours
from reactune.analysis.optimisers.snobfit.batch import hopeful
from reactune.analysis.optimisers.snobfit.boxes import Boxes, partition
from reactune.analysis.optimisers.snobfit.models import linear_models, minimise_quadratic


@settings(max_examples=40, deadline=None, derandomize=True)
@given(count=st.integers(1, 60), dim=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_boxes_hold_one_point_each_and_tile_the_region(count: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((count, dim)) ** 3  # clustered at a corner
    low, high = partition(x, rng.random(count), np.zeros(dim), np.ones(dim))
    inside = (low[:, None, :] < x) & (x < high[:, None, :])
    np.testing.assert_array_equal(inside.all(axis=2), np.eye(count, dtype=bool))
    assert (high - low).prod(axis=1).sum() == pytest.approx(1.0)
    boxes = Boxes(x, rng.random(count))
    assert sorted(boxes.by_level()) == list(range(count))
    for box in range(count):
        y = boxes.inner(box)
        assert (np.abs(y - x[box]) >= 0.2 * (boxes._high - boxes._low)[box]).all()


def test_a_cut_favours_the_better_point() -> None:
    low, high = partition(np.array([[0.2], [0.8]]), np.array([0.0, 1.0]), np.zeros(1), np.ones(1))
    assert high[0, 0] == low[1, 0] == pytest.approx(0.2 + 0.6 * (math.sqrt(5) - 1) / 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(dim=st.integers(1, 9), negative=st.booleans(), seed=st.integers(0, 10**6))
def test_quadratics_are_minimised_in_the_box(dim: int, negative: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((dim, dim))
    g, h = rng.standard_normal(dim), a @ a.T + (-2.0 if negative else 1e-3) * np.eye(dim)
    low, high = -rng.random(dim), rng.random(dim)
    x = minimise_quadratic(g, h, low, high)
    slope = g + h @ x
    assert (x >= low).all()
    assert (x <= high).all()
    # stationary: no way down along an axis, in the interior or off a wall
    assert (slope[x > low] <= 1e-6).all()
    assert (slope[x < high] >= -1e-6).all()


def test_models_reproduce_what_they_can_express() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((60, 4))
    a = rng.standard_normal((4, 4))
    g, h = rng.standard_normal(4), a + a.T
    f = x @ g + 0.5 * np.einsum("ni,ij,nj->n", x, h, x)
    exact = np.full(60, 1e-8)
    rows = nearest(x, 7)
    constant, gradient, hessian = QuadraticBasis(x[rows]).fit(f[rows], exact)
    assert constant == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(hessian, h, atol=1e-6)
    np.testing.assert_allclose(gradient, g + h @ x[7], atol=1e-6)
    resolution = np.full(4, 1e-3)
    near = neighbours(x, 9, resolution)
    assert all(len(set(row)) == 9 and i not in row for i, row in enumerate(near))
    models = linear_models(x, x @ g, exact, near, resolution)
    np.testing.assert_allclose(models.gradient, np.tile(g, (60, 1)), atol=1e-6)
    np.testing.assert_allclose(models.predicted, models.best @ g, atol=1e-6)
    assert (models.predicted < x @ g).all()


def test_what_may_still_be_the_best() -> None:
    """Clusters of ten in 1-D: the best, a resolved minimum, an unresolved one; then far points."""
    cluster = np.linspace(-0.01, 0.01, 10)
    x = np.r_[0.1 + cluster, 0.5 + cluster, 0.9 + cluster, 0.3, 0.7][:, None]
    bowl = (cluster / 0.01) ** 2
    f = np.r_[0.1 * bowl, 0.5 + 0.1 * bowl, 0.5 + 2 * bowl, 0.9, 0.9]
    found = hopeful(x, f, neighbours(x, 6, np.full(1, 1e-5)))
    assert found[4:6].all()
    assert not found[10:20].any()
    assert found[24:26].all()
    assert found[30:].all()  # nobody knows what is around them


def test_neighbours_see_every_direction() -> None:
    """Nineteen points on a line and one far beside it: the one is a neighbour of all."""
    x = np.zeros((20, 2))
    x[:19, 0] = np.linspace(0, 1, 19)
    x[19] = [0.5, 0.9]
    near = neighbours(x, 4, np.full(2, 0.01))
    assert (near[:19] == 19).any(axis=1).all()
