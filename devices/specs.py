"""What a rig file says of each instrument and of the port that it is plugged into."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from .protocols import DETECTORS, HEATERS, PUMPS, SELECTORS, VALVES
from .tables import Name, Positive, Range, Table, Text
from .written import exact

_URL = re.compile(r"socket://[^/:\s]+:\d{1,5}|/dev/[^\s]+|COM\d+")


def _ordered(key: str, limits: Range) -> None:
    if not limits[0] < limits[1]:
        raise ValueError(f"{key} = {list(limits)} is empty: give [lower, upper]")


class Port(Table):
    """A serial or TCP port.

    Attributes
    ----------
    url : str
        Where it is plugged in, such as ``/dev/ttyUSB0``, ``COM3`` or ``socket://host:port``;
        nothing on an emulated rig, which has ports of its own.
    baudrate : int
        Bits a second.
    bytesize : int
        Data bits: 7 or 8.
    parity : str
        ``N``, ``E`` or ``O``.
    stopbits : int
        1 or 2.
    flow_control : str
        ``none``, ``rtscts`` or ``dsrdtr``.
    timeout : float
        How long an answer may take [s].
    """

    url: str | None = None
    baudrate: Annotated[int, Field(gt=0)] = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    flow_control: Literal["none", "rtscts", "dsrdtr"] = "none"
    timeout: Positive = 1.0

    @field_validator("url")
    @classmethod
    def _is_a_port(cls, url: str | None) -> str | None:
        # pyserial knows others: spy:// writes into any file, loop:// answers for an instrument
        if url is not None and not _URL.fullmatch(url):
            raise ValueError(
                f"{url!r} is no port: give a device path such as '/dev/ttyUSB0' or 'COM3', or "
                "'socket://host:port'"
            )
        return url


class _InstrumentSpec(Table):
    """What the table of every instrument says: where it is plugged in, and what it speaks.

    Attributes
    ----------
    transport : str
        Name of its port under ``[transports]``.
    protocol : str
        What it speaks.
    """

    transport: Name
    protocol: str
    _role: ClassVar[str]
    _drivers: ClassVar[Mapping[str, Any]]

    @field_validator("protocol")
    @classmethod
    def _known(cls, protocol: str) -> str:
        if protocol not in cls._drivers:
            raise ValueError(
                f"no {cls._role} that speaks {protocol!r} is known; known are "
                f"{', '.join(sorted(cls._drivers))}: name one of these"
            )
        return protocol


class StreamSpec(_InstrumentSpec):
    """A reagent, or a solvent to wash with: syringe pump, its content, the flask it refills from.

    Attributes
    ----------
    address : int
        Of the pump on its line.
    stock : float
        Concentration of what is in the syringe [mM]; needed, but not with `wash`.
    diameter : float
        Inner diameter of the syringe [mm].
    syringe_volume : float
        Volume of the full syringe [uL].
    limits : (float, float)
        Least and greatest flow [uL/min]; nothing outside is ever sent.
    filled : float
        What is in the syringe at first [uL]; by default it is full.
    dead_volume : float
        What of it cannot be delivered [uL].
    flask_volume : float
        What there is to refill from, through check valves [uL]; 0: it is not refilled.
    refill_rate : float
        How fast [uL/min].
    wash : bool
        Whether it is no reagent but a solvent, with which ``reactune make`` washes at the end, as
        fast as its `limits` allow. It stands still while experiments are made.
    wash_volume : float
        How much of it washes [uL]; by default three times ``reactor.total_volume``.
    """

    _role, _drivers = "pump", PUMPS
    protocol: str = "harvard11"
    address: Annotated[int, Field(ge=0, le=99)] = 0
    stock: Positive | None = None
    diameter: Annotated[float, Field(ge=0.1, le=60)]
    syringe_volume: Positive
    limits: Range
    filled: Annotated[float, Field(ge=0)] | None = None
    dead_volume: Annotated[float, Field(ge=0)] = 0.0
    flask_volume: Annotated[float, Field(ge=0)] = 0.0
    refill_rate: Positive = 1000.0
    wash: Annotated[bool, Field(strict=True)] = False
    wash_volume: Positive | None = None

    @property
    def content(self) -> float:
        """What is in the syringe at first [uL]."""
        return self.syringe_volume if self.filled is None else self.filled

    @property
    def stroke(self) -> float:
        """What one filling of the syringe delivers [uL]."""
        return self.syringe_volume - self.dead_volume

    @property
    def supply(self) -> float:
        """What syringe and flask deliver from the beginning [uL]."""
        return self.delivered(self.content, self.flask_volume)

    def delivered(self, content: float, flask: float = 0.0) -> float:
        """Return what is delivered of so much in the syringe, refilled from so much [uL].

        The dead volume stays in it, whether it was there at first or comes from the flask.
        """
        return max(0.0, content + flask - self.dead_volume)

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.wash and self.stock is not None:
            raise ValueError(
                f"stock = {exact(self.stock)} mM, but with wash = true it is a solvent to wash "
                "with: delete one of the two"
            )
        if not self.wash and self.stock is None:
            raise ValueError("stock is missing: add it, or wash = true for a solvent to wash with")
        if not self.wash and self.wash_volume is not None:
            raise ValueError(
                f"wash_volume = {exact(self.wash_volume)} uL is of a solvent to wash with: add "
                "wash = true, or delete it"
            )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _ordered("limits", self.limits)
        if self.limits[0] <= 0:
            raise ValueError(f"limits = {list(self.limits)} must begin above 0 uL/min")
        for key, value in (("filled", self.filled), ("dead_volume", self.dead_volume)):
            if value is not None and value > self.syringe_volume:
                raise ValueError(
                    f"{key} = {exact(value)} uL does not fit into syringe_volume = "
                    f"{exact(self.syringe_volume)} uL: lower it"
                )
        return self


class CompoundSpec(Table):
    """A compound as databases know it; at least one of these.

    Attributes
    ----------
    name : str
        What a chemist calls it.
    smiles : str
        Its structure, as SMILES.
    inchi_key : str
        Its InChIKey.
    cas : str
        Its number in the CAS registry.
    """

    name: Text | None = None
    smiles: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    inchi_key: Annotated[str, Field(pattern=r"^[A-Z]{14}-[A-Z]{10}-[A-Z]$")] | None = None
    cas: Annotated[str, Field(pattern=r"^\d{2,7}-\d\d-\d$")] | None = None

    @model_validator(mode="after")
    def _stated(self) -> Self:
        if not any((self.name, self.smiles, self.inchi_key, self.cas)):
            raise ValueError("names nothing: give name, smiles, inchi_key or cas")
        return self


class HeaterSpec(_InstrumentSpec):
    """The heater and when its temperature counts as reached.

    Attributes
    ----------
    address : int
        Of the controller on its line.
    decimals : int
        Of its display: 0, 1 or 2, where the controller does not tell them.
    limits : (float, float)
        Lowest and highest setpoint [degC]; nothing outside is ever sent.
    maximum : float
        Above it the rig is made safe [degC].
    safe : float
        Setpoint of the safe state [degC]; 50 at most, for nobody may be there.
    tolerance : float
        How near to the setpoint counts as reached [degC]; 5 at most.
    settle : float
        How long it has to stay so near [s].
    timeout : float
        How long it may take to get there, `settle` included [s].
    """

    _role, _drivers = "heater", HEATERS
    protocol: str = "eurotherm3216"
    address: Annotated[int, Field(ge=1, le=247)] = 1
    decimals: Literal[0, 1, 2] | None = None
    limits: Range
    maximum: float
    safe: float = 25.0
    tolerance: Positive = 0.5
    settle: Annotated[float, Field(ge=0)] = 60.0
    timeout: Positive = 3600.0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _ordered("limits", self.limits)
        if self.maximum <= self.limits[1]:
            raise ValueError(
                f"maximum = {exact(self.maximum)} degC trips inside limits = {list(self.limits)}: "
                "raise it above the upper limit"
            )
        if self.safe > self.limits[1]:
            raise ValueError(f"safe = {exact(self.safe)} degC is above limits: lower it")
        return self


_OTHER = {"A": "B", "B": "A"}


class TwoPositionSpec(_InstrumentSpec):
    """A valve of two positions.

    Attributes
    ----------
    id : str
        Its device ID; nothing if it has none.
    timeout : float
        How long a turn may take [s].
    """

    _role, _drivers = "valve", VALVES
    called: ClassVar[str]
    """What it is called in words."""
    rest: ClassVar[str]
    """Where it is in the safe state."""
    protocol: str = "vici"
    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]?$")] = ""
    timeout: Positive = 3.0

    @property
    @abstractmethod
    def places(self) -> dict[str, str]:
        """The positions by their names."""


class ValveSpec(TwoPositionSpec):
    """The injection valve.

    Attributes
    ----------
    load : str
        The position that fills the loop: ``A`` or ``B``.
    """

    called, rest = "valve", "load"
    load: Literal["A", "B"] = "A"

    @property
    def places(self) -> dict[str, str]:
        """`load` and `inject`, as the actuator calls them."""
        return {"load": self.load, "inject": _OTHER[self.load]}


class CollectionSpec(TwoPositionSpec):
    """The valve behind the injection valve that leads to the flask for the product, or to waste.

    Attributes
    ----------
    collect : str
        The position that leads into the flask: ``A`` or ``B``; the other leads to waste.
    """

    called, rest = "collection valve", "waste"
    collect: Literal["A", "B"] = "B"

    @property
    def places(self) -> dict[str, str]:
        """`waste` and `collect`, as the actuator calls them."""
        return {"waste": _OTHER[self.collect], "collect": self.collect}


class SelectorSpec(_InstrumentSpec):
    """A multiposition valve.

    Attributes
    ----------
    id : str
        Its device ID; nothing if it has none.
    timeout : float
        How long a turn may take [s].
    """

    _role, _drivers = "selector", SELECTORS
    protocol: str = "vici"
    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]?$")] = ""
    timeout: Positive = 10.0


class DetectorSpec(_InstrumentSpec):
    """The voltmeter on the photodiode.

    Attributes
    ----------
    range : float
        Its range [V]; it reads 20 % more.
    """

    _role, _drivers = "detector", DETECTORS
    protocol: str = "scpi"
    range: Positive = 10.0

    @property
    def full_scale(self) -> float:
        """What it reads up to on its range [V]: 20 % more."""
        return 1.2 * self.range


class Reactor(Table):
    """Volumes between the pumps and the injection valve.

    Attributes
    ----------
    heated_volume : float
        The heated part of the reactor [uL]; residence times are in it.
    total_volume : float
        From the mixer to the injection valve [uL].
    loop_volume : float
        Of the sampling loop [uL].
    flush_loops : float
        How many loop volumes go through it before an injection.
    """

    heated_volume: Positive
    total_volume: Positive
    loop_volume: Positive
    flush_loops: Positive = 10.0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.total_volume < self.heated_volume:
            raise ValueError(
                f"total_volume = {exact(self.total_volume)} uL is below heated_volume = "
                f"{exact(self.heated_volume)} uL, which is a part of it"
            )
        return self
