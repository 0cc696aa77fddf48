"""Bad problems: every one gets a sentence with name, value and cure."""

import subprocess
import sys
import time

import pytest

from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.windows import read_window
from tests.analysis.problem.stated import PYTHON_3, RUN_3, sentences

# ---- the ten bad inputs --------------------------------------------------------------------------


SETTINGS = (
    "schema, title, minimise, maximise, measured, kind, constraints, budget, batch, optimiser, "
    "stop, variables, fixed, define, limits, shared"
)


TEN = {
    "bounds swapped": (
        ("[100, 150]", "[150, 100]"),
        "variables.T.range: lower 150 is above upper 100; did you mean [100, 150]?",
    ),
    "unknown name": (
        ("X1 / X2", "X1 / X_2"),
        "constraints[2]: 'X_2' in 'X1 / X_2' is not known here; did you mean 'X2'? "
        "Known: X0, X1, X2, X3, T, F_C60, F_sult, V, flow_ratio, residence_time",
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
        "the goal and put the other under constraints; or, for the whole curve, write both as "
        'lists: minimise = ["A"], maximise = ["B"]',
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
        "constraints[2]: \"__import__('os').getpid()\": text in quotes is no quantity; write "
        "names, numbers, + - * / ^ ( ) and functions, as in 'X1 / (X1 + X2)'",
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
         "Known: X0, X1, X2, X3, T, F_C60, F_sult, V, flow_ratio, residence_time. If it is "
         "measured, add it to measured; if it follows from these, say how: [define] "
         "X4 = { of = \"...\" }"),
        ('minimise = "X3"', 'minimise = ["X3", "X1 / X2", "X0"]',
         "3 goals are stated, and no more than two can be traded off: keep two, and put the others "
         "under constraints"),
        ('minimise = "X3"', 'minimise = ["X3"]\nmaximise = ["X1", "X2"]',
         "3 goals are stated, and no more than two can be traded off: keep two, and put the others "
         "under constraints"),
        ('minimise = "X3"', 'minimise = ["X3", "X3"]',
         "goal: 'X3' is stated twice; two goals to trade off have to differ"),
        ('minimise = "X3"', 'minimise = []', "minimise: is empty"),
        ('minimise = "X3"', 'minimise = ["X3", 3]',
         "minimise[2]: should be text in quotes, not 3"),
        ('minimise = "X3"', 'minimise = ["X3", { of = "X1", nick = "a" }]',
         "minimise.2.nick: is not a setting; Allowed: of, unit, name"),
        ('minimise = "X3"', 'minimise = ["X3", ["X1"]]',
         "minimise[2]: should be text or a table, not ['X1']"),
        ('minimise = "X3"', 'minimise = ["X3", "X4"]',
         "goal: 'X4' is not known here; "
         "Known: X0, X1, X2, X3, T, F_C60, F_sult, V, flow_ratio, residence_time. If it is "
         "measured, add it to measured; if it follows from these, say how: [define] "
         "X4 = { of = \"...\" }"),
        ('minimise = "X3"', 'minimise = ["X3", "X1"]\nstop = { goal = 0.1 }',
         "stop.goal: is the value of one goal, and two are stated; leave it out, or put one of "
         "them under constraints"),
        ('minimise = "X3"', 'minimise = ["X3", "X1"]\noptimiser = { model = "merit" }',
         "optimiser: model 'merit' ranks by one goal, and two are stated; leave engine and model "
         "out"),
        ('constraints = [\n  "X1 + X2 in [0.9, 1.0] +/- 0.3",\n  "X1 / X2 >= 4 +/- 0.3",\n]',
         "optimiser.confidence = 0.9",
         "optimiser.confidence = 0.9: is about windows, and there are none; leave it out, or put "
         "some under constraints"),
        ('minimise = "X3"', 'minimise = "flow_ratio"',
         "goal: 'flow_ratio' uses nothing that is measured. Known: X0, X1, X2, X3"),
        ('budget = 100', 'budget = 100\n[define]\nb = "a + X1"\na = "2 * c"\nc = "b"',
         "define: b is made of a, a of c, c of b: one of them has to be made of something else"),
        ("budget = 100", 'budget = 100\nshared = ["temperature"]',
         "shared: 'temperature' is no variable; those are T, F_C60, F_sult"),
        ('budget = 100', 'budget = 100\n[define]\nV = "X1"',
         "define: 'V' is already a name under fixed"),
        ('budget = 100', 'budget = 100\n[define]\nflow_ratio = "X1"',
         "limits: 'flow_ratio' is already a name under define"),
        ('budget = 100', 'budget = 100\n[define]\nrate = { of = "X1", per = "min" }',
         "define.rate.per: is not a setting; Allowed: of, unit"),
        ('minimise = "X3"\n', "", "give exactly one of 'minimise' and 'maximise'"),
        ('minimise = "X3"', "minimise = 3", "minimise: should be text in quotes, not 3"),
        ('measured = ["X0", "X1", "X2", "X3"]\n', "", "measured: is missing"),
        ("X1 / X2 >= 4", "X1 / X2 >= X3",
         "constraints.2.within: within must be two numbers; 'X3' is text"),
        ("X1 / X2 >= 4", "X1 / X2",
         "constraints[2]: 'X1 / X2 +/- 0.3' is not understood; write 'X1 in [0.9, 1.0] +/- "
         "0.3', 'X1 >= 0.9 +/- 0.3' or 'X1 <= 0.9 +/- 0.3'"),
        ("X1 / X2 >= 4", "9 >= X1 / X2 <= 4",
         "constraints[2]: '9 >= X1 / X2 <= 4 +/- 0.3' is not understood; write 'X1 in [0.9, 1.0] "
         "+/- 0.3', 'X1 >= 0.9 +/- 0.3' or 'X1 <= 0.9 +/- 0.3'"),
        ("X1 / X2 >= 4", "X1 / X2 >= 4 %",
         "constraints[2]: 'X1 / X2 >= 4 % +/- 0.3' has some of its numbers in % and some not; "
         "write all of them in one way"),
        ("[0.9, 1.0]", "[1.0, 0.9]",
         "constraints.1.within: lower 1 is above upper 0.9; did you mean [0.9, 1]?"),
        ("[0.9, 1.0]", "[-inf, inf]",
         "constraints.1.within: is open on both sides and so bounds nothing"),
        ("+/- 0.3\",\n]", "+/- 0\",\n]",
         "constraints.2.tolerance: tolerance cannot be 0: the search follows the slope that it "
         "gives; for an edge that is nearly hard take a small one such as 0.01"),
        ("+/- 0.3\",\n]", "+/- much\",\n]",
         "constraints.2.tolerance: tolerance must be a number; 'much' is text"),
        ("budget = 100", "budget = 0", "budget: should be a number of at least 1, not 0"),
        ("budget = 100", 'budget = "100"', "budget: should be a whole number, not '100'"),
        ("budget = 100", "budget = 100\nstop.patience = -1",
         "stop.patience: should be a number of at least 1, not -1"),
        ("budget = 100", "budget = 100\noptimiser.p = 1.5",
         "optimiser.p: should be a number of at most 1, not 1.5"),
        ("budget = 100", "budget = 100\noptimiser.pp = 0.5",
         "optimiser.pp: is not a setting; did you mean 'p'? Allowed: engine, model, p, confidence"),
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
        ("[100, 150]", "[100, nan]", "variables.T.range: range must be two numbers; nan is no "
         "number"),
        ("[100, 150]", "[100, true]", "variables.T.range: range must be two numbers; true is no "
         "number"),
        ("[100, 150]", "[1979-05-27, 150]",
         "variables.T.range: range must be two numbers; 1979-05-27 is no number"),
        ("budget = 100", "budget = true", "budget: should be a whole number, not true"),
        ("[100, 150]", "[100]", "variables.T.range: range must be two numbers; it has 1"),
        ("[100, 150]", '"100-150"',
         "variables.T.range: range must be two numbers; '100-150' is text"),
        ("{ range = [100, 150], unit", "{ rnage = [100, 150], range = [100, 150], unit",
         "variables.T.rnage: is not a setting; did you mean 'range'? "
         "Allowed: range, unit, of, step, resolution, values, choices, descriptors"),
        ('T      = { range = [100, 150], unit = "degC" }', "T = 100",
         "variables.T: should be a table, not 100"),
        ("T      =", '"T-1" =',
         "variables: 'T-1' is not a name; use Latin or Greek letters, digits and _, and no word "
         "that means something in expressions"),
        ("V = 300", "V = 300\nX1 = 3", "fixed: 'X1' is already a name under measured"),
        ('of = "F_sult / F_C60"', 'of = "X1 / F_C60"',
         "limits.flow_ratio: 'X1' in 'X1 / F_C60' is known only once an experiment is measured"),
        ("[0.5, 2.0]", "[2.0, 2.0]",
         "limits.flow_ratio.within: both bounds are 2; a limit needs room between them"),
        ("[0.5, 2.0]", "[90, inf]",
         "limits.flow_ratio: nothing can satisfy it: with the ranges given, F_sult / F_C60 runs "
         "from 0.0429 to 23.3, but you ask for at least 90.0"),
        ("F_sult / F_C60\"", "F_sult / 0\"", "limits.flow_ratio: 'F_sult / 0' divides by 0"),
        ("F_sult / F_C60\"", "F_sult / 2 F_C60\"",
         "limits.flow_ratio: 'F_sult / 2 F_C60': between '2' and 'F_C60' an operator is missing; "
         "write '2 * F_C60' to multiply"),
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
    assert text.startswith("there is no such file; built-in are ")
    assert ", walker-i, walker-ii," in text
    (tmp_path / "old.toml").write_bytes('title = "µL"'.encode("latin-1"))
    assert sentences(Problem.load, tmp_path / "old.toml") == [
        "is not UTF-8 text: line 1 holds the byte 0xb5, in Latin-1 or Windows-1252 'µ'; "
        "save it as UTF-8"
    ]
    assert sentences(Problem.load, tmp_path) == ["is a folder; name a file in it"]


def test_a_letter_that_may_be_two_units_is_not_guessed(tmp_path):
    (tmp_path / "problem.toml").write_text(
        'minimise = "a"\nmeasured = ["a"]\n[variables]\nt = { range = [1, 2], unit = "C" }\n'
    )
    assert sentences(Problem.load, tmp_path / "problem.toml") == [
        "variables.t.unit: 'C' may be degC or coulomb; write the one it is"
    ]


@pytest.mark.parametrize(
    ("window", "cure"),
    [("a >= 0.9", "+/- 0.03"), ("a <= 40 %", "+/- 3%"), ("0 <= a <= 2e-3", "+/- 0.0003")],
)
def test_what_is_told_to_write_is_a_window(window, cure):
    with pytest.raises(ValueError, match="has no tolerance") as refused:
        read_window(window)
    told = str(refused.value).split("write '")[1].split("'")[0]
    assert told == f"{window} {cure}"
    assert read_window(told)["tolerance"] > 0


def test_windows_editors(tmp_path):
    path = tmp_path / "run3.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RUN_3.replace("\n", "\r\n").encode())
    assert Problem.load(path) == Problem.load(str(path))


def test_python_gets_the_same_sentences():
    with pytest.raises(ProblemError) as caught:
        Problem(**PYTHON_3 | {"variables": {"T": (150, 100), "F_C60": (3, 70), "F_sult": (3, 70)}})
    assert str(caught.value) == f"problem: 1 problem\n  {TEN['bounds swapped'][1]}"


# ---- errors must be fast -------------------------------------------------------------------------


def test_importing_problem_imports_nothing_heavy():
    code = (
        "import sys, reactune.analysis.problem.model;"
        "heavy = {'pandas', 'bluesky', 'tiled', 'scipy', 'matplotlib', 'ophyd', 'databroker'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + 2000 * "[" + 2000 * "]", "is nested too deeply"),
        ("budget = " + 5000 * "9", "has an integer of thousands of digits"),
        ('title = "' + 2_000_000 * "x" + '"', "has 2.0 MB, and never needs more than 0.1 MB"),
    ],
)
def test_absurd_files_are_refused_in_a_sentence_and_soon(tmp_path, text, sentence):
    path = tmp_path / "absurd.toml"
    path.write_text(text)
    start = time.process_time()
    (told,) = sentences(Problem.load, path)
    assert sentence in told
    assert time.process_time() - start < 1.0
    assert len(told) < 1000


