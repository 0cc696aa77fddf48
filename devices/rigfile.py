"""The rig file: what hardware there is, where it is plugged in, what it may do.

One TOML file and one pydantic model. Lengths of time are seconds unless a chemist would say
minutes (chromatogram), volumes uL, flows uL/min, temperatures degC.
"""

import tomllib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from .specs import (
    DetectorSpec,
    HeaterSpec,
    Name,
    Port,
    Positive,
    Range,
    StreamSpec,
    Table,
    Text,
    ValveSpec,
)
from .written import UnreadableError, exact, parse_toml, quoted, read_text


class RigError(ValueError):
    """The rig file cannot be used; the text names key, value and cure."""


class Reactor(Table):
    """Volumes [uL] between the pumps and the injection valve."""

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


class Front(Table):
    """A peak of the solvent: time, SD and exponential tail [min], area [AU min]."""

    time: Positive
    width: Positive
    tail: Positive
    area: Positive


class PeakSpec(Table):
    """A peak of the sample: times as in `Front`, response [AU min per mM]."""

    name: Text
    time: Positive
    window: Range
    width: Positive
    tail: Positive
    response: Positive

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.window[0] < self.time < self.window[1]:
            raise ValueError(
                f"window = {list(self.window)} min does not enclose time = {exact(self.time)} min"
            )
        return self


class ChromatogramSpec(Table):
    """The HPLC method: `duration` [s] at `rate` [Hz], reference voltage `lamp` [V]."""

    duration: Positive
    rate: Annotated[float, Field(gt=0, le=10)] = 1.0
    lamp: Positive
    solvent_front: tuple[Front, ...] = ()
    peaks: Annotated[tuple[PeakSpec, ...], Field(min_length=1)]

    @property
    def samples(self) -> int:
        """Length of the trace."""
        return round(self.duration * self.rate)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.samples < 1:
            raise ValueError(f"duration = {exact(self.duration)} s holds no sample: lengthen it")
        names = [peak.name for peak in self.peaks]
        if len(set(names)) < len(names):
            raise ValueError(f"peaks have the names {names}: give each its own")
        return self


class EmulationSpec(Table):
    """The emulated laboratory; its presence makes the rig an emulated one.

    `reaction` is what happens in its reactor, `kinetics` what deviates from that reaction's own
    parameters. What the emulated instruments are like (model, decimals, firmware) stands in a table
    for each role; `echo` names the transports that give back what is sent.
    """

    transport: Literal["pty", "tcp"] = "pty"
    clock: Literal["simulated", "real"] = "simulated"
    seed: Annotated[int, Field(ge=0)] = 0
    noise: bool = True
    reaction: str = "walker2017"
    kinetics: dict[str, float] = Field(default_factory=dict)
    first_injection: Annotated[int, Field(ge=0)] = 0
    pumps: dict[str, Any] = Field(default_factory=dict)
    heater: dict[str, Any] = Field(default_factory=dict)
    valve: dict[str, Any] = Field(default_factory=dict)
    detector: dict[str, Any] = Field(default_factory=dict)
    echo: tuple[str, ...] = ()


