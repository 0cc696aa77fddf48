"""The points asked for: which are outstanding, and why each was asked for."""

import numpy as np
import pytest

from reactune.analysis.optimisers.asked import Asked


def test_a_result_answers_the_nearest_of_the_outstanding_points() -> None:
    asked = Asked[str](np.array([0.1, 10.0]))
    asked.note([[1.0, 100.0], [1.06, 100.0], [2.0, 100.0]], ["first", "second", "third"])
    asked.withdraw([1.05, 100.0])
    assert asked.outstanding.tolist() == [[1.0, 100.0], [2.0, 100.0]]
    asked.withdraw([2.0, 110.0])  # a resolution away in one variable: another point
    assert len(asked.outstanding) == 2


def test_the_reason_is_that_of_the_last_time() -> None:
    asked = Asked[str](np.array([0.1]))
    assert asked.why([1.0]) is None
    asked.note([[1.0]], ["explored"])
    asked.withdraw([1.0])
    asked.expect([[1.04], [3.0]], "given")
    assert (asked.why([1.0]), asked.why([2.0])) == ("given", None)


def test_each_point_has_a_reason() -> None:
    with pytest.raises(ValueError, match="2 points have 1 reasons"):
        Asked[str](np.array([0.1])).note([[1.0], [2.0]], ["explored"])
