"""Problems as stated in TOML and Python: what they mean, and what bad ones are told."""

import json
import math
from collections import UserDict, UserList

import numpy as np
import pytest

from reactune.analysis.problem.expression import ExpressionError
from reactune.analysis.problem.model import Problem, built_in
from tests.analysis.problem.stated import PYTHON_3, sentences

VALUES = PYTHON_3 | {
    "variables": {
        "T": {"values": [150, 100, 120]},
        "F_C60": {"range": [3, 70], "step": 0.1},
        "F_sult": {"range": [3, 70], "resolution": 0.25, "unit": "uL/min"},
        "solvent": {"choices": ["THF", "MeCN"], "descriptors": {"E_T": [37.4, 45.6]}},
    },
    "shared": ["T"],
}

# ---- what is understood --------------------------------------------------------------------------


def test_toml_and_python_say_the_same(load):
    from_file = load().to_dict()
    from_python = Problem(**PYTHON_3).to_dict()
    for variable in from_file["variables"].values():
        variable["unit"] = ""
    limits = from_file["limits"]
    limits["residence_time"]["unit"] = ""
    from_file["limits"] = {
        "limit_1": limits["flow_ratio"], "limit_2": limits["residence_time"],
    }  # fmt: skip
    assert from_file == from_python


def test_spellings_mean_the_same(load):
    usual = load()
    assert load(("minimise", "minimize")) == usual
    assert load(("+/-", "±")) == usual
    table = "{ of = 'X1 / X2', within = [4, inf], tolerance = [0.3, 0.3] }"
    assert load(('"X1 / X2 >= 4 +/- 0.3"', table)) == usual
    assert load(("X1 / X2 >= 4", "X1 / X2 in [4, inf]")) == usual
    both = ('minimise = "X3"', 'minimise = "X3"\nminimize = "X3"')
    (text,) = sentences(load, both)
    assert text.startswith("minimize: is not a setting; did you mean 'minimise'?")


def test_windows_and_goal():
    p = Problem(
        **PYTHON_3
        | {
            "minimise": None,
            "maximise": "X1 * F_C60",
            "constraints": [
                "X1 <= 0.5 +/- 0.1",
                {"of": "X2", "within": [0.1, 0.2], "tolerance": [0.01, 0.02]},
            ],
        }
    )
    assert (p.goal.text, p.sign) == ("X1 * F_C60", -1)
    first, second = p.windows
    assert (first.lower, first.upper, first.tolerance) == (-math.inf, 0.5, (0.1, 0.1))
    assert (second.lower, second.upper, second.tolerance) == (0.1, 0.2, (0.01, 0.02))
    assert [w.text for w in p.windows] == ["X1 <= 0.5", "X2 in [0.1, 0.2]"]
    assert p.violated([0.4, 0.15]) == ""
    assert p.violated([0.6, 0.05]) == "X1 = 0.6 is above 0.5; X2 = 0.05 is below 0.1"


