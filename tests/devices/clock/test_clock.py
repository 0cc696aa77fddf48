import threading
import time

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.utils import FailedStatus, ProgressBarManager
from ophyd.status import Status
from ophyd.utils.errors import WaitTimeoutError

from reactune.devices.clock import (
    ClockError,
    EmulationToken,
    LabStatus,
    RealClock,
    SimulatedClock,
    conclude,
)

TOKEN = EmulationToken(["socket://nowhere:1"])


@pytest.fixture
def clock():
    clock = SimulatedClock(TOKEN, grace=0.2)
    yield clock
    clock.close()


@pytest.fixture
def real():
    clock = RealClock()
    yield clock
    clock.close()


class Delay:
    """A bluesky Movable that takes lab time."""

    name, parent = "delay", None

    def __init__(self, clock):
        self.clock = clock

    def set(self, delay):
        return self.clock.timer(delay)


def test_time_jumps_to_what_is_waited_for(clock):
    begin = time.monotonic()
    clock.wait(clock.timer(72 * 3600.0), timeout=5)
    assert clock.now() == 72 * 3600.0
    assert time.monotonic() - begin < 1


def test_time_stands_still_while_nobody_waits(clock):
    ran = threading.Event()
    clock.call_later(1.0, ran.set)
    assert not ran.wait(0.1)
    assert clock.now() == 0.0
    clock.wait(clock.timer(0.5), timeout=5)
    assert not ran.is_set()
    assert clock.now() == 0.5


