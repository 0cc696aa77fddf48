"""``reactune replay``: whether the agent would ask the same again."""

import argparse

from ..saying import say
from ..terminal.options import EXIT_DONE, EXIT_FAILURE, add_catalogue, add_uid

HELP = "feed a stored run through the agent and compare every ask"
EXAMPLES = ("reactune replay last",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    add_uid(parser, "the run to feed through the agent")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.campaign.replay import replay

    from ..errors import told
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue, told(ValueError, LookupError):
        result = replay(catalogue, a.uid)
    say(f"{result.identical} of {result.n} asks identical")
    for difference in result.differences:
        say(difference)
    if result.lost:
        say(f"{result.lost}: nothing after it can be compared")
    return EXIT_FAILURE if result.differences or result.lost else EXIT_DONE
