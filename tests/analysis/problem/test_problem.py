"""Problems as stated in TOML and Python: what they mean, and what bad ones are told."""

import json
import math
import subprocess
import sys
from collections import UserDict, UserList

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.expression import Expression, ExpressionError
from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.model import Problem, ProblemError, built_in

properties = settings(derandomize=True, deadline=None, max_examples=200)

RUN_3 = """\
schema   = 1
title    = "Run III: rich in the first adduct"
minimise = "X3"
measured = ["X0", "X1", "X2", "X3"]
constraints = [
  "X1 + X2 in [0.9, 1.0] +/- 0.3",
  "X1 / X2 >= 4 +/- 0.3",
]
budget = 100
[fixed]
V = 300                      # reactor volume, uL
[variables]
T      = { range = [100, 150], unit = "degC" }
F_C60  = { range = [3, 70],    unit = "uL/min" }
F_sult = { range = [3, 70],    unit = "uL/min" }
[limits]                     # never tried outside
flow_ratio     = { of = "F_sult / F_C60",       within = [0.5, 2.0] }
residence_time = { of = "V / (F_C60 + F_sult)", within = [3, 31], unit = "min" }
"""
PYTHON_3 = dict(
    title="Run III: rich in the first adduct",
    minimise="X3",
    measured=["X0", "X1", "X2", "X3"],
    fixed={"V": 300},
    variables={"T": (100, 150), "F_C60": (3, 70), "F_sult": (3, 70)},
    constraints=["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 4 +/- 0.3"],
    limits={"F_sult / F_C60": (0.5, 2), "V / (F_C60 + F_sult)": (3, 31)},
    budget=100,
)


@pytest.fixture
def load(tmp_path):
    """Load a problem from a TOML file run3.toml with some of its text replaced."""

    def load(*changes, text=RUN_3):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "run3.toml"
        path.write_text(text, encoding="utf-8")
        return Problem.load(path)

    return load


def sentences(call, *args, **kwargs):
    with pytest.raises(ProblemError) as caught:
        call(*args, **kwargs)
    return caught.value.problems


# ---- the ten bad inputs --------------------------------------------------------------------------

SETTINGS = (
    "schema, title, minimise, maximise, measured, kind, constraints, budget, batch, optimiser, "
    "stop, variables, fixed, limits"
)
TEN = {
    "bounds swapped": (
        ("[100, 150]", "[150, 100]"),
        "variables.T.range: lower 150 is above upper 100; did you mean [100, 150]?",
    ),
    "unknown name": (
        ("X1 / X2", "X1 / X_2"),
        "constraints[2]: 'X_2' in 'X1 / X_2' is not known here; did you mean 'X2'? "
        "Known: X0, X1, X2, X3, T, F_C60, F_sult, V",
    ),
    "no tolerance": (
        ("X1 / X2 >= 4 +/- 0.3", "X1 / X2 >= 4"),
        "constraints: 'X1 / X2 >= 4' has no tolerance; write 'X1 / X2 >= 4 +/- 0.3' "
        "(how far outside is still acceptable?)",
    ),
    "negative tolerance": (
        (">= 4 +/- 0.3", ">= 4 +/- -0.3"),
        "constraints.2.tolerance: tolerance is how far outside the window you would still accept, "
        "so it cannot be negative (-0.3)",
    ),
    "two goals": (
        ('minimise = "X3"', 'minimise = "X3"\nmaximise = "X1"'),
        "give exactly one of 'minimise' and 'maximise' — to trade two properties off, keep one as "
        "the goal and put the other under constraints",
    ),
    "wrong key": (
        ('"X3"\n', '"X3"\nminimum = "X3"\n'),
        f"minimum: is not a setting; did you mean 'minimise'? Allowed: {SETTINGS}",
    ),
    "open variable": (
        ("[100, 150]", "[100, inf]"),
        "variables.T.range: a variable needs two finite bounds: the pump or heater must have "
        "limits",
    ),
    "unit in the number": (
        ("[100, 150]", '[100, "150 C"]'),
        "variables.T.range: range must be two numbers; '150 C' is text",
    ),
    # the exact bounds; random points inside the ranges had given 2.15 to 46.8
    "empty region": (
        ("[3, 31]", "[300, 600]"),
        "limits.residence_time: nothing can satisfy it: with the ranges given, "
        "V / (F_C60 + F_sult) runs from 2.14 to 50.0 min, but you ask for [300.0, 600.0]",
    ),
    "code": (
        ("X1 / X2 >=", "__import__('os').getpid() >="),
        "\"__import__('os').getpid()\" uses call, which is not allowed; only names, numbers and "
        "+ - * / ( )",
    ),
}


