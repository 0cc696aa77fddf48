"""The flows that follow from any variables: solved exactly, kept inside all limits, or refused."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.space import Space
from reactune.analysis.problem.tables import RigFacts
from tests.analysis.problem.stated import sentences
from tests.analysis.problem.test_space import corners_and_random

properties = settings(derandomize=True, deadline=None, max_examples=40)

WALKER = RigFacts.model_validate(
    {
        "volume": 931,
        "streams": {
            "c60": {"limits": (10, 207), "stock": 2.775},
            "sultine": {"limits": (10, 207), "stock": 8.323},
        },
    }
)
T = {"temperature": {"range": (100, 150), "unit": "degC"}}
TAU = {"residence_time": {"range": (3, 31), "unit": "min"}}
RATIO = {"ratio": {"range": (0.5, 2), "of": "flow_sultine / flow_c60"}}


def stated(variables, rig=WALKER, **more):
    base = {"minimise": "X3", "measured": ["X3"], "variables": variables}
    return Problem(**base | more).on_rig(rig)


# ---- what follows --------------------------------------------------------------------------------


def test_residence_time_and_ratio_give_the_papers_box():
    p = stated(T | TAU | RATIO)
    chosen = p.settings({"temperature": 120, "residence_time": 10, "ratio": 2})
    assert chosen == pytest.approx(
        {"temperature": 120, "flow_c60": 93.1 / 3, "flow_sultine": 2 * 93.1 / 3}
    )
    space, paper = Space.of(p), Space.of(Problem.load("walker-i"))
    assert space.names == paper.names
    assert space.scales == paper.scales
    assert space.lower == pytest.approx(paper.lower, rel=1e-12)
    assert space.upper == pytest.approx(paper.upper, rel=1e-12)
    assert "flow_sultine from 10.0 to 206.9 uL/min" in in_words(p)


@pytest.mark.parametrize(
    ("variables", "conditions", "flows"),
    [
        (TAU | {"equiv": {"range": (1, 5), "of": "stock_sultine * flow_sultine / "
                          "(stock_c60 * flow_c60)"}}, (10, 8.323 / 2.775), (46.55, 46.55)),
        ({"residence_time": {"range": (180, 1860), "unit": "s"}} | RATIO, (600, 1),
         (46.55, 46.55)),
        ({"total_flow": {"range": (0.03, 0.3), "unit": "mL/min"}, **RATIO}, (0.09, 2), (30, 60)),
        ({"flow_c60": {"range": (0.02, 0.2), "unit": "mL/min"}, **RATIO}, (0.06, 0.5), (60, 30)),
        ({"flow_sultine": (10, 207), "flow_c60": {"range": (10, 207)}, }, (30, 60), (60, 30)),
        (TAU | {"flow_c60": (10, 207)}, (9.31, 40), (40, 60)),
        (TAU | {"gap": {"range": (-50, 50), "of": "flow_c60 - flow_sultine"}}, (9.31, 20),
         (60, 40)),
        (TAU | {"share": {"range": (0.3, 0.7), "of": "flow_c60 / total_flow"}}, (9.31, 0.6),
         (60, 40)),
    ],
)  # fmt: skip
def test_flows_follow_exactly(variables, conditions, flows):
    p = stated(T | variables)
    asked = {"temperature": 120, **dict(zip(variables, conditions, strict=True))}
    found = p.settings(asked)
    assert (found["flow_c60"], found["flow_sultine"]) == pytest.approx(flows, rel=1e-12)
    space = Space.of(p)
    assert space.to_conditions([space.to_box(asked)])[0] == pytest.approx(asked, rel=1e-9)


def test_goal_windows_limits_and_names_may_use_what_follows():
    p = stated(
        T | TAU | RATIO, measured=["X1", "X3"], minimise="X3 * flow_c60",
        define={"used": {"of": "stock_c60 * flow_c60 * residence_time", "unit": "nmol"}},
        constraints=["X1 * total_flow >= 10 +/- 1", "used <= 9 +/- 1"],
        limits={"c60": {"of": "flow_c60", "within": (20, 100), "unit": "uL/min"}},
    )  # fmt: skip
    conditions = {"temperature": 120, "residence_time": 10, "ratio": 2}
    found = p.properties({"X1": 0.5, "X3": 0.1}, conditions=conditions)
    c60 = 93.1 / 3
    assert (found.f, *found.F) == pytest.approx((0.1 * c60, 46.55, 2.775 * c60 * 10))
    assert p.outside_limits({**conditions, "ratio": 0.5, "residence_time": 5}) == (
        "c60: flow_c60 = 124.133 uL/min is outside the limits [20, 100]"
    )
    space = Space.of(p)
    for asked in space.to_conditions(corners_and_random(space, 50)):
        assert 20 <= p.settings(asked)["flow_c60"] * (1 + 1e-12) <= 100 * (1 + 1e-11)
    again = Problem.load(json.loads(json.dumps(p.to_dict(), allow_nan=False)))
    assert again == p
    assert Space.of(again).to_conditions([space.lower]) == space.to_conditions([space.lower])


def test_a_residence_time_that_is_held():
    p = stated(T | RATIO, fixed={"residence_time": 10})
    space = Space.of(p)
    assert space.names == ("flow_sultine / (flow_c60 + flow_sultine)", "temperature")
    for asked in space.to_conditions(corners_and_random(space, 20)):
        flows = p.settings(asked)
        assert flows["flow_c60"] + flows["flow_sultine"] == pytest.approx(93.1, rel=1e-12)
        assert close_box(space, asked)


def test_a_flow_that_is_held():
    p = stated(T | TAU, fixed={"flow_c60": 20})
    asked = {"temperature": 120, "residence_time": 10}
    assert p.settings(asked)["flow_sultine"] == pytest.approx(73.1)
    assert Space.of(p).dim == 2


def close_box(space, asked):
    back = space.to_conditions([space.to_box(asked)])[0]
    return back == pytest.approx(asked, rel=1e-9)


# ---- every form of variables ---------------------------------------------------------------------

FORMS = ("flow", "ratio", "share", "equiv")


@st.composite
def any_form(draw):
    """Two to four streams: their total in one form, each further stream in another."""
    n = draw(st.integers(2, 4))
    names = ["a", "b", "c", "d"][:n]
    flows = {name: draw(st.floats(5, 100)) for name in names}
    stocks = {name: draw(st.floats(0.1, 100)) for name in names}
    streams = {
        name: {
            "limits": (flows[name] * draw(st.floats(0.2, 0.95)),
                       flows[name] * draw(st.floats(1.05, 5))),
            "stock": stocks[name],
        }
        for name in names
    }  # fmt: skip
    around = st.tuples(st.floats(0.3, 0.9), st.floats(1.1, 3))
    total = sum(flows.values())
    values = {}
    match draw(st.sampled_from(["residence_time", "total_flow", "flow_a"])):
        case "residence_time":
            values["residence_time"] = (931 / total, None)
        case "total_flow":
            values["total_flow"] = (total, None)
        case "flow_a":
            values["flow_a"] = (flows["a"], None)
    for name in names[1:]:
        ratio = flows[name] / flows["a"]
        match draw(st.sampled_from(FORMS)):
            case "flow":
                values[f"flow_{name}"] = (flows[name], None)
            case "ratio":
                values[f"ratio_{name}"] = (ratio, f"flow_{name} / flow_a")
            case "share":
                values[f"share_{name}"] = (flows[name] / total, f"flow_{name} / total_flow")
            case "equiv":
                values[f"equiv_{name}"] = (
                    ratio * stocks[name] / stocks["a"],
                    f"stock_{name} * flow_{name} / (stock_a * flow_a)",
                )
    variables = dict(T)
    for name, (middle, of) in values.items():
        below, above = draw(around)
        variables[name] = {"range": (middle * below, middle * above)} | ({"of": of} if of else {})
    rig = RigFacts.model_validate({"volume": 931, "streams": streams})
    middle = {"temperature": 120.0} | {name: value for name, (value, _) in values.items()}
    return variables, rig, middle, flows


@properties
@given(any_form(), st.integers(0, 2**32 - 1))
def test_the_trapezoid_is_exact_in_every_form(case, seed):
    variables, rig, middle, flows = case
    try:
        p = stated(variables, rig)
        space = Space.of(p)
    except ProblemError as error:  # the total and all but one share, of which the rest follows
        assume("leave one out" not in str(error) and "divides by 0" not in str(error))
        raise
    assume(p.rig is not None)  # of setpoints themselves, the ranges are compared with the rig's
    found = p.settings(middle)
    assert [found[f"flow_{n}"] for n in flows] == pytest.approx(list(flows.values()), rel=1e-9)
    assert p.outside_limits(middle) is None
    assert close_box(space, middle)
    for asked in space.to_conditions(corners_and_random(space, 20, seed)):
        for name, variable in p.variables.items():
            assert variable.range[0] <= asked[name] <= variable.range[1]
        set_to = p.settings(asked)
        for name, stream in rig.streams.items():
            low, high = stream.limits
            assert low * (1 - 1e-9) <= set_to[f"flow_{name}"] <= high * (1 + 1e-9)
        assert p.outside_limits(asked) is None
        assert close_box(space, asked)


@properties
@given(any_form(), st.integers(0, 2**32 - 1))
def test_what_the_pumps_cannot_deliver_is_outside(case, seed):
    variables, rig, _, _ = case
    try:
        p = stated(variables, rig)
    except ProblemError:
        return
    assume(p.rig is not None)  # of setpoints themselves, the ranges are compared with the rig's
    rng = np.random.default_rng(seed)
    for _ in range(20):
        asked = {n: float(rng.uniform(*v.range)) for n, v in p.variables.items()}
        flows = p.settings(asked)
        possible = all(
            s.limits[0] <= flows[f"flow_{n}"] <= s.limits[1] for n, s in rig.streams.items()
        )
        assert (p.outside_limits(asked) is None) == possible
        columns = {name: np.array([value]) for name, value in asked.items()}
        assert p.allowed(columns) == possible


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (TAU | {"ratio": (0.5, 2)},
         "variables.ratio: the rig has no such variable; it has temperature, total_flow, "
         "residence_time, flow_c60, flow_sultine. Say what ratio is in these: ratio = { range = "
         '..., of = "flow_sultine / flow_c60" }'),
        (TAU, "variables: flow_c60 and flow_sultine do not follow from residence_time: add a "
         "variable, such as residence_time or a ratio of flows, or fix one of them"),
        (RATIO | TAU | {"total_flow": (30, 310)},
         "variables: residence_time and total_flow cannot each be chosen: one follows from what "
         "else is given; leave one out"),
        (RATIO | TAU | {"flow_c60": (10, 207)},
         "variables: ratio and residence_time and flow_c60 cannot each be chosen"),
        (TAU | {"ratio": {"range": (0.5, 2), "of": "flow_sultin / flow_c60"}},
         "variables.ratio: 'flow_sultin' in 'flow_sultin / flow_c60' is not what it can be made "
         "of: total_flow, residence_time, flow_c60, flow_sultine, volume, stock_c60, "
         "stock_sultine"),
        (TAU | {"area": {"range": (1, 2), "of": "flow_sultine * flow_c60"}},
         "variables.area: 'flow_sultine * flow_c60' is not a ratio of sums"),
        (TAU | {"flow_c60": {"range": (10, 207), "of": "total_flow / 2"}},
         "variables.flow_c60.of: flow_c60 is a word of the rig's own; leave of out"),
        (TAU | {"rate": {"range": (0.5, 2), "of": "stock_c60 * flow_c60", "unit": "min"}},
         "variables.rate.unit: 'stock_c60 * flow_c60' is substance time^-1, but 'min' is a time"),
    ],
)  # fmt: skip
def test_variables_that_do_not_give_the_flows_are_refused_by_name(variables, text):
    (told,) = sentences(stated, T | variables)
    assert told.startswith(text)


def test_without_a_rig_a_variable_is_a_word():
    p = Problem(minimise="X3", measured=["X3"], variables=T | TAU | RATIO)
    assert Space.of(p).names == ("temperature", "residence_time", "ratio")
    p = Problem(minimise="X3 * flow_c60", measured=["X3"], variables=T | TAU | RATIO)
    assert sentences(Space.of, p) == [
        "'flow_c60' is a word of the rig's, and has a value on a rig alone: with one, name it "
        "(--rig); for a table, say what it is under [define] or [fixed]"
    ]


def test_words_of_the_rig_are_known_beside_setpoints():
    flows = {name: {"range": (10, 207), "unit": "uL/min"} for name in ("flow_c60", "flow_sultine")}
    limits = {
        "tau": {"of": "residence_time", "within": (200, 600), "unit": "s"},
        "again": {"of": "volume / total_flow", "within": (0, 9), "unit": "min"},
    }
    p = stated(T | flows, limits=limits)
    space = Space.of(p)
    for point in space.to_conditions(corners_and_random(space, 200)):
        total = point["flow_c60"] + point["flow_sultine"]
        assert 200 / 60 <= p.rig.volume / total <= 9
    assert p.outside_limits({"temperature": 120, "flow_c60": 10, "flow_sultine": 10})
    (told,) = sentences(stated, T | flows, limits={"a": {"of": "flow_c6O", "within": (0, 9)}})
    assert "'flow_c6O' is not known here; did you mean 'flow_c60'?" in told


def test_limits_that_the_pumps_leave_nothing_of():
    p = stated(T | {"residence_time": (60, 90)} | {"ratio": RATIO["ratio"] | {"range": (1, 2)}})
    (told,) = sentences(Space.of, p)
    assert told == "limits: nothing can satisfy all of residence_time, ratio with the ranges given"
