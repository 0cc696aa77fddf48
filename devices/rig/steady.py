"""The way to a steady state: temperature settled, flows right, both for long enough."""

import threading
from collections.abc import Callable

from ..clock import At, LabClock, LabStatus, Steps, Task
from ..instruments.heater import Heater, NotSettledError
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
        self._task = Task(clock, lock)
        self._asked: Setpoints | None = None

    def set(self, setpoints: Setpoints) -> LabStatus:
        """Go there; see `FlowRig.set`."""
        status = LabStatus("steady state", stabilisation(setpoints, self._config))
        with self._lock:
            self._track(status)
            if setpoints == self._asked and self._task.under_way:
                return self._task.join(status)
            self._asked = setpoints
            return self._task.begin(self._settle(setpoints), status)

    def _settle(self, setpoints: Setpoints) -> Steps:
        """Believe in a steady state only after a last look at heater and pumps."""
        for _ in range(_ATTEMPTS):
            yield from self._begin(setpoints)
            since = self._since()
            yield At(since + stabilisation(setpoints, self._config))
            self._feed.look()
            self._heater.poll()
            if self._right() and self._since() == since:
                return
            yield 0.0  # it was lost at some time since then
        raise NotSettledError(
            f"the steady state was lost {_ATTEMPTS} times: look at heater and pumps"
        )

    def _begin(self, setpoints: Setpoints) -> Steps:
        """Heat, then start the flow; again, should the temperature be lost while that starts."""
        while True:
            yield self._track(self._heater.set(setpoints.temperature))
            flowing = self._track(self._feed.start(setpoints))
            if flowing.done:
                return
            yield flowing

    def _right(self) -> bool:
        """Whether temperature and flows are right, as of the last look."""
        return self._heater.settled_since is not None and self._feed.since is not None

    def _since(self) -> float:
        """Lab time since which temperature and flows have been right."""
        return max(self._heater.settled_since or 0.0, self._feed.since or 0.0)

    def progress(self) -> None:
        """Tell progress bars how far it is."""
        steady = self._clock.now() - self._since() if self._right() else 0.0
        self._task.progress(max(steady, 0.0))

    def give_up(self, reason: Exception | None = None) -> None:
        """Give it up; who waits for it gets the `reason`, or goes on waiting for a later `set`."""
        self._task.give_up(reason)
