"""Designs of experiments on the emulated rig: recorded as campaigns are, and what they found."""

import dataclasses
import json
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pandas as pd
import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.report.export import export_of
from reactune.analysis.report.figures import products
from reactune.analysis.report.scan import Scan, scan_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans import grid, one_at_a_time, repeat
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.making.service import make_product
from reactune.plans.preparation import rediscovered_campaign
from reactune.plans.questions.rescoring import answer
from reactune.plans.session.detectors import OnlineAnalysis
from reactune.plans.startup import Workspace

MIDDLE = {"temperature": 120.0, "flow_c60": 100.0, "flow_sultine": 100.0}


@pytest.fixture
def workspace(lab: Any, tmp_path: Any) -> Any:
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        yield Workspace(lab.rig, catalogue)


def test_a_grid_measures_every_combination_in_random_order_and_reads_as_a_campaign(
    workspace, lab, capsys
):
    levels = {"temperature": [110, 140], "flow_c60": 100, "flow_sultine": [60, 120]}
    assert workspace.RE(workspace.grid("walker-ii", levels, replicates=2, seed=3))
    run = workspace.last()
    made = [(f["asked_temperature"], f["asked_flow_sultine"]) for f in run.events("primary")]
    every = [(t, f) for t in (110, 140) for f in (60, 120)]
    assert sorted(made) == sorted(every * 2)
    assert sorted(made[:4]) == sorted(every)  # each replicate whole, in an order of its own
    assert made != every * 2
    assert run.start["plan_name"] == "grid"
    assert run.start["scan"]["levels"]["temperature"] == [110, 140]
    assert run.stop["reason"] == "budget: 8 of 8 experiments done"
    found = scan_of(run)
    assert found.points["n"].tolist() == [2] * 4
    assert list(found.moved) == ["temperature", "flow_sultine"]
    scatter, stated, freedom = found.repeatability("X3")
    assert freedom == 4
    assert 0 < scatter < 0.1
    assert stated > 0
    products(run)
    assert len(export_of([run]).experiments) == 8
    capsys.readouterr()
    workspace.summary()
    shown = capsys.readouterr().out
    assert "grid: " in shown
    assert "8 experiments at 4 points" in shown
    assert "X3 least" in shown
    assert max(map(len, shown.splitlines())) <= 80
    rescored = answer(workspace.cat, [run.uid], {**Problem.load("walker-v").to_dict()})
    assert len(rescored.found.pool) == 8