@pytest.mark.parametrize(
    ("text", "of", "within", "tolerance"),
    [
        ("X1 / X2 = 4 +/- 0.3", "X1 / X2", (4, 4), 0.3),
        ("X1 / X2 == 4 ± 0.3", "X1 / X2", (4, 4), 0.3),
        ("X1/X2 ≥ 4 +/- 0.3", "X1/X2", (4, None), 0.3),
        ("X1 / X2 > 4 +/- 0.3", "X1 / X2", (4, None), 0.3),
        ("X1 < 4±0.3", "X1", (None, 4), 0.3),
        ("4 <= X1 +/- 0.3", "X1", (4, None), 0.3),
        ("0.5 = X1 +/- 0.3", "X1", (0.5, 0.5), 0.3),
        ("X1 >= 80% +/- 5%", "X1", (0.8, None), 0.05),
        ("7 % ≤ X1 ≤ 80 % +/- 5 %", "X1", (0.07, 0.8), 0.05),
        ("0.9 <= X1 + X2 <= 1 +/- 0.3", "X1 + X2", (0.9, 1), 0.3),
        ("1 > X1 + X2 > 0.9 +/- 0.3", "X1 + X2", (0.9, 1), 0.3),
        ("X1 in [50%, 60%] ± 1%", "X1", (0.5, 0.6), 0.01),
        ("X1 in [50%, inf] ± 1%", "X1", (0.5, None), 0.01),
        ("X1 in [-inf, 0.6] ± 0.01", "X1", (None, 0.6), 0.01),
        ("X1 >= 1/3 +/- 0.1", "X1", (1 / 3, None), 0.1),
        ("X1 in [-1e-3, inf] +/- 1e-3", "X1", (-1e-3, None), 1e-3),
        ("residence_time <= 10 +/- 1", "residence_time", (None, 10), 1),
    ],
)
def test_windows_as_people_write_them(load, text, of, within, tolerance):
    window = load(("X1 / X2 >= 4 +/- 0.3", text)).windows[1]
    assert (window.of, window.within, window.tolerance) == (of, within, (tolerance, tolerance))


def test_names_for_expressions():
    p = Problem(
        **PYTHON_3
        | {
            "minimise": None,
            "maximise": {"of": "60 * X1 / tau", "name": "space-time yield", "unit": "1/h"},
            "define": {"tau": {"of": "V / total", "unit": "min"}, "total": "F_C60 + F_sult"},
            "limits": {"slow": {"of": "tau", "within": (3, 31)}},
            "constraints": ["X1 / tau >= 0.1 +/- 0.1", "slow <= 10 +/- 1"],
        }
    )
    conditions = {"T": 120, "F_C60": 20, "F_sult": 40}
    x = {"X0": 0.1, "X1": 0.6, "X2": 0.2, "X3": 0.1}
    found = p.properties(x, conditions=conditions)
    assert (found.f, *found.F) == pytest.approx((-60 * 0.6 / 5, 0.6 / 5, 5))
    assert (p.goal.text, p.aims[0].unit) == ("space-time yield", "1/h")
    assert [window.of for window in p.windows] == ["X1 / tau", "slow"]
    assert p.outside_limits({**conditions, "F_C60": 4, "F_sult": 4}) == (
        "slow: tau = 37.5 is outside the limits [3, 31]"
    )
    assert Problem.load(json.loads(json.dumps(p.to_dict()))) == p
    assert Problem.load(p.to_dict()).properties(x, conditions=conditions).f == found.f


def test_a_goal_that_is_a_name_has_the_unit_of_the_name():
    define = {"STY": {"of": "X1 * V", "unit": "mM/min"}}
    p = Problem(**PYTHON_3 | {"minimise": "STY", "define": define})
    assert (p.goal.text, p.aims[0].unit) == ("STY", "mM/min")


