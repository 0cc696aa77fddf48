"""Solvents and other choices through the command line: words in the table, in what is shown."""

import csv
import json
import math
from pathlib import Path

import openpyxl
import pytest

from reactune.plans.cli import main

pytestmark = pytest.mark.usefixtures("drawn")

PROBLEM = """
schema      = 1
title       = "Amide: solvent, loading, T"
maximise    = "yield"
measured    = ["yield"]
budget      = 30
batch       = 4
[variables]
solvent     = { choices = ["THF", "MeCN", "DMF"] }
loading     = { range = [1, 10], unit = "mol%" }
temperature = { range = [30, 120], unit = "degC" }
"""
GOOD = {"THF": 0.5, "MeCN": 0.8, "DMF": 0.6, "MeOH": 0.1}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    Path("amide.toml").write_text(PROBLEM)
    return tmp_path


def a_yield(row) -> float:
    loading = float(row["loading [mol%]"] if "loading [mol%]" in row else row["loading"])
    heat = float(row["temperature [degC]"] if "temperature [degC]" in row else row["temperature"])
    return GOOD[row["solvent"]] * math.exp(-(((loading - 5) / 4) ** 2) - ((heat - 80) / 40) ** 2)


def fill(path: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        row["yield"] = row["yield"] or f"{a_yield(row):.4f}"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def asked(capsys, *more: str, table: str = "results.csv") -> list[dict]:
    capsys.readouterr()
    assert main(["ask", "amide.toml", table, "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_solvents_are_proposed_and_the_best_is_shown_everywhere(place, capsys) -> None:
    for _ in range(5):
        asks = asked(capsys)
        assert {ask["solvent"] for ask in asks} <= {"THF", "MeCN", "DMF"}
        rows = fill(place / "results.csv")
    assert {row["solvent"] for row in rows} == {"THF", "MeCN", "DMF"}
    assert main(["show", "amide.toml", "results.csv", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["best"]["conditions"]["solvent"] == "MeCN"
    assert summary["best"]["expected"]["yield"] > 0.75
    page = (place / "runs" / "reports" / f"{summary['uid'][:8]}.html").read_text()
    assert page.count("<td>MeCN</td>") == 1 + sum(
        row["solvent"] == "MeCN" for row in rows
    )  # once for the best: there are no windows
    # what is stored says the same, word for word
    assert main(["show", summary["uid"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert main(["show", "amide.toml", "results.csv"]) == 0
    told = capsys.readouterr().out
    assert f"  solvent{'MeCN':>71}" in told.splitlines()
    (journal,) = (p for p in (place / "runs" / "journal").glob("*.jsonl") if summary["uid"][:8] in
                  p.name)  # fmt: skip
    assert '"asked_solvent": {"dtype": "string"' in journal.read_text().replace(
        '"source": "reactune.analysis.sheets.documents", "shape": [], ', ""
    ).replace(":{", ": {").replace('":"', '": "')
    assert main(["replay", summary["uid"]]) == 2
    assert "is what a table held" in capsys.readouterr().err


def test_a_word_is_read_however_it_is_spelt_and_one_that_is_no_choice_is_kept(
    place, capsys
) -> None:
    asked(capsys, "-n", "6")
    fill(place / "results.csv")
    path = place / "results.csv"
    lines = path.read_text().replace("MeCN", "mecn ").splitlines()
    path.write_text("\n".join([*lines, "MeOH,5,60,0.1,", ""]))
    before = path.read_text()
    assert main(["ask", "amide.toml", "results.csv", "-n", "3"]) == 0
    told = capsys.readouterr().out
    assert "6 done, 0 failed, 3 outstanding, 1 not counted." in told
    assert "Row 8: solvent = 'MeOH' is none of its choices" in " ".join(told.split())
    assert path.read_text().startswith(before)
    assert "MeOH" not in path.read_text().removeprefix(before)


def test_decimal_commas_and_workbooks_keep_words(place, capsys) -> None:
    Path("amide.toml").write_text(PROBLEM.replace('"THF"', '"1.5 M HCl"').replace('"DMF"', '"2.5"'))
    Path("results.csv").write_text("solvent;loading;temperature;yield\n2.5;2,5;60;0,4\n")
    asked(capsys, "-n", "5")
    words = [line.partition(";")[0] for line in Path("results.csv").read_text().splitlines()[1:]]
    assert set(words) == {"1.5 M HCl", "MeCN", "2.5"}
    asked(capsys, "-n", "6", table="book.xlsx")
    sheet = openpyxl.load_workbook("book.xlsx").active
    assert {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)} == set(words)
    again = asked(capsys, "-n", "2", table="book.xlsx")
    assert [ask["row"] for ask in again] == [8, 9]


def test_what_shares_an_oven_has_one_temperature_a_batch(place, capsys) -> None:
    Path("amide.toml").write_text(PROBLEM.replace("[variables]", 'shared = ["temperature"]\n'
                                                  "[variables]"))  # fmt: skip
    for _ in range(3):
        asks = asked(capsys)
        assert len(asks) == 4
        assert len({ask["temperature"] for ask in asks}) == 1
        assert len({(ask["solvent"], ask["loading"]) for ask in asks}) == 4
        fill(place / "results.csv")


def test_few_combinations_are_asked_once_each_and_then_repeated_as_said(place, capsys) -> None:
    few = PROBLEM.replace('range = [1, 10], unit = "mol%"', "values = [1, 5]").replace(
        'range = [30, 120], unit = "degC"', "values = [60, 90]"
    )
    Path("amide.toml").write_text(few)
    asks = asked(capsys, "-n", "20")
    assert len({(a["solvent"], a["loading"], a["temperature"]) for a in asks}) == len(asks) == 12
    fill(place / "results.csv")
    assert main(["show", "amide.toml", "results.csv", "--stop"]) == 0
    assert "Stop: " in capsys.readouterr().out
    (again,) = asked(capsys, "-n", "1")
    assert again["solvent"] == "MeCN"
    assert again["why"] == "replicate: all 12 points that can be set have been tried"


def test_a_rig_refuses_them_in_one_sentence(place, capsys) -> None:
    assert main(["check", "amide.toml", "--rig", "walker"]) == 2
    assert (
        "variables.solvent: the rig does not carry THF, MeCN or DMF; say under [choices.solvent] "
        "of the rig file which stream or valve position each is, or do the experiments by hand"
    ) in " ".join(capsys.readouterr().err.split())
