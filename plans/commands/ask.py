"""``reactune ask``: what to do next, from a table that is kept by hand; no rig, no hardware."""

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from .common import EXIT_DONE, add_catalogue, count, seed

if TYPE_CHECKING:
    from reactune.analysis.campaign.adaptive import Suggestion
    from reactune.analysis.problem.model import Problem

HELP = "add the next experiments to a table of results, CSV or XLSX; no rig needed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "Example: reactune ask snar.toml results.csv -n 5"
    add_catalogue(parser)
    parser.add_argument("problem", metavar="PROBLEM")
    parser.add_argument(
        "table",
        metavar="TABLE",
        type=Path,
        help="the table, CSV or XLSX: a column for each variable and measured quantity; it is "
        "begun if it does not exist",
    )
    parser.add_argument(
        "-n",
        type=count,
        metavar="N",
        help="how many experiments to add [the problem's batch; to an empty table what the models "
        "need]",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="S", help="same seed and table, same asks [0]"
    )
    parser.add_argument("--json", action="store_true", help="print the asks as one JSON list")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.sheets.sheet import SheetError

    from ..errors import told
    from ..problems import load_problem
    from ..tables import kept, open_table

    problem = load_problem(a.problem)
    asking = open_table(problem, a.table, a.seed)
    results = asking.results
    if any(entry.measurement for entry in results.entries):
        kept(asking, a.table, a.seed, a.catalogue)
    with told(SheetError):
        asks = asking.ask(a.n or (problem.batch if results.entries else problem.first_batch))
    if a.json:
        say(json.dumps([{"row": s.number, "why": s.why, **s.conditions} for s in asks]))
        return EXIT_DONE
    say(_text(problem, asks))
    states = [entry.measurement for entry in results.entries]
    done = sum(m is not None and m.valid for m in states)
    failed = sum(m is not None and not m.valid for m in states)
    pending = sum(m is None for m in states)
    lines = [f"{a.table}: {done} done, {failed} failed, {pending} outstanding."]
    if asking.lost:
        lines.append(
            f"Row {', '.join(map(str, asking.lost))}: outside today's limits or choices, with no "
            "place in the models; kept, and not counted."
        )
    lines.append(
        f"Fill in {', '.join(problem.measured)} and save; in the column failed say why there is "
        "no result. Then ask again."
    )
    for line in lines:
        say(textwrap.fill(line, 80))
    return EXIT_DONE


def _text(problem: "Problem", asks: "list[Suggestion]") -> str:
    """Lay the asks out as a table, the reasons beside it."""
    from reactune.analysis.problem.choices import shown
    from reactune.analysis.sheets.sheet import title_of

    titles = ["row", *(title_of(name, v.unit) for name, v in problem.variables.items())]
    cells = [[str(asked.number), *map(shown, asked.conditions.values())] for asked in asks]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    text = []
    for line, why in zip([titles, *cells], ["why", *(asked.why for asked in asks)], strict=True):
        start = "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
        beside = len(start) <= 50
        if not beside:
            text.append(start)
        indent = " " * (len(start) + 2 if beside else 8)
        first = start + "  " if beside else indent
        text.append(textwrap.fill(why, 80, initial_indent=first, subsequent_indent=indent))
    return "\n".join(text)
