"""The user's variables with their hard limits <-> the box that an optimiser searches.

Limits that are ratios of linear expressions, such as a flow ratio ``b / a`` or a residence time
``volume / (a + b)``, tie streams together.  In the coordinates *total* ``Q = a + b + ...`` and
*fractions* ``w_i = F_i / Q`` such limits are linear in ``(w, 1/Q)``, so the allowed region is a
convex polytope there, and the interval of each coordinate, given the ones before it, follows
exactly by Fourier-Motzkin elimination.  Stretching each such interval to the coordinate's own
overall range gives a box: every point of it is allowed, and every allowed point is in it.

For two streams with limits on residence time and flow ratio alone this is the map of Walker et al.
2017 (a prism with a trapezoidal base becomes total flow x fraction x temperature): the intervals do
not depend on each other and nothing is stretched.

A point that rounding alone puts outside a limit is moved towards the middle of the region by the
least power of ten, from 1e-15 of the distance, that brings it inside as the limit's own expression
is computed: what the box yields satisfies every limit in floating point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .expression import ExpressionError
from .model import Problem, ProblemError
from .polytope import EmptyError, Polytope

FloatArray = NDArray[np.float64]

_SCALES = {"degC": "celsius", "K": "reciprocal"}
"""The scale of a variable with this unit; others are taken as they are."""

_ROOM = 1e-9  # relative width below which a coordinate has no room to search


class Space:
    """The map between conditions and the optimiser's box.

    Coordinates are, for each group of streams that limits tie together, their total and the
    fractions of all but the first; then the other variables as they are.

    Attributes
    ----------
    names : tuple of str, length d
        The coordinates, written as expressions in the variables.
    units : tuple of str, length d
        Their units; "" for a fraction.
    lower, upper : ndarray, shape (d,)
        The box [`units`].
    scales : tuple of str, length d
        The scale on which chemistry is smooth in each coordinate, as `Snobfit` names them: totals
        (so residence times) by their logarithm, fractions by their log-ratio, temperatures by
        their reciprocal.
    resolution : ndarray, shape (d,), or None
        Below this distance in every coordinate two points are the same experiment.  None if the
        problem states no resolution.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        ties = _ties(problem)
        self._groups = _groups(problem, ties)
        grouped = {name for group in self._groups for name in group.streams}
        self._free = [name for name in problem.variables if name not in grouped]
        self._limited = sorted({name for tie in ties for name in tie.names})
        bounds = [bound for group in self._groups for bound in group.bounds]
        bounds += [_free_bounds(name, problem, ties) for name in self._free]
        self.lower, self.upper = np.array(bounds, dtype=float).T
        self.names = (*(name for group in self._groups for name in group.names), *self._free)
        self.units = (
            *(unit for group in self._groups for unit in group.units(problem)),
            *(problem.variables[name].unit for name in self._free),
        )
        for name, low, high in zip(self.names, self.lower, self.upper, strict=True):
            if high - low <= _ROOM * max(abs(low), abs(high)):
                raise _refusal(f"they leave no room: {name} can only be {low:.6g}")
        self.scales = self._scales()
        self.resolution = self._resolution()
        self._middle = self._conditions((self.lower[None] + self.upper[None]) / 2)

    @classmethod
    def of(cls, problem: Problem) -> "Space":
        """Build the space of a problem.

        Raises
        ------
        ProblemError
            If a limit is not of a form that maps exactly onto a box, or if the limits together
            leave nothing to search.
        """
        return cls(problem)

    @property
    def dim(self) -> int:
        """Number of coordinates; equal to the number of variables."""
        return len(self.names)

    def to_conditions(self, x: ArrayLike) -> list[dict[str, float]]:
        """Return the conditions that points of the box stand for.

        Parameters
        ----------
        x : array_like, shape (n, d)
            Points in the coordinates `names`.

        Returns
        -------
        list of dict, length n
            Variable to value, inside all ranges and limits.

        Raises
        ------
        ValueError
            If a point is outside the box by more than rounding.
        """
        points = np.asarray(x, dtype=float)
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise ValueError(f"x must have shape (n, {self.dim}), not {points.shape}")
        slack = _ROOM * (self.upper - self.lower)
        for row in points:
            if not np.all((row >= self.lower - slack) & (row <= self.upper + slack)):
                raise ValueError(f"{row.tolist()} is outside the box of {', '.join(self.names)}")
        columns = self._inside(self._conditions(np.clip(points, self.lower, self.upper)))
        return [
            {name: float(columns[name][i]) for name in self._problem.variables}
            for i in range(len(points))
        ]

    def to_box(self, conditions: Mapping[str, float]) -> FloatArray:
        """Return the point of the box that stands for these conditions.

        Parameters
        ----------
        conditions : mapping of str to float
            A value for every variable.

        Returns
        -------
        ndarray, shape (d,)

        Raises
        ------
        ValueError
            If the conditions are outside a range or limit by more than rounding.
        """
        if (reason := self._problem.outside_limits(conditions)) is not None:
            raise ValueError(reason)
        parts = [
            group.to_box(np.array([conditions[name] for name in group.streams], dtype=float))
            for group in self._groups
        ]
        parts.append(np.array([conditions[name] for name in self._free], dtype=float))
        return np.clip(np.concatenate(parts), self.lower, self.upper)

    def _scales(self) -> tuple[str, ...]:
        """Scale of each coordinate; linear where another would reach a pole."""
        streams: list[str] = []
        for group in self._groups:
            streams += ["log", *["logit"] * (len(group.streams) - 1)]
        wanted = streams + [
            _SCALES.get(self._problem.variables[name].unit, "linear") for name in self._free
        ]
        regular = {
            "linear": np.isfinite(self.lower),
            "log": self.lower > 0,
            "logit": (self.lower > 0) & (self.upper < 1),
            "reciprocal": self.lower > 0,
            "celsius": self.lower > -273.15,
        }
        return tuple(s if regular[s][i] else "linear" for i, s in enumerate(wanted))

    def _resolution(self) -> FloatArray | None:
        """Resolutions of the variables in the box's coordinates."""
        stated = {name: v.resolution for name, v in self._problem.variables.items()}
        if all(value is None for value in stated.values()):
            return None
        fine = {
            # without one, SNOBFIT's usual share of the range
            name: stated[name] or 1e-5 * (variable.range[1] - variable.range[0])
            for name, variable in self._problem.variables.items()
        }
        parts: list[float] = []
        for group in self._groups:
            streams = [fine[name] for name in group.streams]
            # at the largest total, where a change of fraction moves a stream most
            parts += [min(streams), *(value / group.bounds[0][1] for value in streams[1:])]
        return np.array(parts + [fine[name] for name in self._free])

    def _conditions(self, points: FloatArray) -> dict[str, FloatArray]:
        """Columns of conditions for points of the box, exact but for rounding."""
        columns: dict[str, FloatArray] = {}
        start = 0
        for group in self._groups:
            stop = start + len(group.streams)
            columns |= zip(group.streams, group.to_flows(points[:, start:stop]).T, strict=True)
            start = stop
        columns |= zip(self._free, points[:, start:].T, strict=True)
        for name, variable in self._problem.variables.items():
            columns[name] = np.clip(columns[name], *variable.range)
        return columns

    def _inside(self, columns: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Undo what rounding did: move the points that it put outside towards the middle."""
        moved = columns
        for power in range(-15, -8):
            outside = self._outside(moved)
            if not outside.any():
                return moved
            step = np.where(outside, 10.0**power, 0.0)
            for name in self._limited:
                column = columns[name]
                shifted = column + step * (self._middle[name] - column)
                moved = moved | {name: np.where(outside, shifted, moved[name])}
        raise AssertionError("the box reaches outside the limits by more than rounding")

    def _outside(self, columns: Mapping[str, FloatArray]) -> NDArray[np.bool_]:
        """Which points any limit excludes, to the last bit."""
        fixed = {name: np.asarray(value) for name, value in self._problem.fixed.items()}
        outside = np.zeros(len(next(iter(columns.values()))), dtype=bool)
        for limit in self._problem.limits.values():
            value = limit.expression({**fixed, **columns})
            outside |= np.logical_not((limit.lower <= value) & (value <= limit.upper))
        return outside


class _Streams:
    """Variables tied by limits, as their total and the fractions of all but the first."""

    def __init__(self, streams: Sequence[str], ranges: FloatArray, rows: FloatArray) -> None:
        """Find the polytope.

        `ranges` has shape (m, 2); each of the `rows`, shape (r, m + 1), says
        ``row[:m] @ flows + row[m] <= 0``.
        """
        m = len(streams)
        self.streams = list(streams)
        total = " + ".join(streams)
        self.names = [total, *(f"{name} / ({total})" for name in streams[1:])]
        identity = np.eye(m)
        own = [
            np.column_stack([identity, -ranges[:, 1]]),
            np.column_stack([-identity, ranges[:, 0]]),
        ]
        # unknowns: m - 1 fractions, then scale / total, which is of order 1
        self._scale = ranges[:, 1].sum()
        self._polytope = Polytope.of(*self._homogeneous(np.concatenate([*own, rows])))
        self._chain = self._polytope.chain(range(m))
        spans = [self._polytope.chain([j, *(i for i in range(m) if i != j)])[0] for j in range(m)]
        nothing = np.zeros((1, 0))
        fractions = [tuple(float(edge[0]) for edge in span.given(nothing)) for span in spans]
        nearest, farthest = fractions.pop()
        if not np.isfinite(farthest):
            raise _refusal(f"{total} can be 0, where there is nothing to divide: give it a limit")
        self.bounds = [(self._scale / farthest, self._scale / nearest), *fractions]

    def units(self, problem: Problem) -> list[str]:
        """Give the unit of the total and of each fraction."""
        return [problem.variables[self.streams[0]].unit, *("" for _ in self.streams[1:])]

    def allows(self, row: FloatArray) -> bool:
        """Whether some point has ``row[:m] @ flows + row[m] <= 0``."""
        A, b = self._homogeneous(row[None])
        try:
            self._polytope.also(A, b).chain(range(len(self.streams)))
        except EmptyError:
            return False
        return True

    def to_flows(self, points: FloatArray) -> FloatArray:
        """Flows of box points, both of shape (n, m)."""
        shares = (points - self._floor) / self._width
        fractions = np.empty((len(points), 0))
        for level, share in zip(self._chain[:-1], shares[:, 1:].T, strict=True):
            low, high = level.given(fractions)
            fractions = np.column_stack([fractions, low + share * (high - low)])
        low, high = self._totals(fractions)
        total = low + shares[:, 0] * (high - low)
        first = 1 - fractions.sum(axis=1, keepdims=True)
        flows: FloatArray = np.column_stack([first, fractions]) * total[:, None]
        return flows

    def to_box(self, flows: FloatArray) -> FloatArray:
        """Box point of flows, both of shape (m,)."""
        total = flows.sum()
        fractions = flows[None, 1:] / total
        intervals = [level.given(fractions[:, :j]) for j, level in enumerate(self._chain[:-1])]
        low, high = np.array([self._totals(fractions), *intervals])[:, :, 0].T
        wide = high - low > _ROOM * self._width
        # on an edge where the interval shrinks to a point, all of the box's edge means that point
        share = np.divide(
            np.array([total, *fractions[0]]) - low,
            high - low,
            out=np.full(len(low), 0.5),
            where=wide,
        )
        point: FloatArray = self._floor + np.clip(share, 0, 1) * self._width
        return point

    def _totals(self, fractions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest total for given fractions (n, m - 1)."""
        nearest, farthest = self._chain[-1].given(fractions)
        return self._scale / farthest, self._scale / nearest

    def _homogeneous(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Divide rows in the flows by the total: ``A @ (fractions, scale / total) <= b``."""
        first, others, constant = rows[:, :1], rows[:, 1:-1], rows[:, -1:]
        return np.column_stack([others - first, constant / self._scale]), -first[:, 0]

    @property
    def _floor(self) -> FloatArray:
        return np.array(self.bounds)[:, 0]

    @property
    def _width(self) -> FloatArray:
        return np.array(self.bounds)[:, 1] - self._floor


@dataclass(frozen=True)
class _Tie:
    """One limit as rows ``row[:k] @ x + row[k] <= 0``, valid where its denominator is positive."""

    limit: str
    of: str
    names: tuple[str, ...]  # the variables that it depends on
    rows: FloatArray  # (r, k + 1)
    den: FloatArray  # (k + 1,)


def _zero_refusal(tie: _Tie) -> ProblemError:
    return ProblemError(
        [
            f"limits.{tie.limit}: {tie.of!r} divides by 0 at conditions that nothing else "
            "excludes; give the range of what it divides by a lower bound above 0"
        ]
    )


def _refusal(reason: str) -> ProblemError:
    return ProblemError([f"limits: {reason}"])


def _ties(problem: Problem) -> list[_Tie]:
    """Write every limit as linear rows, or refuse it."""
    names = list(problem.variables)
    ties = []
    for key, limit in problem.limits.items():
        try:
            num, den = limit.expression.linear_ratio(names, problem.fixed)
        except ExpressionError as error:
            raise ProblemError([f"limits.{key}: {error}; other forms do not map exactly"]) from None
        num, den = _positive(num, den, problem, f"limits.{key}: {limit.of!r}")
        rows = [num - limit.upper * den] if limit.within[1] is not None else []
        rows += [limit.lower * den - num] if limit.within[0] is not None else []
        used = tuple(name for i, name in enumerate(names) if num[i] or den[i])
        ties.append(_Tie(key, limit.of, used, np.array(rows), den))
    return ties


def _positive(
    num: FloatArray, den: FloatArray, problem: Problem, place: str
) -> tuple[FloatArray, FloatArray]:
    """Return numerator and denominator with the denominator's sign made positive."""
    ranges = np.array([variable.range for variable in problem.variables.values()])
    ends = den[:-1, None] * ranges
    low, high = ends.min(axis=1).sum() + den[-1], ends.max(axis=1).sum() + den[-1]
    if low >= 0 < high:
        return num, den
    if high <= 0 > low:
        return -num, -den
    raise ProblemError([f"{place} divides by something that passes through 0 within the ranges"])


def _groups(problem: Problem, ties: Sequence[_Tie]) -> list[_Streams]:
    """Gather the variables that limits tie together, directly or through others."""
    clusters: list[set[str]] = []
    for tie in ties:
        if len(tie.names) > 1:
            touching = [cluster for cluster in clusters if cluster & set(tie.names)]
            clusters = [cluster for cluster in clusters if cluster not in touching]
            clusters.append(set(tie.names).union(*touching))
    order = list(problem.variables)
    streams = [sorted(cluster, key=order.index) for cluster in clusters]
    return [
        _group(problem, ties, names) for names in sorted(streams, key=lambda s: order.index(s[0]))
    ]


def _group(problem: Problem, ties: Sequence[_Tie], streams: Sequence[str]) -> _Streams:
    """Build one group of streams from the limits on it, or refuse what cannot be mapped."""
    order = list(problem.variables)
    columns = [*(order.index(name) for name in streams), len(order)]
    mine = [tie for tie in ties if set(tie.names) & set(streams)]
    for tie in mine:
        if len({problem.variables[name].unit for name in tie.names}) > 1:
            raise ProblemError(
                [f"limits.{tie.limit}: {tie.of!r} ties quantities of different units together"]
            )
    ranges = np.array([problem.variables[name].range for name in streams])
    for name, (lower, _) in zip(streams, ranges, strict=True):
        if lower < 0:
            raise _refusal(f"{name} can be negative, and so cannot be part of a total or ratio")
    try:
        group = _Streams(streams, ranges, np.concatenate([tie.rows for tie in mine])[:, columns])
    except EmptyError:
        keys = ", ".join(tie.limit for tie in mine)
        raise _refusal(f"nothing can satisfy all of {keys} with the ranges given") from None
    for tie in mine:
        if group.allows(tie.den[columns]):
            raise _zero_refusal(tie)
    return group


def _free_bounds(name: str, problem: Problem, ties: Sequence[_Tie]) -> tuple[float, float]:
    """Range of a variable that is tied to no other, cut by the limits on it alone."""
    column = list(problem.variables).index(name)
    lower, upper = problem.variables[name].range
    for tie in ties:
        if tie.names != (name,):
            continue
        for row in tie.rows:
            slope, constant = row[column], row[-1]
            if slope > 0:
                upper = min(upper, -constant / slope)
            elif slope < 0:
                lower = max(lower, -constant / slope)
        if lower > upper:
            raise _refusal(f"nothing can satisfy {tie.limit} and what else limits {name}")
        if tie.den[-1] + tie.den[column] * (lower if tie.den[column] > 0 else upper) <= 0:
            raise _zero_refusal(tie)
    return lower, upper