def test_a_scan_by_bluesky_is_rescored_as_a_design_is(workspace, lab):
    lab.rig.axes.held = dict(MIDDLE)
    workspace.RE(bp.scan([workspace.hplc], lab.rig.temperature, 110, 140, 3))
    scan = workspace.last().uid
    workspace.RE(workspace.grid("walker-ii", MIDDLE | {"temperature": [110, 125, 140]}, seed=1))
    grid = workspace.last().uid
    asked = Problem.load("walker-v").to_dict()
    both = [answer(workspace.cat, [uid], asked).found for uid in (scan, grid)]
    ours, theirs = (
        sorted(found.pool, key=lambda e: float(e.conditions["temperature"])) for found in both
    )
    assert [e.conditions for e in ours] == [e.conditions for e in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.measurement.values == pytest.approx(other.measurement.values, abs=0.03)
    together = answer(workspace.cat, [scan, grid], asked, "walker")
    assert len(together.found.pool) == 6
    others = asked | {
        "variables": {
            "temperature": {"range": (370, 420), "unit": "K"},
            "residence_time": {"range": (3, 31), "unit": "min"},
            "ratio": {"range": (0.5, 2), "of": "flow_sultine / flow_c60"},
        },
        "limits": {},
    }
    found = answer(workspace.cat, [scan], others).found.pool[0].conditions
    assert found == pytest.approx({"temperature": 383.15, "residence_time": 4.655, "ratio": 1})


def test_a_scan_is_exported_by_itself_and_beside_a_campaign(workspace, lab, tmp_path, capsys):
    lab.rig.axes.held = dict(MIDDLE)
    workspace.RE(bp.scan([workspace.hplc], lab.rig.temperature, 110, 140, 3), title="heat")
    workspace.RE(workspace.grid("walker-ii", MIDDLE | {"temperature": [110, 125]}, seed=1))
    workspace.RE(bp.count([], 0))
    empty, design, scan = (run.uid for run in workspace.cat.runs())
    stored = workspace.cat[scan].table()

    def export(*uids: str, to: str) -> Any:
        place = ["--catalogue", str(workspace.cat.folder)]
        return main(["export", *uids, "-o", str(tmp_path / to), *place])

    assert export(scan, to="a.csv") == 0
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["number"].tolist() == [1, 2, 3]
    assert table["X3"].tolist() == pytest.approx(stored["X3"].tolist())
    assert table["temperature_setpoint [degC]"].tolist() == [110, 125, 140]
    assert table["origin"].tolist() == ["SIMULATED"] * 3
    assert table["valid"].all()
    assert not [title for title in table if title.startswith(("trace", "time"))]
    assert export(scan, design, to="b.xlsx") == 0
    both = pd.read_excel(tmp_path / "b.xlsx", sheet_name=None)
    assert both["experiments"]["run"].tolist() == [scan] * 3 + [design] * 2
    told = both["provenance"].set_index("run")
    assert (told.loc["title", scan], told.loc["plan", scan]) == ("heat", "scan")
    assert told.loc["rig", scan] == told.loc["rig", design]
    capsys.readouterr()
    assert export(empty, to="c.csv") == 2
    assert f"run {empty[:8]} has measured nothing" in capsys.readouterr().err
    assert export(scan, to="d.ord") == 2
    assert "is a scan, and does not say what was asked: ORD takes" in capsys.readouterr().err


def test_a_scan_says_what_rig_it_ran_on_as_a_campaign_does(lab, tmp_path):
    starts = []
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        for stock in (8.323, 9.0):
            lab.rig.config.streams["sultine"].__dict__["stock"] = stock  # another bottle
            lab.rig.axes.held = dict(MIDDLE)
            workspace = Workspace(lab.rig, catalogue)
            workspace.RE(bp.scan([workspace.hplc], lab.rig.temperature, 110, 140, 2))
            starts.append(workspace.last().start)
        workspace.RE(workspace.repeat("walker-ii", MIDDLE, 1))
        campaign = workspace.last().start
        told = answer(catalogue, [start["uid"] for start in starts], "walker-ii").differences
    assert [s["rig"]["file"]["streams"]["sultine"]["stock"] for s in starts] == [8.323, 9.0]
    assert starts[1]["rig"] == campaign["rig"]
    (sentence,) = told
    assert "streams.sultine.stock = 9 was 8.323" in sentence


def test_what_is_no_campaign_says_so_to_every_question(workspace, lab):
    lab.rig.axes.held = dict(MIDDLE)
    workspace.RE(bp.count([lab.rig.hplc]))
    raw = workspace.last().uid
    workspace.RE(bp.count([], 0))
    empty = workspace.last().uid
    with pytest.raises(UserError, match=r"has raw traces and no method .* in place of rig.hplc"):
        answer(workspace.cat, [raw], "walker-ii")
    with pytest.raises(UserError, match="neither a campaign nor a scan that has measured"):
        answer(workspace.cat, [empty], "walker-ii")
    for question in (
        lambda uid: answer(workspace.cat, [uid], method="walker"),
        lambda uid: rediscovered_campaign(workspace.cat, uid),
        lambda uid: make_product(uid, 1e3, attendant=None, catalogue=workspace.cat.folder),
    ):
        with pytest.raises(UserError, match=r"not a campaign: its plan is 'count', .* rescore"):
            question(raw)
    with pytest.raises(UserError, match=r"has raw traces and no method .* in place of rig.hplc"):
        rediscovered_campaign(workspace.cat, raw, problem="walker-ii")


def test_what_is_goal_and_window_twice_is_one_column_of_an_export(workspace):
    asked = Problem.load("walker-ii").to_dict() | {
        "minimise": ["X3", "X1 / X2"],
        "constraints": ["X1 / X2 >= 1 +/- 0.3", "X1 / X2 <= 9 +/- 1"],
    }
    assert workspace.RE(workspace.repeat(asked, MIDDLE, 1))
    table = export_of([workspace.last()] * 2).experiments
    assert list(table).count("X1 / X2") == list(table).count("sd of X1 / X2") == 1
    np.testing.assert_allclose(table["X1 / X2"], table["X1"] / table["X2"])


def test_a_design_that_was_cut_off_goes_on(workspace):
    def cut(name: str, doc: Any) -> None:
        if name == "event" and doc["data"].get("digest"):
            raise RuntimeError("cut off")

    token = workspace.RE.subscribe(cut)
    with pytest.raises(RuntimeError, match="cut off"):
        workspace.RE(workspace.grid("walker-ii", MIDDLE | {"temperature": [110, 130]}))
    workspace.RE.unsubscribe(token)
    workspace.RE(workspace.resume(workspace.last().uid))
    found = scan_of(workspace.last())
    assert found.points["temperature"].tolist() == [110, 130]
    assert found.points["n"].tolist() == [1, 1]


def test_one_at_a_time_changes_nothing_else_and_begins_in_the_middle(lab):
    levels = {"temperature": [110, 120, 130], "flow_c60": [80]}
    lab.RE(one_at_a_time("walker-ii", lab.rig, MIDDLE, levels))
    asked = [{name: fact[f"asked_{name}"] for name in MIDDLE} for fact in lab.events("primary")]
    assert asked[0] == MIDDLE
    assert asked[1:] == [
        MIDDLE | {"temperature": 110},
        MIDDLE | {"temperature": 130},
        MIDDLE | {"flow_c60": 80},
    ]
    lab.assert_safe()


def test_numbers_of_numpy_are_levels_and_counts(workspace):
    levels = MIDDLE | {"temperature": np.linspace(110, 130, 2), "flow_c60": np.float64(90)}
    workspace.RE(workspace.grid("walker-ii", levels, replicates=np.int64(2)))
    run = workspace.last()
    assert scan_of(run).points["n"].tolist() == [2, 2]
    told = run.start["scan"]
    assert told["levels"] == {"temperature": [110, 130], "flow_c60": [90], "flow_sultine": [100]}
    assert told["replicates"] == 2


def test_repeats_tell_how_well_results_repeat(workspace, lab, capsys):
    workspace.RE(workspace.repeat("walker-ii", MIDDLE, times=4))
    found = scan_of(workspace.last())
    scatter, _, freedom = found.repeatability("X3")
    assert freedom == 3
    assert scatter == pytest.approx(float(found.events["X3"].std()))
    capsys.readouterr()
    workspace.summary()
    shown = capsys.readouterr().out
    assert "4 experiments at 1 point" in shown
    assert "X3 repeats to" in shown
    assert "in all" in shown


@pytest.mark.parametrize("times", [4, 12])
def test_few_repeats_drift_no_more_often_than_many(times):
    """Of repeats that only scatter one in twenty may seem to drift, however few they are."""
    draw = np.random.default_rng(1)

    def told(values: Any) -> str:
        events = pd.DataFrame({"y": values})
        return Scan("a", "repeat", "SIMULATED", {}, {"y": ""}, events, 0).to_text()

    drifting = sum("drifts" in told(draw.normal(0.5, 0.01, times)) for _ in range(400))
    assert 0.02 < drifting / 400 < 0.09
    assert "drifts +0.3" in told(np.linspace(0.5, 0.8, times) + draw.normal(0, 0.005, times))


@pytest.mark.parametrize("value", [0.9123, 1e6 / 3, -0.7, 0.0])
@pytest.mark.parametrize("times", [4, 5, 9])
def test_repeats_that_are_all_the_same_do_not_drift(value, times):
    found = Scan("a", "repeat", "", {}, {"y": ""}, pd.DataFrame({"y": [value] * times}), 0)
    assert "drifts" not in found.to_text()
    assert found.repeatability("y")[0] == 0


def test_a_result_that_is_missing_says_nothing_of_repeats():
    values = np.linspace(0.5, 0.8, 8) + np.random.default_rng(1).normal(0, 0.005, 8)
    events = pd.DataFrame({"y": values, "y_sd": 0.01})

    def scan(events: Any, **moved: str) -> Scan:
        return Scan("a", "repeat", "SIMULATED", moved, {"y": ""}, events, 0)

    gap = events.assign(y=events["y"].where(events.index != 3))
    found, without = scan(gap), scan(events.drop(index=3))
    assert found.repeatability("y") == without.repeatability("y")
    assert found.repeatability("y")[2] == 6
    drift, whole = found.drift("y"), scan(events).drift("y")
    assert (drift.total, drift.sd) == pytest.approx((whole.total, whole.sd), rel=0.5)
    assert abs(drift.total - 0.3) < 0.02  # by when it was measured, in the place that it had
    assert "; drifts +0." in found.to_text()
    assert "nan" not in found.to_text()
    apart = gap.assign(x=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])
    assert scan(apart, x="mm").repeatability("y")[2] == 3
    nowhere = apart.assign(x=apart["x"].where(apart.index > 1))  # nor one without a place
    assert scan(nowhere, x="mm").repeatability("y")[2] == 2
    few = scan(gap.assign(y=gap["y"].where(gap.index < 4)))
    assert few.drift("y") is None
    assert few.repeatability("y")[2] == 2


