"""``reactune ask``: what to do next, from a table that is kept by hand; no rig, no hardware."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue, add_problem, count, seed

if TYPE_CHECKING:
    from reactune.analysis.problem.tables import Setting
    from reactune.analysis.sheets.asking import Asking

HELP = "add the next experiments to a table of results, CSV or XLSX; no rig needed"
EXAMPLES = ("reactune ask snar.toml results.csv -n 5",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    add_problem(parser)
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
    from reactune.analysis.sheets.writing import alone

    from ..errors import told
    from ..problems import load_problem
    from ..tables import in_order, keep, open_table, place_to_keep
    from ..terminal.points import layout

    in_order("ask", a.problem, a.table)
    problem = load_problem(a.problem)
    place_to_keep(a.catalogue)  # refused before a table is begun
    with told(SheetError), alone(a.table):  # who asks at the same time is told of other rows
        asking = open_table(problem, a.table, a.seed)
        results = asking.results
        if any(entry.measurement for entry in results.entries):
            keep(asking, a.table, a.seed, a.catalogue)
        n = a.n or (problem.batch if results.entries else problem.first_batch)
        asks = asking.ask(n)
    counted, *mistaken = _counted(asking, a.table)
    if len(asks) < n:
        fewer = f"{len(asks)} in place of {n}: no other was found that is not in the table."
        mistaken.insert(0, fewer)
    minded = [*mistaken, *_to_mind(asking)]
    if a.json:
        for line in minded:
            say(line, to=sys.stderr)
        say(json.dumps([{"row": s.number, "why": s.why, **_named(s.conditions)} for s in asks]))
        return EXIT_DONE
    say(layout(problem, [(s.number, s.conditions, s.why) for s in asks], "row"))
    for line in (counted, *minded, *_to_do(asking)):
        say(textwrap.fill(line, 80))
    return EXIT_DONE


def _named(conditions: Mapping[str, "Setting"]) -> dict[str, "Setting"]:
    """Give conditions by names that are not those of an ask itself."""
    return {f"{name}_" if name in ("row", "why") else name: v for name, v in conditions.items()}


def _counted(asking: "Asking", table: Path) -> Iterator[str]:
    """Say how far a table is, and which of its rows count as something else than they say."""
    results = asking.results
    told_of = {e.number: e for e in asking.agent.evaluations}
    states = [
        None if e.measurement is None else (told_of.get(e.row) or e.measurement).valid
        for e in results.entries
        if e.row not in asking.lost
    ]
    done, failed, pending = (states.count(state) for state in (True, False, None))
    uncounted = f", {len(asking.lost)} not counted" if asking.lost else ""
    yield f"{table}: {done} done, {failed} failed, {pending} outstanding{uncounted}."
    for e in results.entries:
        if e.measurement and e.measurement.valid and e.row in told_of and not told_of[e.row].valid:
            yield f"Row {e.row}: {told_of[e.row].reason}, which counts as failed."
    for e in results.entries:
        if why := asking.lost.get(e.row):
            nowhere = "" if e.apart else ", with no place in the models"
            yield f"Row {e.row}: {why}{nowhere}; kept, and not counted."
    outside = [
        str(e.row)
        for e in results.entries
        if e.row not in asking.lost and asking.problem.outside_limits(e.conditions)
    ]
    if outside:
        rows = f"{', '.join(outside[:5])}{f' and {len(outside) - 5} more' * (len(outside) > 5)}"
        yield (
            f"Row{'s' * (len(outside) > 1)} {rows}: outside today's ranges or limits; "
            "counted, and not asked for again."
        )


def _to_mind(asking: "Asking") -> Iterator[str]:
    """Say what to mind."""
    if asking.left < 0:
        yield f"That is {-asking.left} more than the budget of {asking.problem.budget}."
    yield from asking.results.remarks


def _to_do(asking: "Asking") -> Iterator[str]:
    """Say what to do with the table now."""
    problem, results = asking.problem, asking.results
    yield (
        f"Fill in {', '.join(problem.measured)} and save; in the column failed say why there is "
        "no result. Then ask again."
    )
    if results.uncomputed:
        yield "Its formulas come to nothing before it is saved in your spreadsheet."
