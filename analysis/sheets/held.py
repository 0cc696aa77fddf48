"""Columns of a table that the problem holds fixed: only rows at its value compare."""

import math
from collections.abc import Mapping

from ..cells import number
from ..problem.model import Problem
from ..written import exact, quoted
from .sheet import Cell, Sheet, SheetError, parsed


def fixed_columns(sheet: Sheet, problem: Problem) -> dict[int, str]:
    """Find the columns that are called as values under ``[fixed]``; their names."""
    names = {i: parsed(title)[0] for i, title in enumerate(sheet.titles)}
    return {i: name for i, name in names.items() if name in problem.fixed}


def elsewhere(sheet: Sheet, problem: Problem, columns: Mapping[int, str]) -> dict[int, str]:
    """Say of each row that was made at another value than the problem's what it was.

    Raises
    ------
    SheetError
        If a cell there is no number.
    """
    found = {}
    for row, cells in sheet.rows:
        for i, name in columns.items():
            cell = cells[i] if i < len(cells) else None
            if cell is None:
                continue
            value, held = _number(cell), problem.fixed[name]
            if math.isnan(value):
                raise SheetError(
                    f"{sheet.path}, row {row}: {name} is {quoted(cell)}, which is no number, and "
                    f"the problem has {name} = {exact(held)} under [fixed]; write the number, or "
                    "call the column otherwise"
                )
            if not math.isclose(value, held, rel_tol=1e-6):
                found[row] = f"{name} = {exact(value)}, and the problem has {exact(held)} fixed"
    return found


def _number(cell: Cell) -> float:
    if isinstance(cell, float):
        return cell
    found = number(cell or "")
    return number((cell or "").replace(",", ".")) if math.isnan(found) else found
