"""The rig on instruments as they are found: models, firmwares, settings, lines."""

import pytest

from reactune.devices.opening import emulated, greet
from reactune.devices.protocols.errors import InstrumentError
from reactune.devices.protocols.roles import PumpError
from tests.devices.rig.driving import experiment, go

SHORT = {"heater.settle": 10, "chromatogram.duration": 30}
ALL = ["pumps", "heater", "valve", "detector"]
NEW_ERA = {"streams.c60.protocol": "ne1000", "streams.sultine.protocol": "ne1000"}
RIGS = {
    "as recorded": {
        "emulation.pumps": {"bare": True, "firmware": "3.0.6", "zero": False},
        "emulation.valve": {"long_texts": True},
        "emulation.detector": {"errors": 3},
    },
    "whole degrees": {
        "emulation.pumps": {"bare": True, "nvram": "no"},
        "emulation.heater": {"decimals": 0},
        "emulation.valve": {"id": "3"},
        "valve.id": "3",
        "emulation.detector": {"rs232": False},
    },
    "hundredths": {
        "emulation.pumps": {"nvram": "off"},
        "emulation.heater": {"decimals": 2},
        "emulation.valve": {"echo": True},
        "emulation.detector": {"rs232": False, "model": "34461A"},
    },
    "a heater that tells nothing": {
        "emulation.pumps": {"commands": "22"},
        "emulation.heater": {"tells": False},
        "heater.decimals": 1,
        "valve.load": "B",
        "emulation.detector": {"rs232": False, "errors": 20},
    },
    "a 2416": {
        "emulation.pumps": {"method": "qs i"},
        "emulation.heater": {"model": "2416"},
        "emulation.valve": {"id": "B", "echo": True},
        "valve.id": "B",
        "emulation.detector": {"model": "34410A"},
    },
    "lines that echo": {"emulation.echo": ALL},
    "pumps far down the chain": {
        "emulation.pumps": {"colon": False, "nvram": "no", "method": "no"},
        "transports.pumps": {"timeout": 0.1},
        "streams.c60.address": 7,
        "streams.sultine.address": 99,
        "emulation.heater": {"alarm": False},
        "valve.load": "B",
        "emulation.valve": {"long_texts": True, "echo": True},
    },
    "New Era, just switched on": NEW_ERA,
    "New Era, left in safe mode, on a line that echoes": NEW_ERA
    | {
        "emulation.pumps": {"fresh": False, "watchdog": 30, "ahead": False},
        "emulation.echo": ALL,
        "transports.pumps": {"timeout": 0.1},
    },
}
CONDITIONS = {"temperature": 30.4, "flow_c60": 100.0, "flow_sultine": 200.0}

rigs = pytest.mark.parametrize("changes", RIGS.values(), ids=RIGS.keys())


@rigs
def test_an_experiment_and_its_end(open_rig, line, changes):
    rig = open_rig(line, SHORT | changes)
    world = rig.emulation.world
    shown = rig.heater.driver.decimals
    data = experiment(rig, CONDITIONS)
    assert data["temperature"] == pytest.approx(30.4, abs=0.5 + 10.0**-shown)
    assert world.temperature() == pytest.approx(data["temperature"], abs=0.5)
    assert world.flow() == (100.0, 200.0)
    assert (data["flow_c60"], data["flow_sultine"]) == pytest.approx((100.0, 200.0))
    assert world.position == "inject"
    assert len(data["trace"]) == rig.config.chromatogram.samples
    go(rig, rig.valve.set("load"))
    assert world.position == "load"

    world.stall(0)  # a fault: pumps stop, the heater cools, the valve loads
    go_on = rig.pumps["c60"].set(100.0)
    with pytest.raises(PumpError, match="stall"):
        go(rig, go_on)
    assert rig.last_report.confirmed
    assert world.flow() == (0.0, 0.0)
    assert rig.heater.poll().setpoint == 25.0
    world.stall(0, False)
    rig.acknowledge()
    assert rig.fault is None


@rigs
def test_it_is_greeted_with_nothing_wrong(walker, line, changes):
    with emulated(walker(changes), line) as served:
        for greeting in greet(served):
            assert greeting.wrong == ""
            assert greeting.facts["now"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"emulation.heater": {"tells": False}}, "state decimals = 0, 1 or 2"),
        ({"heater.decimals": 0}, "heater.decimals = 0 in the rig file, but .* shows 1"),
        ({"emulation.heater": {"unit": "degF"}}, "shows degF"),
        ({"emulation.heater": {"tells": False}, "heater.decimals": 0}, "makes no sense with 0"),
        ({"heater.safe": -5}, "safe = -5 degC .* its setpoints begin at 0 degC"),
        ({"emulation.valve": {"id": "3"}}, 'add id = "3"'),
    ],
)
def test_what_must_not_be_opened_is_refused(open_rig, line, changes, sentence):
    with pytest.raises(InstrumentError, match=sentence):
        open_rig(line, changes)


@pytest.mark.parametrize("role", ALL)
def test_a_dead_instrument_on_a_line_that_echoes_confirms_nothing(open_rig, line, role):
    fast = {f"transports.{name}": {"timeout": 0.15} for name in ALL}
    rig = open_rig(line, SHORT | fast | {"emulation.echo": ALL})
    rig.emulation.world.links[role].silent = float("inf")
    report = rig.safe()
    assert len(report.unconfirmed) == {"pumps": 2, "detector": 0}.get(role, 1)
    if role != "detector":
        assert "the line's own echo" in report.unconfirmed[0]


def test_pumps_whose_replies_end_by_silence(open_rig, line):
    rig = open_rig(line, {"emulation.pumps": {"poll": False, "bare": True}})
    pump = rig.pumps["c60"]
    go(rig, pump.set(100.0))
    assert rig.emulation.world.flow() == (100.0, 0.0)
    pump.stop()
    assert rig.emulation.world.flow() == (0.0, 0.0)


@pytest.mark.parametrize("protocol", ["harvard11", "ne1000"])
def test_after_many_motions_a_refill_ends_at_its_target_and_not_in_a_limit_switch(
    open_rig, protocol
):
    """The pump counts in its own digits, the ledger in ours: they drift apart by nanolitres."""
    rig = open_rig(changes={f"streams.{name}.protocol": protocol for name in ("c60", "sultine")})
    pump = rig.pumps["c60"]
    for number in range(25):
        go(rig, pump.set(37.0193 + 1.7071 * number))
        go(rig, rig.clock.timer(171.3))
        pump.rest()
    go(rig, pump.refill())
    assert pump.ledger.content == pytest.approx(10000, abs=10)
    assert rig.fault is None
    go(rig, pump.set(100.0))
