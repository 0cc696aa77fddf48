"""From a rig file with an `[emulation]` table to running emulators and their clock."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from math import isclose
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from ..clock import LabClock, RealClock, SimulatedClock
from ..reactionfile import ReactionFile
from ..rigfile import RigError, RigFile
from ..written import quoted, wanted
from .eurotherm import EmulatedEurotherm
from .harvard11 import EmulatedHarvardChain
from .instrument import EmulatedInstrument
from .layout import layout_of, noise_of
from .ne1000 import EmulatedNewEraNetwork
from .ports import Emulation
from .reaction import Reaction
from .reactions import name_of, names, reaction_of
from .scpi import EmulatedVoltmeter
from .software import EmulatedSoftware, unwritten
from .variants import (
    EurothermVariant,
    HarvardVariant,
    NewEraVariant,
    SelectorVariant,
    SoftwareVariant,
    ViciVariant,
    VoltmeterVariant,
)
from .vici import EmulatedVici, EmulatedViciCollection, EmulatedViciSelector
from .world import World


class Emulated(NamedTuple):
    """How an instrument is emulated: what makes it, and the variants of it that there are."""

    make: Callable[..., Any]
    variant: type


EMULATED_PUMPS: Mapping[str, Emulated] = {
    "harvard11": Emulated(EmulatedHarvardChain, HarvardVariant),
    "ne1000": Emulated(EmulatedNewEraNetwork, NewEraVariant),
}
"""By protocol: the pumps on one line, made from the world and its stream at each address."""
EMULATED_HEATERS: Mapping[str, Emulated] = {
    "eurotherm3216": Emulated(EmulatedEurotherm, EurothermVariant),
}
"""By protocol: a heater, made from the world and its address."""
EMULATED_VALVES: Mapping[str, Emulated] = {"vici": Emulated(EmulatedVici, ViciVariant)}
"""By protocol: a valve, made from the world and the position that loads."""
EMULATED_COLLECTIONS: Mapping[str, Emulated] = {
    "vici": Emulated(EmulatedViciCollection, ViciVariant),
}
"""By protocol: a collection valve, made from the world and the position that collects."""
EMULATED_SELECTORS: Mapping[str, Emulated] = {
    "vici": Emulated(EmulatedViciSelector, SelectorVariant),
}
"""By protocol: a selector valve, made from the world and the choice that it makes."""
EMULATED_DETECTORS: Mapping[str, Emulated] = {
    "scpi": Emulated(EmulatedVoltmeter, VoltmeterVariant),
}
"""By protocol: a voltmeter, made from the world."""
EMULATED_SOFTWARE = Emulated(EmulatedSoftware, SoftwareVariant)
"""Software that analyses, made from the rig file, the world and its clock."""


def emulate(rig: RigFile) -> tuple[Emulation, LabClock, dict[str, str]]:
    """Start the emulated laboratory of a rig file.

    Returns
    -------
    emulation : Emulation
        To be closed.
    clock : LabClock
        Simulated or real, as the file says.
    urls : dict of str to str
        By name of the transport in the rig file.

    Raises
    ------
    RigError
        If the rig file describes what the emulation does not have (`obstacles`).
    """
    spec = rig.emulation
    if spec is None:
        raise RigError("this rig file has no [emulation] table: it describes hardware")
    if wrong := obstacles(rig):
        raise RigError("\n".join(wrong))
    reaction = reaction_of(spec)
    real = RealClock() if spec.clock == "real" else None
    simulated: list[SimulatedClock] = []  # it needs the emulators' token, they need lab time

    def now() -> float:
        return real.now() if real else simulated[0].now() if simulated else 0.0

    world = World(
        now,
        layout_of(rig, reaction),
        reaction,
        noise=noise_of(spec),
        seed=spec.seed,
        first_injection=spec.first_injection,
        chosen=partial(reaction_of, spec) if _differing(rig) else None,
    )
    emulation = Emulation(world, _instruments(rig, world), spec.transport, spec.echo)
    if real is None:
        simulated.append(SimulatedClock(emulation.token))
    clock: LabClock = real or simulated[0]
    if rig.analytics is not None:
        emulation.software = EmulatedSoftware(
            rig, world, clock, _variant(EMULATED_SOFTWARE, spec.analytics)
        )
    return emulation, clock, emulation.urls


def obstacles(rig: RigFile) -> list[str]:
    """Say in one sentence each what keeps a rig from being emulated; nothing for hardware."""
    if rig.emulation is None:
        return []
    wrong = _unwired(rig) + [
        f"streams.{name}.filled = {stream.filled:g} uL: an emulated syringe starts full, delete it"
        for name, stream in rig.streams.items()
        if stream.content != stream.syringe_volume
    ]
    wrong += [
        f"choices.{name}.filled: emulated coils start full, delete it"
        for name, choice in rig.choices.items()
        if any(volume != choice.volume for volume in choice.filled.values())
    ]
    try:
        reaction = reaction_of(rig.emulation)
    except RigError as error:
        return [*wrong, str(error)]
    return wrong + _unfit(rig, reaction)


def _unwired(rig: RigFile) -> list[str]:
    """Say in one sentence each which instruments there are no emulated ones for."""
    assert rig.emulation is not None
    wrong = _strange("emulation.analytics", EMULATED_SOFTWARE, rig.emulation.analytics)
    wrong += [
        f"emulation.{key}: this rig has no [{key}]: delete it"
        for key in ("collection", "detector", "analytics")
        if getattr(rig.emulation, key) and getattr(rig, key) is None
    ]
    if rig.emulation.selector and not any(choice.valve for choice in rig.choices.values()):
        wrong.append("emulation.selector: this rig has no [choices.NAME.valve]: delete it")
    on: dict[str, dict[str, str]] = {}  # by transport: protocols by instrument
    for key, spec, known in (
        *((f"streams.{name}", stream, EMULATED_PUMPS) for name, stream in rig.streams.items()),
        ("heater", rig.heater, EMULATED_HEATERS),
        ("valve", rig.valve, EMULATED_VALVES),
        *([("collection", rig.collection, EMULATED_COLLECTIONS)] if rig.collection else []),
        *(
            (f"choices.{name}.valve", choice.valve, EMULATED_SELECTORS)
            for name, choice in rig.choices.items()
            if choice.valve
        ),
        *([("detector", rig.detector, EMULATED_DETECTORS)] if rig.detector else []),
    ):
        on.setdefault(spec.transport, {})[key] = spec.protocol
        if spec.protocol not in known:
            wrong.append(
                f"{key}.protocol = {spec.protocol!r} has no emulated instrument, there is one for "
                f"{', '.join(sorted(known))}: take one of these, or hardware"
            )
            continue
        table = {"streams": "pumps", "choices": "selector"}.get(key.partition(".")[0], key)
        wrong += _strange(f"emulation.{table}", known[spec.protocol], getattr(rig.emulation, table))
    for transport, protocols in on.items():
        if len(set(protocols.values())) > 1:
            wrong.append(
                f"{' and '.join(protocols)} share transports.{transport}, but emulated instruments "
                "of different protocols do not share a line: give each its own transport"
            )
    wrong += [
        f"emulation.echo names {name!r}, which is none of the transports {', '.join(on)}"
        for name in rig.emulation.echo
        if name not in on
    ]
    return list(dict.fromkeys(wrong))


def _strange(table: str, emulated: Emulated, stated: Mapping[str, Any]) -> list[str]:
    """Say in one sentence each what of a table no variant of an instrument has."""
    known = [field.name for field in fields(emulated.variant)]
    wrong = [
        f"{table}.{key} = {quoted(value)} is nothing that this instrument can be; known are "
        f"{', '.join(known)}: take one of these"
        for key, value in stated.items()
        if key not in known
    ]
    try:
        _variant(emulated, stated)
    except ValidationError as error:
        wrong += [
            f"{table}.{e['loc'][0]} = {quoted(e['input'])} cannot be used: write {wanted(dict(e))}"
            for e in error.errors()
        ]
    return wrong


def _variant(emulated: Emulated, stated: Mapping[str, Any]) -> Any:
    known = {f.name: stated[f.name] for f in fields(emulated.variant) if f.name in stated}
    return TypeAdapter(emulated.variant).validate_python(known)


def _instruments(rig: RigFile, world: World) -> dict[str, EmulatedInstrument]:
    """Make what sits on each transport of a rig without obstacles."""
    spec = rig.emulation
    assert spec is not None
    chains: dict[tuple[str, str], dict[int, int]] = {}
    for index, stream in enumerate(rig.streams.values()):
        chains.setdefault((stream.transport, stream.protocol), {})[stream.address] = index
    heater, valve, detector = rig.heater, rig.valve, rig.detector

    def made(emulated: Emulated, stated: Mapping[str, Any], *of: Any) -> EmulatedInstrument:
        made: EmulatedInstrument = emulated.make(world, *of, _variant(emulated, stated))
        return made

    instruments = {
        **{
            on: made(EMULATED_PUMPS[protocol], spec.pumps, chain)
            for (on, protocol), chain in chains.items()
        },
        heater.transport: made(EMULATED_HEATERS[heater.protocol], spec.heater, heater.address),
        valve.transport: made(EMULATED_VALVES[valve.protocol], spec.valve, valve.load),
    }
    if (collection := rig.collection) is not None:
        emulated = EMULATED_COLLECTIONS[collection.protocol]
        instruments[collection.transport] = made(emulated, spec.collection, collection.collect)
    for name, choice in rig.choices.items():
        if choice.valve is not None:
            emulated = EMULATED_SELECTORS[choice.valve.protocol]
            instruments[choice.valve.transport] = made(emulated, spec.selector, name)
    if detector is not None:
        instruments[detector.transport] = made(EMULATED_DETECTORS[detector.protocol], spec.detector)
    return instruments


def _unfit(rig: RigFile, reaction: Reaction) -> list[str]:
    """Say in one sentence each why a rig file cannot hold a reaction."""
    assert rig.emulation is not None
    wrong, others = [], f"(known: {names()}; or a reaction file of your own)"
    place = f"emulation.reaction = {name_of(rig.emulation)!r}"
    if not set(reaction.reagents) <= set(rig.flows):
        wrong.append(
            f"{place} does not flow from the streams {', '.join(rig.flows)}, it needs "
            f"{', '.join(reaction.reagents)}: name the streams so, or give the reaction that they "
            f"feed {others}"
        )
    method = rig.chromatogram
    peaks = [peak.name for peak in method.peaks] if method else list(reaction.products)
    if set(reaction.products) != set(peaks):
        wrong.append(
            f"{place} gives the peaks {', '.join(reaction.products)}, but chromatogram.peaks are "
            f"{', '.join(peaks)}: name the peaks so, or give the reaction that makes them {others}"
        )
    if isinstance(file := rig.emulation.reaction, ReactionFile):
        wrong += [*_other_stocks(rig, file), *_other_choices(rig, file)] or list(_never(file))
    wrong += unwritten(rig, reaction.products)
    return wrong or _unsolved(rig, reaction)


def _other_stocks(rig: RigFile, file: ReactionFile) -> Iterator[str]:
    """Say which streams hold something else than a reaction file says."""
    for name in rig.flows:
        carriers = rig.choices[name].streams.values() if name in rig.choices else ()
        if name not in file.streams and (apart := [c for c in carriers if c in file.streams]):
            yield (
                f"choices.{name}: its streams are one stream {name} in a reaction file, which has "
                f"{', '.join(apart)}: give it {name} in their place"
            )
        elif name not in file.streams:
            yield (
                f"streams.{name} is none of the streams of its reaction, "
                f"{', '.join(file.streams)}: add it there, with what is in it, or {{}} for a "
                "solvent"
            )
        elif held := file.streams[name]:
            species, stock = next(iter(held.items()))
            stated = rig.stocks(name)
            if not any(isclose(one, stock, rel_tol=1e-6) for one in stated):
                yield (
                    f"streams.{name}.stock = {stated[0]:g} mM, but its reaction has "
                    f"{stock:g} mM of {species} in it: make them agree"
                )
    for name, held in file.streams.items():
        if name not in rig.flows and name not in rig.streams and not held:
            yield f"streams: the solvent {name} of its reaction is no stream of the rig: add it"


def _never(file: ReactionFile) -> Iterator[str]:
    """Say which steps could never take place and which peaks never show, and what lacks."""
    there = {species for held in file.streams.values() for species in held}
    ways = [(step.read.left, step.read.right) for step in file.steps]
    ways += [(step.read.right, step.read.left) for step in file.steps if step.read.reversible]
    while made := {name for a, b in ways if there.issuperset(a) for name in b} - there:
        there |= made
    nowhere = "is in no stream and made by no step: add it to a stream"
    for n, step in enumerate(file.steps, 1):
        lacking = [name for name in step.read.left if name not in there]
        if lacking and not (step.read.reversible and there.issuperset(step.read.right)):
            yield (
                f"emulation.reaction: step {n}, {step.equation!r}, never takes place: {lacking[0]} "
                f"{nowhere}"
            )
    for name, peak in file.peaks.items():
        if not there & set(peak.of):
            yield f"emulation.reaction: peaks.{name} never shows: {peak.of[0]} {nowhere}"


def _differing(rig: RigFile) -> bool:
    """Whether it makes a difference to the reaction what the rig chooses."""
    assert rig.emulation is not None
    file = rig.emulation.reaction
    return isinstance(file, ReactionFile) and bool(rig.choices.keys() & file.choices.keys())


def _other_choices(rig: RigFile, file: ReactionFile) -> Iterator[str]:
    """Say which choices of a rig its reaction does not know, and which are made twice."""
    assert rig.emulation is not None
    for name, choice in rig.choices.items():
        if name in rig.emulation.choices:
            yield f"emulation.choices.{name}: the rig makes this choice itself: delete it"
        known = file.choices.get(name, {})
        unknown = [option for option in choice.options if option not in known]
        if known and unknown:
            yield (
                f"choices.{name}: its reaction knows {', '.join(known)}, and not "
                f"{', '.join(unknown)}: name them so, or add them there"
            )


def _unsolved(rig: RigFile, reaction: Reaction) -> list[str]:
    """Say why a reaction cannot be worked out where it goes farthest."""
    slowest = sum(rig.flow_limits(name)[0] for name in rig.flows)
    feed = [max(rig.stocks(name)) / len(reaction.reagents) for name in reaction.reagents]
    try:
        reaction.composition(feed, rig.reactor.heated_volume / slowest, rig.heater.limits[1])
    except ValueError as error:
        return [f"emulation.reaction: {error}"]
    return []
