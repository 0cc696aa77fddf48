"""Data keys as columns of SQL: Tiled takes only those that begin with an ASCII letter.

So ``name_`` stands before any other: ``α`` is the column ``name_α``. (A key that is called
``name_α`` itself is ``name_name_α``, so that each can be read back.)
"""

import re
from collections.abc import Callable
from typing import Any

from .encoding import Document

MOST_BYTES = 63
"""Of a column's name: PostgreSQL takes no more, and Tiled not on any database."""

_MARK = "name_"
_FOREIGN = re.compile(rf"(?:{_MARK})*[^A-Za-z]")


def to_column(key: str) -> str:
    """Give the column of a data key."""
    return f"{_MARK}{key}" if _FOREIGN.match(key) else key


def from_column(column: str) -> str:
    """Give the data key of a column."""
    key = column.removeprefix(_MARK)
    return key if _FOREIGN.match(key) else column


def renamed(name: str, doc: Document, new: Callable[[str], str]) -> Document:
    """Give a document with other data keys; it is a copy where any differs.

    Parameters
    ----------
    name : str
        Kind of the document.
    doc : dict
    new : callable
        `to_column` or `from_column`.
    """
    keys = doc.get("data_keys" if name == "descriptor" else "data", {})
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
