"""``reactune safe``: bring a rig to its safe state."""

import argparse
import logging
import sys
import textwrap

from ..errors import UserError, told
from ..saying import say
from ..terminal.options import EXIT_DONE, EXIT_FAILURE, add_rig

HELP = "bring a rig to its safe state"
EXAMPLES = ("reactune safe --rig my-rig.toml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rig(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    if not a.rig:
        raise UserError("safe: say which rig: --rig FILE")
    from reactune.devices.rig.safety import make_hardware_safe
    from reactune.devices.rigfile import STORED, RigError, load

    with told(RigError):
        rig = load(a.rig, STORED)  # a number that no rig has keeps none from being made safe
    if rig.emulation is not None:
        raise UserError("safe: this rig is emulated; it is there only while a campaign runs on it")
    log = logging.getLogger("reactune.devices.rig.safety")
    log.disabled = True  # what could not be done is said below, once
    try:
        report = make_hardware_safe(rig)
    finally:
        log.disabled = False
    for line in report.lines:
        say(textwrap.fill(line, 80, subsequent_indent="  ", break_on_hyphens=False))
    for line in rig.implausible:
        say(f"warning: {line}", to=sys.stderr)
    if not report.confirmed:
        say(
            "If a campaign is running on this rig, Ctrl-C there (or kill -TERM) makes it safe.",
            to=sys.stderr,
        )
    return EXIT_DONE if report.confirmed else EXIT_FAILURE
