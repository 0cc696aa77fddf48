"""The catalogue: one folder with every run, written through a RunEngine, read by uid.

Each document goes to the run's journal first (fsynced; the truth), then to an embedded Tiled
catalogue on SQLite and files, which databroker reads. What Tiled did not take, for whatever reason,
is filed from the journal when the run ends or the folder is next opened for writing. Reading a run
takes the journal where there is one, exactly as emitted and without the seconds that Tiled needs to
open; searching by queries, and runs without a journal, go through databroker.

Layout of the folder: ``journal/*.jsonl``, ``catalog.db`` (with ``catalog.id``), ``storage.db`` and
``data/`` (Tiled), ``writer.lock``.
"""

import io
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from . import journal
from .embedded import Tiled
from .journal import Document
from .recorder import CatalogueBusy, Recorder, words, writer_lives
from .run import Run, RunSummary

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Catalogue",
    "CatalogueBusy",
    "Lineage",
    "Run",
    "RunSummary",
    "UnknownRun",
    "default_folder",
    "lineage",
]

_log = logging.getLogger(__name__)


class UnknownRun(LookupError):  # noqa: N818 - says what is, as KeyError does not
    """No run, or more than one, answers to a uid or prefix."""


def default_folder() -> Path:
    """Where runs are stored: $REACTUNE_CATALOGUE, else reactune in the user's data folder (XDG)."""
    if chosen := os.environ.get("REACTUNE_CATALOGUE"):
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "reactune"


class Catalogue:
    """Every run in one folder.

    Readers open at once and work beside the one writer. Opening for writing takes the seconds that
    Tiled needs, ends the runs of processes that died (`exit_status` fail, `recovered` true) and
    files what the catalogue lacks.

    Parameters
    ----------
    folder : path-like, optional
        Default: `default_folder`.
    writing : bool
        Whether runs will be recorded.

    Attributes
    ----------
    folder : Path
    problems : list of str
        What went wrong since opening, one sentence each; also logged as warnings.

    Raises
    ------
    CatalogueBusy
        When `writing` and another process writes there.

    Examples
    --------
    >>> with Catalogue(writing=True) as catalogue:  # doctest: +SKIP
    ...     RE.subscribe(catalogue.record)
    """

    def __init__(self, folder: str | Path | None = None, *, writing: bool = False) -> None:
        self.folder = (Path(folder) if folder else default_folder()).expanduser().resolve()
        self.problems: list[str] = []
        self._journals = self.folder / "journal"
        self._tiled: Tiled | None = None
        self._opening = threading.Lock()
        self._recorder = Recorder(self.folder, self._problem) if writing else None
        if self._recorder:
            self._tiled = self._recorder.tiled
            mine = weakref.WeakMethod(self._leave)
            # A private hook, because Tiled closes itself by it: atexit comes later, while of this
            # one the last registered is called first.
            threading._register_atexit(  # type: ignore[attr-defined]  # noqa: SLF001
                lambda: (leave := mine()) and leave()
            )

    def _problem(self, sentence: str) -> None:
        self.problems.append(sentence)
        _log.warning(sentence)

    def record(self, name: str, doc: Mapping[str, Any]) -> None:
        """Store one document; subscribe this to a RunEngine.

        The document is on the disk, in the run's journal, when this returns; Tiled follows in its
        own thread, event by event (from a simulated run `recorder.SIMULATED_BATCH` events at once),
        and has the whole run when its stop document returns, unless it takes longer than a minute.
        What fails is reported in `problems` and the log at once and never stops an experiment: when
        the disk is full the documents are held in memory until there is room, and an error of Tiled
        is made good from the journal.

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
                f"The catalogue {self.folder} is not open for writing; "
                f"open it by Catalogue(folder, writing=True)."
            )
        try:
            self._recorder.record(name, doc)
        except Exception as error:  # noqa: BLE001 - in the RunEngine it would abort the experiment
            self._problem(f"A document of kind {name} WAS NOT SAVED ({words(error)}).")

    def flush(self, timeout: float = 60) -> bool:
        """Wait until Tiled was given all that is recorded; False if it was not in `timeout` [s]."""
        return self._recorder.flush(timeout) if self._recorder else True

    @property
    def broker(self) -> Any:
        """The databroker client (`databroker.client.CatalogOfBlueskyRuns`) on this catalogue.

        Raises
        ------
        FileNotFoundError
            When nothing has been recorded in this folder.
        RuntimeError
            When the folder was moved and not yet opened for writing since.
        """
        self.flush()
        with self._opening:
            if self._tiled is None:
                self._tiled = Tiled(self.folder, writing=False)
            return self._tiled.client

    def search(self, *queries: Any) -> list[Run]:
        """Find runs by databroker queries, newest first.

        Parameters
        ----------
        *queries : databroker.queries.Key, TimeRange, FullText ...
            A run must match all of them; keys are those of the start and stop documents:
            ``Key("start.seed") == 1``, ``Key("stop.exit_status") == "success"``.
        """
        from databroker.client import CatalogOfBlueskyRuns

        found: CatalogOfBlueskyRuns = self.broker
        for query in queries:
            found = found.search(query)
        matching = set(found)
        return [self._run(uid, path) for uid, path in self._known().items() if uid in matching]

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
        for uid, path in self._known().items():
            if limit is not None and len(found) >= limit:
                break
            try:
                start, summary = self._summary(uid, path)
            except (journal.JournalError, OSError) as error:
                self._problem(str(error))
                continue
            if all(_value(start, summary, key) == wanted for key, wanted in filters.items()):
                found.append(summary)
        return found

    def __getitem__(self, key: str | int) -> Run:
        """Give a run by its uid, the beginning of it, or -1 for the newest, -2 for the one before.

        Raises
        ------
        UnknownRun
            When no run or more than one answers.
        """
        known = self._known()
        if isinstance(key, int):
            if not -len(known) <= key < 0:
                raise UnknownRun(
                    f"There is no run {key}: {len(known)} are in {self.folder}, "
                    f"counted back from the newest, -1."
                )
            uid = list(known)[-key - 1]
        else:
            uid = _match(key, known, self.folder)
        return self._run(uid, known[uid])

    def close(self, timeout: float = 60) -> None:
        """Write what is waiting and end everything; again is harmless.

        Parameters
        ----------
        timeout : float
            How long Tiled may take [s]; what it did not take is filed at the next start.
        """
        recorder, self._recorder = self._recorder, None
        if recorder:
            recorder.close(timeout)
        if self._tiled:
            self._tiled.close()  # once more for the writer's, which is harmless
        self._tiled = None

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

    def _known(self) -> dict[str, Path | None]:
        """Uids, newest first, with their journals; None for a run that only Tiled has."""
        paths: dict[str, Path | None] = {p.name: p for p in self._journals.glob("*.jsonl")}
        for uid in self._in_tiled() - {journal.uid_of(Path(name)) for name in paths}:
            start = self.broker[uid].metadata["start"]
            paths[journal.journal_path(self._journals, start).name] = None
        return {journal.uid_of(Path(name)): paths[name] for name in sorted(paths, reverse=True)}

    def _in_tiled(self) -> set[str]:
        """Uids in Tiled's database, read without opening Tiled, which takes seconds."""
        database = self.folder / "catalog.db"
        if not database.exists():
            return set()
        try:
            with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as db:
                return {key for (key,) in db.execute("SELECT key FROM nodes WHERE parent = 0")}
        except sqlite3.Error:  # a later Tiled may keep it otherwise
            return set(self.broker)

    def _run(self, uid: str, path: Path | None) -> Run:
        if path is not None:
            return Run(uid, lambda: journal.read(path).documents)
        return Run(uid, lambda: [(n, dict(d)) for n, d in self.broker[uid].documents() if d])

    def _summary(self, uid: str, path: Path | None) -> tuple[Document, RunSummary]:
        """Start document and summary, from both ends of the journal or from Tiled's metadata."""
        start: Document | None
        if path is None:
            start, stop = (self.broker[uid].metadata.get(part) for part in ("start", "stop"))
        else:
            ends = journal.read_ends(path)
            start, stop = ends.start, ends.stop
        if start is None:
            raise journal.JournalError(f"The journal {path} ends before its start document does.")
        if stop:
            events = stop.get("num_events", {}).get("primary", 0)
            status = stop["exit_status"]
        else:
            events = len(self._run(uid, path).events("primary"))
            status = "running" if path and writer_lives(self.folder) else "crashed"
        mark = start.get("simulated")
        return start, RunSummary(
            uid=uid,
            time=start["time"],
            plan_name=start.get("plan_name"),
            title=start.get("title"),
            problem=(start.get("problem") or {}).get("title"),
            simulated=mark if isinstance(mark, bool) else None,
            events=events,
            exit_status=status,
            reason=(stop or {}).get("reason", ""),
            best=(stop or {}).get("best"),
        )


