"""The journal: every document of a run as it was emitted, one fsynced JSON line each.

A journal file is the truth about its run; whatever else holds the run can be rebuilt from it. The
first line names the format, then comes one ``{"name": ..., "doc": ...}`` per document, then one
``{"filed": <catalogue id>}`` per catalogue that has taken in the whole run.
"""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .encoding import NOT_WHOLE, Document, JournalError, dumps, loads

FORMAT = 1
"""Version of the line format, written into the first line of every journal."""

CRASHED = "process ended without a stop document; recovered from the journal"
"""Reason in the stop document of a run that did not write one itself."""

_HEADER = json.dumps({"journal": FORMAT}).encode() + b"\n"


# --- writing ---


class Journal:
    """Appends to one journal file; every line is on the disk when `append` returns.

    A line that cannot be written (disk full, folder gone) is held and written before the next one,
    so that a journal is complete again as soon as the disk takes data.

    Parameters
    ----------
    path : Path
        The file; made, with its header, when the first line is appended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._held = b""

    @property
    def complete(self) -> bool:
        """Whether every appended line is on the disk."""
        return not self._held

    def append(self, line: bytes) -> None:
        """Write `line`, after whatever was held, and fsync.

        Raises
        ------
        OSError
            When the disk refuses; the line is held.
        """
        self._held += line
        fd = self._open()
        good = os.fstat(fd).st_size
        try:
            view = memoryview(self._held if good else _HEADER + self._held)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        except BaseException:
            os.ftruncate(fd, good)  # no torn line in the middle once the disk has room again
            raise
        self._held = b""

    def _open(self) -> int:
        if self._fd is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o644)
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":  # cut off by a crash
                os.ftruncate(self._fd, size - len(next(_backwards(self.path))))
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the file's name must survive a power cut as well
            finally:
                os.close(folder)
        return self._fd

    def close(self) -> None:
        """Close the file; lines still held are lost, so look at `complete` first."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def run_name(start: Mapping[str, Any]) -> str:
    """Name of the run that `start` begins; names sort by time and end in the uid."""
    seconds, micro = divmod(round(start["time"] * 1e6), 1_000_000)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    return f"{stamp}.{micro:06d}_{start['uid']}"


def uid_of(name: str) -> str:
    """Uid in the name of a run."""
    return name.split("_", 1)[-1]


def path_of(folder: Path, name: str) -> Path:
    """Where the journal of a run is in the catalogue's `folder`."""
    return folder / "journal" / f"{name}.jsonl"


def paths(folder: Path) -> list[Path]:
    """Find all journals in the catalogue's `folder`, the oldest run first."""
    found = (folder / "journal").glob("*.jsonl")
    return sorted(path for path in found if path.is_file())  # a pipe would be waited for


def mark_filed(path: Path, catalogue: str) -> None:
    """Note that `catalogue` (its id) holds the whole run."""
    journal = Journal(path)
    try:
        journal.append(json.dumps({"filed": catalogue}).encode() + b"\n")
    finally:
        journal.close()


# --- reading ---


@dataclass(frozen=True)
class Contents:
    """What a journal holds.

    Attributes
    ----------
    documents : list of (str, dict)
        As emitted, in order.
    torn : int
        Bytes of an unfinished last line, which are not among the documents.
    """

    documents: list[tuple[str, Document]]
    torn: int = 0


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Size and content of each line; None for a last line that was cut off."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                item = loads(line) if line.endswith(b"\n") else None
            except JournalError as error:
                raise JournalError(f"Line {number} of the journal {path}: {error}") from error
            except NOT_WHOLE as error:
                if file.read(1):
                    raise JournalError(
                        f"Line {number} of the journal {path} is damaged ({error}); "
                        f"restore the file from a copy, or move it out of its folder."
                    ) from error
                item = None
            if number == 1 and item is not None and item.get("journal") != FORMAT:
                raise JournalError(
                    f"{path} is not a journal of format {FORMAT} (it begins with {line[:40]!r}); "
                    f"read it with the reactune that wrote it."
                )
            yield len(line), item


def read(path: Path) -> Contents:
    """Read a journal, also one that is being written or that a crash cut off.

    Raises
    ------
    JournalError
        When a line before the last one is damaged, or the format is not known.
    """
    documents: list[tuple[str, Document]] = []
    torn = 0
    for size, item in _lines(path):
        if item is None:
            torn = size
        elif "name" in item:
            documents.append((item["name"], item["doc"]))
    return Contents(documents, torn)


@dataclass(frozen=True)
class Ends:
    """First and last of a run, read without what lies between.

    Attributes
    ----------
    start : dict or None
        The start document; None when not even that was written whole.
    stop : dict or None
        The stop document; None while the run goes on and after a crash.
    filed : frozenset of str
        Ids of the catalogues that hold the whole run.
    """

    start: Document | None
    stop: Document | None
    filed: frozenset[str] = frozenset()


def read_ends(path: Path) -> Ends:
    """Read a journal's start, stop and filing marks.

    Raises
    ------
    JournalError
        As `read`.
    """
    start = next((i["doc"] for _, i in _lines(path) if i and i.get("name") == "start"), None)
    stop, filed = None, set()
    for line in _backwards(path):
        try:
            item = loads(line)
        except NOT_WHOLE:
            continue  # a line being written, or torn by a crash
        if "filed" in item:
            filed.add(item["filed"])
            continue
        stop = item["doc"] if item.get("name") == "stop" else None
        break
    return Ends(start, stop, frozenset(filed))


def _backwards(path: Path, block: int = 8192) -> Iterator[bytes]:
    """Yield the lines from the last to the first, reading no more than asked for."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position:
            size = min(block, position)
            position = file.seek(position - size)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
        if rest:
            yield rest


def recover(path: Path) -> str:
    """End a journal whose process did not: drop a torn line and append a stop document.

    The caller makes sure that no living process writes this journal.

    Returns
    -------
    note : str
        What was done, for the user.

    Raises
    ------
    JournalError
        As `read`.
    """
    contents = read(path)
    note = f"Run {uid_of(path.stem)[:8]}: {CRASHED}"
    if contents.torn:
        os.truncate(path, path.stat().st_size - contents.torn)
        note += f" (a torn last line of {contents.torn} bytes was dropped)"
    if not contents.documents:
        path.rename(path.with_suffix(".empty"))
        return note + "; it had not got as far as its start document"
    journal = Journal(path)
    try:
        journal.append(dumps("stop", _synthetic_stop(contents))[0])
    finally:
        journal.close()
    return note


def _synthetic_stop(contents: Contents) -> Document:
    """Write the stop document that the process did not live to write."""
    streams = {d["uid"]: d["name"] for name, d in contents.documents if name == "descriptor"}
    counts = Counter(dict.fromkeys(streams.values(), 0))
    for name, doc in contents.documents:
        if name == "event":
            counts[streams[doc["descriptor"]]] += 1
        elif name == "event_page":
            counts[streams[doc["descriptor"]]] += len(doc["seq_num"])
    torn = f"; a torn last line of {contents.torn} bytes was dropped" if contents.torn else ""
    last = max(doc["time"] for name, doc in contents.documents if name in ("start", "event"))
    return {
        "uid": str(uuid.uuid4()),
        "time": last,
        "run_start": contents.documents[0][1]["uid"],
        "exit_status": "fail",
        "reason": CRASHED + torn,
        "num_events": dict(counts),
        "recovered": True,
    }
