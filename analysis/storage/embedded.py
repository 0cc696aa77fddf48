"""The embedded store: Tiled inside this process, on SQLite and files, without a server.

Tiled and what it needs are imported when it opens, not with this module: that takes seconds.
"""

import logging
import threading
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import journal, names, reading
from .columns import from_column, renamed, to_column
from .encoding import Document
from .names import uid_of
from .store import Refused, Writer
from .tiled_folder import TiledFolder

SIMULATED_BATCH = 25
"""Events that Tiled takes at once from a simulated run, which makes hundreds in a minute."""

_NOT_THE_USERS = (  # Tiled 0.2's own affairs
    "Using `httpx` with `starlette.testclient` is deprecated",
    "No path_separator found in configuration",
)


class EmbeddedTiled:
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
        self._id, self.note = "", ""
        if writing:
            _quieten()
            self._id, self.note = self._files.prepare()
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
        _quieten()
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

    def ends(self, name: str) -> reading.Ends:
        """Start and stop document of a run."""
        metadata = self.broker[uid_of(name)].metadata
        return reading.Ends(metadata.get("start"), metadata.get("stop"))

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """Documents of a run, rebuilt from Tiled's tables."""
        run = self.broker[uid_of(name)]
        return [
            (kind, renamed(kind, dict(doc), from_column)) for kind, doc in run.documents() if doc
        ]

    def writer(self, start: Mapping[str, Any]) -> Writer:
        """Give what files one run: event by event, from a simulated run a batch at a time."""
        return self._writer(SIMULATED_BATCH if start.get("simulated") else 1)

    def _writer(self, batch: int) -> Writer:
        from bluesky_tiled_plugins import TiledWriter

        # SQLite has no list columns, so arrays of any size (> 0) go to files.
        patches = {"event": _plain, "descriptor": _named_as_columns}
        writer: Writer = TiledWriter(
            self.broker, batch_size=batch, max_array_size=0, patches=patches
        )
        return writer

    def lacks(self, path: Path) -> bool:
        """Whether the journal at `path` has no mark of this catalogue."""
        ends = reading.read_ends(path)
        return self._id not in ends.filed | ends.refused

    def refile(self, path: Path) -> None:
        """File a whole run anew from its journal; mark it there if that can never be."""
        documents = reading.read(path).documents
        uid = documents[0][1]["uid"]
        self._forget(uid)
        try:
            self._write(documents)
        except Exception as error:
            if not self.is_well():
                raise
            self._forget(uid)
            why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
            journal.mark_refused(path, self._id, why)
            raise Refused(why) from error

    def _write(self, documents: list[tuple[str, Document]]) -> None:
        """File a run in one piece: then a column of mixed integers and floats finds its type."""
        write = self._writer(batch=len(documents))
        for name, doc in documents:
            write(name, doc)

    def _forget(self, uid: str) -> None:
        if uid in self.broker:
            self.broker.delete_contents(uid, recursive=True, external_only=False)

    def is_well(self) -> bool:
        """Whether it takes a run that is as plain as can be: then it is well."""
        from event_model import compose_run

        run = compose_run(metadata={"plan_name": "probe"})
        keys = {
            "number": {"source": "probe", "dtype": "number", "shape": []},
            "trace": {"source": "probe", "dtype": "array", "shape": [2]},
        }
        stream = run.compose_descriptor(name="primary", data_keys=keys)
        event = stream.compose_event(
            data={"number": 1.0, "trace": [1.0, 2.0]}, timestamps=dict.fromkeys(keys, 0.0)
        )
        documents: list[tuple[str, Any]] = [
            ("start", run.start_doc),
            ("descriptor", stream.descriptor_doc),
            ("event", event),
            ("stop", run.compose_stop()),
        ]
        try:
            self._write(documents)
            self._forget(run.start_doc["uid"])
        except Exception:  # noqa: BLE001 - whatever it is, it is not well
            return False
        return True

    def seal(self, path: Path) -> None:
        """Enter a run in the index, then mark its journal as filed here."""
        if path.stem not in (names := self.names()):
            self._files.write_index([*names, path.stem])
        journal.mark_filed(path, self._id)

    def close(self) -> None:
        """End the server inside and its threads."""
        with self._opening:
            context, self._context, self._client = self._context, None, None
        if context is not None:
            context.close()


def _quieten() -> None:
    """Hide warnings of Tiled's own affairs."""
    for message in _NOT_THE_USERS:
        warnings.filterwarnings("ignore", message=message)


def _named_as_columns(descriptor: Document) -> Document:
    """Name data keys as SQL can call them."""
    return renamed("descriptor", descriptor, to_column)


def _plain(event: Document) -> Document:
    """Make arrays and numpy numbers plain, which is all that event-model and Arrow agree on."""
    event = renamed("event", event, to_column)
    kinds = (np.ndarray, np.generic)
    data = {k: v.tolist() if isinstance(v, kinds) else v for k, v in event["data"].items()}
    return {**event, "data": data}
