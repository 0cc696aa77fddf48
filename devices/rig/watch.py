"""An eye on the rig: it is looked at now and then, and brought to rest after a fault."""

import logging
import threading
import time
from collections.abc import Callable

from ..clock import LabStatus, Steps, Task, conclude
from ..instruments.interlock import FAILURES, RigFaultError
from ..protocols.transport import InstrumentError
from .feed import Feed
from .hardware import Bench
from .safety import SafeReport, make_safe
from .sampling import Sampler
from .steady import SteadyState

_log = logging.getLogger(__name__)

_BEAT = {True: 60.0, False: 1.0}  # lab s between looks; each is bytes on the line
_AGAIN = 5.0  # lab s at least between looks after a fault


class Watch:
    """What keeps a rig from being left alone, by itself and after a fault.

    Parameters
    ----------
    bench : Bench
        The instruments.
    lock : RLock
        The rig's.

    Attributes
    ----------
    last_report : SafeReport or None
        What the rig confirmed when it was last made safe.
    over : bool
        Whether the rig is closed, or being closed.
    last_look : float
        Monotonic wall time [s] of the last look at the rig.
    """

    def __init__(self, bench: Bench, lock: threading.RLock):
        self._bench, self._lock = bench, lock
        self._clock, self._interlock = bench.clock, bench.interlock
        self._interlock.when_shut(self._come_to_rest)
        self._pending: set[LabStatus] = set()  # a fault fails these
        self._recovering = Task(bench.clock, lock)
        self.over = False
        self.last_report: SafeReport | None = None
        self.last_look = time.monotonic()

    def begin(
        self, feed: Feed, steady: SteadyState, sampler: Sampler, *long: Callable[[], None]
    ) -> None:
        """Watch over what these are doing; `long` give up what is made of several acts."""
        self._feed, self._steady, self._sampler, self._long = feed, steady, sampler, long
        self._beat()

    def end(self) -> None:
        """Look no more: the rig is being closed."""
        self.over = True

    def _beat(self) -> None:
        """Look at all that moves, so that a fault does not wait for the next event."""
        pause = _BEAT[self._clock.simulated]
        try:
            with self._lock:
                if self._interlock.fault is not None:
                    pause = max(pause, _AGAIN)
                    self._bench.heater.poll()  # what heats is not over with the fault
                elif not self._interlock.held:
                    self._feed.look()
                    self._bench.heater.poll()
                    self._steady.progress()
        except FAILURES as error:
            self._interlock.latch(error)
        finally:
            self.last_look = time.monotonic()
            if not self.over:
                self._clock.call_later(pause, self._beat, background=True)

    def track(self, status: LabStatus, *, spared: bool = False) -> LabStatus:
        """Have a fault fail this status unless spared, and a broken instrument behind it be one."""
        if not spared:
            self._pending.add(status)
        status.add_callback(self._tracked)
        return status

    def _tracked(self, status: LabStatus) -> None:
        with self._lock:
            self._pending.discard(status)
            if isinstance(error := status.exception(), FAILURES):
                self._interlock.latch(error)

    def _come_to_rest(self, error: Exception) -> None:
        """Make the rig safe after a fault, fail what is pending but a trace; never raises."""
        _log.error("fault, the rig makes itself safe: %s", error)
        reason = RigFaultError(str(error))
        reason.__cause__ = error
        self._make_safe(reason)  # at once, whoever has the rig: the interlock is shut
        with self._lock:
            self._steady.give_up(reason)
            self._feed.give_up(reason)
            self._sampler.give_up()  # but for the trace: what is on the column is worth having
            for status in list(self._pending):
                conclude(status, reason)

    def safe(self) -> SafeReport:
        """Make the rig safe, and end what is under way; see `FlowRig.safe`."""
        with self._interlock.holding("the rig is being made safe"):
            report = self._make_safe(None)  # at once, whoever has the rig
            self.give_up()
        return report

    def safe_again(self) -> SafeReport:
        """Make the rig safe once more after a fault; see `FlowRig.safe_again`."""
        with self._interlock.holding("the rig is being made safe"):
            return self._make_safe(None)

    def _make_safe(self, reason: Exception | None) -> SafeReport:
        bench = self._bench
        report = make_safe(bench.pumps.values(), bench.heater, bench.valves, reason)
        for valve in bench.selectors.values():  # it stays where it is: nothing flows through it
            valve.give_up()
        self.last_report, self._interlock.at_rest = report, report.confirmed
        self._feed.give_up()
        return report

    def give_up(self) -> None:
        """End what is under way; finishes nothing, and sends nothing but to a sampling meter."""
        for give_up in self._long:  # first, or they would go on with the acts of others
            give_up()
        self._steady.give_up()
        self._feed.give_up()
        self._sampler.stop()

    def recover(self) -> LabStatus:
        """Greet every instrument after a fault of communication; see `FlowRig.recover`."""
        return self._recovering.begin(self._recover(), LabStatus("greeting"))

    def _recover(self) -> Steps:
        if not self._interlock.passing:
            raise RigFaultError(f"a human has to look first: {self._interlock.fault}")
        try:
            self._bench.connect()
        except InstrumentError as error:
            self._interlock.latch(error)
            raise
        self._interlock.open(only_passing=True)
        yield from ()  # one step does it all
