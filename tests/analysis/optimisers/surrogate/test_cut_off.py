"""Results that are cut off at 0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.optimisers.recommend import recommend
from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.optimisers.surrogate.cut_off import CutOff
from reactune.analysis.optimisers.surrogate.scales import Measured


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    true=st.floats(0.0, 8.0),
    unit=st.sampled_from([1e-6, 1e-3, 1.0, 1e6]),
    seed=st.integers(0, 10**6),
)
def test_the_mean_of_many_results_tells_what_is_true(true: float, unit: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(40_000)
    results = np.maximum(true + noise, 0.0)[:, None] * unit
    cut_off = CutOff(np.vstack([results, [[0.0]]]), np.full((40_001, 1), unit), "positive")
    found = cut_off.undone(results.mean(axis=0, keepdims=True))[0, 0]
    assert found == pytest.approx(true * unit, abs=0.04 * unit)


@pytest.mark.parametrize(
    ("least", "kind"), [(1e-4, "positive"), (-1e-4, "positive"), (0.0, "real")]
)
def test_what_is_not_cut_off_stays(least: float, kind: str) -> None:
    y = np.array([[least, 0.5], [0.003, 0.4]])
    found = CutOff(y, np.full(y.shape, 1e-3), kind).undone(y)
    np.testing.assert_array_equal(found, y)


def test_without_an_error_nothing_is_cut_off() -> None:
    y = np.array([[0.0, 0.5], [0.003, 0.4]])
    np.testing.assert_array_equal(CutOff(y, np.zeros(y.shape), "positive").undone(y), y)


def test_what_noise_hides_is_expected_to_be_less_than_the_mean_of_its_results() -> None:
    """Of 24 campaigns whose impurity is a tenth of what one result is off by."""
    error, truth = 0.002, 0.0002
    off, means = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        x = rng.random((30, 1))
        y = np.column_stack([np.full(30, truth), 0.3 + 0.4 * x[:, 0]])
        y = np.maximum(y + error * rng.standard_normal(y.shape), 0.0)
        composed = Measured(2, lambda y, x: (-y[:, 1], y[:, :1]), "positive")
        book = Snobfit([0.0], [1.0], [(None, 0.02, 0.01)], seed=seed, measured=composed)
        f, F = composed.compose(y, x)
        book.tell(x, f, F, y=y, dy=np.full(y.shape, error), df=error, dF=error)
        best = recommend(book.book, feasible=True)
        assert best is not None
        off.append((best.expected.value[2] - truth) / best.expected.sd[2])
        means.append(y[:, 0].mean() - truth)
    assert np.mean(means) > 0.3 * error
    assert abs(np.mean(off)) < 0.5
    assert (np.abs(off) <= 2).mean() >= 0.9
