"""``reactune runs``: what is stored."""

import argparse
import textwrap
from datetime import datetime

from ..saying import say
from .common import EXIT_DONE, add_catalogue

HELP = "list the stored runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue:
        runs = catalogue.runs()
        if not runs:
            say(f"No runs yet in {catalogue.folder}; reactune demo makes one.")
        for run in reversed(runs):  # the newest last, where the eye is
            when = datetime.fromtimestamp(run.time).strftime("%Y-%m-%d %H:%M")
            rig = {True: "simulated", False: "REAL", None: "unmarked"}[run.simulated]
            if run.plan_name == "ask":
                rig = "table"
            say(f"{run.uid[:8]}  {when}  {rig:<9}  {run.events:>3} experiments")
            ending = run.reason or run.exit_status
            if run.plan_name == "optimise" and run.exit_status not in ("success", "running"):
                ending += f"; to go on: reactune optimise --resume {run.uid[:8]}"
            for text in (run.title or "", ending):
                say(textwrap.fill(text, 80, initial_indent=" " * 10, subsequent_indent=" " * 10))
    return EXIT_DONE