def test_a_summary_says_why_a_point_of_a_scan_failed(workspace, lab, capsys):
    method = workspace.hplc.analytics.method
    blind = dataclasses.replace(method, max_absorbance=1e-4)  # as of a stock that is too strong
    hplc = OnlineAnalysis(lab.rig, dataclasses.replace(workspace.hplc.analytics, method=blind))
    rig = lab.rig
    workspace.RE(bps.mv(rig.temperature, 120, rig.flow_c60, 100, rig.flow_sultine, 100))
    workspace.RE(bp.count([hplc], num=2))
    capsys.readouterr()
    workspace.summary()
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 experiments at 0 points, 2 failed" in shown
    assert "failed: X" in shown
    assert "saturated (absorbance above 0.0001)" in shown


def test_a_summary_says_what_a_scan_of_blueskys_found(workspace, lab, capsys):
    lab.rig.axes.held = dict(MIDDLE)
    axis = lab.rig.temperature
    workspace.RE(bp.list_scan([workspace.hplc], axis, [110, 140, 110]))
    capsys.readouterr()
    workspace.summary()
    shown = capsys.readouterr().out
    assert "list_scan   SIMULATED" in shown
    assert "3 experiments at 2 points" in shown
    assert "most" in shown
    assert "at rig_temperature 140" in shown
    assert "(1 d.f.)" in shown
    table = workspace.last().table()
    assert table.attrs["units"]["rig_temperature"] == "degC"
    assert table.attrs["plan_name"] == "list_scan"
    cat = workspace.cat
    assert len(cat) == 1
    assert cat[1].uid == next(iter(cat)) == workspace.last().uid
    assert [run.uid for run in cat.search({"plan_name": "list_scan"})] == [cat[-1].uid]
    assert cat.search({"plan_name": "scan"}) == []


