"""Stored runs that are cut off, damaged, foreign or resumed before."""

import errno
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import det

from reactune.analysis.campaign.replay import replay, retell
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.encoding import seal
from reactune.analysis.storage.journals.journal import Journal
from reactune.analysis.storage.lineage import lineage
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.preparation import rediscovered_campaign, resumed_campaign


@pytest.fixture
def foreign(tmp_path):
    """A catalogue that holds another plan's run only, and its uid."""
    with Catalogue(tmp_path, writing=True) as catalogue:
        engine = RunEngine({}, context_managers=[])
        engine.subscribe(catalogue.record)
        engine(count([det]))
        return tmp_path, catalogue[-1].uid


def test_a_run_that_is_no_campaign_is_listed_and_refused_elsewhere(foreign, capsys):
    folder, uid = foreign
    assert main(["runs", "--catalogue", str(folder)]) == 0
    listed = capsys.readouterr().out
    assert uid[:8] in listed
    assert "unmarked" in listed
    assert "REAL" not in listed
    assert main(["show", uid, "--catalogue", str(folder)]) == 0
    assert "count   UNMARKED" in capsys.readouterr().out  # what it found is said all the same
    for command in (["replay"], ["rediscover"], ["optimise", "--resume"]):
        assert main([*command, uid, "--catalogue", str(folder)]) == 2
        out, err = capsys.readouterr()
        assert "is not a campaign: its plan is 'count', not 'optimise'" in err
        assert out == ""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A finished campaign of six: its catalogue and its uid."""
    folder = tmp_path_factory.mktemp("stored")
    campaign = ["optimise", "walker-ii", "--seed", "4", "--budget", "6"]
    assert main([*campaign, "--json", "--catalogue", str(folder)]) == 0
    with Catalogue(folder) as catalogue:
        return folder, catalogue[-1].uid


@pytest.fixture
def cut_off(stored, tmp_path):
    """What a crash leaves: the journal's first lines, up to a given number of events."""
    folder, uid = stored
    (journal,) = (folder / "journal").iterdir()

    def cut(events):
        kept = []
        for line in journal.read_bytes().splitlines(keepends=True):
            kept.append(line)
            events -= json.loads(line).get("name") == "event"
            if not events:
                break
        (tmp_path / "journal").mkdir()
        (tmp_path / "journal" / journal.name).write_bytes(b"".join(kept))
        return tmp_path, uid

    return cut


def test_an_experiment_whose_decision_was_not_stored_is_judged_when_resumed(
    stored, cut_off, capsys
):
    folder, uid = cut_off(7)  # four facts, three decisions
    resume = ["optimise", "--json", "--catalogue", str(folder), "--resume"]
    assert main([*resume, uid]) == 0
    resumed = json.loads(capsys.readouterr().out)
    main(["show", uid, "--json", "--catalogue", str(stored[0])])
    whole = json.loads(capsys.readouterr().out)
    assert resumed["n_unjudged"] == 0
    for key in ("best", "best_feasible", "n", "n_feasible", "stop_reason"):
        assert resumed[key] == whole[key]
    with Catalogue(folder) as catalogue:
        runs = lineage(catalogue, resumed["uid"]).runs
        parts = [run.table("primary") for run in runs]
        began = [run.start["lab_time"] for run in runs]
    last = [part["lab_time"].max() + 780 for part in parts]
    hours = [(end - start) / 3600 for start, end in zip(began, last, strict=True)]
    assert [len(part) for part in parts] == [4, 2]
    assert resumed["lab_hours"] == pytest.approx(sum(hours))

    assert main([*resume, uid]) == 2  # not a second time, beside the first
    assert f"has been resumed as run {resumed['uid'][:8]}" in capsys.readouterr().err


