"""Making the rig safe waits for nobody: not for a lock, not for a line."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reactune.devices.instruments.interlock import RigFaultError
from tests.devices.rig.driving import SHORT, WARM, go

PROMPT = 2.0  # s of wall time in which instruments that answer have to be safe


def when_safe(rig, since, *, pumps=True):
    """Seconds until the world has the heater cooling, the valve in load and nothing flowing."""
    world = rig.emulation.world
    while time.monotonic() - since < 10:
        still = world.flow() == (0.0, 0.0) or not pumps
        if still and world.position == "load" and rig.emulation.world.demand == 25.0:
            return time.monotonic() - since
        threading.Event().wait(0.01)
    return float("inf")


@pytest.fixture
def warm(open_rig, line):
    rig = open_rig(line, SHORT)
    go(rig, rig.set(WARM))
    go(rig, rig.inject())
    return rig


def test_a_flooded_line_keeps_no_other_waiting(open_rig, line):
    warm = open_rig(line, SHORT | {"transports.pumps": {"timeout": 0.1}})
    go(warm, warm.set(WARM))
    go(warm, warm.inject())
    warm.emulation.world.links["pumps"].flood = True
    since = time.monotonic()
    with ThreadPoolExecutor(1) as other:
        report = other.submit(warm.safe)
        assert when_safe(warm, since, pumps=False) < PROMPT
        assert len(report.result(30).unconfirmed) == 2
    assert time.monotonic() - since < 20
    warm.emulation.world.links["pumps"].flood = False
    assert warm.safe().confirmed


@pytest.mark.parametrize("held", ["rig", "pump", "heater"])
def test_nobodys_lock_is_asked_for(warm, held):
    lock = {"rig": warm, "pump": warm.pumps["c60"], "heater": warm.heater}[held]._lock
    with ThreadPoolExecutor(1) as other:
        with lock:
            since = time.monotonic()
            report = other.submit(warm.safe)
            assert when_safe(warm, since) < PROMPT
        assert report.result(10).confirmed


def test_who_is_on_the_line_lets_go_of_it(warm):
    warm.emulation.world.links["heater"].silent = 1
    warm.heater.driver.transport.timeout = 30.0
    with ThreadPoolExecutor(1) as other:
        other.submit(warm.heater.poll)  # waits for half a minute
        threading.Event().wait(0.2)
        since = time.monotonic()
        assert warm.safe().confirmed
        assert time.monotonic() - since < PROMPT
    assert warm.fault is None  # to have given way is no fault


def test_what_was_about_to_move_does_not(warm):
    with warm.interlock.holding("it is tried"):
        for move in (warm.pumps["c60"].run, lambda: warm.heater.set(100.0)):
            with pytest.raises(RigFaultError, match="nothing moves now: it is tried"):
                move()
    go(warm, warm.heater.set(60.0))
