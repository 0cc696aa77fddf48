"""Results that other software has found, in a file: a table of text or Excel, or JSON."""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import Any, ClassVar, Self

from .. import cells
from ..cells import Cell, Rows
from ..problem.tables import Kind
from ..written import UnreadableError, quoted
from .measurement import Analytics, Measurement

_NUMBER = re.compile(r"[+-]?(\d+([.]\d*)?|[.]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_FRACTIONS = {"1": 1.0, "%": 0.01}
_WORKBOOKS = (".xlsx", ".xlsm")


def stored_file(data: Mapping[str, Any]) -> tuple[str, bytes]:
    """Give name and content of the file that an event holds.

    Raises
    ------
    UnreadableError
        If it holds none.
    """
    try:
        raw = base64.b64decode(str(data["file_content"]), validate=True)
    except (KeyError, ValueError, binascii.Error):
        raise UnreadableError("the event holds no result file") from None
    return str(data.get("file", "")), raw


@dataclass(frozen=True)
class Quantity:
    """Where a file tells a quantity.

    Parameters
    ----------
    name : str
    column, row, key : str
        Title of its column; what stands in its row, empty if there is one only; or, in JSON, the
        keys that lead to it, with points between them.
    unit : str
        ``1`` or ``%`` for fractions, else that of an amount.
    sd : str
        Column or key of its standard uncertainty, in the same unit; empty if there is none.
    """

    name: str
    column: str = ""
    row: str = ""
    key: str = ""
    unit: str = "1"
    sd: str = ""

    @property
    def fraction(self) -> bool:
        """Whether it is a fraction of a whole."""
        return self.unit in _FRACTIONS


@dataclass(frozen=True)
class ResultTable(Analytics):
    """Takes quantities from the file of an event, as a mapping says; nothing is guessed.

    Parameters
    ----------
    quantities : tuple of Quantity
    decimal : str
        Decimal sign of texts.

    Raises
    ------
    ValueError
        If there is no quantity, or one twice.
    """

    quantities: tuple[Quantity, ...]
    decimal: str = "."

    key: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        names = [q.name for q in self.quantities]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"method: quantities {names} must be at least one, each by its name")

    @property
    def kind(self) -> Kind:
        """Fractions of a whole if all of them are fractions, else positive."""
        return "fractions" if all(q.fraction for q in self.quantities) else "positive"

    @property
    def label(self) -> str:
        """What they are called together."""
        return "fraction" if self.kind == "fractions" else "result"

    @property
    def units(self) -> Mapping[str, str]:
        """Every quantity; fractions are pure numbers."""
        return {q.name: "1" if q.fraction else q.unit for q in self.quantities}

    def measure(self, data: Mapping[str, Any]) -> Measurement:
        """Read an event's file; see `Analytics.measure`."""
        name = ""
        try:
            name, raw = stored_file(data)
            values, sd = self._read(PurePath(name).suffix.lower(), raw)
        except UnreadableError as error:
            return Measurement.failed(self.names, f"{name} {error}".strip())
        return Measurement(values, sd)

    def duration(self, data: Mapping[str, Any]) -> float:
        """Give how long after the injection the file was there [s]."""
        return float(data.get("file_delay", 0.0))

    def _read(self, suffix: str, raw: bytes) -> tuple[dict[str, float], dict[str, float]]:
        """Read values and standard uncertainties (`UnreadableError` if one is not there)."""
        place: _Keys | _Grid
        if suffix == ".json":
            place = _Keys(raw)
        else:
            wanted = [title for q in self.quantities for title in (q.column, q.sd) if title]
            rows, spaced = _table(suffix, raw, wanted)
            place = _Grid(rows, wanted, spaced=spaced)
        values, sd = {}, {}
        for q in self.quantities:
            values[q.name] = self._value(q, place.of(q, q.key or q.column))
            told = place.of(q, q.sd) if q.sd else None
            sd[q.name] = math.nan if told is None else self._sd(q, told)
        return values, sd

    def _value(self, q: Quantity, told: Cell) -> float:
        value = self._number(q.name, q.unit, told)
        if q.fraction and not 0 <= value <= 1:
            raise UnreadableError(
                f"says {q.name} = {quoted(told)}, which is outside 0 to 1"
                f"{' (0 to 100 %)' if q.unit == '%' else ''}: look at the analysis, or correct the "
                "unit in the rig file"
            )
        if value < 0:
            raise UnreadableError(f"says {q.name} = {quoted(told)}, and no amount is below 0")
        return value

    def _sd(self, q: Quantity, told: Cell) -> float:
        value = self._number(f"the sd of {q.name}", q.unit, told)
        if value < 0:
            raise UnreadableError(f"says the sd of {q.name} = {quoted(told)}; none is below 0")
        return value

    def _number(self, what: str, unit: str, told: Cell) -> float:
        """Take a number for what it says, and for nothing else."""
        text = repr(told) if isinstance(told, float) else (told or "").strip()
        if not isinstance(told, float):
            bare = text.removesuffix("%").strip() if unit == "%" else text
            text = bare.replace(".", "x").replace(",", ".") if self.decimal == "," else bare
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise UnreadableError(
                f"says {what} = {'nothing' if told is None else quoted(told)}, which is no number"
                f"{self._cure(told, unit)}"
            )
        return float(text) * _FRACTIONS.get(unit, 1.0)

    def _cure(self, told: Cell, unit: str) -> str:
        """Say what the rig file may lack, where that shows."""
        if not isinstance(told, str):
            return ""
        if told.endswith("%") and unit != "%":
            return ': write unit = "%" into the rig file'
        other = {".": ",", ",": "."}[self.decimal]
        return f': write decimal = "{other}" into the rig file' if other in told else ""

    def to_dict(self) -> dict[str, Any]:
        """Return its method."""
        return {"quantities": [asdict(q) for q in self.quantities], "decimal": self.decimal}

    @classmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        """Build it again; see `Analytics.from_dict`."""
        known = {f.name for f in fields(Quantity)}
        stated, decimal = method.get("quantities"), method.get("decimal", ".")
        if not isinstance(stated, list) or decimal not in (".", ","):
            raise ValueError("method: quantities must be a list, and decimal . or ,")
        for q in stated:
            if strange := sorted(q.keys() - known):
                raise ValueError(f"method: unknown {', '.join(strange)} of a quantity")
        return cls(tuple(Quantity(**q) for q in stated), decimal)


