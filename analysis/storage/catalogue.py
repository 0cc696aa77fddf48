"""The catalogue: every run of a folder or a server, written through a RunEngine, read by uid.

Each document goes to the run's journal first (fsynced; the truth), then to a store (`store.Store`):
an embedded Tiled catalogue on SQLite and files, which databroker reads, a Tiled server, or none but
the journals.
What the store did not take, for whatever reason, is filed from the journal when the run ends or the
folder is next opened for writing. What the folder does not take goes to a second place
(`spill.Spill`) and comes home when the folder is next opened for writing. Several processes may
record at once: each run's journal is locked by who writes it, the store by who files.

Reading a run takes the journal where there is one, exactly as emitted and without the seconds that
Tiled needs to open; searching by queries, and runs without a journal, go to the store.

Layout of the folder: ``journal/*.jsonl``, ``writer.lock``, and what the store keeps
(`embedded.EmbeddedTiled`).
"""

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakMethod

from ..written import words
from .filing import close_store
from .journals.encoding import Document, JournalError
from .journals.journal import is_being_written
from .journals.names import UnknownRun, default_folder, match, order_of, path_of, uid_of
from .journals.spill import Spill
from .lock import CatalogueBusy
from .place import place_of
from .recorder import Recorder, at_the_end
from .run import Run, RunSummary
from .stores.journal_only import InMemory, JournalOnly
from .stores.store import Opener, Store
from .stores.table import opener_of

__all__ = [
    "Catalogue",
    "CatalogueBusy",
    "Run",
    "RunSummary",
    "UnknownRun",
    "default_folder",
]

_log = logging.getLogger(__name__)


