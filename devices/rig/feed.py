"""All streams together: they start, stop and are refilled as one."""

import threading
from collections.abc import Mapping

from ..clock import LabClock, LabStatus, Steps, Task, conclude
from ..instruments.pump import SyringePump
from ..rigfile import RigFile
from .setpoints import Setpoints, needed

_BUDGET = 1.5  # of what an experiment needs, after which a pump stops by itself


class InterruptedFlowError(RuntimeError):
    """The flow stopped while something depended on it."""


class Feed:
    """The pumps of a rig.

    Parameters
    ----------
    pumps : mapping of str to SyringePump
        By stream.
    clock : LabClock
        Lab time.
    config : RigFile
        For what an experiment needs.
    lock : RLock
        The rig's: one motion at a time.

    Attributes
    ----------
    setpoints : Setpoints or None
        What the pumps run, or are being started, at.
    since : float or None
        Lab time [s] since which every pump runs at its flow; None while they do not.
    """

    def __init__(
        self,
        pumps: Mapping[str, SyringePump],
        clock: LabClock,
        config: RigFile,
        lock: threading.RLock,
    ):
        self.pumps, self._clock, self._config = pumps, clock, config
        self._lock = lock
        self._task = Task(clock, lock)  # starting, or pausing
        self.setpoints: Setpoints | None = None
        self.since: float | None = None

    def check(self, setpoints: Setpoints) -> None:
        """Refuse an experiment that syringes and flasks cannot finish (`LedgerError`).

        One that flows already was checked when it began, and has used some of its share since.
        """
        if setpoints == self.setpoints:
            return
        for name, volume in needed(setpoints, self._config).items():
            self.pumps[name].check_volume(volume)

    def start(self, setpoints: Setpoints) -> LabStatus:
        """Start all pumps, after refilling those that could not finish the experiment.

        Returns
        -------
        LabStatus
            Finishes when every pump has confirmed its flow; at once if they run there already. A
            status that a later `start` overtakes, or that `give_up` leaves, ends with the later.
        """
        status = LabStatus("flow")
        with self._lock:
            same = self.setpoints is not None and self.setpoints.flows == setpoints.flows
            if not same:
                self._task.begin(self._start(setpoints), status)
                self.setpoints, self.since = setpoints, None
            elif self.since is None:
                self._task.join(status)
            else:
                conclude(status)
        return status

    def _start(self, setpoints: Setpoints) -> Steps:
        """Stop all pumps, refill those that could not finish the experiment, start all together."""
        volumes = needed(setpoints, self._config)
        try:
            for pump in self.pumps.values():
                pump.rest()
            low = [p for key, p in self.pumps.items() if p.deliverable < volumes[key]]
            yield from [pump.refill() for pump in low]
            for key, pump in self.pumps.items():
                pump.check_volume(volumes[key])
                budget = min(_BUDGET * volumes[key], pump.deliverable)
                pump.prepare(setpoints.flows[key], budget)
            for pump in self.pumps.values():
                pump.run()
        except Exception:
            self.setpoints = None
            raise
        self.since = self._clock.now()

    def pause(self, reason: Exception) -> LabStatus:
        """Stop all pumps; what waits for the flow fails with the `reason`.

        Returns
        -------
        LabStatus
            Finishes when every pump has confirmed.
        """
        with self._lock:
            if self.setpoints is not None:
                self.give_up(reason)
            return self._task.begin(self._rest(), LabStatus("pause of flow"))

    def _rest(self) -> Steps:
        for pump in self.pumps.values():
            pump.rest()
        yield from ()  # one step does it all

    def give_up(self, reason: Exception | None = None) -> None:
        """End what would start pumps, and the claim that they run; sends nothing.

        Parameters
        ----------
        reason : Exception, optional
            Fails what waits for the flow; without it, that goes on waiting for a later `start`.
        """
        with self._lock:
            self._task.give_up(reason)
            self.setpoints = self.since = None

    def look(self) -> None:
        """Fetch the state of every pump that should run.

        A pump that has used up its budget ends the flow of all, since their ratio is gone.

        Raises
        ------
        TransportError, InstrumentError
            If a pump does not answer, has stalled, or has stopped for no known reason.
        """
        with self._lock:
            if self.since is None:
                return
            states = [pump.poll().state for pump in self.pumps.values()]
            if any(state != "infusing" for state in states):
                self.give_up()
                for pump in self.pumps.values():
                    pump.rest()
