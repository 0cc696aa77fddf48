"""The lab clock: real, or simulated and event-driven.

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
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .status import LabStatus, WaitedFor, conclude

__all__ = [
    "ClockError",
    "EmulationToken",
    "Handle",
    "LabClock",
    "LabStatus",
    "RealClock",
    "SimulatedClock",
    "conclude",
]

_log = logging.getLogger(__name__)

_STALL_GRACE = 10.0  # wall s a status may stay undone with nothing scheduled in the simulated lab
_TICKS = 100  # progress reports a timer gives, at most one a lab second


class ClockError(RuntimeError):
    """The lab clock cannot do what is asked of it."""


@dataclass(frozen=True, eq=False)
class EmulationToken:
    """Proof that ports were opened by the emulator launcher; nothing else makes one.

    A simulated clock asks for it, because the look of an URL proves nothing: a terminal server
    and an emulator are both `socket://`.

    Attributes
    ----------
    urls : frozenset of str
        The ports behind which only emulators sit.
    """

    urls: frozenset[str]

    def __init__(self, urls: Iterable[str]):
        object.__setattr__(self, "urls", frozenset(urls))


@dataclass(order=True)
class Handle:
    """A call in the future; `cancel` takes it back."""

    when: float
    order: int
    call: Callable[[], object] = field(compare=False)
    background: bool = field(compare=False)
    forget: Callable[["Handle"], None] = field(compare=False, repr=False)
    live: bool = field(default=True, compare=False)

    def cancel(self) -> None:
        """Take the call back; no effect once it has begun."""
        self.forget(self)


class LabClock(ABC):
    """Lab time and the calls that are due in it; see `RealClock` and `SimulatedClock`.

    Attributes
    ----------
    simulated : bool
        Whether lab time jumps.
    """

    simulated: bool

    def __init__(self) -> None:
        self._heap: list[Handle] = []
        self._orders = itertools.count()
        self._foreground = 0  # live calls that keep simulated time going
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

    def call_at(
        self, when: float, call: Callable[[], object], *, background: bool = False
    ) -> Handle:
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
            handle = Handle(float(when), next(self._orders), call, background, self._forget)
            heapq.heappush(self._heap, handle)
            self._foreground += not background
            self._changed.notify_all()
        return handle

    def call_later(
        self, delay: float, call: Callable[[], object], *, background: bool = False
    ) -> Handle:
        """Call `call()` after `delay` lab seconds; see `call_at`."""
        return self.call_at(self.now() + delay, call, background=background)

    def run(self, work: Callable[[], object], name: str = "work") -> LabStatus:
        """Do `work()` now but not in this thread.

        Returns
        -------
        LabStatus
            Finishes when `work` has returned, fails with what it raised.
        """
        status = LabStatus(name)

        def do() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - it is handed on to who waits
                conclude(status, error)
            else:
                conclude(status)

        self.call_later(0.0, do)
        return status

    def after(self, status: LabStatus, call: Callable[[], object]) -> None:
        """Call `call()` once `status` has finished, well or badly."""
        status.add_callback(lambda _: self.call_later(0.0, call))

    def timer(self, delay: float, name: str = "timer") -> LabStatus:
        """Return a Status that finishes after `delay` lab seconds."""
        status = LabStatus(name, target=delay)
        start, step = self.now(), max(1.0, delay / _TICKS)
        finish = self.call_later(delay, lambda: conclude(status))

        def tick() -> None:
            if not status.done and self.now() < finish.when:
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
    def _next(self) -> Handle | None:
        """Pop the call whose time has come, if any (lock held)."""

    @abstractmethod
    def _patience(self) -> float | None:
        """Wall time [s] until `_next` may answer differently; None: until notified."""

    @abstractmethod
    def _dispatch(self, handle: Handle) -> None:
        """Have the call done."""

    def _forget(self, handle: Handle) -> None:
        with self._changed:
            if handle.live:
                handle.live = False
                self._foreground -= not handle.background

    def _peek(self) -> Handle | None:
        while self._heap and not self._heap[0].live:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _pop(self) -> Handle:
        handle = heapq.heappop(self._heap)
        self._forget(handle)
        return handle

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._closed and (handle := self._next()) is None:
                    self._changed.wait(self._patience())
                if self._closed:
                    return
                self._busy = True
            assert handle is not None
            self._dispatch(handle)

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


class RealClock(LabClock):
    """Wall time: seconds since 1970 at the start, monotonic from then on.

    Callbacks run on a small pool of threads, so that a slow serial line never delays another.
    """

    simulated = False

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lab-call")
        super().__init__()

    def now(self) -> float:
        """Lab time [s]."""
        return self._epoch + time.monotonic()

    def close(self) -> None:
        """Forget every call and end the threads; idempotent."""
        super().close()
        self._pool.shutdown(wait=not self._in_callback(), cancel_futures=True)

    def _next(self) -> Handle | None:
        first = self._peek()
        return self._pop() if first is not None and first.when <= self.now() else None

    def _patience(self) -> float | None:
        first = self._peek()
        return None if first is None else max(0.0, first.when - self.now())

    def _dispatch(self, handle: Handle) -> None:
        self._pool.submit(self._execute, handle.call)


class SimulatedClock(LabClock):
    """Lab time that starts at 0 and jumps; deterministic.

    One thread takes the next call, in order of (time, insertion), only while somebody waits and
    what they wait for is neither done nor failed. The waiter goes on only after the running call
    has returned, so that plan and callbacks never run at the same time.

    Parameters
    ----------
    token : EmulationToken
        From the emulator launcher; the rig checks it against every transport.
    grace : float
        Wall time [s] a Status may stay undone with nothing scheduled before that is called a
        deadlock and fails it.

    Raises
    ------
    ClockError
        If `token` is not an `EmulationToken`.
    """

    simulated = True

    def __init__(self, token: EmulationToken, *, grace: float = _STALL_GRACE):
        if not isinstance(token, EmulationToken):
            raise ClockError(
                f"a simulated clock needs the token of the emulator launcher, not {token!r}: "
                "hardware runs on the real clock"
            )
        self.token = token
        self._grace = grace
        self._time = 0.0
        self._idle_since: float | None = None
        super().__init__()

    def now(self) -> float:
        """Lab time [s]."""
        return self._time

    def _wanted(self) -> bool:
        """Whether somebody waits for something that time can still bring."""
        return any(
            any(not s.done for s in group) and not any(s.done and not s.success for s in group)
            for group in self._waiters.values()
        )

    def _next(self) -> Handle | None:
        if not self._wanted():
            self._idle_since = None
            return None
        if self._foreground:
            self._idle_since = None
            self._peek()
            handle = self._pop()
            self._time = max(self._time, handle.when)
            return handle
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        if time.monotonic() - self._idle_since < self._grace:
            return None
        self._idle_since = None
        return Handle(self._time, -1, self._stalled, True, self._forget)

    def _patience(self) -> float | None:
        # A thread of somebody else may finish a status without telling us: look now and then.
        return None if self._idle_since is None else min(0.05, self._grace)

    def _stalled(self) -> None:
        raise ClockError(
            f"deadlock at lab time {self._time:.1f} s: a status is waited for, but nothing is "
            "scheduled in the simulated lab that could finish it"
        )

    def _dispatch(self, handle: Handle) -> None:
        self._execute(handle.call)

    def _leave(self, waiter: object) -> None:
        super()._leave(waiter)
        if not self._in_callback():
            with self._changed:
                self._changed.wait_for(lambda: not self._busy or self._closed)
