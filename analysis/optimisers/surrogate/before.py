"""An earlier campaign beside this one: what models know of it, and what becomes of what it said."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..table import Points
from .scales import Coordinates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Before:
    """Results of an earlier campaign that the models of this one know.

    Attributes
    ----------
    points : Points
        Experiments, each by itself.
    differs : bool
        Whether they may all be off by a shift and a tilt, which is found from both campaigns.
    """

    points: Points
    differs: bool

    def near(self, z: Floats, coordinates: Coordinates, count: int) -> Points:
        """Give so many of them, the nearest to a place (d,) of the cube."""
        away = ((coordinates.to_cube(self.points.x) - z) ** 2).sum(axis=1)
        return self.points.take(np.sort(np.argsort(away, kind="stable")[: max(count, 0)]))


@dataclass(frozen=True)
class Compared:
    """What was measured beside what is foretold, on smooth scales: n experiments, k scales.

    Attributes
    ----------
    values, foretold : (n, k) array
    doubt : (k, n, n) array
        Covariance of what is foretold.
    scatter : (n, k) array
        Standard deviation of a single experiment.
    level : (k, 2) array
        Mean and standard deviation of what is foretold all over the box.
    measured : callable
        Smooth values (..., k) back to measured quantities (..., q).
    free : (k,) array
        How many of the values that the models know tell how single ones scatter.
    """

    values: Floats
    foretold: Floats
    doubt: Floats
    scatter: Floats
    level: Floats
    measured: Callable[[Floats], Floats]
    free: Floats
