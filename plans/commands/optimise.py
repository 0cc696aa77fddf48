"""``reactune optimise``: a new campaign, or an interrupted one further."""

import argparse

from ..errors import UserError
from .common import add_campaign

HELP = "run a campaign"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)
    parser.add_argument("problem", metavar="PROBLEM", nargs="?")
    parser.add_argument(
        "--from",
        dest="known",
        action="append",
        default=[],
        metavar="UID|TABLE",
        help="begin with the results of a stored run, or of a table, CSV or XLSX; may be given "
        "more than once. The budget counts new experiments only",
    )
    parser.add_argument(
        "--resume",
        metavar="UID",
        help="go on with an interrupted campaign; with --rig if ports or syringes have changed, "
        "with --budget to go on with one that is finished, up to so many in all",
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    if a.resume and (a.problem or a.seed is not None):
        raise UserError(
            "optimise: --resume goes on with the stored problem and seed; leave them out"
        )
    if a.resume and a.known:
        raise UserError(
            "optimise: --resume goes on with what its campaign knows; for a new campaign that "
            f"knows it, too: reactune optimise PROBLEM --from {a.resume}"
        )
    if not a.resume and not a.problem:
        raise UserError("optimise: name a PROBLEM, or an interrupted campaign: --resume UID")
    from .. import service
    from .terminal import carry_out

    if a.resume:
        return carry_out(a, service.resume, a.resume, a.rig, budget=a.budget)
    rig = a.rig or "walker"
    return carry_out(a, service.run, a.problem, rig, seed=a.seed, budget=a.budget, known=a.known)
