"""``reactune runs``: what is stored."""

import argparse
import json
import math
import textwrap
from datetime import datetime
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue

if TYPE_CHECKING:
    from reactune.analysis.storage.catalogue import RunSummary

HELP = "list the stored runs"
EXAMPLES = ("reactune runs",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue:
        runs = catalogue.runs()
        if not runs:
            say(f"No runs yet in {catalogue.place}; reactune demo makes one.")
        for run in reversed(runs):  # the newest last, where the eye is
            when = datetime.fromtimestamp(run.time).strftime("%Y-%m-%d %H:%M")
            rig = {True: "simulated", False: "REAL", None: "unmarked"}[run.simulated]
            if run.plan_name == "ask":
                rig = "table"
            what = "check" if run.plan_name == "make" else "experiment"
            made = f"{run.events:>4} {what}{'s' * (run.events != 1)}"
            say(f"{run.uid[:8]}  {when}  {rig:<9}  {_kind(run):<20}{made}")
            ending = run.reason or run.exit_status
            if (
                run.goal
                and run.plan_name != "ask"
                and run.exit_status not in ("success", "running")
            ):
                ending += f"; to go on: reactune optimise --resume {run.uid[:8]}"
            best = _best(run)
            title = "" if best and run.title == run.goal else run.title
            for text in filter(None, (title, best, ending)):
                say(textwrap.fill(text, 80, initial_indent=" " * 10, subsequent_indent=" " * 10))
    return EXIT_DONE


def _kind(run: "RunSummary") -> str:
    """Say what a run is: a campaign, what one goes on from, or another's."""
    if run.plan_name == "optimise":
        return run.begins or "campaign"
    if run.plan_name == "make":
        return run.begins
    return "by hand" if run.plan_name == "ask" else run.plan_name or "unknown"


def _best(run: "RunSummary") -> str:
    """Say what was expected of the best experiment, or which were the front, when the run ended."""
    if run.goal and (front := json.loads(str(run.last.get("front") or "[]"))):
        numbers = ", ".join(str(found["number"]) for found in front)
        return f"{run.goal}: on the front no. {numbers}"
    for role, words in (("best_feasible", "feasible"), ("best", "none is feasible")):
        number, value = (run.last.get(key, math.nan) for key in (role, f"{role}_goal"))
        if run.goal and not (math.isnan(number) or math.isnan(value)):
            words = f" ({words})" if "F_1" in run.last else ""  # of a problem with windows
            return f"{run.goal}: {value:.4g} expected of no. {number:.0f}{words}"
    return ""
