"""All streams together: they start, stop and are refilled as one."""

import threading
from collections.abc import Mapping
from types import MappingProxyType

from ..clock import LabClock, LabStatus, Steps, Task, conclude
from ..instruments.pump import SyringePump
from ..instruments.valve import CollectionValve, SelectorValve
from ..protocols.roles import PumpError
from ..rigfile import RigFile
from .choosing import Choice
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
    selectors : mapping of str to SelectorValve, optional
        By choice, of those that a valve makes.
    collection : CollectionValve, optional
        Whatever begins to flow goes to waste.

    Attributes
    ----------
    setpoints : Setpoints or None
        What the pumps run, or are being started, at.
    since : float or None
        Lab time [s] since which every pump runs at its flow, and what is chosen reaches the mixer:
        later than now while lines are rinsed. None while the pumps do not run.
    choices : dict of str to Choice
    """

    def __init__(
        self,
        pumps: Mapping[str, SyringePump],
        clock: LabClock,
        config: RigFile,
        lock: threading.RLock,
        selectors: Mapping[str, SelectorValve] = MappingProxyType({}),
        collection: CollectionValve | None = None,
    ):
        self.pumps, self._clock, self._config = pumps, clock, config
        self._lock, self._collection = lock, collection
        self._task = Task(clock, lock)  # starting, or pausing
        self.setpoints: Setpoints | None = None
        self.since: float | None = None
        self.choices = {
            name: Choice(name, config, pumps, selectors.get(name)) for name in config.choices
        }

    def rinse(self, setpoints: Setpoints) -> float:
        """Return how long it takes until what is chosen reaches the mixer [s]."""
        return max((one.rinse(setpoints) for one in self.choices.values()), default=0.0)

    def check(self, setpoints: Setpoints) -> None:
        """Refuse an experiment that syringes and flasks cannot finish (`LedgerError`).

        One that flows already was checked when it began, and has used some of its share since.
        """
        if setpoints == self.setpoints:
            return
        volumes = needed(setpoints, self._config)
        for name, volume in volumes.items():
            self.pumps[name].ledger.check(volume)
        for choice in self.choices.values():
            choice.check(setpoints, volumes)

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
            flowing = self.setpoints
            same = flowing is not None and (flowing.pumped, flowing.chosen) == (
                setpoints.pumped,
                setpoints.chosen,
            )
            if not same:
                self._task.begin(self._start(setpoints), status)
                self.setpoints, self.since = setpoints, None
            elif self.since is None:
                self._task.join(status)
            else:
                conclude(status)
        return status

    def _start(self, setpoints: Setpoints) -> Steps:
        """Stop all pumps, choose, refill those that could not finish, start all together."""
        volumes = needed(setpoints, self._config)
        try:
            for pump in self.pumps.values():
                pump.rest()
            if self._collection is not None:
                yield self._collection.set("waste")
            turns = [one.turn(setpoints.chosen[name]) for name, one in self.choices.items()]
            yield from [turn for turn in turns if turn is not None]
            low = [p for key, p in self.pumps.items() if p.ledger.deliverable < volumes[key]]
            yield from [pump.refill() for pump in low]
            for choice in self.choices.values():
                choice.check(setpoints, volumes)
            rinse = self.rinse(setpoints)
            for key, flow in setpoints.pumped.items():
                pump = self.pumps[key]
                if not flow:
                    pump.stand_still()
                    continue
                pump.ledger.check(volumes[key])
                pump.prepare(flow, min(_BUDGET * volumes[key], pump.ledger.deliverable))
            for key, flow in setpoints.pumped.items():
                if flow:
                    self.pumps[key].run()
        except Exception:
            self.setpoints = None
            raise
        self.since = self._clock.now() + rinse

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
            If a pump does not answer, has stalled, or runs or has stopped for no known reason; or a
            selector or the collection valve has been turned.
        """
        with self._lock:
            if self.since is None or self.setpoints is None:
                return
            if self._collection is not None:
                self._collection.look()
            for choice in self.choices.values():
                choice.look()
            states = []
            for key, flow in self.setpoints.pumped.items():
                state = self.pumps[key].poll().state
                if flow:
                    states.append(state)
                elif state == "infusing":
                    raise PumpError(f"stream {key} should stand still, but flows: look at its pump")
            if any(state != "infusing" for state in states):
                self.give_up()
                for pump in self.pumps.values():
                    pump.rest()
