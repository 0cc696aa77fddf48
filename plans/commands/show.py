"""``reactune show``: summary and page of a stored run again."""

import argparse

from .common import EXIT_DONE, add_catalogue

HELP = "show a stored run again: summary and page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument("uid", metavar="UID")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..service import open_catalogue, stored_campaign
    from .terminal import say_result

    with open_catalogue(a.catalogue) as catalogue:
        say_result(stored_campaign(catalogue, a.uid), catalogue.folder, as_json=a.json)
    return EXIT_DONE