def test_control_characters_never_reach_the_terminal(load):
    (told,) = sentences(load, ("rich in", "rich\\u001b[2J"))
    assert (
        told
        == "title: 'Run III: rich\\x1b[2J the first adduct' has control characters; delete them"
    )


def test_a_percent_sign_is_not_put_to_what_is_a_number_of_percent():
    stated = {
        "maximise": "y", "measured": ["y"], "variables": {"load": {"range": (1, 20), "unit": "%"}},
    }  # fmt: skip
    with pytest.raises(ProblemError) as caught:
        Problem(**stated, constraints=["load <= 5% +/- 1%"])
    assert caught.value.problems == [
        "constraints[1]: 'load <= 5% +/- 1%' says 0.01 for 1%, and load is a number of percent; "
        "leave the % signs out"
    ]
    assert Problem(**stated, constraints=["load <= 5 +/- 1", "y >= 90% +/- 1%"]).windows
    flows = {name: {"range": (10, 99), "unit": "uL/min"} for name in ("flow_a", "flow_b")}
    share = {"share": {"of": "flow_a / (flow_a + flow_b)", "unit": "%"}}
    stated |= {"variables": flows, "define": share}
    with pytest.raises(ProblemError, match="and share is a number of percent; leave the % signs"):
        Problem(**stated, constraints=["share <= 40% +/- 1%"])
    (window,) = Problem(**stated, constraints=["share <= 40 +/- 1"]).constraints
    assert window.expression({"flow_a": 40, "flow_b": 60}) == 40