def test_progress_goes_on_from_the_lab_hour_that_the_campaign_stood_at(cut_off, capsys):
    folder, uid = cut_off(7)  # four facts, three decisions
    where = ["--catalogue", str(folder)]

    def hours(*command: str) -> list[float]:
        capsys.readouterr()
        assert main(["optimise", "--resume", *command, *where]) == 0
        lines = capsys.readouterr().err.splitlines()
        return [float(line.split()[1]) for line in lines if re.match(r" +\d+/\d+ ", line)]

    with Catalogue(folder) as catalogue:
        run = catalogue[uid]
        stood = (run.table("primary")["lab_time"].max() - run.start["lab_time"]) / 3600
    first = hours(uid)
    assert len(first) == 3
    assert stood - 0.1 < first[0] < first[1] < first[2] < stood + 2
    again = hours("last", "--budget", "7")
    assert len(again) == 2  # the last is told again
    assert first[2] == again[0] < again[1] < first[2] + 1.5


def test_a_finished_campaign_is_extended(stored, tmp_path, capsys):
    folder, uid = tmp_path / "runs", stored[1]
    shutil.copytree(stored[0], folder)
    where = ["--json", "--catalogue", str(folder)]
    resume = ["optimise", "--resume", uid, *where]
    assert main(resume) == 2
    assert "needs no resuming: budget: 6 of 6" in capsys.readouterr().err
    assert main([*resume, "--budget", "8"]) == 0
    extended = json.loads(capsys.readouterr().out)
    assert (extended["n"], extended["budget"]) == (8, 8)
    assert extended["stop_reason"] == "budget: 8 of 8 experiments done"
    with Catalogue(folder) as catalogue:
        again = replay(catalogue, extended["uid"])
    assert (again.n, again.identical) == (8, 8)
    assert main(["show", "last", *where]) == 0
    assert json.loads(capsys.readouterr().out)["uid"] == extended["uid"]


def test_a_campaign_goes_on_with_another_rig_file_of_the_same_method(cut_off, tmp_path, capsys):
    folder, uid = cut_off(8)
    source = Path(__file__).parents[2] / "devices" / "rigs" / "walker.toml"
    same, other = tmp_path / "same.toml", tmp_path / "other.toml"
    text = source.read_text()
    same.write_text(text.replace('title  = "', 'title  = "Moved: ').replace("250000", "200000"))
    assert "time = 11.4" in " ".join(text.split())
    other.write_text(text.replace("11.40", "11.45").replace("11.4,", "11.45,"))
    resume = ["optimise", "--resume", uid, "--json", "--catalogue", str(folder), "--rig"]
    assert main([*resume, str(other)]) == 2
    assert "chromatogram.peaks was another in the campaign so far" in capsys.readouterr().err
    assert main([*resume, str(same)]) == 0
    result = json.loads(capsys.readouterr().out)
    with Catalogue(folder) as catalogue:
        assert catalogue[result["uid"]].start["rig"]["title"].startswith("Moved: ")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("stock          = 8.323", "stock          = 8.0", "streams.sultine.stock = 8 was 8.323"),
        ("total_volume  = 1587", "total_volume  = 1600", "reactor.total_volume = 1600 was 1587"),
        ("lamp          = 10.48", "lamp          = 10.5", "chromatogram.lamp = 10.5 was 10.48"),
        ("lamp          = 10.48", "lamp = 10.48\nstart = 2.0", "chromatogram.start was another"),
    ],
)
def test_facts_that_differ_are_refused_by_name(cut_off, tmp_path, capsys, old, new, sentence):
    folder, uid = cut_off(3)
    rig = tmp_path / "other.toml"
    paper = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    assert old in paper
    rig.write_text(paper.replace(old, new), "utf-8")
    arguments = ["optimise", "--resume", uid, "--catalogue", str(folder), "--rig", str(rig)]
    assert main(arguments) == 2
    assert f"{sentence} in the campaign so far" in capsys.readouterr().err


