"""``reactune rescore``: what stored runs come to under another problem or HPLC method."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue, seed

if TYPE_CHECKING:
    from ..questions.rescoring import Answer

HELP = "judge stored runs by other windows, another goal or another HPLC method; nothing is run"
EXAMPLES = (
    "reactune rescore 5f0c2a7e",
    "reactune rescore 5f0c2a7e 91b3d0aa --problem walker-iii",
    "reactune rescore 5f0c2a7e --method sharper.toml",
)
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument("uids", metavar="UID", nargs="+", help="stored runs, judged together")
    parser.add_argument(
        "--problem",
        metavar="PROBLEM",
        help="goal and windows to judge by [what the runs were asked]",
    )
    parser.add_argument(
        "--method",
        metavar="FILE",
        help="integrate the raw traces anew by this method file, and say what that changes",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="S", help="of what would be asked next [0]"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.report.numbers import jsonable

    from ..questions.rescoring import answer
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue:
        found = answer(catalogue, a.uids, a.problem, a.method, a.seed)
    if a.json:
        say(json.dumps(jsonable(_data(found))))
    else:
        for line in _text(found):
            say(line)
    return EXIT_DONE


def _text(told: "Answer") -> Iterator[str]:
    """Say everything at 80 columns."""
    from reactune.analysis.report.labels import windows
    from reactune.analysis.report.numbers import headed
    from reactune.analysis.report.rescored import flipped, table

    found, problem = told.found, told.found.problem
    goal = problem.goal_words
    yield from headed(problem.title or goal, told.mark, _WIDTH)
    yield from textwrap.wrap("; ".join([goal, *windows(problem, found.units)]), _WIDTH)
    yield "=" * _WIDTH
    yield f"{'RUN':<10}{'ASKED':<44}{'EXPERIMENTS':>13}{'FEASIBLE':>13}"
    for line in _runs(told):
        title = textwrap.shorten(str(line["title"]), 43, placeholder=" ...")
        yield f"{line['uid'][:8]:<10}{title:<44}{line['n']:>13}{line['n_feasible']:>13}"
    for sentence in told.differences:
        yield from textwrap.wrap(f"Not alike: {sentence}", _WIDTH, subsequent_indent=" " * 11)
    yield "-" * _WIDTH
    yield from table(found, _WIDTH)
    if told.before is not None:
        yield "-" * _WIDTH
        yield from textwrap.wrap(_changed(told), _WIDTH)
        yield from flipped(told.flips, _WIDTH)


def _changed(told: "Answer") -> str:
    """Say what another integration changes."""
    n = len(told.found.pool)
    said = f"Integrated anew: {len(told.flips)} of {n} experiments are judged otherwise."
    assert told.before is not None
    if len(told.found.problem.aims) > 1:
        fronts = (
            ", ".join(told.found.pool[i].name for i, _ in found.front) or "empty"
            for found in (told.before, told.found)
        )
        return said + " The front was {}; now {}.".format(*fronts)
    bests = [
        ("best feasible", told.before.best_feasible, told.found.best_feasible),
        ("best by merit", told.before.best, told.found.best),
    ]
    if not told.found.problem.windows:
        bests = [("best", told.before.best, told.found.best)]
    for name, was, now in bests:
        one, other = (told.found.pool[b[0]].name if b else "none" for b in (was, now))
        said += f" The {name} {'stays' if one == other else 'was'} {one}"
        said += "." if one == other else f", now {other}."
    return said


def _runs(told: "Answer") -> Iterator[dict[str, Any]]:
    """Give what each campaign has to it."""
    for campaign in told.campaigns:
        mine = [
            standing
            for experiment, standing in zip(told.found.pool, told.found.feasibility, strict=True)
            if experiment.run == campaign.uid
        ]
        yield {
            "uid": campaign.uid,
            "title": str(campaign.start.get("title") or ""),
            "n": len(mine),
            "n_feasible": mine.count("feasible"),
        }


def _data(told: "Answer") -> dict[str, object]:
    """Give everything as plain data."""
    from reactune.analysis.report.rescored import data, flip_data

    said: dict[str, object] = {
        "mark": told.mark,
        "goal": told.found.problem.goal_words,
        "windows": [window.text for window in told.found.problem.windows],
        "runs": list(_runs(told)),
        "differences": list(told.differences),
        **data(told.found),
    }
    if told.before is not None:
        said |= {"before": data(told.before), "flips": [flip_data(f) for f in told.flips]}
    return said
