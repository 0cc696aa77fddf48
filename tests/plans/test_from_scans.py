"""Campaigns that begin with what scans have measured, be they bluesky's or of its axes by name."""

import json
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import pytest
from bluesky import RunEngine

from reactune.analysis.campaign.replay import replay
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.plans.cli import main
from reactune.plans.earlier import earlier
from reactune.plans.errors import UserError
from reactune.plans.fitting import fitted
from reactune.plans.preparation import informed_campaign, rediscovered_campaign
from reactune.plans.questions.rescoring import answer
from reactune.plans.startup import Workspace
from tests.plans.catalysts import tables
from tests.plans.conftest import opened

pytestmark = pytest.mark.usefixtures("drawn")

MIDDLE = {"temperature": 120.0, "flow_c60": 100.0, "flow_sultine": 100.0}


@pytest.fixture(autouse=True)
def _journals_alone(monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalogue with scans: of temperatures, by a RunEngine that states no rig, of raw traces."""
    folder = tmp_path_factory.mktemp("scans")
    with opened(seed=1) as lab, Catalogue(folder, writing=True, store="journal") as catalogue:
        workspace, rig = Workspace(lab.rig, catalogue), lab.rig
        workspace.bec.disable_table()
        RE, hplc = workspace.RE, workspace.hplc
        rig.axes.held = dict(MIDDLE)
        RE(bp.scan([hplc], rig.temperature, 110, 140, 4))
        RE(bps.mv(rig.temperature, 120, rig.flow_c60, 100, rig.flow_sultine, 100))
        RE(bp.count([rig.hplc]))
        other = RunEngine({"simulated": True}, context_managers=[])
        other.waiting_hook = rig.clock.waiting
        other.subscribe(catalogue.record)
        other(bp.list_scan([hplc], rig.temperature, [115, 125]))
    return folder


@pytest.fixture
def place(stored, placed):
    """A copy of that catalogue."""
    return placed(stored)


def uid(folder: Path, plan: str) -> str:
    with Catalogue(folder) as catalogue:
        (found,) = (run.uid for run in catalogue.runs() if run.plan_name == plan)
    return found


def variant(**keys: Any) -> dict[str, Any]:
    return {**Problem.load("walker-ii").to_dict(), "rig": None, **keys}


def known(folder: Path, plan: str, **keys: Any) -> list[Any]:
    """Begin a campaign with a scan, and give what it knows."""
    with Catalogue(folder) as catalogue:
        sources = [uid(folder, plan)]
        prepared = informed_campaign(catalogue, sources, variant(**keys), "walker", seed=1)
    return prepared.agent.evaluations


def test_a_campaign_begins_with_a_scan_of_blueskys(place, capsys):
    scan = uid(place, "scan")
    with Catalogue(place) as catalogue:
        facts = catalogue[scan].events("primary")
    begun = ["optimise", "walker-ii", "--from", scan[:8], "--budget", "1", "--seed", "1"]
    assert main([*begun, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["n_known"]) == (5, 4)
    with Catalogue(place) as catalogue:
        start = catalogue["last"].start["known"]
        assert replay(catalogue, "last").differences == ()
    assert start["sources"] == [{"run": scan, "experiments": 4}]
    for number, (fact, old) in enumerate(zip(facts, start["experiments"], strict=True), 1):
        assert old["conditions"] == MIDDLE | {"temperature": fact["temperature_setpoint"]}
        values = {name: fact[name] for name in ("X0", "X1", "X2", "X3")}
        assert old["measurement"]["values"] == pytest.approx(values, rel=1e-9)
        assert old["why"] == f"known: experiment {number} of run {scan[:8]}"


def test_what_was_set_is_brought_to_the_variables_of_the_problem(place):
    others = {
        "temperature": {"range": (370, 420), "unit": "K"},
        "residence_time": {"range": (180, 1860), "unit": "s"},
        "ratio": {"range": (0.5, 2), "of": "flow_sultine / flow_c60"},
    }
    found = [e.conditions for e in known(place, "scan", variables=others, limits={})]
    assert [point["temperature"] for point in found] == [383.15, 393.15, 403.15, 413.15]
    for point in found:
        assert point["residence_time"] == pytest.approx(60 * 931 / 200)
        assert point["ratio"] == pytest.approx(1)
    rigs = {"total_flow": {"range": (20, 400), "unit": "uL/min"}, "ratio": others["ratio"]}
    fixed = {"volume": 931, "temperature": 130}
    (point,) = (e.conditions for e in known(place, "scan", variables=rigs, fixed=fixed, limits={}))
    assert point == pytest.approx({"total_flow": 200, "ratio": 1})


@pytest.mark.parametrize("plan", ["scan", "list_scan"])  # one says on what rig it was
def test_what_a_variable_is_made_of_comes_out_in_its_unit(place, plan):
    times = {
        "temperature": {"range": (100, 150), "unit": "degC"},
        "tau": {"range": (180, 1860), "unit": "s", "of": "volume / (flow_c60 + flow_sultine)"},
        "ratio": {"range": (0.5, 2), "of": "flow_sultine / flow_c60"},
    }
    asked = variant(variables=times, limits={})
    with Catalogue(place) as catalogue:
        pool = answer(catalogue, [uid(place, plan)], asked).found.pool
    assert [e.conditions["tau"] for e in pool] == pytest.approx([60 * 931 / 200] * len(pool))


HEAT = {"temperature": {"range": [100, 150], "unit": "degC"}}


@pytest.mark.parametrize(
    ("plan", "keys", "sentence"),
    [
        ("scan", {"measured": ["X3", "ee"], "constraints": []}, "has no ee, which the problem mea"),
        (
            "scan",
            {"variables": HEAT, "fixed": {"flow_c60": 80, "flow_sultine": 100}, "limits": {}},
            "has no experiment that compares: flow_c60 was 100 uL/min, and the problem would set "
            "80; give it a range, or the value that it had",
        ),
        (
            "scan",
            {
                "variables": HEAT | {"ratio": {"range": [0.5, 2], "of": "flow_sultine / flow_c60"}},
                "fixed": {"total_flow": 150},
                "limits": {},
            },
            "has no experiment that compares: flow_c60 was 100 uL/min, and the problem would set "
            "75; give",
        ),
        ("count", {}, "has raw traces and no method to read them by; scan with the detector hplc"),
        ("list_scan", {}, "does not say on what rig it was, so that nobody can tell whether its"),
    ],
)
def test_a_scan_that_cannot_be_used_is_refused_with_what_to_do(place, plan, keys, sentence):
    stated = fitted(Problem.load(variant(**keys)), load("walker"))
    with Catalogue(place) as catalogue, pytest.raises(UserError, match=r"^[^\n]*$") as error:
        earlier([uid(place, plan)], stated, catalogue)
    assert f"run {uid(place, plan)[:8]} {sentence}" in str(error.value)


def test_what_is_said_of_a_scan_without_a_rig_works(place, capsys):
    scan = uid(place, "list_scan")[:8]
    begun = ["optimise", "walker-ii", "--budget", "1", "--seed", "1", "--json", "--from"]
    assert main([*begun, scan]) == 2
    assert f"reactune export {scan} -o old.csv" in " ".join(capsys.readouterr().err.split())
    assert main(["export", scan, "-o", "old.csv"]) == 0
    capsys.readouterr()
    assert main([*begun, "old.csv"]) == 0
    assert json.loads(capsys.readouterr().out)["n_known"] == 2


def test_what_wants_a_campaign_says_how_to_begin_one_with_a_scan(place, capsys):
    scan = uid(place, "scan")[:8]
    for question in (["make", scan, "--volume", "1mL"], ["replay", scan], ["redesign", scan]):
        assert main(question) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert f"optimise PROBLEM --from {scan} begins with it" in told


def test_a_scan_is_rediscovered_by_a_problem_which_it_has_none_of(place, capsys):
    scan = uid(place, "scan")
    with Catalogue(place) as catalogue:
        prepared = rediscovered_campaign(catalogue, scan[:8], problem="walker-ii", seed=1)
        assert len(prepared.md["before"]["experiments"]) == 4
        assert prepared.md["rediscovers"] == scan
        assert prepared.agent.first[0]["flow_c60"] == 100
    assert main(["rediscover", scan[:8]]) == 2
    assert "is not a campaign: its plan is 'scan'" in capsys.readouterr().err


def test_a_table_that_is_a_run_is_not_begun(place, capsys):
    scan = uid(place, "scan")[:8]
    for command in ("ask", "show"):
        assert main([command, "walker-ii", scan]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert f"there is no table {scan}: a new one is called .csv or .xlsx" in told
        assert not Path(scan).exists()
    assert main(["export", scan, "-o", "results.csv"]) == 0
    assert main(["ask", "walker-ii", "results.csv", "-n", "1"]) == 0
    assert "results.csv: 4 done, 0 failed, 1 outstanding." in capsys.readouterr().out


def test_choices_of_a_scan_are_those_of_the_problem_or_left_out(bench, tmp_path):
    bench(tables(default="C6"))
    with (
        open_rig(load("rig.toml"), seed=1) as rig,
        Catalogue(tmp_path / "runs", writing=True, store="journal") as catalogue,
    ):
        session = Workspace(rig, catalogue)
        session.bec.disable_table()
        axes = rig.axes.named
        flows = [part for f in ("a", "b", "catalyst") for part in (axes[f"flow_{f}"], 60)]
        session.RE(bps.mv(rig.temperature, 60, *flows, rig.catalyst, "C6"))
        session.RE(bp.list_scan([session.hplc], rig.catalyst, ["C1", "C2", "C6"]))
        scan = session.last().uid

        def choices(scan: str, **changed: Any) -> list[Any]:
            asked = {**Problem.load("problem.toml").to_dict(), **changed}
            old = informed_campaign(catalogue, scan, asked, "rig.toml", seed=1, budget=5)
            return [e.conditions.get("catalyst") for e in old.agent.evaluations]

        assert choices(scan) == ["C1", "C6"]  # C2 is none of the problem's
        numbers = Problem.load("problem.toml").to_dict()["variables"]
        del numbers["catalyst"]  # the choice that the rig makes by itself stands, C6
        assert choices(scan, variables=numbers) == [None]
        session.RE(bp.list_scan([session.hplc], rig.catalyst, ["C1"]))
        with pytest.raises(UserError, match="catalyst was C1, and the problem says nothing of it"):
            choices(session.last().uid, variables=numbers)
