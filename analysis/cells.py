"""What stands in the cells of a table, be it text or an Excel workbook."""

import csv
import io
import itertools
import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

from .written import UnreadableError, other_encoding

Cell = str | float | None
"""A text, in workbooks a number as well; None where there is nothing."""

Rows = list[list[Cell]]

_DELIMITERS = ("\t", ";", ",", "|", None)
"""In the order that they are tried in; None: blanks."""

_OLD = b"\xd0\xcf\x11\xe0"
"""What an old workbook begins with, and any that has a password."""

_STATED = re.compile(r'[\r\n]*("?)sep=(?P<mark>[,;\t|])\1[ ]*(\r\n|\r|\n|$)', re.IGNORECASE)
"""A first line that says what parts the cells."""

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})  # as word processors write it

# ---- workbooks -----------------------------------------------------------------------------------


def workbook(raw: bytes, *, percent: bool = False) -> Rows:
    """Read the first sheet of an Excel workbook: the first that is not hidden.

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
    return rows_of(sheet_of(raw), percent=percent)


def sheet_of(raw: bytes, *, formulas: bool = False) -> Any:
    """Open the first sheet of a workbook that is not hidden, as openpyxl has it.

    Parameters
    ----------
    raw : bytes
    formulas : bool
        Whether its cells hold formulas, in place of what these gave when it was last saved.

    Raises
    ------
    UnreadableError
        If it is none.
    """
    return first_sheet(book_of(raw, data_only=not formulas))


def book_of(raw: bytes, **options: bool) -> Any:
    """Open a workbook with options of openpyxl's; `UnreadableError` if it is none."""
    from openpyxl import load_workbook

    if raw.startswith(_OLD):
        raise UnreadableError(
            "is an old workbook, or has a password; save it as .xlsx without one, or as .csv"
        )
    try:
        with warnings.catch_warnings():  # of what it does not read; what would be lost is told
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(raw), **options)
        first_sheet(book)
    except Exception:  # noqa: BLE001 - whatever is wrong with a file, it is the file
        raise UnreadableError(
            "is no Excel workbook that can be read; save it anew as .xlsx, or as .csv"
        ) from None
    return book


def rows_of(sheet: Any, *, percent: bool = False) -> Rows:
    """Give the rows of a sheet that `sheet_of` opened; see `workbook`."""
    rows: Rows = [[None] * sheet.max_column for _ in range(sheet.max_row)]
    for cell in there(sheet):
        value = _percent(cell) if percent else _cell(cell.value)
        rows[cell.row - 1][cell.column - 1] = value
    return rows


def there(sheet: Any) -> list[Any]:
    """Give the cells that a sheet has, row by row.

    openpyxl's own way makes all that are not there, too: a gigabyte of them, if somebody has typed
    something far below.
    """
    cells = sheet._cells.values()  # noqa: SLF001 - nothing public gives these alone
    return sorted(cells, key=lambda cell: (cell.row, cell.column))


def first_sheet(book: Any) -> Any:
    """Give the first sheet of a workbook that somebody sees: hidden ones are passed over."""
    seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    return (seen or book.worksheets)[0]


def is_percent(cell: Any) -> bool:
    """Whether a cell of a workbook shows its number times 100, with a percent sign."""
    plain = re.sub(r'"[^"]*"|\\.', "", str(cell.number_format))  # what is a mere text in the format
    return "%" in plain


def _percent(cell: Any) -> Cell:
    value = _cell(cell.value)
    if isinstance(value, float) and is_percent(cell):
        return f"{100 * value:.15g} %"
    return value


def _cell(value: Any) -> Cell:
    """Take a cell of a workbook for a number or a text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).strip()
    return float(value)


# ---- texts ---------------------------------------------------------------------------------------


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


def titled(raw: bytes) -> tuple[str, list[list[str]]]:
    """Read a CSV file whose first line that is not empty names the columns.

    Above it may stand ``sep=;``, which says to Excel what parts the cells, and is no row there.

    Returns
    -------
    delimiter : str
        Comma, semicolon or tab, or what a line says that it is.
    lines : list of list of str
        All of them but that one, cells stripped.

    Raises
    ------
    UnreadableError
        If it is none, or has something in a column without title: numbers with a decimal comma,
        parted by commas, would be read as two.
    """
    if wrong := other_encoding(raw):
        raise UnreadableError(wrong)
    text = raw.decode("utf-8-sig")
    first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    if stated := _STATED.match(text):
        text, delimiter = text[stated.end() :], stated["mark"]
    else:
        delimiter = _delimiter(text, first)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[list[str]] = []
    try:
        lines += ([cell.strip() for cell in line] for line in reader)
    except csv.Error as error:
        if "field" in str(error):
            raise UnreadableError(f"is no CSV ({error}); save it again as CSV") from None
        raise UnreadableError(
            f"has a quotation mark in row {len(lines) + 1} that nothing closes, or that stands "
            "within a cell; write it twice there, or delete it"
        ) from None
    titles = next((len(line) for line in lines if any(line)), 0)
    for row, line in enumerate(lines, 1):
        if any(line[titles:]):
            raise UnreadableError(
                f"has {len(line)} cells in row {row} and {titles} title{'s' * (titles > 1)}; name "
                "every column, and where numbers have a decimal comma part the cells by semicolons"
            )
    return delimiter, lines


def _delimiter(text: str, titles: str) -> str:
    """Find what parts the cells: what the most rows have as often as the titles.

    Commas in a title's brackets are the last to be thought of, ``note (colour, smell)``.
    """
    bare = re.sub(r'"[^"]*"', "", titles)
    outside = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", bare)
    found = [mark for mark in ",;\t" if mark in bare] or [","]
    return max(found, key=lambda mark: (_regular(text, mark), outside.count(mark)))


def _regular(text: str, delimiter: str) -> float:
    """Give how many of the first hundred rows have as many cells as the titles, as a share."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        sizes = [len(line) for line in itertools.islice(reader, 100) if any(line)]
    except csv.Error:  # quotation marks where no cell begins
        return 0.0
    return sizes[1:].count(sizes[0]) / len(sizes) if sizes else 0.0


# ---- numbers -------------------------------------------------------------------------------------


def number(text: str) -> float:
    """Read a number as people write it, with a decimal point or comma; nan if it is none."""
    plain = text.translate(_MINUS).strip()
    return float(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else math.nan


def is_thousands(text: str) -> bool:
    """Whether a mark in a number may part its thousands: ``1,234`` may be 1.234 or 1234."""
    return _THOUSANDS.fullmatch(text.translate(_MINUS).strip()) is not None


def decimal_mark(text: str) -> str:
    """Give the decimal mark of a number, or of a percentage; "" if it has none."""
    plain = text.translate(_MINUS).removesuffix("%").strip()
    return next((c for c in plain if c in ".,"), "") if _NUMBER.fullmatch(plain) else ""


# ---- tables whose form is not known --------------------------------------------------------------


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
