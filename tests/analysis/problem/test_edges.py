"""Which windows are widened, and on which side of an edge a number is, and is written."""

import math

import numpy as np
import pytest

from reactune.analysis.optimisers.surrogate.shaping import with_room
from reactune.analysis.problem.edges import apart, side, widening
from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.merit import Windows
from reactune.analysis.problem.model import Problem


def judged(*windows: str) -> Problem:
    return Problem(
        maximise="y",
        measured=["y", "g"],
        kind="real",
        variables={"T": (20, 120), "q": (0, 1)},
        constraints=[*windows],
    )


@pytest.mark.parametrize(
    ("stated", "lower", "upper", "allowed"),
    [
        ("g = 4 +/- 0.3", 3.85, 4.15, 0.15),
        ("g in [3.99, 4.01] +/- 0.3", 3.85, 4.15, 0.16),
        ("g in [3.986, 4.014] +/- 0.3", 3.85, 4.15, 0.164),
        ("g in [3.98, 4.02] +/- 0.3", 3.98, 4.02, 0.3),  # wide enough to be judged as stated
        ("g in [0.9, 1.0] +/- 0.3", 0.9, 1.0, 0.3),
        ("g >= 0.9 +/- 0.3", 0.9, math.inf, 0.3),
    ],
)
def test_a_narrow_window_is_judged_as_wide_as_an_equality(stated, lower, upper, allowed):
    problem = judged(stated)
    (window,) = problem.windows
    assert (window.lower, window.upper, window.allowed) == (lower, upper, (allowed, allowed))
    assert window.widened == (window.lower != window.within[0])
    for value in (3.851, 4.149, 0.95, 0.89, 3.84, 4.16):
        inside = problem.soft.feasibility([value]) == "feasible"
        assert inside == (lower <= value <= upper) == (problem.violated([value]) == "")


def test_models_and_results_see_the_same_edges():
    """Windows of a problem are not widened once more; those that come without one are, alike."""
    soft = judged("g in [3.99, 4.01] +/- 0.3", "y = 2 +/- 0.1", "y in [0, 1] +/- 0.3").soft
    assert with_room(soft).lower.tolist() == soft.lower.tolist()
    assert with_room(soft).upper.tolist() == soft.upper.tolist()
    bare = with_room(Windows.of([(3.99, 4.01, 0.3), (2, 2, 0.1), (0, 1, 0.3)]))
    assert bare.lower == pytest.approx(soft.lower)
    assert bare.upper == pytest.approx(soft.upper)
    assert bare.below.tolist() == [0.3, 0.1, 0.3]


def test_tolerances_of_two_sizes_widen_in_their_ratio():
    share = float(widening(0.2, 0.001, 10.0))
    assert 0.2 + share * 10.001 == pytest.approx(10.001 / 2)
    assert widening([np.inf, 0.3], 0.1, 0.1).tolist() == [0, 0]


def test_what_counts_as_inside_is_said():
    text = " ".join(in_words(judged("g in [3.99, 4.01] +/- 0.3")).split())
    assert "down to 3.69 and up to 4.31 are still acceptable, those from 3.85 to 4.15 count" in text
    assert "count as inside" in text
    large = " ".join(in_words(judged("g = 1234567 +/- 1")).split())
    assert "down to 1234566 and up to 1234568" in large
    assert "from 1234566.5 to 1234567.5 count as equal" in large


def test_only_edges_that_were_reckoned_lose_their_last_digits():
    problem = judged("g <= 1/3 +/- 0.1", "g >= 1/3 +/- 0.1")
    assert [window.upper for window in problem.windows] == [1 / 3, math.inf]
    assert problem.violated([1 / 3, 1 / 3]) == ""
    assert problem.soft.feasibility([1 / 3, 1 / 3]) == "feasible"
    (equal,) = judged("g = 0.9 +/- 0.6").windows
    assert (equal.lower, equal.upper) == (0.6, 1.2)  # in binary 0.6000000000000001


@pytest.mark.parametrize(
    ("value", "outside"), [(0.7 + 0.2, False), (0.9 - 1e-11, True), (0.9 - 1e-13, False)]
)
def test_what_rounding_puts_beyond_an_edge_is_on_it(value, outside):
    problem = judged("g >= 0.9 +/- 0.3")
    assert (problem.violated([value]) != "") == outside
    assert (problem.soft.violation([value])[0] > 0) == outside
    assert (problem.soft.feasibility([value]) != "feasible") == outside
    assert side(value, (0.9, math.inf)) == -outside


def test_of_an_edge_at_0_the_tolerance_says_what_rounding_is():
    problem = judged("g >= 0 +/- 0.1")
    assert problem.violated([0.3 - (0.1 + 0.2)]) == ""
    assert problem.soft.feasibility([0.3 - (0.1 + 0.2)]) == "feasible"
    assert problem.violated([-1e-9]) == "g = -1e-09 is below 0"


@pytest.mark.parametrize(
    ("value", "within", "text"),
    [
        (0.83834, (-math.inf, 0.8383), "0.83834"),  # 0.838 would be inside
        (0.82834, (0.8283, math.inf), "0.8283"),  # 0.828 would be outside
        (0.8654, (0.9, 1.0), "0.865"),
        (0.7 + 0.2, (0.9, 1.0), "0.9"),
        (1235001.0, (1235002.0, 1235003.0), "1.235e+06"),  # 1.24e+06 would be above both
        (-0.0, (-math.inf, 0.5), "0"),
    ],
)
def test_a_number_is_written_on_its_side_of_the_edge(value, within, text):
    assert apart(value, within) == text
