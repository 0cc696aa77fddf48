"""The journal: every document of a run as it was emitted, one fsynced JSON line each.

A journal file is the truth about its run; whatever else holds the run can be rebuilt from it. The
first line names the format, then comes one ``{"name": ..., "doc": ...}`` per document, then one
``{"filed": <catalogue id>}`` per catalogue that has taken in the whole run, or ``{"refused": ...}``
per one that never can. Each line has its checksum (`encoding`); `reading` reads them.
"""

import os
import uuid
from collections import Counter
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from ...files import OPEN_KEEPS_NAME, open_file, read_at, sync_folder, write_at
from .content import Content
from .encoding import Document, dumps, seal
from .locking import lock
from .names import uid_of
from .reading import FORMATS, Contents, read

CRASHED = "process ended without a stop document; recovered from the journal"
"""Reason in the stop document of a run that did not write one itself."""

HEADER = seal({"journal": FORMATS[-1]})


class Journal:
    """Writes one journal file; every line is on the disk when `append` returns.

    The whole content stays in memory while it is written. So a file that cannot be written (disk
    full, folder gone, mounted read-only) is made complete as soon as it can, whatever has become of
    it in between, and the same content can be saved in a second place.

    Under its name the file appears with its first line, and locked: who finds a journal that is not
    locked knows that no living process writes it (`is_being_written`). Where an open file keeps its
    name it has it from the beginning.

    Parameters
    ----------
    path : Path
        The file.
    content : Content, optional
        What it holds and will hold, shared with another journal; by default its header.
    """

    def __init__(self, path: Path, content: Content | None = None) -> None:
        self.path = path
        self.content = Content(HEADER) if content is None else content
        self._new = path.with_suffix(".new")
        self._fd: int | None = None
        self._saved: int | None = 0  # None when what the file holds is not sure

    @property
    def complete(self) -> bool:
        """Whether every line is on the disk, in a file of this name."""
        return self._saved == len(self.content) and self._is_there(self.path)

    def append(self, line: bytes) -> None:
        """Add `line` and `save`."""
        self.content.append(line)
        self.save()

    def save(self) -> None:
        """Bring the file up to the content, and fsync.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        fd, saved = self._open()
        self._saved = None
        try:
            view = memoryview(self.content.since(saved))
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
            if not self._is_there(self.path):
                self._new.rename(self.path)
                sync_folder(self.path.parent)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(fd, saved)  # no torn line stays for as long as the disk is full
            raise
        self._saved = len(self.content)

    def _is_there(self, path: Path) -> bool:
        """Whether `path` is the file that is open: it may be deleted, or its folder gone."""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(path.stat(), os.fstat(self._fd))
        except OSError:
            return False

    def _open(self) -> tuple[int, int]:
        """Give the open file, and how much of the content it is sure to hold."""
        fd, saved = self._fd, self._saved
        if fd is None or not (self._is_there(self.path) or self._is_there(self._new)):
            self.close()
            path = self.path if self.path.exists() or OPEN_KEEPS_NAME else self._new
            fd = open_file(path, os.O_APPEND | os.O_CREAT)
            with suppress(OSError):  # where locks are not to be had
                lock(fd)
            self._fd, saved = fd, None
        if saved is None:
            held = read_at(fd, os.fstat(fd).st_size, 0)
            content = self.content.since(0)
            if not content.startswith(held):
                pairs = zip(held.splitlines(True), content.splitlines(True), strict=False)
                held = b"".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                os.ftruncate(fd, len(held))
            saved = len(held)
        return fd, saved

    def close(self) -> None:
        """Close the file; what is not saved is lost, so look at `complete` first.

        Nothing is left of a file that never got its name: no line of it was acknowledged.
        """
        if self._fd is not None:
            nameless = self._is_there(self._new)
            os.close(self._fd)
            if nameless:
                with suppress(OSError):
                    self._new.unlink()
            self._fd, self._saved = None, None


def is_being_written(path: Path) -> bool:
    """Whether a living process, be it this one, has a journal locked."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            lock(file.fileno(), shared=True)
        except BlockingIOError:
            return True
    return False