# ---- where a value stands ------------------------------------------------------------------------


def _table(suffix: str, raw: bytes, wanted: Sequence[str]) -> tuple[Rows, bool]:
    """Read the rows of a table; of texts by the delimiter that gives the most of its titles.

    Whether that is spaces is given, too: then no cell can be empty.
    """
    if suffix in _WORKBOOKS:
        return cells.workbook(raw, percent=True), False
    *others, spaced = cells.text(cells.decoded(raw))  # spaces are tried last
    best = max(
        (*others, spaced),
        key=lambda rows: max((_titles(row, wanted) for row in rows), default=0),
    )
    return best, best is spaced


def _titles(row: Sequence[Cell], wanted: Sequence[str]) -> int:
    return sum(title in row for title in set(wanted))


class _Grid:
    """A table below a row of titles."""

    def __init__(self, rows: Rows, wanted: Sequence[str], *, spaced: bool):
        self._spaced = spaced
        head = max(rows, key=lambda row: _titles(row, wanted), default=[])
        for title in dict.fromkeys(wanted):
            if (count := head.count(title)) != 1:
                shown = ", ".join(str(cell) for cell in head if cell is not None)
                has = f"its columns are {shown}" if _titles(head, wanted) else "nor any other"
                what = f"has {count} columns" if count else "has no column"
                raise UnreadableError(f"{what} {title!r}; {has}: correct it in the rig file")
        self._head = head
        self._columns = [head.index(title) for title in wanted]
        below = rows[rows.index(head) + 1 :]
        self._rows = [row for row in below if any(cell is not None for cell in row)]

    def of(self, q: Quantity, title: str) -> Cell:
        """Give what stands in the row of a quantity, below a title."""
        column = self._head.index(title)
        if q.row:
            rows, which = [r for r in self._rows if q.row in r], f"rows with {q.row!r}"
        else:
            rows, which = [r for r in self._rows if self._tells(r)], "rows with results"
        if len(rows) != 1:
            raise UnreadableError(
                f"has {len(rows) or 'no'} {which}: one is looked for; say which by row in the rig "
                "file"
            )
        (row,) = rows
        if len(row) > len(self._head) or (self._spaced and len(row) < len(self._head)):
            raise UnreadableError(
                f"has {len(row)} cells in the row of {q.name} and {len(self._head)} titles: nobody "
                "can tell which is which"
            )
        return row[column] if column < len(row) else None

    def _tells(self, row: Sequence[Cell]) -> bool:
        """Whether something stands below one of the titles."""
        return any(row[k] is not None for k in self._columns if k < len(row))


class _Keys:
    """A JSON document."""

    def __init__(self, raw: bytes):
        try:
            self._whole = json.loads(raw, object_pairs_hook=_once)
        except UnreadableError:
            raise
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"is no JSON ({quoted(str(error))}); export it anew") from None

    def of(self, q: Quantity, path: str) -> Cell:
        """Give what stands where keys lead to."""
        inside = self._whole
        for key in path.split("."):
            if isinstance(inside, list) and key.isdecimal() and int(key) < len(inside):
                inside = inside[int(key)]
            elif isinstance(inside, dict) and key in inside:
                inside = inside[key]
            else:
                raise UnreadableError(
                    f"has no {key!r} of {path!r} for {q.name}: correct it in the rig file"
                )
        if inside is None or inside == "":
            return None
        if isinstance(inside, str):
            return inside
        if isinstance(inside, bool) or not isinstance(inside, int | float):
            raise UnreadableError(f"says {path} = {quoted(inside)}, which is no number")
        try:
            return float(inside)
        except OverflowError:
            raise UnreadableError(f"says {path} = {quoted(inside)}, which no float holds") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON, each of whose keys it has once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableError("has a key twice in an object: nobody can tell which counts")
    return found
