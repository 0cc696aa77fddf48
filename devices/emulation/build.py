"""From a rig file with an `[emulation]` table to running emulators and their clock."""

from ..clock import LabClock, RealClock, SimulatedClock
from ..rigfile import ChromatogramSpec, RigError, RigFile
from .physics import ElutingPeak
from .ports import Emulation
from .reactions.walker2017 import Kinetics
from .world import FeedStream, Layout, Noise, World

_SPECIES = ("X0", "X1", "X2", "X3")  # what the twin makes, in the order of its layout


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
        If the rig file describes what the twin does not have.
    """
    spec = rig.emulation
    if spec is None:
        raise RigError("this rig file has no [emulation] table: it describes hardware")
    roles = {stream.transport: "pumps" for stream in rig.streams.values()}
    roles |= {rig.heater.transport: "heater", rig.valve.transport: "valve"}
    roles |= {rig.detector.transport: "detector"}
    addresses = [stream.address for stream in rig.streams.values()]
    if sorted(roles.values()) != ["detector", "heater", "pumps", "valve"] or (
        addresses != list(range(len(addresses))) or rig.heater.address != 1
    ):
        raise RigError(
            "the emulator has its pumps on one port at addresses 0, 1, ... in the order of the "
            "streams, heater (address 1), valve and detector on one port each: arrange the "
            "transports so"
        )
    for name, stream in rig.streams.items():
        if stream.filled not in (None, stream.syringe_volume):
            raise RigError(
                f"streams.{name}.filled = {stream.filled:g} uL: an emulated syringe starts full, "
                "delete it"
            )
    try:
        kinetics = Kinetics(**spec.kinetics)
    except (TypeError, ValueError) as error:
        raise RigError(f"emulation.kinetics = {spec.kinetics} cannot be used: {error}") from error
    real = RealClock() if spec.clock == "real" else None
    simulated: list[SimulatedClock] = []  # it needs the emulators' token, they need lab time

    def now() -> float:
        return real.now() if real else simulated[0].now() if simulated else 0.0

    world = World(
        now,
        _layout(rig),
        kinetics=kinetics,
        noise=Noise() if spec.noise else None,
        seed=spec.seed,
        first_injection=spec.first_injection,
    )
    emulation = Emulation(world, spec.transport)
    if real is None:
        simulated.append(SimulatedClock(emulation.token))
    clock: LabClock = real or simulated[0]
    return emulation, clock, {key: emulation.urls[role] for key, role in roles.items()}


def _layout(rig: RigFile) -> Layout:
    method = rig.chromatogram
    return Layout(
        streams=tuple(
            FeedStream(name, spec.stock, spec.syringe_volume) for name, spec in rig.streams.items()
        ),
        heated_volume=rig.reactor.heated_volume,
        total_volume=rig.reactor.total_volume,
        loop_volume=rig.reactor.loop_volume,
        peaks=_peaks(method),
        front=tuple(ElutingPeak(f.time, f.width, f.tail, f.area) for f in method.solvent_front),
        baseline=method.lamp,
    )


def _peaks(method: ChromatogramSpec) -> tuple[ElutingPeak, ...]:
    known = {p.name: ElutingPeak(p.time, p.width, p.tail, p.response) for p in method.peaks}
    if sorted(known) != sorted(_SPECIES):
        raise RigError(
            f"chromatogram.peaks are {sorted(known)}, but the twin makes {list(_SPECIES)}: "
            "give these for an emulated rig"
        )
    return tuple(known[name] for name in _SPECIES)
