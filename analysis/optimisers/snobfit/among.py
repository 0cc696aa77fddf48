"""Compose a batch among points that can be set: steps, values and choices.

Boxes and local quadratics (`batch`) need room on all sides of a point, which a choice has not. So
here the model chooses as long as anything is to be gained, and the rest fills gaps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..book import Book
from ..geometry import farthest
from ..settable import Settable, free
from ..table import SLACK, Known
from .batch import FILL, MODEL, REPLICATE, latin_hypercube

Floats = NDArray[np.float64]

NEW = ", a choice not tried before"


def complete(
    size: int,
    chosen: Sequence[tuple[Floats, str]],
    known: Known,
    book: Book,
    settable: Settable,
    rng: np.random.Generator,
) -> tuple[Floats, list[int], list[str]]:
    """Bring the places that a model chose to exactly so many.

    Where nothing is known by a Latin hypercube (corners, of choices, are worth less), else by those
    farthest from all others as the models see them; where all have been tried by repeats of the
    best.

    Parameters
    ----------
    size : int
    chosen : sequence of ((d,) array, str)
        Places of class 1 in the unit box, and why.
    known : Known
    book : Book
    settable : Settable
    rng : Generator

    Returns
    -------
    x : (size, d) array
        In the user's units.
    kinds : list of int
    whys : list of str
        Empty where the class says all.
    """
    coordinates, span = book.coordinates, book.upper - book.lower
    places = np.array([y for y, _ in chosen]).reshape(-1, coordinates.dim)
    x = settable.settle(book.lower + places * span)
    whys = [why + _new(row, known, book, settable) for row, (_, why) in zip(x, chosen, strict=True)]
    kinds = [MODEL] * len(x)
    taken = book.lower + known.taken * span
    if not len(taken) and not len(x):
        design = latin_hypercube(size, coordinates.dim, rng, walls=True)
        x = settable.settled(coordinates.evenly(design))
    gaps = _farthest(size - len(x), np.vstack([taken, x]), known, book, settable, rng)
    x = np.vstack([x, gaps])
    again = _best(size - len(x), np.vstack([taken, x]), known, book, settable)
    kinds += [FILL] * (len(x) - len(kinds)) + [REPLICATE] * len(again)
    whys += [""] * (len(x) - len(whys)) + [_exhausted(settable)] * len(again)
    return np.vstack([x, again]), kinds, whys


def _farthest(
    count: int,
    taken: Floats,
    known: Known,
    book: Book,
    settable: Settable,
    rng: np.random.Generator,
) -> Floats:
    """Choose the candidates farthest from all places taken, one after the other: (<= count, d)."""
    if not count:
        return taken[:0]
    coordinates, apart = book.coordinates, book.resolution * SLACK
    x = free(settable.spread(900 + 100 * count, coordinates, rng), taken, apart)
    sane = known.sane(book.unit(x)) if len(x) else np.zeros(0, dtype=bool)
    x = x[sane] if sane.any() else x
    z = coordinates.to_cube(x)
    gap = np.full(len(x), np.inf)
    if len(taken) and len(x):
        gap = np.asarray(cKDTree(coordinates.to_cube(taken)).query(z)[0])
    # near what is taken in all that models see is as good as taken only if nothing else is left
    return x[farthest(z, gap, count)]


def _best(count: int, taken: Floats, known: Known, book: Book, settable: Settable) -> Floats:
    """Give the best places once more, in turn: (count, d)."""
    if not count:
        return taken[:0]
    inside = ((known.x >= 0.0) & (known.x <= 1.0)).all(axis=1)
    order = np.argsort(known.value[inside], kind="stable")  # NaN last
    x = book.lower + known.x[inside][order] * (book.upper - book.lower)
    x = np.vstack([x, taken]) if len(x) < count else x
    held = settable.settled(x)
    pool = held if len(held) else settable.settled(book.lower[None])
    return pool[np.arange(count) % len(pool)]


def _exhausted(settable: Settable) -> str:
    """Say that there is nothing new to ask for."""
    every = settable.every
    many = "all" if every is None else f"all {len(settable.settled(every))} points"
    held = " with what the batch shares" if settable.held else ""
    return f"replicate: {many} that can be set{held} have been tried"


def _new(x: Floats, known: Known, book: Book, settable: Settable) -> str:
    """Say so where a choice was never asked for."""
    tried = np.rint(book.lower + known.x * (book.upper - book.lower))
    return NEW if any(x[i] not in tried[:, i] for i in settable.choices) else ""
