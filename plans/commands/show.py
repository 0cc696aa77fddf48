"""``reactune show``: summary and page again, of a stored run or of a table that is kept by hand."""

import argparse
import json
import shlex
import sys
import textwrap
from pathlib import Path

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue, seed, shipped_problems

HELP = "show a stored run, or a table of results: summary and page"
EXAMPLES = (
    "reactune show last",
    "reactune show snar.toml results.csv --stop",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument(
        "what", metavar="UID|PROBLEM", help="a stored run, or the problem that a table belongs to"
    )
    parser.add_argument(
        "table", metavar="TABLE", nargs="?", type=Path, help="the table, CSV or XLSX"
    )
    parser.add_argument(
        "--stop", action="store_true", help="of a table: say whether going on is of use"
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="S", help="of a table: as it was asked with [0]"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the summary as JSON; of a scan what it found"
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    if a.table is not None:
        return _table(a)
    from reactune.analysis.report.made import is_made, made_of
    from reactune.analysis.report.scan import is_scan, scan_of
    from reactune.analysis.report.table import Campaign
    from reactune.analysis.storage.lineage import is_campaign, lineage

    from ..errors import UserError, told
    from ..service import open_catalogue
    from ..stored import find_run
    from ..terminal.result import say_result

    _refuse_half(a.what)
    if a.stop:
        raise UserError("show: --stop is about a table; name PROBLEM and TABLE")
    with open_catalogue(a.catalogue) as catalogue, told(ValueError, LookupError):
        stored = find_run(catalogue, a.what)
        if is_made(stored.start):
            made = made_of(stored)
            say(json.dumps(made.to_json()) if a.json else made.to_text())
            return EXIT_DONE
        run = lineage(catalogue, stored.uid)
        scan = scan_of(run) if is_scan(run.start) else None
        if scan is not None and not is_campaign(run.start):
            say(json.dumps({"scan": scan.to_json()}) if a.json else f"\n{scan.to_text()}\n")
            return EXIT_DONE
        say_result(Campaign.of(run), catalogue.folder, as_json=a.json, scan=scan)
    return EXIT_DONE


def _refuse_half(what: str) -> None:
    """Refuse a problem whose table is not named, and a table without its problem."""
    from ..errors import UserError
    from ..tables import is_table

    if what.endswith(".toml") or what in shipped_problems():
        right = shlex.join(["reactune", "show", what, "results.csv"])
        raise UserError(f"{what} is a problem; name its table as well: {right}")
    if is_table(what):
        right = shlex.join(["reactune", "show", "problem.toml", what])
        raise UserError(f"{what} is a table; name its problem before it: {right}")


def _table(a: argparse.Namespace) -> int:
    """Show a table."""
    from ..problems import load_problem
    from ..tables import in_order, kept, open_table
    from ..terminal.result import say_result

    in_order("show", a.what, a.table)
    asking = open_table(load_problem(a.what), a.table, a.seed, begin=False)
    campaign, folder = kept(asking, a.table, a.seed, a.catalogue)
    say_result(campaign, folder, as_json=a.json)
    aside = sys.stderr if a.json else sys.stdout
    for remark in asking.results.remarks:
        say(textwrap.fill(remark, 80), to=aside)
    if a.stop:
        stop, reason = asking.agent.should_stop()
        told = f"Stop: {reason}." if stop else "Go on: another experiment is of use."
        say(textwrap.fill(told, 80), to=aside)
    return EXIT_DONE
