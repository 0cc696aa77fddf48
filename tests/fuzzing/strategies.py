"""Damage that knows the structure of what it damages; shared by all fuzzers.

What is drawn is a recipe; applying it is plain code, so that what hypothesis shrinks stays simple.
"""

import datetime
import math
from typing import Any

from hypothesis import strategies as st

PLACES = st.integers(0, 10_000)
"""Where: taken modulo how many places there are."""

AWKWARD_TEXT = [
    "", " ", "X3", "x" * 600, "\x1b[2J", "a\u202eb", "\x00", "µ", "𝐗3", "lambda", "None", "0",
    "1e999", "((((X3))))", "X3 +", "X1 / X2 >= 4 +/- 0.3", "X1 in [0, 1] +/- 1",
    "X1 <= nan +/- inf",
        "X3 * 1" + 200 * "0", "-" * 250 + "X3", "1_0", "0x10", "X3 # hi", "'a'", "X1 if X2 else X3",
    "[X1]", "X1 ** 99", "X1 / (X2 - X2)", "flow_c60", "volume", "walker2017", "sqsnobfit",
]  # fmt: skip
AWKWARD = [
    True, False, 0, -1, 1, 2, 7, 2**63 - 1, 2**63, -(2**63), 10**30, 0.0, -0.0, 1e-300, 5e-324,
    1e100, 1e101, 1.7e308, -1.7e308, math.nan, math.inf, -math.inf, 1.0000000000000002,
    datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 12), datetime.time(12), [], {}, [[]],
    [1], [1, 2], [2, 1], [1, 1], [1, 2, 3], [math.nan, 1], [-math.inf, math.inf], [1e99, 1e100],
    [0, 5e-324], {"a": 1}, {"range": [0, 1]}, {"": ""}, *AWKWARD_TEXT,
]  # fmt: skip

LETTERS = st.sampled_from("()+-*/ .,e1X3_%±≥<>=[]'\"\\\n\t\x00\x1b\u202eé０lim:#")
EDITS = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "double"]), PLACES, LETTERS), max_size=4
)
VALUES = st.one_of(
    st.sampled_from(AWKWARD),
    st.floats(),
    st.integers(-(10**6), 10**6),
    st.text(max_size=8),
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ["number", "number", "replace", "drop", "rename", "double", "swap", "edit", "nest"]
        ),
        PLACES, PLACES, VALUES, EDITS,
    ),
    min_size=1, max_size=3,
)  # fmt: skip
"""Of nested tables and lists."""
FLIPS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "insert", "delete", "cut", "double", "splice"]),
        PLACES, st.integers(0, 255),
    ),
    max_size=4,
)  # fmt: skip
"""Of bytes."""


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    for kind, place, letter in edits:
        at = place % (len(text) + 1)
        if kind == "insert":
            text = text[:at] + letter + text[at:]
        elif kind == "delete":
            text = text[:at] + text[at + 1 :]
        else:
            text = text[:at] + text[: 2 * at]
    return text[:2000]


def flipped(raw: bytes, flips: list[tuple[str, int, int]], other: bytes = b"") -> bytes:
    """Damage bytes; `splice` goes on with `other` from a place on."""
    for kind, place, byte in flips:
        at = place % (len(raw) + 1)
        if kind == "insert":
            raw = raw[:at] + bytes([byte]) + raw[at:]
        elif kind == "set":
            raw = raw[:at] + bytes([byte]) + raw[at + 1 :]
        elif kind == "flip" and at < len(raw):
            raw = raw[:at] + bytes([raw[at] ^ (1 << byte % 8)]) + raw[at + 1 :]
        elif kind == "delete":
            raw = raw[:at] + raw[at + 1 + byte % 4 :]
        elif kind == "cut":
            raw = raw[:at]
        elif kind == "double":
            raw = raw[:at] + raw[: 2 * at]
        elif kind == "splice":
            raw = raw[:at] + other[at:]
    return raw


def _slots(value: Any) -> list[tuple[Any, Any]]:
    """Every place of nested tables and lists: what it is in, and its key or index."""
    found = []
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _slots(item)
    return found


def changed(data: Any, changes: list[tuple[str, int, int, Any, Any]], names: list[str]) -> Any:
    """Change nested tables and lists in place; `names` are keys that mean something."""
    for kind, place, second, value, edits in changes:
        slots = _slots(data)
        if kind == "number":  # a number in place of a number: most of what is read stays valid
            slots = [(a, b) for a, b in slots if _is_number(a[b])]
        if not slots:
            continue
        value = _copy(value)  # hypothesis gives the same one again
        (inside, key), (elsewhere, other) = slots[place % len(slots)], slots[second % len(slots)]
        if kind == "number":
            was = inside[key]
            near = type(was)(was * (0.5 + second / 8_000))
            inside[key] = value if _is_number(value) and second % 4 == 0 else near
            continue
        if kind == "replace":
            inside[key] = value
        elif kind == "edit":
            was = inside[key]
            inside[key] = edited(was, edits) if isinstance(was, str) else value
        elif kind == "drop":
            del inside[key]
        elif kind == "nest":
            inside[key] = {names[second % len(names)]: inside[key]}
        elif kind == "swap":
            inside[key] = _copy(elsewhere[other])
        elif isinstance(inside, list):
            inside.insert(key, _copy(inside[key]))
        else:
            name = names[second % len(names)] if second % 2 else edited(str(key), edits)
            inside[name] = _copy(inside[key]) if kind == "double" else inside.pop(key)
    return data


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def names_of(data: Any) -> list[str]:
    return sorted({str(key) for _, key in _slots(data) if isinstance(key, str)})
