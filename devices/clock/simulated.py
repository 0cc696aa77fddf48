"""The lab clock before emulators: lab time jumps to what is due next."""

import time

from ..token import EmulationToken
from .clock import ClockError, LabClock, ScheduledCall

_STALL_GRACE = 10.0  # wall s a status may stay undone with nothing scheduled in the simulated lab


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

    def _next(self) -> ScheduledCall | None:
        if not self._wanted():
            self._idle_since = None
            return None
        if self._foreground:
            self._idle_since = None
            due = self._pop()
            self._time = max(self._time, due.when)
            return due
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        if time.monotonic() - self._idle_since < self._grace:
            return None
        self._idle_since = None
        return ScheduledCall(self._time, -1, self._stalled, background=True)

    def _patience(self) -> float | None:
        # A thread of somebody else may finish a status without telling us: look now and then.
        return None if self._idle_since is None else min(0.05, self._grace)

    def _stalled(self) -> None:
        raise ClockError(
            f"deadlock at lab time {self._time:.1f} s: a status is waited for, but nothing is "
            "scheduled in the simulated lab that could finish it"
        )

    def _dispatch(self, due: ScheduledCall) -> None:
        self._execute(due.call)

    def _leave(self, waiter: object) -> None:
        super()._leave(waiter)
        if not self._in_callback():
            with self._changed:
                self._changed.wait_for(lambda: not self._busy or self._closed)
