"""A product led into its flask by a valve: nobody is asked, and at every end it is at waste."""

import io
import json
import os
import signal
import threading
from pathlib import Path

import bluesky.plans as bp
import pytest
import tomli_w

from reactune.analysis.report.made import made_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.emulation.build import emulate
from reactune.devices.instruments.interlock import RigFaultError
from reactune.devices.rig.feed import Feed
from reactune.devices.rig.safety import make_hardware_safe
from reactune.devices.rigfile import RigFile
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.making.plan import Collection
from reactune.plans.making.service import make_product
from reactune.plans.signals import StopSignals
from reactune.plans.startup import Workspace
from tests.devices.rig.driving import WARM, go


@pytest.fixture
def place(walker_found, placed):
    return placed(walker_found)


def collecting(transport: str = "pty", valve: dict | None = None, **emulation) -> RigFile:
    """The paper's rig with a collection valve."""
    rig = load("walker").emulating(transport=transport, seed=4, **emulation)
    plain = rig.model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["transports"]["outlet"] = {"timeout": 0.5}
    plain["collection"] = {"transport": "outlet", **(valve or {})}
    return RigFile.model_validate(plain)


def written(rig: RigFile) -> str:
    plain = rig.model_dump(mode="json", by_alias=True, exclude_none=True)
    Path("rig.toml").write_text(tomli_w.dumps(plain), "utf-8")
    return "rig.toml"


class Nobody:
    """Whoever is asked fails the test."""

    def there(self):
        return True

    def flask(self, volume, minutes):
        raise AssertionError("asked for a flask")

    def doubtful(self, told):
        return False


@pytest.fixture
def worlds(monkeypatch):
    """The worlds of the rigs that are opened."""
    made = []

    def emulated(rig):
        emulation, clock, urls = emulate(rig)
        made.append(emulation.world)
        return emulation, clock, urls

    monkeypatch.setattr("reactune.devices.emulation.build.emulate", emulated)
    return made


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_a_valve_collects_and_nobody_is_asked(place, worlds, capsys, monkeypatch, transport):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))  # nobody is there
    rig = written(collecting(transport))
    assert main(["make", "last", "--volume", "2mL", "--seed", "4", "--rig", rig, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert "Put the flask" not in err
    assert "take the flask away" not in err
    assert "collection valve in waste" in err
    assert [check["passed"] for check in told["checks"]] == [True, True]
    (world,) = worlds
    assert world.outlet == "waste"
    assert world.collected() == pytest.approx(2000, rel=0.01)  # what the world has in the flask
    assert told["collected"] == pytest.approx(world.collected() / 1000, rel=0.01)


def test_a_product_that_is_not_what_was_promised_never_reaches_the_flask(place, worlds):
    outcome = make_product("last", 2000.0, collecting(kinetics={"ks": 0.9}), attendant=Nobody())
    assert "was promised" in outcome.fault
    assert worlds[0].collected() == 0


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda world: world.stall(0), "stream c60 has stalled"),
        (lambda world: world.lead("waste"),
         "the collection valve is at waste, but was turned to collect: the product is not where"),
    ],
)  # fmt: skip
def test_a_fault_while_it_collects_ends_at_waste(place, worlds, monkeypatch, spoil, fault):
    look = Feed.look

    def spoilt(feed):
        if worlds[0].collected() > 300:
            spoil(worlds[0])
        look(feed)

    monkeypatch.setattr(Feed, "look", spoilt)
    outcome = make_product("last", 2000.0, collecting(), attendant=Nobody())
    assert fault in outcome.fault
    assert not outcome.well
    assert "collection valve in waste" in outcome.safe_state.lines
    assert worlds[0].outlet == "waste"
    assert 0 < worlds[0].collected() < 1000


@pytest.mark.parametrize("seconds", [3.0, 94.0])  # after one look or many
def test_stopped_by_the_user_while_it_collects_it_is_at_waste(place, worlds, monkeypatch, seconds):
    begin = Collection.begin

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.3)  # lab time stands still until it has been heard

    def begun(collection):
        begin(collection)
        collection._rig.clock.call_later(seconds, interrupted)

    monkeypatch.setattr(Collection, "begin", begun)
    how = {"attendant": Nobody(), "interrupters": [StopSignals]}
    outcome = make_product("last", 2000.0, collecting(), **how)
    assert outcome.interrupted, outcome.fault
    assert not outcome.fault
    assert "stopped by the user" in outcome.made.reason
    assert outcome.stored
    assert outcome.safe_state.confirmed
    assert worlds[0].outlet == "waste"
    assert 0 < worlds[0].collected() < 1900
    assert outcome.made.collected == pytest.approx(worlds[0].collected() / 1000, rel=0.05)


