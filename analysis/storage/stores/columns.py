"""Data keys as columns of SQL: Tiled takes only those that begin with an ASCII letter.

So ``name_`` stands before any other: ``α`` is the column ``name_α``. (A key that is called
``name_α`` itself is ``name_name_α``, so that each can be read back.) PostgreSQL takes no more than
63 bytes: of a longer key there is the beginning and a digest, and the descriptor says what it was.
So it is with a key that small letters alone tell from another: the product ``P`` from the penalty
``p``, which SQL takes for the same. And with a key that Tiled's own columns are called: ``time``,
``seq_num`` and those of timestamps, ``ts_...``.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..journals.encoding import Document

_MARK = "name_"
_FOREIGN = re.compile(rf"(?:{_MARK})*[^A-Za-z]")
_TILEDS = re.compile("ts_|(?:time|seq_num)$", re.IGNORECASE)
_LONGEST = 60  # bytes: PostgreSQL takes 63, Tiled no more on any database, and puts "ts_" before it
_KEPT = 40
_KEY = "recorded_as"
"""Under which a descriptor of the store has the key that a column was shortened from."""


def to_column(key: str) -> str:
    """Give the column of a data key."""
    if _TILEDS.match(key):
        return _marked(key, f"{_MARK}{key}")
    column = f"{_MARK}{key}" if _FOREIGN.match(key) else key
    return column if len(column.encode()) <= _LONGEST else _marked(key, column)


def _marked(key: str, column: str) -> str:
    """Give the beginning of a column, and a digest of its key."""
    begin = column.encode()[:_KEPT].decode(errors="ignore")
    return f"{begin}_{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _apart(keys: Iterable[str]) -> dict[str, str]:
    """Give the columns of the data keys of a stream, no two of which are one in small letters."""
    columns = {key: to_column(key) for key in keys}
    count = Counter(column.lower() for column in columns.values())
    return {
        key: _marked(key, column) if count[column.lower()] > 1 and column != column.lower()
        else column
        for key, column in columns.items()
    }  # fmt: skip


def to_columns(name: str, doc: Document) -> Document:
    """Give a document as a store of SQL takes it; a descriptor says which keys became others."""
    columns = _apart(doc.get(_table(name), {}))
    made = renamed(name, doc, lambda key: columns.get(key) or to_column(key))
    if name == "descriptor" and made is not doc:
        keys = made["data_keys"]
        for key, about in doc["data_keys"].items():
            if from_column(columns[key]) != key:
                keys[columns[key]] = {**about, _KEY: key}
    return made


def from_columns(documents: Iterable[tuple[str, Document]]) -> list[tuple[str, Document]]:
    """Give the documents of a run with the data keys that they were recorded with."""
    long: dict[str, str] = {}

    def key_of(column: str) -> str:
        return long.get(column) or from_column(column)

    found = []
    for name, doc in documents:
        if name == "descriptor":
            about = doc["data_keys"]
            long |= {column: its[_KEY] for column, its in about.items() if _KEY in its}
            plain = {
                column: {part: value for part, value in its.items() if part != _KEY}
                for column, its in about.items()
            }
            doc = {**doc, "data_keys": plain}
        found.append((name, renamed(name, doc, key_of)))
    return found


def from_column(column: str) -> str:
    """Give the data key of a column."""
    key = column.removeprefix(_MARK)
    return key if _FOREIGN.match(key) else column


def _table(name: str) -> str:
    """Name the part of a document that has the data keys."""
    return "data_keys" if name == "descriptor" else "data"


def renamed(name: str, doc: Document, new: Callable[[str], str]) -> Document:
    """Give a document with other data keys; it is a copy where any differs.

    Parameters
    ----------
    name : str
        Kind of the document.
    doc : dict
    new : callable
        Gives the new key of an old one.
    """
    keys = doc.get(_table(name), {})
    if all(new(key) == key for key in keys):
        return doc

    def table(values: dict[str, Any]) -> dict[str, Any]:
        return {new(key): value for key, value in values.items()}

    if name != "descriptor":
        tables = ("data", "timestamps", "filled")
        return {**doc, **{part: table(doc[part]) for part in tables if part in doc}}
    changed = {**doc, "data_keys": table(keys)}
    if "object_keys" in doc:
        owned = doc["object_keys"].items()
        changed["object_keys"] = {owner: [new(key) for key in its] for owner, its in owned}
    if "hints" in doc:
        changed["hints"] = {
            owner: {**hint, "fields": [new(key) for key in hint["fields"]]}
            if "fields" in hint
            else hint
            for owner, hint in doc["hints"].items()
        }
    return changed
