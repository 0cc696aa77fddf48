"""Stored runs as tables for other programs, through the command line.

The runs are those of `test_stored_by_0_1`: eight simulated experiments of run II, four of run V.
"""

import csv
import json
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from reactune.plans.cli import main

STORED = Path(__file__).parent / "stored" / "version-0.1.0.tar.xz"
II, V = "8dbdecb4", "31c1799c"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The stored catalogue, to be read only."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(STORED) as archive:
        archive.extractall(folder, filter="data")
    return str(folder / "reactune")


def events(folder: str, uid: str, stream: str) -> list[dict]:
    """Read a stream with nothing but the journal's lines."""
    (path,) = Path(folder).glob(f"journal/*{uid}*")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    docs = [(line["name"], line["doc"]) for line in lines if "name" in line]
    mine = {d["uid"] for name, d in docs if name == "descriptor" and d["name"] == stream}
    return [d["data"] for name, d in docs if name == "event" and d["descriptor"] in mine]


def exported(old: str, path: Path) -> Path:
    assert main(["export", II, V, "-o", str(path), "--catalogue", old]) == 0
    return path


def test_a_csv_has_every_experiment_to_the_last_bit(old, tmp_path):
    rows = list(csv.DictReader(exported(old, tmp_path / "both.csv").read_text().splitlines()))
    facts = [data for uid in (II, V) for data in events(old, uid, "primary")]
    decided = [data for uid in (II, V) for data in events(old, uid, "decision")]
    assert len(rows) == len(facts) == 12
    for row, fact, decision in zip(rows, facts, decided, strict=True):
        assert float(row["asked_temperature [degC]"]) == fact["asked_temperature"]
        assert float(row["flow_c60 [uL/min]"]) == fact["flow_c60"]
        assert float(row["X3"]) == decision["X3"]
        assert float(row["X1 + X2"]) == decision["F_1"]
        assert row["feasibility"] == decision["feasibility"]
        assert row["why"] == decision["why"]
        assert row["origin"] == "SIMULATED"
    assert [row["run"][:8] for row in rows] == [II] * 8 + [V] * 4
    assert rows[0]["X1 / X2"] == ""  # run II has no such window
    assert not any("trace" in title for title in rows[0])


def test_a_workbook_has_problem_and_provenance_on_sheets_of_their_own(old, tmp_path):
    book = load_workbook(exported(old, tmp_path / "both.xlsx"))
    assert book.sheetnames == ["experiments", "problem", "provenance"]
    head, *rows = book["experiments"].iter_rows(values_only=True)
    assert "residence_time [min]" in head
    assert len(rows) == 12
    assert all(type(row[head.index("X3")]) is float for row in rows)
    assert all(row[head.index("valid")] is True for row in rows)
    problem = {row[0]: row[1:] for row in book["problem"].iter_rows(values_only=True)}
    assert [uid[:8] for uid in problem["run"]] == [II, V]
    assert problem["minimise"] == ("X3", "X3")
    assert "1.5" in problem["constraints"][1]
    provenance = {row[0]: row[1:] for row in book["provenance"].iter_rows(values_only=True)}
    assert provenance["origin"] == ("SIMULATED", "SIMULATED")
    assert provenance["seed"][1] == 7
    assert provenance["version of reactune"] == ("0.1.0", "0.1.0")
    assert provenance["reason"][1] == "budget: 4 of 4 experiments done"


def test_a_text_is_never_a_formula(tmp_path):
    from reactune.analysis.report.export import Export, write

    frame = pd.DataFrame({"why": ["=1+1", "a\x07b"], "x": [1.0, float("nan")]})
    write(Export(frame, {"u": {"title": "=2"}}, {"u": {}}), tmp_path / "it.xlsx")
    sheet = load_workbook(tmp_path / "it.xlsx")["experiments"]
    assert [cell.data_type for cell in sheet["A"]] == ["s", "s", "s"]
    assert sheet["A2"].value == "=1+1"
    assert sheet["B3"].value is None


def test_a_parquet_file_is_the_same_table(old, tmp_path):
    frame = pd.read_parquet(exported(old, tmp_path / "both.parquet"))
    plain = pd.read_csv(exported(old, tmp_path / "both.csv"))
    assert list(frame) == list(plain)
    assert frame["X3"].tolist() == plain["X3"].tolist()
    (ii, v) = frame.attrs["provenance"].values()
    assert (ii["origin"], v["seed"]) == ("SIMULATED", 7)
    assert list(frame.attrs["problem"].values())[1]["minimise"] == "X3"


def test_nothing_is_overwritten_unasked(old, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    path.write_text("precious")
    assert main(["export", II, "-o", str(path), "--catalogue", old]) == 2
    assert "mine.csv is there already" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert main(["export", II, "-o", str(path), "--overwrite", "--catalogue", old]) == 0
    assert "8 experiments" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("uid", "name", "text"),
    [
        (II, "it.ods", "end it in .csv, .xlsx, .parquet"),
        (II, "none/it.csv", "cannot be written"),
        ("abcd", "it.csv", "abcd"),
    ],
)
def test_what_cannot_be_written_is_said(old, tmp_path, capsys, uid, name, text):
    assert main(["export", uid, "-o", str(tmp_path / name), "--catalogue", old]) == 2
    out, err = capsys.readouterr()
    assert text in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []
