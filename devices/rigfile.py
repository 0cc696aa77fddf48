"""The rig file: what hardware there is, where it is plugged in, what it may do.

One TOML file and one pydantic model. Lengths of time are seconds unless a chemist would say
minutes (chromatogram), volumes uL, flows uL/min, temperatures degC.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .choices import ChoiceSpec, check_choices, common_limits
from .chromatogram import ChromatogramSpec
from .methodfile import MethodError, filled_in
from .plausible import implausible
from .reactionfile import ReactionFile, as_stated
from .reading import SpecError, table, text_of, validated
from .resultfile import AnalyticsSpec
from .specs import (
    CollectionSpec,
    CompoundSpec,
    DetectorSpec,
    HeaterSpec,
    Port,
    Reactor,
    StreamSpec,
    TwoPositionSpec,
    ValveSpec,
)
from .tables import Name, Positive, Table, Text

STORED = {"stored": True}
"""Context in which a rig is read whatever of it is implausible.

Results were measured on it, or it is to be made safe, which needs none of these numbers.
"""


class RigError(SpecError):
    """The rig file cannot be used; the text names key, value and cure."""


_WASH = 3.0  # volumes from mixer to valve that wash, where nobody says


class EmulationSpec(Table):
    """The emulated laboratory; its presence makes the rig an emulated one.

    Attributes
    ----------
    transport : str
        What the emulated instruments listen on: ``pty`` or ``tcp``.
    clock : str
        ``simulated``: lab time jumps while all wait; or ``real``.
    seed : int
        Of the noise.
    noise : bool
        Whether there is any.
    reaction : str or table
        What happens in the reactor: a name, or a reaction file beside the rig file.
    kinetics : table
        What deviates from the reaction's own parameters.
    choices : table
        What is in the flasks today, of what its reaction leaves to choose; by default the first.
    first_injection : int
        How many injections there were before.
    pumps : table
        What the emulated pumps are like: model, firmware, state.
    heater : table
        Likewise the heater.
    valve : table
        Likewise the valve.
    collection : table
        Likewise the collection valve.
    selector : table
        Likewise the selector valves of `choices`.
    detector : table
        Likewise the meter.
    analytics : table
        How other software writes its files, and what goes wrong.
    echo : list of str
        Transports that give back what is sent.
    """

    transport: Literal["pty", "tcp"] = "pty"
    clock: Literal["simulated", "real"] = "simulated"
    seed: Annotated[int, Field(ge=0)] = 0
    noise: Annotated[bool, Field(strict=True)] = True
    reaction: str | ReactionFile = "walker2017"
    kinetics: dict[str, float] = Field(default_factory=dict)
    choices: dict[str, str] = Field(default_factory=dict)
    first_injection: Annotated[int, Field(ge=0)] = 0
    pumps: dict[str, Any] = Field(default_factory=dict)
    heater: dict[str, Any] = Field(default_factory=dict)
    valve: dict[str, Any] = Field(default_factory=dict)
    collection: dict[str, Any] = Field(default_factory=dict)
    selector: dict[str, Any] = Field(default_factory=dict)
    detector: dict[str, Any] = Field(default_factory=dict)
    analytics: dict[str, Any] = Field(default_factory=dict)
    echo: tuple[str, ...] = ()

    @field_validator("reaction", mode="before")
    @classmethod
    def _from_a_file(cls, stated: Any, info: ValidationInfo) -> Any:
        return as_stated(stated, (info.context or {}).get("folder", Path()))


class RigFile(Table):
    """The whole rig; see the built-in `walker.toml` for an example with units.

    Attributes
    ----------
    schema : int
        Version of the format.
    title : str
        What it is called.
    stabilisation_residence_times : float
        After how many residence times it counts as steady. So much has to flow that nothing of the
        conditions before is left between mixer and sample: at least ``total_volume``.
    pause_limit : float
        A longer pause leaves the rig in its safe state [s].
    emulated_since : str
        In files that ``reactune emulate`` writes: when it began to serve, with full syringes. At
        instruments that are not emulated the file is refused.
    transports : table
        Ports by name.
    streams : table
        Reagents by name; their flows are the variables ``flow_<name>``. And solvents to wash with.
    heater : table
        The heater.
    valve : table
        The injection valve.
    collection : table
        The valve that leads a product into its flask, for ``reactune make``; without it somebody is
        asked for the flask.
    detector : table
        The meter on the photodiode; none with `analytics`.
    analytics : table
        Other software that analyses, instead of a detector.
    reactor : table
        Volumes.
    chromatogram : table
        The HPLC method, or ``method = "method.toml"`` for one in a file; none if other software's
        files tell the results.
    choices : table
        By variable of a problem how the rig makes that choice: which stream, or which position of a
        selector valve.
    compounds : table
        What the streams, the measured quantities and the ``solvent`` are, by their names, for
        ``reactune export -o FILE.ord``.
    emulation : table
        The emulated laboratory; without it the rig is hardware.
    """

    version: Annotated[Literal[1], Field(alias="schema")]
    title: Text
    stabilisation_residence_times: Positive = 2.0
    pause_limit: Positive = 600.0
    emulated_since: Text | None = None
    transports: dict[Name, Port]
    streams: Annotated[dict[Name, StreamSpec], Field(min_length=1)]
    heater: HeaterSpec
    valve: ValveSpec
    collection: CollectionSpec | None = None
    detector: DetectorSpec | None = None
    analytics: AnalyticsSpec | None = None
    reactor: Reactor
    chromatogram: ChromatogramSpec | None = None
    choices: dict[Name, ChoiceSpec] = Field(default_factory=dict)
    compounds: dict[str, CompoundSpec] = Field(default_factory=dict)
    emulation: EmulationSpec | None = None

    @property
    def valves(self) -> dict[str, TwoPositionSpec]:
        """The valves of two positions, by their tables."""
        return {"valve": self.valve} | ({"collection": self.collection} if self.collection else {})

    @property
    def flows(self) -> dict[str, tuple[str, ...]]:
        """What a problem knows as ``flow_<name>``: the streams that deliver it, one at a time."""
        joined = {n: tuple(c.streams.values()) for n, c in self.choices.items() if c.streams}
        taken = {stream for streams in joined.values() for stream in streams}
        taken |= self.washes.keys()
        return {name: (name,) for name in self.streams if name not in taken} | joined

    @property
    def washes(self) -> dict[str, float]:
        """The streams that only wash, one after the other, and how much of each [uL]."""
        usual = _WASH * self.reactor.total_volume
        return {name: s.wash_volume or usual for name, s in self.streams.items() if s.wash}

    def stocks(self, name: str) -> tuple[float, ...]:
        """Return the concentrations of what one of the `flows` may carry, by stream [mM]."""
        return tuple(self.streams[stream].stock or 0.0 for stream in self.flows[name])

    def flow_limits(self, name: str) -> tuple[float, float]:
        """Return the limits of one of the `flows` [uL/min]."""
        return common_limits([self.streams[stream] for stream in self.flows[name]])

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
        spec = validated(
            EmulationSpec,
            dict(self.emulation) | changes,
            "rig",
            RigError,
            lambda text: f"emulation.{text}",
        )
        return self.model_copy(update={"emulation": spec})

    @property
    def analysis_duration(self) -> float:
        """How long an analysis takes, from the injection on [s]."""
        stated = self.analytics.duration if self.analytics else None
        if stated is None and self.chromatogram is not None:
            return self.chromatogram.duration
        return stated or 0.0

    @model_validator(mode="after")
    def _analysed(self) -> Self:
        """Refuse tables of an analysis that is not this rig's, and want those that are."""
        method, software = self.chromatogram, self.analytics
        wanted = {
            "detector": software is None,
            "chromatogram": software is None or software.kind == "trace",
        }
        for key, needed in wanted.items():
            if needed and getattr(self, key) is None:
                raise ValueError(f"{key} is missing: add it")
            if not needed and getattr(self, key) is not None:
                raise ValueError(
                    f"{key}: with [analytics] other software analyses, and nobody uses this: "
                    "delete one of the two"
                )
        if method is not None and self.detector is not None:
            method.check_meter(self.detector)
        elif method is not None and software is not None:
            software.check_timeout(method.duration)
        return self

    @model_validator(mode="after")
    def _named(self) -> Self:
        peaks = [peak.name for peak in self.chromatogram.peaks] if self.chromatogram else []
        told = self.analytics.quantities if self.analytics else {}
        known = [*self.streams, *peaks, *told, "solvent"]
        for name in self.compounds:
            if name not in known:
                raise ValueError(
                    f"compounds.{name} is no stream and no measured quantity: call it one of "
                    f"{', '.join(known)}"
                )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        places: dict[tuple[str, int | None], str] = {}
        instruments: list[tuple[str, str, int | None]] = [
            (f"streams.{name}", spec.transport, spec.address) for name, spec in self.streams.items()
        ]
        instruments.append(("heater", self.heater.transport, self.heater.address))
        instruments += [(table, valve.transport, None) for table, valve in self.valves.items()]
        if self.detector is not None:
            instruments.append(("detector", self.detector.transport, None))
        instruments += [
            (f"choices.{name}.valve", spec.valve.transport, None)
            for name, spec in self.choices.items()
            if spec.valve is not None
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
        if not self.streams.keys() - self.washes.keys():
            raise ValueError("streams: all of them only wash: give one of them a stock instead")
        check_choices(self.choices, self.streams)
        return self

    @property
    def implausible(self) -> list[str]:
        """What of it no rig is, in sentences."""
        return implausible(
            self.heater,
            self.streams,
            self.transports,
            self.reactor,
            self.stabilisation_residence_times,
        )

    @model_validator(mode="after")
    def _plausible(self, info: ValidationInfo) -> Self:
        if not (info.context or {}).get("stored") and (wrong := self.implausible):
            raise ValueError("\n".join(wrong))
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


def load(rig: str | Path, context: Mapping[str, Any] | None = None) -> RigFile:
    """Read a rig file.

    Parameters
    ----------
    rig : str or Path
        Name of a built-in rig (`walker`), or path of a TOML file.
    context : mapping, optional
        `STORED` to read it although no rig is as it says.

    Raises
    ------
    RigError
        If there is no such file, or what it says cannot be used.
    """
    return parse(text_of(rig, "rig", RigError), str(rig), Path(rig).parent, context)


def parse(
    text: str,
    origin: str = "rig file",
    folder: Path = Path(),
    context: Mapping[str, Any] | None = None,
) -> RigFile:
    """Read the text of a rig file that lies in a folder; see `load`."""
    data = table(text, origin, RigError)
    if isinstance(stated := data.get("chromatogram"), dict):
        try:
            data["chromatogram"] = filled_in(stated, folder)
        except MethodError as error:
            raise RigError(f"{origin}: {error}") from error
    if isinstance(stated := data.get("analytics"), dict) and isinstance(stated.get("folder"), str):
        data["analytics"] = stated | {"folder": str((folder / stated["folder"]).absolute())}
    where = {**(context or {}), "folder": folder}
    return validated(RigFile, data, "rig", RigError, lambda text: f"{origin}: {text}", where)
