import logging
import threading

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.utils import FailedStatus
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.clock import (
    At,
    EmulationToken,
    LabStatus,
    SimulatedClock,
    Task,
    conclude,
)
from tests.devices.clock.oven import WALL, Oven

# -- steps


def test_steps_wait_for_seconds_statuses_and_lab_times(either):
    seen, begin = [], either.now()

    def action():
        yield 0.02
        seen.append(either.now() - begin)
        yield either.timer(0.02)
        seen.append(either.now() - begin)
        yield At(begin + 0.07)
        seen.append(either.now() - begin)
        yield At(begin)  # has passed
        seen.append(either.now() - begin)

    task = Task(either, threading.RLock())
    status = task.begin(action(), LabStatus("all"))
    assert task.under_way
    either.wait(status, WALL)
    assert status.success
    assert not task.under_way
    for time, due in zip(seen, (0.02, 0.04, 0.07, 0.07), strict=True):
        assert due - 1e-6 <= time < due + (1e-6 if either.simulated else 1)


def test_nothing_is_done_in_the_thread_that_begins(clock):
    oven = Oven(clock)
    status = oven.set(1)
    assert oven.seen == []
    clock.wait(status, WALL)
    assert oven.seen == ["a begins", "a looks", "a is there", "a cleans up"]


def test_a_status_that_is_done_takes_no_time_and_no_call(clock):
    seen, ready = [], LabStatus("ready")
    conclude(ready)

    def action():
        clock.call_later(0.0, lambda: seen.append("another call"))
        yield ready
        seen.append("goes on")

    clock.wait(Task(clock, threading.RLock()).begin(action(), LabStatus("a")), WALL)
    assert seen == ["goes on"]


def test_begin_at_a_lab_time_comes_before_what_is_due_now(clock):
    seen = []
    clock.wait(clock.timer(5.0), WALL)
    clock.call_later(0.0, lambda: seen.append("now"))

    def action():
        seen.append("earlier")
        yield 0.0

    clock.wait(Task(clock, threading.RLock()).begin(action(), LabStatus("a"), at=3.0), WALL)
    assert seen[0] == "earlier"


def test_progress_is_told_to_all_who_wait(clock):
    oven, far = Oven(clock), []
    for status in (oven.set(3), oven.task.join(LabStatus("b"))):
        status.watch(lambda **kw: far.append((kw["name"], kw["current"])))
    oven.task.progress(0.5)
    assert far[2:] == [("a", 0.5), ("b", 0.5)]


# -- overtaking and giving up


def test_a_new_action_overtakes_and_takes_the_older_status_along(either):
    oven = Oven(either, seconds=0.02)
    first = oven.set(10**6)
    either.wait(either.timer(0.1), WALL)
    second = oven.set(1, "b")
    either.wait(second, WALL)
    either.wait(first, WALL)
    assert oven.seen[0] == "a begins"
    assert oven.seen[-5:] == ["a cleans up", "b begins", "b looks", "b is there", "b cleans up"]
    assert not oven.lock.left or all(isinstance(e, StopIteration) for e in oven.lock.left)


def test_an_action_that_was_overtaken_before_it_began_does_nothing(clock):
    oven = Oven(clock)
    first, second = oven.set(1), oven.set(1, "b")
    clock.wait(second, WALL)
    assert first.success
    assert oven.seen[0] == "b begins"


def test_what_joins_ends_with_the_action(clock):
    oven = Oven(clock)
    first, second = oven.set(1), oven.task.join(LabStatus("b"))
    clock.wait(first, WALL)
    assert second.success


def test_given_up_without_a_reason_leaves_the_status_to_the_next(either):
    oven = Oven(either, seconds=0.02)
    first = oven.set(10**6)
    either.wait(either.timer(0.05), WALL)
    oven.task.give_up()
    assert oven.seen[-1] == "a cleans up"  # at once
    count = len(oven.seen)
    either.wait(either.timer(0.06), WALL)
    assert len(oven.seen) == count
    assert not oven.task.under_way
    assert not first.done
    either.wait(oven.set(0, "b"), WALL)
    either.wait(first, WALL)
    assert first.success


