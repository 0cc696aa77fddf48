"""The rows of a table as experiments: what was set, and what came of it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analytics.measurement import Measurement
from ..problem.model import Problem
from ..problem.tables import Setting
from ..problem.units import UnitError, converted
from ..written import LARGEST, exact, quoted
from .sheet import Cell, Sheet, SheetError, create, open_sheet, parsed, title_of

FAILED = "failed"
"""Title of the column that says of an experiment that it failed, and why."""

_NO = {"no", "n", "0", "false", "-"}
_YES = {"yes", "y", "1", "1.0", "true", "x"}
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})  # as word processors write it

_MOST_IN_ALL = 1.5
"""Fractions of a whole add up to one, and a little more by their errors."""


@dataclass(frozen=True)
class Entry:
    """A row of the table.

    Attributes
    ----------
    row : int
        Its number, as a spreadsheet counts.
    conditions : dict of str to float or str
        A value for each variable of the problem.
    measurement : Measurement or None
        What came of it; None while that is outstanding.
    """

    row: int
    conditions: dict[str, Setting]
    measurement: Measurement | None


class Results:
    """A table of experiments, read for a problem.

    Attributes
    ----------
    sheet : Sheet
    entries : list of Entry
        In the order of the table; rows without any condition and result are nobody's.

    Raises
    ------
    SheetError
        If a column is missing, or a cell says nothing that makes sense: by its row and column.
    """

    def __init__(self, sheet: Sheet, problem: Problem) -> None:
        self.sheet, self._problem = sheet, problem
        self._units: dict[str, str] = {}  # of columns that have another than the problem
        self._percent: set[str] = set()  # columns of fractions that are percentages
        self._columns = self._find()
        self._comma = self._decimal_comma()
        self.entries = list(self._read())

    @classmethod
    def open(cls, path: Path, problem: Problem) -> "Results":
        """Read the table of a file; where there is none, begin one."""
        if path.exists():
            return cls(open_sheet(path), problem)
        units = {name: variable.unit for name, variable in problem.variables.items()}
        titles = [title_of(name, unit) for name, unit in units.items()]
        return cls(create(path, [*titles, *problem.measured, FAILED]), problem)

    def extend(self, conditions: Sequence[Mapping[str, Setting]]) -> list[int]:
        """Add rows whose results are outstanding; give their numbers."""
        known = {column: name for name, column in self._columns.items()}
        titles = range(len(self.sheet.titles))
        here = [
            {name: self._converted(name, v, back=True) for name, v in p.items()} for p in conditions
        ]
        rows = [[point.get(known.get(i, "")) for i in titles] for point in here]
        before = len(self.entries)
        self.sheet = self.sheet.append(rows, self._comma)
        self.entries = list(self._read())
        return [entry.row for entry in self.entries[before:]]

    # -- reading --------------------------------------------------------------------------------

    def _find(self) -> dict[str, int]:
        """Find the column of each variable and quantity, and of what else is known of these."""
        problem, columns = self._problem, dict[str, int]()
        optional = {FAILED, *(f"{name}_sd" for name in problem.measured)}
        wanted = [*problem.variables, *problem.measured, *optional]
        plain = {name.casefold(): name for name in wanted}
        for i, title in enumerate(self.sheet.titles):
            written, unit = parsed(title)
            name = written if written in wanted else plain.get(written.casefold(), "")
            if not name:
                continue
            if name in columns:
                raise SheetError(f"{self.sheet.path} has two columns {name}; rename one of them")
            self._check_unit(name, unit)
            columns[name] = i
        if missing := [n for n in (*problem.variables, *problem.measured) if n not in columns]:
            raise SheetError(
                f"{self.sheet.path} has no column {', '.join(missing)}; {self.sheet.which_titles} "
                f"are {', '.join(title for title in self.sheet.titles if title)}"
            )
        return columns

    def _check_unit(self, name: str, unit: str) -> None:
        """Note the unit of a variable, or refuse one that measures something else."""
        if name not in self._problem.variables or not unit:
            if unit == "%" and self._problem.kind == "fractions":
                self._percent.add(name)
            return
        stated = self._problem.variables[name].unit
        if _plain(unit) == _plain(stated):
            return
        told = f"{self.sheet.path} has {name} in {unit}, the problem in {stated or 'no unit'}"
        if not stated:
            raise SheetError(f"{told}; bring them to one unit")
        try:
            converted(1.0, unit, stated)
        except UnitError as error:
            raise SheetError(f"{told}: {error}; bring them to one unit") from None
        self._units[name] = unit

    def _converted(self, name: str, value: Any, back: bool = False) -> Any:
        """Give a value of the table in the problem's unit, or back, without what rounding adds."""
        if name not in self._units or not isinstance(value, float):
            return value
        there, here = self._units[name], self._problem.variables[name].unit
        if back:
            return float(f"{converted(value, here, there):.12g}")
        return float(f"{converted(value, there, here):.10g}")

    def _decimal_comma(self) -> bool | None:
        """Say whether numbers have a decimal comma; None if none tells."""
        marks: dict[str, str] = {}
        words = {FAILED, *(name for name, v in self._problem.variables.items() if v.choices)}
        for row, cells in self.sheet.rows:
            for name, column in self._columns.items():
                if name in words:
                    continue
                cell = cells[column] if column < len(cells) else None
                if isinstance(cell, str):
                    cell = cell.translate(_MINUS)
                    for mark in ",.":
                        if re.fullmatch(rf"[+-]?\d*\{mark}\d+([eE][+-]?\d+)?\s*%?", cell):
                            marks.setdefault(mark, f"{quoted(cell)} in row {row}")
        if len(marks) == 2:
            raise SheetError(
                f"{self.sheet.path} has decimal commas and points ({marks[',']}, {marks['.']}); "
                "write all numbers in one way"
            )
        return "," in marks if marks else None

    def _read(self) -> Iterator[Entry]:
        """Read the rows."""
        for row, cells in self.sheet.rows:
            told = {
                name: cells[column] if column < len(cells) else None
                for name, column in self._columns.items()
            }
            set_ = {name: told[name] for name in self._problem.variables}
            got = {name: told[name] for name in self._problem.measured}
            if all(cell is None for cell in (*set_.values(), *got.values())):
                continue
            if absent := [name for name, cell in set_.items() if cell is None]:
                self._refuse_uncomputed(row, absent)
                raise SheetError(
                    f"{self.sheet.path}, row {row}: {', '.join(absent)} is empty; fill in what was "
                    "set, or delete the row"
                )
            conditions = {
                name: self._converted(name, self._setting(row, name, cell))
                for name, cell in set_.items()
            }
            yield Entry(row, conditions, self._result(row, told, got))

    def _result(
        self, row: int, told: Mapping[str, Cell], got: Mapping[str, Cell]
    ) -> Measurement | None:
        """Read what came of an experiment."""
        names = self._problem.measured
        if reason := _failure(told.get(FAILED), got):
            return Measurement.failed(names, reason)
        absent = [name for name, cell in got.items() if cell is None]
        self._refuse_uncomputed(row, absent)
        if len(absent) == len(got):
            return None
        if absent:
            raise SheetError(
                f"{self.sheet.path}, row {row}: {', '.join(absent)} is empty and others are not; "
                f"fill it in, or say in a column {FAILED} why there is none"
            )
        values = {name: self._number(row, name, cell) for name, cell in got.items()}
        self._check_whole(row, values)
        sd = {name: math.nan for name in names}
        for name in names:
            if (cell := told.get(f"{name}_sd")) is not None:
                sd[name] = self._number(row, f"{name}_sd", cell)
                if sd[name] < 0:
                    raise SheetError(
                        f"{self.sheet.path}, row {row}: {name}_sd = {exact(sd[name])} is no "
                        "standard deviation; give a number from 0 up"
                    )
        return Measurement(values, sd)

    def _refuse_uncomputed(self, row: int, names: Sequence[str]) -> None:
        """Refuse cells that are empty only because nobody has computed their formulas."""
        for name in names:
            if self.sheet.is_formula(row, self._columns[name]):
                raise SheetError(
                    f"{self.sheet.path}, row {row}: {name} is a formula, and the file does not say "
                    "what it comes to; open it in your spreadsheet, save it, and ask again"
                )

    def _check_whole(self, row: int, values: Mapping[str, float]) -> None:
        """Refuse fractions that are percentages by their sum, and do not say so."""
        whole = sum(values.values())
        if self._problem.kind == "fractions" and whole > _MOST_IN_ALL:
            first, value = next((n, exact(v)) for n, v in values.items() if v > 0)
            cure = f"if they are percentages write {value} % for {value}, or {first} [%] as title"
            raise SheetError(
                f"{self.sheet.path}, row {row}: {', '.join(values)} add up to {whole:.4g}, and "
                f"fractions of a whole to 1; correct them, or {cure}"
            )

    def _setting(self, row: int, name: str, cell: Cell) -> Setting:
        """Read what a variable was set to: a number, or a choice however it is spelt."""
        choices = self._problem.variables[name].choices
        if choices is None:
            return self._number(row, name, cell)
        word = exact(cell) if isinstance(cell, float) else str(cell).strip()
        plain = {choice.strip().casefold(): choice for choice in choices}
        return plain.get(word.casefold(), word)

    def _number(self, row: int, name: str, cell: Cell) -> float:
        """Read a number, also one with a decimal comma or a percent sign."""
        if isinstance(cell, float):
            text, share = repr(cell), False
        else:
            text = str(cell).translate(_MINUS).strip()
            share = text.endswith("%")
            text = text.rstrip("%").rstrip()
        number = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else math.nan
        if abs(number) < LARGEST:
            return number / 100 if share or name in self._percent else number
        if name in self._problem.variables:
            cure = "write the number that was set, without its unit"
        else:
            cure = (
                f"leave it empty while it is outstanding, or say in a column {FAILED} why there "
                "is none"
            )
        what = "too large" if math.isfinite(number) else "no number"
        raise SheetError(
            f"{self.sheet.path}, row {row}: {name} is {quoted(cell)}, which is {what}; {cure}"
        )


def _failure(told: Cell, got: Mapping[str, Cell]) -> str:
    """Give the reason of a failed experiment, empty if it is none."""
    text = "" if told is None else str(told).strip()
    if text and text.casefold() not in _NO:
        return "failed" if text.casefold() in _YES else text
    for cell in got.values():
        if isinstance(cell, str) and (found := re.match(r"fail(ed|ure)?\b[:,\s]*", cell, re.I)):
            return cell[found.end() :].strip() or "failed"
    return ""


_SAME = str.maketrans({"\u00b5": "u", "\u03bc": "u", "\u00b0": "deg", " ": ""})


def _plain(unit: str) -> str:
    """Write a unit in ASCII: of micro and degree there are several signs."""
    return unit.translate(_SAME)
