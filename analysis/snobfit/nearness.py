"""Which points are near one, as goal and properties see it, and how many of them tell something.

In a box a hundred times longer than what matters in one coordinate, and twice as long as that in
another, the nearest points crowd in the second: a model of them sees next to nothing of it, and
trust boxes around them allow no step there. So a coordinate counts by what goal and properties
change with it. And where the nearest points differ by noise alone, slopes are chance: then more of
them are needed.
"""

import numpy as np
from numpy.typing import NDArray

from ..merit import Windows
from .models import QuadraticBasis, fitted, nearest
from .shaping import CURBED, tamed
from .table import Points

Floats = NDArray[np.float64]

ROUNDS = 2
"""How often the weights are read from the points that are the nearest by the weights so far."""

LEAST = 1e-3
"""Weight of a coordinate in which nothing changes, of the largest."""


class Neighbourhood:
    """Sets of the points nearest to one, each twice as large as the one before.

    A coordinate's weight is the root mean square of the slopes of goal and properties, each in
    units of its range, at the neighbours: of quadratics of the nearest points by the weights so
    far, of as many as tell of each quantity.

    Parameters
    ----------
    x : (N, d) array
        Positions.
    points : Points
        Their goals and properties, all measured.
    centre : int
        Row of the point.
    windows : Windows

    Attributes
    ----------
    weights : (d,) array
        How much each coordinate counts, at most 1.
    """

    def __init__(self, x: Floats, points: Points, centre: int, windows: Windows) -> None:
        self._x, self._points, self._windows = x, points, windows
        self._sort(np.ones(x.shape[1]), centre)
        for _ in range(ROUNDS):
            self._sort(self._slopes(), centre)

    def _sort(self, weights: Floats, centre: int) -> None:
        self.weights = weights
        self._order = nearest(self._x * weights, centre)
        self._sets: dict[int, tuple[Floats, Floats, QuadraticBasis]] = {}

    @property
    def neighbours(self) -> NDArray[np.intp]:
        """The point itself and its d + 5 neighbours."""
        return self._order[: self._x.shape[1] + 6]

    @property
    def ranges(self) -> Floats:
        """Ranges of goal and properties, (1 + m,), among the neighbours."""
        values, _, _ = self.known()
        return np.asarray(np.ptp(values[: len(self.neighbours)], axis=0))

    def rows(self, doublings: int = 0) -> NDArray[np.intp]:
        """Give the points of a set, the centre first: as the paper fits a quadratic to, doubled."""
        return self._order[: fitted(self._x.shape[1]) << doublings]

    def known(self, doublings: int = 0) -> tuple[Floats, Floats, QuadraticBasis]:
        """Give goal and properties (K, 1 + m) of a set, their uncertainties, and the basis."""
        if doublings not in self._sets:
            rows = self.rows(doublings)
            values, errors = tamed(self._points.take(rows), self._windows, *CURBED).columns
            self._sets[doublings] = values, errors, QuadraticBasis(self._x[rows])
        return self._sets[doublings]

    def doublings(self, column: int) -> int:
        """Say how often to double the set for the goal (column 0) or a property.

        As long as a quadratic and the noise explain the values. Exact ones need no more points.
        """
        doublings = 0
        while len(self.rows(doublings)) < len(self._x) and self._explained(column, doublings + 1):
            doublings += 1
        return doublings

    def _explained(self, column: int, doublings: int) -> bool:
        values, errors, basis = self.known(doublings)
        return not self._points.exact and basis.explained(values[:, column], errors[:, column])

    def quadratic(self, column: int, unit: float) -> tuple[float, Floats, Floats]:
        """Fit the goal (column 0) or a property, in this unit, to the points that tell of it.

        Returns
        -------
        constant : float
            Value expected at the centre.
        gradient : (d,) array
        hessian : (d, d) array
        """
        doublings = self.doublings(column)
        values, errors, basis = self.known(doublings)
        value, error = values[:, column] / unit, errors[:, column] / unit
        rise, *bends = basis.fit(value, error, self._explained(column, doublings))
        return value[0] + rise, *bends

    def _slopes(self) -> Floats:
        """Give weights by the slopes at the neighbours."""
        steps = self._x[self.neighbours] - self._x[self.neighbours[0]]
        total = np.zeros(len(self.weights))
        for column, span in enumerate(self.ranges):
            if span:
                _, gradient, hessian = self.quadratic(column, span)
                total += ((gradient + steps @ hessian) ** 2).sum(axis=0)
        if not 0.0 < total.max() < np.inf:
            return self.weights
        return np.asarray(np.maximum(np.sqrt(total / total.max()), LEAST))
