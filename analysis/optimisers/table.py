"""What was told: every row as it came, and the distinct points with repeats averaged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..written import LARGEST
from .arguments import numbers
from .failure import Works

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EXACT = float(np.sqrt(np.finfo(np.float64).eps))
"""Uncertainty of a value told without one (paper: sqrt(eps)), and the least there is, in units of
the value itself: so that its own units do not matter."""

AGREED = 2
"""Points of which all repeats are the same that show that nothing scatters."""


@dataclass(frozen=True)
class Points:
    """The N distinct points, or as many experiments.

    Attributes
    ----------
    x : (N, d) array
        Where the first row of each was told.
    f, df : (N,) array
        Goal and its uncertainty; NaN if every experiment there failed.
    F, dF : (N, m) array
        Windowed properties and their uncertainties, likewise.
    y, dy : (N, q) array
        Measured quantities and their uncertainties, likewise.
    place : (N,) int array
        Which distinct point each is; among `Table.rows_told` repeats have the same.
    age : (N,) array
        How many experiments ago it was measured, the mean of its repeats.
    exact : bool
        Whether no goal and no property has an uncertainty beyond the least there is.
    """

    x: Floats
    f: Floats
    df: Floats
    F: Floats
    dF: Floats  # noqa: N815 - the field's symbol
    y: Floats
    dy: Floats
    place: NDArray[np.intp]
    age: Floats
    exact: bool

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which points have values."""
        return np.isfinite(self.f)

    @property
    def columns(self) -> tuple[Floats, Floats]:
        """Goal and properties side by side (N, 1 + m), and their uncertainties."""
        return np.column_stack([self.f, self.F]), np.column_stack([self.df, self.dF])

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Points":
        """Give some of the points."""
        columns = (self.x, self.f, self.df, self.F, self.dF, self.y, self.dy, self.age)
        x, f, df, F, dF, y, dy, age = (column[rows] for column in columns)
        return Points(x, f, df, F, dF, y, dy, self.place[rows], age, self.exact)


