"""From a rig file to an open rig: its hardware, or the emulation that stands in for it.

The only module that knows both. Hardware needs no emulation: that is imported when it is asked for.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from typing import Literal

from .clock import LabClock, RealClock
from .rig import greeting
from .rig.flow_rig import FlowRig
from .rig.greeting import Greeting
from .rig.hardware import Bench
from .rig.lines import Lines
from .rigfile import EmulationSpec, RigError, RigFile
from .written import quoted


def open_rig(
    rigfile: RigFile,
    *,
    seed: int | None = None,
    first_injection: int | None = None,
    kinetics: Mapping[str, float] | None = None,
) -> FlowRig:
    """Open ports - or start emulators - and check that every instrument answers.

    Parameters
    ----------
    rigfile : RigFile
        From `load`.
    seed, first_injection, kinetics
        Of the emulation, in place of what the rig file says.

    Returns
    -------
    FlowRig
        To be closed, or used as a context manager.

    Raises
    ------
    RigError
        If these are given for real hardware, or cannot be used, or the rig cannot be emulated, or
        the rig file is of emulated instruments and these are not.
    TransportError, InstrumentError
        If an instrument does not answer; every port is closed again.
    """
    given = {"seed": seed, "first_injection": first_injection, "kinetics": kinetics}
    config = rigfile.emulating(**{k: value for k, value in given.items() if value is not None})
    with ExitStack() as stack:
        if config.emulation is None:
            clock: LabClock = RealClock()
            emulation, lines = None, Lines(config)
        else:
            from .emulation.build import emulate

            emulation, clock, urls = emulate(config)
            lines = Lines(config, urls, emulation.token)
            stack.callback(emulation.close)
        stack.callback(clock.close)
        stack.callback(lines.close)
        bench = Bench(config, clock=clock, lines=lines, emulation=emulation)
        bench.connect()
        if config.emulated_since is not None and not bench.simulated:
            raise RigError(
                f"emulated_since = {quoted(config.emulated_since)}, but these instruments are not "
                "emulated: name the rig file of this rig, or delete that line"
            )
        rig = FlowRig(bench)
        stack.pop_all()
    return rig


@contextmanager
def emulated(
    rigfile: RigFile,
    transport: Literal["pty", "tcp"] = "tcp",
    seed: int = 0,
    reaction: str | None = None,
) -> Iterator[RigFile]:
    """Emulate the instruments of a rig in real time, for whoever connects to their ports.

    Parameters
    ----------
    rigfile : RigFile
        What to stand in for; its own ports are not touched.
    transport : {"pty", "tcp"}
        What the emulated instruments listen on.
    seed : int
        Of the noise.
    reaction : str, optional
        A name or a reaction file, in place of what the rig file says.

    Yields
    ------
    RigFile
        The rig as hardware, with their urls, the folder of emulated software, and since when.

    Raises
    ------
    RigError
        If the rig cannot be emulated.
    """
    from .emulation.build import emulate

    def at(urls: Mapping[str, str | None]) -> dict[str, object]:
        ports = rigfile.transports.items()
        return {"transports": {k: p.model_copy(update={"url": urls.get(k)}) for k, p in ports}}

    changes = {"clock": "real", "transport": transport, "seed": seed}
    if reaction is not None:
        changes["reaction"] = reaction
    spec = {"emulation": rigfile.emulation or EmulationSpec()}
    config = rigfile.model_copy(update=spec).emulating(**changes)
    emulation, clock, urls = emulate(config.model_copy(update=at({})))
    since = datetime.now().astimezone().isoformat(" ", "microseconds")
    served = at(urls) | {"emulation": None, "emulated_since": since}
    if rigfile.analytics is not None:
        folder = {"folder": str(emulation.folder)}
        served["analytics"] = rigfile.analytics.model_copy(update=folder)
    with closing(clock), emulation:
        yield rigfile.model_copy(update=served)


def obstacles(rigfile: RigFile) -> list[str]:
    """Say in one sentence each what keeps a rig from being emulated; nothing for hardware."""
    if rigfile.emulation is None:
        return []
    from .emulation import build

    return build.obstacles(rigfile)


def greet(rigfile: RigFile) -> list[Greeting]:
    """Greet every instrument of a rig that nobody has open, read-only; see `rig.greeting.greet`.

    Raises
    ------
    RigError
        If the rig is to be emulated and cannot be.
    """
    with ExitStack() as stack:
        if rigfile.emulation is not None:
            rigfile = stack.enter_context(emulated(rigfile, rigfile.emulation.transport))
        lines = Lines(rigfile)
        stack.callback(lines.close)
        return greeting.greet(rigfile, lines)
