"""``reactune new``: five answers make a problem file and a table that can be asked at once."""

import csv
import io
import resource
import signal
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.model import Problem
from reactune.plans.cli import main
from reactune.plans.drafts.problem import ProblemDraft

OPTIONS = {
    "--variable": ["tau 0.5 to 10 min", "temperature from 30..120 degC in steps of 5"],
    "--measured": ["product, sm"],
    "--goal": ["Maximize product / tau"],
    "--window": ["product >= 0.9 +/- 0.05"],
    "--budget": ["24, 4 at once"],
}


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))


def arguments(**changed) -> list[str]:
    options = OPTIONS | {f"--{name}": value for name, value in changed.items()}
    return [word for name, texts in options.items() for text in texts for word in (name, text)]


def typed(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_what_it_writes_is_checked_and_asked_at_once(capsys):
    assert main(["new", "snar.toml", *arguments()]) == 0
    assert "Next:    reactune ask snar.toml results.csv" in capsys.readouterr().out
    problem = Problem.load("snar.toml")
    assert (problem.aims[0].verb, problem.goal.text) == ("maximise", "product / tau")
    assert problem.variables["temperature"].step == 5
    assert (problem.budget, problem.batch, problem.title) == (24, 4, "snar")
    text = Path("snar.toml").read_text()
    assert max(map(len, text.splitlines())) <= 90
    assert main(["check", "snar.toml"]) == 0
    assert "product at least 0.9; values down to 0.85" in capsys.readouterr().out
    assert main(["ask", "snar.toml", "results.csv", "-n", "3"]) == 0
    rows = list(csv.DictReader(Path("results.csv").read_text().splitlines()))
    assert len(rows) == 3
    assert rows[0].keys() >= {"tau [min]", "temperature [degC]", "product", "sm", "failed"}


def test_a_full_disk_leaves_nothing_that_is_in_the_way_of_the_next_attempt(capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        assert main(["new", "snar.toml", *arguments()]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "snar.toml cannot be used (File too large)" in capsys.readouterr().err
    assert list(Path().iterdir()) == []
    assert main(["new", "snar.toml", *arguments()]) == 0


def test_questions_are_asked_until_the_answers_make_sense(monkeypatch, capsys):
    typed(
        monkeypatch,
        *("", "flow", "flow 10 to 1 mL/min", "flow 0.1 \u2013 2 mL/min", "flow 1 to 3", ""),
        *("", "yield"),
        *("best yield", "maximise yeild", "maximise yield"),
        *("yield >= 3", ""),
        *("many", "12"),
    )
    assert main(["new", "mine"]) == 0
    told = capsys.readouterr().err
    assert max(len(line.removeprefix("> ")) for line in told.splitlines()) <= 80
    asked = " ".join(told.split())
    for sentence in (
        "There has to be an answer.",
        "'flow' gives no range; write it as in temperature 20 to 80 degC",
        "variables.flow.range: lower 10 is above upper 1; did you mean [1, 10]?",
        "flow was there already, and is now as you say here",
        "'best yield' says not whether to maximise or minimise",
        "did you mean 'yield'?",
        "'yield >= 3' has no tolerance",
        "'many' is no number of experiments",
    ):
        assert sentence in asked
    flow = Problem.load("mine.toml").variables["flow"]
    assert (flow.range, flow.unit) == ((1, 3), "")
    assert asked.count("for example:") == 5
    assert main(["check", "mine.toml"]) == 0


def test_only_what_is_not_given_is_asked(monkeypatch, capsys):
    typed(monkeypatch, "minimise y")
    some = ["--variable", "x 0 to 1", "--measured", "y", "--window", "", "--budget", "9"]
    assert main(["new", *some]) == 0
    assert capsys.readouterr().err.count("for example:") == 1
    assert Problem.load("problem.toml").budget == 9
    typed(monkeypatch)
    assert main(["new", "other", "--table", "other.csv", *some]) == 2
    assert "the input ended before this was answered; give --goal" in capsys.readouterr().err
    assert not Path("other.toml").exists()


def test_nothing_is_overwritten(capsys):
    Path("results.csv").write_text("mine\n")
    assert main(["new", "snar", *arguments()]) == 2
    told = capsys.readouterr().err
    assert told == (
        "results.csv is there already, and is not overwritten; name another with --table\n"
    )
    assert not Path("snar.toml").exists()
    assert main(["new", "snar", "--table", "t.xlsx", *arguments()]) == 0
    before = Path("snar.toml").read_bytes()
    assert main(["new", "snar.toml", "--table", "u.csv", *arguments()]) == 2
    assert Path("snar.toml").read_bytes() == before
    assert not Path("u.csv").exists()
    capsys.readouterr()
    assert main(["new", "same.toml", "--table", "./same.toml", *arguments()]) == 2
    assert "same.toml cannot be both problem and table; give each a file" in capsys.readouterr().err
    assert not Path("same.toml").exists()
    assert Path("results.csv").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"variable": ["tau"]}, "'tau' gives no range"),
        (
            {"variable": ["light 20, 40, 60 %"]},
            "'light 20, 40, 60 %' lacks a colon after the name; write light: 20, 40, 60 %",
        ),
        ({"variable": ["x 1 to 2", "x 1 to 3"]}, "x is there already; call this one otherwise"),
        ({"variable": ["x: 20, 40 C"]}, "'C' may be degC or coulomb; write the one it is"),
        (
            {"goal": ["maximise STY"]},
            "temperature. If it is measured, name it as such; if it follows from these, name "
            "another now, and say in the file, under [define], how",
        ),
        ({"variable": ["x 1 to 2 apples"], "goal": ["maximise product"]}, None),
        ({"measured": [""]}, "name at least one quantity"),
        ({"goal": ["product"]}, "says not whether to maximise or minimise"),
        ({"window": ["ee >= 0.9 +/- 0.1"]}, "'ee' is not known here"),
        ({"budget": ["0"]}, "budget"),
        ({"budget": ["1e3"]}, "'1e3' is no number of experiments; write it as in 30, or 30, 4"),
        ({"budget": ["30.5"]}, "'30.5' is no number of experiments"),
        ({"budget": ["30 experiments, 4 at once"]}, None),
        ({"variable": ["x 20 to 1e400"]}, "1e400 is beyond 1e+100, where nobody can compute any"),
        ({"variable": ["x 20 to 80 by 5"]}, "'by 5' is no unit; steps are written as in "),
        ({"variable": ["x 20 to 80 1/min"], "goal": ["maximise product"]}, None),
        ({"variable": ["temp 20..80 C"]}, "'C' may be degC or coulomb; write the one it is"),
        ({"window": ["product > 90%"]}, "write 'product > 90% +/- 3%'"),
        ({"variable": ["x 1,000 to 2,000 rpm"]}, "1,000 may be 1000 or 1.000; write the one it is"),
        ({"window": ["product >= 0,9 +/- 0,1"]}, "'0,9' is text; write decimals with a point"),
        ({"window": ["product >= 0.9 +- 0.1"]}, None),
    ],
)
def test_options_are_checked_like_answers(capsys, changed, sentence):
    assert main(["new", "snar.toml", *arguments(**changed)]) == (2 if sentence else 0)
    assert (sentence or "") in capsys.readouterr().err
    assert Path("snar.toml").exists() == (sentence is None)


