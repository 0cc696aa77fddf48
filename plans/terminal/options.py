"""What commands share: exit codes and options."""

import argparse
import re
import textwrap
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..errors import UserError

EXIT_DONE = 0
EXIT_FAILURE = 1
"""Our fault, or the rig's."""
EXIT_USAGE = 2
"""The user's input."""


_SEED_DIGITS = 18  # every store holds such integers


def described(what: str) -> dict[str, Any]:
    """Give what a parser of a command is made with: its description, as wide as a terminal."""
    return {
        "description": textwrap.fill(what, 80),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def examples(*commands: str) -> str:
    """Write what stands below the help of a command."""
    return "\n  ".join(("example:" if len(commands) == 1 else "examples:", *commands))


@cache
def shipped_problems() -> list[str]:
    """Name the built-in problems."""
    return _names_in(files("reactune.analysis.problem") / "built_in")


@cache
def shipped_rigs() -> list[str]:
    """Name the emulated rigs that are shipped."""
    return _names_in(files("reactune.devices") / "rigs")


def _names_in(folder: Traversable) -> list[str]:
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir())


def add_problem(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Declare the problem."""
    parser.add_argument(
        "problem",
        metavar="PROBLEM",
        nargs="?" if optional else None,
        help=f"problem file, or a built-in one: {', '.join(shipped_problems())}",
    )


def add_uid(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare a stored run."""
    parser.add_argument(
        "uid",
        metavar="UID",
        help=f"{what}: its uid as reactune runs lists it, the beginning of that, or 'last'",
    )


def add_catalogue(parser: argparse.ArgumentParser) -> None:
    """Declare where runs are stored."""
    parser.add_argument(
        "--catalogue",
        metavar="DIR|URL",
        help="where runs are stored: a folder, or a Tiled server, http://..., whose key is in "
        "$TILED_API_KEY [$REACTUNE_CATALOGUE, else XDG_DATA_HOME/reactune: "
        "~/.local/share/reactune]",
    )


def add_rig(parser: argparse.ArgumentParser) -> None:
    """Declare the rig file."""
    parser.add_argument(
        "--rig",
        metavar="FILE",
        help=f"rig file, or an emulated one: {', '.join(shipped_rigs())} [walker]",
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    """Declare the HPLC method, and which signal of a file is read."""
    parser.add_argument(
        "--method",
        metavar="FILE",
        required=True,
        help="method file, rig file, or 'walker': that of the paper's traces",
    )
    parser.add_argument(
        "--channel",
        default="",
        metavar="NAME",
        help="which signal of files with several: a part of its title, or a wavelength",
    )


def add_campaign(parser: argparse.ArgumentParser) -> None:
    """Declare what every campaign takes."""
    add_catalogue(parser)
    add_rig(parser)
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="S",
        help="seed of the optimiser and of an emulated rig [drawn, and stored]",
    )
    parser.add_argument(
        "--budget", type=whole, metavar="N", help="experiments at most, in place of the problem's"
    )
    add_hardware(parser)


def add_hardware(parser: argparse.ArgumentParser) -> None:
    """Declare what is taken care of on hardware, and JSON."""
    parser.add_argument(
        "--no-guard",
        action="store_true",
        help="start no process that makes the hardware safe should this one die or hang",
    )
    parser.add_argument(
        "--reagents",
        choices=["stored", "rig-file"],
        help="what hardware's syringes and flasks hold: what was left when it was last used, or "
        "what the rig file says [asked for where they differ]",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout, nothing else"
    )


def check_target(path: Path | None, own: str) -> None:
    """Refuse to write over a file that is not of the kind that is to be written.

    Parameters
    ----------
    path : Path or None
    own : str
        Regular expression of the line that such a file begins with.

    Raises
    ------
    UserError
    """
    if path is None or not path.exists():
        return
    try:
        with path.open("rb") as file:
            first = file.readline(10_000).decode("utf-8", "replace").rstrip("\r\n")
    except OSError:
        first = ""  # a folder, for one
    if not re.fullmatch(own, first):
        raise UserError(f"{path} is there already, and is something else: name another file")


def seed(text: str) -> int:
    """Read a seed, as numpy's generators take it."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text}")
    if len(text) > _SEED_DIGITS:
        raise argparse.ArgumentTypeError(
            f"a seed has {_SEED_DIGITS} digits at most, and {text[:20]}... has {len(text)}"
        )
    return int(text)


def whole(text: str) -> int:
    """Read a whole number; whether it is of use is for others to say."""
    if not text.removeprefix("-").isdecimal() or len(text) > _SEED_DIGITS:
        raise argparse.ArgumentTypeError(f"this is a whole number, such as 25, not {text[:20]}")
    return int(text)


def count(text: str) -> int:
    """Read a number of experiments."""
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 10_000:
        raise argparse.ArgumentTypeError(f"a number of experiments is from 1 to 10000, not {text}")
    return int(text)
