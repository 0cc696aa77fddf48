"""From a rig file with an `[emulation]` table to running emulators and their clock."""

from ..clock import LabClock, RealClock, SimulatedClock
from ..rigfile import RigError, RigFile
from .layout import Noise, layout_of
from .ports import Emulation
from .reaction import Reaction
from .reactions import REACTIONS, reaction_of
from .world import World


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
        noise=Noise() if spec.noise else None,
        seed=spec.seed,
        first_injection=spec.first_injection,
    )
    emulation = Emulation(world, spec.transport)
    if real is None:
        simulated.append(SimulatedClock(emulation.token))
    clock: LabClock = real or simulated[0]
    return emulation, clock, {key: emulation.urls[role] for key, role in _roles(rig).items()}


def obstacles(rig: RigFile) -> list[str]:
    """Say in one sentence each what keeps a rig from being emulated; nothing for hardware."""
    if rig.emulation is None:
        return []
    wrong = []
    addresses = [stream.address for stream in rig.streams.values()]
    if sorted(_roles(rig).values()) != ["detector", "heater", "pumps", "valve"] or (
        addresses != list(range(len(addresses))) or rig.heater.address != 1
    ):
        wrong.append(
            "the emulator has its pumps on one port at addresses 0, 1, ... in the order of the "
            "streams, heater (address 1), valve and detector on one port each: arrange the "
            "transports so"
        )
    wrong += [
        f"streams.{name}.filled = {stream.filled:g} uL: an emulated syringe starts full, delete it"
        for name, stream in rig.streams.items()
        if stream.filled not in (None, stream.syringe_volume)
    ]
    try:
        reaction = reaction_of(rig.emulation)
    except RigError as error:
        return [*wrong, str(error)]
    return wrong + _unfit(rig, rig.emulation.reaction, reaction)


def _roles(rig: RigFile) -> dict[str, str]:
    """By transport: which instruments are on it."""
    roles = {stream.transport: "pumps" for stream in rig.streams.values()}
    roles |= {rig.heater.transport: "heater", rig.valve.transport: "valve"}
    return roles | {rig.detector.transport: "detector"}


def _unfit(rig: RigFile, name: str, reaction: Reaction) -> list[str]:
    """Say in one sentence each why a rig file cannot hold the reaction of that name."""
    wrong, others = [], f"(known: {', '.join(REACTIONS)})"
    if not set(reaction.reagents) <= set(rig.streams):
        wrong.append(
            f"emulation.reaction = {name!r} does not flow from the streams "
            f"{', '.join(rig.streams)}, it needs {', '.join(reaction.reagents)}: name the streams "
            f"so, or give the reaction that they feed {others}"
        )
    peaks = [peak.name for peak in rig.chromatogram.peaks]
    if set(reaction.products) != set(peaks):
        wrong.append(
            f"emulation.reaction = {name!r} gives the peaks {', '.join(reaction.products)}, but "
            f"chromatogram.peaks are {', '.join(peaks)}: name the peaks so, or give the reaction "
            f"that makes them {others}"
        )
    return wrong
