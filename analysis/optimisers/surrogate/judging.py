"""What models that judge points already measured have in common."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .expected import Expected
from .outcomes import Outcomes

Floats = NDArray[np.float64]

LIKELY = 0.5
"""Probability to be inside all windows from which on a point counts as feasible."""

DOUBT = 0.5
"""What a point outside the windows costs when one is handed over, in scatters of a repeat."""


class Judging(ABC):
    """A model that knows what points already measured would give.

    Attributes
    ----------
    rows : (K,) int array
        These points.
    composed : bool
        Whether goal and properties follow from what is modelled.
    """

    rows: NDArray[np.intp]
    composed: bool

    @cached_property
    @abstractmethod
    def judged(self) -> Outcomes:
        """Outcomes at its points, for choosing the best of them."""

    @abstractmethod
    def scatter(self, k: int) -> Floats:
        """Give how far repeats of its k-th point scatter in goal and properties, (1 + m,)."""

    @abstractmethod
    def expected(self, k: int) -> Expected:
        """Give what a repeat of its k-th point is expected to give."""

    @cached_property
    def losses(self) -> Floats:
        """The goal of each point, plus what it costs to be outside, in each function: (K, S)."""
        goal, outside = self.judged.f, self.judged.violation > 0
        inside = self.judged.inside >= LIKELY
        best = int(np.where(inside, goal.mean(axis=1), np.inf).argmin())
        return np.asarray(goal + DOUBT * float(self.scatter(best)[0]) * outside)

    def merits(self, scale: tuple[float, float] | None) -> Floats:
        """Give the expected merit of each point, (K,), as `Outcomes.merit` does."""
        if scale not in self._merits:
            self._merits[scale] = self.judged.merit(scale)
        return self._merits[scale]

    @cached_property
    def _merits(self) -> dict[tuple[float, float] | None, Floats]:
        return {}

    @cached_property
    def mean_losses(self) -> Floats:
        """Their means over the functions, (K,)."""
        return np.asarray(self.losses.mean(axis=1))
