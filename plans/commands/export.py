"""``reactune export``: stored runs as a table for a spreadsheet or another program."""

import argparse
import sys
from pathlib import Path

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue

HELP = "write stored runs to one table (.csv, .xlsx, .parquet), or for the ORD (.ord)"
EXAMPLES = (
    "reactune export 5f0c2a7e 91b3d0aa -o both.xlsx",
    "reactune export 5f0c2a7e -o run.ord --by 'Anna Beck <anna@lab.org>'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument("uids", metavar="UID", nargs="+", help="stored runs, in one table")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="where to; its ending says which kind of file",
    )
    parser.add_argument(
        "--by", default="", metavar="WHO", help="who answers for it, 'Name <address>'; for .ord"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.report.export import export_of, write
    from reactune.analysis.report.ord import on_record, unnamed
    from reactune.analysis.sheets.sheet import SheetError

    from ..errors import UserError, told
    from ..service import open_catalogue
    from ..stored import campaigns_of

    if a.output.exists() and not a.overwrite:
        raise UserError(f"{a.output} is there already; name another file, or give --overwrite")
    with open_catalogue(a.catalogue) as catalogue, told(ValueError, LookupError, SheetError):
        export = export_of(campaigns_of(catalogue, a.uids), a.by)
        write(export, a.output)
    rows, columns = export.experiments.shape
    if a.output.suffix.lower() != ".ord":
        say(f"{a.output}: {rows} experiment{'s' * (rows != 1)}, {columns} columns")
        return EXIT_DONE
    if names := unnamed(export.campaigns):
        say(
            f"{', '.join(names)} only by these names: say what they are in [compounds] of the rig "
            "file",
            to=sys.stderr,
        )
    n = sum(len(on_record(campaign)) for campaign in export.campaigns)
    known = sum(campaign.known for campaign in export.campaigns)
    left = {"known before": known, "without a result": rows - n - known}
    said = [f"{count} {what} left out" for what, count in left.items() if count]
    say(", ".join([f"{a.output}: {n} experiment{'s' * (n != 1)}", *said]))
    return EXIT_DONE
