"""What is expected of a point, and how likely it is said to be inside."""

from types import SimpleNamespace

import numpy as np
import pytest

from reactune.analysis.optimisers.surrogate.expected import UNSURE, Expected, certain, doubted
from reactune.analysis.problem.merit import Windows

WINDOWS = Windows.of([(0.0, np.inf, 1.0)])
MODEL = SimpleNamespace(noise=np.array([0.01]), hidden=0.0)


def expected(drawn, told=lambda values: np.hstack([values, values])):
    return Expected.drawn(np.asarray(drawn)[:, None], [MODEL], 0, told, WINDOWS)


def test_how_likely_it_is_inside_has_the_doubt_of_its_value():
    drawn = 1.0 + np.random.default_rng(1).standard_normal(20_000)  # one sd inside
    found = expected(drawn)
    assert found.sd[1] == pytest.approx(UNSURE, rel=0.03)
    assert found.inside == pytest.approx(doubted((drawn > 0).mean()), abs=0.01)
    assert found.inside < (drawn > 0).mean()


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_what_is_no_number_is_inside_nothing(what, share):
    drawn = np.r_[np.full(round(400 * share), -1.0), np.full(round(400 * (1 - share)), 5.0)]
    with np.errstate(all="ignore"):
        found = expected(drawn, lambda v: np.hstack([v, np.where(v > 0, v, what)]))
    assert found.inside == pytest.approx(1 - share)


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_what_has_to_be_certain_is_said_to_be_as_likely_as_is_wanted(probability):
    assert doubted(certain(probability)) == pytest.approx(probability)
    assert certain(0.5) == doubted(0.5) == 0.5