@pytest.mark.parametrize("bad", TEN)
def test_the_ten_bad_inputs(load, bad):
    change, text = TEN[bad]
    with pytest.raises(ProblemError) as caught:
        load(change)
    assert str(caught.value) == f"run3.toml: 1 problem\n  {text}"


def test_negative_tolerance_in_the_table_form(load):
    table = "{ of = 'X1 / X2', within = [4, inf], tolerance = -0.3 }"
    (text,) = sentences(load, ('"X1 / X2 >= 4 +/- 0.3"', table))
    assert text == TEN["negative tolerance"][1]


# ---- other bad inputs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('minimise = "X3"', 'minimise = "T"',
         "goal: 'T' uses nothing that is measured. Known: X0, X1, X2, X3"),
        ('minimise = "X3"', 'minimise = "X4"',
         "goal: 'X4' is not known here; "
         "Known: X0, X1, X2, X3, T, F_C60, F_sult, V"),
        ('minimise = "X3"\n', "", "give exactly one of 'minimise' and 'maximise'"),
        ('minimise = "X3"', "minimise = 3", "minimise: should be a valid string, not 3"),
        ('measured = ["X0", "X1", "X2", "X3"]\n', "", "measured: is missing"),
        ("X1 + X2 in [0.9, 1.0]", "T in [110, 120]",
         "constraints[1]: 'T' uses nothing that is measured; a bound on what is set goes under "
         "limits. Known: X0, X1, X2, X3"),
        ("X1 / X2 >= 4", "X1 / X2 > 4",
         "constraints[2]: 'X1 / X2 > 4 +/- 0.3' is not understood; write 'X1 in [0.9, 1.0] +/- "
         "0.3', 'X1 >= 0.9 +/- 0.3' or 'X1 <= 0.9 +/- 0.3'"),
        ("[0.9, 1.0]", "[1.0, 0.9]",
         "constraints.1.within: lower 1 is above upper 0.9; did you mean [0.9, 1]?"),
        ("[0.9, 1.0]", "[-inf, inf]",
         "constraints.1.within: is open on both sides and so bounds nothing"),
        ("+/- 0.3\",\n]", "+/- 0\",\n]",
         "constraints.2.tolerance: tolerance cannot be 0: the search follows the slope that it "
         "gives; for an edge that is nearly hard take a small one such as 0.01"),
        ("+/- 0.3\",\n]", "+/- 30 %\",\n]",
         "constraints.2.tolerance: tolerance must be a number; '30 %' is text"),
        ("budget = 100", "budget = 0", "budget: should be greater than or equal to 1, not 0"),
        ("budget = 100", 'budget = "100"', "budget: should be a valid integer, not '100'"),
        ("budget = 100", "budget = 100\nstop.patience = -1",
         "stop.patience: should be greater than or equal to 1, not -1"),
        ("budget = 100", "budget = 100\noptimiser.p = 1.5",
         "optimiser.p: should be less than or equal to 1, not 1.5"),
        ("budget = 100", "budget = 100\noptimiser.pp = 0.5",
         "optimiser.pp: is not a setting; did you mean 'p'? Allowed: engine, model, p"),
        ("budget = 100", "budget = 100\noptimiser.model = \"gauss\"",
         "optimiser.model: should be 'composite' or 'merit', not 'gauss'"),
        ("budget = 100",
         'budget = 100\noptimiser = { engine = "sqsnobfit", model = "composite" }',
         "optimiser: has model 'composite', but engine 'sqsnobfit' only models the merit: leave "
         "model out, or take engine 'snobfit'"),
        ("schema   = 1", "schema = 2", "schema: should be 1, not 2"),
        ("budget = 100", 'kind = "ratios"',
         "kind: should be 'fractions', 'positive' or 'real', not 'ratios'"),
        ("V = 300", 'V = "300 uL"', "fixed: V must be a finite number; '300 uL' is text"),
        ("[100, 150]", "[100, 100]",
         "variables.T.range: both bounds are 100; put a constant under [fixed] instead"),
        ("[100, 150]", "[100, nan]", "variables.T.range: range must be two numbers; nan is not a "
         "number (float)"),
        ("[100, 150]", "[100, true]", "variables.T.range: range must be two numbers; True is not a "
         "number (bool)"),
        ("[100, 150]", "[100]", "variables.T.range: range must be two numbers; it has 1"),
        ("[100, 150]", '"100-150"',
         "variables.T.range: range must be two numbers; '100-150' is text"),
        ("{ range = [100, 150], unit", "{ rnage = [100, 150], range = [100, 150], unit",
         "variables.T.rnage: is not a setting; did you mean 'range'? "
         "Allowed: range, unit, resolution"),
        ('T      = { range = [100, 150], unit = "degC" }', "T = 100",
         "variables.T: should be a table, not 100"),
        ("T      =", '"T-1" =', "variables: 'T-1' is not a name; use ASCII letters, digits and _"),
        ("V = 300", "V = 300\nX1 = 3", "fixed: 'X1' is already a name under measured"),
        ('of = "F_sult / F_C60"', 'of = "X1 / F_C60"',
         "limits.flow_ratio: 'X1' in 'X1 / F_C60' is not known here; Known: T, F_C60, F_sult, V"),
        ("[0.5, 2.0]", "[2.0, 2.0]",
         "limits.flow_ratio.within: both bounds are 2; a limit needs room between them"),
        ("[0.5, 2.0]", "[90, inf]",
         "limits.flow_ratio: nothing can satisfy it: with the ranges given, F_sult / F_C60 runs "
         "from 0.0429 to 23.3, but you ask for at least 90.0"),
        ("F_sult / F_C60\"", "F_sult / 0\"", "limits.flow_ratio: 'F_sult / 0' divides by 0"),
        ("F_sult / F_C60\"", "F_sult / 2 F_C60\"",
         "limits.flow_ratio: 'F_sult / 2 F_C60' is not an expression (invalid syntax); write "
         "names, numbers and + - * / ( ), as in 'X1 / (X1 + X2)'"),
    ],
)  # fmt: skip
def test_bad_inputs(load, old, new, text):
    assert sentences(load, (old, new)) == [text]


