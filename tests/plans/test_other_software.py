"""Campaigns whose analysis is done by other software, through bytes and files."""

import base64
import csv
import hashlib
import json

import numpy as np
import pytest

from reactune.analysis.analytics.resulttable import Quantity, ResultTable
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.replay import agent_of, replay, retell
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.opening import emulated
from reactune.plans import service
from reactune.plans.cli import main
from reactune.plans.compatibility import incompatibilities
from tests.plans.software import KEYS, NAMES, ROWS, lab, tables, written


def campaign(tmp_path, rig, budget=4, seed=1) -> tuple[bool, list[dict], list[dict]]:
    """Run a campaign; say whether it is finished, and give its facts and decisions."""
    config, folder = load(written(tmp_path, rig)), tmp_path / "runs"
    outcome = service.run("walker-ii", config, catalogue=folder, seed=seed, budget=budget)
    with Catalogue(folder) as catalogue:
        run = catalogue[-1]
        return outcome.finished, list(run.events("primary")), list(run.events("decision"))


FORMS = {
    "columns of CSV": {},
    "rows of text with decimal comma": {"files": "run_*.txt", "decimal": ",", "quantities": ROWS},
    "an Excel workbook": {"files": "*.xlsx", "quantities": ROWS},
    "JSON": {"files": "out/*.json", "quantities": KEYS},
    "traces as text": {"kind": "trace"},
    "traces as ANDI": {"kind": "trace", "files": "*.cdf"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_campaign_comes_to_its_end(tmp_path, form):
    rig = tables(**FORMS[form], emulated={"old": 3, "writing": 30})
    finished, facts, decisions = campaign(tmp_path, rig, budget=3)
    assert finished
    assert len(facts) == len(decisions) == 3
    for fact, decision in zip(facts, decisions, strict=True):
        assert decision["valid"] == 1
        assert "simulated" in fact["file"]
        assert "old" not in fact["file"]
        raw = base64.b64decode(fact["file_content"])
        assert hashlib.sha256(raw).hexdigest() == fact["file_digest"]
        assert sum(decision[name] for name in NAMES) == pytest.approx(1, abs=1e-5)
        assert fact["file_delay"] == pytest.approx(780 + 2 + 30 + 5, abs=11)
        if rig["analytics"]["kind"] == "trace":
            assert len(fact["trace"]) == 780
            assert np.isfinite(fact["trace"]).all()
    with Catalogue(tmp_path / "runs") as catalogue:
        assert replay(catalogue, catalogue[-1].uid).identical == 3


def test_the_numbers_are_those_of_the_reaction(tmp_path):
    for kind in ("table", "trace"):
        rig = tables(kind)
        rig["emulation"]["noise"] = False
        with lab(written(tmp_path, rig)) as it:
            it.campaign(it.agent(budget=3))
            found = it.events("decision")[-1]
            true = it.world.composition(it.world.last_sample).fractions
        close = [found[name] for name in it.world.reaction.products]
        assert close == pytest.approx(true / true.sum(), abs=2e-6 if kind == "table" else 0.002)


def test_a_trace_is_integrated_as_the_command_does_it(tmp_path, capsys):
    rig = tables("trace")
    _, facts, decisions = campaign(tmp_path, rig, budget=1)
    file = tmp_path / facts[0]["file"]
    file.write_bytes(base64.b64decode(facts[0]["file_content"]))
    capsys.readouterr()
    assert main(["integrate", str(file), "--method", str(tmp_path / "rig.toml"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert {name: row[name] for name in NAMES} == {name: decisions[0][name] for name in NAMES}


@pytest.mark.parametrize("files", ["*.csv", "*.cdf"])
def test_stored_traces_of_files_are_integrated_by_another_method(tmp_path, capsys, files):
    rig = tables("trace", files=files)
    _, _, decisions = campaign(tmp_path, rig, budget=3)
    peaks = rig["chromatogram"]["peaks"]
    where = ["--catalogue", str(tmp_path / "runs"), "--json"]
    capsys.readouterr()
    rig_file = str(tmp_path / "rig.toml")
    assert main(["rescore", "last", "--method", rig_file, *where]) == 0
    assert json.loads(capsys.readouterr().out)["flips"] == []
    peaks[0]["response"] /= 2  # twice as much of it
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", rig)
    assert main(["rescore", "last", "--method", other, *where]) == 0
    best = json.loads(capsys.readouterr().out)["best"]
    before = np.array([decisions[int(best["number"]) - 1][name] for name in NAMES])
    twice = before * [2 if name == peaks[0]["name"] else 1 for name in NAMES]
    measured = [best["measured"][name] for name in NAMES]
    assert measured == pytest.approx(list(twice / twice.sum()), abs=1e-6)


def test_an_export_names_each_file_and_leaves_its_content_in_the_catalogue(tmp_path):
    campaign(tmp_path, tables("trace"), budget=2)
    out, where = str(tmp_path / "run.csv"), ["--catalogue", str(tmp_path / "runs")]
    assert main(["export", "last", "-o", out, *where]) == 0
    rows = list(csv.DictReader((tmp_path / "run.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == ["simulated-0001.csv", "simulated-0002.csv"]
    assert {len(row["file_digest"]) for row in rows} == {64}
    assert "file_content" not in rows[0]


FAULTS = {
    "never": r"no new file *.csv has come into ",
    "late": r"no new file *.csv has come into ",
    "half": "1800 s after the injection simulated-0002.csv ends in the middle of a line",
    "twice": "nobody can tell which is this injection's",
}


@pytest.mark.parametrize(("how", "kind"), [*((how, "table") for how in FAULTS), ("half", "trace")])
def test_a_file_that_is_not_surely_there_ends_the_campaign_safely(tmp_path, capsys, how, kind):
    rig = written(tmp_path, tables(kind, emulated={"old": 2, "spoilt": {"2": how}}))
    where = ["--rig", rig, "--catalogue", str(tmp_path / "runs")]
    assert main(["optimise", "walker-ii", "--seed", "1", "--budget", "4", "--json", *where]) == 1
    said = capsys.readouterr().err
    with Catalogue(tmp_path / "runs") as catalogue:
        facts, decisions = (list(catalogue[-1].events(s)) for s in ("primary", "decision"))
    assert "Traceback" not in said
    for line in ("pump c60 stopped", "heater setpoint 25 degC", "valve in load"):
        assert line in said
    assert [fact["valid"] for fact in facts] == [1, 0]
    assert FAULTS[how] in facts[1]["reason"]
    assert FAULTS[how] in decisions[1]["reason"]
    assert np.isnan([decisions[1][name] for name in NAMES]).all()
    assert bool(facts[1]["file"]) == (how == "half")  # what there was of it is kept
    if kind == "trace":
        assert np.isnan(facts[1]["trace"]).all()


CONTENTS = {
    "unreadable": "simulated-0002.csv is no text",
    "lacking": "simulated-0002.csv has no column 'X0'; its columns are other, sd of X0, X1",
    "outside": "simulated-0002.csv says X0 = '1.2', which is outside 0 to 1",
    "text": "simulated-0002.csv says X0 = 'n.d.', which is no number",
}


@pytest.mark.parametrize("how", CONTENTS)
def test_a_file_that_makes_no_sense_is_a_failed_experiment_and_the_campaign_goes_on(tmp_path, how):
    finished, facts, decisions = campaign(
        tmp_path, tables(emulated={"spoilt": {"2": how}}), budget=3
    )
    assert finished
    assert [decision["valid"] for decision in decisions] == [1, 0, 1]
    assert CONTENTS[how] in decisions[1]["reason"]
    assert np.isnan([decisions[1][name] for name in NAMES]).all()
    assert base64.b64decode(facts[1]["file_content"])  # so that it can be read again


def test_a_trace_that_cannot_be_read_is_a_failed_experiment(tmp_path):
    rig = tables("trace", emulated={"spoilt": {"2": "unreadable"}})
    finished, facts, decisions = campaign(tmp_path, rig, budget=3)
    assert finished
    assert [decision["valid"] for decision in decisions] == [1, 0, 1]
    assert "simulated-0002.csv is no text and no format known here" in decisions[1]["reason"]
    assert np.isnan(facts[1]["trace"]).all()


def test_three_files_without_sense_end_the_campaign(tmp_path):
    spoilt = {str(n): "text" for n in range(1, 20)}
    finished, facts, _ = campaign(tmp_path, tables(emulated={"spoilt": spoilt}), budget=9)
    assert len(facts) == 3
    assert not finished


def test_a_campaign_goes_on_after_the_software_has_been_seen_to(tmp_path, capsys):
    folder = str(tmp_path / "runs")
    _, facts, _ = campaign(tmp_path, tables(emulated={"spoilt": {"3": "never"}}), budget=5)
    assert len(facts) == 3
    with Catalogue(folder) as catalogue:
        uid = catalogue[-1].uid
    mended = written(tmp_path, tables(timeout=2000))
    assert main(["optimise", "--resume", uid, "--rig", mended, "--catalogue", folder]) == 0
    capsys.readouterr()
    assert main(["replay", "last", "--catalogue", folder]) == 0
    assert "5 of 5" in capsys.readouterr().out


def test_another_mapping_does_not_go_on_with_a_campaign(tmp_path, capsys):
    folder = str(tmp_path / "runs")
    campaign(tmp_path, tables(emulated={"spoilt": {"2": "never"}}), budget=5)
    with Catalogue(folder) as catalogue:
        uid = catalogue[-1].uid
    other = written(tmp_path, tables(quantities=ROWS))
    assert main(["optimise", "--resume", uid, "--rig", other, "--catalogue", folder]) == 2
    assert "reads its files by another mapping than the campaign did" in capsys.readouterr().err


def test_stored_files_can_be_read_by_a_mended_mapping(tmp_path):
    """A column that was renamed costs no experiment: the files are in the documents."""
    wrong = tables(quantities={name: {"column": name} for name in NAMES})
    wrong["analytics"]["quantities"]["X0"]["unit"] = "%"
    finished, facts, decisions = campaign(tmp_path, wrong, budget=3)
    assert finished
    with Catalogue(tmp_path / "runs") as catalogue:
        start = dict(catalogue[-1].start)
    right = ResultTable(tuple(Quantity(name, column=name, unit="%") for name in NAMES[:1])
                        + tuple(Quantity(name, column=name) for name in NAMES[1:]))  # fmt: skip
    assert retell(agent_of(start), facts, decisions) == []
    again = Agent(Problem.load(start["problem"]), right, seed=start["seed"])
    retell(again, facts)
    for told, decision in zip(again.evaluations, decisions, strict=True):
        assert told.measurement.values == {name: decision[name] for name in NAMES}
    percent = ResultTable(tuple(Quantity(name, column=name, unit="%") for name in NAMES))
    anew = Agent(Problem.load(start["problem"]), percent, seed=start["seed"])
    retell(anew, facts)
    assert anew.evaluations[0].measurement.values["X1"] == pytest.approx(decisions[0]["X1"] / 100)


# ---- what the check says, and other ways in ------------------------------------------------------


def hardware(rig: dict, folder) -> dict:
    del rig["emulation"]
    for name in rig["transports"]:
        rig["transports"][name]["url"] = f"/dev/{name}"
    rig["analytics"]["folder"] = str(folder)
    return rig


def test_the_check_says_what_is_missing(tmp_path, capsys):
    def check(rig) -> tuple[int, str]:
        code = main(["check", "walker-ii", "--rig", written(tmp_path, rig)])
        said = capsys.readouterr()
        return code, said.out + said.err

    assert check(tables())[0] == 0
    assert check(hardware(tables(), tmp_path))[0] == 0
    code, said = check(hardware(tables(), tmp_path / "none"))
    assert code == 2
    assert f"analytics.folder = '{tmp_path}/none' cannot be read (No such file or dir" in said
    (tmp_path / "file").write_text("x")
    assert "(Not a directory)" in check(hardware(tables(), tmp_path / "file"))[1]
    some = {name: {"column": name} for name in NAMES[:3]}
    code, said = check(tables(quantities=some))
    assert code == 2
    assert "measured: 'X3' is not among the rig's analytics.quantities, which are X0, X1," in said
    code, said = check(tables(quantities={**some, "Y": {"column": "Y"}}))
    assert "gives X0, X1, X2, X3, but analytics.quantities are X0, X1, X2, Y: name Y as" in said
    assert "emulated software writes .csv" in check(tables(files="*.pdf"))[1]
    assert "emulation.analytics.spoilt" in check(tables(emulated={"spoilt": {"1": "odd"}}))[1]
    no_meter = tables()
    no_meter["emulation"]["detector"] = {"memory": 0}
    assert "emulation.detector: this rig has no [detector]: delete it" in check(no_meter)[1]
    assert "emulation.analytics.dely" in check(tables(emulated={"dely": 1}))[1]


def test_a_folder_stands_relative_to_the_rig_file(tmp_path):
    rig = load(written(tmp_path, tables()))
    assert rig.analytics.path == tmp_path / "results"


def test_check_connect_looks_into_the_folder(tmp_path, capsys):
    assert (
        main(["check", "--connect", "--rig", written(tmp_path, tables(emulated={"old": 2}))]) == 0
    )
    said = capsys.readouterr().out
    assert "analytics, table: 0 requests" in said
    assert "2 of *.csv are there" in said
    with emulated(load(written(tmp_path, tables()))) as served:
        gone = served.analytics.model_copy(update={"folder": str(tmp_path / "none")})
        wrong = served.model_copy(update={"analytics": gone})
        file = wrong.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert main(["check", "--connect", "--rig", written(tmp_path, file)]) == 1
    assert "4 of 5 answered as they should; not so: analytics" in capsys.readouterr().out


def test_from_a_session(tmp_path):
    """As a person in IPython or a queue server's worker does it."""
    from reactune.plans.startup import close, open_workspace

    session = open_workspace(written(tmp_path, tables()), str(tmp_path / "runs"))
    try:
        problem = {**Problem.load("walker-v").to_dict(), "budget": 2}
        session.RE(session.optimise(problem, seed=3))
        assert replay(session.cat, session.last().uid).identical == 2
        assert session.rig.detector.read()["detector_file"]["value"] == "simulated-0002.csv"
    finally:
        close()


def test_by_the_command(tmp_path, capsys):
    where = ["--rig", written(tmp_path, tables()), "--catalogue", str(tmp_path / "runs")]
    assert main(["optimise", "walker-ii", "--seed", "1", "--budget", "3", *where]) == 0
    said = capsys.readouterr()
    assert "Stopped   budget: 3 of 3 experiments done" in said.out
    assert "Traceback" not in said.err
    assert main(["replay", "last", *where[2:]]) == 0


def test_from_another_process_in_real_time(tmp_path):
    """As on hardware: the rig file that `reactune emulate` writes points to its folder."""
    rig = tables(duration=0.5, timeout=20, settle=0.2, emulated={"delay": 0.3})
    rig["heater"] |= {"settle": 0.1, "tolerance": 5}
    rig["reactor"] |= {"heated_volume": 1, "total_volume": 1.5, "loop_volume": 0.01}
    with emulated(load(written(tmp_path, rig))) as served, open_rig(served) as opened:
        assert opened.simulated
        clock = opened.clock
        clock.wait(opened.set({"temperature": 28, "flow_c60": 200, "flow_sultine": 200}), 20)
        clock.wait(opened.fill_loop(), 20)
        clock.wait(opened.inject(), 20)
        clock.wait(opened.trigger(), 20)
        assert opened.read()["file"]["value"] == "simulated-0001.csv"
        assert opened.read()["file_delay"]["value"] < 10


def test_a_window_in_percent_is_not_about_an_amount(tmp_path):
    rig = load(written(tmp_path, tables(emulated={})))
    assert rig.analytics is not None
    amounts = {
        name: quantity.model_copy(update={"unit": "mM"})
        for name, quantity in rig.analytics.quantities.items()
    }
    analytics = rig.analytics.model_copy(update={"quantities": amounts})
    stated = Problem.load("walker-ii").to_dict()
    asked = Problem.load(stated | {"kind": None, "constraints": ["X1 >= 90 % +/- 5 %"]})
    (wrong,) = incompatibilities(asked, rig.model_copy(update={"analytics": analytics}))
    assert wrong == (
        "constraints: X1 >= 0.9 is in percent, about a fraction of 1, and the rig measures X1 in "
        "mM; write the window's numbers in mM, without %"
    )
