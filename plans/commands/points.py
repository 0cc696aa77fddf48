"""Points to be measured, laid out on a terminal."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from reactune.analysis.problem.model import Problem
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
        [str(n), *(_cell(conditions[name]) for name in problem.variables)]
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


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else exact(float(f"{value:.6g}"))
