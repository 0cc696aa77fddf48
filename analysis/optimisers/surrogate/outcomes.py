"""What functions drawn from the posterior give at points: goals, and how far outside windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...problem.merit import Windows, f_star

Floats = NDArray[np.float64]

LARGE = 30000
"""Numbers of an array at most: larger ones go back to the system at once, and to have them again
and again takes longer than what is done with them (`reactune.plans.memory`)."""


def slabs(count: int, width: int) -> Iterator[slice]:
    """Part so many rows of this width so that no part is large."""
    size = max(1, LARGE // width)
    return (slice(i, i + size) for i in range(0, max(count, 1), size))


@dataclass(frozen=True)
class Outcomes:
    """Goal and properties of M points in S functions drawn from the posterior.

    Attributes
    ----------
    f : (M, S) array
    violation : (M, S) array
        Root of the sum of squared violations, in units of the tolerances; 0 inside all windows.
    g : (M, S) array, optional
        The second goal.
    """

    f: Floats
    violation: Floats
    g: Floats | None = None

    @classmethod
    def of(cls, f: Floats, F: Floats, windows: Windows, goals: int = 1) -> Self:
        """Make them of goals (M, S) and properties (M, S, m), the last one another goal if two."""
        outside = windows.violation(F)
        violation = np.sqrt(np.einsum("...i,...i->...", outside, outside))
        if not (known := np.isfinite(violation + f)).all():
            violation[~known] = 1e3
        return cls(_finite(f), violation, _finite(F[..., -1]) if goals > 1 else None)

    @classmethod
    def all_of(cls, parts: Sequence[Self]) -> Self:
        """Put the outcomes of several sets of points below one another."""
        if len(parts) == 1:
            return parts[0]
        g = [part.g for part in parts if part.g is not None]
        f, violation = (
            np.vstack(side) for side in zip(*((p.f, p.violation) for p in parts), strict=True)
        )
        return cls(f, violation, np.vstack(g) if g else None)

    def merit(self, scale: tuple[float, float] | None) -> Floats:
        """Give the expected merit of each point, (M,): the penalty alone without f0 and delta."""
        return np.asarray(self.merits(scale).mean(axis=1))

    def merits(self, scale: tuple[float, float] | None) -> Floats:
        """Give the merit of each point in each function, (M, S), as `merit` does."""
        penalty = 2 * self.violation**2 / (1 + self.violation**2)
        goal = f_star(self.f, *scale) if scale else 0.0
        return np.asarray(goal + penalty)

    @property
    def middle(self) -> Floats:
        """Medians of both goals over the functions, (M, 2)."""
        assert self.g is not None
        return np.column_stack([np.median(self.f, axis=1), np.median(self.g, axis=1)])

    @cached_property
    def inside(self) -> Floats:
        """Probability of each point to be inside all windows, (M,)."""
        return np.asarray((self.violation == 0).mean(axis=1))


def _finite(goals: Floats) -> Floats:
    finite = np.isfinite(goals)
    return goals if finite.all() else np.where(finite, goals, 1e300)