def test_all_problems_of_a_file_are_told_at_once(load):
    with pytest.raises(ProblemError) as caught:
        load(
            ("[100, 150]", "[150, 100]"),
            ("X1 / X2 >=", "X1 / X_2 >="),
            ("budget = 100", "bugdet = 100"),
            ("V / (F_C60", "W / (F_C60"),
            ("[0.9, 1.0] +/- 0.3", "[0.9, 1.0]"),
        )
    first, *rest = str(caught.value).splitlines()
    assert first == "run3.toml: 5 problems"
    assert all(line.startswith("  ") for line in rest)
    starts = [line.split(":")[0].strip() for line in rest]
    assert sorted(starts) == [
        "bugdet", "constraints", "constraints[2]", "limits.residence_time", "variables.T.range",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('first adduct"', "first adduct",
         'line 2: title    = "Run III: rich in the first adduct\n'
         "Illegal character '\\n' (line 2, column 46); missing quote?"),
        ('minimise = "X3"', "minimise = X3",
         "line 3: minimise = X3\nInvalid value (line 3, column 12); missing quote?"),
        ("budget = 100", "budget = 100\nbudget = 7",
         "line 10: budget = 7\nCannot overwrite a value (line 10, column 11)"),
    ],
)  # fmt: skip
def test_toml_syntax_errors_show_the_line(load, old, new, text):
    assert sentences(load, (old, new)) == [text]


def test_files_that_cannot_be_read(tmp_path):
    (text,) = sentences(Problem.load, tmp_path / "none.toml")
    assert text.startswith("there is no such file; built-in are walker-i, walker-ii,")
    (tmp_path / "old.toml").write_bytes('title = "µL"'.encode("latin-1"))
    assert sentences(Problem.load, tmp_path / "old.toml") == ["is not UTF-8 text; save it as UTF-8"]
    (text,) = sentences(Problem.load, tmp_path)
    assert text.startswith("cannot be read: ")


def test_windows_editors(tmp_path):
    path = tmp_path / "run3.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RUN_3.replace("\n", "\r\n").encode())
    assert Problem.load(path) == Problem.load(str(path))


def test_python_gets_the_same_sentences():
    with pytest.raises(ProblemError) as caught:
        Problem(**PYTHON_3 | {"variables": {"T": (150, 100), "F_C60": (3, 70), "F_sult": (3, 70)}})
    assert str(caught.value) == f"problem: 1 problem\n  {TEN['bounds swapped'][1]}"


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


