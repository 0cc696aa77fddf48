"""Experiments that are asked for again, because a repeat decides what no new place can."""

import numpy as np
from numpy.typing import NDArray

from ..book import Book
from ..geometry import hit

Floats = NDArray[np.float64]


def repeats(book: Book, pending: Floats) -> list[tuple[Floats, str]]:
    """Choose places to measure again, each with the reason in words.

    A result that all others contradict is asked for once more.

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
    chosen = []
    for doubt in book.doubted():
        x = table.x[doubt.row]
        if often[table.place[doubt.row]] == 1 and not hit(pending, x, book.resolution):
            chosen.append((x, f"repeat: experiment {doubt.row + 1} is doubted, {doubt.sentence()}"))
    return chosen
