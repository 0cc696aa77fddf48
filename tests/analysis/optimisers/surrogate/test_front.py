"""Which points no other beats in two goals, and the area that they beat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reactune.analysis.optimisers.surrogate.front import gained, hypervolume, unbeaten

REFERENCE = np.array([5.0, 5.0])

# whole numbers, so that there are ties and every area is exact
points = st.integers(0, 12).flatmap(
    lambda n: arrays(float, (n, 2), elements=st.integers(0, 7).map(float))
)


def by_cells(goals: np.ndarray) -> float:
    """Count the unit cells below the reference that some point beats."""
    corners = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    return float((goals[None] <= corners[:, None]).all(axis=2).any(axis=1).sum())


@given(points)
def test_no_other_is_as_good_in_both_goals(goals: np.ndarray) -> None:
    rows = unbeaten(goals)
    front = goals[rows]
    assert (np.diff(front[:, 0]) > 0).all()
    assert (np.diff(front[:, 1]) < 0).all()
    for i, row in enumerate(goals):
        better = (goals <= row).all(axis=1) & (goals < row).any(axis=1)
        assert better.any() <= (i not in rows)
        assert (front <= row).all(axis=1).any()  # the front is as good as everything


@given(points)
def test_the_hypervolume_is_the_area_beaten(goals: np.ndarray) -> None:
    assert hypervolume(goals, REFERENCE) == by_cells(goals)


@given(points, points)
def test_what_is_gained_is_the_difference(goals: np.ndarray, others: np.ndarray) -> None:
    front = goals[unbeaten(goals)]
    gain = gained(others, front, REFERENCE)
    before = by_cells(goals)
    for row, told in zip(others, gain, strict=True):
        assert told == by_cells(np.vstack([goals, row])) - before


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_is_not_finite_is_on_no_front(nothing: float) -> None:
    assert unbeaten(np.array([[nothing, 0.0], [1.0, 1.0], [0.0, nothing]])).tolist() == [1]
