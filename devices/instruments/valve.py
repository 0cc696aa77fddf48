"""The valves: one that injects, one that collects, and one that selects."""

import threading
from collections.abc import Mapping
from typing import Generic, TypeVar

from ophyd import Component, Device

from ..clock import LabClock, LabStatus, Steps, Task
from ..protocols.roles import SelectorDriver, ValveDriver
from ..protocols.transport import InstrumentError
from ..specs import SelectorSpec, TwoPositionSpec
from .interlock import Interlock
from .signals import Kind, Reading

_AGAIN = 1.0  # lab s after which a valve that is not there is told again
_LOOK = 0.1  # lab s between looks at a valve that is turning


class ValveError(InstrumentError):
    """The valve does not get where it was sent; a human must look."""


_Driver = TypeVar("_Driver", ValveDriver, SelectorDriver)
_Spec = TypeVar("_Spec", TwoPositionSpec, SelectorSpec)


class _Valve(Device, Generic[_Driver, _Spec]):  # type: ignore[misc]  # ophyd ships no types
    """A valve whose positions have names.

    Parameters
    ----------
    name : str
    driver : ValveDriver or SelectorDriver
    clock : LabClock
        For how long it turns.
    interlock : Interlock
        Asked before it turns; it raises `RigFaultError` while a fault is latched.
    spec : TwoPositionSpec or SelectorSpec
        The valve's table of the rig file.
    places : mapping of str
        By name the position, as the driver calls it.
    """

    place = Component(Reading, kind=Kind.hinted, value="unknown")
    _astray = "something else flows"

    def __init__(
        self,
        *,
        name: str,
        driver: _Driver,
        clock: LabClock,
        interlock: Interlock,
        spec: _Spec,
        places: Mapping[str, str | int],
    ):
        super().__init__(name=name)
        self.driver: _Driver = driver
        self.spec: _Spec = spec
        self.interlock = interlock
        self.source = f"serial:{driver.transport.url}"
        self._clock = clock
        self._places = places
        self._lock = threading.RLock()
        self._turning = Task(clock, self._lock)

    def connect(self) -> None:
        """Check that the valve answers (`TransportError` if not)."""
        self.driver.connect()
        self.poll()

    def poll(self) -> str:
        """Fetch and return the name of the position."""
        actual = self.driver.position()
        names = {there: name for name, there in self._places.items()}
        name = names.get(actual, f"position {actual}")
        self.place.fill(name)
        return name

    def set(self, position: str) -> LabStatus:
        """Turn to a position by its name.

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
            known = " nor ".join(map(repr, self._places))
            raise ValueError(f"{self.name} position {position!r} is neither {known}")
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
                    f"{self._told} has not reached {position} in {self.spec.timeout:g} s: "
                    "check its air or motor"
                )
            if now - told >= _AGAIN:  # nothing answers that command: it may have been lost
                told = self._tell(position)
            yield _LOOK

    def _tell(self, position: str) -> float:
        """Send it to a position; return when [s]."""
        with self.driver.transport.together():
            self.interlock.check()
            self.driver.go(self._places[position])  # type: ignore[arg-type]  # of its own kind
        return self._clock.now()

    def _expect(self, position: str) -> None:
        """Fetch the position; refuse any other (`ValveError`)."""
        if (place := self.poll()) != position:
            raise ValveError(
                f"{self._told} is at {place}, but was turned to {position}: {self._astray}; "
                "look who has turned it"
            )

    @property
    def _told(self) -> str:
        """What it is called in error texts."""
        return f"the {self.name}"

    def give_up(self) -> None:
        """End what turns it: whoever makes the rig safe has turned it, or wants it left alone."""
        with self._lock:
            self._turning.give_up()

    def stop(self, *, success: bool = False) -> None:
        """Do nothing: a valve half-way is worse than one that arrives."""


class TwoPositionValve(_Valve[ValveDriver, TwoPositionSpec]):
    """A valve whose two positions have the names that its table of the rig file gives them."""

    _wanted = ""  # where it was turned to; nothing before that, and after the safe state

    def __init__(
        self,
        *,
        name: str,
        driver: ValveDriver,
        clock: LabClock,
        interlock: Interlock,
        spec: TwoPositionSpec,
    ):
        super().__init__(
            name=name,
            driver=driver,
            clock=clock,
            interlock=interlock,
            spec=spec,
            places=spec.places,
        )

    def _turn(self, position: str) -> Steps:
        self._wanted = position
        yield from super()._turn(position)

    def came_to_rest(self, *, confirmed: bool) -> None:
        """Take note that it was turned to where it rests, by whoever makes the rig safe.

        Parameters
        ----------
        confirmed : bool
            Whether it said so itself: then it is published, as by a poll.
        """
        self.give_up()
        if confirmed:
            self.place.fill(self.spec.rest)

    def forget(self) -> None:
        """Expect it nowhere: whoever makes the rig safe is about to turn it; waits for nobody."""
        self._wanted = ""

    @property
    def _told(self) -> str:
        return f"the {self.spec.called}"


class InjectionValve(TwoPositionValve):
    """`load` fills the loop from the reactor, `inject` puts the loop on the column."""


class CollectionValve(TwoPositionValve):
    """`collect` leads what leaves the rig into the flask for the product, `waste` elsewhere."""

    _astray = "the product is not where it should be"

    def look(self) -> None:
        """Fetch the position, unless it is turning; refuse any other than it was turned to.

        Raises
        ------
        ValveError
            If somebody has turned it.
        """
        with self._lock:
            wanted = self._wanted
            if not wanted or self._turning.under_way:
                return
            try:
                self._expect(wanted)
            except ValveError:
                if self._wanted:  # else it was made safe in this moment
                    raise


class SelectorValve(_Valve[SelectorDriver, SelectorSpec]):
    """Leads one of several liquids into a line that they share; they name its positions."""

    def connect(self) -> None:
        """Check that the valve answers, and has the positions of the rig file.

        Raises
        ------
        TransportError, InstrumentError
            If it does not, or has not.
        """
        super().connect()
        there = self.driver.positions()
        for option, position in self._places.items():
            if int(position) > there:
                raise InstrumentError(
                    f"{self.driver.name} has {there} positions, and none {position} for {option}: "
                    "correct positions in the rig file, or set NP at the actuator"
                )

    def look(self, option: str) -> None:
        """Fetch the position; refuse any other than that of `option`.

        Raises
        ------
        ValveError
            If somebody has turned it: what flows is not what was asked for.
        """
        self._expect(option)

    @property
    def position(self) -> int:
        """Number of the position it was last seen in; 0 for one that selects nothing."""
        return int(self._places.get(str(self.place.get()), 0))

    @property
    def _told(self) -> str:
        return f"the selector valve of {self.name}"
