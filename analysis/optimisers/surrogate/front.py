"""Two goals: which points no other beats in both, and the area that a set of them leaves undone.

The hypervolume of a set of points, both goals to be minimised, is the area between them and a
reference point that is worse in both: all that at least one of them beats (Zitzler & Thiele 1998).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unbeaten(goals: Floats) -> NDArray[np.intp]:
    """Give the rows of goals (N, 2) that no other is as good as in both, by the first goal.

    Of equal rows the first counts; rows that are not finite do not.
    """
    order = np.lexsort((goals[:, 1], goals[:, 0]))
    order = order[np.isfinite(goals[order]).all(axis=1)]
    second = goals[order, 1]
    lowest = np.r_[np.inf, np.minimum.accumulate(second)[:-1]] if len(second) else second
    return np.asarray(order[second < lowest])


def hypervolume(goals: Floats, reference: Floats) -> float:
    """Give the area that goals (N, 2) beat, up to a reference point (2,)."""
    below = goals[(goals < reference).all(axis=1)]
    f, g = below[unbeaten(below)].T
    return float(((reference[0] - f) * (np.r_[reference[1], g[:-1]] - g)).sum())


def gained(goals: Floats, front: Floats, reference: Floats) -> Floats:
    """Give the area that each of some points (M, 2) beats and a front does not, (M,).

    Parameters
    ----------
    goals : (M, 2) array
    front : (K, 2) array
        As `unbeaten` orders it.
    reference : (2,) array
    """
    inside = front[(front < reference).all(axis=1)]
    # strips between one point's first goal and the next, each as high as it is still to be beaten
    edges = np.r_[-np.inf, inside[:, 0], reference[0]]
    heights = np.r_[reference[1], inside[:, 1]]
    left = np.maximum(goals[:, :1], edges[:-1])
    width = np.maximum(edges[1:] - left, 0.0)
    height = np.maximum(heights - goals[:, 1:], 0.0)
    return np.asarray((width * height).sum(axis=1))
