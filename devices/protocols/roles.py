"""What a rig needs of its instruments, whatever they speak: a Protocol for each role.

A driver is any class with these attributes and methods; it need not name the role it plays. Units
are those of the rig file: uL/min, uL, mm, degC, V.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal, Protocol, runtime_checkable

from .transport import InstrumentError, Transport

Direction = Literal["infuse", "withdraw"]
Limits = tuple[float, float]
"""Lower and upper limit, in the unit of what they limit."""

ANY: Limits = (-inf, inf)

READ_BACK = 1e-3
"""Relative difference at which a set flow counts as not taken over: pumps show few digits."""


class PumpError(InstrumentError):
    """A pump has stalled, run into its end stop or stopped by itself; a human must look."""


@dataclass(frozen=True)
class Identity:
    """What an instrument said of itself when it was greeted.

    Attributes
    ----------
    name : str
        Model and firmware; empty if it does not tell.
    facts : mapping of str to str
        What was learnt, in words: decimals, command set, limits.
    look : tuple of str
        What it does not tell and a human has to look at, in sentences.
    """

    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    look: tuple[str, ...] = ()


@dataclass(frozen=True)
class PumpStatus:
    """What a pump does.

    Attributes
    ----------
    flow : float
        [uL/min], 0 at rest.
    volume : float
        Displaced in the present direction since it was cleared [uL].
    limit : bool
        Whether it has run into an end stop.
    state : str
        `idle`, `infusing`, `withdrawing`, `stalled`, or `target`: stopped by itself at its target
        volume.
    """

    flow: float
    volume: float
    limit: bool
    state: str


@dataclass(frozen=True)
class HeaterReading:
    """Temperature and setpoint [degC], heating power [%], and whether the sensor is broken."""

    temperature: float
    setpoint: float
    output: float
    sensor_break: bool


class PumpDriver(Protocol):
    """A syringe pump. All but `run` does the same when done twice.

    Every method raises `TransportError` if the pump does not answer and `InstrumentError` if it
    refuses.
    """

    transport: Transport
    address: int
    name: str
    """What it is called in messages."""

    def __init__(self, transport: Transport, address: int) -> None: ...

    @staticmethod
    def achievable(flow: float, limits: Limits = ANY) -> float:
        """Flow [uL/min] that the pump runs at when `flow` is asked for.

        Inside `limits` if `flow` is, whatever its number format makes of it.
        """
        ...

    @staticmethod
    def achievable_volume(volume: float) -> float:
        """Volume [uL] that the pump stops after when `volume` is asked for."""
        ...

    def connect(self) -> Identity:
        """Agree on how to talk, and return what it is."""
        ...

    def configure(self, diameter: float, volume: float) -> None:
        """Tell the resting pump its syringe: inner diameter [mm], volume [uL]."""
        ...

    def flow_range(self) -> Limits:
        """Return the least and the greatest flow [uL/min] with this syringe."""
        ...

    def set_flow(self, flow: float, direction: Direction = "infuse") -> None:
        """Set an achievable flow [uL/min] of the resting pump, confirmed by the pump."""
        ...

    def set_target(self, volume: float) -> None:
        """Have the pump stop by itself after an achievable `volume` [uL] from the last clearing.

        It is a dead man's handle: it holds when nobody talks to the pump any more.
        """
        ...

    def run(self, direction: Direction = "infuse") -> None:
        """Start; raises `PumpError` if the pump does not run afterwards."""
        ...

    def stop(self) -> None:
        """Stop; raises `PumpError` if the pump still runs. A stalled pump counts as stopped."""
        ...

    def status(self) -> PumpStatus:
        """Return what it does."""
        ...

    def volumes(self) -> tuple[float, float]:
        """Return volumes infused and withdrawn [uL] since they were cleared."""
        ...

    def clear_volumes(self) -> None:
        """Clear target and volumes of the resting pump."""
        ...


class HeaterDriver(Protocol):
    """A temperature controller.

    Every method raises `TransportError` if it does not answer and `InstrumentError` if it refuses.
    """

    transport: Transport
    address: int
    name: str
    decimals: int | None
    """Of a temperature on the line; None until it is known."""

    def __init__(self, transport: Transport, address: int, decimals: int | None) -> None:
        """`decimals` is what the rig file says of it, if anything."""
        ...

    @staticmethod
    def achievable(temperature: float, limits: Limits = ANY, decimals: int | None = None) -> float:
        """Temperature [degC] that is controlled to when `temperature` is asked for.

        Inside `limits` if `temperature` is, whatever the number format makes of it; `decimals` are
        those of the driver, None for what is usual.
        """
        ...

    def connect(self) -> Identity:
        """Find out how it writes temperatures, and return what it is.

        Raises
        ------
        InstrumentError
            If it does not tell and nobody has said so, or not in degC: nothing can be written then.
        """
        ...

    def check(self, limits: Limits, maximum: float, safe: float) -> None:
        """Refuse a controller whose numbers make no sense in degC; read-only.

        Parameters
        ----------
        limits : tuple of float
            Of its setpoints [degC].
        maximum : float
            Above which it is too hot [degC].
        safe : float
            What it is set to when the rig is made safe [degC].

        Raises
        ------
        InstrumentError
            If it does not take `limits` or `safe` for a setpoint, or if reading, setpoint, ranges
            and alarm do not fit together and to these: their scale is wrong, or they are another
            heater's.
        """
        ...

    def arm(self, maximum: float) -> str:
        """Have the controller's own alarm watch over `maximum` [degC].

        Returns
        -------
        str
            What is not armed and a human has to look at; empty if it is.
        """
        ...

    def read(self) -> HeaterReading:
        """Return temperature, setpoint and state."""
        ...

    def write_setpoint(self, temperature: float) -> None:
        """Control to an achievable `temperature` [degC], confirmed by the controller."""
        ...

    def cool(self, temperature: float) -> None:
        """Control to at most `temperature` [degC], even if it is not known how to write it."""
        ...


class ValveDriver(Protocol):
    """A valve of two positions, `A` and `B`.

    Every method raises `TransportError` if it does not answer.
    """

    transport: Transport
    name: str

    def __init__(self, transport: Transport, id_: str) -> None:
        """`id_` is the device ID that it is addressed by; empty if it has none."""
        ...

    def connect(self) -> Identity:
        """Agree on how to talk, and return what it is."""
        ...

    def position(self) -> str:
        """Return `A` or `B`: where it is, or where it still turns away from."""
        ...

    def go(self, position: str) -> None:
        """Start turning to `A` or `B`; harmless if it is there."""
        ...


class SelectorDriver(Protocol):
    """A multiposition valve, whose positions have the numbers from 1 on.

    Every method raises `TransportError` if it does not answer.
    """

    transport: Transport
    name: str

    def __init__(self, transport: Transport, id_: str) -> None:
        """`id_` is the device ID that it is addressed by; empty if it has none."""
        ...

    def connect(self) -> Identity:
        """Agree on how to talk, and return what it is; refuse one that is no such valve."""
        ...

    def positions(self) -> int:
        """Return how many there are."""
        ...

    def position(self) -> int:
        """Return where it is, or where it still turns away from."""
        ...

    def go(self, position: int) -> None:
        """Start turning there; harmless if it is there."""
        ...


class DetectorDriver(Protocol):
    """A voltmeter behind the photodiode.

    Every method raises `TransportError` if it does not answer.
    """

    transport: Transport
    name: str

    def __init__(self, transport: Transport, range_: float) -> None: ...

    def connect(self) -> Identity:
        """Configure for the range [V], and return what it is.

        Raises
        ------
        InstrumentError
            If it refuses.
        """
        ...

    def read(self) -> float:
        """Return volts; infinite for an overload."""
        ...


@runtime_checkable
class SamplingDriver(DetectorDriver, Protocol):
    """A voltmeter that can take readings by itself, a period apart by its own clock."""

    def prepare(self, period: float) -> int:
        """Get ready to record.

        Parameters
        ----------
        period : float
            Between readings [s].

        Returns
        -------
        int
            How many readings it takes by itself at most, such that they can be fetched within half
            a period; 0 if it cannot, and has to be asked for each.
        """
        ...

    def begin(self, count: int, period: float) -> tuple[float, int]:
        """Take a reading now, and have the meter go on from it; not to be done twice.

        Parameters
        ----------
        count : int
            Readings that it is to take by itself, at most as many as `prepare` has said.
        period : float
            Between readings [s].

        Returns
        -------
        volts : float
            The reading, infinite for an overload. The others come a period apart from it on.
        count : int
            Readings that it does take by itself; `count`, or one less.

        Raises
        ------
        TransportError
            It may have begun or not: `halt` it.
        """
        ...

    def fetch(self, count: int) -> list[float]:
        """Return the readings [V] that it has taken by itself, infinite for an overload.

        May be done again: the meter keeps them until the next `begin`.

        Raises
        ------
        GarbledError
            If they are not exactly `count`.
        """
        ...

    def halt(self) -> None:
        """Leave it idle, whatever it is doing; waits for nothing."""
        ...


def nearest(value: float, decimals: int, limits: Limits = ANY) -> float:
    """Return what an instrument that takes `decimals` decimals makes of `value`.

    Parameters
    ----------
    value : float
        What is asked for, in any unit.
    decimals : int
        Of the instrument's number format; negative for whole tens and so on.
    limits : tuple of float
        Where the nearest number is outside of these although `value` is not, the next one inwards
        is taken.
    """
    low, high = limits
    sent = round(float(value), decimals)
    if low <= value <= high:
        if sent < low:
            return round(sent + 10.0**-decimals, decimals)
        if sent > high:
            return round(sent - 10.0**-decimals, decimals)
    return sent