def test_a_session_makes_it_too(place, capsys):
    quiet = collecting(noise=False)
    with Catalogue("runs", writing=True) as catalogue, open_rig(quiet) as rig:
        workspace = Workspace(rig, catalogue)
        found = catalogue[-1].uid
        workspace.RE(workspace.names()["make"](found, "1mL"))
        assert rig.emulation.world.collected() == pytest.approx(1000, rel=0.01)
        assert rig.emulation.world.outlet == "waste"
        assert made_of(catalogue[-1]).ended_well
        capsys.readouterr()
        workspace.summary()
        newest = capsys.readouterr().out
        assert "Check     before, as promised" in newest
        assert "Collected 1 mL of 1 mL" in newest
        workspace.summary(found[:8])
        assert "BEST FEASIBLE" in capsys.readouterr().out
        workspace.RE(bp.count([rig.heater]), plan_name="make")  # of somebody else's
        assert main(["show", "last", "--catalogue", "runs"]) == 0
        assert "1 experiment at 1 point" in capsys.readouterr().out
        with pytest.raises(UserError, match="one filling of its syringe delivers"):
            workspace.RE(workspace.make(found, "20mL"))


@pytest.mark.parametrize("line", ["pty", "tcp"])
@pytest.mark.parametrize("collect", ["A", "B"])
def test_it_turns_reads_back_and_is_safe_at_waste(line, collect):
    config = collecting(line, {"collect": collect})
    with open_rig(config) as rig:
        world, valve = rig.emulation.world, rig.collection
        go(rig, valve.set("collect"))
        assert (world.outlet, valve.place.get()) == ("collect", "collect")
        assert valve.driver.position() == collect
        go(rig, rig.flow(WARM))  # whatever begins to flow goes to waste
        assert world.outlet == "waste"
        go(rig, valve.set("collect"))
        report = rig.safe()
        assert report.confirmed
        assert report.lines[-1] == "collection valve in waste"
        assert world.outlet == "waste"
        with pytest.raises(ValueError, match="position 'load' is neither 'waste' nor 'collect'"):
            valve.set("load")


def test_a_look_in_the_moment_it_is_made_safe_is_no_fault(monkeypatch):
    with open_rig(collecting()) as rig:
        go(rig, rig.collection.set("collect"))
        poll = rig.collection.poll
        monkeypatch.setattr(rig.collection, "poll", lambda: (rig.safe(), poll())[1])
        rig.collection.look()
        assert rig.collection.place.get() == "waste"
        assert rig.fault is None


def test_a_dead_collection_valve_is_a_fault_that_says_what_to_do_by_hand():
    with open_rig(collecting()) as rig:
        go(rig, rig.collection.set("collect"))
        rig.emulation.world.links["outlet"].silent = 1e9
        report = rig.safe()
        (wrong,) = report.unconfirmed
        assert "turn the collection valve to waste by hand" in wrong
        rig.emulation.world.links["outlet"].silent = 0
        assert rig.safe().confirmed


def test_a_fault_shuts_the_interlock_for_it_too():
    with open_rig(collecting()) as rig:
        rig.interlock.latch(ConnectionAbortedError("enough"))
        with pytest.raises(RigFaultError, match="nothing moves after a fault"):
            rig.collection.set("collect")
        assert rig.emulation.world.outlet == "waste"


def test_hardware_that_nobody_has_open_is_led_to_waste():
    emulation, clock, urls = emulate(collecting("tcp"))
    with emulation:
        emulation.world.lead("collect")
        plain = collecting().model_dump(mode="json", by_alias=True, exclude_none=True)
        del plain["emulation"]
        for name, url in urls.items():
            plain["transports"][name]["url"] = url
        report = make_hardware_safe(RigFile.model_validate(plain))
        assert report.confirmed
        assert report.lines[-2:] == ("valve in load", "collection valve in waste")
        assert emulation.world.outlet == "waste"
    clock.close()


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_connect_greets_it_and_does_not_turn_it(tmp_path, monkeypatch, capsys, transport):
    monkeypatch.chdir(tmp_path)
    rig = written(collecting(transport, {"collect": "A"}))
    assert main(["check", "--connect", "--rig", rig, "--record", "lines.jsonl"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "collection, vici" in said
    assert "position B (waste)" in said
    assert "that in this position the outlet leads where the rig file says" in said
    rows = [json.loads(line) for line in Path("lines.jsonl").read_text("ascii").splitlines()]
    sent = [row["sent"] for row in rows if row["instrument"] == "collection"]
    assert "CP\r" in sent
    assert not any("GO" in row for row in sent)