def test_calls_come_in_order_of_time_then_insertion(clock):
    seen = []
    for name, when in [("c", 2.0), ("a", 1.0), ("d", 2.0), ("b", 1.0)]:
        clock.call_at(when, lambda name=name: seen.append((name, clock.now())))
    clock.wait(clock.timer(3.0), timeout=5)
    assert seen == [("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 2.0)]


def test_time_never_goes_back(clock):
    clock.wait(clock.timer(10.0), timeout=5)
    seen = []
    clock.call_at(3.0, lambda: seen.append(clock.now()))
    clock.wait(clock.timer(1.0), timeout=5)
    assert seen == [10.0]


def test_background_calls_ride_along_but_do_not_drive(clock):
    beats = []

    def beat():
        beats.append(clock.now())
        clock.call_later(1.0, beat, background=True)

    beat()
    clock.wait(clock.timer(3.5), timeout=5)
    assert beats == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ClockError, match=r"deadlock at lab time 3\.5 s"):
        clock.wait(Status(), timeout=5)  # nothing but the beat is left: lab time must not run off
    assert clock.now() == 3.5


def test_status_of_another_thread_is_no_deadlock(clock):
    status = Status()
    timer = threading.Timer(0.05, status.set_finished)
    timer.start()
    clock.wait(status, timeout=5)
    timer.join()


def test_failing_call_fails_who_waits(clock):
    def fail():
        raise ZeroDivisionError("in a callback")

    clock.call_later(1.0, fail)
    status = LabStatus("never")
    with pytest.raises(ZeroDivisionError, match="in a callback"):
        clock.wait(status, timeout=5)
    clock.wait(clock.timer(1.0), timeout=5)  # and the clock goes on
    assert clock.now() == 2.0


def test_failure_that_nobody_waited_for_meets_the_next_waiter(real, caplog):
    def fail():
        raise ZeroDivisionError("unseen")

    real.call_later(0.0, fail)
    deadline = time.monotonic() + 5
    while not caplog.records and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    with pytest.raises(ZeroDivisionError, match="unseen"):
        real.wait(real.timer(5.0), timeout=5)
    real.wait(real.timer(0.0), timeout=5)


def test_no_call_between_a_failure_and_its_waiter(clock):
    seen = []
    bad, other = LabStatus("bad"), LabStatus("other")
    clock.call_at(1.0, lambda: conclude(bad, ValueError("bad")))
    clock.call_at(2.0, lambda: seen.append("ran on"))
    clock.waiting([bad, other])
    assert isinstance(bad.exception(timeout=5), ValueError)
    assert clock.now() == 1.0
    clock.waiting(None)
    assert seen == []


def test_waiter_goes_on_only_after_the_running_call(clock):
    status, seen = LabStatus("early"), []

    def call():
        conclude(status)
        threading.Event().wait(0.05)
        seen.append("end of call")

    clock.call_later(1.0, call)
    clock.wait(status, timeout=5)
    assert seen == ["end of call"]


def test_callback_must_not_wait(clock, real):
    for each in (clock, real):
        inner, outer = each.timer(0.0), LabStatus("outer")
        each.call_later(0.0, lambda each=each, inner=inner: each.wait(inner))
        with pytest.raises(ClockError, match="must not wait"):
            each.wait(outer, timeout=5)


def test_close_fails_who_waits_and_refuses_new_calls():
    clock = SimulatedClock(TOKEN, grace=60)
    status = LabStatus("never")
    closer = threading.Timer(0.05, clock.close)
    closer.start()
    with pytest.raises(ClockError, match="closed while"):
        clock.wait(status, timeout=5)
    closer.join()
    with pytest.raises(ClockError, match="open the rig again"):
        clock.call_later(1.0, print)


@pytest.mark.parametrize("when", [float("nan"), float("inf")])
def test_endless_times_are_refused(clock, when):
    with pytest.raises(ValueError, match="finite"):
        clock.call_at(when, print)


@pytest.mark.parametrize("token", [None, "socket://localhost:1", object()])
def test_simulated_clock_needs_a_token(token):
    with pytest.raises(ClockError, match="hardware runs on the real clock"):
        SimulatedClock(token)


def test_two_runs_are_alike():
    def run():
        clock, seen = SimulatedClock(TOKEN), []

        def poll(k):
            seen.append((k, clock.now()))
            if clock.now() < 300:
                clock.call_later(1.0 + 0.1 * k, lambda: poll(k))

        for k in range(5):
            poll(k)
        for _ in range(10):
            clock.wait(clock.timer(30.0), timeout=5)
        clock.close()
        return seen

    assert run() == run()


def test_progress_can_be_watched(clock):
    status, seen = clock.timer(10.0, "residence"), []
    status.watch(lambda **kw: seen.append(kw))
    clock.wait(status, timeout=5)
    assert [kw["current"] for kw in seen] == [float(k) for k in range(11)]
    assert all(kw["target"] == 10.0 and kw["name"] == "residence" for kw in seen)


def test_conclude_once():
    status = LabStatus("once")
    assert conclude(status, ValueError("first"))
    assert not conclude(status)
    assert isinstance(status.exception(timeout=0), ValueError)


@pytest.mark.parametrize("progress", [False, True])
def test_runengine_drives_the_clock(clock, progress, capsys):
    RE = RunEngine({})
    bar = ProgressBarManager()

    def hook(statuses):
        if progress:
            bar(statuses)
        clock.waiting(statuses)

    RE.waiting_hook = hook
    delay, times = Delay(clock), []

    def plan():
        for seconds in (3600.0, 60.0):
            yield from bps.abs_set(delay, seconds, group="g")
            times.append(clock.now())  # between messages time stands still
            yield from bps.wait("g")
            times.append(clock.now())

    RE(plan())
    assert times == [0.0, 3600.0, 3600.0, 3660.0]


def test_failing_call_reaches_the_plan(clock):
    RE = RunEngine({})
    RE.waiting_hook = clock.waiting

    def fail():
        raise ZeroDivisionError("in the lab")

    clock.call_later(5.0, fail)

    def plan():
        yield from bps.mv(Delay(clock), 10.0)

    with pytest.raises(FailedStatus) as caught:
        RE(plan())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert clock.now() == 5.0


def test_real_clock_keeps_wall_time(real):
    begin, lab = time.monotonic(), real.now()
    real.wait(real.timer(0.1), timeout=5)
    assert 0.1 <= time.monotonic() - begin < 1
    assert 0.1 <= real.now() - lab < 1
    assert abs(real.now() - time.time()) < 5


def test_slow_line_does_not_delay_another(real):
    hold, ran = threading.Event(), threading.Event()
    real.call_later(0.0, lambda: hold.wait(5))
    real.call_later(0.01, ran.set)
    assert ran.wait(2)
    hold.set()


def test_real_wait_times_out(real):
    with pytest.raises(WaitTimeoutError):
        real.wait(Status(), timeout=0.02)
