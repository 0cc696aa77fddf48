"""``reactune guard``: the process beside a campaign on hardware."""

import argparse
import sys

from ..errors import UserError
from ..terminal.options import EXIT_DONE

HELP = "make a rig safe when its campaign's process is gone; campaigns start it"
EXAMPLES = ("reactune guard  # only campaigns call it",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: none, its orders come by a pipe."""


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    if sys.stdin.isatty():
        raise UserError(
            "guard: every campaign on hardware starts its own; to make a rig safe by hand: "
            "reactune safe --rig FILE"
        )
    from ..guard import watch

    try:
        watch(sys.stdin.fileno(), sys.stdout.fileno())
    except ValueError as error:
        raise UserError(f"guard: {error}: every campaign on hardware starts its own") from error
    return EXIT_DONE