def test_show_gives_what_a_scan_found_as_json(workspace, lab, capsys):
    def shown(*how: str) -> Any:
        capsys.readouterr()
        assert main(["show", "last", "--catalogue", str(workspace.cat.folder), *how]) == 0
        return capsys.readouterr().out

    lab.rig.axes.held = dict(MIDDLE)
    workspace.RE(bp.list_scan([workspace.hplc], lab.rig.temperature, [110, 140, 110]))
    table = workspace.last().table()
    (name, found), *others = json.loads(shown("--json")).items()
    assert (name, others) == ("scan", [])
    assert found["uid"] == workspace.last().uid
    assert (found["title"], found["mark"], found["n"]) == ("list_scan", "SIMULATED", 3)
    assert found["moved"] == {"rig_temperature": "degC"}
    cold, hot = found["points"]
    assert (cold["at"], cold["n"]) == ({"rig_temperature": 110}, 2)
    assert cold["mean"]["X3"] == pytest.approx(table["X3"].iloc[[0, 2]].mean())
    assert hot["mean"]["X3"] == table["X3"].iloc[1]
    most = {"value": hot["mean"]["X3"], "at": {"rig_temperature": 140}}
    assert found["extremes"]["X3"]["most"] == most
    assert found["extremes"]["X3"]["least"]["at"] == cold["at"]
    repeats = found["repeats"]["X3"]
    assert repeats["scatter"] == pytest.approx(table["X3"].iloc[[0, 2]].std())
    assert (repeats["freedom"], repeats["drift"]) == (1, None)

    workspace.RE(workspace.repeat("walker-ii", MIDDLE, times=4))
    told = json.loads(shown("--json"))
    assert told["uid"] == told["scan"]["uid"] == workspace.last().uid
    assert told["best"]["number"] in (1, 2, 3, 4)
    drift = told["scan"]["repeats"]["X3"]["drift"]
    assert f"{drift['total']:+.2g} +/- {drift['sd']:.1g} in all" in shown()
    assert isinstance(drift["sure"], bool)

    workspace.RE(bp.count([], 0))
    found = json.loads(shown("--json"))["scan"]
    assert (found["n"], found["points"], found["repeats"]) == (0, [], {})
    assert "nothing was measured" in shown()