class RigFile(Table):
    """The whole rig; see the built-in `walker.toml` for an example with units.

    A pause longer than `pause_limit` [s] leaves the rig in its safe state.
    """

    version: Annotated[Literal[1], Field(alias="schema")]
    title: Text
    stabilisation_residence_times: Positive = 2.0
    pause_limit: Positive = 600.0
    transports: dict[Name, Port]
    streams: Annotated[dict[Name, StreamSpec], Field(min_length=1)]
    heater: HeaterSpec
    valve: ValveSpec
    detector: DetectorSpec
    reactor: Reactor
    chromatogram: ChromatogramSpec
    emulation: EmulationSpec | None = None

    def emulating(self, **changes: Any) -> Self:
        """Return this rig with other values of its `[emulation]` table.

        Raises
        ------
        RigError
            If the rig is hardware, or a value cannot be used.
        """
        if not changes:
            return self
        if self.emulation is None:
            raise RigError(f"{', '.join(changes)}: only for an emulated rig, this one is hardware")
        try:
            spec = EmulationSpec.model_validate(self.emulation.model_dump() | changes)
        except ValidationError as error:
            raise RigError(
                "\n".join(f"emulation.{_sentence(e)}" for e in error.errors())
            ) from error
        return self.model_copy(update={"emulation": spec})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.chromatogram.lamp > self.detector.full_scale:
            raise ValueError(
                f"chromatogram.lamp = {exact(self.chromatogram.lamp)} V is more than the meter "
                f"reads on detector.range = {exact(self.detector.range)} V, which goes to "
                f"{self.detector.full_scale:g} V: every sample would be an overload"
            )
        places: dict[tuple[str, int | None], str] = {}
        instruments: list[tuple[str, str, int | None]] = [
            (f"streams.{name}", spec.transport, spec.address) for name, spec in self.streams.items()
        ]
        instruments += [
            ("heater", self.heater.transport, self.heater.address),
            ("valve", self.valve.transport, None),
            ("detector", self.detector.transport, None),
        ]
        for key, transport, address in instruments:
            if transport not in self.transports:
                raise ValueError(
                    f"{key}.transport = {transport!r} is none of the transports "
                    f"{sorted(self.transports)}: name one of them or add [transports.{transport}]"
                )
            other = places.setdefault((transport, address), key)
            if other != key:
                raise ValueError(
                    f"{key} and {other} share transport {transport!r} and address {address}: "
                    "give them different ones"
                )
        self._check_urls({transport for _, transport, _ in instruments})
        return self

    def _check_urls(self, used: set[str]) -> None:
        for name, port in self.transports.items():
            if name not in used:
                raise ValueError(f"transports.{name} is used by nothing: delete it")
            if self.emulation is None and port.url is None:
                raise ValueError(
                    f"transports.{name}.url is missing: say where it is plugged in, for example "
                    "'/dev/ttyUSB0', or add an [emulation] table"
                )
            if self.emulation is not None and port.url is not None:
                raise ValueError(
                    f"transports.{name}.url = {port.url!r} contradicts [emulation]: delete the url "
                    "for an emulated rig, or [emulation] for a real one"
                )


def load(rig: str | Path) -> RigFile:
    """Read a rig file.

    Parameters
    ----------
    rig : str or Path
        Name of a built-in rig (`walker`), or path of a TOML file.

    Raises
    ------
    RigError
        If there is no such file, or what it says cannot be used.
    """
    builtin = files("reactune.devices") / "rigs"
    path = Path(rig)
    if path.suffix != ".toml":
        names = sorted(p.name.removesuffix(".toml") for p in builtin.iterdir())
        if str(rig) not in names:
            raise RigError(
                f"there is no built-in rig {str(rig)!r}; built in: {', '.join(names)}; "
                "a file of your own must end in .toml"
            )
        return parse((builtin / f"{rig}.toml").read_text("utf-8"), str(rig))
    try:
        text = read_text(path)
    except OSError as error:
        raise RigError(
            f"rig file {path} cannot be read ({error.strerror}): check its path"
        ) from error
    except UnreadableError as error:
        raise RigError(f"rig file {path} {error}") from error
    return parse(text, str(path))


def parse(text: str, origin: str = "rig file") -> RigFile:
    """Read the text of a rig file; see `load`."""
    try:
        return RigFile.model_validate(parse_toml(text))
    except UnreadableError as error:
        raise RigError(f"{origin} {error}") from error
    except ValidationError as error:
        raise RigError("\n".join(f"{origin}: {_sentence(e)}" for e in error.errors())) from error
    except tomllib.TOMLDecodeError as error:
        raise RigError(f"{origin}: not valid TOML: {error}") from error


def _sentence(error: Any) -> str:
    """One clear sentence from one pydantic error."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing: add it"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(error["loc"][-1]), _known_keys(), 1)
        cure = f"did you mean {near[0]!r}?" if near else "delete it or correct its spelling"
        return f"{key} = {quoted(error['input'])} is no key of a rig file: {cure}"
    if error["type"] == "value_error":  # our own validators, whole sentences already
        return f"{key}: {error['ctx']['error']}" if key else str(error["ctx"]["error"])
    return f"{key} = {quoted(error['input'])} cannot be used: {error['msg']}"


def _known_keys() -> set[str]:
    """Every key any table of a rig file has."""
    tables = [Table]
    for table in tables:
        tables += table.__subclasses__()
    return {f.alias or name for table in tables for name, f in table.model_fields.items()}
