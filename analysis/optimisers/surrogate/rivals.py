"""Experiments that are asked for again, because a repeat decides what no new place can."""

import numpy as np
from numpy.typing import NDArray

from ..book import Book
from ..geometry import hit

Floats = NDArray[np.float64]

ALONE = 0.2
"""Probability to be inside all windows, by what all others tell of it, below which the point handed
over stands alone: of those of ordinary campaigns hardly one does."""

FIRST = 3
"""Experiments for each variable, below which every point stands alone."""


def repeats(book: Book, pending: Floats) -> list[tuple[Floats, str]]:
    """Choose places to measure again, each with the reason in words.

    A result that all others contradict is asked for once more, and so is the point to be handed
    over as long as nothing but its own single result speaks for its being inside the windows.

    Parameters
    ----------
    book : Book
    pending : (P, d) array
        Places asked for and not told yet, in the user's units.

    Returns
    -------
    list of ((d,) array, str)
        In the user's units.
    """
    table = book.table
    often = np.bincount(table.place) if len(table) else np.zeros(0, dtype=int)
    wanted = [
        (doubt.row, f"experiment {doubt.row + 1} is doubted, {doubt.sentence()}")
        for doubt in book.doubted()
    ]
    if (row := _alone(book)) is not None:
        wanted.append(
            (row, f"experiment {row + 1} is the best, but by all others it would not be inside")
        )
    return [
        (table.x[row], f"repeat: {why}")
        for row, why in wanted
        if often[table.place[row]] == 1 and not hit(pending, table.x[row], book.resolution)
    ]


def _alone(book: Book) -> int | None:
    """Give the experiment of the point to be handed over if it stands alone."""
    surrogate, table = book.surrogate(), book.table
    if surrogate is None or book.held is None or len(table) <= FIRST * len(book.lower):
        return None
    if table.reproducible:  # a repeat would tell nothing
        return None
    known = np.flatnonzero(surrogate.rows == book.held)
    if not known.size or surrogate.supported(int(known[0])) >= ALONE:
        return None
    return int((table.place == book.held).argmax())
