import threading

import pytest

from reactune.devices.clock import (
    At,
    ClockError,
    LabStatus,
    conclude,
)
from tests.devices.clock.oven import WALL, Oven

# -- failure


def test_what_an_action_raises_is_its_failure(either):
    oven = Oven(either)

    def action():
        yield 0.01
        raise ZeroDivisionError("in the oven")

    first = oven.set(1)
    status = oven.task.begin(action(), LabStatus("b"))
    for each in (status, first):
        with pytest.raises(ZeroDivisionError, match="in the oven"):
            either.wait(each, WALL)
    assert [type(error) for error in oven.lock.left] == [ZeroDivisionError]
    either.wait(either.timer(0.01), WALL)  # it is nobody else's
    either.wait(oven.set(0), WALL)


def test_a_status_that_fails_raises_where_it_is_waited_for(either):
    oven, broken = Oven(either), LabStatus("broken")

    def action():
        try:
            yield broken
        except OSError as error:
            oven.note(str(error))
        yield broken  # a second time, it has failed by now

    status = oven.task.begin(action(), LabStatus("a"))
    either.call_later(0.01, lambda: conclude(broken, OSError("no port")))
    with pytest.raises(OSError, match="no port"):
        either.wait(status, WALL)
    assert oven.seen == ["no port"]


@pytest.mark.parametrize("pause", [float("nan"), At(float("inf"))])
def test_a_wait_without_an_end_fails_and_is_cleaned_up(clock, pause):
    oven = Oven(clock)

    def action():
        try:
            yield pause
        finally:
            oven.note("cleans up")

    with pytest.raises(ValueError, match="finite"):
        clock.wait(oven.task.begin(action(), LabStatus("a")), WALL)
    assert oven.seen == ["cleans up"]


def test_who_waits_hears_of_it_after_the_lock_is_free(clock):
    oven, held = Oven(clock), []
    for end in (oven.set(1), oven.task.join(LabStatus("b"))):
        end.add_callback(lambda _: held.append(oven.lock.held))
    clock.wait(end, WALL)
    third = oven.set(1, "c")
    third.add_callback(lambda _: held.append(oven.lock.held))
    oven.task.give_up(OSError("enough"))
    assert held == [False] * 3


# -- the clock's end


def test_no_action_begins_on_a_closed_clock(clock):
    oven = Oven(clock)
    first = oven.set(5)
    clock.wait(clock.timer(1.5), WALL)
    clock.close()
    with pytest.raises(ClockError, match="open the rig again"):
        oven.set(1, "b")
    assert oven.task.under_way  # nothing has changed
    assert not first.done
    oven.task.give_up()
    assert oven.seen[-1] == "a cleans up"


def test_an_action_in_the_middle_of_a_step_ends_with_the_clock(either):
    oven, begun, go_on = Oven(either), threading.Event(), threading.Event()

    def action():
        try:
            begun.set()
            go_on.wait(WALL)
            yield 1.0
        finally:
            oven.note("cleans up")

    status = oven.task.begin(action(), LabStatus("a"))
    either.waiting([status])
    assert begun.wait(WALL)
    closer = threading.Thread(target=either.close)
    closer.start()
    with pytest.raises(ClockError, match="closed while"):
        status.wait(WALL)
    go_on.set()
    closer.join(WALL)
    assert not oven.task.under_way
    assert oven.seen == ["cleans up"]


def test_a_status_that_ends_after_the_clock_moves_nothing(clock):
    oven, other = Oven(clock), LabStatus("other")

    def action():
        yield other
        oven.note("never comes here")

    oven.task.begin(action(), LabStatus("a"))
    clock.wait(clock.timer(1.0), WALL)
    clock.close()
    conclude(other)
    assert oven.seen == []
