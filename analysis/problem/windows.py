"""Soft windows as people write them: ``X1 / X2 >= 4 +/- 0.3``, ``80% <= yield <= 90% ± 5%``."""

import math
import re
from typing import Any

from .expression import ExpressionError, parse

_TOLERANCE = re.compile(r"\s*(?:\+/?-|±)\s*")
_INSIDE = re.compile(r"(?P<of>.+?)\s+in\s+\[(?P<lower>[^,\]]+),(?P<upper>[^,\]]+)\]")
_RELATION = re.compile(r"\s*(<=|>=|==|[<>=≤≥])\s*")
_TURNED = {"<": ">", ">": "<", "=": "="}
_HOW = "write 'X1 in [0.9, 1.0] +/- 0.3', 'X1 >= 0.9 +/- 0.3' or 'X1 <= 0.9 +/- 0.3'"

Edge = float | str | None
"""A bound, None on an open side; text that is no number is left for the model to refuse."""


def read_window(text: str) -> dict[str, Any]:
    """Read a window: what is bounded, by what, and how far outside is still acceptable.

    The relations are ``<= < >= > = == ≤ ≥`` and ``in``; of what is measured nobody can tell ``<``
    from ``<=``. An equality is a window without room, as wide as its tolerance allows; `Window`
    says what counts as equal. ``80%`` is 0.8.

    Returns
    -------
    dict
        ``of``, ``within`` and ``tolerance``, as the table form of a window states them, and
        ``percent`` where its numbers are in percent.

    Raises
    ------
    ValueError
        If it is no window; the message says how to write one.
    """
    body, *tolerance = _TOLERANCE.split(text.strip())
    found = _read_body(body)
    if found is None or len(tolerance) > 1:
        raise ValueError(f"{text!r} is not understood; {_HOW}")
    if not tolerance:
        raise ValueError(
            f"{text!r} has no tolerance; write '{text} +/- {_usual(found[1])}' "
            "(how far outside is still acceptable?)"
        )
    of, edges = found
    _check_percent(text, [edge for edge in edges if edge is not None], tolerance[0])
    within = [None if edge is None else _number(edge) for edge in edges]
    window = {"of": of, "within": within, "tolerance": _number(tolerance[0])}
    return window | ({"percent": True} if tolerance[0].strip().endswith("%") else {})


def _read_body(body: str) -> tuple[str, tuple[str | None, str | None]] | None:
    """Give what is bounded with the texts of its lower and upper edge, if it is a window."""
    if inside := _INSIDE.fullmatch(body):
        return inside["of"], (inside["lower"], inside["upper"])
    parts = _RELATION.split(body)
    relations = [part.replace("≤", "<").replace("≥", ">")[0] for part in parts[1::2]]
    match [part.strip() for part in parts[::2]], relations:
        case [left, right], [relation] if left and right:
            of, edge = left, right
            if _is_edge(left) and not _is_edge(right):
                of, edge, relation = right, left, _TURNED[relation]
            low, high = edge if relation != "<" else None, edge if relation != ">" else None
            return of, (low, high)
        case [low, of, high], ["<", "<"] if low and of and high:
            return of, (low, high)
        case [high, of, low], [">", ">"] if low and of and high:
            return of, (low, high)
    return None


def _usual(edges: tuple[str | None, str | None]) -> str:
    """Give a tolerance to show how one is written, of the size of the edges and in their unit."""
    size, mark = 0.0, ""
    for edge in filter(None, edges):
        value = _number(edge)
        if isinstance(value, float) and size < abs(value) < math.inf:
            size, mark = abs(value), "%" if edge.strip().endswith("%") else ""
    shown = size * 100 if mark else size
    return f"{0.3 * 10 ** math.floor(math.log10(shown or 0.1)):.1g}{mark}"


def _is_edge(text: str) -> bool:
    return isinstance(_number(text), float)


def _check_percent(text: str, edges: list[str], tolerance: str) -> None:
    """Refuse edges in percent with a tolerance that is not, or the other way round."""
    same = {0.0, math.inf, -math.inf}  # in percent and not
    stated = {p.strip().endswith("%") for p in [*edges, tolerance] if _number(p) not in same}
    if len(stated) > 1:
        raise ValueError(
            f"{text!r} has some of its numbers in % and some not; write all of them in one way"
        )


def _number(text: str) -> Edge:
    """Return the number, or the text itself if it is none."""
    plain = text.strip()
    if plain in ("inf", "-inf", "+inf"):
        return float(plain)
    percent = plain.endswith("%")
    try:
        value = parse(plain.removesuffix("%").removeprefix("+"))
    except ExpressionError:
        return plain
    if value.names:
        return plain
    return value({}) / 100 if percent else value({})