class Table:
    """The rows told so far.

    Parameters
    ----------
    dim, windows, measured : int
        Number of variables, of windowed properties and of measured quantities.
    resolution : (d,) array
        Rows nearer than this in every coordinate are repeats of one point.
    """

    def __init__(self, dim: int, windows: int, measured: int, resolution: Floats) -> None:
        self._dim, self._windows, self._measured = dim, windows, measured
        self._resolution = resolution
        self.x: Floats = np.zeros((0, dim))
        self.values: Floats = np.zeros(
            (0, 1 + windows + measured)
        )  # f, each F, each y; NaN: failed
        self.errors: Floats = np.zeros_like(self.values)
        self._point = np.zeros(0, dtype=np.intp)  # the distinct point that each row repeats
        self._places: Floats = np.zeros((0, dim))

    def __len__(self) -> int:
        return len(self.x)

    def rows(
        self,
        x: ArrayLike,
        f: ArrayLike,
        F: ArrayLike | None,
        df: ArrayLike | None,
        dF: ArrayLike | None,
        y: ArrayLike | None = None,
        dy: ArrayLike | None = None,
    ) -> tuple[Floats, Floats, Floats]:
        """Check what is told and return x (k, d), values and errors (k, 1 + m + q)."""
        goal, points = np.atleast_1d(numbers("f", f)), numbers("x", x)
        if points.ndim == 1:
            points = points.reshape(-1, self._dim) if self._dim == 1 else points[None, :]
        count, m, q = goal.size, self._windows, self._measured
        _expect("x", points, (count, self._dim))
        _expect("f", goal, (count,))
        if not np.isfinite(points).all():
            raise ValueError(
                f"x has a value that is not finite in row {_first_bad(points)}; tell the "
                "conditions of every experiment, and NaN as f of one that failed"
            )
        if F is not None and not m and np.size(F):
            raise ValueError("F is told, but the optimiser was made without windows")
        if F is None and m and np.isfinite(goal).any():
            raise ValueError(f"F is missing: there are {m} windows, so tell F with {m} columns")
        if y is None and q and np.isfinite(goal).any():
            raise ValueError(
                f"y is missing: {q} quantities are measured, so tell y with {q} columns"
            )
        if y is not None and not q:
            raise ValueError("y is told, but the optimiser was made without measured quantities")
        values = np.column_stack(
            [goal, _matrix("F", F, count, m, np.nan), _matrix("y", y, count, q, np.nan)]
        )
        errors = np.column_stack(
            [
                _matrix("df", df, count, 1, 0.0, every=True),
                _matrix("dF", dF, count, m, 0.0, every=True),
                _matrix("dy", dy, count, q, 0.0, every=True),
            ]
        )
        if (errors < 0).any():
            row, column = np.argwhere(errors < 0)[0]
            raise ValueError(
                f"df, dF or dy is negative in row {row}, {errors[row, column]:g}; an uncertainty "
                "is above 0, or NaN if unknown"
            )
        # the goal alone is only compared, so that it may be of any size
        told = np.where(np.abs(values) > LARGEST, np.nan, values) if m + q else values
        failed = ~np.isfinite(told).all(axis=1)
        values[failed] = np.nan
        errors[failed] = 0.0
        errors[np.isnan(errors)] = 0.0
        if not np.isfinite(errors).all():
            raise ValueError(
                f"df, dF or dy is infinite in row {_first_bad(errors)}; tell NaN as f of an "
                "experiment that says nothing"
            )
        _refuse_huge(np.hstack([points, errors]))
        return points, values, errors

    @property
    def beside(self) -> Floats:
        """Rows that repeat a point a little beside its place, (R, d)."""
        elsewhere: Floats = self.x[(self.x != self._places[self._point]).any(axis=1)]
        return elsewhere

    def append(self, x: Floats, values: Floats, errors: Floats) -> None:
        """Add checked rows."""
        count, point = len(self._places), np.empty(len(x), dtype=np.intp)
        places = np.vstack([self._places, x])  # room for all
        for i, position in enumerate(x):
            near = np.abs(places[:count] - position) < self._resolution
            same = np.flatnonzero(near.all(axis=1))
            if not same.size:
                places[count] = position
                count += 1
            point[i] = same[0] if same.size else count - 1
        self._places, self._point = places[:count], np.r_[self._point, point]
        self.x = np.vstack([self.x, x])
        self.values = np.vstack([self.values, values])
        self.errors = np.vstack([self.errors, errors])

    @property
    def places(self) -> Floats:
        """Where the distinct points are, (N, d)."""
        return self._places

    @property
    def place(self) -> NDArray[np.intp]:
        """The distinct point that each row is a measurement of, (rows,)."""
        return self._point

    @property
    def failed(self) -> Bools:
        """Say of each distinct point whether every experiment there failed."""
        worked = self._point[np.isfinite(self.values[:, 0])]
        return np.asarray(np.bincount(worked, minlength=len(self._places)) == 0)

    @property
    def reproducible(self) -> bool:
        """Whether repeats have shown that nothing scatters."""
        worked = self._point[np.isfinite(self.values[:, 0])]
        repeated = np.count_nonzero(np.bincount(worked) > 1)
        return bool(repeated >= AGREED and self.points().exact)

    def experiments(self, without: Sequence[int] = ()) -> tuple[NDArray[np.intp], Points]:
        """Give the rows that did not fail, but for some, and each as a point of its own."""
        good = np.isfinite(self.values[:, 0])
        errors, exact = self._errors(good)
        good[list(without)] = False
        rows = np.flatnonzero(good)
        values, errors, place = self.values[rows], errors[rows], self._point[rows]
        first = 1 + self._windows
        return rows, Points(
            self._places[place],
            values[:, 0], errors[:, 0],
            values[:, 1:first], errors[:, 1:first],
            values[:, first:], errors[:, first:],
            place, np.asarray(len(self) - 1.0 - rows), exact,
        )  # fmt: skip

    def _errors(self, good: Bools) -> tuple[Floats, bool]:
        """Give the uncertainties of all rows, and whether none of goal and properties is told."""
        size = np.where(good[:, None], np.abs(self.values), 0.0)
        smallest = np.where(size > 0.0, size, np.inf).min(axis=0, initial=np.inf)
        # a value of 0 is as certain as the smallest of the others
        size = np.maximum(size, np.where(np.isfinite(smallest), smallest, 1.0))
        least = np.clip(EXACT * size, 1 / LARGEST, LARGEST)
        told = (self.errors > least)[good, : 1 + self._windows]
        return np.maximum(self.errors, least), not told.any()

    def points(self, without: Sequence[int] = ()) -> Points:
        """Average the repeats of each point, weighting with the uncertainties.

        Rows `without` are left out.

        The uncertainty of a mean follows from those of its values, or from their scatter if that is
        larger (Birge ratio), so that repeats tell the noise even where nobody stated it.
        """
        good = np.isfinite(self.values[:, 0])
        errors, exact = self._errors(good)
        good[list(without)] = False
        values, errors, point = self.values[good], errors[good], self._point[good]
        weight = errors**-2.0
        total = self._sum(weight, point)
        mean = self._sum(weight / total[point] * values, point)
        mean[total[:, 0] == 0.0] = np.nan  # all experiments there failed
        free = np.maximum(np.bincount(point, minlength=len(self._places)) - 1, 1)[:, None]
        with np.errstate(divide="ignore", over="ignore"):
            scatter = self._sum(weight * (values - mean[point]) ** 2, point)
            error = np.sqrt(np.maximum(scatter / free, 1.0) / total)
        # repeats that differ beyond all numbers are worthless, not infinite
        error = np.where(np.isfinite(mean), np.minimum(error, 1e150), np.nan)
        first = 1 + self._windows  # column of the first measured quantity
        exact = exact and not (scatter > free)[:, :first].any()
        ages = np.asarray(len(self) - 1.0 - np.flatnonzero(good))
        count = np.maximum(np.bincount(point, minlength=len(mean)), 1)
        return Points(
            self._places,
            mean[:, 0], error[:, 0],
            mean[:, 1:first], error[:, 1:first],
            mean[:, first:], error[:, first:],
            np.arange(len(mean)), self._sum(ages[:, None], point)[:, 0] / count, exact,
        )  # fmt: skip

    def _sum(self, rows: Floats, point: NDArray[np.intp]) -> Floats:
        """Add up rows point by point."""
        total = np.zeros((len(self._places), rows.shape[1]))
        np.add.at(total, point, rows)
        return total


