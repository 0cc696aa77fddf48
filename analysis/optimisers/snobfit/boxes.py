"""The partition of the search region: one box a point.

SNOBFIT branches by keeping one box around every point (Huyer & Neumaier 2008, section 3). Here the
boxes are a function of the points alone, whatever the batches in which they arrived.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def partition(x: Floats, value: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Split the region until each of the points has a box of its own.

    A box is cut across the coordinate in which its points vary most, in the widest gap between two
    neighbours. The cut divides that gap by the golden section, so that the better neighbour gets
    the larger part (the paper's rule; version 2.1 of the authors' code cuts in the middle).

    Parameters
    ----------
    x : (N, d) array
        Distinct points inside the region.
    value : (N,) array
        What is minimised; ``inf`` for a failed point, NaN for a pending one.
    lower, upper : (d,) array
        The region.

    Returns
    -------
    lower, upper : (N, d) array
        The box of each point.
    """
    count = len(x)
    box_lower = np.tile(lower, (count, 1))
    box_upper = np.tile(upper, (count, 1))
    rows = np.arange(count)  # points that still share a box, grouped by box
    box = np.zeros(count, dtype=np.intp)  # the box that each of them is in, 0, 1, 2 ...
    # all boxes are cut at once, round by round: a few array operations, not N recursive calls
    while rows.size > 1:
        first = np.flatnonzero(_begins(box))
        size = np.bincount(box)
        inside = x[rows]
        mean = np.add.reduceat(inside, first) / size[:, None]
        scatter = np.add.reduceat((inside - mean[box]) ** 2, first)
        axis = scatter.argmax(axis=1)[box]
        order = np.lexsort((inside[np.arange(rows.size), axis], box))
        rows = rows[order]
        along = x[rows, axis]
        gap = np.full(rows.size, -1.0)
        gap[:-1] = np.where(box[1:] == box[:-1], along[1:] - along[:-1], -1.0)
        widest = np.maximum.reduceat(gap, first)
        hits = np.flatnonzero(gap == widest[box])
        left = hits[_begins(box[hits])]  # the first such gap of each box
        here, there = value[rows[left]], value[rows[left + 1]]
        share = np.where(here < there, GOLDEN, np.where(here > there, 1.0 - GOLDEN, 0.5))
        cut = (along[left] + share * gap[left])[box]
        below = np.arange(rows.size) <= left[box]
        box_upper[rows[below], axis[below]] = cut[below]
        box_lower[rows[~below], axis[~below]] = cut[~below]
        box = 2 * box + ~below
        alone = np.bincount(box)[box] == 1
        rows, box = rows[~alone], box[~alone]
        box = np.cumsum(_begins(box)) - 1
    return box_lower, box_upper


def _begins(box: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which of the points, sorted by box, is the first of its box."""
    first = np.ones(box.size, dtype=bool)
    first[1:] = box[1:] != box[:-1]
    return first


class Boxes:
    """The partition of everything known, as class 4 looks at it.

    Parameters
    ----------
    x : (N, d) array
        Distinct points, in the unit box or beyond.
    value : (N,) array
        What is minimised; ``inf`` for a failed point, NaN for a pending one.
    """

    def __init__(self, x: Floats, value: Floats) -> None:
        self._x = x
        lower = np.minimum(x.min(axis=0), 0.0)
        upper = np.maximum(x.max(axis=0), 1.0)
        low, high = partition(x, value, lower, upper)
        # smallness counts halvings: 0 for the whole region, more for smaller boxes
        with np.errstate(divide="ignore"):
            halvings = np.minimum(np.round(-np.log2((high - low) / (upper - lower))), 1000.0)
        self._level = halvings.sum(axis=1)
        self._value = value
        # only what lies inside the unit box can be tried
        self._low, self._high = np.maximum(low, 0.0), np.minimum(high, 1.0)

    def by_level(self) -> list[int]:
        """List the boxes as class 4 takes them: the best box of each level of smallness in turn.

        The cycle runs over the lowest third of the levels, from the largest boxes down, so that
        exploring leans towards low values; smaller boxes follow (paper, section 6; version 2.1
        switches it off).
        """
        usable = np.flatnonzero((self._high > self._low).all(axis=1))
        # by level, then by value with NaN last
        order = usable[np.lexsort((self._value[usable], self._level[usable]))]
        if not order.size:
            return []
        level = self._level[order]
        top = level[0] + (level[-1] - level[0]) // 3
        place = np.arange(level.size) - np.searchsorted(level, level)  # within the level
        turn = np.where(level <= top, place, level.size)
        return [int(box) for box in order[np.lexsort((level, turn))]]

    def inner(self, box: int) -> Floats:
        """Return the place in a box that is far from its point and from its walls."""
        low, high = self._low[box], self._high[box]
        x = np.clip(self._x[box], low, high)
        return np.asarray(0.5 * np.where(x - low > high - x, low + x, x + high))
