"""``reactune rediscover``: begin where an earlier campaign was good."""

import argparse

from .common import add_campaign, add_uid

HELP = "start a campaign from the best points of an earlier one"
EXAMPLES = ("reactune rediscover 5f0c2a7e --budget 20",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)
    add_uid(parser, "the earlier run")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from .. import service
    from .terminal import carry_out

    return carry_out(a, service.rediscover, a.uid, a.rig, seed=a.seed, budget=a.budget)
