"""Stored runs under other windows, other methods: through the command line.

The runs are those of `test_stored_by_0_1`: eight simulated experiments of run II, four of run V.
"""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.learning.price import prices
from reactune.analysis.problem.model import Problem
from reactune.plans.cli import main
from tests.benchmarks.lab import HPLC, Lab, stated

STORED = Path(__file__).parents[1] / "stored" / "version-0.1.0.tar.xz"
II, V = "8dbdecb4", "31c1799c"
RIG = Path(__file__).parents[3] / "devices" / "rigs" / "walker.toml"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The stored catalogue, to be read only."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(STORED) as archive:
        archive.extractall(folder, filter="data")
    return str(folder / "reactune")


def asked(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["rescore", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments: str) -> str:
    assert main(["rescore", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return " ".join(err.split())


def problem(path: Path, **changes: object) -> str:
    """Write a problem file like run V with other tables or values."""
    plain = Problem.load("walker-v").to_dict() | {"rig": None} | changes
    path.write_text(tomli_w.dumps(without_none(plain)))
    return str(path)


def without_none(plain):
    if isinstance(plain, dict):
        return {k: without_none(v) for k, v in plain.items() if v is not None}
    if isinstance(plain, (list, tuple)):
        return [without_none(v) for v in plain]
    return plain


def test_runs_are_judged_together_by_another_problem(old, capsys, tmp_path):
    # run II's windows are part of run V's, so that with wide windows most points are inside
    wide = problem(tmp_path / "wide.toml", constraints=["X1 / X2 <= 4 +/- 0.3"], minimise="X3")
    said = asked(capsys, II, V, "--problem", wide, "--catalogue", old)
    assert said["mark"] == "SIMULATED"
    assert [(run["uid"][:8], run["n"]) for run in said["runs"]] == [(II, 8), (V, 4)]
    by_hand = [
        data
        for uid in (II, V)
        for data in journal(Path(old), uid, "decision")
        if data["valid"] and data["X1"] / data["X2"] <= 4
    ]
    assert 0 < said["n_feasible"] == len(by_hand) < said["n"] == 12
    best = said["best_feasible"]
    lowest = min(by_hand, key=lambda data: data["X3"])
    assert best["measured"]["X3"] == pytest.approx(lowest["X3"], abs=0.02)
    assert set(best["expected"]) == {"X0", "X1", "X2", "X3", "X1 / X2"}
    assert set(said["next"]["conditions"]) == {"temperature", "flow_c60", "flow_sultine"}


def journal(folder: Path, uid: str, stream: str) -> list[dict]:
    """Read a stream with nothing but the journal's lines."""
    (path,) = folder.glob(f"journal/*{uid}*")
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    docs = [(d["name"], d["doc"]) for d in documents if "name" in d]
    mine = {d["uid"] for name, d in docs if name == "descriptor" and d["name"] == stream}
    return [d["data"] for name, d in docs if name == "event" and d["descriptor"] in mine]


def test_what_is_said_fits_a_terminal(old, capsys, tmp_path):
    title = f"Little third adduct {'at any price ' * 8}in the end"
    long = problem(tmp_path / "long.toml", title=title)
    assert main(["rescore", II, V, "--problem", long, "--catalogue", old]) == 0
    out = capsys.readouterr().out
    assert title in " ".join(out.replace("SIMULATED", "").split())
    assert max(map(len, out.splitlines())) <= 80
    assert "SIMULATED" in out
    assert "X1 / X2 <= 1.5" in out
    assert "Next      would be temperature" in out


def test_other_variables_are_found_in_what_was_set(old, capsys, tmp_path):
    times = {"temperature": {"range": [373.15, 423.15], "unit": "K"}}
    times |= {
        "residence_time": {"range": [3, 31], "unit": "min"},
        "ratio": {"range": [0.5, 2], "of": "flow_sultine / flow_c60"},
    }
    other = problem(tmp_path / "times.toml", variables=times, fixed={}, limits={})
    plain = asked(capsys, V, "--problem", "walker-v", "--catalogue", old)
    said = asked(capsys, V, "--problem", other, "--catalogue", old)
    assert said["best"]["number"] == plain["best"]["number"]
    was, now = plain["best"]["conditions"], said["best"]["conditions"]
    assert now["temperature"] == pytest.approx(was["temperature"] + 273.15)
    flow = was["flow_c60"] + was["flow_sultine"]
    assert now["residence_time"] == pytest.approx(931 / flow)


def test_what_would_be_next_is_told_as_it_is_dialled(old, capsys, tmp_path):
    plain = Problem.load("walker-v").to_dict()["variables"]
    stated = {"values": [373.15, 398.15, 423.15], "unit": "K"}
    other = problem(tmp_path / "kelvin.toml", variables=plain | {"temperature": stated})
    following = asked(capsys, V, "--problem", other, "--catalogue", old)["next"]["conditions"]
    assert main(["rescore", V, "--problem", other, "--catalogue", old]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"would be temperature {following['temperature']:.2f} K, " in told


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"measured": ["X0", "X1", "X2", "X3", "X4"]}, f"run {II} has no X4"),
        (
            {"variables": {"pressure": {"range": [1, 5]}}, "limits": {}},
            f"run {II} has no pressure, a variable of the problem; it has temperature",
        ),
    ],
)
def test_runs_that_lack_what_is_asked_are_refused_by_name(old, capsys, tmp_path, changes, text):
    other = problem(tmp_path / "other.toml", **changes)
    assert text in refused(capsys, II, V, "--problem", other, "--catalogue", old)


