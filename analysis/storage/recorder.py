"""The writing half of the catalogue: journal at once, Tiled behind it, one writer per folder."""

import fcntl
import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import journal
from .embedded import Tiled
from .journal import Document

SIMULATED_BATCH = 25
"""Events that Tiled takes at once from a simulated run, which makes hundreds in a minute."""

FILING_TIME = 60.0
"""How long the end of a run waits for Tiled [s]; what it did not take is filed later."""


class CatalogueBusy(RuntimeError):  # noqa: N818 - says what is, and may be waited for
    """Another process writes this catalogue."""


@dataclass
class _Recording:
    """A run being recorded."""

    uid: str
    journal: journal.Journal
    write: Callable[[str, Document], None] | None = None
    disk_fails: bool = False


class Recorder:
    """Journal at once, Tiled in a thread of its own, in order.

    Parameters
    ----------
    folder : Path
    report : callable
        Is told what went wrong, in one sentence.

    Raises
    ------
    CatalogueBusy
        When another process writes there.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._journals = folder / "journal"
        self._journals.mkdir(parents=True, exist_ok=True)
        self._report = report
        self._lock = _take_lock(folder)
        self._runs: dict[str, _Recording] = {}
        self._owner: dict[str, str] = {}  # uid of a descriptor or resource -> uid of its run
        self._mutex = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[_Recording, str, bytes] | threading.Event | None]
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="reactune-catalogue", daemon=True)
        self._leaving = False
        self.tiled: Tiled | None = None
        self._recover()
        try:
            self.tiled = Tiled(folder, writing=True)
        except Exception as error:  # noqa: BLE001 - experiments go on with the journal alone
            report(
                f"The catalogue in {folder} does not open ({words(error)}); runs are kept in the "
                f"journal only. Move catalog.db away to have it made anew from the journal."
            )
        else:
            if self.tiled.note:
                report(self.tiled.note)
            self._refile()
        self._thread.start()

    def _recover(self) -> None:
        """End the journals of processes that died; ours is the only living writer."""
        for path in sorted(self._journals.glob("*.jsonl")):
            try:
                if journal.read_ends(path).stop is None:
                    self._report(journal.recover(path))
            except (journal.JournalError, OSError) as error:
                self._report(str(error))

    def _refile(self) -> None:
        """File the runs that Tiled lacks."""
        assert self.tiled is not None
        for path in sorted(self._journals.glob("*.jsonl")):
            with suppress(journal.JournalError):  # reported by _recover
                if self.tiled.id not in journal.read_ends(path).filed:
                    self._finish(_Recording(journal.uid_of(path), journal.Journal(path)))

    def record(self, name: str, doc: Mapping[str, Any]) -> None:
        """Journal a document and queue it for Tiled; at the end of a run wait until it is filed."""
        with self._mutex:
            uid = self._run_of(name, doc)
            line, losses = journal.dumps(name, doc)
            if losses:
                self._report(
                    f"Run {uid[:8]}: only the text is kept of values in its {name} document that "
                    f"are neither numbers, text, arrays nor lists of them: {', '.join(losses)}."
                )
            if name == "start":
                path = journal.journal_path(self._journals, doc)
                self._runs[uid] = _Recording(uid, journal.Journal(path))
            run = self._runs[uid]
            self._write(run, line)
            self._queue.put((run, name, line))
            if name == "stop":
                del self._runs[uid]
                self._owner = {k: v for k, v in self._owner.items() if v != uid}
        if name == "stop":
            self.flush(FILING_TIME)

    def _run_of(self, name: str, doc: Mapping[str, Any]) -> str:
        """Find the run that a document belongs to; several may be open at once."""
        if name == "start":
            return str(doc["uid"])
        if name not in ("stop", "descriptor", "resource", "stream_resource"):
            return self._owner[doc["descriptor"] if "descriptor" in doc else doc["resource"]]
        uid = str(doc["run_start"])
        self._owner[doc["uid"]] = uid
        return uid

    def _write(self, run: _Recording, line: bytes) -> None:
        """Journal a line; say at once when the disk refuses, and when it takes data again."""
        try:
            run.journal.append(line)
        except OSError as error:
            if not run.disk_fails:
                self._report(
                    f"RUN {run.uid[:8]} IS NOT BEING SAVED: {error}. The experiment goes on, its "
                    f"documents are held in memory: free space on the disk of {self._journals} "
                    f"before this process ends, and they are written with the next one."
                )
            run.disk_fails = True
        else:
            if run.disk_fails:
                self._report(f"Run {run.uid[:8]} is saved again; nothing was lost.")
            run.disk_fails = False

    def _work(self) -> None:
        """File what is queued, until None."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._file(*item)

    def _file(self, run: _Recording, name: str, line: bytes) -> None:
        """Give Tiled a document; at the end of a run make good what it did not take."""
        if self._leaving:
            run.write = None
            if name == "stop":
                self._runs[run.uid] = run  # what the disk refused before is tried at the end
            return
        try:
            doc = journal.loads(line)["doc"]
            if name == "start" and self.tiled:
                run.write = self.tiled.writer(SIMULATED_BATCH if doc.get("simulated") else 1)
            if run.write is not None:
                run.write(name, doc)
        except Exception as error:  # noqa: BLE001 - the journal has it; the thread must go on
            run.write = None
            self._report(
                f"Run {run.uid[:8]}: the catalogue did not take a document of kind {name} "
                f"({words(error)}); it is in the journal, and is filed again when the run ends."
            )
        if name == "stop":
            self._finish(run)

    def _finish(self, run: _Recording) -> None:
        """See that journal and Tiled hold the whole run, then say so in the journal."""
        try:
            run.journal.append(b"")  # what the disk refused before
            run.journal.close()
            if self.tiled:
                if run.write is None:
                    self.tiled.refile(run.journal.path)
                journal.mark_filed(run.journal.path, self.tiled.id)
        except Exception as error:  # noqa: BLE001 - tried again at the next start
            self._report(
                f"Run {run.uid[:8]} is not in the catalogue ({words(error)}); it is filed from "
                f"{run.journal.path} when the catalogue is next opened for writing."
            )
            if not run.journal.complete:
                self._runs[run.uid] = run  # tried once more at the end

    def flush(self, timeout: float) -> bool:
        """Wait until Tiled has been given all that was recorded; False after `timeout` [s]."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout)

    def leave(self) -> None:
        """Give Tiled nothing more: it would start threads, which an ending interpreter refuses."""
        self._leaving = True

    def close(self, timeout: float) -> None:
        """End the thread, the journals, Tiled and the lock."""
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._report(
                f"The catalogue was still being written after {timeout:g} s and was left; "
                f"it is completed from the journal when next opened for writing."
            )
        for run in self._runs.values():
            self._write(run, b"")
            if not run.journal.complete:
                self._report(
                    f"THE LAST DOCUMENTS OF RUN {run.uid[:8]} ARE LOST: no disk took them."
                )
            run.journal.close()
        if self.tiled is not None:
            self.tiled.close()
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


def _take_lock(folder: Path) -> int:
    """Become the one writer of `folder`; the lock ends with the process, however it ends."""
    lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 32).decode() or "unknown"
        os.close(lock)
        who = "this process" if pid == str(os.getpid()) else f"process {pid}"
        raise CatalogueBusy(
            f"The catalogue {folder} is being written by {who}: wait until it ends, "
            f"close it there, or choose another folder."
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def writer_lives(folder: Path) -> bool:
    """Whether the process named in the lock file is alive."""
    try:
        os.kill(int((folder / "writer.lock").read_text()), 0)
    except PermissionError:
        return True  # somebody else's, but there
    except (OSError, ValueError):
        return False
    return True


def words(error: Exception) -> str:
    """Type and first line of an error: Tiled's may be pages."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
