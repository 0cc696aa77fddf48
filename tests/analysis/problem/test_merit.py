"""The merit: the paper's own numbers, and what the soft optimality theorem promises."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reactune.analysis.problem.merit import FAILED, Windows, f_star, reference, soft_merit

properties = settings(derandomize=True, deadline=None, max_examples=150)
X12 = (0.9, 1.0, 0.3)
RUN_II = Windows.of([X12])
RUN_IV = Windows.of([X12, (0.0, 0.5, 0.3)])


# ---- the paper's numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x12", "merit", "within"), [(0.004, 0.894, -0.174, 0.010), (0.007, 0.905, -0.131, 0.012)]
)
def test_run_ii_of_the_paper(f, x12, merit, within):
    found = soft_merit([f], [[x12]], RUN_II, f0=0.0144, delta=0.049)
    assert found == pytest.approx([merit], abs=within)


def test_run_iv_of_the_paper():
    assert RUN_IV.penalty([0.798, 0.564]) == pytest.approx(0.278, abs=0.002)
    assert RUN_IV.feasibility([0.798, 0.564]) == "semi-feasible"


def test_violation_penalty_and_merit_are_those_worked_out_by_hand():
    windows = Windows.of([(0.0, 1.0, (0.5, 0.25)), (2.0, np.inf, 1.0)])
    F = np.array([[0.5, 3.0], [-0.5, 2.0], [1.5, 1.0], [np.nan, 3.0]])
    assert windows.violation(F)[:3].tolist() == [[0, 0], [1, 0], [2, 1]]
    assert windows.penalty(F)[:3] == pytest.approx([0, 1, 2 * 5 / 6])
    assert np.isnan(windows.penalty(F)[3])
    classes = ["feasible", "semi-feasible", "infeasible", "infeasible"]
    assert windows.feasibility(F).tolist() == classes
    f = [2.0, 1.0, 5.0, 0.0]
    assert reference(f, F, windows) == (2.0, 1.0)  # |f - f0| of the measured: 0, 1, 3
    expected = [0, -1 / 2 + 1, 3 / 4 + 2 * 5 / 6, FAILED]
    assert soft_merit(f, F, windows, 2.0, 1.0) == pytest.approx(expected)


def test_reference_without_a_feasible_point():
    f0, delta = reference([0.1, 0.4, 0.2], [[0.1], [0.2], [0.3]], RUN_II)
    assert f0 == pytest.approx(2 * 0.4 - 0.1)
    assert delta == pytest.approx(0.5)


def test_reference_takes_the_best_feasible_not_the_best():
    assert reference([0.1, 0.4, 0.3], [[0.1], [0.95], [0.92]], RUN_II)[0] == 0.3


def test_without_windows_the_merit_only_ranks_the_goal():
    f = np.array([3.0, 1.0, 2.0, np.nan])
    none = Windows.of(None)
    f0, delta = reference(f, None, none)
    assert (f0, delta) == (1.0, 1.0)
    assert soft_merit(f, None, none, f0, delta).tolist() == [2 / 3, 0, 1 / 2, 3]
    assert none.feasibility(np.zeros((4, 0))).tolist() == ["feasible"] * 4
    assert len(none) == 0


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        ([0.2], (0.2, 0.2)),
        ([0.0], (0.0, 1.0)),
        ([-0.3, -0.3], (-0.3, 0.3)),
        ([1.0, 1.0, 1.0, 5.0], (1.0, 1.0)),  # median 0, mean 1
        ([np.nan], (0.0, 1.0)),
        ([], (0.0, 1.0)),
        ([1e308, -1e308, np.inf], (-1e308, 1e308)),
    ],
)
def test_degenerate_references_stay_finite(f, expected):
    assert reference(f, np.full((len(f), 1), 0.95), RUN_II) == pytest.approx(expected)


def test_huge_infeasible_goals_stay_finite():
    f0, delta = reference([1e308, -1e308], [[5.0], [5.0]], RUN_II)
    assert np.isfinite(f0)
    assert 0 < delta < np.inf


# ---- properties ----------------------------------------------------------------------------------

edges = st.floats(-1e3, 1e3)
tolerances = st.floats(1e-9, 1e3)


@st.composite
def window_sets(draw, most=3):
    triples = []
    for _ in range(draw(st.integers(1, most))):
        lower, upper = sorted([draw(edges), draw(edges)])
        open_side = draw(st.sampled_from(["", "lower", "upper"]))
        lower = -np.inf if open_side == "lower" else lower
        upper = np.inf if open_side == "upper" else upper
        triples.append((lower, upper, (draw(tolerances), draw(tolerances))))
    return Windows.of(triples)


@st.composite
def measured_points(draw):
    windows = draw(window_sets())
    n = draw(st.integers(1, 12))
    numbers = st.one_of(st.floats(-1e3, 1e3), st.floats(-1e300, 1e300))
    f = draw(arrays(float, n, elements=numbers))
    F = draw(arrays(float, (n, len(windows)), elements=numbers))
    return windows, f, F


@properties
@given(measured_points())
def test_bounds(case):
    windows, f, F = case
    p = windows.penalty(F)
    f0, delta = reference(f, F, windows)
    star = f_star(f, f0, delta)
    merit = soft_merit(f, F, windows, f0, delta)
    assert np.isfinite(f0)
    assert 0 < delta < np.inf
    assert np.all((p >= 0) & (p < 2))
    assert np.all((star > -1) & (star < 1))
    assert np.all((merit > -1) & (merit < FAILED))
    assert merit == pytest.approx(star + p)


@properties
@given(measured_points())
def test_soft_optimality(case):
    """Ahead of the best feasible point are only points with every violation below tolerance."""
    windows, f, F = case
    classes = windows.feasibility(F)
    assume("feasible" in classes)
    f0, delta = reference(f, F, windows)
    merit = soft_merit(f, F, windows, f0, delta)
    best = min((f[i], i) for i in range(len(f)) if classes[i] == "feasible")[1]
    assert merit[best] == 0
    assert np.all(merit[classes == "infeasible"] > 0)
    ahead = merit < 0
    assert np.all(windows.violation(F[ahead]) < 1)
    assert np.all(f[ahead] < f0)
    assert np.all(merit[classes == "feasible"] >= 0)


@properties
@given(window_sets(), st.data())
def test_penalty_grows_with_each_violation(windows, data):
    m = len(windows)
    F = data.draw(arrays(float, m, elements=st.floats(-1e6, 1e6)))
    i = data.draw(st.integers(0, m - 1))
    near, more = data.draw(st.floats(0, 1e3)), data.draw(st.floats(0, 1e3))
    if np.isinf(windows.upper[i]) or (data.draw(st.booleans()) and np.isfinite(windows.lower[i])):
        edge, way = windows.lower[i], -1
    else:
        edge, way = windows.upper[i], 1
    penalties = []
    for distance in (0, near, near + more):
        F[i] = edge + way * distance
        penalties.append(float(windows.penalty(F)))
    assert penalties == sorted(penalties)
    F[i] = edge + way * 2e3  # further than all tolerances
    assert windows.penalty(F) > 1


@properties
@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6), st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_without_penalty_the_merit_keeps_the_order_of_goals(f0, delta, f):
    ordered = np.sort(f)
    assert np.all(np.diff(f_star(ordered, f0, delta)) >= 0)


@properties
@given(measured_points(), st.floats(0.01, 100))
def test_the_goals_unit_does_not_matter(case, scale):
    windows, f, F = case
    assume(np.ptp(f) > 1e-6 * np.abs(f).max())
    merit = soft_merit(f, F, windows, *reference(f, F, windows))
    scaled = soft_merit(scale * f, F, windows, *reference(scale * f, F, windows))
    assert scaled == pytest.approx(merit, abs=1e-6)


def test_an_infeasible_point_may_pass_a_poor_feasible_one():
    # what the theorem does not promise, see the module's text
    f, F = np.array([0.0, 100.0, -100.0]), np.array([[0.95], [0.95], [0.55]])
    assert RUN_II.feasibility(F)[2] == "infeasible"
    merit = soft_merit(f, F, RUN_II, 0.0, 1.0)
    assert merit[0] < merit[2] < merit[1]


def test_beyond_every_scale():
    huge = Windows.of([(0.0, 1.0, 1e-300)])
    assert 1 < huge.penalty([1e300]) < 2
    assert huge.feasibility([1e300]) == "infeasible"
    stars = f_star([1e308, -1e308], 0.0, 1e-300)
    assert -1 < stars[1] < stars[0] < 1
    assert 2 < soft_merit([1e308], [[1e300]], huge, 0.0, 1e-300)[0] < FAILED


def test_failed_and_non_finite_points_get_three():
    bad = [np.nan, np.inf, -np.inf]
    f = [0.1, *bad, 0.1, 0.1, 0.1]
    F = [[0.95]] * 4 + [[value] for value in bad]
    assert soft_merit(f, F, RUN_II, 0.1, 1.0).tolist() == [0, *[FAILED] * 6]
    assert reference(f, F, RUN_II) == (0.1, 0.1)


def test_shapes():
    F = np.random.default_rng(1).random((4, 5, 2))
    assert RUN_IV.violation(F).shape == (4, 5, 2)
    assert RUN_IV.penalty(F).shape == (4, 5)
    for i, j in itertools.product(range(4), range(5)):
        assert RUN_IV.penalty(F)[i, j] == RUN_IV.penalty(F[i, j])


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ((0, 1, 0), "tolerance must be above 0 and finite, not 0"),
        ((0, 1, (0.1, -0.1)), "tolerance must be above 0"),
        ((0, 1, np.inf), "tolerance must be above 0"),
        ((1, 0, 0.1), r"\[1, 0\] is not a window"),
        ((np.nan, 0, 0.1), "is not a window"),
        ((-np.inf, np.inf, 0.1), "is not a window"),
    ],
)
def test_windows_refused(window, text):
    with pytest.raises(ValueError, match=text):
        Windows.of([X12, window])


def test_arguments_refused():
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 1\), not \(2,\)"):
        RUN_II.penalty([0.9, 0.8])
    with pytest.raises(ValueError, match=r"shape \(2, 1\), one row for each goal, not \(3, 1\)"):
        soft_merit([1, 2], [[1], [2], [3]], RUN_II, 0, 1)
    with pytest.raises(ValueError, match="delta above 0"):
        f_star([1.0], 0.0, 0.0)