def test_a_summary_names_a_place_of_words_and_numbers_and_wraps_its_title():
    events = pd.DataFrame({"base": ["DBU", "TEA"], "heat": [80.0, 90.5], "X3": [0.1, 0.2]})
    title = "grid: " + "many words " * 10
    found = Scan("u", title, "SIMULATED", {"base": "", "heat": "degC"}, {"X3": ""}, events, 0)
    shown = found.to_text()
    assert "X3 least 0.100 at base DBU, heat 80 degC" in shown
    assert "most 0.200 at base TEA, heat 90.5 degC" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (lambda r: grid("walker-ii", r, {"temperature": [110]}), "give a value for each of"),
        (lambda r: grid("walker-ii", r, MIDDLE | {"temperature": [300]}), "outside its range"),
        (lambda r: repeat("walker-ii", r, MIDDLE, times=0), "give at least one"),
        (
            lambda r: one_at_a_time("walker-ii", r, MIDDLE, {"flow_c60": [10]}),
            "flow_sultine / flow_c60|ratio",
        ),
    ],
)
def test_a_design_that_cannot_be_is_refused_before_anything_moves(lab, plan, words):
    with pytest.raises(ValueError, match=words):
        lab.RE(plan(lab.rig))
    assert lab.documents == []
    assert lab.world.flow() == (0.0, 0.0)


@pytest.mark.parametrize(
    ("design", "told"),
    [
        (lambda rig: grid("walker-ii", rig, dict.fromkeys(MIDDLE, range(300))), "27000000 points"),
        (lambda rig: grid("walker-ii", rig, MIDDLE | {"temperature": []}), "there are no points"),
        (lambda rig: grid("walker-ii", rig, MIDDLE | {"temperature": None}), "= None is no num"),
        (
            lambda rig: grid("walker-ii", rig, MIDDLE, replicates=0),
            "grid: 0 times: give at least",
        ),
        (lambda rig: repeat("walker-ii", rig, MIDDLE, 1.5), "repeat: 1.5 times: .* a whole number"),
        (lambda rig: repeat("walker-ii", rig, MIDDLE, -1), "repeat: -1 times: give at least one"),
        (lambda rig: repeat("walker-ii", rig, MIDDLE, True), "True times: .* a whole number"),
        (lambda rig: repeat("walker-ii", rig, MIDDLE, 20_000), "20000 times are more than 10000:"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused_by_name(lab, design, told):
    with pytest.raises(ValueError, match=told):
        lab.RE(design(lab.rig))
    assert lab.documents == []