def plain(value):
    """Whether JSON can carry it as it is, and document stores its keys."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and "." not in k and plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return (
        value is None
        or type(value) in (str, int, bool)
        or (type(value) is float and value < math.inf)
    )


@pytest.mark.parametrize("name", ["walker-i", "walker-iii", "walker-vi", PYTHON_3, VALUES])
def test_resolved_form_comes_back(name):
    p = Problem.load(name)
    resolved = p.to_dict()
    assert plain(resolved)
    assert Problem.load(json.loads(json.dumps(resolved, allow_nan=False))) == p
    assert Problem.load(p) is p


def test_views_of_a_catalogue_are_as_good_as_dicts():
    def view(value):
        if isinstance(value, dict):
            return UserDict({key: view(item) for key, item in value.items()})
        return UserList(map(view, value)) if isinstance(value, list) else value

    p = Problem.load("walker-iii")
    assert Problem.load(view(p.to_dict())) == p


def test_resolved_form_spells_out_defaults():
    p = Problem(
        maximise="Y", measured=["Y"], variables={"T": (1, 2)}, limits={"T": (1.5, None)},
        constraints=["Y <= 0.5 +/- 0.1"], stop={"goal": 0.9, "patience": 20},
    )  # fmt: skip
    assert p.to_dict() == {
        "schema": 1, "title": "", "maximise": "Y", "measured": ["Y"],
        "constraints": [{"of": "Y", "within": [None, 0.5], "tolerance": [0.1, 0.1]}],
        "budget": 100, "batch": 1,
        "optimiser": {"engine": "snobfit", "model": "composite", "p": 0.5},
        "stop": {"goal": 0.9, "patience": 20, "verdict": True},
        "variables": {"T": {"range": [1.0, 2.0], "unit": ""}},
        "fixed": {}, "limits": {"T": {"of": "T", "within": [1.5, None], "unit": ""}},
    }  # fmt: skip


def test_limits_stated_as_expressions_get_names_of_their_own():
    limits = {
        "T": (110, 140),
        "limit_1": {"of": "F_C60", "within": (5, 60)},
        "F_sult / F_C60": (0.5, 2),
        "F_sult + F_C60": (10, 100),
    }
    p = Problem(**PYTHON_3 | {"limits": limits})
    assert {name: limit.of for name, limit in p.limits.items()} == {
        "T": "T", "limit_1": "F_C60", "limit_2": "F_sult / F_C60", "limit_3": "F_sult + F_C60",
    }  # fmt: skip


def test_a_problem_does_not_change():
    p = Problem.load("walker-i")
    with pytest.raises(ValueError, match="frozen"):
        p.budget = 5


# ---- the paper's problems ------------------------------------------------------------------------


def test_the_six_problems_of_the_paper():
    papers = [f"walker-{number}" for number in ("i", "ii", "iii", "iv", "v", "vi")]
    assert set(built_in()) == {"catalysts", "snar", *papers}
    yields = ("X1 + X2", 0.9, 1.0)
    ratios = {
        "iii": ("X1 / X2", 4, math.inf), "iv": ("X1 / X2", 0, 0.5), "v": ("X1 / X2", 0, 1.5),
    }  # fmt: skip
    for name in papers:
        p, number = Problem.load(name), name.removeprefix("walker-")
        assert (p.goal.text, p.sign) == ("X1 / X2" if number == "vi" else "X3", 1)
        expected = [] if number == "i" else [yields]
        expected += [ratios[number]] if number in ratios else []
        assert [(w.of, w.lower, w.upper) for w in p.windows] == expected
        assert all(w.tolerance == (0.3, 0.3) for w in p.windows)
        assert (p.budget, p.batch, p.optimiser.p) == (100, 1, 0.3)
        assert list(p.variables) == ["temperature", "flow_c60", "flow_sultine"]


# ---- properties ----------------------------------------------------------------------------------


def test_properties_and_their_deviations():
    p = Problem.load("walker-iii")
    x = {"X0": 0.1, "X1": 0.6, "X2": 0.2, "X3": 0.1}
    sd = {"X0": 0.01, "X1": 0.02, "X2": 0.01, "X3": 0.003}
    found = p.properties(x, sd)
    assert (found.f, found.f_sd) == pytest.approx((0.1, 0.003))
    assert pytest.approx([0.8, 3.0]) == found.F
    relative = math.hypot(0.02 / 0.6, 0.01 / 0.2)
    assert found.F_sd == pytest.approx([math.hypot(0.02, 0.01), 3 * relative])
    assert found.failure is None
    bare = p.properties(x)
    assert math.isnan(bare.f_sd)
    assert np.isnan(bare.F_sd).all()


def test_maximise_is_the_negative():
    found = Problem(**PYTHON_3 | {"minimise": None, "maximise": "X1"}).properties(
        {"X0": 0, "X1": 0.6, "X2": 0.1, "X3": 0.1}, {"X0": 0, "X1": 0.1, "X2": 0, "X3": 0}
    )
    assert (found.f, found.f_sd) == (-0.6, 0.1)


@pytest.mark.parametrize(("x1", "value"), [(0.6, "inf"), (0.0, "nan")])
def test_division_by_zero_is_reported(x1, value):
    found = Problem.load("walker-iii").properties(
        {"X0": 0.1, "X1": x1, "X2": 0.0, "X3": 0.3}, dict.fromkeys(["X0", "X1", "X2", "X3"], 0.01)
    )
    assert found.failure == f"X1 / X2 is {value}"
    assert found.f == 0.3
    assert str(found.F[1]) == value


def test_unknown_fractions_are_reported():
    x = dict.fromkeys(["X0", "X1", "X2", "X3"], math.nan)
    found = Problem.load("walker-ii").properties(x, x)
    assert found.failure == "X3 is nan; X1 + X2 is nan"


def test_an_unused_unknown_does_no_harm():
    x = {"X0": math.nan, "X1": 0.6, "X2": 0.3, "X3": 0.1}
    found = Problem.load("walker-ii").properties(x, {**dict.fromkeys(x, 0.01), "X0": math.nan})
    assert found.failure is None
    assert found.f_sd == 0.01


def test_properties_may_need_conditions():
    p = Problem(**PYTHON_3 | {"minimise": None, "maximise": "X1 * F_C60 / V"})
    x = {"X0": 0.1, "X1": 0.6, "X2": 0.2, "X3": 0.1}
    assert p.properties(x, conditions={"T": 120, "F_C60": 30, "F_sult": 30}).f == -0.06
    with pytest.raises(ExpressionError, match="needs a value for 'F_C60'"):
        p.properties(x)


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, None),
        ({"temperature": 150}, None),
        ({"temperature": 150.01}, "temperature = 150.01 degC is outside its range [100, 150]"),
        ({"temperature": math.nan}, "temperature = nan degC is outside its range [100, 150]"),
        ({"flow_c60": 20}, "ratio: flow_sultine / flow_c60 = 5 is outside the limits [0.5, 2]"),
        (
            {"flow_c60": 207, "flow_sultine": 207},
            "residence: volume / (flow_c60 + flow_sultine) = 2.24879 min is outside the limits "
            "[3, 31]",
        ),
        (
            {"pressure": 3},
            "'pressure' is not a variable; those are temperature, flow_c60, flow_sultine",
        ),
    ],
)
def test_outside_limits(change, text):
    usual = {"temperature": 120, "flow_c60": 100, "flow_sultine": 100}
    assert Problem.load("walker-i").outside_limits({**usual, **change}) == text


def test_outside_limits_wants_all_and_forgives_rounding():
    p = Problem.load("walker-i")
    assert p.outside_limits({"temperature": 120}) == "flow_c60 is missing from the conditions"
    corner = {"temperature": 100, "flow_c60": 931 / 31 * 2 / 3, "flow_sultine": 931 / 31 / 3}
    for push in (1 - 1e-15, 1, 1 + 1e-15):
        assert p.outside_limits({**corner, "flow_c60": corner["flow_c60"] * push}) is None
    assert p.outside_limits({**corner, "flow_c60": corner["flow_c60"] * (1 - 1e-6)}) is not None


@pytest.mark.parametrize(
    "told", ["X1 = 50 % +/- 10 %", "X1 == 0.5 ± 0.1", "X1 in [0.5, 0.5] +/- 0.1"]
)
def test_half_the_tolerance_counts_as_equal(load, told):
    """Everywhere: nothing is called feasible here and violated there."""
    problem = load(("X1 / X2 >= 4 +/- 0.3", told))
    window = problem.windows[1]
    assert (window.lower, window.upper) == (0.45, 0.55)
    assert window.allowed == pytest.approx((0.05, 0.05))
    assert window.text == "X1 in [0.45, 0.55]"
    assert (problem.soft.lower[1], problem.soft.upper[1]) == (0.45, 0.55)
    assert Problem.load(problem.to_dict()) == problem