def test_simulated_and_other_runs_are_never_taken_together(old, capsys, tmp_path):
    folder = Path(old)
    (path,) = folder.glob(f"journal/*{V}*")
    real = tmp_path / "real"
    (real / "journal").mkdir(parents=True)
    (ii,) = folder.glob(f"journal/*{II}*")
    (real / "journal" / ii.name).write_bytes(ii.read_bytes())
    text = path.read_text()
    assert '"simulated": true' in text
    (real / "journal" / path.name).write_text(
        text.replace('"simulated": true', '"simulated": false')
    )
    said = refused(capsys, II, V, "--problem", "walker-v", "--catalogue", str(real))
    assert f"simulated runs ({II}) and others ({V}) are never taken together" in said


def test_a_problem_of_another_rig_is_refused_by_the_run(old, capsys, tmp_path):
    other = {
        "ratio": {"range": [1, 2], "of": "flow_amine / flow_c60"},
        "flow_c60": {"range": [10, 200]},
        "temperature": {"range": [100, 150]},
    }
    path = problem(tmp_path / "p.toml", variables=other, limits={}, fixed={})
    said = refused(capsys, II, "--problem", path, "--catalogue", old)
    assert said.startswith(f"run {II}: variables.ratio: 'flow_amine' in")


def test_runs_of_different_problems_need_one_to_be_judged_by(old, capsys):
    said = refused(capsys, II, V, "--method", str(RIG), "--catalogue", old)
    assert "say with --problem by which to judge them" in said


def test_runs_alone_are_judged_by_what_they_were_asked(old, capsys):
    told = asked(capsys, V, "--catalogue", old)
    assert told["windows"] == [window.text for window in Problem.load("walker-v").windows]
    assert told == asked(capsys, V, "--catalogue", old, "--problem", "walker-v")


def test_the_same_method_flips_nothing(old, capsys):
    said = asked(capsys, II, "--method", str(RIG), "--catalogue", old)
    assert said["flips"] == []
    assert said["n_feasible"] == said["before"]["n_feasible"] == 5


