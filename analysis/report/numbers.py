"""How numbers are written for people: by what is known of them."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from ..problem.edges import enough_digits

_LONG, _TINY, _SMALL = 1e3, 1e-6, -4
"""A number is written by a power of ten if its standard deviation has from this on more digits than
two; or is below this, with a number that begins no earlier than at this power."""

_WIDE = 9
"""Digits before the point that a column has at most."""

Within = tuple[float, float]
"""Between what a number should be; it is written with as many digits as show whether it is."""

ANYWHERE: Within = (-math.inf, math.inf)


def uncertain(value: float, sd: float, plus_minus: str = "+/-", within: Within = ANYWHERE) -> str:
    """Write a value down to two digits of its standard deviation; without one, four digits.

    Both by one power of ten where they would be long without.

    Examples
    --------
    >>> uncertain(0.77812, 0.00412), uncertain(49014473700386, 7026498903463)
    ('0.7781 +/- 0.0041', '(4.90 +/- 0.70)e+13')
    >>> uncertain(-1e-5, 0.02)
    '0.000 +/- 0.020'
    >>> uncertain(1.0005, 0.02), uncertain(1.00004, math.nan, within=(0.0, 1.0))
    ('1.000 +/- 0.020', '1.00004')
    >>> uncertain(999999, 1500)
    '(1.0000 +/- 0.0015)e+06'
    """
    if not math.isfinite(value):
        return "-"
    if not 0 < sd < math.inf:
        return f"{value:z.{enough_digits(value, within, 4)}g}"
    least = 1 - _power(sd)
    largest = max(abs(value), sd)
    size = _power(largest, max(_power(largest) + least, 0))  # 999999 +/- 1500 is 1.0000e+06
    if sd < _LONG and (sd >= _TINY or size > _SMALL):
        decimals = enough_digits(value, within, max(0, least), "f", size=sd)
        return f"{value:z.{decimals}f} {plus_minus} {sd:.{decimals}f}"
    decimals = enough_digits(value, within, least + size, "f", size, sd)
    scaled, doubt = (Decimal(number).scaleb(-size) for number in (value, sd))
    return f"({scaled:z.{decimals}f} {plus_minus} {doubt:.{decimals}f})e{size:+03d}"


def _power(number: float, decimals: int = 6) -> int:
    """Give the power of ten of the first digit of a number above 0, rounded to so many after it."""
    return int(f"{number:.{decimals}e}".split("e")[1])


def estimated(value: float, sd: float, plus_minus: str = "+/-", within: Within = ANYWHERE) -> str:
    """Write what models expect, like `uncertain`; a sd that nothing speaks for is left out.

    Models of one experiment, or of a few that they go through, know of no scatter: theirs is a
    millionth of the value or less.

    Examples
    --------
    >>> estimated(6.6, 1.4e-7), estimated(6.6, 0.1)
    ('6.6', '6.60 +/- 0.10')
    """
    return uncertain(value, sd if sd > 1e-6 * abs(value) else math.nan, plus_minus, within)


def aligned(values: Iterable[float], digits: int, within: Within = ANYWHERE) -> list[str]:
    """Write values with the decimals that give the largest of them so many significant digits.

    By powers of ten where that one would be long without.

    Examples
    --------
    >>> aligned([51.1814, 9.32], 4), aligned([5.1e13, 9.32], 3)
    (['51.18', '9.32'], ['5.10e+13', '9.32e+00'])
    """
    values = list(values)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    size = _power(largest, digits - 1) if largest > 0 else digits - 1
    form, least = "f", max(digits - 1 - size, 0)
    if not _SMALL <= size < _WIDE:
        form, least = "e", digits - 1
    own = (enough_digits(v, within, least, form, size=largest) for v in values)
    return [
        f"{v:z.{count}{form}}" if math.isfinite(v) else "-"
        for v, count in zip(values, own, strict=True)
    ]


def dialled(settings: Iterable[float | str]) -> list[str]:
    """Write values that were set: as few decimals as tell them exactly, or four digits.

    Choices are written as they are, and beside them each number by itself.

    Examples
    --------
    >>> dialled([423.15, 403.0]), dialled([51.18142, 9.32]), dialled([80.0, 75.0])
    (['423.15', '403.00'], ['51.18', '9.32'], ['80', '75'])
    """
    settings = list(settings)
    if any(isinstance(value, str) for value in settings):
        known = [isinstance(value, str) or math.isfinite(value) for value in settings]
        return [as_set(v) if there else "-" for v, there in zip(settings, known, strict=True)]
    values = [float(value) for value in settings]
    for decimals in range(4):
        texts = [f"{v:z.{decimals}f}" if math.isfinite(v) else "-" for v in values]
        if all(float(text) == v for text, v in zip(texts, values, strict=True) if text != "-"):
            return texts
    return aligned(values, 4)


def as_set(value: float | str) -> str:
    """Write a value that was set: as it was dialled, or with four digits; a choice as it is."""
    if isinstance(value, str):
        return value
    short = f"{value:z.4g}"
    if float(short) == value or not math.isfinite(value):
        return short
    (told,) = dialled([value])
    return told if float(told) == value else short


def headed(title: str, mark: str, width: int) -> Iterator[str]:
    """Give a title whole, in as many lines as it takes, with a mark at the end of the first."""
    first, *more = textwrap.wrap(title, width - len(mark) - 2) or [""]
    yield f"{first:<{width - len(mark)}}{mark}"
    yield from more


def side_by_side(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    r"""Lay out labels, and right-aligned beside them the values that they are about.

    A column of values has 22 characters, more where one of them is longer; labels are wrapped.

    Examples
    --------
    >>> print(*side_by_side([("", "BEST"), ("X3", "0.0072 +/- 0.0010")], 40), sep="\n")
                                        BEST
    X3                     0.0072 +/- 0.0010
    """
    values = max(20, *(len(cell) for _, *cells in rows for cell in cells)) + 2
    wide = max(width - (len(rows[0]) - 1) * values, 16)
    lines: list[str] = []
    for label, *cells in rows:
        first, *more = textwrap.wrap(label, wide - 1, subsequent_indent="  ") or [""]
        lines.append(f"{first:<{wide}}{''.join(f'{cell:>{values}}' for cell in cells)}".rstrip())
        lines += more
    return lines


def table_lines(columns: Sequence[tuple[str, Sequence[str]]], width: int) -> list[str]:
    """Lay columns out, right-aligned under their titles, in blocks that fit the width.

    The first column, which names the rows, begins every block.

    Examples
    --------
    >>> table_lines([("no.", ["1", "12"]), ("X3", ["0.1", "0.25"])], 80)
    ['no.    X3', '  1   0.1', ' 12  0.25']
    """
    laid = [
        [f"{text:>{max(map(len, (title, *cells)))}}" for text in (title, *cells)]
        for title, cells in columns
    ]
    blocks = [[laid[0]]]
    for column in laid[1:]:
        if sum(len(c[0]) + 2 for c in blocks[-1]) + len(column[0]) > width:
            blocks.append([laid[0]])
        blocks[-1].append(column)
    return ["  ".join(row) for block in blocks for row in zip(*block, strict=True)]


def jsonable(value: Any) -> Any:
    """Plain lists and dicts, string keys, None for what is not finite, 0 for -0."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    return value
