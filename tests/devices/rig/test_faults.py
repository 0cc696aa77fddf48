import math
import threading

import numpy as np
import pytest

from reactune.devices.protocols.transport import InstrumentError, TransportError
from reactune.devices.rig.flow_rig import (
    RigFaultError,
)
from tests.devices.rig.driving import FAST, SHORT, WALL, WARM, go


def faulted(rig, status, match):
    with pytest.raises((RigFaultError, InstrumentError, TransportError), match=match):
        go(rig, status)
    assert rig.fault is not None
    with pytest.raises(RigFaultError, match="until it is acknowledged"):
        rig.set(WARM)
    for verb in (rig.heat, rig.flow):
        with pytest.raises(RigFaultError):
            verb(WARM)
    for verb in (rig.fill_loop, rig.inject, rig.trigger):
        with pytest.raises(RigFaultError):
            verb()


def test_stall_while_getting_steady(open_rig, line):
    rig = open_rig(line, SHORT)
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.stall(0)
    faulted(rig, status, "stream c60 has stalled")
    assert rig.emulation.world.flow() == (0.0, 0.0)  # all pumps: the ratio is wrong
    assert rig.last_report.confirmed
    rig.emulation.world.stall(0, False)
    rig.acknowledge()
    assert rig.fault is None
    go(rig, rig.set(WARM))


def test_over_temperature(open_rig):
    rig = open_rig(changes=SHORT)
    status = rig.set(WARM)
    go(rig, rig.clock.timer(100.0))
    rig.emulation.world.run_away(5.0)
    faulted(rig, status, "above its maximum of 165 degC")
    assert rig.heater.driver.read().setpoint == 25.0
    assert rig.emulation.world.flow() == (0.0, 0.0)


def test_broken_sensor_during_the_trace(open_rig):
    rig = open_rig(changes={"heater.settle": 10})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    status = rig.trigger()
    rig.emulation.world.break_sensor()
    go(rig, status)  # the sample is on the column: its trace is recorded to the end
    assert np.isfinite(rig.read()["trace"]["value"]).all()
    assert rig.fault == "the temperature sensor of the heater is broken: replace it"
    assert rig.heater.driver.read().setpoint == 25.0
    assert rig.emulation.world.flow() == (0.0, 0.0)


@pytest.mark.parametrize("name", ["pumps", "heater"])
def test_instrument_that_falls_silent(open_rig, name):
    rig = open_rig(changes={**SHORT, **FAST})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.links[name].silent = math.inf
    faulted(rig, status, "no reply")
    rig.emulation.world.links[name].silent = 0
    rig.acknowledge()
    go(rig, rig.set(WARM))


def test_unplugged_pumps(open_rig, line):
    rig = open_rig(line, {**SHORT, **FAST})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.links["pumps"].unplug()
    faulted(rig, status, "port")
    report = rig.last_report
    assert not report.confirmed
    assert report.lines[0].startswith("NOT CONFIRMED, stop pump c60 by hand")
    assert report.lines[1].startswith("NOT CONFIRMED, stop pump sultine by hand")
    assert report.lines[2:] == ("heater setpoint 25 degC", "valve in load")
    with pytest.raises(TransportError):
        rig.acknowledge()
    assert rig.fault is not None


def test_silent_detector_is_a_fault(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    rig.emulation.world.links["detector"].silent = math.inf
    faulted(rig, rig.trigger(), "left 10 samples unanswered")
    rig.emulation.world.links["detector"].silent = 0


def test_silent_valve_is_a_fault_and_said_aloud(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    rig.emulation.world.links["valve"].silent = math.inf
    faulted(rig, rig.fill_loop(), "no reply")
    assert rig.last_report.lines[:3] == (
        "pump c60 stopped",
        "pump sultine stopped",
        "heater setpoint 25 degC",
    )
    assert rig.last_report.lines[3].startswith("NOT CONFIRMED, turn the valve to load by hand")
    rig.emulation.world.links["valve"].silent = 0


@pytest.mark.parametrize("fault", ["garble", "lost", "split"])
def test_single_faults_of_a_line_go_unnoticed(open_rig, fault):
    rig = open_rig(changes={**SHORT, **FAST})
    status = rig.set(WARM)
    for _ in range(3):
        for link in rig.emulation.world.links.values():
            link.delay = 0.005
            setattr(link, fault, 1)
        go(rig, rig.clock.timer(100.0))
    go(rig, status)
    assert rig.fault is None


@pytest.mark.parametrize("dead", ["pumps", "heater", "valve"])
def test_safe_with_one_dead_instrument_makes_the_others_safe(open_rig, dead):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    rig.emulation.world.links[dead].silent = math.inf
    report = rig.safe()
    assert not report.confirmed
    bad = {"pumps": (0, 1), "heater": (2,), "valve": (3,)}[dead]
    for index, text in enumerate(report.lines):
        assert text.startswith("NOT CONFIRMED") == (index in bad)
    world = rig.emulation.world
    assert (world.flow() == (0.0, 0.0)) == (dead != "pumps")
    assert (world.position == "load") == (dead != "valve")
    rig.emulation.world.links[dead].silent = 0
    assert rig.safe().confirmed
    assert rig.fault is None


def test_unstage_and_stop_never_raise(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    assert rig.stage() == [rig]
    for link in rig.emulation.world.links.values():
        link.silent = math.inf
    rig.stop()
    assert rig.unstage() == [rig]
    assert not rig.last_report.confirmed
    for link in rig.emulation.world.links.values():
        link.silent = 0


def test_safe_from_another_thread_while_the_rig_moves(open_rig):
    rig = open_rig(changes={"heater.settle": 10})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    thread = threading.Thread(target=rig.safe)
    thread.start()
    thread.join(WALL)
    assert not thread.is_alive()
    assert rig.emulation.world.flow() == (0.0, 0.0)
    go(rig, rig.clock.timer(600.0))
    assert rig.emulation.world.flow() == (0.0, 0.0)  # nothing starts behind its back
    assert rig.heater.driver.read().setpoint == 25.0
    assert not status.done


def test_closing_makes_safe(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    rig.close()
    rig.close()
    assert rig.last_report.confirmed
    assert rig.emulation.world.flow() == (0.0, 0.0)
