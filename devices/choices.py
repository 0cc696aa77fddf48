"""How a rig makes a choice of a problem: which stream, or which position of a selector valve.

Either every choice has a pump of its own, of which one runs and the others stand still; or one pump
pushes solvent through a selector valve, each position of which has a coil of one choice. What a
problem sees is the same: one flow, and a word.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from .specs import SelectorSpec, StreamSpec
from .tables import Name, Paired, Positive, Table, Text
from .written import exact, quoted

_OWN = ("temperature", "residence_time", "total_flow", "ratio", "lab_time", "trace")
_ENDINGS = ("_setpoint", "_position", "_left")


class ChoiceSpec(Table):
    """How the rig makes a choice that problems have as a variable.

    Attributes
    ----------
    streams : table
        By choice the stream that carries it; the others stand still. Together they are one flow,
        ``flow_<variable>``. Not with `valve`.
    stream : str
        With `valve`: the stream whose pump pushes what the valve selects.
    valve : table
        The selector valve between that pump and the mixer.
    positions : table
        With `valve`: the position that selects each choice.
    volume : float
        With `valve`: what of each choice there is to be pushed out of its coil [uL].
    filled : table
        With `valve`: what is in a coil at first [uL]; by default it is full.
    line_volume : float
        From where the choices meet to the mixer [uL]: what is in there is flushed out after a
        change, and before a steady state counts.
    default : str
        What it is where a problem does not ask.
    """

    streams: Annotated[dict[Text, Name], Paired] = Field(default_factory=dict)
    stream: Name | None = None
    valve: SelectorSpec | None = None
    positions: Annotated[dict[Text, Annotated[int, Field(ge=1, le=99)]], Paired] = Field(
        default_factory=dict
    )
    volume: Positive | None = None
    filled: Annotated[dict[Text, Annotated[float, Field(ge=0)]], Paired] = Field(
        default_factory=dict
    )
    line_volume: Annotated[float, Field(ge=0)] = 0.0
    default: Text | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What can be chosen."""
        return tuple(self.streams or self.positions)

    def content(self, option: str) -> float:
        """Return what is in the coil of a choice at first [uL]."""
        assert self.volume is not None  # of a valve
        return self.filled.get(option, self.volume)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        of_valve = {"stream": self.stream, "positions": self.positions, "volume": self.volume}
        if self.valve is None:
            if wrong := [
                key for key, value in {**of_valve, "filled": self.filled}.items() if value
            ]:
                raise ValueError(f"{', '.join(wrong)}: only with valve; add it, or take streams")
            if not self.streams:
                raise ValueError(
                    "streams is missing: name the stream of each choice, or a valve with stream, "
                    "positions and volume"
                )
        elif self.streams:
            raise ValueError("streams and valve are two ways to choose: delete one")
        elif missing := [key for key, value in of_valve.items() if not value]:
            raise ValueError(f"{' and '.join(missing)}: missing beside valve, add it")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        taken: dict[str | int, str] = {}
        for option, place in (self.streams or self.positions).items():
            if (other := taken.setdefault(place, option)) != option:
                raise ValueError(f"{other} and {option} are both {place!r}: give each its own")
        for option, volume in self.filled.items():
            if option not in self.positions:
                raise ValueError(f"filled: {quoted(option)} is none of {', '.join(self.options)}")
            if volume > (self.volume or 0.0):
                raise ValueError(
                    f"filled: {exact(volume)} uL of {option} do not fit into volume = "
                    f"{exact(self.volume or 0.0)} uL: lower it"
                )
        if self.default is not None and self.default not in self.options:
            raise ValueError(
                f"default = {quoted(self.default)} is none of {', '.join(self.options)}: name one"
            )
        return self


def check_choices(choices: Mapping[str, ChoiceSpec], streams: Mapping[str, StreamSpec]) -> None:
    """Refuse choices that the streams of a rig cannot make (`ValueError`)."""
    owners: dict[str, str] = {}
    for name, spec in choices.items():
        if (
            name in _OWN
            or name.startswith(("flow_", "used_", "remaining_"))
            or name.endswith(_ENDINGS)
        ):
            raise ValueError(
                f"choices.{name}: {name} is a word of the rig's own: name it otherwise"
            )
        carriers = list(spec.streams.values()) or [spec.stream or ""]
        for carrier in carriers:
            if carrier not in streams:
                raise ValueError(
                    f"choices.{name}: {carrier!r} is none of the streams {', '.join(streams)}: "
                    f"name one of them or add [streams.{carrier}]"
                )
            if streams[carrier].wash:
                raise ValueError(
                    f"choices.{name}: stream {carrier} only washes (wash = true): name another"
                )
            if (other := owners.setdefault(carrier, name)) != name:
                raise ValueError(
                    f"choices.{other} and choices.{name} share stream {carrier}: give each its own"
                )
        if spec.streams:
            low, high = common_limits([streams[carrier] for carrier in carriers])
            if not low < high:
                raise ValueError(
                    f"choices.{name}: the limits of its streams have no flow in common: widen them"
                )
            if name in streams:
                raise ValueError(
                    f"choices.{name}: its streams together are the flow flow_{name}, but there is "
                    f"a stream {name} as well: name one otherwise"
                )


def common_limits(specs: Sequence[StreamSpec]) -> tuple[float, float]:
    """Return the flows that all streams can deliver [uL/min]; lower above upper if none."""
    return max(s.limits[0] for s in specs), min(s.limits[1] for s in specs)
