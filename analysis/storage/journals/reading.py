"""Reading journals, also those that are being written, that a crash cut off or that are damaged.

A damaged line costs that line and is named. So that everything else of the run can still be read,
stored and listed, what other documents refer to is stood in for: a lost start document by what the
file's name says, a lost descriptor by what its events hold. Both say so themselves, under ``lost``.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from .encoding import DamagedLine, Document, JournalError, loads
from .names import time_of, uid_of

FORMATS = (1, 2)
"""Versions of the line format that are read; from 2 on every line has a checksum."""

_RUN_TOGETHER = re.compile(rb'(?<=, "crc": "[0-9a-f]{8}"\})[^\n](?=\{)', re.DOTALL)

_MEANING = {
    "header": "which names the format; nothing else is lost",
    "start": "the start document: what was asked for, seed and method are lost, so the run can be "
    "neither replayed nor gone on with",
    "descriptor": "which named a stream and its units; the events of that stream are kept",
    "event": "which the tables and reports of the run lack",
    "stop": "the stop document: why the run ended is lost",
    "mark": "which said that a catalogue holds the run; nothing is lost",
    "break": "the end of a line; nothing is lost",
    "": "which the run lacks",
}


@dataclass(frozen=True)
class Damage:
    """A damaged line.

    Attributes
    ----------
    line : int
        Its number, from 1.
    kind : str
        Kind of the document that it held, as far as known; ``header``, ``mark`` or ``break`` if it
        held none; ``odd`` if the line is as it was written, and its document not what one is.
    held : bytes
        What is left of it.
    """

    line: int
    kind: str
    held: bytes = field(repr=False)

    @property
    def costs(self) -> bool:
        """Whether a document is lost."""
        return self.kind not in ("header", "mark", "break")


@dataclass(frozen=True)
class Contents:
    """What a journal holds.

    Attributes
    ----------
    documents : list of (str, dict)
        As emitted, in order; with stand-ins for a lost start document and lost descriptors.
    torn : int
        Bytes of an unfinished last line, which are not among the documents.
    damages : tuple of str
        One sentence for each damaged line.
    filed, refused : frozenset of str
        Ids of the catalogues that hold the whole run, and of those that never can.
    format : int
    lost_stop : bool
        Whether the line of the stop document is damaged: the run had ended.
    """

    documents: list[tuple[str, Document]]
    torn: int = 0
    damages: tuple[str, ...] = ()
    filed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    format: int = FORMATS[-1]
    lost_stop: bool = False


@dataclass(frozen=True)
class Ends:
    """First and last of a run, read without what lies between.

    Attributes
    ----------
    start : dict or None
        The start document; None when not even that was written whole.
    stop : dict or None
        The stop document; None while the run goes on and after a crash.
    filed, refused : frozenset of str
        Ids of the catalogues that hold the whole run, and of those that never can.
    format : int
    last : dict
        Data of the last event, if that is the last document but for the stop document.
    """

    start: Document | None
    stop: Document | None
    filed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    format: int = FORMATS[-1]
    last: Document = field(default_factory=dict, compare=False)


def read(path: Path) -> Contents:
    """Read a journal.

    Raises
    ------
    JournalError
        When it is none, its format is not known, or it is not named after its run.
    """
    return parse(path.read_bytes(), path)


def parse(raw: bytes, path: Path) -> Contents:
    """Read what a journal holds; `path` is or would be its file."""
    *lines, rest = raw.split(b"\n")
    version, damages = _format(lines, path)
    items: list[dict[str, Any]] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            items.append(_checked(line, version))
        except _OddLine:
            damages.append(Damage(number, "odd", line))
        except DamagedLine:
            pieces, whole = _apart(line, version)
            items += pieces
            damages.append(Damage(number, "break" if whole else _kind(line), line))
    documents = [(item["name"], item["doc"]) for item in items if "name" in item]
    sentences = _named(damages, documents, path)
    if documents or any(damage.costs for damage in damages):
        documents = _stood_in(documents, damages, path)
        _check_name(path, documents[0][1]["uid"], version)
    filed, refused = (
        frozenset(item[mark] for item in items if mark in item) for mark in ("filed", "refused")
    )
    lost_stop = any(damage.kind == "stop" for damage in damages)
    return Contents(documents, len(rest), sentences, filed, refused, version, lost_stop)


def _check_name(path: Path, uid: str, version: int) -> None:
    """Refuse a journal with another's name, such as a copy: a run is found by its journal's.

    Without checksums (format 1) it may be a letter of the uid that is damaged.
    """
    if version > 1 and uid_of(path.stem) != uid:
        raise JournalError(
            f"The journal {path} is not named after the run that it holds, {uid}: move it out of "
            f"the folder if it is a copy, else end its name in _{uid}{path.suffix}."
        )


def _checked(line: bytes, version: int) -> dict[str, Any]:
    """Read a line that has to have a checksum if the format has."""
    item = loads(line)
    if version > 1 and "crc" not in item:
        raise DamagedLine("it has no checksum")
    if "name" in item and not isinstance(item.get("doc"), dict):
        raise DamagedLine("it holds no document")
    if "name" in item and not well_formed(item["name"], item["doc"]):
        raise (_OddLine if "crc" in item else DamagedLine)("its document lacks what it is read by")
    if "crc" not in item and not {"name", "filed"} & set(item):
        raise DamagedLine("it says nothing")
    return item


class _OddLine(DamagedLine):
    """A line that is as it was written, with a document that is none."""


_COLUMN = (list, tuple, np.ndarray)

_READ_BY: dict[str, dict[str, type | tuple[type, ...]]] = {
    "start": {"uid": str, "time": Real},
    "descriptor": {"uid": str, "name": str},
    "event": {"descriptor": str, "data": dict, "seq_num": Integral, "time": Real},
    "event_page": {"descriptor": str, "data": dict, "seq_num": _COLUMN, "time": _COLUMN},
    "stop": {},
}
"""What each kind of document is read by; others are only handed on."""
_OTHERWISE: dict[str, type | tuple[type, ...]] = {
    "num_events": dict,
    "run_start": str,
    "uid": (str, list, tuple),
}
"""What some have besides, and is then of this type."""


def well_formed(name: object, doc: Mapping[str, Any]) -> bool:
    """Say whether a document has what it is read by."""
    if not isinstance(name, str):
        return False
    wanted = _READ_BY.get(name, {})
    if not all(isinstance(doc.get(key), kind) for key, kind in wanted.items()):
        return False
    if not all(isinstance(doc[key], kind) for key, kind in _OTHERWISE.items() if key in doc):
        return False
    if name != "event_page":
        return True
    pages = [doc["time"], *doc["data"].values()]
    count = len(doc["seq_num"])
    return count > 0 and all(isinstance(page, _COLUMN) and len(page) == count for page in pages)


def _format(lines: list[bytes], path: Path) -> tuple[int, list[Damage]]:
    """Find the format, which the lines show if the header does not."""
    if not lines:
        return FORMATS[-1], []
    try:
        header = loads(lines[0])
    except DamagedLine:
        header = {}
    version = header.get("journal")
    if version in FORMATS and ("crc" in header) == (version > 1):
        return version, []
    if "crc" in header:
        raise JournalError(
            f"{path} is not a journal of format {' or '.join(map(str, FORMATS))} (it begins with "
            f"{lines[0][:40]!r}); read it with the reactune that wrote it."
        )
    sealed = sum(b', "crc": "' in line[-20:] for line in lines)  # few, if they were added later
    return (2 if sealed >= len(lines) / 2 else 1), [Damage(1, "header", lines[0])]


def _apart(line: bytes, version: int) -> tuple[list[dict[str, Any]], bool]:
    """Read what is whole of lines that ran together, and whether that is all of them."""
    pieces = _RUN_TOGETHER.split(line)
    whole = []
    for piece in pieces if len(pieces) > 1 else ():
        try:
            whole.append(_checked(piece, version))
        except DamagedLine:
            continue
    return whole, len(whole) == len(pieces)


def _kind(line: bytes) -> str:
    """Tell what a damaged line held, by what is left of it."""
    if re.match(rb'.{0,2}"?(filed|refused)"', line, re.DOTALL):
        return "mark"
    found = re.match(rb'.{0,12}"(start|descriptor|event|event_page|stop)", "doc', line, re.DOTALL)
    if found:
        return found[1].decode().removesuffix("_page")
    for kind, key in (("event", b'"seq_num": '), ("descriptor", b'"data_keys": ')):
        if key in line:
            return kind
    return "stop" if b'"exit_status": ' in line else ""


def _named(
    damages: list[Damage], documents: list[tuple[str, Document]], path: Path
) -> tuple[str, ...]:
    """Say in a sentence each which line is damaged and what that means."""
    streams = {
        str(doc.get("uid")): str(doc.get("name")) for name, doc in documents if name == "descriptor"
    }
    return tuple(_sentence(damage, streams, path) for damage in damages)


def _sentence(damage: Damage, streams: dict[str, str], path: Path) -> str:
    line = f"Line {damage.line} of the journal {path}"
    if damage.kind == "odd":
        return (
            f"{line} is as it was written, and lacks what such a document is read by: it is left "
            "out of tables and reports."
        )
    cure = " Restore the file from a copy, if there is one." if damage.costs else ""
    return f"{line} is damaged: it held {_what(damage, streams)}{_MEANING[damage.kind]}.{cure}"


def _what(damage: Damage, streams: dict[str, str]) -> str:
    """Say which document a damaged line held, as far as known."""
    if damage.kind in ("start", "stop", "break"):
        return ""
    if damage.kind == "event":
        number = re.search(rb'"seq_num": (\d+)', damage.held)
        stream = next((name for uid, name in streams.items() if uid.encode() in damage.held), "")
        told = f" {int(number[1])}" if number else ""
        return f"event{told}{f' of stream {stream}' if stream else ''}, "
    return {"header": "the header, ", "mark": "a mark, ", "descriptor": "a descriptor, "}.get(
        damage.kind, "a document that cannot be told any more, "
    )


def _stood_in(
    documents: list[tuple[str, Document]], damages: list[Damage], path: Path
) -> list[tuple[str, Document]]:
    """Stand in for what others refer to: a lost start document, lost descriptors."""
    name = path.stem
    complete: list[tuple[str, Document]] = []
    if not documents or documents[0][0] != "start":
        lost = "the start document: its line in the journal is damaged"
        complete.append(("start", {"uid": uid_of(name), "time": time_of(name), "lost": lost}))
    known = {doc.get("uid") for kind, doc in documents if kind == "descriptor"}
    for kind, doc in documents:
        if (uid := doc.get("descriptor")) and uid not in known:
            known.add(uid)
            start = (complete or documents)[0][1]["uid"]
            stream = _stream(documents, damages)
            complete.append(("descriptor", _descriptor(doc, start, stream)))
        complete.append((kind, doc))
    return complete


def _stream(documents: list[tuple[str, Document]], damages: list[Damage]) -> str:
    """Find the name of the stream whose descriptor is lost."""
    named = {doc.get("name") for kind, doc in documents if kind == "descriptor"}
    ended = next((doc for kind, doc in documents if kind == "stop"), {})
    left = [name for name in ended.get("num_events", {}) if name not in named]
    for damage in damages:
        left += [found.decode() for found in re.findall(rb'"name": "(\w+)"', damage.held)[1:]]
    return next((name for name in left if name not in named), "unknown")


def _descriptor(event: Document, start: str, stream: str) -> Document:
    """Describe a stream by one of its events."""
    keys = {}
    page = not isinstance(event["seq_num"], Integral)
    for key, cell in event["data"].items():
        value = cell[0] if page else cell
        shape = list(getattr(value, "shape", [len(value)] if isinstance(value, list) else []))
        kind = "string" if isinstance(value, str) else "array" if shape else "number"
        keys[key] = {"source": "lost", "dtype": kind, "shape": shape}
    return {
        "uid": event["descriptor"],
        "time": event["time"][0] if page else event["time"],
        "run_start": start,
        "name": stream,
        "data_keys": keys,
        "configuration": {},
        "object_keys": {},
        "hints": {},
        "lost": "the descriptor: its line in the journal is damaged; this is made from an event",
    }


# --- without what lies between ---


def read_ends(path: Path) -> Ends:
    """Read a journal's start, stop and marks.

    Raises
    ------
    JournalError
        As `read`.
    """
    try:
        return _quick(path)
    except DamagedLine:
        contents = read(path)
    first, last = (contents.documents[i] if contents.documents else ("", {}) for i in (0, -1))
    return Ends(
        first[1] if first[0] == "start" else None,
        last[1] if last[0] == "stop" else None,
        contents.filed,
        contents.refused,
        contents.format,
    )


def _quick(path: Path) -> Ends:
    """Read both ends, if they are whole."""
    with path.open("rb") as file:
        head = [line for line in (file.readline(), file.readline()) if line.endswith(b"\n")]
    version, damages = _format(head, path)
    if damages:
        raise DamagedLine("the header")
    if len(head) < 2:
        return Ends(None, None, format=version)
    start = _checked(head[1], version)
    if start.get("name") != "start":
        raise DamagedLine("the start document is not where it belongs")
    _check_name(path, start["doc"]["uid"], version)
    stop, marks = None, dict[str, set[str]](filed=set(), refused=set())
    last: Document = {}
    for line in backwards(path):
        item = _checked(line, version)
        if mark := next((kind for kind in marks if kind in item), None):
            marks[mark].add(item[mark])
            continue
        if item.get("name") == "stop" and stop is None:
            stop = item["doc"]
            continue
        data = item["doc"].get("data", {}) if item.get("name") == "event" else {}
        if "best" in data or last or not data:
            last = data if "best" in data else last
            break
        last = data  # behind a decision there may be what a rediscovery found, or the next facts
    filed, refused = map(frozenset, marks.values())
    return Ends(start["doc"], stop, filed, refused, version, last)


def backwards(path: Path, block: int = 8192) -> Iterator[bytes]:
    """Yield the whole lines from the last to the first, reading no more than asked for."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest, ended = b"", False
        while position:
            size = min(block, position)
            position = file.seek(position - size)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            if lines and not ended:  # what stands behind the last end of a line
                lines.pop()
                ended = True
            yield from reversed(lines)
        if ended:
            yield rest
