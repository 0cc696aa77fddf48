"""The commands of ``reactune``, one module each.

A module's name is its command. What it imports at its head is paid for by ``reactune --help``:
the library behind a command is imported when the command runs.
"""

import argparse
from typing import Protocol

from . import (
    ask,
    calibrate,
    catalogue,
    check,
    completion,
    demo,
    emulate,
    export,
    guard,
    integrate,
    make,
    new,
    optimise,
    redesign,
    rediscover,
    replay,
    rescore,
    runs,
    safe,
    serve,
    shell,
    show,
)


class Command(Protocol):
    """What the module of a command offers.

    Attributes
    ----------
    HELP : str
        What the command does, in one line.
    """

    __name__: str
    HELP: str

    @property
    def EXAMPLES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """How it is called, for the end of its help."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, a: argparse.Namespace) -> int:
        """Run the command; return its exit code."""


COMMANDS: tuple[Command, ...] = (
    demo,
    new,
    check,
    ask,
    optimise,
    runs,
    show,
    replay,
    rescore,
    redesign,
    export,
    rediscover,
    make,
    emulate,
    integrate,
    calibrate,
    shell,
    safe,
    guard,
    catalogue,
    serve,
    completion,
)
"""Every command, in the order of the help."""

ON_POSIX_ALONE: tuple[Command, ...] = (demo, optimise, rediscover, make, emulate, guard, serve)
"""Those that need signals and terminals that Windows has not, as to keep instruments safe."""
