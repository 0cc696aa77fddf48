"""What stands in the cells of a table, be it text or an Excel workbook."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from .written import UnreadableError

Cell = str | float | None
"""A text, in workbooks a number as well; None where there is nothing."""

Rows = list[list[Cell]]

_DELIMITERS = ("\t", ";", ",", "|", None)
"""In the order that they are tried in; None: blanks."""


def workbook(raw: bytes, *, percent: bool = False) -> Rows:
    """Read the first sheet of an Excel workbook.

    Parameters
    ----------
    raw : bytes
    percent : bool
        Whether a number that is shown as percent becomes a text, as it is shown: ``45.2 %``.

    Raises
    ------
    UnreadableError
        If it is none.
    """
    from openpyxl import load_workbook

    try:
        # what formulas gave when it was last saved
        sheet = load_workbook(io.BytesIO(raw), data_only=True).worksheets[0]
        return [
            [_percent(cell) if percent else _cell(cell.value) for cell in row]
            for row in sheet.iter_rows()
        ]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, it is the file
        raise UnreadableError(
            f"is no Excel workbook ({type(error).__name__}); save it as .xlsx or .csv"
        ) from None


def decoded(raw: bytes) -> str:
    """Read a text in whatever encoding exports come in.

    Raises
    ------
    UnreadableError
        If it is none.
    """
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    if b"\0" in raw:
        raise UnreadableError(
            "is no text and no format known here; export it as text, CSV or ANDI/AIA (.cdf)"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")  # of a unit or a name in the header


def _percent(cell: Any) -> Cell:
    value = _cell(cell.value)
    if isinstance(value, float) and "%" in str(cell.number_format):
        return f"{100 * value:.15g} %"
    return value


def _cell(value: Any) -> Cell:
    """Take a cell of a workbook for a number or a text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).strip()
    return float(value)


def text(lines: str) -> list[Rows]:
    """Read a text by every delimiter that there is: which is right shows by what is found.

    Raises
    ------
    UnreadableError
        If no delimiter makes sense of it.
    """
    found: list[Rows] = []
    for delimiter in _DELIMITERS:
        try:
            found.append([_row(line) for line in _split(lines, delimiter)])
        except csv.Error:
            continue
    if not found:
        raise UnreadableError("is no table of text; export it as CSV")
    return found


def _split(lines: str, delimiter: str | None) -> Sequence[Sequence[str]]:
    if delimiter is None:
        return [line.split() for line in lines.splitlines()]
    return list(csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter))


def _row(cells: Sequence[str]) -> list[Cell]:
    row: list[Cell] = [cell.strip() or None for cell in cells]
    while row and row[-1] is None:  # a delimiter at the end of the line
        row.pop()
    return row
