"""Filing: what is journalled goes to the store, in a thread of its own, one process at a time."""

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..written import words
from .journals.encoding import JournalError, loads
from .journals.journal import Journal, hold, is_being_written, recover
from .journals.names import paths, uid_of
from .journals.reading import read, read_ends
from .lock import NoLock, StoreLock
from .place import Place
from .stores.journal_only import JournalOnly
from .stores.store import Opener, Refused, Store, Unreachable, Writer

FILING_TIME = 60.0
"""How long the end of a run waits for the store [s]; what it did not take is filed later."""

Report = Callable[[str], None]


@dataclass
class Recording:
    """A run being recorded.

    Attributes
    ----------
    uid : str
    journal : Journal
        At home.
    spilled : Journal or None
        In the second place, once home did not take a document.
    write : callable or None
        What the store takes its documents with.
    kept : str
        Where its documents are: at ``home``, ``elsewhere`` or in ``memory`` alone.
    whole : bool
        Whether it has ended and is whole at home.
    """

    uid: str
    journal: Journal
    spilled: Journal | None = None
    write: Writer | None = None
    kept: str = "home"
    whole: bool = False


class Filer:
    """Gives the store what is journalled.

    The store's lock is held while runs are filed and given back when none is open, so that a
    session that waits keeps nobody else from filing. A run that is recorded while another process
    files is filed by whoever has the lock when it ends, or when the folder is next opened for
    writing. A server needs no such lock: it takes from any number of processes at once.

    Parameters
    ----------
    place : Place
        Whose folder has the journals.
    opener : Opener
        Opens the store.
    report : callable
        Is told what went wrong, in one sentence.
    opened : callable
        Is called when the store has been opened, which makes threads that end with the process.

    Attributes
    ----------
    store : Store or None
        Once it has been opened; journals alone if it did not open.
    """

    def __init__(
        self, place: Place, opener: Opener, report: Report, opened: Callable[[], None]
    ) -> None:
        self._place, self._folder, self._opener = place, place.folder, opener
        self._report, self._opened = report, opened
        self._lock = NoLock() if place.server else StoreLock(place.folder)
        self.store: Store | None = None
        self._open: set[str] = set()  # uids of runs
        self._failed: set[Path] = set()  # what could not be filed in this session
        self._held: set[Path] = set()  # what the store has: of thousands none is read again
        self._told: set[str] = set()  # what is wrong with files
        self._queue: queue.SimpleQueue[tuple[Recording, str, bytes] | threading.Event | None]
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="reactune-catalogue", daemon=True)
        self._leaving = False
        self._recover()
        if store := self._ready():
            self._file_the_rest(store)
        self._lock.give_back()
        self._thread.start()

    # -- before and after runs --

    def _recover(self) -> None:
        """End the journals of processes that died."""
        with suppress(OSError):  # reported when the store is opened
            self._lock.take()
        for path in (self._folder / "journal").glob("*.new"):  # no document was acknowledged
            with suppress(OSError):
                if not is_being_written(path):
                    path.rename(path.with_suffix(".empty"))
        for path in paths(self._folder):
            try:
                ends = read_ends(path)
                # those of format 1 have no lock of their own: whoever writes one has the store's
                mine = ends.format > 1 or self._lock.held
                if ends.stop is None and mine and (note := recover(path)):
                    self._report(note)
            except (JournalError, OSError) as error:
                self._once(str(error))

    def _ready(self) -> Store | None:
        """Give the store, opened, if nobody else files there; say so if it does not open."""
        try:
            held = self._lock.held
            if not held and not self._lock.take():
                return None
        except OSError as error:
            self._report(f"Nothing can be filed in {self._folder} ({words(error)}).")
            return None
        if self.store is not None:
            if held or self._lock.undisturbed:
                return self.store
            close_store(self.store, self._place, self._report)
        self._held.clear()
        try:
            self.store = self._opener(self._folder, writing=True)
            note = self.store.note
            self._opened()
        except Exception as error:  # noqa: BLE001 - experiments go on with the journal alone
            self._report(
                f"The catalogue in {self._place} does not open ({words(error)}); runs are kept "
                f"and read in their journals alone. {self._place.cure}"
            )
            self.store, note = JournalOnly(self._folder), ""
        if note:
            self._report(note)
        return self.store

    def _file_the_rest(self, store: Store) -> None:
        """File the ended runs that the store lacks, whoever recorded them."""
        for path in paths(self._folder):
            if path in self._held or path in self._failed or uid_of(path.stem) in self._open:
                continue
            try:
                if not store.lacks(path):
                    self._held.add(path)
                elif read_ends(path).stop is not None:
                    self._file_one(store, path)
            except Unreachable as error:
                self._report(
                    f"Not every run is in {self._place} yet: {error} What is missing is in "
                    f"{self._folder}. {self._place.cure}"
                )
                return
            except (JournalError, OSError) as error:
                self._once(str(error))
            except Exception as error:  # noqa: BLE001 - the store's; the others may be filed
                self._once(
                    f"Whether run {uid_of(path.stem)[:8]} is in the catalogue cannot be told "
                    f"({words(error)}). {self._place.cure}"
                )

    def _once(self, sentence: str) -> None:
        """Report what is wrong with a file, not again at the end of every run."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._report(sentence)

    def _file_one(self, store: Store, path: Path) -> None:
        """File an ended run, unless another process is about to."""
        mine = hold(path) if self._place.server else None  # else the store's lock is held
        if self._place.server and mine is None:
            return
        try:
            for damage in read(path).damages:
                self._report(damage)
            self._file_whole(store, path)
        finally:
            if mine is not None:
                os.close(mine)

    def _file_whole(self, store: Store, path: Path, written: bool = False) -> None:
        """See that the store holds the whole run, then have it note that."""
        run = f"Run {uid_of(path.stem)[:8]}"
        try:
            if not written:
                store.refile(path)
            store.seal(path)
        except Refused as error:
            self._report(
                f"{run} cannot be in the catalogue, whose store does not take it ({error}); it is "
                f"kept and read in its journal, {path}, but queries do not find it."
            )
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - tried again at the next start
            if self._place.server is None:  # with a server, when the next run ends
                self._failed.add(path)
            self._report(
                f"{run} is not in the catalogue ({words(error)}); it is filed from {path} when "
                f"the catalogue is next opened for writing. {self._place.cure}"
            )

    # -- while runs are recorded --

    def put(self, run: Recording, name: str, line: bytes) -> None:
        """Queue a document that is in its journal."""
        if name == "start":
            self._open.add(run.uid)
        self._queue.put((run, name, line))

    def _work(self) -> None:
        """File what is queued, until None."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            elif not self._leaving:
                self._file(*item)

    def _file(self, run: Recording, name: str, line: bytes) -> None:
        """Give the store a document; at the end of a run make good what it did not take."""
        try:
            if name == "start" and (store := self._ready()):
                run.write = store.writer(loads(line)["doc"])
            if run.write is not None:
                run.write(name, loads(line)["doc"])
        except Exception as error:  # noqa: BLE001 - the journal has it; the thread must go on
            run.write = None
            self._report(
                f"Run {run.uid[:8]}: the catalogue did not take a document of kind {name} "
                f"({words(error)}); it is in the journal, and is filed again when the run ends."
            )
        if name == "stop":
            self._end(run)

    def _end(self, run: Recording) -> None:
        """File a run that has ended, and what others recorded meanwhile, and let others file."""
        self._open.discard(run.uid)
        if store := self._ready():
            if run.whole and run.write is not None:
                self._file_whole(store, run.journal.path, written=True)
            if run.whole:
                run.journal.close()  # from now on another process may file it
            self._file_the_rest(store)
        elif run.whole:
            self._report(
                f"Run {run.uid[:8]} is in its journal; {self._lock.holder()} files in the "
                f"catalogue now, which takes the run in afterwards, or when next opened for "
                f"writing."
            )
        if not self._open:
            self._lock.give_back()

    def flush(self, timeout: float) -> bool:
        """Wait until the store was given all that was recorded; False after `timeout` [s]."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout)

    def leave(self) -> None:
        """Give the store nothing more: it would start threads, which an ending interpreter refuses.

        What it lacks is filed when the folder is next opened for writing.
        """
        self._leaving = True

    def close(self, timeout: float) -> None:
        """End the thread, the store and the lock."""
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._report(
                f"The catalogue was still being written after {timeout:g} s and was left; "
                f"it is completed from the journal when next opened for writing."
            )
        if self.store is not None:
            close_store(self.store, self._place, self._report)
        self._lock.give_back()


def close_store(store: Store, place: Place, report: Report) -> None:
    """Close a store; one that fails at that is done with all the same."""
    try:
        store.close()
    except Exception as error:  # noqa: BLE001 - what it holds is in the journals
        report(f"The catalogue in {place} does not close ({words(error)}).")
