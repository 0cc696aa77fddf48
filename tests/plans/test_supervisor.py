"""Beside the RunEngine: plans that pause too long, are halted, or leave the rig hot."""

import logging
import math
import threading
import time

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import pytest
from bluesky.utils import FailedStatus, RunEngineInterrupted

from reactune.devices.protocols.errors import TransportError
from reactune.plans import supervisor as module
from reactune.plans.supervisor import Supervisor
from tests.plans.test_faults import at, pause

WARM = {"temperature": 120.0, "flow_c60": 100.0, "flow_sultine": 100.0}


@pytest.fixture
def supervised(lab, monkeypatch):
    monkeypatch.setattr(module, "_BEAT", 0.05)
    monkeypatch.setattr(module, "_AGAIN", 0.1)
    with Supervisor(lab.RE, lab.rig):
        yield lab


def cold(lab, patience=5.0):
    """Whether the world itself comes to rest."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        still = not any(lab.world.flow()) and lab.world.position == "load"
        if still and lab.world.demand == 25.0:
            return True
        threading.Event().wait(0.02)
    return False


def test_a_long_pause_cools_the_rig_and_resuming_repeats_the_experiment(supervised, caplog):
    lab = supervised
    lab.rig.config = lab.rig.config.model_copy(update={"pause_limit": 0.3})
    at(lab, "fill_loop", 2, 1.0, lambda: pause(lab))
    with pytest.raises(RunEngineInterrupted):
        lab.campaign(lab.agent(budget=3))
    assert lab.world.demand > 25.0
    assert cold(lab)
    assert "paused for 0.3 s" in caplog.text
    lab.RE.resume()
    assert [e["number"] for e in lab.events("primary")] == [1, 2, 3]
    assert all(e["valid"] for e in lab.events("primary"))
    asked, set_ = (lab.events("primary")[1][k] for k in ("asked_temperature", "temperature"))
    assert set_ == pytest.approx(asked, abs=1.0)


def test_a_short_pause_keeps_it_warm(supervised):
    lab = supervised
    at(lab, "fill_loop", 1, 1.0, lambda: pause(lab))
    with pytest.raises(RunEngineInterrupted):
        lab.campaign(lab.agent(budget=2))
    assert not cold(lab, 0.5)
    lab.RE.abort()
    assert cold(lab)


def hot(lab):
    yield from bps.mv(lab.rig.heater, 120.0)
    yield from bps.abs_set(lab.rig.pumps["c60"], 50.0, wait=True)


@pytest.mark.parametrize("end", ["halt", "abort"])
def test_a_plan_that_is_ended_leaves_the_rig_safe_though_it_says_nothing_of_it(supervised, end):
    lab = supervised

    def plan():
        yield from hot(lab)
        yield from bps.checkpoint()
        pause(lab)
        yield from bps.sleep(5.0)

    with pytest.raises(RunEngineInterrupted):
        lab.RE(plan())
    assert lab.world.demand == 120.0
    getattr(lab.RE, end)()
    assert cold(lab, 2.0)


def test_a_plan_that_fails_leaves_the_rig_safe(supervised):
    def plan():
        yield from hot(supervised)
        raise ZeroDivisionError("a mistake in a plan")

    with pytest.raises(ZeroDivisionError):
        supervised.RE(plan())
    assert cold(supervised, 2.0)


def test_moves_alone_may_leave_it_warm(supervised):
    supervised.RE(hot(supervised))
    assert not cold(supervised, 0.5)


def unclosed(lab):
    yield from bps.open_run()
    yield from hot(lab)
    yield from bps.trigger_and_read([lab.rig.heater])


def moved_first(lab):
    yield from hot(lab)
    yield from bp.count([lab.rig.heater])


def many(lab):
    for _ in range(2):
        yield from hot(lab)
        yield from bp.count([lab.rig.heater])


@pytest.mark.parametrize(
    "plan", [lambda lab: bpp.run_wrapper(hot(lab)), unclosed, moved_first, many]
)
def test_a_plan_that_has_measured_leaves_the_rig_safe_though_it_stages_nothing(supervised, plan):
    supervised.RE(plan(supervised))
    assert cold(supervised, 0.5)


def test_a_rig_stays_as_it_was_set_after_a_run_and_while_it_is_only_read(supervised):
    lab = supervised

    def kept():
        yield from bpp.run_wrapper(hot(lab))
        yield from hot(lab)

    lab.RE(kept())
    lab.RE(bp.count([lab.rig.heater]))
    assert lab.world.demand == 120.0


def test_what_could_not_be_reached_is_tried_again_after_a_fault(supervised):
    lab = supervised
    for line in lab.rig._bench.transports.values():
        line.timeout = 0.03
    lab.RE(hot(lab))
    lab.world.links["heater"].silent = math.inf
    with pytest.raises(FailedStatus):
        lab.RE(bps.mv(lab.rig.heater, 130.0))
    assert not lab.rig.last_report.confirmed
    assert lab.world.demand == 120.0
    lab.world.links["heater"].silent = 0
    assert cold(lab)


def test_what_is_tried_again_leaves_the_trace_alone_that_a_plan_waits_for(supervised, caplog):
    """With a clock of its own a rig has recorded it before anybody tries again."""
    lab = supervised
    line = lab.rig._bench.transports["heater"]
    patience, tried = line.timeout, []

    def gone():
        line.timeout = 0.03
        lab.world.links["heater"].silent = math.inf
        lab.rig.interlock.latch(TransportError("the port is gone"))
        before = lab.rig.last_report
        deadline = time.monotonic() + 5.0
        while lab.rig.last_report is before and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        tried.append(lab.rig.last_report is not before)
        lab.world.links["heater"].silent, line.timeout = 0, patience
        threading.Event().wait(0.3)

    at(lab, "trigger", 1, 50.0, gone)
    lab.campaign(lab.agent(budget=2))
    assert tried == [True]
    assert "is repeated" not in caplog.text
    assert [(e["number"], e["valid"]) for e in lab.events("primary")] == [(1, 1), (2, 1)]


def test_a_rig_that_nobody_looks_at_is_made_safe(supervised, monkeypatch):
    lab = supervised
    monkeypatch.setattr(module, "_BLIND", 0.3)
    lab.RE(hot(lab))
    lab.rig.simulated = False  # on hardware nothing holds its clock
    assert cold(lab)
    assert "nobody could look at the rig" in lab.rig.fault


def test_it_says_when_the_guard_is_gone(lab, caplog, monkeypatch):
    class Gone:
        def beat(self, *, moving):
            return False

    monkeypatch.setattr(module, "_BEAT", 0.05)
    with caplog.at_level(logging.WARNING), Supervisor(lab.RE, lab.rig, Gone()):
        threading.Event().wait(0.2)
    assert caplog.text.count("the guard is gone") == 1
