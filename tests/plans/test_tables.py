"""Without a rig: the table is the state, through the command line."""

import csv
import json
import math
import random
from pathlib import Path

import pytest

from reactune.analysis.report import figures
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from tests.plans.by_hand import PROBLEM, asked, fill


def test_a_campaign_by_hand_from_an_empty_table_to_its_summary(place, capsys, drawn) -> None:
    table = place / "results.csv"
    for _ in range(4):
        asks = asked(capsys, "-n", "5")
        assert len(asks) == 5
        fill(table)
    assert main(["show", "snar.toml", "results.csv", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    best = summary["best_feasible"]
    assert (summary["mark"], summary["n"], summary["simulated"]) == ("FROM A TABLE", 20, False)
    assert best["probability_feasible"] >= 0.5
    goal = "60 * product * c_sm / tau"
    assert best["expected"][goal] > 10
    assert best["measured"].keys() == {"product", "sm", "bis", goal}
    page = (place / "runs" / "reports" / f"{summary['uid'][:8]}.html").read_text()
    assert page.count("<svg ") == 2  # a table has no traces
    assert ">given<" not in page
    with Catalogue(place / "runs") as catalogue:
        picture = figures.overview(catalogue[summary["uid"]])
    assert len(picture.axes) == 3  # a goal and a merit on one of two places
    assert "nan" not in " ".join(text.get_text() for text in picture.texts)
    # the run of the table is one of the catalogue's
    assert main(["show", summary["uid"][:8], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert main(["runs"]) == 0
    assert "table" in capsys.readouterr().out


def test_asking_twice_keeps_what_is_outstanding_and_answers_alike(place, capsys) -> None:
    first = asked(capsys, "-n", "4")
    text = (place / "results.csv").read_bytes()
    second = asked(capsys, "-n", "4")
    assert [ask["row"] for ask in first + second] == list(range(2, 10))
    assert (place / "results.csv").read_bytes().startswith(text)
    (place / "results.csv").write_bytes(text)
    assert asked(capsys, "-n", "4") == second
    (place / "results.csv").unlink()
    assert len(other := asked(capsys, "--seed", "9")) == 6  # what the models need to begin with
    assert other[:4] != first


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["show", "snar.toml"],
            "snar.toml is a problem; name its table as well: reactune show snar.toml results.csv",
        ),
        (
            ["show", "results.csv"],
            "results.csv is a table; name its problem before it: reactune show problem.toml "
            "results.csv",
        ),
        (
            ["ask", "results.csv", "snar.toml"],
            "the problem comes first, and then its table: reactune ask snar.toml results.csv",
        ),
        (
            ["show", "results.csv", "snar.toml"],
            "the problem comes first, and then its table: reactune show snar.toml results.csv",
        ),
        (
            ["ask", "results.csv", "other.csv"],
            "results.csv is a table, and a problem file belongs in its place",
        ),
    ],
)
def test_a_table_or_problem_that_is_forgotten_or_out_of_place_is_named(place, capsys, words, told):
    asked(capsys, "-n", "1")
    assert main(words) == 2
    assert capsys.readouterr().err == f"{told}\n"


def test_stop_says_whether_going_on_is_of_use(place, capsys) -> None:
    asked(capsys, "-n", "8")
    fill(place / "results.csv")
    assert main(["show", "snar.toml", "results.csv", "--stop"]) == 0
    assert "Go on: another experiment is of use." in capsys.readouterr().out
    Path("snar.toml").write_text(PROBLEM.replace("= 30", "= 8"))
    assert main(["show", "snar.toml", "results.csv", "--stop"]) == 0
    assert "Stop: budget: 8 of 8 experiments done." in capsys.readouterr().out
    Path("snar.toml").write_text(PROBLEM.replace("= 30", "= 7"))
    assert main(["show", "snar.toml", "results.csv", "--stop"]) == 0
    said = "Stop: the budget of 7 experiments is spent (8 done)."
    assert said in capsys.readouterr().out


FAILED_FIRST = """\
tau [min],equiv,temperature [degC],product,sm,bis,failed
2,2,60,,,,clogged
3,3,80,0.55,0.44,0.01,
"""


def test_nothing_is_the_best_while_all_have_failed(place, capsys) -> None:
    Path("results.csv").write_text(FAILED_FIRST)
    assert main(["show", "snar.toml", "results.csv"]) == 0
    with Catalogue(place / "runs") as catalogue:
        first, second = catalogue[-1].events("decision")
    assert (first["feasibility"], second["feasibility"]) == ("failed", "infeasible")
    assert math.isnan(first["best"])
    assert second["best"] == 3


def test_uncertainties_that_are_filled_in_later_are_kept(place, capsys) -> None:
    text = FAILED_FIRST.replace("bis,failed", "bis,failed,product_sd")
    for sd in ("", "0.02"):
        Path("results.csv").write_text(text.replace("0.01,\n", f"0.01,,{sd}\n"))
        assert main(["show", "snar.toml", "results.csv"]) == 0
    with Catalogue(place / "runs") as catalogue:
        assert len(catalogue) == 2
        _, last = catalogue["last"].events("decision")
    assert last["product_sd"] == 0.02


SOLVENTS = """
minimise = "y"
measured = ["y"]
kind     = "real"
budget   = 60
[variables]
t       = { range = [0, 100] }
solvent = { choices = ["MeCN", "DMF"] }
"""


def test_a_row_without_a_place_does_not_keep_the_verdict_back(place, capsys) -> None:
    chance = random.Random(1)
    rows = []
    for i in range(30):
        t, solvent, more = round(100 * (i * 0.618 % 1), 1), ("DMF", "MeCN")[i % 2], (1, 0)[i % 2]
        y = (t - 50) ** 2 / 500 + more + chance.gauss(0, 0.05)
        rows.append(f"{t},{solvent},{y:.3f}")
    Path("solvents.toml").write_text(SOLVENTS)
    Path("results.csv").write_text("\n".join(["t,solvent,y", "50,DCM,0.7", *rows, ""]))
    assert main(["show", "solvents.toml", "results.csv", "--stop"]) == 0
    assert "Stop: converged: a further experiment" in capsys.readouterr().out


def test_a_best_that_may_not_be_set_today_is_said_to_be(place, capsys) -> None:
    asked(capsys, "-n", "8")
    with Path("results.csv").open("a") as file:
        file.write("0.4,1,120,0.97,0.029,0.001,\n")
    fill(place / "results.csv")
    assert main(["show", "snar.toml", "results.csv"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Outside experiment 10 is not to be set today: tau = 0.4 min is outside its" in said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["show", "snar.toml", "none.csv"], "there is no none.csv; reactune ask begins one"),
        (["show", "0123", "--stop"], "--stop is about a table; name PROBLEM and TABLE"),
        (["ask", "snar.toml", "."], ". is a folder; name a file in it"),
        (["ask", "none.toml", "results.csv"], "none.toml"),
        (["ask", "snar.toml", "x" * 300], "xxx cannot be used (File name too long): look"),
        (["show", "snar.toml", "x" * 300], "xxx cannot be used (File name too long)"),
        (["optimise", "walker-i", "--from", f"{'x' * 300}.csv"], "cannot be used (File name too "),
        (["optimise", "walker-i", "--from", "x" * 300], "cannot be used (File name too long)"),
    ],
)
def test_wrong_input_is_named(place, capsys, command, sentence) -> None:
    assert main(command) == 2
    assert sentence in capsys.readouterr().err


def test_what_goes_beyond_the_budget_is_said(place, capsys) -> None:
    """By hand whoever asks decides when to end."""
    Path("snar.toml").write_text(PROBLEM.replace("= 30", "= 7"))
    for more, said in ([], ""), ([], "3 more"), (["-n", "2"], "5 more"):
        assert main(["ask", "snar.toml", "results.csv", *more]) == 0
        out = capsys.readouterr().out
        assert said in out
        assert ("budget of 7." in out) == bool(said)


def test_what_is_printed_is_what_is_in_the_table(place, capsys) -> None:
    Path("p.toml").write_text(
        'maximise = "y"\nmeasured = ["y"]\nbatch = 3\n[variables]\n'
        "pressure = { range = [1000000, 1000100], unit = 'Pa' }\ngas = { choices = ['N2', 'Ar'] }\n"
    )
    assert main(["ask", "p.toml", "t.csv"]) == 0
    told = capsys.readouterr().out
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert any("." in row["pressure [Pa]"] for row in rows)
    for row in rows:
        assert f" {row['pressure [Pa]']}  " in told


def test_fewer_than_were_asked_for_are_said_to_be(place, capsys) -> None:
    Path("p.toml").write_text(
        'maximise = "y"\nmeasured = ["y"]\nbatch = 3\n[variables]\nT = { values = [20, 40, 60] }\n'
    )
    Path("t.csv").write_text("T,y\n20,1\n40,2\n")
    assert main(["ask", "p.toml", "t.csv"]) == 0
    assert (
        "1 in place of 3: no other was found that is not in the table." in capsys.readouterr().out
    )


def test_a_goal_that_cannot_be_computed_is_said_to_count_as_failed(place, capsys) -> None:
    Path("snar.toml").write_text(PROBLEM.replace("60 * product * c_sm / tau", "product / sm"))
    Path("t.csv").write_text(
        "tau,equiv,temperature,product,sm,bis\n1,2,40,0.6,0,0.4\n2,2,50,0.5,0.4,0\n"
    )
    assert main(["ask", "snar.toml", "t.csv"]) == 0
    told = capsys.readouterr().out
    assert "t.csv: 1 done, 1 failed, 4 outstanding." in told
    assert "Row 2: product / sm is inf, which counts as failed." in told


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("failed", "y"), "a table has a column failed of its own, for failures and uncertainties; "
         "call failed otherwise in the problem"),
        (("y_sd", "y"), "a table has a column y_sd of its own"),
        (("x", "best"), "measured: stored runs use best for something else; call it otherwise, for "
         "example best_1"),
    ],
)  # fmt: skip
def test_names_that_tables_have_themselves_begin_none(place, capsys, names, sentence) -> None:
    variable, measured = names
    Path("p.toml").write_text(
        f'maximise = "{measured}"\nmeasured = ["{measured}"]\n[variables]\n{variable} = [0, 1]\n'
    )
    assert main(["ask", "p.toml", "t.csv"]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("t.csv").exists()
