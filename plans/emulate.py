"""Emulated instruments in a process of their own, in real time: a rehearsal for a real rig."""

import signal
from pathlib import Path

import tomli_w

from reactune.devices.emulation.build import emulate as start
from reactune.devices.rigfile import EmulationSpec, RigFile


def emulate(config: RigFile, transport: str, seed: int, target: Path | None) -> None:
    """Serve the instruments of a rig until Ctrl-C or SIGTERM.

    Parameters
    ----------
    config : RigFile
        The rig to stand in for; its own ports are not touched.
    transport : str
        ``"pty"`` or ``"tcp"``.
    seed : int
        Of the noise.
    target : Path, optional
        Where to write a rig file whose ports are the emulators'.

    Raises
    ------
    RigError
        If the twin cannot stand in for this rig.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # for the emulators' threads too
    ports = {
        name: port.model_copy(update={"url": None}) for name, port in config.transports.items()
    }
    spec = EmulationSpec.model_validate(
        (config.emulation or EmulationSpec()).model_dump()
        | {"clock": "real", "transport": transport, "seed": seed}
    )
    emulation, clock, urls = start(
        config.model_copy(update={"emulation": spec, "transports": ports})
    )
    with emulation:
        for name, url in urls.items():
            print(f"{name:<10} {url}", flush=True)
        if target is not None:
            target.write_text(_rig_file(config, urls), "utf-8")
            print(f"rig file   {target}", flush=True)
        print("serving in real time; Ctrl-C ends it", flush=True)
        signal.sigwait(signals)
    clock.close()


def _rig_file(config: RigFile, urls: dict[str, str]) -> str:
    """Write out a rig whose ports are the emulators'."""
    rig = config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"emulation"})
    for name, port in rig["transports"].items():
        port["url"] = urls[name]
    return f"# {config.title}: emulated instruments in another process\n{tomli_w.dumps(rig)}"
