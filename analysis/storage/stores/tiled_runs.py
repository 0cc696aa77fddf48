"""Runs in Tiled, wherever it is: written by TiledWriter, read by databroker's client.

Tiled and what it needs are imported when they are needed, not with this module: that takes seconds.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...written import words
from ..journals import journal, reading
from ..journals.encoding import Document
from ..journals.names import uid_of
from .columns import from_columns, to_columns
from .store import Refused, Writer

SIMULATED_BATCH = 25
"""Events that Tiled takes at once from a simulated run, which makes hundreds in a minute."""

_NOT_THE_USERS = (  # Tiled 0.2's own affairs
    "Using `httpx` with `starlette.testclient` is deprecated",
    "No path_separator found in configuration",
)


class TiledRuns(ABC):
    """What stores in Tiled share (`store.Store`).

    Attributes
    ----------
    identity : str
        Of the catalogue: what marks in journals call it.
    note : str
        What the user should know of its opening, if anything.
    """

    identity = ""
    note = ""

    @property
    @abstractmethod
    def broker(self) -> Any:
        """The databroker client on this catalogue."""

    @abstractmethod
    def names(self) -> Collection[str]:
        """Names of the runs that it holds."""

    def whole(self) -> set[str]:
        """Uids of the runs that it holds with their stop documents."""
        return set(map(uid_of, self.names()))

    @abstractmethod
    def seal(self, path: Path) -> None:
        """Mark a journal as filed here."""

    @abstractmethod
    def close(self) -> None:
        """End everything."""

    def ends(self, name: str) -> reading.Ends:
        """Start and stop document of a run."""
        metadata = self.broker[uid_of(name)].metadata
        return reading.Ends(metadata.get("start"), metadata.get("stop"))

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """Documents of a run, rebuilt from Tiled's tables."""
        run = self.broker[uid_of(name)]
        return from_columns((kind, dict(doc)) for kind, doc in run.documents() if doc)

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
        return self.identity not in ends.filed | ends.refused

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
            journal.mark_refused(path, self.identity, why := words(error))
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


def quieten() -> None:
    """Hide warnings of Tiled's own affairs."""
    for message in _NOT_THE_USERS:
        warnings.filterwarnings("ignore", message=message)


def _named_as_columns(descriptor: Document) -> Document:
    """Name data keys as SQL can call them."""
    return to_columns("descriptor", descriptor)


def _plain(event: Document) -> Document:
    """Make arrays and numpy numbers plain, which is all that event-model and Arrow agree on."""
    event = to_columns("event", event)
    kinds = (np.ndarray, np.generic)
    data = {k: v.tolist() if isinstance(v, kinds) else v for k, v in event["data"].items()}
    return {**event, "data": data}