@pytest.mark.parametrize(
    ("listed", "stated"),
    [
        ("20, 40, 60, 80, 100 %", {"values": (20, 40, 60, 80, 100), "unit": "%"}),
        ("80 degC, 40 degC", {"values": (40, 80), "unit": "degC"}),
        ("1, 2, 4", {"values": (1, 2, 4)}),
        ("0.5, 1 equiv", {"values": (0.5, 1), "unit": "equiv"}),
        ("0.1 M HCl, 0.2 M HCl", {"choices": ("0.1 M HCl", "0.2 M HCl")}),
        ("20 %, dry", {"choices": ("20 %", "dry")}),
        ("1 M, 2 mM", {"choices": ("1 M", "2 mM")}),
        ("THF, MeCN", {"choices": ("THF", "MeCN")}),
        ("2-MeTHF, 1,4-dioxane,DMF", {"choices": ("2-MeTHF", "1,4-dioxane", "DMF")}),
        ("THF,2-MeTHF", {"choices": ("THF", "2-MeTHF")}),
    ],
)
def test_a_list_of_numbers_in_one_unit_is_of_values_and_one_of_words_is_of_choices(listed, stated):
    words = arguments(variable=[f"light: {listed}"], goal=["maximise product"])
    assert main(["new", "snar.toml", *words]) == 0
    light = Problem.load("snar.toml").variables["light"]
    found = {"values": light.values, "choices": light.choices, "unit": light.unit}
    assert {key: value for key, value in found.items() if value} == stated


@pytest.mark.parametrize("window", ["-tau >= -20 +/- 2", "-tau>=-20+/-2", "-h * tau >= -20 +/- 2"])
def test_a_window_may_begin_with_a_dash(capsys, window):
    h = ["--variable", "h 1 to 2"] if "h" in window else []
    assert main(["new", "snar.toml", *arguments(window=[window]), *h]) == 0
    (stated,) = Problem.load("snar.toml").windows
    assert (stated.of, stated.lower) == (window.partition(">")[0].strip(), -20)


def test_an_option_without_its_value_takes_no_other_option_for_it(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["new", "snar.toml", "--window", "--goal", "maximise product"])
    assert ended.value.code == 2
    assert "argument --window: expected one argument" in capsys.readouterr().err


def test_a_name_that_is_none_is_told_once(capsys):
    assert main(["new", "snar.toml", *arguments(variable=["conc. 1 to 2 M"])]) == 2
    told = capsys.readouterr().err
    assert told.startswith("variables: 'conc.' is not a name; use Latin or Greek letters, digits")
    assert told.count("conc.") == 1


NAMES = st.text("abcxyz_\u03b1\u03b2\u03c4", min_size=2, max_size=6).filter(str.isidentifier)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: float(f"{x:.6g}"))


@settings(deadline=None, max_examples=50)
@given(
    name=NAMES,
    pair=st.tuples(NUMBERS, NUMBERS).filter(lambda p: p[0] < p[1]),
    unit=st.sampled_from(["", "min", "\u00b5L/min", "a.u.", 'a "label"']),
    title=st.text(max_size=20).filter(lambda t: t.isprintable()),
)
def test_what_is_written_says_what_was_answered(name, pair, unit, title):
    draft = ProblemDraft(title)
    draft.answer("variable", f"{name} {pair[0]!r} to {pair[1]!r} {unit}")
    draft.answer("measured", "result")
    draft.answer("goal", "minimise result")
    draft.answer("budget", "30")
    written = tomllib.loads(draft.text(Path("a b.toml"), Path("t.csv")))
    variable = Problem.load(written).variables[name]
    assert variable.range == pair
    assert variable.unit == unit
    assert Problem.load(written).title == title
