"""Two records of one run, document by document: what was emitted, and what a store gives back.

A store in Tiled keeps the facts and makes documents of them again. It may call events otherwise,
say nothing of ``filled``, add what it knows of a data key, and give keys in another order;
metadata has been through JSON, which has neither arrays nor NaN. Anything else is a difference.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from .journals.encoding import Document

Pair = tuple[str, Document]

_COMPARED = {"start", "descriptor", "event", "event_page", "stop"}


def differences(emitted: Iterable[Pair], stored: Iterable[Pair]) -> list[str]:
    """Name what is other in a store than was emitted.

    Parameters
    ----------
    emitted, stored : iterable of (str, dict)
        Documents of the run, as emitted and as the store gives them.

    Returns
    -------
    list of str
        One for each value, such as ``event 3 of primary: data x is 1.5, there 1.25``; empty if
        they are the same.
    """
    here, there = list(emitted), list(stored)
    found = [f"a document of kind {kind} is not compared" for kind in _others(here)]
    for kind in ("start", "descriptor", "event", "stop"):
        mine, theirs = _by_key(here, kind), _by_key(there, kind)
        for key, doc in mine.items():
            if key not in theirs:
                found.append(f"{key} is missing there")
            elif len(theirs[key]) > 1:
                found.append(f"{key} is there {len(theirs[key])} times")
            else:
                (other,) = theirs[key]
                found += [f"{key}: {told}" for told in _compared(kind, doc[0], other)]
        found += [f"{key} is there and was not recorded" for key in theirs if key not in mine]
    return found


def _others(documents: Iterable[Pair]) -> list[str]:
    """Kinds of documents that refer to files, once each."""
    return sorted({kind for kind, _ in documents} - _COMPARED)


def _by_key(documents: Iterable[Pair], wanted: str) -> dict[str, list[Document]]:
    """Give the documents of a kind, by what a person calls them."""
    found: dict[str, list[Document]] = {}
    streams: dict[str, str] = {}
    for kind, doc in _single(documents):
        if kind == "descriptor":
            streams[doc["uid"]] = doc["name"]
        if kind == wanted:
            key = f"the {kind} document"
            if kind == "descriptor":
                key = f"descriptor {doc['uid'][:8]} of {doc['name']}"
            elif kind == "event":
                key = f"event {doc['seq_num']} of {streams[doc['descriptor']]}"
            found.setdefault(key, []).append(doc)
    return found


def _single(documents: Iterable[Pair]) -> Iterator[Pair]:
    """Take pages of events apart."""
    from event_model import EventPage, unpack_event_page

    for kind, doc in documents:
        if kind == "event_page":
            yield from (("event", dict(event)) for event in unpack_event_page(cast(EventPage, doc)))
        else:
            yield kind, doc


def _compared(kind: str, here: Document, there: Document) -> Iterator[str]:
    """Compare two documents of one kind."""
    if kind == "event":
        for part in ("data", "timestamps"):
            yield from _values(here[part], there.get(part) or {}, f"{part} ")
        yield from _values({"time": here["time"]}, {"time": there.get("time")})
    elif kind == "descriptor":
        yield from _data_keys(here, there, "data key ")
        mine, theirs = (doc.get("configuration") or {} for doc in (here, there))
        for device, told in mine.items():  # it has data keys of its own
            what, known = f"configuration of {device}: ", theirs.get(device) or {}
            yield from _data_keys(told, known, f"{what}data key ")
            rest = ("data", "timestamps")
            yield from _values(_plain(_part(told, rest)), _plain(_part(known, rest)), what)
        yield from _values(dict.fromkeys(mine), dict.fromkeys(theirs), "configuration of ")
        beside = ("name", "time", "run_start", "hints")
        yield from _values(_plain(_part(here, beside)), _plain(_part(there, beside)))
    else:
        yield from _values(_plain(here), _plain(there))


def _data_keys(here: Document, there: Document, what: str) -> Iterator[str]:
    """Compare what is said of data keys, but for what a store adds."""
    mine, theirs = (doc.get("data_keys") or {} for doc in (here, there))
    for name, about in mine.items():
        known = {part: (theirs.get(name) or {}).get(part) for part in about}
        yield from _values(_plain(about), _plain(known), f"{what}{name}: ")
    yield from _values(dict.fromkeys(mine), dict.fromkeys(theirs), what)


def _part(doc: Document, names: Iterable[str]) -> Document:
    return {name: doc[name] for name in names if name in doc}


def _values(here: Mapping[str, Any], there: Mapping[str, Any], what: str = "") -> Iterator[str]:
    """Name the values that are not the same."""
    for name, value in here.items():
        if name not in there:
            yield f"{what}{name} is missing there"
        elif not _same(value, there[name]):
            yield f"{what}{name} is {_shown(value)}, there {_shown(there[name])}"
    yield from (f"{what}{name} is there and was not recorded" for name in there if name not in here)


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same, number for number, NaN for NaN."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) and a.dtype.kind in "biuf":
        listed = isinstance(b, list | np.ndarray)
        return listed and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple | np.ndarray):
        listed = isinstance(b, list | tuple | np.ndarray)
        return listed and len(a) == len(b) and all(map(_same, list(a), list(b)))
    if isinstance(a, float | np.floating) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return bool(a == b)


def _shown(value: Any) -> str:
    """Write a value in short."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple) and len(value) > 3:
        return f"{len(value)} values, {list(value[:3])!r:.58}, ..."
    return f"{value!r:.60}"


def _plain(value: Any) -> Any:
    """Say a value of the metadata as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
