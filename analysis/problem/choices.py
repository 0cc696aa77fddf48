"""Variables that are words: what there is to choose from, and the numbers that describe it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import is_thousands, number, titled
from ..written import UnreadableError, exact, quoted, read_bytes
from .messages import is_usable, what

FloatArray = NDArray[np.float64]

_MOST = 3
"""Axes along which descriptors tell choices apart, at most: few experiments teach no more."""

_ALONE, _BESIDE = 1.0, 0.2
"""Position of a choice along its own axis, where nothing describes it and where something does, in
halves of a range."""


def check_choices(choices: Any) -> list[str]:
    """Check choices; raise `ValueError` with what is wrong with them."""
    if not isinstance(choices, list | tuple) or len(choices) < 2:
        raise ValueError('choices must be two names or more, as in ["THF", "MeCN"]')
    for choice in choices:
        if not isinstance(choice, str) or not choice.strip():
            raise ValueError(f"choices must be names in quotes; {quoted(choice)} is none")
    plain = [choice.strip().casefold() for choice in choices]
    if len(set(plain)) < len(plain):
        raise ValueError("choices has the same name twice")
    return list(choices)


def told(choices: Sequence[str]) -> str:
    """List choices in words."""
    return ", ".join(choices[:-1]) + f" or {choices[-1]}"


def described(stated: Any, choices: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Give the descriptors of choices, by name, in the order of the choices.

    Parameters
    ----------
    stated : str or mapping
        A CSV file whose first column names the choices, perhaps more of them; or the numbers
        themselves, by name.
    choices : sequence of str

    Raises
    ------
    ValueError
        If a choice or a number is missing, or two choices cannot be told apart.
    """
    if isinstance(stated, str):
        table = _read(Path(stated), choices)
    elif isinstance(stated, Mapping):
        table = {str(name): _column(str(name), v, choices) for name, v in stated.items()}
    else:
        raise ValueError(
            "descriptors must be the name of a CSV file, or lists of numbers by name, not "
            f"{quoted(stated)}"
        )
    for name in table:
        if sign := next((sign for sign in "./" if sign in name), None):
            raise ValueError(
                f"descriptors: {quoted(name)} has a {sign}, which no key of a stored document may "
                "have: call it otherwise"
            )
    rows = list(zip(*table.values(), strict=True))
    for i, row in enumerate(rows):
        if row in rows[:i]:
            raise ValueError(
                f"descriptors of {choices[rows.index(row)]} and {choices[i]} are the same; add "
                "one that tells them apart"
            )
    if not rows:
        raise ValueError("descriptors has no column of numbers")
    return table


def beside(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Name files of descriptors by where they are: beside the problem file."""
    variables = data.get("variables")
    if not isinstance(variables, Mapping):
        return dict(data)
    placed = {
        name: {**part, "descriptors": str(path.parent / part["descriptors"])}
        for name, part in variables.items()
        if isinstance(part, Mapping) and isinstance(part.get("descriptors"), str)
    }
    return {**data, "variables": {**variables, **placed}}


def _column(name: str, values: Any, choices: Sequence[str]) -> tuple[float, ...]:
    """Check the numbers of one descriptor."""
    if not isinstance(values, list | tuple) or len(values) != len(choices):
        raise ValueError(
            f"descriptors.{name} must be {len(choices)} numbers, one for each of "
            f"{', '.join(choices)}"
        )
    for choice, value in zip(choices, values, strict=True):
        if not is_usable(value):
            raise ValueError(f"descriptors.{name} of {choice}: {what(value)}")
    return tuple(map(float, values))


def _read(path: Path, choices: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Read a file of descriptors."""
    delimiter, (titles, *lines) = _lines(path)
    rows = {line[0].casefold(): line for line in lines}
    count = Counter(line[0].casefold() for line in lines)
    if twice := [choice for choice in choices if count[choice.strip().casefold()] > 1]:
        raise ValueError(
            f"descriptors: {path.name} has more than one row {twice[0]}; keep the one that is right"
        )
    if missing := [choice for choice in choices if choice.strip().casefold() not in rows]:
        raise ValueError(
            f"descriptors: {path.name} has no row {', '.join(missing)}; its first column names "
            f"{', '.join(line[0] for line in lines[:8])}{', ...' if len(lines) > 8 else ''}"
        )
    table: dict[str, tuple[float, ...]] = {}
    for k, title in enumerate(titles[1:], start=1):
        if not title:
            continue
        # keys of stored documents hold neither
        name, column = title.replace(".", "_").replace("/", "_"), []
        if name in table:
            raise ValueError(f"descriptors: {path.name} has two columns {title}")
        for choice in choices:
            line = rows[choice.strip().casefold()]
            cell = line[k] if k < len(line) else ""
            value = number(cell)
            if not is_usable(value):
                raise ValueError(
                    f"descriptors: {path.name}, {title} of {choice} is {quoted(cell)}, which is no "
                    "number; fill it in, or leave the column out"
                )
            if "," in cell and delimiter != ";" and is_thousands(cell):
                raise ValueError(
                    f"descriptors: {path.name}, {title} of {choice} is {quoted(cell)}, which may "
                    f"be {exact(value)} or {cell.replace(',', '')}; write the one it is"
                )
            column.append(value)
        table[name] = tuple(column)
    return table


def _lines(path: Path) -> tuple[str, list[list[str]]]:
    """Read the delimiter of a CSV file, and the lines that are not empty, cells stripped."""
    try:
        delimiter, lines = titled(read_bytes(path))
    except FileNotFoundError:
        raise ValueError(
            f"descriptors: there is no file {path}; it has a row for each choice, named in the "
            "first column"
        ) from None
    except OSError as error:
        raise ValueError(f"descriptors: {path} cannot be read: {error.strerror}") from None
    except UnreadableError as error:
        raise ValueError(f"descriptors: {path.name} {error}") from None
    full = [line for line in lines if any(line)]
    if not full:
        raise ValueError(f"descriptors: {path.name} is empty; its first line names the columns")
    return delimiter, full


def positions(
    choices: Sequence[str], descriptors: Mapping[str, Sequence[float]] | None
) -> FloatArray:
    """Place choices where models see them: near each other what is described alike.

    Each choice has an axis of its own, so that it may differ from all others in its own way: no
    descriptors tell everything. These have axes as well, before it: along them what was learnt of
    some choices is known of others. They are the descriptors themselves, or their principal axes.

    Returns
    -------
    ndarray, shape (n, k)
    """
    own = np.eye(len(choices))
    if not descriptors:
        return np.asarray(_ALONE * own)
    columns = np.array(list(descriptors.values()), dtype=float).T
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    if columns.shape[1] > _MOST:
        columns = _principal((columns - columns.mean(axis=0)) / columns.std(axis=0))
    middle = (columns.max(axis=0) + columns.min(axis=0)) / 2
    return np.hstack([(columns - middle) / (np.ptp(columns, axis=0) / 2), _BESIDE * own])


def _principal(columns: FloatArray) -> FloatArray:
    """Give the first principal axes of columns (n, k) of the same spread: (n, <= `_MOST`)."""
    u, size, _ = np.linalg.svd(columns, full_matrices=False)
    keep = min(_MOST, int((size > 1e-9 * size[0]).sum()))
    # the sign of an axis is nobody's: take the one in which the first choice is not below 0
    placed = u[:, :keep] * np.where(u[0, :keep] < 0, -1.0, 1.0)
    return np.asarray(placed * size[:keep])


def shown(value: float | str) -> str:
    """Write what a variable is set to: a choice as it is, a number exactly."""
    return value if isinstance(value, str) else exact(value)
