"""What drawn functions say, as an interval and as an edge to propose; points for such questions."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reactune.analysis.learning.drawn import interval
from reactune.analysis.learning.reach import Limit, _outwards
from reactune.analysis.optimisers.surrogate.composite import MOST, _thinned
from reactune.analysis.optimisers.surrogate.expected import UNSURE

EDGES = st.floats(1e-13, 1e13) | st.floats(-1e13, -1e-13)


@example(5e-12, "lower")  # where rounding leaves less than one step
@example(5e12, "upper")
@given(EDGES, st.sampled_from(["lower", "upper"]))
def test_an_edge_is_rounded_away_from_what_cannot_be_reached_by_two_percent_at_most(edge, side):
    found = _outwards(Limit(0, side, 0.0, edge, edge, edge, 0.0))
    outwards = edge - found if side == "lower" else found - edge
    assert -1e-9 * abs(edge) <= outwards <= 0.0201 * abs(edge)


def test_an_interval_allows_for_what_the_functions_take_for_certain():
    values = np.linspace(0.0, 1.0, 101)
    low, middle, high = interval(values)
    assert middle == pytest.approx(0.5)
    assert (middle - low, high - middle) == pytest.approx((0.45 * UNSURE, 0.45 * UNSURE))
    assert all(map(math.isnan, interval(np.zeros(0))))


@given(st.integers(MOST + 1, 20_000))
def test_of_very_many_points_some_are_taken_from_everywhere(count):
    ranks = _thinned(count)
    assert len(ranks) == MOST
    assert (ranks[0], ranks[-1]) == (0, count - 1)
    assert (np.diff(ranks) >= 1).all()  # each once
    assert (ranks < count / 2).sum() >= MOST / 2  # the fewer the farther away
