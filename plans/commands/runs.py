"""``reactune runs``: what is stored."""

import argparse
import json
import math
import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue

if TYPE_CHECKING:
    from reactune.analysis.storage.catalogue import RunSummary

HELP = "list the stored runs"
EXAMPLES = ("reactune runs", "reactune runs --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON list, the newest run last, nothing else"
    )


class _Best(NamedTuple):
    """The best experiment when a run ended, and the goal that was expected of it.

    `feasible`: whether it was likely inside all windows; None of a problem without any.
    """

    number: int
    expected: float
    feasible: bool | None


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue:
        runs = catalogue.runs()[::-1]  # the newest last, where the eye is
        if a.json:
            say(json.dumps([_as_json(run) for run in runs]))
        elif not runs:
            say(f"No runs yet in {catalogue.place}; reactune demo makes one.")
        else:
            for run in runs:
                _say(run)
    return EXIT_DONE


def _say(run: "RunSummary") -> None:
    """Print what a run is, and below what came of it."""
    when = datetime.fromtimestamp(run.time).strftime("%Y-%m-%d %H:%M")
    rig = {True: "simulated", False: "REAL", None: "unmarked"}[run.simulated]
    if run.plan_name == "ask":
        rig = "table"
    what = "check" if run.plan_name == "make" else "experiment"
    made = f"{run.events:>4} {what}{'s' * (run.events != 1)}"
    say(f"{run.uid[:8]}  {when}  {rig:<9}  {_kind(run):<20}{made}")
    ending = run.reason or run.exit_status
    if run.goal and run.plan_name != "ask" and run.exit_status not in ("success", "running"):
        ending += f"; to go on: reactune optimise --resume {run.uid[:8]}"
    best = _best_in_words(run)
    title = "" if best and run.title == run.goal else run.title
    for text in filter(None, (title, best, ending)):
        say(textwrap.fill(text, 80, initial_indent=" " * 10, subsequent_indent=" " * 10))


def _as_json(run: "RunSummary") -> dict[str, Any]:
    """Give the same as JSON has it."""
    best = _best(run)
    return {
        "uid": run.uid,
        "time": datetime.fromtimestamp(run.time).astimezone().isoformat(timespec="seconds"),
        "kind": _kind(run),
        "plan_name": run.plan_name,
        "title": run.title,
        "simulated": run.simulated,
        "events": run.events,
        "exit_status": run.exit_status,
        "reason": run.reason,
        "goal": run.goal,
        "best": best and best._asdict(),
        "front": _front(run),
    }


def _kind(run: "RunSummary") -> str:
    """Say what a run is: a campaign, what one goes on from, or another's."""
    if run.plan_name == "optimise":
        return run.begins or "campaign"
    if run.plan_name == "make":
        return run.begins
    return "by hand" if run.plan_name == "ask" else run.plan_name or "unknown"


def _front(run: "RunSummary") -> list[int]:
    """Give the numbers of the experiments that were the front when the run ended."""
    found = json.loads(str(run.last.get("front") or "[]")) if run.goal else []
    return [entry["number"] for entry in found]


def _best(run: "RunSummary") -> _Best | None:
    """Give the best experiment when the run ended; of a front there is none."""
    for role, feasible in (("best_feasible", True), ("best", False)):
        number, expected = (run.last.get(key, math.nan) for key in (role, f"{role}_goal"))
        if run.goal and not (math.isnan(number) or math.isnan(expected)):
            return _Best(int(number), expected, feasible if "F_1" in run.last else None)
    return None


def _best_in_words(run: "RunSummary") -> str:
    """Say what was expected of the best experiment, or which were the front."""
    if front := _front(run):
        return f"{run.goal}: on the front no. {', '.join(map(str, front))}"
    if (best := _best(run)) is None:
        return ""
    words = {True: " (feasible)", False: " (none is feasible)", None: ""}[best.feasible]
    return f"{run.goal}: {best.expected:.4g} expected of no. {best.number}{words}"
