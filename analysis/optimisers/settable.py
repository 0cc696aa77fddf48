"""What of a box can be asked for, where that is not all of it: steps, values, choices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

MOVED, SWITCHED = 0.7, 0.3
"""Probability that a coordinate moves from one candidate to the next, and that a choice changes."""


class Evenly(Protocol):
    """The map between the box and the unit box in which candidates are spread evenly."""

    def evenly(self, u: Floats) -> Floats:
        """Map points (n, d) of the unit box to the user's."""
        ...

    def even(self, x: Floats) -> Floats:
        """Map them back."""
        ...


@dataclass(frozen=True)
class Settable:
    """The points of a box that can be set.

    Attributes
    ----------
    settle : callable
        Points (n, d) of the box to the nearest that can be set.
    apart : (d,) array
        How far the values of each coordinate are apart, as a share of the box.
    choices : mapping of int to (n, k) array
        The coordinates that are numbers of choices, from 0, and where models see each choice.
    every : (N, d) array, optional
        All points there are, if they are few enough to look at each.
    shared : tuple of int
        Coordinates that have one value for all of a batch.
    held : mapping of int to float
        Coordinates that have this value, for now.
    """

    settle: Callable[[Floats], Floats]
    apart: Floats
    choices: Mapping[int, Floats] = field(default_factory=dict)
    every: Floats | None = None
    shared: tuple[int, ...] = ()
    held: Mapping[int, float] = field(default_factory=dict)

    def holding(self, x: Floats) -> Self:
        """Give the points that have what is shared in common with x (d,)."""
        return replace(self, held={i: float(x[i]) for i in self.shared})

    def settled(self, x: Floats) -> Floats:
        """Give the nearest points that can be set, each once, in the order of x (n, d)."""
        x = x.copy()
        for i, value in self.held.items():
            x[:, i] = value
        x = self._kept(self.settle(x))
        return np.asarray(x[np.sort(np.unique(x, axis=0, return_index=True)[1])])

    def spread(self, count: int, evenly: Evenly, rng: np.random.Generator) -> Floats:
        """Give all points there are, or up to so many spread at random."""
        if self.every is not None:
            return self._kept(self.every)
        return self.settled(evenly.evenly(rng.random((count, self.apart.size))))

    def near(self, x: Floats, width: float, evenly: Evenly, rng: np.random.Generator) -> Floats:
        """Give a point near each x (n, d), each once.

        Parameters
        ----------
        x : (n, d) array
        width : float
            How far away, in the unit box; farther where the next value is farther.
        evenly : Evenly
        rng : Generator
        """
        u = evenly.even(x)
        steps = np.maximum(width, self.apart) * rng.standard_normal(u.shape)
        moved = u + steps * (rng.random(u.shape) < MOVED)
        for i, placed in self.choices.items():
            other = (rng.integers(len(placed), size=len(u)) + 0.5) / len(placed)
            moved[:, i] = np.where(rng.random(len(u)) < SWITCHED, other, u[:, i])
        return self.settled(evenly.evenly(np.clip(moved, 0.0, 1.0)))

    def left(self, taken: Floats, resolution: Floats) -> Floats:
        """Give what of `every` is none of the points (N, d) taken; raise if that has no end."""
        assert self.every is not None
        return free(self._kept(self.every), taken, resolution)

    def _kept(self, x: Floats) -> Floats:
        """Give those of points (n, d) that have what is held."""
        for i, value in self.held.items():
            x = x[np.isclose(x[:, i], value, rtol=1e-9, atol=1e-12)]
        return x


def free(x: Floats, taken: Floats, resolution: Floats) -> Floats:
    """Give those of points (n, d) that are none of others (N, d)."""
    if not len(taken) or not len(x):
        return x
    gap = np.asarray(cKDTree(taken / resolution).query(x / resolution, p=np.inf)[0])
    return x[gap >= 1.0]
