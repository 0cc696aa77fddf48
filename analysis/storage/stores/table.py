"""The stores there are, by name: a new one is a row here."""

import os
from collections.abc import Mapping
from functools import partial

from .embedded import EmbeddedTiled
from .journal_only import JournalOnly
from .remote import RemoteTiled
from .server import Server
from .store import Opener

STORES: Mapping[str, Opener] = {"tiled": EmbeddedTiled, "journal": JournalOnly}
"""The stores by name: Tiled inside this process; the journals alone."""

USUAL = "journal" if os.name == "nt" else "tiled"
"""What runs are stored in: paths of Windows do not fit into the addresses of Tiled's files."""


class UnknownStore(LookupError):  # noqa: N818 - says what is, as KeyError does not
    """No store has a name."""


def opener_of(store: str | Opener | None, server: Server | None = None) -> Opener:
    """Find what opens the store that is asked for, by default that of $REACTUNE_STORE, or `USUAL`.

    Where a server holds the runs it is the store, whatever folders have.

    Raises
    ------
    UnknownStore
        When no store has the name.
    """
    if callable(store):
        return store
    if server:
        return partial(RemoteTiled, server)
    name = store or os.environ.get("REACTUNE_STORE") or USUAL
    if name not in STORES:
        source = "" if store else " of $REACTUNE_STORE"
        raise UnknownStore(f"The store {name!r}{source} is not known; known: {', '.join(STORES)}.")
    return STORES[name]
