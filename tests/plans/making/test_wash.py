"""Solvent that washes the rig when a product has been made, and takes part in nothing else."""

import io
import json
import os
import signal
from pathlib import Path

import pytest

from reactune.analysis.report.made import made_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.emulation.build import emulate
from reactune.devices.instruments.heater import NotSettledError
from reactune.devices.instruments.interlock import RigFaultError
from reactune.devices.instruments.ledger import LedgerError
from reactune.devices.protocols.roles import PumpError
from reactune.devices.rig.safety import make_hardware_safe
from reactune.devices.rig.washing import Washing
from reactune.devices.rigfile import RigFile
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.making.service import make_product
from reactune.plans.making.washing import lacking
from reactune.plans.service import run
from reactune.plans.signals import StopSignals
from reactune.plans.startup import Workspace
from tests.devices.rig.driving import WARM, go
from tests.plans.making.test_collection import collecting, worlds, written  # noqa: F401 - a fixture


@pytest.fixture
def place(walker_found, placed):
    return placed(walker_found)


def washing(rig: RigFile | None = None, name: str = "acetone", **stream) -> RigFile:
    """A rig with one more pump, of a solvent to wash with."""
    plain = (rig or collecting()).model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["streams"][name] = {
        "transport": "pumps", "address": len(plain["streams"]), "diameter": 14.57,
        "syringe_volume": 10000, "limits": [10, 500], "wash": True, **stream,
    }  # fmt: skip
    return RigFile.model_validate(plain)


