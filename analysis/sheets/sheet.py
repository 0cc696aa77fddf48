"""A table in a file, CSV or XLSX: read as it is, extended at its end, never half written.

What is there stays as it is, byte for byte in CSV: columns that are nobody's, quotes, line ends.
"""

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..cells import Cell as Cell
from ..cells import book_of, first_sheet, is_percent, rows_of, sheet_of, there, titled
from ..written import UnreadableError, exact, read_bytes
from .losses import losses
from .writing import SheetError as SheetError
from .writing import alone, write_whole

MOST_BYTES = 20_000_000
"""Of a table; a thousand experiments have a hundredth of it."""


_NEW = ("", ".csv", ".tsv", ".txt", ".xlsx")
"""What a table that is begun may end in."""


class Sheet(ABC):
    """A table with one line of titles.

    Attributes
    ----------
    path : Path
    titles : list of str
        Of the columns, as written.
    rows : list of (int, list)
        Number of each row that is not empty, as a spreadsheet counts (the titles are row 1), and
        its cells: texts, in XLSX numbers as well; None where there is nothing.
    raw : bytes
        The file as it was read.
    which_titles : str
        What they are called in a sentence.
    mark : str
        What parts the decimals in such a file, where no number tells.
    """

    which_titles = "its titles"
    mark = "."
    path: Path
    raw: bytes
    titles: list[str]
    rows: list[tuple[int, list[Cell]]]

    def uncomputed(self, columns: Collection[int]) -> tuple[int, int] | None:
        """Give row and column of a formula that nobody has computed, in these columns from 0."""
        return None

    def is_percent(self, row: int, column: int) -> bool:
        """Say whether a cell, its column counted from 0, shows its number as percent."""
        return False

    @abstractmethod
    def append(
        self,
        rows: Sequence[Sequence[Cell]],
        comma: bool | None = None,
        percent: Collection[int] = (),
    ) -> "Sheet":
        """Write the file anew with further rows at its end, and read it again.

        Parameters
        ----------
        rows : sequence of sequence
            Cells in the order of `titles`.
        comma : bool, optional
            Whether numbers have a decimal comma in the rows that are there; None if these have no
            number that tells.
        percent : collection of int
            Columns, counted from 0, in which fractions have percent signs.

        Raises
        ------
        SheetError
            If the file is open in a spreadsheet, has changed since it was read or cannot be
            written; then nothing is changed.
        """

    def _replace(self, content: bytes) -> None:
        """Write the file anew, unless somebody else has meanwhile."""
        with alone(self.path):
            if not self.path.exists() or read_bytes(self.path, MOST_BYTES) != self.raw:
                raise SheetError(
                    f"{self.path} has changed since it was read, and nothing is added to it; ask "
                    "again"
                )
            write_whole(self.path, content)


