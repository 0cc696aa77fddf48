"""Washing: solvent through the cold reactor, from the streams that a rig file marks as `wash`."""

import threading
from collections.abc import Callable

from ..clock import LabStatus, Steps, Task
from ..instruments.ledger import LedgerError
from ..instruments.pump import patience
from ..protocols import PUMPS
from ..protocols.roles import PumpError
from .feed import Feed, InterruptedFlowError
from .hardware import Bench
from .steady import SteadyState

WARMTH = 10.0
"""K above the heater's safe setpoint at which solvent may enter the reactor."""

_LOOK = {True: 5.0, False: 1.0}  # lab s between looks while it flows; each is bytes on the line
_LEAST = 1.0  # uL that are worth a stroke


class Washing:
    """Washes mixer, reactor, loop and the way to waste, one solvent after the other.

    What has no solvent of its own behind it stays as it is: the lines from the other pumps to the
    mixer, and that from the collection valve to its flask.

    Parameters
    ----------
    bench : Bench
        The instruments.
    feed, steady
        What ends when it begins.
    lock : RLock
        The rig's.
    track : callable
        Registers a Status with the rig.

    Attributes
    ----------
    washed : dict of str to float
        What has gone through since the rig was opened, by stream, as of the last look [uL].
    """

    def __init__(
        self,
        bench: Bench,
        feed: Feed,
        steady: SteadyState,
        lock: threading.RLock,
        track: Callable[[LabStatus], LabStatus],
    ):
        self._bench, self._feed, self._steady = bench, feed, steady
        self._lock, self._track = lock, track
        self._config, self._clock = bench.config, bench.clock
        self._task = Task(bench.clock, lock)

    @property
    def washed(self) -> dict[str, float]:
        """What has gone through since the rig was opened, by stream, as of the last look [uL]."""
        return {name: self._bench.pumps[name].ledger.infused for name in self._config.washes}

    def check(self) -> None:
        """Refuse what syringes and flasks do not hold (`LedgerError`)."""
        for name, volume in self._config.washes.items():
            pump = self._bench.pumps[name]
            if volume > (left := pump.ledger.supply):
                raise LedgerError(
                    f"stream {name}: washing needs {volume:.0f} uL, and {left:.0f} uL are left: "
                    f"refill it and open the rig again, or lower streams.{name}.wash_volume"
                )

    def cool(self) -> LabStatus:
        """Let the reactor cool, with all pumps at rest.

        Returns
        -------
        LabStatus
            Finishes when it is cold enough for a solvent that nobody heats under pressure: no more
            than `WARMTH` above the heater's safe setpoint. Fails with `NotSettledError`.
        """
        with self._lock:
            self._bench.interlock.check()
            reason = InterruptedFlowError("the reactor is washed: set the conditions again")
            self._steady.give_up(reason)
            self._feed.give_up(reason)
            for pump in self._bench.pumps.values():
                pump.rest()
            heater = self._bench.heater
            return self._track(heater.cool(heater.spec.safe + WARMTH))

    def wash(self) -> LabStatus:
        """Let it cool, and wash it; the valve loads, a collection valve leads to waste.

        Returns
        -------
        LabStatus
            Finishes when all solvents have gone through. Fails with `NotSettledError`,
            `LedgerError` or `RigFaultError`.
        """
        with self._lock:
            self.check()
            cold = self.cool()
            return self._task.begin(self._wash(cold), self._track(LabStatus("washing")))

    def _wash(self, cold: LabStatus) -> Steps:
        bench = self._bench
        if bench.collection is not None:
            yield self._track(bench.collection.set("waste"))
        yield self._track(bench.valve.set("load"))
        yield cold
        for name, volume in self._config.washes.items():
            yield from self._through(name, volume)

    def _through(self, name: str, volume: float) -> Steps:
        """Let a volume [uL] of a solvent through, in as many strokes as it takes."""
        pump, spec, left = self._bench.pumps[name], self._config.streams[name], volume
        flow = PUMPS[spec.protocol].achievable(spec.limits[1], spec.limits)
        while left > _LEAST:
            if pump.ledger.deliverable < min(left, spec.stroke):
                yield self._track(pump.refill())
            if (portion := min(left, pump.ledger.deliverable)) <= _LEAST:
                raise LedgerError(f"stream {name} has run out with {left:.0f} uL still to wash")
            pump.prepare(flow, portion)
            deadline = self._clock.now() + patience(portion, flow)
            pump.run()
            while self._flows(name):
                if self._clock.now() > deadline:
                    raise PumpError(f"stream {name} flows on after {portion:.0f} uL: look at it")
                yield _LOOK[self._clock.simulated]
            self._bench.interlock.check()  # who stops the pumps may have ended it, not its volume
            pump.rest()
            left -= portion

    def _flows(self, name: str) -> bool:
        """Look whether the solvent flows, and nothing else does."""
        if self._bench.collection is not None:
            self._bench.collection.look()
        for key, pump in self._bench.pumps.items():
            flowing = pump.poll().state == "infusing"
            if flowing and key != name:
                raise PumpError(f"stream {key} should stand still, but flows: look at its pump")
        return bool(self._bench.pumps[name].state.get() == "infusing")

    def give_up(self) -> None:
        """End it where it stands; sends nothing."""
        self._task.give_up()
