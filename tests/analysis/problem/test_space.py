"""The box holds exactly what the limits allow."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.space import Space
from tests.data import grid, needs_data

properties = settings(derandomize=True, deadline=None, max_examples=150)


def problem(variables, limits=None, fixed=None):
    return Problem(
        minimise="X",
        measured=["X"],
        variables=variables,
        limits=limits or {},
        fixed=fixed or {"V": 931},
    )


def strictly_inside(p, conditions):
    """Every range and limit holds to the last bit, with no allowance for rounding."""
    values = {**p.fixed, **conditions}
    return all(
        lower <= conditions[name] <= upper
        for name, (lower, upper) in ((n, v.range) for n, v in p.variables.items())
    ) and all(limit.lower <= limit.expression(values) <= limit.upper for limit in p.limits.values())


def corners_and_random(space, n, seed=0):
    ends = np.array(list(itertools.product(*zip(space.lower, space.upper, strict=True))))
    u = np.random.default_rng(seed).random((n, space.dim))
    return np.concatenate([ends, space.lower + u * (space.upper - space.lower)])


def close(a, b):
    return all(a[name] == pytest.approx(b[name], rel=1e-9) for name in b)


# ---- the paper's trapezoid -----------------------------------------------------------------------


def test_walker_box_is_total_flow_fraction_temperature():
    space = Space.of(Problem.load("walker-ii"))
    assert space.names == (
        "flow_c60 + flow_sultine",
        "flow_sultine / (flow_c60 + flow_sultine)",
        "temperature",
    )
    assert space.units == ("uL/min", "", "degC")
    assert space.lower == pytest.approx([931 / 31, 1 / 3, 100], rel=1e-14)
    assert space.upper == pytest.approx([931 / 3, 2 / 3, 150], rel=1e-14)
    assert space.resolution is None


def test_walker_map_is_linear_and_nothing_is_stretched():
    space = Space.of(Problem.load("walker-ii"))
    x = corners_and_random(space, 50)
    for (total, fraction, temperature), c in zip(x, space.to_conditions(x), strict=True):
        assert c["flow_sultine"] == pytest.approx(total * fraction, rel=1e-12)
        assert c["flow_c60"] == pytest.approx(total * (1 - fraction), rel=1e-12)
        assert c["temperature"] == temperature


@needs_data
def test_every_point_of_the_papers_grid_has_its_place():
    space = Space.of(Problem.load("walker-i"))
    rows = grid()
    assert len(rows) == 164
    for row in rows:
        total = 931 / row["residence_time_min"]
        ratio = row["sultine_per_c60"] / 3  # molar to volumetric, by the stocks
        c60 = total / (1 + ratio)
        conditions = {
            "temperature": row["temperature_degC"],
            "flow_c60": c60,
            "flow_sultine": total - c60,
        }
        x = space.to_box(conditions)
        assert close(space.to_conditions([x])[0], conditions)


def test_own_ranges_that_cut_the_trapezoid_bend_the_total():
    p = problem(
        {"a": (10, 100), "b": (10, 60)},
        {"ratio": {"of": "b / a", "within": (0.5, 2)}, "V / (a + b)": (5, 40)},
    )
    space = Space.of(p)
    # at b = 60 the total is at most 60 / fraction, and at most 100 / (1 - fraction)
    assert space.lower == pytest.approx([931 / 40, 1 / 3], rel=1e-12)
    assert space.upper == pytest.approx([160, 2 / 3], rel=1e-12)
    top = space.to_conditions([[160, f] for f in (1 / 3, 0.375, 0.5, 2 / 3)])
    assert [c["a"] + c["b"] for c in top] == pytest.approx([150, 160, 120, 90], rel=1e-9)


# ---- properties ----------------------------------------------------------------------------------

flow_ranges = st.tuples(st.floats(0.1, 50), st.floats(1.5, 40)).map(lambda t: (t[0], t[0] * t[1]))


@st.composite
def stream_problems(draw):
    """Two to four streams, with limits that the middle of the ranges satisfies."""
    n = draw(st.integers(2, 4))
    names = ["a", "b", "c", "d"][:n]
    variables = {name: draw(flow_ranges) for name in names}
    middle = {name: np.sqrt(lower * upper) for name, (lower, upper) in variables.items()}
    below = st.floats(0.2, 0.95)
    above = st.floats(1.05, 5)
    limits = {}
    total = sum(middle.values())
    tau = 931 / total
    total_text = " + ".join(names)
    limits["tau"] = {
        "of": f"V / ({total_text})",
        "within": (tau * draw(below), tau * draw(above)),
    }
    for name in names[1:]:
        if draw(st.booleans()):
            ratio = middle[name] / middle["a"]
            within = [ratio * draw(below), ratio * draw(above)]
            if draw(st.booleans()):
                within[draw(st.integers(0, 1))] = None
            limits[f"ratio_{name}"] = {"of": f"{name} / a", "within": within}
    if draw(st.booleans()):
        share = middle["b"] / total
        limits["share"] = {
            "of": f"b / ({total_text})",
            "within": (share * draw(below), None),
        }
    if n > 2 and draw(st.booleans()):
        part = middle["b"] + middle["c"]
        limits["part"] = {"of": "b + c", "within": (None, part * draw(above))}
    variables["T"] = (-20, 80)
    return problem(variables, limits), {**middle, "T": 10.0}


@properties
@given(stream_problems(), st.integers(0, 2**32 - 1))
def test_every_point_of_the_box_is_inside_all_limits_to_the_last_bit(case, seed):
    p, _ = case
    space = Space.of(p)
    for conditions in space.to_conditions(corners_and_random(space, 20, seed)):
        assert strictly_inside(p, conditions), conditions


@properties
@given(stream_problems(), st.integers(0, 2**32 - 1))
def test_every_allowed_point_has_a_box_point_that_maps_back_to_it(case, seed):
    p, middle = case
    space = Space.of(p)
    rng = np.random.default_rng(seed)
    ranges = np.array([v.range for v in p.variables.values()])
    around = np.array(list(middle.values()))
    tried = [around] + [
        around + shrink * (ranges[:, 0] + rng.random(len(ranges)) * np.ptp(ranges, axis=1) - around)
        for shrink in (1, 0.3, 0.1, 0.03)
        for _ in range(10)
    ]
    allowed = [dict(zip(p.variables, map(float, point), strict=True)) for point in tried]
    allowed = [conditions for conditions in allowed if strictly_inside(p, conditions)]
    assert allowed  # the middle at least
    for conditions in allowed:
        x = space.to_box(conditions)
        assert np.all((space.lower <= x) & (x <= space.upper))
        assert close(space.to_conditions([x])[0], conditions)


@properties
@given(stream_problems(), st.integers(0, 2**32 - 1))
def test_box_to_conditions_to_box_is_the_identity_inside(case, seed):
    p, _ = case
    space = Space.of(p)
    u = 0.05 + 0.9 * np.random.default_rng(seed).random((10, space.dim))
    x = space.lower + u * (space.upper - space.lower)
    back = np.array([space.to_box(c) for c in space.to_conditions(x)])
    assert np.max(np.abs(back - x) / (space.upper - space.lower)) < 1e-6


def test_the_box_reaches_its_own_bounds():
    p = problem(
        {"a": (5, 100), "b": (5, 100), "c": (5, 100)},
        {"V / (a + b + c)": (4, 40), "b / a": (0.5, 2), "c / (a + b)": (0.2, 1)},
    )
    space = Space.of(p)
    x = np.array(list(itertools.product(*np.linspace(space.lower, space.upper, 25).T)))
    flows = np.array([[c[n] for n in "abc"] for c in space.to_conditions(x)])
    totals = flows.sum(axis=1)
    reached = np.column_stack([totals, flows[:, 1:] / totals[:, None]])
    assert reached.min(axis=0) == pytest.approx(space.lower, rel=1e-9)
    assert reached.max(axis=0) == pytest.approx(space.upper, rel=1e-9)


# ---- other forms ---------------------------------------------------------------------------------


def test_without_limits_the_box_is_the_ranges():
    space = Space.of(problem({"T": (-10, 50), "a": (0, 3)}))
    assert space.names == ("T", "a")
    assert space.lower.tolist() == [-10, 0]
    assert space.upper.tolist() == [50, 3]
    x = [[-10, 3], [50, 0], [7.25, 1.1]]
    conditions = space.to_conditions(x)
    assert conditions == [dict(zip("Ta", row, strict=True)) for row in ([-10, 3], [50, 0], x[2])]
    assert space.to_box(conditions[2]).tolist() == x[2]


def test_a_limit_on_one_variable_cuts_its_range():
    space = Space.of(
        problem({"T": (-10, 50), "a": (0.5, 30)}, {"T": (-5, None), "V / a": (50, 93.1)})
    )
    assert space.names == ("T", "a")
    assert space.lower.tolist() == [-5, 10]
    assert space.upper == pytest.approx([50, 18.62])


def test_two_separate_groups_of_streams():
    p = problem(
        {"a": (1, 9), "b": (1, 9), "c": (1, 9), "d": (1, 9)}, {"c / a": (0.5, 2), "b + d": (3, 8)}
    )
    space = Space.of(p)
    assert space.names == ("a + c", "c / (a + c)", "b + d", "d / (b + d)")
    assert space.lower == pytest.approx([2, 1 / 3, 3, 1 / 8])
    for conditions in space.to_conditions(corners_and_random(space, 100)):
        assert strictly_inside(p, conditions)
        assert close(space.to_conditions([space.to_box(conditions)])[0], conditions)


def test_a_pump_that_may_stand_still():
    p = problem({"a": (0, 200), "b": (0, 200)}, {"V / (a + b)": (3, 31)})
    space = Space.of(p)
    assert space.lower == pytest.approx([931 / 31, 0])
    assert space.upper == pytest.approx([931 / 3, 1])
    corner = space.to_conditions([[space.lower[0], 0]])[0]
    assert corner == pytest.approx({"a": 931 / 31, "b": 0})


def test_differences_and_denominators_of_either_sign():
    p = problem(
        {"a": (1, 10), "b": (1, 10)},
        {"b - a": (0, 4), "V / (0 - a - b)": (-200, -60), "-b / -a": (1, 3)},
    )
    space = Space.of(p)
    for conditions in space.to_conditions(corners_and_random(space, 100)):
        assert strictly_inside(p, conditions)
        assert close(space.to_conditions([space.to_box(conditions)])[0], conditions)


def test_resolution_in_the_boxs_coordinates():
    variables = {
        "a": {"range": (10, 50), "resolution": 0.5},
        "b": {"range": (10, 50), "resolution": 0.2},
        "T": (0, 100),
    }
    space = Space.of(problem(variables, {"a + b": (30, 80)}))
    assert space.resolution == pytest.approx([0.2, 0.2 / 80, 1e-3])


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "limits", "text"),
    [
        (
            {"a": (1, 9), "b": (1, 9)},
            {"area": {"of": "a * b", "within": (2, 3)}},
            "limits.area: 'a * b' is not a ratio of sums, as in 'b / a', 'volume / (a + b)' or "
            "'a - b'; other forms do not map exactly: as a wish put it under constraints, ",
        ),
        (
            {"a": (1, 9), "b": (1, 9)},
            {"mix": {"of": "a / b + b / a", "within": (2, 3)}},
            "limits.mix: 'a / b + b / a' is not a ratio of sums",
        ),
        (
            {"a": (1, 9), "b": (1, 9)},
            {"gap": {"of": "1 / (a - b)", "within": (2, 3)}},
            "limits.gap: '1 / (a - b)' divides by something that passes through 0",
        ),
        (
            {"a": (0, 9), "b": (1, 9)},
            {"ratio": {"of": "b / a", "within": (2, None)}},
            "limits.ratio: 'b / a' divides by 0 at conditions that nothing else excludes",
        ),
        (
            {"a": (0, 9)},
            {"slow": {"of": "V / a", "within": (2, None)}},
            "limits.slow: 'V / a' divides by 0",
        ),
        ({"a": (0, 9), "b": (0, 9)}, {"a - b": (-3, 3)}, "limits: a + b can be 0"),
        ({"a": (-1, 9), "b": (1, 9)}, {"a + b": (1, 3)}, "limits: a can be negative"),
        (
            {"T": {"range": (10, 90), "unit": "degC"}, "a": {"range": (1, 9), "unit": "uL/min"}},
            {"odd": {"of": "T / a", "within": (2, 30)}},
            "limits.odd: 'T / a' ties quantities of different units together",
        ),
        (
            {"a": (10, 20), "b": (10, 90)},
            {
                "ratio": {"of": "b / a", "within": (4, 5)},
                "total": {"of": "a + b", "within": (25, 40)},
            },
            "limits: nothing can satisfy all of ratio, total with the ranges given",
        ),
        (
            {"a": (10, 20)},
            {"low": {"of": "a", "within": (5, 12)}, "high": {"of": "a", "within": (15, 30)}},
            "limits: nothing can satisfy high and what else limits a",
        ),
        (
            {"a": (10, 20), "b": (10, 40)},
            {
                "ratio": {"of": "b / a", "within": (2, 5)},
                "total": {"of": "a + b", "within": (20, 30)},
            },
            "limits: they leave no room: a + b can only be 30",
        ),
    ],
)
def test_refused_with_one_sentence(variables, limits, text):
    with pytest.raises(ProblemError) as caught:
        Space.of(problem(variables, limits))
    (sentence,) = caught.value.problems
    assert sentence.startswith(text)


def test_points_outside_are_refused_not_clamped():
    space = Space.of(Problem.load("walker-i"))
    with pytest.raises(ValueError, match="outside the box"):
        space.to_conditions([[space.lower[0] - 0.1, 0.5, 120]])
    with pytest.raises(ValueError, match="outside the box"):
        space.to_conditions([[100, np.nan, 120]])
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        space.to_conditions([100, 0.5, 120])
    with pytest.raises(ValueError, match="ratio: flow_sultine / flow_c60 = 3 is outside"):
        space.to_box({"temperature": 120, "flow_c60": 30, "flow_sultine": 90})


def test_no_points_give_no_conditions():
    assert Space.of(Problem.load("walker-i")).to_conditions(np.empty((0, 3))) == []
