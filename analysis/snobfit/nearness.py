"""Which points are near one, as goal and properties see it.

In a box a hundred times longer than what matters in one coordinate, and twice as long as that in
another, the nearest points crowd in the second: a model of them sees next to nothing of it, and
trust boxes around them allow no step there. So a coordinate counts by what goal and properties
change with it.
"""

import numpy as np
from numpy.typing import NDArray

from ..merit import Windows
from .models import QuadraticBasis
from .shaping import CURBED, tamed, visible
from .table import Points

Floats = NDArray[np.float64]

ROUNDS = 2
"""How often the weights are read from the points that are the nearest by the weights so far."""

LEAST = 1e-3
"""Weight of a coordinate in which nothing changes, of the largest."""


def weights(x: Floats, points: Points, centre: int, windows: Windows) -> Floats:
    """Say how much each coordinate counts around a point, (d,), at most 1.

    Root mean square of the slopes of goal and properties, each in units of its range, at the
    neighbours: of quadratics of the nearest points.

    Parameters
    ----------
    x : (N, d) array
        Positions.
    points : Points
        Their goals and properties, all measured.
    centre : int
        Row of the point.
    windows : Windows
    """
    weight = np.ones(x.shape[1])
    for _ in range(ROUNDS):
        rows, few = nearest(x * weight, points, centre)
        some = tamed(points.take(rows), windows, *CURBED)
        basis, steps = QuadraticBasis(x[rows], 0, len(rows) - 1), x[rows[: few + 1]] - x[centre]
        total = np.zeros(len(weight))
        for value, error in zip([some.f, *some.F.T], [some.df, *some.dF.T], strict=True):
            if span := float(np.ptp(value[: few + 1])):
                _, gradient, hessian = basis.fit(value / span, error / span)
                total += ((gradient + steps @ hessian) ** 2).sum(axis=0)
        if 0.0 < total.max() < np.inf:
            weight = np.maximum(np.sqrt(total / total.max()), LEAST)
    return weight


def nearest(x: Floats, points: Points, centre: int) -> tuple[NDArray[np.intp], int]:
    """Find what a quadratic around a point is fitted to, and which of it are neighbours.

    Parameters
    ----------
    x : (N, d) array
        Positions, each coordinate times its weight.
    points : Points
        Their goals and properties, all measured.
    centre : int
        Row of the point.

    Returns
    -------
    rows : (K,) int array
        The point itself, then the nearest.
    few : int
        How many of these are neighbours: d + 5, or as many as show more than noise.
    """
    dim = x.shape[1]
    distance = ((x - x[centre]) ** 2).sum(axis=1)
    distance[centre] = -1.0
    order = np.argsort(distance, kind="stable")
    # among points that differ by noise alone, there is no slope to see
    few = max(dim + 5, visible(points.take(order[: 3 * dim * (dim + 3)])) - 1)
    return order[: max(dim * (dim + 3), few) + 1], min(few, len(x) - 1)
