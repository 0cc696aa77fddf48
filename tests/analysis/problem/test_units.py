"""Units: what is converted, what is refused, and what is left alone."""

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.units import UnitError, converted, same, unit
from tests.analysis.problem.stated import PYTHON_3, sentences

properties = settings(derandomize=True, deadline=None, max_examples=100)

FAMILIES = [
    ["degC", "°C", "K", "degF"],
    ["uL/min", "µL/min", "mL/min", "mL/h", "L/s"],
    ["s", "min", "h", "d"],
    ["mM", "mol/L", "umol/mL"],
    ["uL", "mL", "ul"],
]


@pytest.mark.parametrize(
    ("value", "of", "to", "expected"),
    [
        (100, "K", "degC", -173.15), (423.15, "K", "°C", 150), (212, "degF", "degC", 100),
        (0.207, "mL/min", "uL/min", 207), (0.01, "mL/min", "µL/min", 10), (90, "s", "min", 1.5),
        (300, "rpm", "1/min", 300), (300, "1/min", "rpm", 300), (10, "Hz", "rpm", 600),
        (5, "mol%", "%", 5), (5, "mol-%", "mol%", 5), (1, "%", "ppm", 1e4),
        (2, "h", "min", 120), (1, "mol/L", "mM", 1000), (7, "uL/min", "", 7), (7, "", "K", 7),
    ],
)  # fmt: skip
def test_values_are_converted(value, of, to, expected):
    assert converted(value, of, to) == pytest.approx(expected, rel=1e-12)


@properties
@given(st.sampled_from(FAMILIES), st.data(), st.floats(-1e3, 1e3))
def test_conversions_invert(family, data, value):
    of, to = data.draw(st.tuples(st.sampled_from(family), st.sampled_from(family)))
    assert converted(converted(value, of, to), to, of) == pytest.approx(value, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("of", "to", "text"),
    [
        ("mL", "uL/min", "'mL' is a volume, not a flow as 'uL/min' is"),
        ("bar", "degC", "'bar' is length^-1 mass time^-2, not a temperature as 'degC' is"),
        ("equiv", "min", "'equiv' is not a unit that is known"),
        ("rad/s", "rpm", "'rad/s' is angle time^-1, not time^-1 as 'rpm' is"),
        ("mol%", "mmol", "'mol%' is a plain number, not substance as 'mmol' is"),
        ("wt.-%", "mol%", "'wt.-%' and 'mol%' are shares of different things"),
    ],
)
def test_what_measures_something_else_is_refused(of, to, text):
    with pytest.raises(UnitError, match=re.escape(text)):
        converted(1, of, to)


# ---- in problems ---------------------------------------------------------------------------------

FLOWS = {
    "measured": ["X1", "X3"], "minimise": "X3", "fixed": {"volume": 931},
    "variables": {
        "temperature": {"range": (100, 150), "unit": "degC"},
        "flow_a": {"range": (0.01, 0.207), "unit": "mL/min"},
        "flow_b": {"range": (10, 207), "unit": "uL/min"},
    },
    "limits": {
        "residence": {"of": "volume / (flow_a + flow_b)", "within": (180, 1860), "unit": "s"},
    },
}  # fmt: skip


def test_limits_and_definitions_are_in_their_units():
    p = Problem(
        **FLOWS
        | {
            "define": {"rate": {"of": "X1 / residence", "unit": "1/h"}},
            "constraints": ["residence <= 600 +/- 60", "rate >= 1 +/- 1"],
        }
    )
    conditions = {"temperature": 120, "flow_a": 0.1, "flow_b": 100}
    assert p.outside_limits(conditions) is None
    found = p.properties({"X1": 0.6, "X3": 0.1}, conditions=conditions)
    assert pytest.approx([279.3, 0.6 / 279.3]) == found.F  # what is measured has no unit
    slow = p.outside_limits(conditions | {"flow_a": 0.01, "flow_b": 10})
    assert slow == (
        "residence: volume / (flow_a + flow_b) = 2793 s is outside the limits [180, 1860]"
    )


def test_names_of_setpoints_have_their_dimension():
    stated = FLOWS["variables"] | {"flow_b": {"range": (10, 207), "unit": "mL"}}
    assert sentences(Problem, **FLOWS | {"variables": stated}) == [
        "variables.flow_b.unit: 'mL' is a volume, not a flow as 'uL/min' is"
    ]
    limits = {"residence": FLOWS["limits"]["residence"] | {"unit": "uL"}}
    (told,) = sentences(Problem, **FLOWS | {"limits": limits})
    assert told == (
        "limits.residence.unit: 'volume / (flow_a + flow_b)' is a time, but 'uL' is a volume"
    )


