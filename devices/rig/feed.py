"""All streams together: they start, stop and are refilled as one."""

import threading
from collections.abc import Mapping
from functools import partial

from ..clock import LabClock, LabStatus, conclude
from ..instruments.pump import LedgerError, SyringePump
from ..protocols.transport import InstrumentError, TransportError
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
        self._errand = 0  # a new one ends what callbacks of the old one would still do
        self.setpoints: Setpoints | None = None
        self._pending: list[LabStatus] = []
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
            status that a later `start` overtakes, or that `forget` leaves, ends with the later.
        """
        status = LabStatus("flow")
        with self._lock:
            same = self.setpoints is not None and self.setpoints.flows == setpoints.flows
            if not (same and self.since is not None):
                self._pending.append(status)
                if not same:
                    self.forget()
                    self.setpoints = setpoints
                    self._clock.call_later(0.0, partial(self._fill, self._errand, setpoints))
                return status
        conclude(status)
        return status

    def _fill(self, errand: int, setpoints: Setpoints) -> None:
        """Stop all pumps and refill those that could not finish the experiment."""
        with self._lock:
            if errand != self._errand:
                return
            try:
                for pump in self.pumps.values():
                    pump.rest()
            except (TransportError, InstrumentError) as error:
                self._end(error)
                return
            volumes = needed(setpoints, self._config)
            low = [p for key, p in self.pumps.items() if p.deliverable < volumes[key]]
            refills = [pump.refill() for pump in low]
        self._filled(errand, setpoints, refills)

    def _filled(self, errand: int, setpoints: Setpoints, refills: list[LabStatus]) -> None:
        """Start the pumps when all refills have ended; called again at the end of each."""
        with self._lock:
            if errand != self._errand:
                return
            for refill in refills:
                if not refill.done:
                    again = partial(self._filled, errand, setpoints, refills)
                    self._clock.after(refill, again)
                    return
                if not refill.success:
                    self._end(refill.exception())
                    return
            self._run(setpoints)

    def _run(self, setpoints: Setpoints) -> None:
        """Program all pumps, then start them together."""
        volumes = needed(setpoints, self._config)
        try:
            for key, pump in self.pumps.items():
                pump.check_volume(volumes[key])
                budget = min(_BUDGET * volumes[key], pump.deliverable)
                pump.prepare(setpoints.flows[key], budget)
            for pump in self.pumps.values():
                pump.run()
        except (TransportError, InstrumentError, LedgerError) as error:
            self._end(error)
            return
        self.since = self._clock.now()
        self._end()

    def fail(self, reason: Exception) -> None:
        """Fail what waits for the flow, and give that up; sends nothing."""
        with self._lock:
            self._end(reason)

    def _end(self, error: Exception | None = None) -> None:
        if error is not None:
            self.forget()
        pending, self._pending = self._pending, []
        for status in pending:
            conclude(status, error)

    def pause(self) -> LabStatus:
        """Stop all pumps; what waits for the flow fails with `InterruptedFlowError`.

        Returns
        -------
        LabStatus
            Finishes when every pump has confirmed.
        """
        with self._lock:
            self._end(InterruptedFlowError("the flow was paused: set the conditions again"))
            return self._clock.run(partial(self._halt, self._errand), "pause of flow")

    def _halt(self, errand: int) -> None:
        with self._lock:
            if errand == self._errand:  # else somebody has started or stopped it since
                for pump in self.pumps.values():
                    pump.rest()

    def forget(self) -> None:
        """End the errands that would start pumps, and the claim that they run; sends nothing."""
        with self._lock:
            self._errand += 1
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
                self.forget()
                for pump in self.pumps.values():
                    pump.rest()