class There:
    """Somebody who puts the flask, and takes it away again if asked, or not."""

    def __init__(self, waste: bool = True) -> None:
        self.takes_away, self.asked = waste, []

    def there(self):
        return True

    def flask(self, volume, minutes):
        self.asked.append("flask")
        return True

    def waste(self):
        self.asked.append("waste")
        return self.takes_away

    def doubtful(self, told):
        return False


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_the_rig_is_washed_cold_when_a_product_has_been_made(
    place, worlds, capsys, monkeypatch, transport  # noqa: F811
):  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.StringIO(""))  # a valve: nobody is there
    started = []
    rig = written(washing(collecting(transport)))
    begin = emulate.__globals__["World"].start

    def start(world, pump, rate, volume=float("inf")):
        if pump == 2 and rate > 0:
            started.append((world.temperature(), rate, world.outlet, world.position))
        begin(world, pump, rate, volume)

    monkeypatch.setattr(emulate.__globals__["World"], "start", start)
    assert main(["make", "last", "--volume", "2mL", "--seed", "4", "--rig", rig, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    volume = 3 * load("walker").reactor.total_volume
    assert told["washed"] == {"acetone": pytest.approx(volume / 1000, rel=0.01)}
    assert "acetone" not in told["used"]
    assert "Washed:    4.76 mL of acetone" in err
    assert "pump acetone stopped" in err
    assert started == [(pytest.approx(34.5, abs=0.6), 500, "waste", "load")]
    (world,) = worlds
    assert world.collected() == pytest.approx(2000, rel=0.01)  # not a drop of solvent
    assert world.sample().filled == 1
    assert world.sample().feed == (0, 0)
    assert world.flow() == (0, 0, 0)
    assert main(["show", "last"]) == 0
    assert "Washed    acetone 4.8 mL" in capsys.readouterr().out
    assert main(["make", "last", "--volume", "2mL", "--rig", rig]) == 2  # once more: of what?
    found = told["makes"][:8]
    assert f"it made what run {found} had found; name that one" in capsys.readouterr().err


def test_a_flask_under_the_outlet_is_taken_away_first(place, worlds):  # noqa: F811
    rig = washing(load("walker").emulating(seed=4), wash_volume=1000)
    there = There()
    outcome = make_product("last", 1000.0, rig, attendant=there)
    assert outcome.well
    assert there.asked == ["flask", "waste"]
    assert outcome.made.washed == {"acetone": pytest.approx(1.0, rel=0.01)}
    never = There(waste=False)
    outcome = make_product(outcome.made.makes, 1000.0, rig, attendant=never)
    assert never.asked == ["flask", "waste"]
    assert outcome.fault == (
        "1 mL collected; both checks are what was promised. The rig is not washed: nobody has "
        "taken the flask away"
    )
    assert not outcome.well
    assert outcome.made.washed == {}
    assert outcome.made.collected == pytest.approx(1.0, rel=0.03)
    assert worlds[1].pump(2)[2] == 10000  # its syringe is as full as before
    assert outcome.safe_state.confirmed


def test_at_a_terminal_the_flask_is_asked_for_and_back(place, capsys, monkeypatch):
    rig = written(washing(load("walker"), wash_volume=500))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    assert main(["make", "last", "--volume", "1mL", "--seed", "4", "--rig", rig]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.index("Put the flask under") < said.index("Take the flask away, and lead the")
    assert "Washed: 0.5 mL of acetone" in said


def test_what_is_no_product_is_washed_out_too(place, worlds):  # noqa: F811
    drifted = washing(collecting(kinetics={"ks": 0.9}), wash_volume=2000)
    outcome = make_product("last", 2000.0, drifted, attendant=There())
    assert "was promised" in outcome.fault
    assert outcome.made.collected == 0
    assert outcome.made.washed == {"acetone": pytest.approx(2.0, rel=0.01)}


def test_several_solvents_follow_each_other_in_as_many_strokes_as_it_takes():
    rig = washing(washing(wash_volume=900), "water", wash_volume=5000, syringe_volume=2500,
                  diameter=7.3, flask_volume=20000, refill_rate=5000)  # fmt: skip
    with open_rig(rig) as opened:
        go(opened, opened.washing.wash())
        assert opened.washing.washed == {
            "acetone": pytest.approx(900, rel=0.01), "water": pytest.approx(5000, rel=0.01),
        }  # fmt: skip
        assert opened.pumps["water"].ledger.flask == pytest.approx(17500, abs=10)
        assert opened.emulation.world.flow() == (0, 0, 0, 0)


def test_a_stall_while_it_washes_ends_in_the_safe_state():
    with open_rig(washing()) as rig:
        world = rig.emulation.world
        rig.clock.call_later(120, lambda: world.stall(2))
        with pytest.raises(PumpError, match="stream acetone has stalled"):
            go(rig, rig.washing.wash())
        assert "stream acetone has stalled" in rig.fault
        assert world.flow() == (0, 0, 0)
        assert "pump acetone stopped" in rig.last_report.lines


def test_the_safe_state_ends_a_wash():
    with open_rig(washing()) as rig:
        rig.washing.wash()
        go(rig, rig.clock.timer(60))
        assert rig.emulation.world.flow() == (0, 0, 500)
        report = rig.safe()
        assert report.confirmed
        go(rig, rig.clock.timer(60))
        assert rig.emulation.world.flow() == (0, 0, 0)
        assert 0 < rig.washing.washed["acetone"] < 600


def test_stopped_by_the_user_while_it_washes_nothing_flows_any_more(place, worlds, monkeypatch):  # noqa: F811
    look = Washing._flows

    def interrupted(washing, name):
        if washing.washed["acetone"] > 300:
            os.kill(os.getpid(), signal.SIGINT)
        return look(washing, name)

    monkeypatch.setattr(Washing, "_flows", interrupted)
    how = {"attendant": There(), "interrupters": [StopSignals]}
    outcome = make_product("last", 500.0, washing(), **how)
    assert outcome.interrupted, outcome.fault
    assert "stopped by the user" in outcome.made.reason
    assert outcome.stored
    assert outcome.safe_state.confirmed
    assert worlds[0].flow() == (0, 0, 0)
    assert 0.3 < outcome.made.washed["acetone"] < 4


def test_pumps_that_are_stopped_before_the_washing_hears_of_it_have_not_washed(monkeypatch):
    look = Washing._flows

    with open_rig(washing(collecting())) as rig:

        def stopped(washing, name):
            if washing.washed["acetone"] > 300:
                rig.interlock.hold("stopped by the user")
                for pump in washing._bench.pumps.values():
                    pump.driver.stop()
            return look(washing, name)

        monkeypatch.setattr(Washing, "_flows", stopped)
        with pytest.raises(RigFaultError, match="nothing moves now: stopped by the user"):
            go(rig, rig.washing.wash())
        assert 300 < rig.washing.washed["acetone"] < 4000


def test_a_reactor_that_stays_hot_is_not_washed(place):
    hot = washing(collecting())
    heater = hot.heater.model_copy(update={"timeout": 900.0})
    with open_rig(hot.model_copy(update={"heater": heater})) as rig:
        go(rig, rig.heat({**WARM, "temperature": 150}))
        rig.emulation.world.run_away(0.01)
        with pytest.raises(NotSettledError, match="has not cooled to 35 degC in 900 s"):
            go(rig, rig.washing.wash())
        assert rig.washing.washed == {"acetone": 0}


def test_it_stands_still_while_experiments_are_made(tmp_path):
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        outcome = run("walker-ii", washing(), catalogue=catalogue, seed=3, budget=2)
        events = list(catalogue[outcome.uid].events("primary"))
    assert {event["used_acetone"] for event in events} == {0}
    assert {event["remaining_acetone"] for event in events} == {10000}
    assert "flow_acetone" not in events[0]
    assert events[0]["residence_time"] == pytest.approx(
        931 / (events[0]["flow_c60"] + events[0]["flow_sultine"]), rel=1e-3
    )


def test_one_that_flows_by_itself_is_a_fault():
    with open_rig(washing()) as rig:
        go(rig, rig.flow(WARM))
        rig.emulation.world.start(2, 100.0)
        go(rig, rig.clock.timer(120))
        assert "stream acetone should stand still, but flows" in rig.fault


def test_too_little_of_it_is_refused_before_anything_moves(place, capsys):
    rig = written(washing(wash_volume=12000))
    assert main(["make", "last", "--volume", "1mL", "--rig", rig]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        "stream acetone: washing needs 12.00 mL, and 10.00 mL are left: refill syringe and flask, "
        "or lower streams.acetone.wash_volume"
    ) in " ".join(err.split())


def test_what_fills_an_empty_syringe_to_its_dead_volume_does_not_wash():
    empty = {"filled": 0.0, "dead_volume": 500.0, "flask_volume": 1000.0}
    assert lacking(washing(wash_volume=500, **empty)) == []
    assert lacking(washing(wash_volume=900, **empty)) == [
        "stream acetone: washing needs 0.90 mL, and 0.50 mL are left: refill syringe and flask, or "
        "lower streams.acetone.wash_volume"
    ]
    full = {"dead_volume": 500.0, "flask_volume": 1000.0}
    with open_rig(washing(wash_volume=900, **full)) as rig:
        rig.washing.check()
        rig.pumps["acetone"].ledger._content = 0.0  # used up
        with pytest.raises(LedgerError, match="washing needs 900 uL, and 500 uL are left"):
            rig.washing.check()


def test_a_session_counts_it_and_washes_too(place):
    with Catalogue("runs", writing=True) as catalogue, open_rig(
        washing(collecting(noise=False), wash_volume=6000)
    ) as rig:  # fmt: skip
        workspace = Workspace(rig, catalogue)
        found = catalogue[-1].uid
        workspace.RE(workspace.make(found, "1mL"))
        assert made_of(catalogue[-1]).washed == {"acetone": pytest.approx(6.0, rel=0.01)}
        with pytest.raises(UserError, match="washing needs 6000 uL, and 4000 uL are left"):
            workspace.RE(workspace.make(found, "1mL"))


def test_check_says_it_and_a_problem_that_wants_to_set_it_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rig = written(washing())
    assert main(["check", "walker-ii", "--rig", rig]) == 0
    assert (
        "To wash:\n  4.76 mL of acetone at 500 uL/min, at the end of reactune make, at 35 degC or "
        "below\n"
    ) in capsys.readouterr().out
    for asked in (
        'flow_acetone = { range = [10, 100], unit = "uL/min" }',
        'dilution = { range = [1, 3], of = "flow_acetone / flow_c60" }',
        'load = { range = [1, 3], of = "flow_c60 / stock_acetone" }',
    ):
        text = (
            'minimise = "X3"\nmeasured = ["X0", "X1", "X2", "X3"]\nkind = "fractions"\n'
            "[variables]\ntemperature = { range = [100, 150] }\n"
            f"flow_c60 = {{ range = [10, 100] }}\n{asked}\n"
        )
        Path("problem.toml").write_text(text, "utf-8")
        assert main(["check", "problem.toml", "--rig", rig]) == 2
        assert (
            "stream acetone only washes (wash = true in the rig file), and no experiment sets it: "
            "leave it out of the problem, or give it a stock in place of wash"
        ) in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        ({"stock": 3.0}, "with wash = true it is a solvent to wash with: delete one of the two"),
        ({"wash": False}, "stock is missing: add it, or wash = true for a solvent to wash with"),
        ({"wash": False, "stock": 1, "wash_volume": 9}, "wash_volume = 9 uL is of a solvent"),
    ],
)
def test_what_contradicts_it_is_refused(stream, sentence):
    with pytest.raises(ValueError, match=sentence):
        washing(**stream)


def test_it_is_no_choice_and_not_all_there_is():
    plain = washing(load("catalysts")).model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["choices"]["catalyst"]["stream"] = "acetone"
    with pytest.raises(ValueError, match=r"stream acetone only washes .*: name another"):
        RigFile.model_validate(plain)
    plain = washing().model_dump(mode="json", by_alias=True, exclude_none=True)
    plain["streams"] = {"acetone": plain["streams"]["acetone"]}
    with pytest.raises(ValueError, match="all of them only wash"):
        RigFile.model_validate(plain)


def test_hardware_that_nobody_has_open_is_stopped_while_it_washes():
    emulation, clock, urls = emulate(washing(collecting("tcp")))
    with emulation:
        emulation.world.start(2, 500.0)
        plain = washing(collecting("tcp")).model_dump(mode="json", by_alias=True, exclude_none=True)
        del plain["emulation"]
        for name, url in urls.items():
            plain["transports"][name]["url"] = url
        report = make_hardware_safe(RigFile.model_validate(plain))
        assert report.confirmed
        assert "pump acetone stopped" in report.lines
        assert emulation.world.flow() == (0, 0, 0)
    clock.close()