def test_given_up_for_a_reason_fails_all_who_wait(clock):
    oven = Oven(clock)
    first, second = oven.set(5), oven.set(5, "b")
    oven.task.give_up()
    oven.task.give_up(OSError("unplugged"))
    for status in (first, second):
        with pytest.raises(OSError, match="unplugged"):
            clock.wait(status, WALL)
    third = oven.set(0, "c")  # and is not stuck with it
    clock.wait(third, WALL)


def test_an_action_may_end_itself_by_what_it_does(clock):
    oven = Oven(clock)

    def action():
        try:
            oven.task.give_up(OSError("unplugged"))
            yield 1.0
            oven.note("never comes here")
        finally:
            oven.note("cleans up")

    with pytest.raises(OSError, match="unplugged"):
        clock.wait(oven.task.begin(action(), LabStatus("a")), WALL)
    assert oven.seen == ["cleans up"]
    clock.wait(clock.timer(3.0), WALL)


def test_an_action_may_be_overtaken_by_what_it_does(clock):
    oven = Oven(clock)

    def action():
        try:
            oven.set(1, "b")
            yield 1.0
        finally:
            oven.note("a cleans up")

    first = oven.task.begin(action(), LabStatus("a"))
    clock.wait(first, WALL)
    assert oven.seen == ["a cleans up", "b begins", "b looks", "b is there", "b cleans up"]


def test_what_an_ended_action_fails_with_is_no_news(clock, caplog):
    oven = Oven(clock)

    def action():
        oven.task.give_up(OSError("unplugged"))
        raise ValueError("as well")
        yield

    caplog.set_level(logging.INFO)
    with pytest.raises(OSError, match="unplugged"):
        clock.wait(oven.task.begin(action(), LabStatus("a")), WALL)
    assert "has failed as well" in caplog.text
    clock.wait(clock.timer(1.0), WALL)


def test_a_clean_up_that_fails_disturbs_nobody(clock, caplog):
    task = Task(clock, threading.RLock())

    def action():
        try:
            yield 10.0
        finally:
            raise ValueError("cannot clean up")

    first = task.begin(action(), LabStatus("a"))
    clock.wait(clock.timer(1.0), WALL)
    task.give_up()  # does not raise
    assert "could not clean up" in caplog.text
    assert not first.done


# -- under the RunEngine, and whatever happens


def test_a_stopped_action_does_not_disturb_the_plan_that_goes_on(clock):
    oven, RE = Oven(clock), RunEngine({})
    RE.waiting_hook = clock.waiting

    def plan():
        yield from bps.abs_set(oven, 100, group="left")
        yield from bps.mv(_Timer(clock), 3.0)
        oven.task.give_up()
        yield from bps.mv(_Timer(clock), 3.0)
        yield from bps.mv(oven, 1)
        yield from bps.wait("left")

    RE(plan())

    def failing():
        yield from bps.abs_set(oven, 100, group="left")
        clock.call_later(2.0, lambda: oven.task.give_up(OSError("unplugged")))
        yield from bps.mv(_Timer(clock), 3.0)

    with pytest.raises(FailedStatus):
        RE(failing())


class _Timer:
    name, parent = "timer", None

    def __init__(self, clock):
        self.set = clock.timer


what = st.sampled_from(["begin", "join", "give up", "fail", "wait"])


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(what, st.integers(0, 3)), max_size=12))
def test_whatever_happens_every_status_ends_and_every_action_cleans_up_once(happenings):
    clock = SimulatedClock(EmulationToken(["socket://nowhere:1"]), grace=0.2)
    oven, statuses, begun = Oven(clock), [], 0
    for happening, number in happenings:
        if happening == "begin":
            begun += 1
            statuses.append(oven.set(number, f"action {begun}"))
        elif happening == "join":
            statuses.append(oven.task.join(LabStatus("joined")))
        elif happening == "wait":
            clock.wait(clock.timer(number), WALL)
        else:
            oven.task.give_up(OSError("enough") if happening == "fail" else None)
    clock.wait(oven.set(0, "last"), WALL)
    clock.close()
    assert all(status.done for status in statuses)
    assert not oven.task.under_way
    begins = [seen.split(" begins")[0] for seen in oven.seen if seen.endswith("begins")]
    cleans = [seen.split(" cleans")[0] for seen in oven.seen if seen.endswith("cleans up")]
    assert begins == cleans  # one after the other, each once
