"""Conditions -> the nearest that can be set, where variables take steps or values only."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .model import Problem
from .ties import refusal

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]

_NEAR = (0, 1)  # steps from the value below, tried first
_FARTHER = (-1, 0, 1, 2)
_MOST = 3  # variables whose farther values are tried in all combinations
_POOL = 300  # points of the box whose neighbours are known to be allowed


class Snap:
    """Moves conditions to values that can be set, inside all limits.

    Of the values around each condition the nearest allowed combination is taken; where limits leave
    none of these, the nearest of others known to be allowed. What no limit mentions is moved to its
    own nearest value.
    """

    def __init__(self, problem: Problem, grids: Mapping[str, Grid], tried: Columns) -> None:
        """Find out what is allowed around `tried`, conditions all over the box as columns."""
        self._problem = problem
        self._span = {name: np.ptp(v.range) for name, v in problem.variables.items()}
        named = {name for limit in problem.limits.values() for name in limit.expression.names}
        # on a rig everything that is set decides about the flows, which have limits of their own
        self._limited = [n for n in problem.variables if problem.rig is not None or n in named]
        self._alone = {name: grid for name, grid in grids.items() if name not in self._limited}
        self._grids = {name: grid for name, grid in grids.items() if name in self._limited}
        snapped, allowed = self._around(tried)
        self._pool = {name: column[allowed] for name, column in snapped.items()}
        if not allowed.any():
            told = ", ".join(grids)
            raise refusal(f"they allow none of the values that {told} can be set to")

    @classmethod
    def of(
        cls,
        problem: Problem,
        columns: Callable[[FloatArray], Columns],
        lower: FloatArray,
        upper: FloatArray,
    ) -> Self | None:
        """Make it for a box, unless every variable may take all of its range.

        Parameters
        ----------
        problem : Problem
        columns : callable
            Conditions, as columns, for points of the box (n, d).
        lower, upper : ndarray, shape (d,)
        """
        grids = {name: v.grid for name, v in problem.variables.items()}
        stepped = {name: grid for name, grid in grids.items() if grid is not None}
        if not stepped:
            return None
        u = np.random.default_rng(0).random((_POOL, len(lower)))
        return cls(problem, stepped, columns(lower + u * (upper - lower)))

    def nearest(self, columns: Columns) -> Columns:
        """Return columns (n,) of conditions that can be set."""
        snapped, allowed = self._around(columns)
        for i in np.flatnonzero(~allowed):
            distance = sum(
                ((self._pool[name] - columns[name][i]) / self._span[name]) ** 2
                for name in self._limited
            )
            best = int(np.argmin(distance))
            for name in self._limited:
                snapped[name][i] = self._pool[name][best]
        return snapped

    def _around(self, columns: Columns) -> tuple[Columns, NDArray[np.bool_]]:
        """Nearest allowed combination of the values around, and where there is one."""
        columns = columns | {n: _own(grid, columns[n]) for n, grid in self._alone.items()}
        snapped, allowed = self._of_steps(columns, _NEAR)
        if allowed.all() or len(self._grids) > _MOST:
            return snapped, allowed
        rest = np.flatnonzero(~allowed)
        farther, found = self._of_steps({n: c[rest] for n, c in columns.items()}, _FARTHER)
        for name in snapped:
            snapped[name][rest] = farther[name]
        allowed[rest] = found
        return snapped, allowed

    def _of_steps(
        self, columns: Columns, steps: Sequence[int]
    ) -> tuple[Columns, NDArray[np.bool_]]:
        below = {name: grid.below(columns[name]) for name, grid in self._grids.items()}
        best = {name: np.array(column) for name, column in columns.items()}
        least = np.full(len(next(iter(columns.values()))), np.inf)
        for offsets in itertools.product(steps, repeat=len(below)):
            tried = columns | {
                name: self._grids[name].value(k + offset)
                for (name, k), offset in zip(below.items(), offsets, strict=True)
            }
            distance = sum(
                ((tried[name] - columns[name]) / self._span[name]) ** 2 for name in below
            )
            better = (distance < least) & self._problem.allowed(tried)
            least = np.where(better, distance, least)
            for name in below:
                best[name] = np.where(better, tried[name], best[name])
        return best, np.isfinite(least)


def _own(grid: Grid, column: FloatArray) -> FloatArray:
    """Nearest values of one variable, the lower of two that are as near."""
    below = grid.below(column)
    low, high = grid.value(below), grid.value(below + 1)
    return np.where(column - low <= high - column, low, high)
