"""Quantities that are called like something that stored runs have themselves."""

import csv
import json
from pathlib import Path

import pytest

from reactune.plans.cli import main

PROBLEM = """
maximise = "{0}"
measured = ["{0}", "other"]
constraints = ["{0} <= 20 +/- 1"]
kind = "real"
[variables]
x = [0, 1]
"""


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["p", "time", "run", "number", "valid", "lab_time", "best_yield"])
def test_what_was_measured_is_shown_judged_and_exported_as_it_was(capsys, name):
    Path("p.toml").write_text(PROBLEM.format(name))
    assert main(["ask", "p.toml", "r.csv"]) == 0
    rows = read("r.csv")
    measured = [10 + 1.5 * i for i, _ in enumerate(rows)]
    for row, value in zip(rows, measured, strict=True):
        row |= {name: f"{value}", "other": "0.5"}
    with Path("r.csv").open("w", newline="") as file:
        (table := csv.DictWriter(file, rows[0])).writeheader()
        table.writerows(rows)
    capsys.readouterr()

    assert main(["show", "p.toml", "r.csv", "--json"]) == 0
    table_told = json.loads(capsys.readouterr().out)
    assert table_told["best"]["measured"] == {name: max(measured), "other": 0.5}
    assert table_told["best"]["expected"][name] == pytest.approx(max(measured), abs=1)
    assert main(["show", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == table_told

    page = next(Path("runs/reports").glob("*.html")).read_text("utf-8")
    assert f">{name}<" in page
    assert "14.5" in page
    assert main(["rescore", "last", "--problem", "p.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["measured"][name] == max(measured)
    assert main(["export", "last", "-o", "out.csv"]) == 0
    exported = read("out.csv")
    assert [float(row[name]) for row in exported] == measured
    assert not [title for title in exported[0] if title.startswith("told_")]  # it stands there once