def open_sheet(path: Path) -> Sheet:
    """Read a table.

    Raises
    ------
    SheetError
        If it is none.
    """
    _check_kind(path)
    kind = Workbook if path.suffix.lower() in (".xlsx", ".xlsm") else Csv
    try:
        return kind(path)
    except (UnreadableError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SheetError(f"{path} {'cannot be read: ' * isinstance(error, OSError)}{why}") from None


def create(path: Path, titles: Sequence[str], words: Iterable[str] = ()) -> Sheet:
    """Write a new table with nothing but its titles.

    If these, or the words that its cells will have, need other letters than ASCII's, a text file
    begins with a byte order mark: without it Excel takes them for those of an old encoding.

    Raises
    ------
    SheetError
        If it cannot be written.
    """
    _check_kind(path)
    if path.suffix.lower() not in _NEW:
        raise SheetError(
            f"{path} would be no table by its name; begin one called .xlsx for Excel, or .csv"
        )
    if path.suffix.lower() == ".xlsx":
        from openpyxl import Workbook as Book

        book, file = Book(), io.BytesIO()
        book.active.append(list(titles))
        book.save(file)
        write_whole(path, file.getvalue())
    else:
        line = io.StringIO()
        tab = "\t" if path.suffix.lower() == ".tsv" else ","
        csv.writer(line, delimiter=tab, lineterminator="\n").writerow(titles)
        plain = "".join((*titles, *words)).isascii()
        write_whole(path, line.getvalue().encode("utf-8" if plain else "utf-8-sig"))
    return open_sheet(path)


def _check_kind(path: Path) -> None:
    """Refuse the files of spreadsheets that nothing here reads, by their names."""
    if path.suffix.lower() in (".xls", ".xlsb", ".ods", ".numbers", ".gsheet"):
        raise SheetError(f"{path} is no table that is read here; save it as .xlsx or .csv")


class Csv(Sheet):
    """A text file, cells parted by comma, semicolon or tab."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = read_bytes(path, MOST_BYTES)
        self.delimiter, lines = titled(self.raw)
        self.mark = "," if self.delimiter == ";" else "."  # as spreadsheets save it
        ends = [end for end in ("\r\n", "\n", "\r") if end.encode() in self.raw]
        self._end = ends[0] if ends else "\n"
        full = [(i, line) for i, line in enumerate(lines, 1) if any(line)]
        if not full:
            raise UnreadableError("is empty; its first line has to name the columns")
        self.titles = full[0][1]
        self.rows = [(i, [cell or None for cell in line]) for i, line in full[1:]]

    def append(
        self,
        rows: Sequence[Sequence[Cell]],
        comma: bool | None = None,
        percent: Collection[int] = (),
    ) -> Sheet:
        """See `Sheet.append`."""
        if comma is None:
            comma = self.mark == ","
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator=self._end)
        for row in rows:
            texts = [_text(c, comma, percent=i in percent) for i, c in enumerate(row)]
            writer.writerow(texts)
        whole = self.raw
        if not whole.endswith((b"\n", b"\r")):
            whole += self._end.encode()
        whole += text.getvalue().encode()
        self._replace(whole)
        return Csv(self.path)


class Workbook(Sheet):
    """The first sheet of an Excel file."""

    which_titles = "the titles of its first sheet"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = read_bytes(path, MOST_BYTES)
        self._values = sheet_of(self.raw)
        lines = rows_of(self._values)
        full = [(i, row) for i, row in enumerate(lines, 1) if any(c is not None for c in row)]
        if not full:
            raise UnreadableError("is empty; its first row has to name the columns")
        self._top, titles = full[0]
        self.titles = ["" if cell is None else str(cell).strip() for cell in titles]
        self.rows = full[1:]

    @cached_property
    def _cells(self) -> Any:
        """The sheet with its formulas."""
        return sheet_of(self.raw, formulas=True)

    def uncomputed(self, columns: Collection[int]) -> tuple[int, int] | None:
        """See `Sheet.uncomputed`; one that came to an empty text has been computed."""
        for cell in there(self._cells):
            if cell.data_type == "f" and cell.column - 1 in columns:
                value = self._values.cell(cell.row, cell.column)
                if value.value is None and value.data_type == "n":
                    return cell.row, cell.column - 1
        return None

    def is_percent(self, row: int, column: int) -> bool:
        """See `Sheet.is_percent`."""
        return is_percent(self._cells.cell(row, column + 1))

    def append(
        self,
        rows: Sequence[Sequence[Cell]],
        comma: bool | None = None,
        percent: Collection[int] = (),
    ) -> Sheet:
        """See `Sheet.append`; numbers are numbers here, whatever their decimal mark."""
        from openpyxl.cell import MergedCell

        macros = self.path.suffix.lower() == ".xlsm"
        book = book_of(self.raw, keep_vba=macros, rich_text=True)
        sheet, last = first_sheet(book), max([self._top, *(number for number, _ in self.rows)])
        for number, row in enumerate(rows, last + 1):
            for column, value in enumerate(row, 1):
                if value is None:
                    continue
                cell = sheet.cell(number, column)
                if isinstance(cell, MergedCell):
                    raise SheetError(
                        f"{self.path} has merged cells in row {number}, where the next experiment "
                        "belongs; take them apart"
                    )
                if column - 1 in percent and isinstance(value, float):
                    digits = len(exact(_hundredfold(value)).partition(".")[2])
                    cell.number_format = f"0.{'0' * digits}%" if digits else "0%"
                elif is_percent(cell) or cell.is_date:  # 5 should not be shown as 500 %
                    cell.number_format = "General"
                cell.value = value
                if isinstance(value, str):  # also one that begins as formulas do
                    cell.data_type = "s"
        file = io.BytesIO()
        book.save(file)
        if lost := losses(self.raw, file.getvalue()):
            raise SheetError(
                f"{self.path} has {'; '.join(lost)}, which would be lost with what is added; keep "
                "the table in a workbook without, or save it as .csv and ask with that"
            )
        self._replace(file.getvalue())
        return Workbook(self.path)


def _text(cell: Cell, comma: bool, *, percent: bool) -> str:
    """Write a cell, its number with a decimal comma or point, or as a percentage."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    text = f"{exact(_hundredfold(cell))} %" if percent else exact(cell)
    return text.replace(".", ",") if comma else text


def _hundredfold(share: float) -> float:
    """Give the number of a percentage, without what multiplying adds."""
    return float(f"{100 * share:.12g}")


def title_of(name: str, unit: str) -> str:
    """Write the title of a column."""
    return f"{name} [{unit}]" if unit else name


_TITLE = re.compile(r"(?P<name>.*?)\s*(?:[\[(]\s*(?P<unit>[^\[\]()]*?)\s*[\])])?\s*", re.DOTALL)
_OVER = re.compile(r"\s*(?P<name>\w+)\s*/\s*(?P<unit>\S.*?)\s*", re.DOTALL)
_NONE = ("-", "\u2013", "\u2212", "1")  # how people write that there is no unit


def parsed(title: str) -> tuple[str, str]:
    """Read name and unit of a column's title: ``tau [min]``, ``tau (min)`` or ``tau``."""
    found = _TITLE.fullmatch(title)
    assert found is not None  # whatever is no unit belongs to the name
    unit = (found["unit"] or "").strip()
    return found["name"].strip(), "" if unit in _NONE else unit


def parsed_over(title: str) -> tuple[str, str]:
    """Read a title as ``tau / min``; unit "" if it is none. It may be a quotient, too."""
    found = _OVER.fullmatch(title)
    return (found["name"], found["unit"]) if found else (title, "")
