"""The lab clock, whose kinds are in files of their own: real, or simulated and event-driven.

Devices never sleep. They ask the clock to call them back at a lab time and finish their Status
in that callback. On the real clock the callbacks are timers; on the simulated clock lab time
jumps to the next callback as soon as somebody waits for a Status, so that days of laboratory take
seconds. Lab time is seconds as a float; time-outs of serial lines count wall time instead and
have no business here.
"""

import heapq
import itertools
import logging
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .status import LabStatus, WaitedFor, conclude

_log = logging.getLogger(__name__)

_TICKS = 100  # progress reports a timer gives, at most one a lab second


class ClockError(RuntimeError):
    """The lab clock cannot do what is asked of it."""


@dataclass(order=True)
class ScheduledCall:
    """A call in the future; of those due at the same time the one asked for first comes first."""

    when: float
    order: int
    call: Callable[[], object] = field(compare=False)
    background: bool = field(compare=False)


class LabClock(ABC):
    """Lab time and the calls that are due in it; see `RealClock` and `SimulatedClock`.

    Attributes
    ----------
    simulated : bool
        Whether lab time jumps.
    """

    simulated: bool

    def __init__(self) -> None:
        self._heap: list[ScheduledCall] = []
        self._orders = itertools.count()
        self._foreground = 0  # calls that keep simulated time going
        self._inside = threading.local()  # set in the threads that run callbacks
        self._changed = threading.Condition()
        self._waiters: dict[object, list[WaitedFor]] = {}
        self._error: Exception | None = None
        self._busy = self._closed = False
        self._thread = threading.Thread(target=self._run, name="lab-clock", daemon=True)
        self._thread.start()

    # -- what devices and plans use ---------------------------------------------------------

    @abstractmethod
    def now(self) -> float:
        """Lab time [s]."""

    def call_at(self, when: float, call: Callable[[], object], *, background: bool = False) -> None:
        """Call `call()` at lab time `when`; at once if that has passed.

        Parameters
        ----------
        when : float
            Lab time [s].
        call : callable
            An exception in it fails what is waited for (or the next wait).
        background : bool
            A background call (heartbeat, progress) never keeps simulated time going by itself:
            it runs only on the way to some other call.

        Raises
        ------
        ValueError
            If `when` is not a finite number.
        ClockError
            If the clock is closed.
        """
        if not math.isfinite(when):
            raise ValueError(f"lab time of a call must be finite, not {when!r}")
        with self._changed:
            if self._closed:
                raise ClockError("the lab clock is closed: open the rig again")
            due = ScheduledCall(float(when), next(self._orders), call, background)
            heapq.heappush(self._heap, due)
            self._foreground += not background
            self._changed.notify_all()

    def call_later(
        self, delay: float, call: Callable[[], object], *, background: bool = False
    ) -> None:
        """Call `call()` after `delay` lab seconds; see `call_at`."""
        self.call_at(self.now() + delay, call, background=background)

    def timer(self, delay: float, name: str = "timer") -> LabStatus:
        """Return a Status that finishes after `delay` lab seconds."""
        status = LabStatus(name, target=delay)
        start, step = self.now(), max(1.0, delay / _TICKS)
        self.call_at(start + delay, lambda: conclude(status))

        def tick() -> None:
            if not status.done and self.now() < start + delay:
                status.progress(self.now() - start)
                self.call_later(step, tick, background=True)

        self.call_later(step, tick, background=True)
        return status

    def waiting(self, statuses: Iterable[WaitedFor] | None) -> None:
        """Learn what the RunEngine waits for; install as (or call from) `RE.waiting_hook`.

        Parameters
        ----------
        statuses : iterable of Status, or None
            None when the wait is over.

        Raises
        ------
        Exception
            What a callback raised while nobody waited.
        """
        if statuses is None:
            self._leave("RunEngine")
        else:
            self._enter("RunEngine", list(statuses))

    def wait(self, status: Any, timeout: float | None = None) -> None:
        """Wait for a Status without a RunEngine.

        Parameters
        ----------
        status : ophyd Status
            What to wait for.
        timeout : float, optional
            Wall time [s].

        Raises
        ------
        ophyd.utils.errors.WaitTimeoutError
            If `timeout` has passed.
        ClockError
            If called by a clock callback, which would wait for itself.
        Exception
            What the Status failed with.
        """
        if self._in_callback():
            raise ClockError("a clock callback must not wait: chain another call instead")
        waiter = object()
        self._enter(waiter, [status])
        try:
            status.wait(timeout)
        finally:
            self._leave(waiter)

    def close(self) -> None:
        """Forget every call, fail what is waited for, end the thread; idempotent."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify_all()
        for status in self._unfinished():
            conclude(status, ClockError("the lab clock was closed while somebody waited on it"))
        if not self._in_callback():
            self._thread.join()

    # -- the heap, common to both -----------------------------------------------------------

    @abstractmethod
    def _next(self) -> ScheduledCall | None:
        """Pop the call whose time has come, if any (lock held)."""

    @abstractmethod
    def _patience(self) -> float | None:
        """Wall time [s] until `_next` may answer differently; None: until notified."""

    @abstractmethod
    def _dispatch(self, due: ScheduledCall) -> None:
        """Have it called."""

    def _pop(self) -> ScheduledCall:
        due = heapq.heappop(self._heap)
        self._foreground -= not due.background
        return due

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._closed and (due := self._next()) is None:
                    self._changed.wait(self._patience())
                if self._closed:
                    return
                self._busy = True
            assert due is not None
            self._dispatch(due)

    def _execute(self, call: Callable[[], object]) -> None:
        """Do one call; its exception goes to whoever waits, never to the scheduler."""
        self._inside.callback = True
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the scheduler must survive any callback
            self._surface(error)
        finally:
            self._inside.callback = False

    def _in_callback(self) -> bool:
        return getattr(self._inside, "callback", False)

    def _unfinished(self) -> list[WaitedFor]:
        with self._changed:
            return [s for group in self._waiters.values() for s in group if not s.done]

    def _surface(self, error: Exception) -> None:
        """Fail all that is waited for; keep the error for the next wait if nobody waits."""
        open_ = self._unfinished()
        # Not any(...): every one of them has to fail, not the first only.
        if not [s for s in open_ if conclude(s, error)]:
            _log.error("a call on the lab clock failed while nobody waited", exc_info=error)
            self._error = self._error or error

    def _enter(self, waiter: object, statuses: list[WaitedFor]) -> None:
        with self._changed:
            error, self._error = self._error, None
            if error is not None:
                raise error
            self._waiters[waiter] = statuses
            self._changed.notify_all()

    def _leave(self, waiter: object) -> None:
        with self._changed:
            self._waiters.pop(waiter, None)
            self._changed.notify_all()
