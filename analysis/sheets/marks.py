"""Decimal marks and percent signs of a table; where they may mean two things it is refused."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..cells import decimal_mark, is_thousands
from ..cells import number as number_of
from ..written import exact, quoted
from .sheet import Cell, Sheet, SheetError


@dataclass(frozen=True)
class Numeral:
    """A cell that a number may be in.

    Attributes
    ----------
    row : int
    name : str
        Of its column.
    cell : str, float or None
    percent : bool
        Whether it has a percent sign, or is shown with one.
    """

    row: int
    name: str
    cell: Cell
    percent: bool

    @property
    def shown(self) -> str:
        """What stands there, and where."""
        if self.percent and isinstance(self.cell, float):
            return f"{exact(round(100 * self.cell, 9))} % in row {self.row}"
        cell = exact(self.cell) if isinstance(self.cell, float) else self.cell
        return f"{cell} in row {self.row}"


def decimal_comma(sheet: Sheet, numerals: Iterable[Numeral]) -> bool | None:
    """Say whether numbers have a decimal comma; None if none tells.

    Raises
    ------
    SheetError
        If some have a comma and others a point, or a mark may part thousands.
    """
    marks: dict[str, str] = {}
    sure: set[str] = set()
    unsure: dict[str, tuple[int, str, str]] = {}
    for one in numerals:
        if isinstance(one.cell, str) and (mark := decimal_mark(one.cell)):
            marks.setdefault(mark, f"{quoted(one.cell)} in row {one.row}")
            if is_thousands(one.cell):
                unsure.setdefault(mark, (one.row, one.name, one.cell))
            else:
                sure.add(mark)
    if len(marks) == 2:
        raise SheetError(
            f"{sheet.path} has decimal commas and points ({marks[',']}, {marks['.']}); "
            "write all numbers in one way, and none with a mark for thousands"
        )
    for mark, (row, name, cell) in unsure.items():
        if mark != sheet.mark and not sure:
            plain = cell.replace(mark, "")
            raise SheetError(
                f"{sheet.path}, row {row}: {name} is {quoted(cell)}, which may be {plain} "
                f"or {exact(number_of(cell))}; write {plain}, or with another digit {cell}0"
            )
    return "," in marks if marks else None


def percent_signs(sheet: Sheet, numerals: Iterable[Numeral], measured: Collection[str]) -> set[str]:
    """Give the columns whose numbers have percent signs.

    Raises
    ------
    SheetError
        If some numbers of a quantity, or of its uncertainty, have one and others do not: 0.95
        beside 95 % may be nearly all or nearly nothing. A zero is one with or without.
    """
    signs: dict[str, Numeral] = {}
    bare: dict[str, Numeral] = {}
    found: set[str] = set()
    for one in numerals:
        of = base if (base := one.name.removesuffix("_sd")) in measured else one.name
        if one.percent:
            found.add(one.name)
            signs.setdefault(of, one)
        elif one.cell is not None:
            value = one.cell if isinstance(one.cell, float) else number_of(one.cell)
            if abs(value) > 0:  # nan is not
                bare.setdefault(of, one)
        if of in signs and of in bare:
            with_, without = signs[of], bare[of]
            both = [f"{with_.name} with", f"{without.name} without"]
            what = f"{of} with and without" if with_.name == without.name else " and ".join(both)
            raise SheetError(
                f"{sheet.path} has {what} percent signs ({with_.shown}, {without.shown}); write "
                "all of it in one way, with a percent sign or as fractions of 1"
            )
    return found
