"""``reactune catalogue``: look after where runs are stored."""

import argparse

from ..saying import say
from .common import EXIT_DONE, EXIT_FAILURE, add_catalogue, described, examples

HELP = "look after where runs are stored"
EXAMPLES = ("reactune catalogue repair",)
REPAIR = (
    "make damaged databases anew from the journals, bring home what was stored elsewhere, and name "
    "what is lost; nothing is deleted"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    mend = actions.add_parser("repair", help=REPAIR, **described(REPAIR))
    mend.epilog = examples(*EXAMPLES)
    add_catalogue(mend)
    mend.set_defaults(act=_repair)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    return int(a.act(a))


def _repair(a: argparse.Namespace) -> int:
    """Mend the catalogue; exit 1 if something is left that cannot be mended."""
    import logging

    from reactune.analysis.storage.catalogue import CatalogueBusy
    from reactune.analysis.storage.repair import repair

    from ..errors import UserError, told
    from ..service import open_catalogue

    with open_catalogue(a.catalogue) as catalogue:
        folder = catalogue.folder
    if not folder.is_dir():
        raise UserError(f"There is no catalogue in {folder}.")
    # what is met is said below, in its place
    logging.getLogger("reactune.analysis.storage").addHandler(logging.NullHandler())
    with told(CatalogueBusy, OSError):
        found = repair(folder)
    for sentence in (*found.done, *found.left):
        say(sentence)
    if not found.left:
        say(f"The catalogue in {folder} is whole.")
    return EXIT_FAILURE if found.left else EXIT_DONE
