"""``reactune rediscover``: a known reaction again, on what may have changed since."""

import argparse

from ..terminal.options import add_campaign

HELP = "find a known reaction again: after new reagents, a service, on a sister reactor"
EXAMPLES = (
    "reactune rediscover 5f0c2a7e --budget 20",
    "reactune rediscover results.csv --problem snar.toml --rig my-rig.toml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)
    parser.add_argument(
        "sources",
        metavar="UID|TABLE",
        nargs="+",
        help="the earlier run: its uid as reactune runs lists it, the beginning of that, or "
        "'last'; or a table of results, CSV or XLSX; or several of these",
    )
    parser.add_argument(
        "--problem",
        metavar="NEW",
        help="problem file [that of the earlier run; a table or scan has none]",
    )
    parser.add_argument(
        "--review",
        action="store_true",
        help="show every batch before it is measured, to approve it, change, add or drop points",
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from .. import service
    from ..terminal.campaign import carry_out
    from ..terminal.review import at_terminal

    how = {"problem": a.problem, "seed": a.seed, "budget": a.budget}
    reviewer = at_terminal if a.review else None
    return carry_out(a, service.rediscover, a.sources, a.rig, reviewer=reviewer, **how)