def test_another_method_reads_the_traces_anew(old, capsys, tmp_path):
    other = tmp_path / "other.toml"
    text = RIG.read_text()
    half = text.replace("response = 0.0021", "response = 0.00105")  # twice as much X3
    assert half != text
    other.write_text(half)
    said = asked(capsys, II, "--method", str(other), "--catalogue", old)
    before = {d["number"]: d for d in journal(Path(old), II, "decision")}
    flipped = {flip["number"] for flip in said["flips"]}
    for number, data in before.items():
        x = np.array([data[f"X{i}"] for i in range(4)])
        x[3] *= 2
        x /= x.sum()
        if data["feasibility"] == "feasible" and x[1] + x[2] < 0.89:
            assert number in flipped
        if x[1] + x[2] > 0.91:
            assert number not in flipped
    assert flipped
    order = ["feasible", "semi-feasible", "infeasible"]
    assert all(order.index(f["before"]) < order.index(f["after"]) for f in said["flips"])
    assert main(["rescore", II, "--method", str(other), "--catalogue", old]) == 0
    out = capsys.readouterr().out
    assert f"Integrated anew: {len(flipped)} of 8 experiments are judged otherwise" in out
    assert max(map(len, out.splitlines())) <= 80


def test_traces_are_read_at_the_rate_that_they_were_recorded_at(old, capsys, tmp_path):
    other = tmp_path / "other.toml"
    text = RIG.read_text()
    assert "rate          = 1 " in text
    other.write_text(text.replace("rate          = 1 ", "rate          = 2 "))
    said = asked(capsys, II, "--method", str(other), "--catalogue", old)
    assert said["flips"] == []
    assert said["n_feasible"] == 5


@pytest.mark.parametrize(
    ("unit", "named"),
    [
        ('"mAU"', "unit = 'mAU'"),
        ('"mV"\nlamp = 10480', "unit = 'mV'"),
        ('"V"\nper_au = 1', "per_au"),
    ],
)
def test_light_is_not_read_as_another_signal(old, capsys, tmp_path, unit, named):
    other = tmp_path / "other.toml"
    method = (RIG.parents[1] / "methods" / "walker.toml").read_text("utf-8")
    kept = [line for line in method.splitlines() if line.split()[:1] not in (["unit"], ["lamp"])]
    other.write_text(f"unit = {unit}\n" + "\n".join(kept), "utf-8")
    said = refused(capsys, II, "--method", str(other), "--catalogue", old)
    assert f"run {II} has recorded the light on a photodiode in V" in said
    assert f"file has {named}: give one" in said