@pytest.mark.parametrize("name", ["walker-i", "walker-iii", "walker-vi", PYTHON_3])
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
        "budget": 100, "batch": 7,
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


@pytest.mark.parametrize(
    ("ranges", "of", "within", "span"),
    [
        ((0, 70), "V / F_C60", (1, 2), "is at least 4.29"),
        ((0, 70), "-V / F_C60", (1, 2), "is at most -4.29"),
        ((1, 70), "V", (1, 2), "is 300.0"),
        ((1, 70), "V * F_C60", (0.001, 0.002), "runs from 300.0 to 21000"),
        ((1, 70), "F_C60 / V / 100", (1, 2), "runs from 0.0000333 to 0.00233"),
    ],
)
def test_numbers_in_words(ranges, of, within, span):
    stated = {"variables": {"F_C60": ranges}, "limits": {"x": {"of": of, "within": within}}}
    (text,) = sentences(Problem, **PYTHON_3 | stated)
    assert f"{of} {span}, but you ask for" in text


def test_a_problem_does_not_change():
    p = Problem.load("walker-i")
    with pytest.raises(ValueError, match="frozen"):
        p.budget = 5


# ---- the paper's problems ------------------------------------------------------------------------


def test_the_six_problems_of_the_paper():
    assert built_in() == [f"walker-{number}" for number in ("i", "ii", "iii", "iv", "v", "vi")]
    yields = ("X1 + X2", 0.9, 1.0)
    ratios = {
        "iii": ("X1 / X2", 4, math.inf), "iv": ("X1 / X2", 0, 0.5), "v": ("X1 / X2", 0, 1.5),
    }  # fmt: skip
    for name in built_in():
        p, number = Problem.load(name), name.removeprefix("walker-")
        assert (p.goal.text, p.sign) == ("X1 / X2" if number == "vi" else "X3", 1)
        expected = [] if number == "i" else [yields]
        expected += [ratios[number]] if number in ratios else []
        assert [(w.of, w.lower, w.upper) for w in p.windows] == expected
        assert all(w.tolerance == (0.3, 0.3) for w in p.windows)
        assert (p.budget, p.batch, p.optimiser.p) == (100, 7, 0.3)
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


# ---- in words ------------------------------------------------------------------------------------


def test_in_words(load):
    p = load(("[3, 70]", "[5, 70]"), ("budget = 100", "budget = 100\nstop.goal = 0.005"))
    assert (
        in_words(p, hours=72.34, volumes={"F_C60": 21500, "F_sult": 33210})
        == """\
Run III: rich in the first adduct

Vary:
  T       100 to 150 degC
  F_C60   5 to 70 uL/min
  F_sult  5 to 70 uL/min
Fixed: V = 300
Minimise X3, measuring X0, X1, X2, X3.
Keep, as far as possible (soft constraints):
  X1 + X2 from 0.9 to 1; values down to 0.6 and up to 1.3 are still acceptable
  X1 / X2 at least 4; values down to 3.7 are still acceptable
Never try outside (hard limits):
  flow_ratio: F_sult / F_C60 from 0.5 to 2
  residence_time: V / (F_C60 + F_sult) from 3 to 31 min
  this leaves F_C60 + F_sult from 10.0 to 100.0 uL/min
  this leaves F_sult / (F_C60 + F_sult) from 0.333 to 0.667
Budget: 100 experiments in batches of 7: 14 x 7 + 2.
Optimiser: snobfit, model composite, p = 0.5.
Stop at a feasible point with X3 at most 0.005.
Ends early if the windows cannot all be met, or once no improvement beyond the
  noise is to be expected (stop.verdict = false: goes on).
Takes at worst 72.3 h.
Uses at worst: F_C60 21.5 mL, F_sult 33.2 mL."""
    )


@pytest.mark.parametrize("name", ["walker-i", "walker-ii", "walker-iv"])
def test_in_words_of_the_paper(name):
    text = in_words(Problem.load(name))
    assert "this leaves flow_c60 + flow_sultine from 30.0 to 310.3 uL/min" in text
    assert "batches of 7: 14 x 7 + 2." in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("budget", "batch", "text"),
    [(14, 7, "batches of 7: 2 x 7."), (5, 5, "1 x 5."), (4, 7, "one of 4.")],
)
def test_budget_in_words(budget, batch, text):
    assert text in in_words(Problem(**PYTHON_3 | {"budget": budget, "batch": batch}))


