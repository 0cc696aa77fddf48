"""Points to be measured, laid out on a terminal."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.variables import Variable
from reactune.analysis.sheets.sheet import title_of
from reactune.analysis.written import exact

Row = tuple[int, Mapping[str, Any], str]
"""Number, conditions, and why."""


def layout(problem: Problem, rows: Sequence[Row], number: str) -> str:
    """Lay points out as a table, 80 columns wide, the reasons beside or below them.

    Parameters
    ----------
    problem : Problem
    rows : sequence of (number, conditions, why)
    number : str
        What the numbers count.
    """
    titles = [number, *(title_of(name, v.unit) for name, v in problem.variables.items())]
    cells = [
        [str(n), *(_cell(conditions[name], v) for name, v in problem.variables.items())]
        for n, conditions, _ in rows
    ]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    text = []
    for line, why in zip([titles, *cells], ["why", *(row[2] for row in rows)], strict=True):
        start = "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
        beside = len(start) <= 50
        if not beside:
            text.append(start)
        indent = " " * (len(start) + 2 if beside else 8)
        first = start + "  " if beside else indent
        text.append(textwrap.fill(why, 80, initial_indent=first, subsequent_indent=indent))
    return "\n".join(text)


def _cell(value: Any, variable: Variable) -> str:
    """Write a value with six digits, or as many as its range needs for a thousandth of it."""
    if isinstance(value, str):
        return value
    low, high = variable.range
    digits = math.ceil(math.log10(max(abs(low), abs(high)) / (high - low))) + 4
    return exact(float(f"{value:.{min(max(6, digits), 17)}g}"))
