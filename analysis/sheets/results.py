"""The rows of a table as experiments: what was set, and what came of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..analytics.failing import FAILED, failure
from ..analytics.measurement import Measurement, no_fractions
from ..cells import number as number_of
from ..problem.meaning import WHOLE, bounded, no_share, shares
from ..problem.model import Problem
from ..problem.tables import Setting
from ..written import LARGEST, exact, quoted
from .columns import Columns
from .held import elsewhere, fixed_columns
from .marks import Numeral, decimal_comma, percent_signs
from .remarks import remarks
from .sheet import Cell, Sheet, SheetError, create, open_sheet, title_of
from .writing import alone

_LEAST = -0.1
"""Below, no error of a fraction is to blame that nobody tells."""

_SURE = 5
"""Standard deviations by which a result may be off that tells its own."""


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
    apart : str
        Why it does not count: it was made at another value than the problem has under ``[fixed]``.
    """

    row: int
    conditions: dict[str, Setting]
    measurement: Measurement | None
    apart: str = ""


class Results:
    """A table of experiments, read for a problem.

    Parameters
    ----------
    sheet : Sheet
    problem : Problem
    units : mapping of str to str, optional
        Of measured quantities, where they are known: what has another is converted.

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

    def __init__(
        self, sheet: Sheet, problem: Problem, units: Mapping[str, str] | None = None
    ) -> None:
        self.sheet, self._problem = sheet, problem
        self._own = Columns(sheet, problem, units or {})
        self._columns = self._own.places
        self._fixed = fixed_columns(sheet, problem)
        self._refuse_uncomputed()
        numerals = list(self._numerals())
        self._comma = decimal_comma(sheet, numerals)
        plain = [one for one in numerals if one.name not in self._own.in_percent]
        signed = percent_signs(sheet, plain, problem.measured)
        self._signed = {self._columns[name] for name in signed}
        self.entries = list(self._read(sheet.rows))

    @classmethod
    def open(
        cls, path: Path, problem: Problem, units: Mapping[str, str] | None = None
    ) -> "Results":
        """Read the table of a file; where there is none, begin one.

        Parameters
        ----------
        path : Path
            CSV or XLSX.
        problem : Problem
        units : mapping of str to str, optional
            Of what is measured, where something else than the table says so.

        Raises
        ------
        SheetError
            If it cannot be read or begun, or is no table of this problem.
        """
        own = {FAILED, *(f"{name}_sd" for name in problem.measured)}
        if taken := [name for name in (*problem.variables, *problem.measured) if name in own]:
            raise SheetError(
                f"a table has a column {taken[0]} of its own, for failures and uncertainties; call "
                f"{taken[0]} otherwise in the problem"
            )
        if not path.exists():
            with alone(path):
                if not path.exists():  # nor has another begun it meanwhile
                    return cls(_begun(path, problem), problem)
        return cls(open_sheet(path), problem, units)

    def extend(self, conditions: Sequence[Mapping[str, Setting]]) -> list[int]:
        """Add rows whose results are outstanding; give their numbers."""
        known = {column: name for name, column in self._columns.items()}
        titles = range(len(self.sheet.titles))
        here = [
            {name: self._own.converted(name, v, back=True) for name, v in p.items()}
            for p in conditions
        ]
        held = {i: self._problem.fixed[name] for i, name in self._fixed.items()}
        rows = [[held.get(i, point.get(known.get(i, ""))) for i in titles] for point in here]
        if not rows:
            return []
        self.sheet = self.sheet.append(rows, self._comma, self._signed)
        # what was there before is known: formulas come to nothing until a spreadsheet has saved it
        added = list(self._read(self.sheet.rows[-len(rows) :]))
        self.entries += added
        return [entry.row for entry in added]

    @property
    def remarks(self) -> list[str]:
        """Say what is taken as it stands, though something else may be meant."""
        return remarks(self._problem, self._made, self._own.in_percent - self._own.shares)

    @property
    def _made(self) -> list[tuple[int, dict[str, Setting], Measurement]]:
        """Row, conditions and results of the experiments that have some."""
        entries = ((e.row, e.conditions, e.measurement) for e in self.entries if not e.apart)
        return [(row, set_, found) for row, set_, found in entries if found and found.valid]

    @property
    def uncomputed(self) -> bool:
        """Whether formulas come to nothing now, until a spreadsheet has saved the file."""
        return self.sheet.uncomputed(self._columns.values()) is not None

    # -- reading --------------------------------------------------------------------------------

    def _numerals(self) -> Iterator[Numeral]:
        """Give each cell that a number may be in."""
        words = {FAILED, *(name for name, v in self._problem.variables.items() if v.choices)}
        for row, cells in self.sheet.rows:
            for name, column in self._columns.items():
                if name not in words and column < len(cells):
                    cell = cells[column]
                    yield Numeral(row, name, cell, self._has_percent(row, column, cell))

    def _has_percent(self, row: int, column: int, cell: Cell) -> bool:
        """Whether a cell shows its number with a percent sign."""
        if isinstance(cell, float):
            return self.sheet.is_percent(row, column)
        return cell is not None and cell.endswith("%")

    def _read(self, rows: Sequence[tuple[int, list[Cell]]]) -> Iterator[Entry]:
        """Read rows."""
        apart = elsewhere(self.sheet, self._problem, self._fixed)
        for row, cells in rows:
            told = {
                name: cells[column] if column < len(cells) else None
                for name, column in self._columns.items()
            }
            set_ = {name: told[name] for name in self._problem.variables}
            got = {name: told[name] for name in self._problem.measured}
            if all(cell is None for cell in (*set_.values(), *got.values())):
                continue
            if absent := [name for name, cell in set_.items() if cell is None]:
                raise SheetError(
                    f"{self.sheet.path}, row {row}: {', '.join(absent)} is empty; fill in what was "
                    "set, or delete the row"
                )
            conditions = {
                name: self._own.converted(name, self._setting(row, name, cell))
                for name, cell in set_.items()
            }
            yield Entry(row, conditions, self._result(row, told, got), apart.get(row, ""))

    def _result(
        self, row: int, told: Mapping[str, Cell], got: Mapping[str, Cell]
    ) -> Measurement | None:
        """Read what came of an experiment."""
        names = self._problem.measured
        where = f"{self.sheet.path}, row {row}"
        try:
            reason = failure(where, told.get(FAILED), got)
        except ValueError as error:
            raise SheetError(str(error)) from None
        if reason:
            return Measurement.failed(names, reason)
        absent = [name for name, cell in got.items() if cell is None]
        if len(absent) == len(got):
            return None
        if absent:
            raise SheetError(
                f"{self.sheet.path}, row {row}: {', '.join(absent)} is empty and others are not; "
                f"fill it in, or say in a column {FAILED} why there is none"
            )
        values = {n: self._own.converted(n, self._number(row, n, cell)) for n, cell in got.items()}
        sd = dict.fromkeys(names, math.nan) | self._uncertainties(row, told)
        self._check_whole(row, values, sd)
        self._check_shares(row, values)
        return Measurement(values, sd)

    def _uncertainties(self, row: int, told: Mapping[str, Cell]) -> dict[str, float]:
        """Read the standard deviations that are told."""
        found = {}
        for name in self._problem.measured:
            if (cell := told.get(f"{name}_sd")) is None:
                continue
            sd = found[name] = self._own.converted(
                f"{name}_sd", self._number(row, f"{name}_sd", cell)
            )
            where = f"{self.sheet.path}, row {row}: {name}_sd = {exact(sd)}"
            if sd < 0:
                raise SheetError(f"{where} is no standard deviation; give a number from 0 up")
            if self._problem.kind == "fractions" and sd > 1:
                raise SheetError(
                    f"{where} is more than a whole, of which {name} is a fraction; correct it, or "
                    f"if it is a percentage write {exact(sd)} %"
                )
        return found

    def _refuse_uncomputed(self) -> None:
        """Refuse cells that are empty only because nobody has computed their formulas."""
        names = {column: name for name, column in self._columns.items()}
        if (found := self.sheet.uncomputed(names.keys())) is not None:
            row, column = found
            raise SheetError(
                f"{self.sheet.path}, row {row}: {names[column]} is a formula, and the file does "
                "not say what it comes to; open it in your spreadsheet, save it, and ask again"
            )

    def _check_whole(self, row: int, values: Mapping[str, float], sd: Mapping[str, float]) -> None:
        """Refuse fractions that are percentages by their sum, and do not say so."""
        if self._problem.kind != "fractions":
            return
        if wrong := no_fractions(values):
            most, value = max(values.items(), key=lambda item: item[1])
            percent = f", or if they are percentages write {exact(value)} % for {exact(value)}, or "
            raise SheetError(
                f"{self.sheet.path}, row {row}: {wrong}; correct them"
                + (f"{percent}{most} [%] as title" if value > WHOLE else "")
            )
        lowest = min(values, key=lambda name: values[name])
        if values[lowest] < min(_LEAST, -_SURE * sd[lowest]):
            raise SheetError(
                f"{self.sheet.path}, row {row}: {lowest} is {exact(values[lowest])}, and no "
                "fraction of a whole is below 0; correct it"
            )

    def _check_shares(self, row: int, values: Mapping[str, float]) -> None:
        """Refuse percentages that do not say so, beside windows in percent, or the reverse."""
        where = f"{self.sheet.path}, row {row}"
        if wrong := no_share(self._problem.windows, values):
            name, why = wrong
            raise SheetError(
                f"{where}: {why}; write {exact(values[name])} %, or {name} [%] as title, or the "
                "window without %"
            )
        for name, window in bounded(self._problem.windows, values).items():
            edges = [abs(edge) for edge in window.within if edge is not None]
            if (
                self._columns[name] in self._signed
                and max(edges) > WHOLE
                and not self._own.is_fraction(name)
            ):
                raise SheetError(
                    f"{where}: {name} has a percent sign, so it is {exact(values[name])}, and its "
                    f"window is not in percent: {window.text}; write the window in % or the "
                    "results without"
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
        variable = self._problem.variables.get(name)
        share = self._has_percent(row, self._columns[name], cell)
        if isinstance(cell, float):
            number, part = (float(f"{100 * cell:.15g}"), cell) if share else (cell, cell / 100)
        else:
            number = number_of(str(cell).removesuffix("%"))
            part = float(f"{number / 100:.15g}")
        in_percent = name in self._own.in_percent
        if (
            share
            and not in_percent
            and variable
            and (variable.unit or self._own.is_converted(name))
        ):
            number = math.nan  # 5 % of a temperature
        if abs(number) < LARGEST:
            of_fraction = variable is None and self._own.is_fraction(name)
            return part if (of_fraction if in_percent else share) else number
        if name in self._problem.variables:
            cure = "write the number that was set, without its unit"
        else:
            cure = (
                "leave it empty while it is outstanding, write the number to reckon with, or say "
                f"in a column {FAILED} why there is none"
            )
        what = "too large" if math.isfinite(number) else "no number"
        raise SheetError(
            f"{self.sheet.path}, row {row}: {name} is {quoted(cell)}, which is {what}; {cure}"
        )


def _begun(path: Path, problem: Problem) -> Sheet:
    """Begin a table."""
    units = {name: variable.unit for name, variable in problem.variables.items()}
    titles = [title_of(name, unit) for name, unit in units.items()]
    words = [word for v in problem.variables.values() for word in v.choices or ()]
    own = shares(problem.windows, problem.measured) if problem.kind != "fractions" else set()
    titles += [title_of(name, "%" if name in own else "") for name in problem.measured]
    return create(path, [*titles, FAILED], words)