def hold(path: Path) -> int | None:
    """Lock a journal against every other process; None if one has it locked already.

    Closing the file descriptor that is returned ends it.
    """
    fd = open_file(path, 0)
    try:
        lock(fd)
    except OSError:
        os.close(fd)
        return None
    return fd


def mark_filed(path: Path, catalogue: str) -> None:
    """Note that `catalogue` (its id) holds the whole run."""
    _add(path, seal({"filed": catalogue}))


def mark_refused(path: Path, catalogue: str, why: str) -> None:
    """Note that `catalogue` (its id) can never hold the run, and why."""
    _add(path, seal({"refused": catalogue, "why": why}))


def _add(path: Path, line: bytes) -> None:
    """Add a line to a journal that nobody writes any more, in place of a torn one."""
    with path.open("r+b", buffering=0) as file:
        _add_to(file.fileno(), line)


def _add_to(fd: int, line: bytes) -> None:
    size = os.fstat(fd).st_size
    end, block = size, b""
    while end and b"\n" not in block:  # back to the end of the last whole line
        end = max(0, end - 8192)
        block = read_at(fd, size - end, end)
    good = end + block.rfind(b"\n") + 1
    os.ftruncate(fd, good)
    written = 0
    try:
        while written < len(line):
            written += write_at(fd, line[written:], good + written)
        os.fsync(fd)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(fd, good)
        raise


def recover(path: Path) -> str:
    """End a journal whose process did not: drop a torn line and append a stop document.

    Returns
    -------
    note : str
        What was done, for the user; empty if a living process writes it, or it has ended by itself.

    Raises
    ------
    JournalError
        As `reading.read`.
    """
    fd = hold(path)
    if fd is None:
        return ""
    try:
        contents = read(path)
        if contents.documents and contents.documents[-1][0] == "stop":
            return ""  # it has ended since somebody looked
        note = f"Run {uid_of(path.stem)[:8]}: {CRASHED}"
        if contents.lost_stop:
            note = f"Run {uid_of(path.stem)[:8]}: its stop document is lost, and stood in for"
        if contents.torn:
            note += f" (a torn last line of {contents.torn} bytes was dropped)"
        if contents.documents:
            _add_to(fd, dumps("stop", _synthetic_stop(contents))[0])
            return note
    finally:
        os.close(fd)
    with suppress(FileNotFoundError):  # another was quicker
        path.rename(path.with_suffix(".empty"))
    return note + "; it had not got as far as its start document"


def _synthetic_stop(contents: Contents) -> Document:
    """Write the stop document that the process did not live to write, or that is lost."""
    streams = {d["uid"]: d["name"] for name, d in contents.documents if name == "descriptor"}
    counts = Counter(dict.fromkeys(streams.values(), 0))
    for name, doc in contents.documents:
        if name == "event":
            counts[streams[doc["descriptor"]]] += 1
        elif name == "event_page":
            counts[streams[doc["descriptor"]]] += len(doc["seq_num"])
    torn = f"; a torn last line of {contents.torn} bytes was dropped" if contents.torn else ""
    reason = "the stop document is lost: its line in the journal is damaged"
    timed = [doc["time"] for name, doc in contents.documents if name in ("start", "event")]
    pages = [doc["time"] for name, doc in contents.documents if name == "event_page"]
    return {
        "uid": str(uuid.uuid4()),
        "time": float(max([*timed, *(time for page in pages for time in page)])),
        "run_start": contents.documents[0][1]["uid"],
        "exit_status": "fail",
        "reason": reason if contents.lost_stop else CRASHED + torn,
        "num_events": dict(counts),
        "recovered": True,
    }
