"""The rows of a table as experiments: what was set, and what came of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analytics.measurement import Measurement, no_fractions
from ..cells import number as number_of
from ..optimisers.surrogate.scales import far_below_zero
from ..problem.model import Problem
from ..problem.tables import Setting
from ..problem.units import UnitError, converted, unit
from ..written import LARGEST, exact, quoted
from .failing import FAILED, failure
from .marks import Numeral, decimal_comma, percent_signs
from .sheet import Cell, Sheet, SheetError, create, open_sheet, parsed, parsed_over, title_of
from .writing import alone

_SHARE = 1.5
"""Above, what should be a fraction is a percentage that does not say so."""

_LEAST = -0.1
"""Below, no error of a fraction is to blame."""


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
        self._stated = {name: variable.unit for name, variable in problem.variables.items()}
        for name in problem.measured:  # an uncertainty has the unit of what it is of
            self._stated |= dict.fromkeys((name, f"{name}_sd"), (units or {}).get(name, ""))
        self._units: dict[str, str] = {}  # of columns that have another than the problem
        self._in_percent: set[str] = set()  # columns whose numbers are percentages as they stand
        self._columns = self._find()
        self._refuse_uncomputed()
        numerals = list(self._numerals())
        self._comma = decimal_comma(sheet, numerals)
        plain = [one for one in numerals if one.name not in self._in_percent]
        signed = percent_signs(sheet, plain, problem.measured)
        self._signed = {self._columns[name] for name in signed}
        self.entries = list(self._read(sheet.rows))

    @classmethod
    def open(
        cls, path: Path, problem: Problem, units: Mapping[str, str] | None = None
    ) -> "Results":
        """Read the table of a file; where there is none, begin one."""
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
            {name: self._converted(name, v, back=True) for name, v in p.items()} for p in conditions
        ]
        rows = [[point.get(known.get(i, "")) for i in titles] for point in here]
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
        return [told for told in (self._percent_remark(), self._negative_remark()) if told]

    def _negative_remark(self) -> str:
        """Say which result is negative where the problem says that none is."""
        names = self._problem.measured
        found = [(e.row, m) for e in self.entries if (m := e.measurement) and m.valid]
        if self._problem.kind != "positive" or not found:
            return ""
        y = np.array([[m.values[name] for name in names] for _, m in found])
        sd = np.array([[m.sd[name] for name in names] for _, m in found])
        for i, j in np.argwhere(far_below_zero(y, sd)):
            return (
                f'{names[j]} is {exact(y[i, j])} in row {found[i][0]}, and kind = "positive" says '
                "that nothing measured is below 0: that is not believed; correct it, or write "
                'kind = "real".'
            )
        return ""

    def _percent_remark(self) -> str:
        """Say which quantities stay numbers of percent only because nobody says what they are."""
        names = [name for name in self._problem.measured if name in self._in_percent]
        made = [e.measurement for e in self.entries if e.measurement and e.measurement.valid]
        if self._problem.kind is not None or not (names and made):
            return ""
        value = made[0].values[names[0]]
        return (
            f"{', '.join(names)} in percent: {exact(value)} is taken as {exact(value)}, since the "
            f'problem does not say that it is a fraction; with kind = "fractions" it would be '
            f"{exact(value / 100)}."
        )

    @property
    def uncomputed(self) -> bool:
        """Whether formulas come to nothing now, until a spreadsheet has saved the file."""
        return self.sheet.uncomputed(self._columns.values()) is not None

    # -- reading --------------------------------------------------------------------------------

    def _find(self) -> dict[str, int]:
        """Find the column of each variable and quantity, and of what else is known of these."""
        problem, columns = self._problem, dict[str, int]()
        optional = {FAILED, *(f"{name}_sd" for name in problem.measured)}
        wanted = [*problem.variables, *problem.measured, *optional]
        plain = {name.casefold(): name for name in wanted}
        bare = {name.casefold() for name, in_unit in map(parsed, self.sheet.titles) if not in_unit}
        for i, title in enumerate(self.sheet.titles):
            written, in_unit = parsed(title)
            if written.casefold() not in plain:
                written, in_unit = parsed_over(title)
                if in_unit.casefold() in plain or not ("%" in in_unit or unit(in_unit)):
                    continue  # a quotient, or whatever else somebody keeps
            name = written if written in wanted else plain.get(written.casefold(), "")
            if not name or (name.casefold() in bare and self._is_label(name, in_unit)):
                continue
            if name in columns:
                raise SheetError(f"{self.sheet.path} has two columns {name}; rename one of them")
            self._check_unit(name, in_unit)
            columns[name] = i
        for name in problem.measured:  # an uncertainty is in the unit of what it is of
            if parsed(self._title(columns, f"{name}_sd"))[1]:
                continue
            if name in self._in_percent:
                self._in_percent.add(f"{name}_sd")
            if name in self._units:
                self._units[f"{name}_sd"] = self._units[name]
        if missing := [n for n in (*problem.variables, *problem.measured) if n not in columns]:
            raise SheetError(
                f"{self.sheet.path} has no column {', '.join(missing)}; {self.sheet.which_titles} "
                f"are {', '.join(title for title in self.sheet.titles if title)}; add "
                f"{'them' if len(missing) > 1 else 'it'}, with what each row had"
            )
        return columns

    def _title(self, columns: Mapping[str, int], name: str) -> str:
        return self.sheet.titles[columns[name]] if name in columns else ""

    def _is_label(self, name: str, in_unit: str) -> bool:
        """Whether what stands where a unit would says how something was found: ``(NMR)``."""
        if not in_unit or "%" in in_unit:
            return False
        found = unit(in_unit)
        if found is None:
            return True
        # GC, MS and 1H are units, too: of charge, conductance and inductance
        return self._stated.get(name, "") in ("", "1") and "[current]" in dict(found.dimension)

    def _check_unit(self, name: str, in_unit: str) -> None:
        """Note the unit of a column, or refuse one that measures something else."""
        stated, variable = self._stated.get(name, ""), name in self._problem.variables
        if "%" in (in_unit or stated):  # mol% and area-%, too
            self._in_percent.add(name)
        if not in_unit or _plain(in_unit) == _plain(stated) or not (variable or stated):
            return
        share = stated == "1" and not variable  # whatever that is called
        if share and ("%" in in_unit or not ((found := unit(in_unit)) and found.dimension)):
            return
        whose = "the problem" if variable else "the rig"
        here = "parts of a whole" if share else stated or "no unit"
        told = f"{self.sheet.path} has {name} in {in_unit}, {whose} in {here}"
        if share or not stated:
            raise SheetError(f"{told}; bring them to one unit")
        try:
            converted(1.0, in_unit, stated)
        except UnitError as error:
            raise SheetError(f"{told}: {error}; bring them to one unit") from None
        self._units[name] = in_unit

    def _converted(self, name: str, value: Any, back: bool = False) -> Any:
        """Give a value of the table in the problem's unit, or back, without what rounding adds."""
        if name not in self._units or not isinstance(value, float):
            return value
        there, here = self._units[name], self._stated[name]
        if back:
            return float(f"{converted(value, here, there):.12g}")
        return float(f"{converted(value, there, here):.10g}")

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
                name: self._converted(name, self._setting(row, name, cell))
                for name, cell in set_.items()
            }
            yield Entry(row, conditions, self._result(row, told, got))

    def _result(
        self, row: int, told: Mapping[str, Cell], got: Mapping[str, Cell]
    ) -> Measurement | None:
        """Read what came of an experiment."""
        names = self._problem.measured
        where = f"{self.sheet.path}, row {row}"
        if reason := failure(where, told.get(FAILED), got):
            return Measurement.failed(names, reason)
        absent = [name for name, cell in got.items() if cell is None]
        if len(absent) == len(got):
            return None
        if absent:
            raise SheetError(
                f"{self.sheet.path}, row {row}: {', '.join(absent)} is empty and others are not; "
                f"fill it in, or say in a column {FAILED} why there is none"
            )
        values = {n: self._converted(n, self._number(row, n, cell)) for n, cell in got.items()}
        self._check_whole(row, values)
        sd = {name: math.nan for name in names}
        for name in names:
            if (cell := told.get(f"{name}_sd")) is not None:
                sd[name] = self._converted(f"{name}_sd", self._number(row, f"{name}_sd", cell))
                if sd[name] < 0:
                    raise SheetError(
                        f"{self.sheet.path}, row {row}: {name}_sd = {exact(sd[name])} is no "
                        "standard deviation; give a number from 0 up"
                    )
                if self._problem.kind == "fractions" and sd[name] > 1:
                    raise SheetError(
                        f"{self.sheet.path}, row {row}: {name}_sd = {exact(sd[name])} is more than "
                        f"a whole, of which {name} is a fraction; correct it, or if it is a "
                        f"percentage write {exact(sd[name])} %"
                    )
        return Measurement(values, sd)

    def _refuse_uncomputed(self) -> None:
        """Refuse cells that are empty only because nobody has computed their formulas."""
        names = {column: name for name, column in self._columns.items()}
        if (found := self.sheet.uncomputed(names.keys())) is not None:
            row, column = found
            raise SheetError(
                f"{self.sheet.path}, row {row}: {names[column]} is a formula, and the file does "
                "not say what it comes to; open it in your spreadsheet, save it, and ask again"
            )

    def _check_whole(self, row: int, values: Mapping[str, float]) -> None:
        """Refuse fractions that are percentages by their sum, and do not say so."""
        if self._problem.kind != "fractions":
            return
        if wrong := no_fractions(values):
            most, value = max(values.items(), key=lambda item: item[1])
            percent = f", or if they are percentages write {exact(value)} % for {exact(value)}, or "
            raise SheetError(
                f"{self.sheet.path}, row {row}: {wrong}; correct them"
                + (f"{percent}{most} [%] as title" if value > _SHARE else "")
            )
        lowest = min(values, key=lambda name: values[name])
        if values[lowest] < _LEAST:
            raise SheetError(
                f"{self.sheet.path}, row {row}: {lowest} is {exact(values[lowest])}, and no "
                "fraction of a whole is below 0; correct it"
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
        in_percent = name in self._in_percent
        if share and not in_percent and variable and (variable.unit or name in self._units):
            number = math.nan  # 5 % of a temperature
        if abs(number) < LARGEST:
            of_fraction = variable is None and (
                self._problem.kind == "fractions" or self._stated.get(name) == "1"
            )
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
    return create(path, [*titles, *problem.measured, FAILED], words)


_SAME = str.maketrans({"\u00b5": "u", "\u03bc": "u", "\u00b0": "deg", " ": ""})


def _plain(unit: str) -> str:
    """Write a unit in ASCII: of micro and degree there are several signs."""
    return unit.translate(_SAME)
