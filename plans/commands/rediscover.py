"""``reactune rediscover``: begin where an earlier campaign was good."""

import argparse

from .common import add_campaign

HELP = "start a campaign from the best points of an earlier one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)
    parser.add_argument("uid", metavar="UID")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from .. import service
    from .terminal import carry_out

    return carry_out(a, service.rediscover, a.uid, a.rig, seed=a.seed, budget=a.budget)
