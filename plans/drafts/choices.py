"""Choices of a rig that somebody begins with: how they are made, and what the reaction does."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reactune.devices.choices import ChoiceSpec, check_choices
from reactune.devices.reading import SpecError, validated
from reactune.devices.specs import StreamSpec
from reactune.devices.tables import Name, Table
from reactune.devices.written import quoted

from .draft import COMMA, NUMBER, number, toml_key, toml_text
from .templates import BY_STREAMS, BY_VALVE, KINETICS

_CHOICE = re.compile(
    r"(?P<name>[^\s:=,]+)\s+by\s+(?:valve\s+on\s+(?P<stream>[^\s:=,]+)|streams?)\s*:\s*(?P<options>.+)",
    re.IGNORECASE,
)
_RATE = rf"(?P<key>[kE]\d+(?:_reverse)?)\s*=\s*(?P<value>{NUMBER})"
_OPTION = re.compile(
    rf"(?P<option>[^=]+?)(?:\s*=\s*(?P<stream>[a-z][a-z0-9_]*))?"
    rf"(?P<rates>(?:\s+{re.sub('[?]P<[a-z]+>', '?:', _RATE)})*)"
)
_HOW = (
    "write it as in catalyst by valve on cat: Pd/C, Ni k1 = 0.2, or as in "
    "solvent by streams: THF = thf, MeCN = mecn k1 = 0.2"
)


class _Named(Table):
    """To have a name checked as the rig file checks it."""

    choice: Name


@dataclass(frozen=True)
class ChoiceDraft:
    """A choice, as somebody has stated it.

    Attributes
    ----------
    name : str
    spec : dict
        What its table in the rig file says but for the ports.
    kinetics : dict of str to dict
        By option the rate constants that differ, in the units of the steps.
    """

    name: str
    spec: dict[str, Any]
    kinetics: dict[str, dict[str, float]]

    @property
    def streams(self) -> list[str]:
        """The streams that are one flow, one for each option; none where a valve chooses."""
        return list(self.spec.get("streams", {}).values())

    @property
    def transport(self) -> str:
        """Port of its valve; empty where there is none."""
        return "" if self.streams else f"{self.name}_valve"

    def rig_text(self, volume: str) -> str:
        """Write its table of the rig file, with the `volume` of each coil [uL]."""
        if self.streams:
            return BY_STREAMS.format(name=self.name, streams=toml_text(self.spec["streams"]))
        return BY_VALVE.format(
            name=self.name, stream=toml_text(self.spec["stream"]), volume=volume,
            positions=toml_text(self.spec["positions"]), transport=toml_text(self.transport),
        )  # fmt: skip

    def reaction_text(self) -> str:
        """Write its table of the reaction file."""
        options = self.kinetics.items()
        lines = [f"{toml_key(option)} = {toml_text(rates)}" for option, rates in options]
        return KINETICS.format(name=self.name, options="\n".join(lines))


def choice_of(
    text: str,
    streams: Mapping[str, StreamSpec],
    known: Sequence[str],
    others: Sequence[ChoiceDraft],
) -> ChoiceDraft:
    """Read a choice as somebody writes it.

    Parameters
    ----------
    text : str
    streams : mapping of str to StreamSpec
        Of the rig so far.
    known : sequence of str
        What the reaction has for rate constants: k1, E1 and so on.
    others : sequence of ChoiceDraft

    Raises
    ------
    ValueError
        If it is none, or the rig cannot make it; one sentence.
    """
    found = _CHOICE.fullmatch(text)
    if found is None:
        raise ValueError(f"{quoted(text)} is no choice; {_HOW}")
    name, stream = found["name"], found["stream"]
    validated(_Named, {"choice": name}, "rig", SpecError, str)
    carriers: dict[str, str] = {}
    kinetics: dict[str, dict[str, float]] = {}
    for part in map(str.strip, re.split(COMMA, found["options"])):
        read = _OPTION.fullmatch(part)
        if read is None or (read["stream"] is None) == (stream is None):
            raise ValueError(f"{quoted(part or text)} is no option of {name}; {_HOW}")
        option = read["option"].strip()
        if option in kinetics:
            raise ValueError(f"{quoted(text)} has {option} twice: delete one")
        rates = {m["key"]: number(m["value"]) for m in re.finditer(_RATE, read["rates"])}
        if wrong := [key for key in rates if key not in known]:
            raise ValueError(f"{wrong[0]} of {option}: the steps have {', '.join(known)}")
        kinetics[option], carriers[option] = rates, read["stream"] or ""
    if len(kinetics) < 2:
        raise ValueError(f"{quoted(text)} leaves nothing to choose; {_HOW}")
    positions = {option: i for i, option in enumerate(kinetics, 1)}
    spec = {"streams": carriers} if stream is None else {"stream": stream, "positions": positions}
    made = ChoiceDraft(name, spec, kinetics)
    _check(made, streams, others)
    return made


def _check(
    made: ChoiceDraft, streams: Mapping[str, StreamSpec], others: Sequence[ChoiceDraft]
) -> None:
    """Refuse what the rig file would not take."""
    if made.name in [other.name for other in others]:
        raise ValueError(f"{made.name} is there already; call this one otherwise")
    specs = {}
    for one in (*others, made):
        valve = {} if one.streams else {"valve": {"transport": one.transport}, "volume": 1.0}
        specs[one.name] = validated(ChoiceSpec, one.spec | valve, "rig", SpecError, str)
    check_choices(specs, streams)
