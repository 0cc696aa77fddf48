"""The way to a steady state: temperature settled, flows right, both for long enough."""

import threading
from collections.abc import Callable
from functools import partial

from ..clock import LabClock, LabStatus, conclude
from ..instruments.heater import Heater, NotSettledError
from ..protocols.transport import InstrumentError, TransportError
from ..rigfile import RigFile
from .feed import Feed
from .setpoints import Setpoints, stabilisation

_ATTEMPTS = 3  # times a steady state may be lost again before it is given up


class SteadyState:
    """Brings heater and feed to setpoints and waits until the rig has forgotten what was before.

    Parameters
    ----------
    heater, feed
        What is set.
    clock : LabClock
        Lab time.
    config : RigFile
        For the stabilisation time.
    lock : RLock
        The rig's.
    track : callable
        Registers a Status with the rig.
    """

    def __init__(
        self,
        heater: Heater,
        feed: Feed,
        clock: LabClock,
        config: RigFile,
        lock: threading.RLock,
        track: Callable[[LabStatus], LabStatus],
    ):
        self._heater, self._feed, self._clock, self._config = heater, feed, clock, config
        self._lock, self._track = lock, track
        self._errand = 0  # a new one ends what callbacks of the old one would still do
        self._asked: Setpoints | None = None
        self._pending: list[LabStatus] = []

    def set(self, setpoints: Setpoints) -> LabStatus:
        """Go there; see `FlowRig.set`."""
        with self._lock:
            status = LabStatus("steady state", stabilisation(setpoints, self._config))
            self._pending.append(self._track(status))
            if setpoints != self._asked:
                self._asked = setpoints
                self._errand += 1
                first = partial(self._approach, self._errand, _ATTEMPTS)
                self._clock.call_later(0.0, first)
        return status

    def _approach(self, errand: int, attempts: int, awaited: LabStatus | None = None) -> None:
        """Begin what lacks, and come back when the rig may be steady."""
        with self._lock:
            if errand != self._errand or self._asked is None:
                return
            if awaited is not None and not awaited.success:
                self.fail(awaited.exception())
                return
            for begin in (lambda s: self._heater.set(s.temperature), self._feed.start):
                status = self._track(begin(self._asked))
                if not status.done:
                    self._clock.after(status, partial(self._approach, errand, attempts, status))
                    return
            since = self._since()
            due = since + stabilisation(self._asked, self._config)
            self._clock.call_at(due, partial(self._confirm, errand, attempts, since))

    def _confirm(self, errand: int, attempts: int, since: float) -> None:
        """Believe in a steady state since `since` only after a last look at heater and pumps."""
        with self._lock:
            if errand != self._errand:
                return
            try:
                self._feed.look()
                self._heater.poll()
            except (TransportError, InstrumentError) as error:
                self.fail(error)
                return
            if self._right() and self._since() == since:
                self._end(None)
            elif attempts > 1:  # lost at some time since then
                self._clock.call_later(0.0, partial(self._approach, errand, attempts - 1))
            else:
                self.fail(
                    NotSettledError(
                        f"the steady state was lost {_ATTEMPTS} times: look at heater and pumps"
                    )
                )

    def _right(self) -> bool:
        """Whether temperature and flows are right, as of the last look."""
        return self._heater.settled_since is not None and self._feed.since is not None

    def _since(self) -> float:
        """Lab time since which temperature and flows have been right."""
        return max(self._heater.settled_since or 0.0, self._feed.since or 0.0)

    def progress(self) -> None:
        """Tell progress bars how far it is."""
        for status in self._pending:
            status.progress(self._clock.now() - self._since() if self._right() else 0.0)

    def fail(self, reason: Exception) -> None:
        """Give it up; who waits for it gets `reason`."""
        with self._lock:
            self._end(reason)

    def _end(self, error: Exception | None) -> None:
        self.forget()
        pending, self._pending = self._pending, []
        for status in pending:
            conclude(status, error)

    def forget(self) -> None:
        """Give it up; who waits for it goes on waiting for a later `set`."""
        with self._lock:
            self._errand += 1
            self._asked = None
