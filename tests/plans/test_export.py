"""Stored runs as tables for other programs, through the command line.

The runs are those of `test_stored_by_0_1`: eight simulated experiments of run II, four of run V.
"""

import copy
import csv
import dataclasses
import json
import math
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from openpyxl import load_workbook
from ord_schema import validations
from ord_schema.proto import dataset_pb2

from reactune.analysis.report.ord import on_record, ord_of, unnamed
from reactune.analysis.report.table import Campaign
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage
from reactune.plans.cli import main
from tests.plans.catalysts import tables

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


def exported(old: str, path: Path, *uids: str) -> Path:
    assert main(["export", *(uids or (II, V)), "-o", str(path), "--catalogue", old]) == 0
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


def test_a_text_longer_than_a_cell_is_not_cut_off(tmp_path):
    from reactune.analysis.report.export import Export, write
    from reactune.analysis.sheets.sheet import SheetError

    export = Export(pd.DataFrame({"x": [1.0]}), {}, {"u": {"method": "m" * 40000}})
    with pytest.raises(SheetError, match=r"provenance, method: a text of 40000 .* \.parquet or"):
        write(export, tmp_path / "it.xlsx")
    assert not (tmp_path / "it.xlsx").exists()


def test_a_parquet_file_is_the_same_table(old, tmp_path):
    frame = pd.read_parquet(exported(old, tmp_path / "both.parquet"))
    plain = pd.read_csv(exported(old, tmp_path / "both.csv"))
    assert list(frame) == list(plain)
    assert frame["X3"].tolist() == plain["X3"].tolist()
    (ii, v) = frame.attrs["provenance"].values()
    assert (ii["origin"], v["seed"]) == ("SIMULATED", 7)
    assert list(frame.attrs["problem"].values())[1]["minimise"] == "X3"


ANNA = "Anna Beck <anna@lab.org>"


def test_a_dataset_of_the_ord_is_valid_by_its_own_validator(old, tmp_path, capsys):
    path = tmp_path / "run.ord"
    assert main(["export", V, "-o", str(path), "--by", ANNA, "--catalogue", old]) == 0
    assert "c60, sultine, X0, X1, X2, X3 only by these names" in capsys.readouterr().err
    dataset = dataset_pb2.Dataset.FromString(path.read_bytes())
    strict = validations.ValidationOptions(validate_ids=True, require_provenance=True)
    assert validations.validate_message(dataset, options=strict).errors == []
    assert "SIMULATED" in dataset.description
    table = pd.read_csv(exported(old, tmp_path / "it.csv", V))
    table = table[table["valid"]]
    assert len(dataset.reactions) == len(table) > 0
    for reaction, (_, row) in zip(dataset.reactions, table.iterrows(), strict=True):
        assert f"experiment {row['number']} of" in reaction.notes.procedure_details
        assert reaction.inputs["c60"].flow_rate.value == pytest.approx(row["flow_c60 [uL/min]"])
        (reagent,) = reaction.inputs["c60"].components
        used = 2.775 * row["flow_c60 [uL/min]"] * row["residence_time [min]"]
        assert reagent.amount.moles.value == pytest.approx(used)  # nmol, since mM uL
        (outcome,) = reaction.outcomes
        found = {p.identifiers[0].value: p.measurements[0].float_value for p in outcome.products}
        assert found["X3"].value == pytest.approx(row["X3"])
        assert found["X3"].precision == pytest.approx(row["X3_sd"])


def named(uid, compounds, old):
    """A stored campaign whose rig file names compounds."""
    with Catalogue(old) as catalogue:
        campaign = Campaign.of(lineage(catalogue, uid))
    start = copy.deepcopy(dict(campaign.run.start))
    start["rig"]["file"]["compounds"] = compounds
    run = SimpleNamespace(uid=campaign.run.uid, start=start)
    return dataclasses.replace(campaign, run=run)


def test_compounds_are_called_as_the_rig_file_has_them(old):
    c60 = {"name": "fullerene", "cas": "99685-96-8"}
    compounds = {"c60": c60, "X0": c60, "solvent": {"smiles": "Clc1ccccc1Cl"}}
    campaign = named(V, compounds, old)
    assert unnamed([campaign]) == ["sultine", "X1", "X2", "X3"]
    first = dataset_pb2.Dataset.FromString(ord_of([campaign], ANNA)).reactions[0]
    reagent, solvent = first.inputs["c60"].components
    assert [i.value for i in reagent.identifiers] == ["99685-96-8", "fullerene"]
    assert solvent.identifiers[0].value == "Clc1ccccc1Cl"
    roles = [product.reaction_role for product in first.outcomes[0].products]
    assert roles[0] != roles[1]  # what is left of the reactant is no product


def test_an_experiment_whose_facts_are_lost_is_no_record(old):
    campaign = named(V, {}, old)
    table = campaign.table.copy()
    table.loc[2, [name for name in table if name.startswith(("asked_", "flow_"))]] = math.nan
    damaged = dataclasses.replace(campaign, table=table)
    assert list(on_record(damaged).index) == [n for n in on_record(campaign).index if n != 2]


@pytest.mark.parametrize(("way", "carrying"), [("streams", {"pd", "ni"}), ("valve", {"catalyst"})])
def test_of_a_choice_the_ord_is_told_what_has_flowed(bench, capsys, way, carrying):
    bench(tables(way))
    where = ["--catalogue", "runs"]
    seeded = ["--seed", "1", "--budget", "5"]
    assert main(["optimise", "problem.toml", "--rig", "rig.toml", *seeded, *where]) == 0
    assert main(["export", "last", "-o", "it.ord", "--by", ANNA, *where]) == 0
    with Catalogue("runs") as catalogue:
        facts = list(catalogue[-1].events("primary"))
    stream = (
        {"C1": "pd", "C6": "ni"} if way == "streams" else dict.fromkeys(("C1", "C6"), "catalyst")
    )
    dataset = dataset_pb2.Dataset.FromString(Path("it.ord").read_bytes())
    found = set()
    for reaction, fact in zip(dataset.reactions, facts, strict=True):
        used = stream[fact["catalyst"]]
        assert set(reaction.inputs) == {"a", "b", used}
        flow = reaction.inputs[used].flow_rate.value
        assert flow == pytest.approx(fact["flow_catalyst"])
        (catalyst,) = (c for c in reaction.inputs[used].components)
        assert [i.value for i in catalyst.identifiers] == [used, fact["catalyst"]]
        found.add(used)
    assert found == carrying


def test_what_the_ord_does_not_take_is_said(old, tmp_path, capsys):
    command = ["export", V, "-o", str(tmp_path / "it.ord"), "--catalogue", old]
    assert main(command) == 2
    assert "--by 'Anna Beck" in capsys.readouterr().err
    with pytest.raises(ValueError, match="validator refuses it"):
        ord_of([named(V, {"c60": {"smiles": "no)such"}}, old)], ANNA)


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
        (II, "it.ods", "end it in .csv, .xlsx, .parquet, .ord"),
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
