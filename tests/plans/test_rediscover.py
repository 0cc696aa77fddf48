"""A known reaction again: what is found out of the earlier results, and how they are used."""

import json
from pathlib import Path

import pytest

from reactune.analysis.campaign.replay import replay
from reactune.analysis.report.html import write_html
from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.encoding import loads, seal
from reactune.devices import load
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.preparation import rediscovered_campaign
from reactune.plans.service import rediscover, resume, run, stored_campaign

DRIFT = {"ks": 1.3, "eta": 0.7, "a2": 0.13}
TABLE = """\
temperature [degC],flow_c60 [uL/min],flow_sultine [uL/min],X0,X1,X2,X3
120,60,60,0.05,0.75,0.19,0.01
110,40,50,0.60,0.35,0.05,0.00
130,50,45,0.10,0.72,0.17,0.01
140,50,60,0.02,0.60,0.35,0.03
"""


@pytest.fixture(autouse=True)
def _journals_alone(monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalogue with a campaign of ten, and a rediscovery on a reactor that has drifted."""
    folder = tmp_path_factory.mktemp("stored")
    drifted = load("walker").emulating(kinetics=DRIFT)
    with Catalogue(folder, writing=True, store="journal") as catalogue:
        assert run("walker-ii", catalogue=catalogue, seed=5, budget=10).well
        outcome = rediscover("last", drifted, catalogue=catalogue, seed=6, budget=5)
        assert outcome.well
    return folder


@pytest.fixture
def place(stored, placed):
    """A copy of that catalogue, and a table."""
    runs = placed(stored)
    Path("old.csv").write_text(TABLE)
    return runs


def test_sentinels_come_first_and_the_drift_is_told(place, capsys):
    with Catalogue(place) as catalogue:
        old, new = catalogue[-2], catalogue[-1]
        conditions = [
            {k: v for k, v in data.items() if k.startswith("asked_")}
            for data in old.events("primary")
        ]
        asked = new.events("primary")
        for sentinel in asked[:3]:
            assert {k: v for k, v in sentinel.items() if k.startswith("asked_")} in conditions
        decided = new.events("decision")
        assert decided[0]["why"] == "sentinel: an experiment of the earlier campaign again"
        assert [data["number"] for data in new.events("rediscovery")] == [1, 2, 3, 4, 5]
        told = summarise(stored_campaign(catalogue, "last"))
    found = told.rediscovery
    assert (found.finding.verdict, found.n) == ("shifted", 10)
    change = found.finding.change["X0"]
    assert change.now > change.then + 2 * change.sd  # less of the sultine is active
    assert told.n == 5  # those of before are none of this campaign's
    assert main(["show", "last", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["rediscovery"]
    assert said["verdict"] == "shifted"
    assert sum(said["probability"].values()) == pytest.approx(1)
    assert [one["number"] for one in said["evidence"]] == [1, 2, 3, 4, 5]
    assert main(["runs"]) == 0
    of_new = capsys.readouterr().out.split("rediscovers")[1]
    assert "expected of no. " in of_new
    assert set(said["change"]["X3"]) == {"then", "now", "sd", "then_sd", "now_sd"}
    then, now = said["found_then"], said["found_now"]
    assert said["saved"] == (then - now if then and now else None)


def test_the_page_and_the_terminal_say_it(place, capsys, drawn):
    assert main(["show", "last"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines()[:-2])) <= 80
    assert "Earlier   10 experiments of run" in shown
    assert "Drift     at the best of then: X0" in shown
    assert "Trust     the models use the earlier results" in shown
    with Catalogue(place) as catalogue:
        write_html(stored_campaign(catalogue, "last"), "page.html")
        write_html(stored_campaign(catalogue, catalogue[-2].uid), "other.html")
    assert "What the earlier results foretold" in Path("page.html").read_text()
    assert "foretold" not in Path("other.html").read_text()


def test_a_killed_rediscovery_goes_on_with_identical_asks(place):
    with Catalogue(place) as catalogue:
        whole = summarise(stored_campaign(catalogue, "last"))
        asked = [data["asked_flow_c60"] for data in catalogue["last"].events("primary")]
        assert replay(catalogue, "last").differences == ()
    *_, journal = sorted((place / "journal").iterdir())
    lines = journal.read_bytes().splitlines(keepends=True)
    (second,) = [i for i, line in enumerate(lines) if b'"number": 2.0' in line and b"trace" in line]
    journal.write_bytes(b"".join(lines[: second + 1]))
    assert resume(whole.uid, catalogue=place).well
    with Catalogue(place) as catalogue:
        resumed = summarise(stored_campaign(catalogue, "last"))
        rest = [data["asked_flow_c60"] for data in catalogue["last"].events("primary")]
        assert replay(catalogue, "last").differences == ()
    assert rest == asked[2:]
    assert resumed.rediscovery == whole.rediscovery
    assert (resumed.best, resumed.best_feasible) == (whole.best, whole.best_feasible)


def test_it_is_not_changed_in_mid_campaign(place):
    with pytest.raises(UserError, match=r"reactune rediscover .* --problem NEW"):
        resume("last", catalogue=place, problem="walker-iii")


def test_a_table_begins_one_too(place, capsys):
    assert main(["rediscover", "old.csv", "--budget", "1"]) == 2
    assert "a table does not say what is looked for" in capsys.readouterr().err
    ask = ["rediscover", "old.csv", "--problem", "walker-ii", "--budget", "2", "--seed", "1"]
    assert main([*ask, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rediscovery"]["verdict"] == "unknown"  # four are too few for a model
    assert told["rediscovery"]["trust"].startswith("not at all")
    with Catalogue(place) as catalogue:
        start = catalogue["last"].start
        assert start["rediscovers"] == "a table"
        # the only one that fits the windows, then what is worse
        assert start["first"][0]["temperature"] == 120
    assert main(["runs"]) == 0
    assert "rediscovers a table" in capsys.readouterr().out


def test_another_question_may_be_asked_of_it(place):
    with Catalogue(place) as catalogue:
        prepared = rediscovered_campaign(catalogue, [catalogue[-2].uid], problem="walker-iii")
        both = [catalogue[-1].uid, catalogue[-2].uid]
        pooled = rediscovered_campaign(catalogue, both)
    assert len(prepared.agent.problem.windows) == 2
    assert len(pooled.md["before"]["experiments"]) == 15
    assert pooled.md["rediscovers"] == both[0]


def test_what_differs_between_the_rigs_is_said(place):
    rig = load("walker")
    streams = rig.streams | {"c60": rig.streams["c60"].model_copy(update={"stock": 2.5})}
    with Catalogue(place) as catalogue:
        other = rig.model_copy(update={"streams": streams})
        prepared = rediscovered_campaign(catalogue, catalogue[-2].uid, other)
    (difference,) = prepared.md["before"]["differences"]
    assert difference == "streams.c60.stock = 2.5 was 2.775"


def test_simulated_results_are_refused_on_hardware_and_real_ones_on_an_emulated_rig(place, capsys):
    with Catalogue(place) as catalogue:
        uid = catalogue[-2].uid
        with pytest.raises(UserError, match=f"run {uid[:8]} was simulated, this rig is on real"):
            rediscovered_campaign(catalogue, uid).check_mark(simulated=False)
    journal = min((place / "journal").iterdir())
    lines = journal.read_bytes().splitlines(keepends=True)
    item = loads(lines[1])
    item.pop("crc")
    item["doc"]["simulated"] = False
    journal.write_bytes(b"".join((lines[0], seal(item), *lines[2:])))
    assert main(["rediscover", uid]) == 2
    assert f"run {uid[:8]} was on real hardware, this rig is simulated" in capsys.readouterr().err


def test_with_a_model_of_the_merit_only_the_first_experiments_are_from_before(place):
    merit = {**json.loads(json.dumps(_stated())), "optimiser": {"model": "merit"}}
    with Catalogue(place) as catalogue:
        prepared = rediscovered_campaign(catalogue, catalogue[-2].uid, problem=merit)
    agent = prepared.agent
    assert len(agent.first) > 3
    asked = agent.ask()
    assert asked.why.startswith("sentinel")
    agent.ingest([{"_id": 1, "X0": 0.1, "X1": 0.75, "X2": 0.14, "X3": 0.01}])
    assert agent.finding.trust.startswith("for the first experiments only")


def _stated():
    from reactune.analysis.problem.model import Problem

    return Problem.load("walker-ii").to_dict()
