"""The injection valve."""

import threading

from ophyd import Component, Device

from ..clock import LabClock, LabStatus, Steps, Task
from ..protocols.roles import ValveDriver
from ..protocols.transport import InstrumentError
from ..specs import ValveSpec
from .interlock import Interlock
from .signals import Kind, Reading

_AGAIN = 1.0  # lab s after which a valve that is not there is told again
_LOOK = 0.1  # lab s between looks at a valve that is turning


class ValveError(InstrumentError):
    """The valve does not get where it was sent; a human must look."""


class InjectionValve(Device):  # type: ignore[misc]  # ophyd ships no types
    """`load` fills the loop from the reactor, `inject` puts the loop on the column."""

    place = Component(Reading, kind=Kind.hinted, value="unknown")

    def __init__(
        self,
        *,
        name: str,
        driver: ValveDriver,
        clock: LabClock,
        interlock: Interlock,
        spec: ValveSpec,
    ):
        super().__init__(name=name)
        self.driver, self.spec, self.interlock = driver, spec, interlock
        self.source = f"serial:{driver.transport.url}"
        self._clock = clock
        other = {"A": "B", "B": "A"}[spec.load]
        self._places = {"load": spec.load, "inject": other}
        self._lock = threading.RLock()
        self._turning = Task(clock, self._lock)

    def connect(self) -> None:
        """Check that the valve answers (`TransportError` if not)."""
        self.driver.connect()
        self.poll()

    def poll(self) -> str:
        """Fetch and return the position, `load` or `inject`."""
        actual = self.driver.position()
        name = "load" if actual == self._places["load"] else "inject"
        self.place.fill(name)
        return name

    def set(self, position: str) -> LabStatus:
        """Turn to `load` or `inject`.

        Returns
        -------
        LabStatus
            Finishes when the valve reports the position. A status that a later `set` overtakes
            ends together with the later one.

        Raises
        ------
        ValueError
            If there is no such position.
        RigFaultError
            While a fault is latched.
        """
        if position not in self._places:
            raise ValueError(f"valve position {position!r} is neither 'load' nor 'inject'")
        self.interlock.check()
        status = self.interlock.watch(LabStatus(f"{self.name} to {position}"))
        return self._turning.begin(self._turn(position), status)

    def _turn(self, position: str) -> Steps:
        """Send the valve on its way, then look until it is there."""
        told = self._tell(position)
        deadline = told + self.spec.timeout
        while self.poll() != position:
            now = self._clock.now()
            if now >= deadline:
                raise ValveError(
                    f"the valve has not reached {position} in {self.spec.timeout:g} s: "
                    "check its air or motor"
                )
            if now - told >= _AGAIN:  # nothing answers that command: it may have been lost
                told = self._tell(position)
            yield _LOOK

    def _tell(self, position: str) -> float:
        """Send it to a position; return when [s]."""
        with self.driver.transport.together():
            self.interlock.check()
            self.driver.go(self._places[position])
        return self._clock.now()

    def give_up(self) -> None:
        """Take note that the valve was turned to load, by whoever makes the rig safe."""
        with self._lock:
            self._turning.give_up()

    def stop(self, *, success: bool = False) -> None:
        """Do nothing: a valve half-way is worse than one that arrives."""
