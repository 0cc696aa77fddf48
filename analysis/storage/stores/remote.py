"""A Tiled server as a store: the runs of everybody who records there."""

import logging
import math
import threading
from collections.abc import Collection, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from ..journals import journal, names, reading
from ..journals.encoding import Document
from ..journals.names import uid_of
from .server import Server, api_key
from .store import Writer
from .tiled_runs import TiledRuns, quieten

PAGE = 300
"""Runs that a server lists at once; Tiled's limit."""

_TOGETHER = 25  # runs whose start and stop documents are asked for at once
_LAST = "last"
"""Under which the metadata of an ended run have what was decided last, for lists of runs."""
_DOUBTFUL = "may be duplicated"  # as TiledWriter notes of rows that it sent twice


class DoubtfulRun(RuntimeError):  # noqa: N818 - says what is, as KeyError does not
    """A server may hold rows twice: its answer to the first sending was lost."""


class RemoteTiled(TiledRuns):
    """A catalogue of runs in a Tiled server (`store.Store`).

    Several processes may write to it at once, each its own runs.

    Parameters
    ----------
    server : Server
    folder : Path
        With the journals of this computer.
    writing : bool
        Connect at once. Otherwise it connects when first needed.
    """

    note = ""

    def __init__(self, server: Server, folder: Path, *, writing: bool = False) -> None:
        self.identity = str(server)
        self._server, self._folder = server, folder
        self._client: Any = None
        self._connecting = threading.Lock()
        self._newest_first: list[str] = []
        self._ended: dict[str, Document] = {}  # metadata of ended runs, which stay as they are
        if writing:
            self.broker  # noqa: B018 - a property that connects

    @property
    def broker(self) -> Any:
        """The databroker client on this catalogue.

        Raises
        ------
        Unreachable
            When the server does not answer.
        """
        with self._connecting:
            if self._client is None:
                self._server.reach()  # Tiled would try for most of a minute
                quieten()
                # what the writer warns of is said by ours, in a sentence, where nobody logs
                logging.getLogger("bluesky_tiled_plugins").addHandler(logging.NullHandler())
                from tiled.client import Context, from_context

                address = self._server.api("metadata")
                context, path = Context.from_any_uri(address, api_key=api_key())
                self._client = from_context(context, node_path_parts=path, remember_me=False)
            return self._client

    def names(self) -> Collection[str]:
        """Names of the runs that it holds, finished or not; a run's name may be its journal's."""
        here = {uid_of(path.stem): path.stem for path in names.paths(self._folder)}
        listed = [
            here.get(uid) or names.run_name({"uid": uid, "time": found["time"]})
            for uid, found in self._selected("{time: start.time}")
            if isinstance(found.get("time"), int | float)
        ]
        self._newest_first = [uid_of(name) for name in sorted(listed, reverse=True)]
        return listed

    def whole(self) -> set[str]:
        """Uids of the runs that it holds with their stop documents."""
        return {uid for uid, found in self._selected("{uid: stop.uid}") if found.get("uid")}

    def _selected(self, part: str) -> Iterator[tuple[str, Document]]:
        """Give a part of the metadata of each run, some hundred in one request."""
        asked = {"fields": "metadata", "select_metadata": part, "omit_links": True}
        for item in self._listed({**asked, "page[limit]": PAGE}):
            yield item["id"], item["attributes"]["metadata"].get("selected") or {}

    def _listed(self, asked: Mapping[str, Any]) -> Iterator[Document]:
        from tiled.client.utils import handle_error

        http = self.broker.context.http_client
        address: str | None = self._server.api("search")
        while address:
            page = handle_error(http.get(address, params=asked)).json()
            yield from page["data"]
            following = urlsplit((page.get("links") or {}).get("next") or "")
            address = urlunsplit(following._replace(query=""))
            # httpx leaves out what is in an address once it is given parameters
            asked = {**asked, **dict(parse_qsl(following.query))}

    def ends(self, name: str) -> reading.Ends:
        """Start and stop document of a run; those of its neighbours are fetched with them."""
        uid = uid_of(name)
        found = self._ended.get(uid) or self._fetched(uid)
        last = {k: math.nan if v is None else v for k, v in found.get(_LAST, {}).items()}
        return reading.Ends(found.get("start"), found.get("stop"), last=last)

    def _fetched(self, uid: str) -> Document:
        from tiled.queries import KeysFilter

        order = self._newest_first
        at = order.index(uid) if uid in order else len(order)
        wanted = [
            uid,
            *(each for each in order[at + 1 : at + _TOGETHER] if each not in self._ended),
        ]
        found = {
            key: dict(run.metadata)
            for key, run in self.broker.search(KeysFilter(keys=wanted)).items()
        }
        self._ended |= {key: metadata for key, metadata in found.items() if metadata.get("stop")}
        return found.get(uid, {})

    def writer(self, start: Mapping[str, Any]) -> Writer:
        """Give what files one run, and says if it may have filed something twice."""
        self._server.reach()
        uid, write = start["uid"], super().writer(start)

        def sure(name: str, doc: Document) -> None:
            write(name, doc)
            if name == "stop":
                notes = self.broker[uid].metadata.get("notes") or ()
                if any(_DOUBTFUL in note for note in notes):
                    raise DoubtfulRun("the server may hold some of its rows twice")

        return sure

    def _writer(self, batch: int) -> Writer:
        """Give what files one run, and notes what was decided last beside its stop document."""
        write, streams, last = super()._writer(batch), dict[str, str](), dict[str, Any]()

        def noting(name: str, doc: Document) -> None:
            write(name, doc)
            if name == "descriptor":
                streams[doc["uid"]] = doc["name"]
            elif name == "event" and streams.get(doc["descriptor"]) == "decision":
                last.update(doc["data"])
            elif name == "stop" and last:
                told = {key: _as_json(v) for key, v in last.items() if isinstance(v, str | Real)}
                self.broker[doc["run_start"]].update_metadata({_LAST: told}, drop_revision=True)

        return noting

    def refile(self, path: Path) -> None:
        """Send a whole run from its journal; see `store.Store`."""
        self._server.reach()
        self._ended.pop(uid_of(path.stem), None)
        super().refile(path)

    def seal(self, path: Path) -> None:
        """Mark a journal as filed here."""
        if self.lacks(path):
            journal.mark_filed(path, self.identity)

    def close(self) -> None:
        """End the connection."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            client.context.close()


def _as_json(value: str | Real) -> str | float | None:
    """Give a text or a number of a decision; None for a number that JSON does not have."""
    if isinstance(value, str):
        return value
    return float(value) if math.isfinite(value) else None
