"""``reactune emulate``: instruments in a process of their own, to rehearse for a real rig."""

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, add_rig, check_target, seed

if TYPE_CHECKING:
    from reactune.devices.rigfile import RigFile

_SERVED = "emulated instruments in another process"

HELP = "run the emulated instruments in a process of their own, in real time"
EXAMPLES = ("reactune emulate --rig my-rig.toml --write rehearsal.toml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rig(parser)
    parser.add_argument(
        "--transport", choices=["pty", "tcp"], default="tcp", help="what they listen on [tcp]"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write a rig file that points to them"
    )
    parser.add_argument(
        "--reaction",
        metavar="FILE",
        help="reaction file, or a reaction that comes along, in place of the rig file's",
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="seed of the noise [0]")


def run(a: argparse.Namespace) -> int:
    """Serve the instruments until Ctrl-C or SIGTERM; the rig's own ports are not touched."""
    from reactune.devices.opening import emulated
    from reactune.devices.rigfile import RigError

    from ..errors import told
    from ..preparation import load_rig

    check_target(a.write, f"# .*: {_SERVED}")
    rig = load_rig(a.rig or "walker")
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # for the emulators' threads too
    try:
        with told(RigError), emulated(rig, a.transport, a.seed, a.reaction) as served:
            for name, port in served.transports.items():
                say(f"{name:<10} {port.url}")
            if a.write is not None:
                with told(OSError, file=a.write):
                    a.write.write_text(_rig_file(served), "utf-8")
                say(f"rig file   {a.write}")
            say("serving in real time; Ctrl-C ends it")
            signal.sigwait(signals)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return EXIT_DONE


def _rig_file(rig: "RigFile") -> str:
    """Write out the rig file of emulated instruments."""
    import tomli_w

    stated = rig.model_dump(mode="json", by_alias=True, exclude_none=True)
    return f"# {rig.title}: {_SERVED}\n{tomli_w.dumps(stated)}"
