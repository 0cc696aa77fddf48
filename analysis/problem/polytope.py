"""Convex polytopes by their inequalities, and the bounds of each unknown given the ones before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_ZERO = 1e-13  # relative size below which a coefficient is rounding
_MOST_ROWS = 64  # bits in an origin


class EmptyError(Exception):
    """No point satisfies all rows."""


@dataclass(frozen=True)
class Level:
    """Rows that bound one unknown, given those before it in the chain."""

    before: FloatArray  # (r, k)
    slope: FloatArray  # (r,), none of them 0
    b: FloatArray  # (r,)

    def given(self, earlier: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bound, shape (n,), for earlier unknowns of shape (n, k)."""
        edge = (self.b - earlier @ self.before.T) / self.slope
        low = edge[:, self.slope < 0].max(axis=1, initial=-np.inf)
        high = edge[:, self.slope > 0].min(axis=1, initial=np.inf)
        return low, np.maximum(low, high)


@dataclass(frozen=True)
class Polytope:
    """All z with ``A @ z <= b``, rows scaled to a largest coefficient of 1."""

    A: FloatArray
    b: FloatArray
    origin: NDArray[np.uint64]  # as bits: the first rows that each row is a combination of

    @classmethod
    def of(cls, A: FloatArray, b: FloatArray) -> "Polytope":
        """Scale the rows of A, shape (r, k), and b, shape (r,).

        Raises
        ------
        EmptyError
            If a row without unknowns cannot hold.
        ValueError
            If there are too many rows.
        """
        size = np.abs(A).max(axis=1)
        keep = size > _ZERO * np.maximum(size, np.abs(b))
        if np.any(b[~keep] < 0):
            raise EmptyError
        A, b = A[keep] / size[keep, None], b[keep] / size[keep]
        if len(b) > _MOST_ROWS:
            raise ValueError(f"{len(b)} limits and bounds on one group; at most {_MOST_ROWS}")
        return cls(A, b, np.uint64(1) << np.arange(len(b), dtype=np.uint64))

    def also(self, A: FloatArray, b: FloatArray) -> "Polytope":
        """Add rows."""
        return Polytope.of(np.concatenate([self.A, A]), np.concatenate([self.b, b]))

    def chain(self, order: Sequence[int]) -> list[Level]:
        """Bounds of each unknown given those before it in `order`; raise `EmptyError` if none."""
        levels, rest = [], self
        for eliminated, j in enumerate(reversed(order), start=1):
            tied = np.abs(rest.A[:, j]) > _ZERO
            before = list(order)[: len(order) - eliminated]
            levels.append(Level(rest.A[tied][:, before], rest.A[tied, j], rest.b[tied]))
            rest = rest.without(j, eliminated)
        return levels[::-1]

    def without(self, j: int, eliminated: int) -> "Polytope":
        """Fourier-Motzkin: the projection along unknown j, the `eliminated`-th to go.

        A row made of more than `eliminated` + 1 of the first rows is redundant (Kohler 1967).
        """
        slope = self.A[:, j]
        kept = np.abs(slope) <= _ZERO
        up, down = np.flatnonzero(slope > _ZERO), np.flatnonzero(slope < -_ZERO)
        made_of = self.origin[up, None] | self.origin[None, down]
        i, k = np.nonzero(np.bitwise_count(made_of) <= eliminated + 1)
        made_of, up, down = made_of[i, k], up[i], down[k]
        A = self.A[down] * slope[up, None] - self.A[up] * slope[down, None]
        b = self.b[down] * slope[up] - self.b[up] * slope[down]
        A[:, j] = 0.0
        size = np.abs(A).max(axis=1)
        told = size > _ZERO
        if np.any(b[~told] < -_ZERO):
            raise EmptyError
        return Polytope(
            np.concatenate([self.A[kept], A[told] / size[told, None]]),
            np.concatenate([self.b[kept], b[told] / size[told]]),
            np.concatenate([self.origin[kept], made_of[told]]),
        )
