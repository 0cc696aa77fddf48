"""``reactune optimise``: a new campaign, or an interrupted one further."""

import argparse

from ..errors import UserError
from ..terminal.options import add_campaign, add_problem

HELP = "run a campaign"
EXAMPLES = (
    "reactune optimise adducts.toml --rig my-rig.toml",
    "reactune optimise adducts.toml --from 5f0c2a7e --from results.csv",
    "reactune optimise --resume last --budget 40",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)
    add_problem(parser, optional=True)
    parser.add_argument(
        "--from",
        dest="known",
        action="append",
        default=[],
        metavar="UID|TABLE",
        help="begin with the results of a stored run, campaign or scan, or of a table, CSV or "
        "XLSX; may be given more than once. The budget counts new experiments only",
    )
    parser.add_argument(
        "--resume",
        metavar="UID",
        help="go on with an interrupted campaign; with --rig if ports or syringes have changed, "
        "with --budget to go on with one that is finished, up to so many in all",
    )
    parser.add_argument(
        "--problem",
        dest="changed",
        metavar="NEW",
        help="with --resume: go on under the changed limits or windows of this problem file",
    )
    parser.add_argument(
        "--review",
        action="store_true",
        help="show every batch before it is measured, to approve it, change, add or drop points",
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    _check(a)
    from .. import service
    from ..terminal.campaign import carry_out
    from ..terminal.review import at_terminal

    how = {"budget": a.budget, "reviewer": at_terminal if a.review else None}
    if a.resume:
        return carry_out(a, service.resume, a.resume, a.rig, problem=a.changed, **how)
    rig = a.rig or "walker"
    return carry_out(a, service.run, a.problem, rig, seed=a.seed, known=a.known, **how)


def _check(a: argparse.Namespace) -> None:
    """Refuse arguments that do not go together."""
    if a.resume and (a.problem or a.seed is not None):
        raise UserError(
            "optimise: --resume goes on with the stored problem and seed; leave them out, or give "
            "changed limits or windows as --problem NEW"
        )
    if a.resume and a.known:
        raise UserError(
            "optimise: --resume goes on with what its campaign knows; for a new campaign that "
            f"knows it, too: reactune optimise PROBLEM --from {a.resume}"
        )
    if a.changed and not a.resume:
        raise UserError("optimise: --problem changes a campaign: --resume UID; else name PROBLEM")
    if not a.resume and not a.problem:
        raise UserError("optimise: name a PROBLEM, or an interrupted campaign: --resume UID")
