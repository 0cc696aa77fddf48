"""Which points are near one, as goal and properties see it, and how many of them tell something.

In a box a hundred times longer than what matters in one coordinate, and twice as long as that in
another, the nearest points crowd in the second: a model of them sees next to nothing of it, and
trust boxes around them allow no step there. So a coordinate counts by what goal and properties
change with it. And where the nearest points differ by noise alone, slopes are chance: then more of
them are needed.
"""

import numpy as np
from numpy.typing import NDArray

from ...problem.merit import Windows
from ..geometry import QuadraticBasis, nearest, quadratic_size
from ..table import Points
from .shaping import CURBED, tamed

Floats = NDArray[np.float64]

LEAST = 1e-3
"""Weight of a coordinate in which nothing changes, of the largest."""


class Neighbourhood:
    """Sets of the points nearest to one, each twice as large as the one before.

    A coordinate's weight is the root mean square of the slopes of goal and properties, each in
    units of its range, at the d + 5 points nearest in the box: of quadratics of the nearest there,
    of as many as tell of each quantity.

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
        dim = x.shape[1]
        self._close = dim + 6
        self._least = max(quadratic_size(dim), self._close)
        self._sort(np.ones(dim), centre)
        self._sort(self._slopes(), centre)

    def _sort(self, weights: Floats, centre: int) -> None:
        self.weights = weights
        self._order = nearest(self._x * weights, centre)
        self._sets: dict[int, tuple[Floats, Floats, QuadraticBasis]] = {}

    @property
    def close(self) -> NDArray[np.intp]:
        """The point itself and its d + 5 neighbours."""
        return self._order[: self._close]

    @property
    def ranges(self) -> Floats:
        """Ranges of goal and properties, (1 + m,), among these."""
        values, _, _ = self._set(0)
        return np.asarray(np.ptp(values[: self._close], axis=0))

    def rows(self, level: int = 0) -> NDArray[np.intp]:
        """Give a set, the point first: as many as a quadratic needs, doubled so often."""
        return self._order[: self._least << level]

    def level(self, column: int) -> int:
        """Say which set the goal (column 0) or a property is to be modelled from.

        The last of those, one after the other, whose values a quadratic and the noise explain.
        Where nothing has an uncertainty, more points tell nothing more.
        """
        level = 0
        while len(self.rows(level)) < len(self._x) and self._explained(column, level + 1):
            level += 1
        return level

    def quadratic(self, column: int, unit: float) -> tuple[float, Floats, Floats]:
        """Fit the goal (column 0) or a property, in this unit, to its set.

        Returns
        -------
        constant : float
            Value expected at the centre.
        gradient : (d,) array
        hessian : (d, d) array
        """
        level = self.level(column)
        values, errors, basis = self._set(level)
        value, error = values[:, column] / unit, errors[:, column] / unit
        rise, *bends = basis.fit(value, error, explained=self._explained(column, level))
        return value[0] + rise, *bends

    def _set(self, level: int) -> tuple[Floats, Floats, QuadraticBasis]:
        """Goal and properties (K, 1 + m) of a set, their uncertainties, and the basis."""
        if level not in self._sets:
            rows = self.rows(level)
            values, errors = tamed(self._points.take(rows), self._windows, *CURBED).columns
            self._sets[level] = values, errors, QuadraticBasis(self._x[rows])
        return self._sets[level]

    def _explained(self, column: int, level: int) -> bool:
        """Say whether a quadratic and the noise explain a quantity in a set."""
        if self._points.exact:
            return False
        values, errors, basis = self._set(level)
        return basis.explains(values[:, column], errors[:, column])

    def _slopes(self) -> Floats:
        """Give weights by the slopes at the neighbours."""
        steps = self._x[self.close] - self._x[self.close[0]]
        total = np.zeros(len(self.weights))
        for column, span in enumerate(self.ranges):
            if span:
                _, gradient, hessian = self.quadratic(column, span)
                total += ((gradient + steps @ hessian) ** 2).sum(axis=0)
        if not 0.0 < total.max() < np.inf:
            return self.weights
        return np.asarray(np.maximum(np.sqrt(total / total.max()), LEAST))
