"""Percentages in a table whose problem does not say that they are fractions."""

import json
import re
from pathlib import Path

import pytest

from reactune.plans.cli import main

PERCENT = """\
minimise = "X3"
measured = ["X0", "X1", "X2", "X3"]
constraints = ["X1 + X2 in [0.9, 1.0] +/- 0.3"]
[variables]
temperature  = { range = [100, 150], unit = "degC" }
flow_c60     = { range = [10, 207],  unit = "uL/min" }
flow_sultine = { range = [10, 207],  unit = "uL/min" }
"""
IN_PERCENT = """\
temperature,flow_c60,flow_sultine,X0 [%],X1 [%],X2 [%],X3 [%]
120,100,100,5,75,19,1
130,90,100,3,65,29,3
110,90,100,9,75,15,1
"""
SAID = (
    "X0, X1, X2, X3 in percent: 5 is taken as 5, since the problem does not say that it is a "
    'fraction; with kind = "fractions" it would be 0.05.'
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))


def test_percentages_that_stay_so_are_said_and_never_taken_for_fractions(place, capsys):
    Path("p.toml").write_text(PERCENT)
    Path("t.csv").write_text(IN_PERCENT)
    for command in ("show", "ask"):
        assert main([command, "p.toml", "t.csv"]) == 0
        assert SAID in " ".join(capsys.readouterr().out.split())
        assert main([command, "p.toml", "t.csv", "--json"]) == 0
        out, err = capsys.readouterr()
        json.loads(out)
        assert SAID in " ".join(err.split())
    # what is stored are the numbers, which nobody takes for fractions of a rig
    more = ["--budget", "1", "--seed", "1"]
    assert main(["optimise", "p.toml", "--from", "last", *more]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "experiment 2: X0, X1, X2, X3 add up to 100, and fractions of a whole to 1; if a" in told
    assert main(["rescore", "last", "--problem", "walker-ii"]) == 2
    assert "experiment 2: X0, X1, X2, X3 add up to 100" in " ".join(capsys.readouterr().err.split())
    assert main(["rescore", "last", "--problem", "p.toml", "--json"]) == 0  # among themselves
    assert json.loads(capsys.readouterr().out)["best"]["measured"]["X1"] == 75
    # on the rig, and by the problem, they are fractions
    assert main(["optimise", "p.toml", "--from", "t.csv", "--json", *more]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["measured"]["X1"] < 1
    Path("amounts.csv").write_text(IN_PERCENT.replace("X3 [%]", "X3 [mM]"))
    assert main(["optimise", "p.toml", "--from", "amounts.csv", *more]) == 2
    assert "has X3 in mM, the rig in parts of a whole; bring" in capsys.readouterr().err
    for kind in ("real", "fractions"):
        Path("p.toml").write_text(f'kind = "{kind}"\n{PERCENT}')
        assert main(["show", "p.toml", "t.csv"]) == 0
        assert "in percent" not in capsys.readouterr().out
    assert main(["optimise", "p.toml", "--from", "last", "--json", *more]) == 0
    assert json.loads(capsys.readouterr().out)["n_known"] == 3


SELECTIVE = """\
maximise = "conv"
measured = ["conv", "sel"]
constraints = ["sel >= 90 % +/- 3 %"]
[variables]
flow = { range = [0.1, 2], unit = "mL/min" }
"""
SELECTED = "flow,conv,sel,sel_sd\n0.1,97,62,1\n0.5,80,85,1\n1,55,92,1\n2,30,96,1\n"


@pytest.mark.parametrize("kind", ["", 'kind = "positive"\n', 'kind = "real"\n'])
def test_what_a_window_in_percent_is_about_is_a_fraction(place, capsys, kind):
    Path("p.toml").write_text(kind + SELECTIVE)
    Path("t.csv").write_text(SELECTED)
    for command in (["ask", "p.toml", "t.csv"], ["show", "p.toml", "t.csv"]):
        assert main(command) == 2
        assert (
            "row 2: sel is 62, and its window is in percent: sel >= 0.9 is about a fraction of 1; "
            "write 62 %, or sel [%] as title, or the window without %"
        ) in " ".join(capsys.readouterr().err.split())
    for told in (
        SELECTED.replace("sel,", "sel [%],"),
        re.sub(r"(\d+),1\n", r"\1 %,1 %\n", SELECTED),
    ):
        Path("t.csv").write_text(told)
        assert main(["show", "p.toml", "t.csv", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["n_feasible"] == 2
        assert shown["best_feasible"]["measured"]["sel"] == 0.92
        assert shown["best_feasible"]["measured"]["conv"] == 55


def test_results_in_percent_beside_a_window_that_is_not_are_refused(place, capsys):
    Path("p.toml").write_text(SELECTIVE.replace(" %", ""))
    Path("t.csv").write_text(re.sub(r"(\d+),1\n", r"\1 %,1 %\n", SELECTED))
    assert main(["show", "p.toml", "t.csv"]) == 2
    assert (
        "row 2: sel has a percent sign, so it is 0.62, and its window is not in percent: "
        "sel >= 90; write the window in % or the results without"
    ) in " ".join(capsys.readouterr().err.split())
    Path("t.csv").write_text(SELECTED)  # both are numbers of percent
    assert main(["show", "p.toml", "t.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_feasible"] == 2
    # runs that are stored so are not judged by windows in percent
    Path("q.toml").write_text(SELECTIVE)
    assert main(["rescore", "last", "--problem", "q.toml"]) == 2
    assert "experiment 2: sel is 62, and its window is in percent" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_product_of_percentages_is_no_share(place, capsys):
    made = SELECTIVE.replace("sel >= 90 %", "conv * sel >= 50 %")
    Path("p.toml").write_text(made)
    Path("t.csv").write_text(SELECTED)
    assert main(["show", "p.toml", "t.csv"]) == 0
    assert (
        "conv * sel is 6014 in row 2, and its window is in percent: conv * sel >= 0.5 is about a "
        "fraction of 1"
    ) in " ".join(capsys.readouterr().out.split())


def test_fractions_under_titles_in_percent_are_said(place, capsys):
    Path("p.toml").write_text('kind = "fractions"\n' + PERCENT)
    cells = "120,100,100,.05,.75,.19,.01\n130,90,100,.03,.65,.29,.03\n"
    Path("t.csv").write_text(IN_PERCENT.splitlines()[0] + "\n" + cells)
    said = "add up to 1 % in every row: where the cells are fractions, delete % from the titles."
    assert main(["show", "p.toml", "t.csv"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    Path("t.csv").write_text(IN_PERCENT)
    assert main(["show", "p.toml", "t.csv"]) == 0
    assert said not in " ".join(capsys.readouterr().out.split())