@pytest.mark.parametrize("unit", ["min", "g/L/h", "points"])
@pytest.mark.parametrize(("of", "value"), [("X3 / x", 0.05), ("1 - X3", 0.9), ("100 * X3 * x", 20)])
def test_of_what_has_no_unit_a_unit_is_a_label_whether_of_a_goal_or_a_definition(of, value, unit):
    rate = {"of": of, "unit": unit}
    variables = FLOWS["variables"] | {"x": (1, 2)}
    stated = FLOWS | {"variables": variables, "define": {"rate": rate}, "minimise": rate}
    problem = Problem(**stated | {"constraints": ["rate <= 1 +/- 1"]})
    conditions = {"x": 2, "flow_a": 0.1, "flow_b": 100}
    found = problem.properties({"X1": 0.6, "X3": 0.1}, conditions=conditions)
    assert (found.f, *found.F) == pytest.approx((value, value))  # as the numbers are
    assert problem.aims[0].unit == unit


def test_prices_as_plain_numbers_may_be_added_and_others_are_told_where_they_are_written():
    stated = {
        "minimise": "(40 * enzyme + 100 * time) / conversion", "measured": ["conversion"],
        "variables": {
            "enzyme": {"range": (1, 5), "unit": "g/L"}, "time": {"range": (1, 24), "unit": "h"},
        },
    }  # fmt: skip
    conditions = {"enzyme": 2.0, "time": 3.0}
    assert Problem(**stated).properties({"conversion": 0.5}, conditions=conditions).f == 760
    told = (
        "a mass per volume [g/L] and a time [h] cannot be added or compared; if what counts is "
        "what they cost, multiply each by its price, a number or a name under [fixed]"
    )
    of = "(enzyme + time) / conversion"
    assert sentences(Problem, **stated | {"minimise": of}) == [f"minimise: {told}"]
    unit = {"of": of, "unit": "EUR"}
    assert sentences(Problem, **stated | {"minimise": unit}) == [f"goal.unit: {told}"]
    define = {"cost": {"of": "enzyme + time"}}
    assert sentences(Problem, **stated | {"define": define}) == [f"define.cost: {told}"]
    limits = {"cost": {"of": "enzyme + time", "within": (1, 2)}}
    assert sentences(Problem, **stated | {"limits": limits}) == [f"limits.cost: {told}"]
    named = stated | {"fixed": {"price": 40, "hour": 100}}
    named["minimise"] = "(price * enzyme + hour * time) / conversion"
    assert Problem(**named).properties({"conversion": 0.5}, conditions=conditions).f == 760


def test_a_label_is_no_unit():
    p = Problem(
        **PYTHON_3
        | {"variables": {**PYTHON_3["variables"], "e": {"range": (1, 5), "unit": "equiv"}}}
    )
    assert p.variables["e"].unit == "equiv"


def test_a_problem_in_a_rigs_units_needs_no_library():
    code = (
        "import sys; from reactune.analysis.problem.model import Problem;"
        "from reactune.analysis.problem.space import Space;"
        "Space.of(Problem.load('walker-iii')); assert 'pint' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("sign", ["\u2103", "\u00baC", "\u02daC", "\u00b0C"])
def test_signs_of_other_keyboards_are_units(sign):
    assert converted(25, sign, "K") == pytest.approx(298.15)
    assert same(sign, "degC")


def test_shares_of_different_things_are_not_the_same():
    assert not same("wt%", "mol%")
    assert same("wt%", "wt.-%")
    assert same("%", "mol%")


@pytest.mark.parametrize("text", ["dBm", "dB"])
def test_what_is_a_logarithm_is_a_label(text):
    assert unit(text) is None
    with pytest.raises(UnitError, match=f"'{text}' is not a unit that is known"):
        converted(10, text, "mW")


def test_square_letters_are_units():
    assert converted(2, "\u3396/min", "uL/min") == pytest.approx(2000)


def test_what_is_in_percent_is_compared_as_it_is_stated():
    stated = {
        "maximise": "y", "measured": ["y"],
        "variables": {
            "load": {"range": (1, 20), "unit": "mol%"}, "water": {"range": (0, 9), "unit": "%"},
        },
        "constraints": ["load <= 5 +/- 1", "load + water <= 7 +/- 1", "load / water >= 1 +/- 1"],
    }  # fmt: skip
    found = Problem(**stated).properties({"y": 1.0}, conditions={"load": 4.0, "water": 2.0})
    assert list(found.F) == [4.0, 6.0, 2.0]