def _expect(name: str, array: Floats, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, one row for each f, not {array.shape}")


def _refuse_huge(told: Floats) -> None:
    """Refuse what no model can square."""
    rows, columns = np.nonzero(np.abs(told) > LARGEST)
    if rows.size:
        raise ValueError(
            f"a value of {told[rows[0], columns[0]]:g} is told in row {rows[0]}; {LARGEST:g} is "
            "the most: tell it in other units, or NaN as f of an experiment that failed"
        )


def _matrix(
    name: str,
    given: ArrayLike | None,
    rows: int,
    columns: int,
    missing: float,
    every: bool = False,
) -> Floats:
    """Bring properties, or their uncertainties, into shape (rows, columns).

    With `every`, one number stands for all.
    """
    if given is None:
        return np.full((rows, columns), missing)
    array = numbers(name, given)
    if every and array.ndim == 0:
        array = np.full((rows, columns), array)
    elif columns == array.size == 0:
        array = np.full((rows, columns), missing)
    elif array.ndim == 1:
        # one column may come as a vector of rows, one row as a vector of columns
        array = array[:, None] if columns == 1 else array[None, :]
    elif array.ndim == 0:
        array = array[None, None]
    _expect(name, array, (rows, columns))
    return array


def _first_bad(array: Floats) -> int:
    """Index of the first row with a value that is not finite."""
    return int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])


LATEST = 300
"""Points that tell where experiments fail, at most."""

SANE = 0.5
"""Probability to work from which on a place is not kept away from."""

SLACK = 1.0 + 1e-9  # so that rounding never brings two points within the resolution


@dataclass(frozen=True)
class Known:
    """All positions taken so far.

    Attributes
    ----------
    x : (N, d) array
        Distinct positions; those told from outside the box may lie beyond 0 or 1.
    value, error : (N,) array
        What is minimised and its uncertainty; NaN where there is none (failed or pending).
    failed : (N,) bool array
    beside : (R, d) array
        Positions of repeats that are not quite those of x.
    seen : callable, optional
        Positions (n, d) to where models see them, where that is elsewhere: choices.
    """

    x: Floats
    value: Floats
    error: Floats
    failed: Bools
    beside: Floats
    seen: Callable[[Floats], Floats] | None = None

    @property
    def taken(self) -> Floats:
        """All that a new place must be away from."""
        return np.vstack([self.x, self.beside])

    @cached_property
    def _works(self) -> Works:
        tried = np.flatnonzero(np.isfinite(self.value) | self.failed)[-LATEST:]
        return Works(self._seen(self.x[tried]), self.failed[tried])

    def _seen(self, y: Floats) -> Floats:
        return y if self.seen is None else self.seen(y)

    def works(self, y: Floats) -> Floats:
        """Give the probability of each row of y (M, d) to be an experiment that does not fail."""
        return self._works(self._seen(y)) if self.failed.any() else np.ones(len(y))

    def sane(self, y: Floats) -> Bools:
        """Say for each row of y (M, d) whether it is more likely to work than to fail."""
        return np.asarray(self.works(y) >= SANE)
