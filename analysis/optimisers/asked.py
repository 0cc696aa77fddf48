"""The points that an optimiser has asked for: which of them are outstanding, and why each was."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import numbers, one

Floats = NDArray[np.float64]
_Why = TypeVar("_Why")
"""What a reason is: a sentence, or a class of points with a note."""


class Asked(Generic[_Why]):
    """Points asked for, in the user's units, in their order.

    Parameters
    ----------
    resolution : (d,) array
        Two points nearer than this in every variable are one point.
    x : (k, d) array, optional
        Those asked for before, each for the reason in `whys`.
    whys : sequence, optional
    pending : sequence of int, optional
        The rows of `x` that are outstanding.
    """

    def __init__(
        self,
        resolution: Floats,
        x: Floats | None = None,
        whys: Sequence[_Why] = (),
        pending: Sequence[int] = (),
    ) -> None:
        self._resolution = resolution
        self.x: Floats = np.zeros((0, resolution.size)) if x is None else x
        self.whys = list(whys)
        self.pending = list(pending)

    @property
    def outstanding(self) -> Floats:
        """Points without a result, (n, d)."""
        return np.asarray(self.x[self.pending])

    def note(self, x: ArrayLike, whys: Sequence[_Why]) -> None:
        """Count points (n, d) as asked for, each for its reason.

        Raises
        ------
        ValueError
            If there are more or fewer reasons than points.
        """
        points = numbers("x", x).reshape(-1, self._resolution.size)
        if len(points) != len(whys):
            raise ValueError(f"{len(points)} points have {len(whys)} reasons: give one for each")
        self.pending += range(len(self.whys), len(self.whys) + len(points))
        self.x = np.vstack([self.x, points])
        self.whys += whys

    def expect(self, x: ArrayLike, why: _Why) -> None:
        """Count points (n, d) that others have chosen, all for one reason."""
        points = numbers("x", x).reshape(-1, self._resolution.size)
        self.note(points, [why] * len(points))

    def withdraw(self, x: ArrayLike) -> None:
        """Take back the outstanding point that is nearest to x (d,), if they are one point."""
        gap = np.abs(self.outstanding - one(x, self._resolution.size)) / self._resolution
        if len(gap) and (nearest := gap.max(axis=1)).min() < 1.0:
            del self.pending[int(nearest.argmin())]

    def why(self, x: ArrayLike) -> _Why | None:
        """Give the reason for which a point (d,) was asked for last, None if it never was."""
        gap = np.abs(self.x - one(x, self._resolution.size))
        rows = np.flatnonzero((gap < self._resolution).all(axis=1))
        return self.whys[rows[-1]] if rows.size else None