def test_a_campaign_is_simulated_or_real_and_never_both(cut_off):
    folder, uid = cut_off(3)
    with Catalogue(folder, writing=True) as catalogue:
        for prepare in (resumed_campaign, rediscovered_campaign):
            prepared = prepare(catalogue, uid, "walker")
            prepared.check_mark(simulated=True)
            with pytest.raises(UserError, match="was simulated, this rig is on real hardware"):
                prepared.check_mark(simulated=False)
            with pytest.raises(UserError, match="was simulated, this rig is on real hardware"):
                prepared.plan(SimpleNamespace(simulated=False))  # in a session, too


def test_a_real_rig_that_turns_out_to_be_emulated_does_not_go_on_with_a_real_campaign(
    cut_off, tmp_path, capsys
):
    folder, uid = cut_off(3)
    (journal,) = (folder / "journal").iterdir()
    marked = re.sub(r'("simulated": ?)true', r"\1false", journal.read_text("utf-8"))
    lines = [json.loads(line) for line in marked.splitlines()]
    for line in lines:
        del line["crc"]  # of what it was
    journal.write_bytes(b"".join(map(seal, lines)))
    arguments = ["optimise", "--resume", uid, "--catalogue", str(folder), "--rig", "walker"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert f"run {uid[:8]} was on real hardware, this rig is simulated" in err


def test_a_damaged_journal_and_a_lost_one_are_told(stored, cut_off, capsys, caplog):
    folder, uid = cut_off(8)
    resume = ["optimise", "--resume", uid, "--json", "--catalogue", str(folder)]
    assert main(resume) == 0
    later = json.loads(capsys.readouterr().out)["uid"]
    first, second = sorted((folder / "journal").iterdir())
    lines = second.read_bytes().splitlines(keepends=True)
    second.write_bytes(b"".join([*lines[:4], lines[4][:30] + b"\n", *lines[5:]]))
    assert main(["show", later, "--catalogue", str(folder)]) == 0
    assert "Line 5 of the journal" in caplog.text
    capsys.readouterr()
    second.write_bytes(b"".join(lines))
    first.unlink()
    for command in ("show", "replay", "rediscover"):
        assert main([command, later, "--catalogue", str(folder)]) == 2
        assert f"begins with '{uid}'" in capsys.readouterr().err


def test_a_summary_is_shown_where_no_page_can_be_written(stored, tmp_path, capsys):
    folder = tmp_path / "archive"
    shutil.copytree(stored[0], folder)
    shutil.rmtree(folder / "reports")
    (folder / "reports").write_text("in the way")
    assert main(["show", stored[1], "--catalogue", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "BEST FEASIBLE" in out
    assert "No page and picture" in err


def test_documents_that_no_disk_took_are_no_success(tmp_path, capsys, caplog, monkeypatch):
    real = Journal.save

    def full(journal):
        if b'"name": "stop"' in journal.content.since(0):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(journal)

    monkeypatch.setattr(Journal, "save", full)
    campaign = ["optimise", "walker-ii", "--seed", "4", "--budget", "1", "--json"]
    assert main([*campaign, "--catalogue", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["n"] == 1
    assert "IS NOT BEING SAVED" in caplog.text


def test_three_failures_do_not_keep_a_mended_rig_from_going_on(lab):
    lab.campaign(lab.agent(budget=5))
    clogged = [{**fact, "valid": 0.0, "reason": "clogged"} for fact in lab.events("primary")[:3]]
    agent = lab.agent(budget=5)
    assert retell(agent, clogged) == []
    assert agent.should_stop() == (True, "3 experiments in a row failed; the last: clogged")
    assert agent.finished() is None
    lab.documents.clear()
    lab.campaign(agent)
    assert [fact["number"] for fact in lab.events("primary")] == [4, 5]
    assert agent.finished() == "budget: 5 of 5 experiments done"


def test_an_experiment_that_was_recorded_twice_is_replayed_once(lab):
    lab.campaign(lab.agent(budget=3))
    first, second, third = lab.events("primary")
    agent = lab.agent(budget=3)
    assert retell(agent, [first, second, second, third]) == []
    assert len(agent.evaluations) == 3
