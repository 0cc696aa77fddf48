"""Smooth scales of measured quantities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.optimisers.surrogate.scales import Coordinates, Smooth
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from tests.analysis.optimisers.box import LOWER, SCALES, UPPER


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_coordinates_are_inverted_and_fill_the_cube(seed: int) -> None:
    space = Coordinates(LOWER, UPPER, SCALES)
    x = LOWER + (UPPER - LOWER) * np.random.default_rng(seed).random((20, 3))
    z = space.to_cube(x)
    assert np.abs(z).max() <= 1 + 1e-12
    np.testing.assert_allclose(space.to_box(z), x, rtol=1e-12)
    corners = space.to_cube(np.vstack([LOWER, UPPER]))
    np.testing.assert_allclose(np.abs(corners), 1.0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["fractions", "positive", "real"]),
    chained=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_smooth_scales_are_inverted_down_to_zero(kind: str, chained: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.dirichlet([0.3, 1.0, 1.0, 0.3], 20)
    error = np.full_like(y, 1e-3)
    back = Smooth(y, error, kind, chained)
    # a value below a thousandth of its uncertainty comes back as that
    np.testing.assert_allclose(back.measured(back.values), y, rtol=1e-6, atol=2e-6)
    assert np.isfinite(back.errors).all()
    for scaled, own in zip(back.scaled(y, error), (back.values, back.errors), strict=True):
        np.testing.assert_allclose(scaled, own, atol=1e-12)
    if kind == "fractions":
        assert back.values.shape == (20, 3)
        anywhere = back.measured(back.values[rng.permutation(20)] + rng.normal(size=(20, 3)))
        np.testing.assert_allclose(anywhere.sum(axis=1), 1.0)
        assert (anywhere > 0).all()


def test_noise_below_zero_is_a_value_too() -> None:
    y = np.array([[-0.002, 1.002], [0.0, 1.0], [0.001, 0.999], [0.5, 0.5]])
    smooth = Smooth(y, np.full_like(y, 1e-3), "fractions", chained=False)
    assert np.isfinite(smooth.values).all()
    assert (np.diff(np.abs(smooth.values[:, 0])) < 0).all()
    assert smooth.errors[0, 0] > 0.3 > 0.02 > smooth.errors[3, 0]


def test_the_space_offers_smooth_scales() -> None:
    space = Space.of(Problem.load("walker-v"))
    assert dict(zip(space.names, space.scales, strict=True)) == {
        "flow_c60 + flow_sultine": "log",
        "flow_sultine / (flow_c60 + flow_sultine)": "logit",
        "temperature": "celsius",
    }


def test_positive_quantities_that_are_negative_are_real():
    """By noise they may be, a little; whether that is told or not."""
    y, error = np.array([[-20.0], [-40.0], [-80.0]]), np.full((3, 1), 1e-9)
    assert Smooth(y, error, "positive", False).values == pytest.approx(y)
    for noisy, told in ((-0.05, 1e-9), (-0.4, 0.1)):
        y = np.array([[noisy], [0.5], [1.0]])
        assert Smooth(y, np.full((3, 1), told), "positive", False).values[2] == pytest.approx(
            0.0, abs=0.02
        )


def test_noise_about_zero_leaves_the_others_positive() -> None:
    """Of what is not there; and what rounding leaves of 0 is 0."""
    rng = np.random.default_rng(1)
    y = np.column_stack([np.geomspace(1, 1e3, 20), 1e-3 * rng.standard_normal(20), np.zeros(20)])
    y[3, 2] = -1e-17
    smooth = Smooth(y, np.full(y.shape, 1e-9), "positive", False)
    np.testing.assert_allclose(np.diff(smooth.values[10:, 0], 2), 0.0, atol=1e-3)  # logarithms
    np.testing.assert_array_equal(smooth.values[:, 1], y[:, 1])
    np.testing.assert_allclose(smooth.measured(smooth.values), y, rtol=1e-9, atol=1e-11)


def test_a_fraction_is_expected_to_be_no_more_than_the_whole():
    """Where those measured are not all there are, too."""
    y = np.array([[0.2, 0.01], [0.9, 0.02], [0.6, 0.03]])
    smooth = Smooth(y, np.full((3, 2), 0.01), "fractions", False)
    assert smooth.measured(smooth.values) == pytest.approx(y)
    assert smooth.measured(smooth.values + 3).max() == 1.0