def test_in_words_refuses_limits_that_leave_nothing():
    p = Problem(**PYTHON_3 | {"limits": {"F_sult / F_C60": (10, 20), "F_C60 + F_sult": (6, 12)}})
    (text,) = sentences(lambda: in_words(p))
    assert text == "limits: nothing can satisfy all of limit_1, limit_2 with the ranges given"


# ---- expressions ---------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c"])
numbers = st.integers(1, 9).map(str)
texts = st.recursive(
    names | numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=8,
)
points = st.fixed_dictionaries({name: st.floats(0.5, 4) for name in "abc"})


@properties
@given(texts, points)
def test_expressions_compute_what_python_would(text, values):
    try:
        expected = eval(text, {}, dict(values))
    except ZeroDivisionError:
        expected = None
    found = Expression(text)(values)
    if expected is None:
        assert not math.isfinite(found) or abs(found) < 1e-9  # x / (y / 0)
    else:
        assert found == expected
        many = Expression(text)({name: np.full(3, value) for name, value in values.items()})
        assert np.all(many == expected)


@properties
@given(texts, st.data())
def test_interval_bounds_hold_every_value(text, data):
    expression = Expression(text)
    ranges = {
        name: tuple(sorted(data.draw(st.tuples(st.floats(-2, 3), st.floats(-2, 3)))))
        for name in "abc"
    }
    lower, upper = expression.bounds(ranges)
    for u in (0, 0.3, 1):
        value = expression({n: lo + u * (hi - lo) for n, (lo, hi) in ranges.items()})
        if math.isfinite(value):
            slack = 1e-9 * max(1, abs(value))
            assert lower - slack <= value <= upper + slack


def test_interval_bounds_are_exact_when_names_occur_once():
    ranges = {"V": (300, 300), "a": (3, 70), "b": (0, 70), "c": (-2, 3)}
    bounds = {
        "V / (a + b)": (300 / 140, 100),
        "V / b": (300 / 70, math.inf),
        "-V / (0 - b)": (300 / 70, math.inf),
        "a / c": (-math.inf, math.inf),
        "a * c - b": (-210, 210),
        "V / (b * b - 0)": (300 / 4900, math.inf),
    }
    for text, expected in bounds.items():
        assert Expression(text).bounds(ranges) == pytest.approx(expected), text


@properties
@given(texts, points)
def test_gradients_agree_with_differences(text, values):
    expression = Expression(text)
    value, slopes = expression.gradient(values, ["a", "b"])
    if not (math.isfinite(value) and abs(value) < 1e3 and np.all(np.abs(slopes) < 1e3)):
        return
    for name, slope in zip("ab", slopes, strict=True):
        h = 1e-6
        up, down = (expression({**values, name: values[name] + s * h}) for s in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    ["X1 ** 2", "X1 // 2", "X1 if X2 else X3", "X1 < 2", "+X1", "not X1", "[X1]", "X1.real",
     "'X1'", "1j", "True", "None", "1e999", "X1[0]", "lambda: 1", "(X1 := 2)", "f'{X1}'", "..."],
)  # fmt: skip
def test_whitelist(text):
    with pytest.raises(ExpressionError, match="not allowed; only names, numbers and"):
        Expression(text)


@pytest.mark.parametrize("text", ["", "4X1", "X1 +", "((((", "X1; X2", "x\0", "X" * 400, "µ", "X₁"])
def test_not_an_expression(text):
    with pytest.raises(ExpressionError):
        Expression(text)


# ---- errors must be fast -------------------------------------------------------------------------


def test_importing_problem_imports_nothing_heavy():
    code = (
        "import sys, reactune.analysis.problem.model;"
        "heavy = {'pandas', 'bluesky', 'tiled', 'scipy', 'matplotlib', 'ophyd', 'databroker'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_value_just_outside_its_window_is_not_written_as_its_edge():
    problem = Problem.load("walker-ii")
    assert problem.violated([0.89996]) == "X1 + X2 = 0.89996 is below 0.9"
    assert problem.violated([1.0000001]) == "X1 + X2 = 1.0000001 is above 1"
    assert problem.violated([0.8654]) == "X1 + X2 = 0.865 is below 0.9"
