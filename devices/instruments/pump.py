"""Syringe pumps as streams: what they pump, how fast, and how much of it is left."""

import logging
import threading

from ophyd import Component, Device

from ..clock import At, LabClock, LabStatus, Steps, Task
from ..protocols.roles import Limits, PumpDriver, PumpError, PumpStatus
from ..protocols.transport import InstrumentError, TransportError
from ..specs import StreamSpec
from ..written import exact
from .interlock import FAILURES, Interlock
from .ledger import Ledger, LedgerError
from .signals import Kind, Reading, check_limits

_log = logging.getLogger(__name__)

_LOOK = {True: 60.0, False: 1.0}  # lab s between looks at a refill; each is bytes on the line
_PATIENCE = 2.0  # wall s to wait for the line of a pump that was made safe


def patience(volume: float, flow: float) -> float:
    """Give how long a stroke may take [s] of a volume [uL] at a flow [uL/min], and some more."""
    return 1.1 * 60 * volume / flow + 30


class InterruptedRefillError(RuntimeError):
    """The pump was stopped, or started, before its syringe was full; no fault of the pump."""


class SyringePump(Device):  # type: ignore[misc]  # ophyd ships no types
    """A stream: pump, syringe, and the `ledger` of what is left in syringe and flask.

    Reading it costs no byte; `poll` fetches.

    Parameters
    ----------
    name : str
        Of the stream.
    driver : PumpDriver
        The pump.
    clock : LabClock
        For refills.
    interlock : Interlock
        Asked before it moves; it raises `RigFaultError` while a fault is latched.
    spec : StreamSpec
        The stream's table of the rig file.
    """

    flow = Component(Reading, units="uL/min", precision=4, kind=Kind.hinted)
    flow_setpoint = Component(Reading, units="uL/min", precision=4, kind=Kind.normal)
    infused = Component(Reading, units="uL", precision=1, kind=Kind.normal, value=0.0)
    remaining = Component(Reading, units="uL", precision=1, kind=Kind.normal)
    state = Component(Reading, kind=Kind.normal, value="unknown")
    diameter = Component(Reading, units="mm", precision=2, kind=Kind.config)
    syringe_volume = Component(Reading, units="uL", precision=0, kind=Kind.config)
    stock = Component(Reading, units="mM", precision=3, kind=Kind.config)
    firmware = Component(Reading, kind=Kind.config, value="")

    def __init__(
        self,
        *,
        name: str,
        driver: PumpDriver,
        clock: LabClock,
        interlock: Interlock,
        spec: StreamSpec,
    ):
        super().__init__(name=name)
        self.driver, self.spec, self.interlock = driver, spec, interlock
        self.limits = spec.limits
        self.source = f"serial:{driver.transport.url}#{driver.address}"
        self._clock = clock
        self._lock = threading.RLock()
        self._starting, self._refilling = Task(clock, self._lock), Task(clock, self._lock)
        self._running = False
        self._moved = False  # since its counters were last read at rest
        self.ledger = Ledger(name, spec)
        self._connected_before = False
        for signal, value in (
            (self.diameter, spec.diameter),
            (self.syringe_volume, spec.syringe_volume),
            (self.stock, spec.stock or 0.0),
        ):
            signal.fill(float(value))
        self._publish()

    def connect(self) -> None:
        """Identify the pump, stop it and tell it the syringe.

        Raises
        ------
        TransportError, InstrumentError
            If it does not answer, or does not reach the limits or rate of refills of the rig file.
        """
        with self._lock:
            self.firmware.fill(self.driver.connect().name)
            self.driver.stop()
            self._running = False
            if self._connected_before:
                self._account()
            self.driver.configure(self.spec.diameter, self.spec.syringe_volume)
            self._check_range()
            self.driver.clear_volumes()
            self._connected_before = True
            self.poll()

    def _check_range(self) -> None:
        """Refuse limits and a rate of refills that the pump does not reach with its syringe."""
        low, high = self.driver.flow_range()
        reaches = f"{self.driver.name} reaches {low:g} to {high:g} uL/min with this syringe"
        if not low <= self.limits[0] <= self.limits[1] <= high:
            raise InstrumentError(
                f"{reaches}, not the limits {list(self.limits)} of stream {self.name}: change "
                "syringe or limits"
            )
        rate = self.driver.achievable(self.spec.refill_rate)
        if self.spec.flask_volume and not low <= rate <= high:
            raise InstrumentError(
                f"{reaches}, not the {exact(rate)} uL/min at which stream {self.name} is refilled: "
                f"change streams.{self.name}.refill_rate"
            )

    # -- what it does, and what is left -------------------------------------------------------

    @property
    def refilling(self) -> bool:
        """Whether it is being refilled."""
        return self._refilling.under_way

    @property
    def running(self) -> bool:
        """Whether it runs, as far as is known; `flow` is what it ran at when last polled."""
        return self._running

    def _account(self) -> None:
        """Book what the stopped pump has moved, and clear its counters."""
        self._count()
        self.driver.clear_volumes()
        self.ledger.book()
        self._publish()

    def _count(self) -> None:
        """Take over what the stopped pump has moved; that is only booked with `_account`."""
        self.ledger.count(*self.driver.volumes())
        self._moved = False
        self._publish()

    def _publish(self) -> None:
        self.infused.fill(self.ledger.infused)
        self.remaining.fill(self.ledger.content)

    # -- motion -----------------------------------------------------------------------------

    def set(self, flow: float) -> LabStatus:
        """Infuse at `flow` [uL/min] until stopped or the syringe is empty.

        Returns
        -------
        LabStatus
            Finishes when the pump has confirmed.

        Raises
        ------
        LimitError
            If `flow` is outside the limits.
        RigFaultError
            While a fault is latched.
        """
        self.check(flow)
        self.interlock.check()
        status = self.interlock.watch(LabStatus(f"{self.name} flow"))
        return self._starting.begin(self._start(flow), status)

    def _start(self, flow: float) -> Steps:
        self._refilling.give_up(self._interrupted())
        self._rest()
        left = self.ledger.deliverable
        if self.driver.achievable_volume(left) <= 0:  # which a pump takes for no target at all
            raise LedgerError(f"stream {self.name} has nothing left in its syringe: refill it")
        self.prepare(flow, left)
        self.run()
        yield from ()  # one step does it all

    def check(self, flow: float) -> None:
        """Refuse a flow [uL/min] outside the limits (`LimitError`)."""
        check_limits(f"flow_{self.name}", self.achievable(flow), self.limits, "uL/min")

    def achievable(self, flow: float, limits: Limits | None = None) -> float:
        """Return what the pump makes of a flow [uL/min], inside its or these limits."""
        return self.driver.achievable(flow, limits or self.limits)

    def prepare(self, flow: float, budget: float) -> None:
        """Program the resting pump: flow [uL/min], volume [uL] after which it stops by itself.

        The budget is the dead man's handle: it holds when this program is no longer there.

        Raises
        ------
        LimitError, LedgerError
            If flow or budget cannot be had.
        RigFaultError
            While a fault is latched.
        """
        self.check(flow)
        self.interlock.check()
        with self._lock, self.driver.transport.together():
            self.interlock.check()
            self.ledger.check(budget)
            self.driver.set_flow(self.achievable(flow))
            self.flow_setpoint.fill(self.achievable(flow))
            self.driver.set_target(min(budget, self.ledger.deliverable))

    def stand_still(self) -> None:
        """Have the resting pump take no part in what flows; sends nothing."""
        self.flow_setpoint.fill(0.0)

    def run(self) -> None:
        """Infuse as prepared (`RigFaultError` while a fault is latched)."""
        self.interlock.check()
        with self._lock:
            with self.driver.transport.together():
                self.interlock.check()  # what makes the rig safe has the line before or behind
                self._moved = True
                self.driver.run()
            self._running = True
            self.poll()

    def rest(self) -> None:
        """Stop, and bring the ledger up to date."""
        with self._lock:
            self._give_up()
            self._rest()

    def _rest(self) -> None:
        self._halt()
        self._account()

    def halt(self) -> None:
        """Stop, confirmed by the pump.

        Raises
        ------
        TransportError, InstrumentError
            If that cannot be confirmed.
        """
        with self._lock:
            self._give_up()
            self._halt()

    def _halt(self) -> None:
        self._running = False
        self.driver.stop()

    def came_to_rest(self, *, confirmed: bool) -> None:
        """Take note that the pump was stopped, by whoever makes the rig safe.

        Parameters
        ----------
        confirmed : bool
            Whether it said so itself: then it is published, as by a poll, and what it has moved
            is asked for.
        """
        with self._lock:
            self._give_up()
            self._running = False
            if not confirmed:
                return
            self.flow.fill(0.0)
            self.state.fill("idle")
            if self._moved:
                try:
                    with self.driver.transport.urgent(_PATIENCE):
                        self._count()
                except FAILURES as error:
                    _log.warning("what stream %s has moved last is not known: %s", self.name, error)

    def _give_up(self) -> None:
        self._starting.give_up()
        self._refilling.give_up(self._interrupted())

    def _interrupted(self) -> InterruptedRefillError:
        return InterruptedRefillError(f"the refill of stream {self.name} was interrupted")

    def stop(self, *, success: bool = False) -> None:
        """Stop; never raises (`halt` does)."""
        try:
            self.halt()
            self.poll()
        except (TransportError, InstrumentError) as error:
            _log.error("stream %s may still flow: %s", self.name, error)

    def refill(self) -> LabStatus:
        """Draw the syringe full from the flask, through the check valves.

        Returns
        -------
        LabStatus
            Finishes when the plunger is back and the ledger has been brought up to date; fails with
            `InterruptedRefillError` when the pump is stopped or started meanwhile.

        Raises
        ------
        RigFaultError
            While a fault is latched.
        """
        self.interlock.check()
        status = self.interlock.watch(LabStatus(f"refill {self.name}"))
        return self._refilling.begin(self._refill(), status)

    def _refill(self) -> Steps:
        self._rest()
        volume = self.driver.achievable_volume(self.ledger.room)
        if volume <= 0:
            return
        self.driver.set_flow(self.driver.achievable(self.spec.refill_rate), "withdraw")
        self.driver.set_target(volume)
        with self.driver.transport.together():
            self.interlock.check()
            self._moved = True
            self.driver.run("withdraw")
        begin, flow = self._clock.now(), self.spec.refill_rate
        end, deadline = begin + 60 * volume / flow + 1, begin + patience(volume, flow)
        yield self._next_look(end)
        while self.poll().state == "withdrawing":
            if self._clock.now() > deadline:
                self._halt()
                raise PumpError(f"the refill of stream {self.name} does not end: look at it")
            yield self._next_look(end)
        self._account()

    def _next_look(self, end: float) -> At:
        """Return when to look again at a refill that should be over at a lab time [s]."""
        now = self._clock.now()
        soon = now + _LOOK[self._clock.simulated]
        return At(soon if soon < end - 1 else end if now < end else now + 1.0)

    def poll(self) -> PumpStatus:
        """Fetch flow, volume and state in one exchange and publish them.

        Raises
        ------
        PumpError
            If the pump has stalled, or does not run although it should and its budget is not used.
        """
        with self._lock:
            status = self.driver.status()
            if status.state == "infusing":
                self.ledger.infusing(status.volume)
            elif status.state == "withdrawing":
                self.ledger.withdrawing(status.volume)
            elif self._moved and status.state != "stalled":
                self._count()
            self.flow.fill(status.flow)
            self.state.fill(status.state)
            self._publish()
            expected, self._running = self._running, status.state == "infusing"
        if status.state == "stalled":
            raise PumpError(
                f"stream {self.name} has stalled: look for a blockage and clear the alarm at the "
                f"{self.driver.name}"
            )
        if expected and not self.interlock.held and status.state not in ("infusing", "target"):
            raise PumpError(
                f"stream {self.name} does not run (state {status.state}): look at the "
                f"{self.driver.name}"
            )
        return status
