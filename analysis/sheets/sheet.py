"""A table in a file, CSV or XLSX: read as it is, extended at its end, never half written.

What is there stays as it is, byte for byte in CSV: columns that are nobody's, quotes, line ends.
"""

import csv
import io
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ..cells import Cell as Cell
from ..cells import workbook
from ..written import UnreadableError, check_text, exact, other_encoding, read_bytes

MOST_BYTES = 20_000_000
"""Of a table; a thousand experiments have a hundredth of it."""

DELIMITERS = ",;\t"


class SheetError(ValueError):
    """A table cannot be read or written; one sentence with file, reason and cure."""


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
    """

    which_titles = "its titles"
    path: Path
    raw: bytes
    titles: list[str]
    rows: list[tuple[int, list[Cell]]]

    def is_formula(self, row: int, column: int) -> bool:
        """Say whether a cell, its column counted from 0, holds a formula."""
        return False

    @abstractmethod
    def append(self, rows: Sequence[Sequence[Cell]], comma: bool | None = None) -> "Sheet":
        """Write the file anew with further rows at its end, and read it again.

        Parameters
        ----------
        rows : sequence of sequence
            Cells in the order of `titles`.
        comma : bool, optional
            Whether numbers have a decimal comma in the rows that are there; None if these have no
            number that tells.

        Raises
        ------
        SheetError
            If the file is open in a spreadsheet, has changed since it was read or cannot be
            written; then nothing is changed.
        """

    def _replace(self, content: bytes) -> None:
        """Write the file anew, unless somebody else has meanwhile."""
        if not self.path.exists() or read_bytes(self.path, MOST_BYTES) != self.raw:
            raise SheetError(
                f"{self.path} has changed since it was read, and nothing is added to it; ask again"
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


def create(path: Path, titles: Sequence[str]) -> Sheet:
    """Write a new table with nothing but its titles.

    Raises
    ------
    SheetError
        If it cannot be written.
    """
    _check_kind(path)
    if path.suffix.lower() == ".xlsx":
        from openpyxl import Workbook as Book

        book, file = Book(), io.BytesIO()
        book.active.append(list(titles))
        book.save(file)
        write_whole(path, file.getvalue())
    else:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(titles)
        write_whole(path, line.getvalue().encode())
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
        if wrong := other_encoding(self.raw):
            raise UnreadableError(wrong)
        text = self.raw.decode("utf-8-sig")
        first = text.lstrip("\r\n").partition("\n")[0]
        bare = re.sub(r'"[^"]*"', "", first)
        self.delimiter = max(DELIMITERS, key=bare.count)
        self._end = "\r\n" if "\r\n" in text else "\n"
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter))
        except csv.Error as error:
            raise UnreadableError(f"is no CSV ({error}); save it again as CSV") from None
        full = [(i, line) for i, line in enumerate(lines, 1) if any(c.strip() for c in line)]
        if not full:
            raise UnreadableError("is empty; its first line has to name the columns")
        self.titles = [cell.strip() for cell in full[0][1]]
        self.rows = [(i, [c.strip() or None for c in line]) for i, line in full[1:]]

    def append(self, rows: Sequence[Sequence[Cell]], comma: bool | None = None) -> Sheet:
        """See `Sheet.append`."""
        if comma is None:  # as spreadsheets do where the decimal comma is used
            comma = self.delimiter == ";"
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator=self._end)
        for row in rows:
            writer.writerow([_text(cell, comma) for cell in row])
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
        lines = workbook(self.raw)
        full = [(i, row) for i, row in enumerate(lines, 1) if any(c is not None for c in row)]
        if not full:
            raise UnreadableError("is empty; its first row has to name the columns")
        self.titles = ["" if cell is None else str(cell).strip() for cell in full[0][1]]
        self.rows = full[1:]

    @cached_property
    def _formulas(self) -> set[tuple[int, int]]:
        """Row and column of each cell with a formula."""
        from openpyxl import load_workbook

        sheet = load_workbook(io.BytesIO(self.raw)).worksheets[0]
        return {
            (cell.row, cell.column - 1)
            for row in sheet.iter_rows()
            for cell in row
            if cell.data_type == "f"
        }

    def is_formula(self, row: int, column: int) -> bool:
        """See `Sheet.is_formula`."""
        return (row, column) in self._formulas

    def append(self, rows: Sequence[Sequence[Cell]], comma: bool | None = None) -> Sheet:
        """See `Sheet.append`; numbers are numbers here, whatever their decimal mark."""
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(self.raw), keep_vba=self.path.suffix.lower() == ".xlsm")
        sheet, last = book.worksheets[0], max([1, *(number for number, _ in self.rows)])
        for number, row in enumerate(rows, last + 1):
            for column, value in enumerate(row, 1):
                sheet.cell(number, column, value)
        file = io.BytesIO()
        book.save(file)
        self._replace(file.getvalue())
        return Workbook(self.path)


def _text(cell: Cell, comma: bool) -> str:
    """Write a cell, its number with a decimal comma or point."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    return exact(cell).replace(".", ",") if comma else exact(cell)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of another, whole or not at all.

    Raises
    ------
    SheetError
        If it is open in a spreadsheet, or cannot be written; then nothing is changed.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    for one in (path, target):
        for lock in (f".~lock.{one.name}#", f"~${one.name}"):
            if one.with_name(lock).exists():
                raise SheetError(
                    f"{path} is open in a spreadsheet ({lock} is beside it), which would overwrite "
                    "what is added; save and close it there, and ask again"
                )
    try:
        check_text(path.name)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part = Path(file.name)
        try:
            part.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except FileNotFoundError:
        raise SheetError(
            f"{path} cannot be written: there is no folder {target.parent}; make it, or name a "
            "file elsewhere"
        ) from None
    except PermissionError as error:
        raise SheetError(
            f"{path} cannot be written ({error.strerror}): close it if a spreadsheet has it open, "
            "and see to the rights of its folder"
        ) from None
    except OSError as error:
        raise SheetError(f"{path} cannot be written: {error.strerror}") from None


def title_of(name: str, unit: str) -> str:
    """Write the title of a column."""
    return f"{name} [{unit}]" if unit else name


_TITLE = re.compile(r"(?P<name>.*?)\s*(?:[\[(]\s*(?P<unit>[^\[\]()]*?)\s*[\])])?\s*", re.DOTALL)


def parsed(title: str) -> tuple[str, str]:
    """Read name and unit of a column's title: ``tau [min]``, ``tau (min)`` or ``tau``."""
    found = _TITLE.fullmatch(title)
    assert found is not None  # whatever is no unit belongs to the name
    return found["name"].strip(), found["unit"] or ""