class Catalogue:
    """Every run in one folder, or in a Tiled server.

    Readers open at once and work beside writers, and writers beside each other. Opening for writing
    takes the seconds that Tiled needs, brings home what was spilled, ends the runs of processes
    that died (`exit_status` fail, `recovered` true) and files what the store lacks. It is closed at
    the end of the process if not before.

    Parameters
    ----------
    folder : path-like, optional
        Or the address of a Tiled server, ``http://...`` or ``https://...``, whose key is in
        $TILED_API_KEY or the file that $TILED_API_KEY_FILE names. Default: `place.place_of`.
    writing : bool
        Whether runs will be recorded.
    store : str or Opener, optional
        Where runs are stored beside their journals: a name in `stores.STORES`, or what opens one.
        With ``"journal"`` nowhere: opening takes no time, and a run is filed in Tiled when the
        folder is next opened for writing with it. Default: $REACTUNE_STORE, else ``"tiled"``
        (on Windows ``"journal"``).
    spill : path-like, optional
        Where documents go that the folder does not take. Default: $REACTUNE_SPILL, else
        ``reactune/spill`` in the user's state folder.

    Attributes
    ----------
    place : place.Place
        Folder or server; its text is what the user calls it.
    folder : Path
        With the journals: of a server's catalogue a folder of this computer.
    problems : list of str
        What went wrong since opening, one sentence each; also logged as warnings.

    Raises
    ------
    OSError
        When `writing` and the folder cannot be made.
    UnknownStore
        When no store has the name.
    NoCatalogue, ServerTrouble, Unreachable
        When an address is none, or its server cannot be worked with.

    Examples
    --------
    >>> with Catalogue(writing=True) as catalogue:  # doctest: +SKIP
    ...     RE.subscribe(catalogue.record)
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        writing: bool = False,
        store: str | Opener | None = None,
        spill: str | Path | None = None,
    ) -> None:
        self.place = place = place_of(folder)
        opener = opener_of(store, place.server)
        place.check(writing=writing)
        self.folder = place.folder
        self.problems: list[str] = []
        self._spill = Spill(self.folder, Path(spill) if spill else None)
        self._journals = JournalOnly(self.folder, report=self._once)
        self._spilled = JournalOnly(self._spill.folder, report=self._once)
        self._recorder: Recorder | None = None
        self._reading: Store = self._journals  # whoever is interrupted in between can be closed
        if writing:
            opened = partial(at_the_end, WeakMethod(self._leave))
            self._recorder = Recorder(place, opener, self._spill, self._problem, opened)
            opened()
        self._reading = opener(self.folder, writing=False)

    @property
    def _store(self) -> Store:
        return (self._recorder and self._recorder.store) or self._reading

    def _problem(self, sentence: str) -> None:
        self.problems.append(sentence)
        _log.warning(sentence)

    def _once(self, sentence: str) -> None:
        if sentence not in self.problems:
            self._problem(sentence)

    def record(self, name: str, doc: Mapping[str, Any]) -> None:
        """Store one document; subscribe this to a RunEngine.

        The document is on the disk, in the run's journal, when this returns; the store follows in a
        thread of its own, and has the whole run when its stop document returns, unless it takes
        longer than a minute. What fails is reported in `problems` and the log at once and never
        stops an experiment: what the folder does not take goes to the second place, and is held in
        memory if that does not take it either, until one of them does; an error of the store is
        made good from the journal.

        Parameters
        ----------
        name : str
            Kind of the document.
        doc : mapping
            The document.

        Raises
        ------
        io.UnsupportedOperation
            When the catalogue was not opened for writing or is closed: a mistake in the program,
            which shows at the start document, before anything has moved.
        """
        if self._recorder is None:
            raise io.UnsupportedOperation(
                f"The catalogue {self.place} is not open for writing; "
                f"open it by Catalogue(folder, writing=True)."
            )
        try:
            self._recorder.record(name, doc)
        except Exception as error:  # noqa: BLE001 - in the RunEngine it would abort the experiment
            self._problem(f"A document of kind {name} WAS NOT SAVED ({words(error)}).")

    def flush(self, timeout: float = 60) -> bool:
        """Wait until the store was given all that is recorded; False if not in `timeout` [s]."""
        return self._recorder.flush(timeout) if self._recorder else True

    def stored(self, uid: str) -> bool:
        """Whether all that was recorded of a run is in this folder.

        If not it is in the second place, or in memory until this process ends; `problems` says so.
        """
        if self._recorder:
            return self._recorder.stored(uid)
        return uid not in map(uid_of, self._spilled.names())

    @contextmanager
    def claim(self, uid: str) -> Iterator[None]:
        """Have nobody else go on with a run from now on, until the one that does is recorded here.

        An exception in the block gives it free again.

        Raises
        ------
        CatalogueBusy
            When it is being recorded still, or may be on another computer, or another process goes
            on with it.
        """
        name, store = self._here().get(uid) or self._known()[uid]
        if self.place.server and store is self._store and store.ends(name).stop is None:
            raise CatalogueBusy(
                f"run {uid[:8]} has no end in {self.place}, and its journal is on another "
                "computer, which may be recording it: go on with it there, or once it has ended"
            )
        recorder = self._recorder
        free = recorder.claim(uid, name) if recorder else not self._is_living(name, store)
        if not free:
            raise CatalogueBusy(
                f"run {uid[:8]} is being recorded, or gone on with, by another process: wait until "
                f"that ends"
            )
        try:
            yield
        except BaseException:
            if recorder:
                recorder.release(uid)
            raise

    @property
    def broker(self) -> Any:
        """The databroker client (`databroker.client.CatalogOfBlueskyRuns`) on this catalogue.

        Raises
        ------
        FileNotFoundError
            When nothing has been recorded in this folder.
        RuntimeError
            When the folder was moved and not yet opened for writing since.
        io.UnsupportedOperation
            When there are only the journals.
        """
        self.flush()
        return self._store.broker

    def search(self, *queries: Any) -> list[Run]:
        """Find runs by what their documents say, newest first.

        Parameters
        ----------
        *queries : mapping, or databroker.queries.Key, TimeRange, FullText ...
            A run must match all of them. A mapping names values of the start document, dots going
            deeper, as the filters of `runs`: ``{"plan_name": "scan"}``. Keys of databroker's
            queries are those of start and stop document: ``Key("stop.exit_status") == "success"``.
        """
        known = self._known()
        matching, found = set(known), None
        for query in queries:
            if isinstance(query, Mapping):
                matching &= {run.uid for run in self.runs(**query)}
            else:
                found = (self.broker if found is None else found).search(query)
        matching &= set(known if found is None else found)
        return [self._run(uid, *place) for uid, place in known.items() if uid in matching]

    def runs(self, limit: int | None = None, **filters: Any) -> list[RunSummary]:
        """List the runs, newest first.

        Parameters
        ----------
        limit : int, optional
            At most so many.
        **filters
            Values of a summary's fields, or of keys of the start document (dots go deeper):
            ``runs(simulated=False, **{"problem.batch": 7})``.
        """
        found: list[RunSummary] = []
        for uid, (name, store) in self._known().items():
            if limit is not None and len(found) >= limit:
                break
            try:
                start, summary = self._summary(uid, name, store)
            except (JournalError, OSError) as error:
                self._problem(str(error))
                continue
            except Exception as error:  # noqa: BLE001 - the store's; the others can be listed
                self._problem(f"Run {uid[:8]} cannot be listed ({words(error)}).")
                continue
            if all(_value(start, summary, key) == wanted for key, wanted in filters.items()):
                found.append(summary)
        return found

    def __getitem__(self, key: str | int) -> Run:
        """Give a run by its uid, the beginning of it, its scan_id, or how long ago it was.

        A number from 1 up is a ``scan_id``, of which the newest run counts; -1 is the newest run,
        as ``"last"`` is, and -2 the one before.

        Raises
        ------
        UnknownRun
            When no run or more than one answers.
        """
        here = self._here()
        if isinstance(key, str) and key in here:  # whole and here: a server need not be asked
            return self._run(key, *here[key])
        known = self._known()
        if isinstance(key, int) and key > 0:
            same = self.runs(limit=1, scan_id=key)
            if not same:
                raise UnknownRun(f"There is no run with scan_id {key} in {self.place}.")
            return self._run(same[0].uid, *known[same[0].uid])
        uid = match(key, list(known), str(self.place))
        return self._run(uid, *known[uid])

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._known())

    def __bool__(self) -> bool:
        """Say that there is a catalogue, be it empty."""
        return True

    def __iter__(self) -> Iterator[str]:
        """Give the uids of the runs, newest first, as databroker does."""
        return iter(self._known())

    def close(self, timeout: float = 60) -> None:
        """Write what is waiting and end everything; again is harmless.

        Parameters
        ----------
        timeout : float
            How long the store may take [s]; what it did not take is filed at the next start.
        """
        recorder, self._recorder = self._recorder, None
        if recorder:
            recorder.close(timeout)
        close_store(self._reading, self.place, self._once)

    def _leave(self) -> None:
        """Close at the interpreter's end; an unfinished run is filed at the next start."""
        if self._recorder:
            self._recorder.leave()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _here(self) -> dict[str, tuple[str, Store]]:
        """Name of each run on this computer, and where it is read."""
        found: dict[str, tuple[str, Store]] = {}
        for journals in (self._journals, self._spilled):  # what was spilled is all there is of it
            found |= {uid_of(name): (name, journals) for name in journals.names()}
        held = self._recorder.held() if self._recorder else {}
        for name, contents in held.items():
            found[uid_of(name)] = (name, InMemory(self.folder, contents))
        return found

    def _known(self) -> dict[str, tuple[str, Store]]:
        """Name of each run and where it is read, newest first: the journals, else the store."""
        found = self._here()
        try:
            for name in self._store.names():
                found.setdefault(uid_of(name), (name, self._store))
        except Exception as error:  # noqa: BLE001 - the journals can be read without it
            self._once(f"Only runs with a journal are listed ({words(error)}). {self.place.cure}")
        return dict(sorted(found.items(), key=lambda item: order_of(item[1][0]), reverse=True))

    def _is_living(self, name: str, store: Store) -> bool:
        """Whether a run without a stop document is being recorded."""
        if isinstance(store, JournalOnly):
            return is_being_written(path_of(store.folder, name))
        return False

    def _run(self, uid: str, name: str, store: Store) -> Run:
        return Run(uid, lambda: store.documents(name))

    def _summary(self, uid: str, name: str, store: Store) -> tuple[Document, RunSummary]:
        """Start document and summary, from both ends of the run."""
        ends = store.ends(name)
        start, stop = ends.start, ends.stop
        if start and "lost" in start:
            store.documents(name)  # has the damage named
        if start is None:
            path = path_of(self.folder, name)
            raise JournalError(f"The journal {path} ends before its start document does.")
        if stop:
            events = stop.get("num_events", {}).get("primary", 0)
            status = stop["exit_status"]
        else:
            events = len(self._run(uid, name, store).events("primary"))
            status = "running" if self._is_living(name, store) else "crashed"
            if self.place.server and store is self._store:  # who records it is elsewhere
                status = "running"
        return start, RunSummary.of(
            uid, start, stop, events=events, exit_status=status, last=ends.last
        )


def _value(start: Document, summary: RunSummary, key: str) -> Any:
    """Look up a filter's key: a field of the summary, or a path into the start document."""
    if key in {field.name for field in fields(summary)}:
        return getattr(summary, key)
    value: Any = start
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