def _value(start: Document, summary: RunSummary, key: str) -> Any:
    """Look up a filter's key: a field of the summary, or a path into the start document."""
    if key in {field.name for field in fields(summary)}:
        return getattr(summary, key)
    value: Any = start
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _match(key: str, known: Iterable[str], folder: Path) -> str:
    """Find the one uid that begins with `key`."""
    matches = [uid for uid in known if key and uid.startswith(key)]
    if key in matches or len(matches) == 1:
        return key if key in matches else matches[0]
    if matches:
        raise UnknownRun(
            f"{key!r} is the beginning of {len(matches)} runs "
            f"({', '.join(uid[: len(key) + 4] for uid in matches[:5])}); give more of it."
        )
    heads = [uid[: max(len(key), 8)] for uid in known]
    near = get_close_matches(key, heads, n=3, cutoff=0.5)
    hint = f"; near it: {', '.join(near)}" if near else "; reactune runs lists them"
    raise UnknownRun(f"No run in {folder} begins with {key!r}{hint}.")


@dataclass(frozen=True)
class Lineage:
    """A campaign whole: a run and those it resumed, read like one stored run.

    Attributes
    ----------
    runs : tuple of Run
        Oldest first.
    """

    runs: tuple[Run, ...]

    @property
    def uid(self) -> str:
        """Of the latest run."""
        return self.runs[-1].uid

    @property
    def start(self) -> Mapping[str, Any]:
        """Start document of the oldest run: it says how the campaign began."""
        return self.runs[0].start

    @property
    def stop(self) -> Mapping[str, Any] | None:
        """Stop document of the latest run."""
        return self.runs[-1].stop

    def events(self, stream: str) -> list[Mapping[str, Any]]:
        """Give the data of all events of a stream, in order."""
        return [data for run in self.runs for data in run.events(stream)]

    def table(self, stream: str) -> "pd.DataFrame":
        """Give a stream as one table, a row per event in order.

        Two columns more say of which ``run`` it is, and at what lab time [s] that ``began``: each
        run has a clock of its own.
        """
        import pandas as pd

        tables = [
            run.table(stream).assign(run=run.uid, began=float(run.start["lab_time"]))
            for run in self.runs
        ]
        return pd.concat(tables, ignore_index=True)


def lineage(catalogue: Catalogue, uid: str) -> Lineage:
    """Find a campaign whole: a run and those it resumed."""
    runs = [catalogue[uid]]
    while earlier := runs[0].start.get("resumes"):
        runs.insert(0, catalogue[earlier])
    return Lineage(tuple(runs))