def test_a_table_has_no_traces(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stated_as = problem(tmp_path / "v.toml")
    assert main(["ask", stated_as, "results.csv", "-n", "3", "--catalogue", "runs"]) == 0
    rows = list(csv.DictReader(Path("results.csv").read_text().splitlines()))
    for row in rows:
        row |= {"X0": "0.1", "X1": "0.5", "X2": "0.3", "X3": "0.1"}
    with Path("results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert main(["show", stated_as, "results.csv", "--catalogue", "runs"]) == 0
    said = asked(capsys, "last", "--problem", "walker-v", "--catalogue", "runs")
    assert said["mark"] == "FROM A TABLE"
    assert said["n"] == 3
    assert said["prices"] == []  # three points make no model
    method = refused(capsys, "last", "--method", str(RIG), "--catalogue", "runs")
    assert "has no raw signal" in method


def test_the_price_of_a_binding_window_is_near_the_truth():
    """Run V: the ratio's edge at 1.5 costs 0.0532 of X3 per unit on the twin, the other nothing."""
    agent = Agent(stated("walker-v", budget=25), HPLC, 0)
    Lab([0, 2017]).campaign(agent, 25)
    found = {
        (price.window, price.side): price
        for price in prices(agent.optimiser.book.surrogate(), agent.windows)
    }
    ratio = found[1, "upper"]
    assert ratio.gain == pytest.approx(0.0532, rel=0.2)
    assert ratio.low < ratio.gain < ratio.high
    assert ratio.binding == 1
    assert found[0, "lower"].gain == found[0, "upper"].gain == 0


def test_prices_are_told_with_the_units_of_goal_and_edge(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stated = """
maximise = { of = "y / tau", name = "STY", unit = "g/L/h" }
measured = ["y", "w"]
constraints = ["w <= 0.3 +/- 0.1", "warm <= 330 +/- 5", "tau >= 2 +/- 0.5", "y / w + 2 * w > 1 ± 1"]
[variables]
tau = { range = [1, 10], unit = "min" }
T = { range = [20, 80], unit = "degC" }
[define]
warm = { of = "T", unit = "K" }
"""
    Path("p.toml").write_text(stated, "utf-8")
    rows = ["tau,T,y,w"]
    for i in range(10):
        tau, t = 1 + 9 * (0.618 * i % 1), 20 + 60 * (0.755 * i % 1)
        y = 1 - np.exp(-tau * t / 300)
        rows.append(f"{tau},{t},{y},{0.3 * y + tau / 20}")
    Path("results.csv").write_text("\n".join(rows) + "\n")
    assert main(["show", "p.toml", "results.csv", "--catalogue", "runs"]) == 0
    again = ["last", "--problem", "p.toml", "--catalogue", "runs"]
    told = {price["window"]: price for price in asked(capsys, *again)["prices"]}
    assert {price["goal_unit"] for price in told.values()} == {"g/L/h"}
    assert [price["edge_unit"] for price in told.values()] == ["", "K", "min", ""]
    assert told["tau >= 2"]["gain"] > 0
    assert main(["rescore", *again]) == 0
    out = capsys.readouterr().out
    assert (
        "Price: what is gained in STY [g/L/h] per 1 that an edge is loosened, in the edge's unit, "
        "with its 90 % interval"
    ) in " ".join(out.split())
    lines = out.splitlines()
    assert [
        line[2:36].rstrip() for line in lines if line.startswith(("  tau >=", "  warm <="))
    ] == [
        "warm <= 330 K",
        "tau >= 2 min",
    ]
    assert max(map(len, lines)) <= 80
    assert main(["redesign", "last", "--catalogue", "runs", "--json"]) == 0
    limits = json.loads(capsys.readouterr().out)["limits"]
    assert [*dict.fromkeys(e["edge_unit"] for e in limits)] == ["", "K", "min"]
    assert main(["redesign", "last", "--catalogue", "runs"]) == 0
    assert "tau [min] >=" in capsys.readouterr().out
    Path("p.toml").write_text(stated.replace(', unit = "g/L/h"', ""), "utf-8")
    assert asked(capsys, *again)["prices"][0]["goal_unit"] == ""


def test_words_have_no_price_but_are_judged(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ligands.toml").write_text(
        """
maximise = "y"
measured = ["y", "z"]
constraints = ["z <= 0.5 +/- 0.1"]
[variables]
t = { range = [0, 1] }
ligand = { choices = ["L1", "L2"] }
"""
    )
    rows = ["t,ligand,y,z"]
    rows += [f"{i / 7},L{1 + i % 2},{i / 7 + i % 2},{i / 7}" for i in range(8)]
    Path("results.csv").write_text("\n".join(rows) + "\n")
    assert main(["show", "ligands.toml", "results.csv", "--catalogue", "runs"]) == 0
    said = asked(capsys, "last", "--problem", "ligands.toml", "--catalogue", "runs")
    assert (said["n"], said["n_feasible"], said["prices"]) == (8, 4, [])
    assert said["best_feasible"]["conditions"] == {"t": pytest.approx(3 / 7), "ligand": "L2"}
    assert main(["rescore", "last", "--problem", "ligands.toml", "--catalogue", "runs"]) == 0
    assert "words or steps" in " ".join(capsys.readouterr().out.split())
    assert main(["redesign", "last", "--catalogue", "runs"]) == 2
    assert "variables are words or steps" in capsys.readouterr().err
