"""After a fault nothing moves, whoever asks: not the rig, not an instrument taken by itself."""

import math

import bluesky.plan_stubs as bps
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus

from reactune.devices.instruments.interlock import Interlock, RigFaultError
from reactune.devices.protocols.transport import InstrumentError, NoReplyError
from tests.devices.rig.driving import FAST, exchanges

SHORT = {"heater.settle": 0, "chromatogram.duration": 780}


@pytest.fixture
def rig(open_rig, line):
    return open_rig(line, SHORT)


def engine_of(rig):
    RE = RunEngine({}, context_managers=[])
    RE.waiting_hook = rig.clock.waiting
    return RE


@pytest.fixture
def engine(rig):
    return engine_of(rig)


def motions(rig):
    """Every way to have an instrument do something, taken by itself."""
    pump = rig.pumps["c60"]
    return {
        "heater.set": lambda: rig.heater.set(120.0),
        "pump.set": lambda: pump.set(50.0),
        "pump.prepare": lambda: pump.prepare(50.0, 100.0),
        "pump.run": pump.run,
        "pump.refill": pump.refill,
        "valve.set load": lambda: rig.valve.set("load"),
        "valve.set inject": lambda: rig.valve.set("inject"),
        "detector.trigger": rig.detector.trigger,
    }


def test_a_stall_in_anybodys_hands_shuts_it_until_a_human_acknowledges(rig, engine):
    rig.emulation.world.stall(0)
    with pytest.raises(FailedStatus):
        engine(bps.mv(rig.pumps["c60"], 50.0))
    assert "stalled" in str(rig.fault)
    assert rig.last_report is not None  # the rig has made itself safe
    assert rig.last_report.confirmed
    before = exchanges(rig)
    for move in motions(rig).values():
        with pytest.raises(RigFaultError, match="until it is acknowledged"):
            move()
    assert exchanges(rig) == before  # not a byte
    for plan in (bps.mv(rig.heater, 120.0), bps.mv(rig.pumps["sultine"], 50.0)):
        with pytest.raises(RigFaultError):
            engine(plan)
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.heater.poll().setpoint == rig.config.heater.safe  # reading goes on
    assert rig.safe().confirmed  # and so does making safe

    rig.emulation.world.stall(0, False)
    rig.acknowledge()
    assert rig.fault is None
    flows = []

    def flowing():  # the RunEngine stops what it has moved at the end of a plan
        yield from bps.mv(rig.pumps["c60"], 50.0)
        flows.append(rig.emulation.world.flow())

    engine(flowing())
    assert flows == [(50.0, 0.0)]
    engine(bps.mv(rig.valve, "inject"))
    assert rig.valve.poll() == "inject"


@pytest.mark.parametrize("role", ["pumps", "heater", "valve"])
def test_a_silent_instrument_shuts_it(open_rig, line, role):
    rig = open_rig(line, {**SHORT, **FAST})
    engine = engine_of(rig)
    where = {"pumps": rig.pumps["c60"], "heater": rig.heater, "valve": rig.valve}[role]
    goal = {"pumps": 50.0, "heater": 60.0, "valve": "inject"}[role]
    rig.emulation.world.links[role].silent = math.inf
    with pytest.raises(FailedStatus):
        engine(bps.mv(where, goal))
    assert rig.fault is not None
    rig.emulation.world.links[role].silent = 0
    with pytest.raises(RigFaultError):
        rig.heater.set(60.0)
    rig.acknowledge()
    engine(bps.mv(where, goal))


def test_a_stop_is_no_fault(rig):
    status = rig.pumps["c60"].refill()
    rig.pumps["c60"].stop()
    assert rig.fault is None
    del status


def test_the_first_fault_is_the_one_that_is_named():
    interlock, heard = Interlock(), []
    interlock.check()
    interlock.when_shut(heard.append)
    first, second = InstrumentError("stalled"), NoReplyError("silent")
    interlock.latch(first)
    interlock.latch(second)
    assert heard == [first]
    with pytest.raises(RigFaultError, match="stalled"):
        interlock.check()
    interlock.open()
    interlock.check()


def test_what_is_wrong_with_an_instrument_is_acted_on_after_a_fault_too(rig):
    world = rig.emulation.world
    world.stall(0)
    rig.pumps["c60"].set(50.0)
    rig.clock.wait(rig.clock.timer(1.0), timeout=20)
    assert "stalled" in rig.fault
    rig.heater.driver.write_setpoint(150.0)  # whoever did that, at its front or over the line
    world.temperature = lambda: 171.0
    rig.clock.wait(rig.clock.timer(130.0), timeout=20)
    assert "stalled" in rig.fault  # the first is the one that is named
    assert world.demand == rig.config.heater.safe


def test_a_fault_of_the_line_is_passing_until_an_instrument_has_one():
    interlock, heard = Interlock(), []
    interlock.when_shut(heard.append)
    interlock.latch(NoReplyError("silent"))
    assert interlock.passing
    interlock.latch(InstrumentError("too hot"))
    assert (interlock.fault, interlock.passing) == ("too hot", False)
    assert len(heard) == 2
    interlock.open(only_passing=True)
    assert interlock.fault == "too hot"
