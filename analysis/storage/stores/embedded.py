"""The embedded store: Tiled inside this process, on SQLite and files, without a server.

Tiled and what it needs are imported when it opens, not with this module: that takes seconds.
"""

import logging
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..journals import journal, names
from ..journals.names import uid_of
from .tiled_folder import TiledFolder
from .tiled_runs import TiledRuns, quieten


class EmbeddedTiled(TiledRuns):
    """A Tiled catalogue inside this process, read through databroker (`store.Store`).

    Parameters
    ----------
    folder : Path
        Absolute, links resolved.
    writing : bool
        Open at once, and make what is missing. Otherwise it opens when first needed.

    Attributes
    ----------
    note : str
        What the user should know of its opening, if anything.
    """

    def __init__(self, folder: Path, *, writing: bool = False) -> None:
        self._files = TiledFolder(folder)
        self._context: Any = None
        self._client: Any = None
        self._opening = threading.Lock()
        self.identity, self.note = "", ""
        if writing:
            quieten()
            self.identity, self.note = self._files.prepare()
            index = self._files.index()  # before Tiled is open, which would have to be closed
            self._client = self._open()
            if index is None:
                self._files.write_index(self._names_in_tiled())

    @property
    def broker(self) -> Any:
        """The databroker client on this catalogue.

        Raises
        ------
        FileNotFoundError
            When nothing has been recorded in this folder.
        RuntimeError
            When the folder was moved and not yet opened for writing since.
        """
        with self._opening:
            if self._client is None:
                folder, made = self._files.folder, self._files.made()
                if made is None:
                    raise FileNotFoundError(f"There is no catalogue in {folder} yet.")
                if made[1] != self._files.place:
                    raise RuntimeError(
                        f"The catalogue in {folder} was moved here from {made[1]}, which Tiled "
                        f"cannot follow: open it once for writing to have it made anew from the "
                        f"journal."
                    )
                self._client = self._open()
            return self._client

    def _open(self) -> Any:
        """Start Tiled in this process and give databroker's client on it."""
        quieten()
        from bluesky_tiled_plugins.exporters import json_seq_exporter
        from tiled.catalog import from_uri
        from tiled.client import Context, from_context
        from tiled.media_type_registration import default_serialization_registry
        from tiled.server.app import build_app

        logging.getLogger("tiled.server.app").setLevel(logging.WARNING)  # greets at INFO
        # Without it a run's documents() are answered by 406.
        default_serialization_registry.register(
            "BlueskyRun", "application/json-seq", json_seq_exporter
        )
        tree = from_uri(
            f"sqlite:///{self._files.place / 'catalog.db'}",
            specs=[{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
            writable_storage=[
                str(self._files.place / "data"),
                f"sqlite:///{self._files.place / 'storage.db'}",
            ],
        )
        self._context = Context.from_app(build_app(tree))
        return from_context(self._context)

    def names(self) -> Collection[str]:
        """Names of the runs that it holds whole."""
        index = self._files.index()
        return self._names_in_tiled() if index is None else index

    def _names_in_tiled(self) -> list[str]:
        """Ask Tiled itself, which has to open for it; a run's name may be that of its journal."""
        journals = {uid_of(path.stem): path.stem for path in names.paths(self._files.folder)}
        return [
            journals.get(uid) or names.run_name(self.broker[uid].metadata["start"])
            for uid in self.broker
        ]

    def seal(self, path: Path) -> None:
        """Enter a run in the index, then mark its journal as filed here."""
        if path.stem not in (names := self.names()):
            self._files.write_index([*names, path.stem])
        journal.mark_filed(path, self.identity)

    def close(self) -> None:
        """End the server inside and its threads."""
        with self._opening:
            context, self._context, self._client = self._context, None, None
        if context is not None:
            context.close()
