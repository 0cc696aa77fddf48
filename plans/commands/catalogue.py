"""``reactune catalogue``: look after where runs are stored."""

import argparse
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, EXIT_FAILURE, add_catalogue, described, examples

if TYPE_CHECKING:
    from reactune.analysis.storage.place import Place

HELP = "look after where runs are stored"
EXAMPLES = (
    "reactune catalogue repair",
    "reactune catalogue publish http://lab:8000",
    "reactune catalogue verify --catalogue http://lab:8000",
)
REPAIR = (
    "make damaged databases anew from the journals, bring home what was stored elsewhere, send a "
    "server what it lacks or holds otherwise, and name what is lost; nothing is deleted"
)
PUBLISH = (
    "send a server the runs that it lacks, from their journals: those of a folder, or those that "
    "were recorded for it while it did not answer"
)
VERIFY = (
    "compare what a server, or a folder's own database, holds with the journals, document by "
    "document; ends with 1 if anything differs"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, what, act in (
        ("repair", REPAIR, _repair),
        ("publish", PUBLISH, _publish),
        ("verify", VERIFY, _verify),
    ):
        action = actions.add_parser(name, help=what, **described(what))
        action.epilog = examples(*(each for each in EXAMPLES if f" {name}" in each))
        add_catalogue(action)
        action.set_defaults(act=act)
        action.add_argument(
            "server",
            metavar="SERVER",
            nargs="?",
            help="a Tiled server, http://..., that the journals of --catalogue are to be in [that "
            "of --catalogue]",
        )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    import logging

    # what is met is said below, in its place
    logging.getLogger("reactune.analysis.storage").addHandler(logging.NullHandler())
    return int(a.act(a))


def _place(given: str | None) -> "Place":
    """Find a catalogue that is there."""
    from reactune.analysis.storage.place import place_of
    from reactune.analysis.storage.stores.server import NoCatalogue

    from ..errors import UserError, told

    with told(NoCatalogue, OSError):
        place = place_of(given)
        place.check(writing=True)
    if place.server is None and not place.folder.is_dir():
        raise UserError(f"There is no catalogue in {place}.")
    return place


def _repair(a: argparse.Namespace) -> int:
    """Mend the catalogue; exit 1 if something is left that cannot be mended."""
    from reactune.analysis.storage.lock import CatalogueBusy
    from reactune.analysis.storage.place import Place
    from reactune.analysis.storage.repair import repair
    from reactune.analysis.storage.stores.table import UnknownStore

    from ..errors import told

    place = _place(a.catalogue)
    if a.server:
        place = Place(place.folder, _place(a.server).server)
    with told(CatalogueBusy, UnknownStore, OSError):
        found = repair(place)
    for sentence in (*found.done, *found.left):
        say(sentence)
    if not found.left:
        say(f"The catalogue in {place} is whole.")
    return EXIT_FAILURE if found.left else EXIT_DONE


def _publish(a: argparse.Namespace) -> int:
    """Send a server what it lacks; exit 1 if something cannot be sent."""
    from reactune.analysis.storage.publishing import publish
    from reactune.analysis.storage.stores.remote import RemoteTiled

    from ..errors import UserError, told

    place = _place(a.catalogue)
    to = _place(a.server) if a.server else place
    if to.server is None:
        raise UserError(
            f"catalogue publish: to which server? reactune catalogue publish http://... sends it "
            f"the runs of {place}"
        )
    store = RemoteTiled(to.server, place.folder)
    try:
        with told(OSError):
            found = publish(place.folder, store)
    finally:
        store.close()
    for sentence in (*found.said, *found.left.values()):
        say(sentence)
    say(f"{_runs(len(found.sent))} sent to {to}, {found.held} there before.")
    return EXIT_FAILURE if found.left else EXIT_DONE


def _verify(a: argparse.Namespace) -> int:
    """Compare; exit 1 if anything differs."""
    from reactune.analysis.storage.publishing import verify
    from reactune.analysis.storage.stores.journal_only import JournalOnly
    from reactune.analysis.storage.stores.table import UnknownStore, opener_of
    from reactune.analysis.storage.stores.tiled_folder import DamagedStore

    from ..errors import UserError, told

    place = _place(a.catalogue)
    other = _place(a.server) if a.server else place
    with told(UnknownStore):
        store = opener_of(None, other.server)(place.folder, writing=False)
    if isinstance(store, JournalOnly):
        raise UserError(
            f"catalogue verify: {place} is kept in journals alone, there is nothing to compare"
        )
    try:
        with told(OSError):
            found = verify(place.folder, store)
    except DamagedStore as damage:
        say(f"{damage}. {other.cure}")
        return EXIT_FAILURE
    finally:
        store.close()
    for sentence in (*found.said, *(each for them in found.differing.values() for each in them)):
        say(sentence)
    differ = f"{len(found.differing)} differ" if found.differing else "all as they were recorded"
    if found.runs:
        say(f"{_runs(found.runs)} with {found.documents} documents compared in {other}: {differ}.")
    else:
        say(f"Nothing was compared: {place.folder} has no journal of a run in {other}.")
    if found.elsewhere:
        say(
            f"{_runs(found.elsewhere)} there without a journal here: nothing to compare them with. "
            f"reactune catalogue verify {other} --catalogue DIR compares with the journals in DIR."
        )
    if found.differing:
        where = f"{other} --catalogue {place}" if a.server else f"--catalogue {place}"
        say(f"To mend them: reactune catalogue repair {where}")
    return EXIT_FAILURE if found.differing else EXIT_DONE


def _runs(number: int) -> str:
    return f"{number} run{'s' * (number != 1)}"