def test_a_window_of_percent_on_fractions_is_named():
    stated = {"maximise": "y", "measured": ["y", "z"], "variables": {"x": (0, 1)}}
    stated |= {"constraints": ["y + z >= 80 +/- 5", "y / z >= 80 +/- 5", "z <= 1.2 +/- 0.1"]}
    assert Problem(**stated).windows
    with pytest.raises(ProblemError) as caught:
        Problem(**stated, kind="fractions")
    assert caught.value.problems == [
        "constraints[1]: nothing can come near it: of fractions, which are from 0 to 1, y + z runs "
        "from 0 to 2.00, but you ask for y + z >= 80; 80 of a hundred are 0.8, or 80%"
    ]


def test_the_name_of_a_suggestions_number_is_taken():
    stated = {"maximise": "y", "measured": ["y"], "variables": {"_id": (0, 1)}}
    with pytest.raises(ProblemError, match="'_id' is what suggestions call their number"):
        Problem(**stated)


def test_a_greek_name_stands_in_quotes(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('maximise = "y"\nmeasured = ["y"]\n[variables]\nα = [0, 1]\n')
    with pytest.raises(ProblemError, match="a name with other letters than a to z stands in quote"):
        Problem.load(path)
    path.write_text(path.read_text().replace("α =", '"α" ='))
    assert list(Problem.load(path).variables) == ["α"]


def test_what_stands_below_a_table_is_told_to_be_moved_up():
    variables = {"T": {"range": [20, 80]}, "constraints": ["y >= 1 +/- 0.1"], "title": "late"}
    with pytest.raises(ProblemError) as error:
        Problem.load({"minimise": "y", "measured": ["y"], "variables": variables})
    assert error.value.problems == [
        f"{key} stands below [variables], and is of that table then: move it up, above the first "
        "[table] of the file"
        for key in ("constraints", "title")
    ]
