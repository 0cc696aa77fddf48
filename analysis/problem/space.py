"""The user's variables with their hard limits <-> the box that an optimiser searches.

Where variables are not the rig's setpoints, the box is that of the flows that follow from them.

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

import math
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .choices import positions
from .model import Problem, ProblemError
from .snap import Snap
from .tables import Setting
from .ties import ROOM, free_bounds, groups_of, refusal, ties_of
from .units import same
from .variables import Variable

FloatArray = NDArray[np.float64]

_SCALES = {"degC": "celsius", "K": "reciprocal"}
"""The scale of a variable with this unit; others are taken as they are."""

FINE = 200
"""Values from which on a variable is searched like a range, and rounded to one of them."""

MANY = 2000
"""Points that are looked at one by one, at most."""


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
    choices : dict of int to ndarray, shape (n, k)
        The coordinates that are numbers of choices, from 0, and where models see each choice.
    shared : tuple of int
        The coordinates that have one value for all of a batch.
    mixed : bool
        Whether there is something to choose or share, or a variable has so few values that a search
        has to be among these.
    """

    def __init__(self, problem: Problem) -> None:
        _check_searchable(problem)
        self._problem, self._region = problem, problem.region
        ties = ties_of(self._region)
        self._groups = groups_of(self._region, ties)
        grouped = {name for group in self._groups for name in group.streams}
        self._free = [name for name in self._region.variables if name not in grouped]
        self._limited = sorted({name for tie in ties for name in tie.names})
        bounds = [bound for group in self._groups for bound in group.bounds]
        bounds += [free_bounds(name, self._region, ties) for name in self._free]
        lower, upper = np.array(bounds, dtype=float).T
        names = [*(name for group in self._groups for name in group.names), *self._free]
        units = [unit for group in self._groups for unit in group.units(self._region)]
        units += [self._region.variables[name].unit for name in self._free]
        room = upper - lower > ROOM * np.maximum(abs(lower), abs(upper))
        for i in np.flatnonzero(~room):
            if not self._region.held:
                raise refusal(f"they leave no room: {names[i]} can only be {lower[i]:.6g}")
        self._searched, self._constant = np.flatnonzero(room), lower
        self.lower, self.upper = lower[room], upper[room]
        self.names = tuple(names[i] for i in self._searched)
        self.units = tuple(units[i] for i in self._searched)
        self.scales = self._scales()
        self.resolution = self._resolution()
        self._middle = self._conditions((self.lower[None] + self.upper[None]) / 2)
        self._snap = Snap.of(problem, self._exact, self.lower, self.upper)
        self.shared = self._shared()
        self.choices = {
            self.names.index(name): positions(variable.choices, variable.descriptors)
            for name, variable in problem.variables.items()
            if variable.choices is not None
        }
        counts = [len(v.grid) for v in problem.variables.values() if v.grid is not None]
        self.mixed = bool(self.choices or self.shared or any(n < FINE for n in counts))

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

    def spans(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and highest value of each variable of the problem's `region`."""
        spans = {name: span for group in self._groups for name, span in group.spans().items()}
        bounds = dict(zip(self.names, zip(self.lower, self.upper, strict=True), strict=True))
        spans |= {name: bounds[name] for name in self._free if name in bounds}
        return {name: spans[name] for name in self._region.variables if name in spans}

    def to_conditions(self, x: ArrayLike) -> list[dict[str, Setting]]:
        """Return the conditions that points of the box stand for.

        Parameters
        ----------
        x : array_like, shape (n, d)
            Points in the coordinates `names`.

        Returns
        -------
        list of dict, length n
            Variable to value, or word, inside all ranges and limits.

        Raises
        ------
        ValueError
            If a point is outside the box by more than rounding.
        """
        points = np.asarray(x, dtype=float)
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise ValueError(f"x must have shape (n, {self.dim}), not {points.shape}")
        slack = ROOM * (self.upper - self.lower)
        for row in points:
            if not np.all((row >= self.lower - slack) & (row <= self.upper + slack)):
                raise ValueError(f"{row.tolist()} is outside the box of {', '.join(self.names)}")
        columns = self._exact(np.clip(points, self.lower, self.upper))
        if self._snap is not None:
            columns = self._snap.nearest(columns)
        return [
            {name: _set(v, float(columns[name][i])) for name, v in self._problem.variables.items()}
            for i in range(len(points))
        ]

    def settle(self, x: FloatArray) -> FloatArray:
        """Return the nearest points of the box that can be set; both of shape (n, d)."""
        points = np.clip(x, self.lower, self.upper)
        if self._snap is None:
            return points
        return self._places(self._snap.nearest(self._exact(points)))

    def every(self) -> FloatArray | None:
        """Return all points that can be set, shape (n, d); None if they are more than `MANY`."""
        grids = {name: variable.grid for name, variable in self._problem.variables.items()}
        axes = [grid.value(np.arange(len(grid))) for grid in grids.values() if grid is not None]
        if len(axes) < len(grids) or math.prod(map(len, axes)) > MANY:
            return None
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        columns = dict(zip(grids, mesh.T, strict=True))
        allowed = self._problem.allowed(columns)
        return self._places({name: column[allowed] for name, column in columns.items()})

    def _places(self, columns: Mapping[str, FloatArray]) -> FloatArray:
        """Return where conditions that may be tried, as columns (n,), are in the box."""
        if not self._groups and self._problem.rig is None:
            points = np.column_stack([columns[name] for name in self._free])
        else:
            rows = np.column_stack(list(columns.values()))
            conditions = [dict(zip(columns, row.tolist(), strict=True)) for row in rows]
            settings = map(self._problem.settings, conditions)
            points = np.array([self._point(each) for each in settings])
            points = points.reshape(len(rows), len(self._constant))
        return np.clip(points[:, self._searched], self.lower, self.upper)

    def to_box(self, conditions: Mapping[str, Setting]) -> FloatArray:
        """Return the point of the box that stands for these conditions.

        Parameters
        ----------
        conditions : mapping of str to float or str
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
        point = self._point(self._problem.settings(self._problem.numbers(conditions)))
        return np.clip(point[self._searched], self.lower, self.upper)

    def place(self, stated: Mapping[str, Setting]) -> FloatArray | None:
        """Return the point of conditions that may be outside today's ranges and limits.

        Parameters
        ----------
        stated : mapping of str to float or str
            A value for every variable.

        Returns
        -------
        ndarray, shape (d,), or None
            Where the optimiser can be told of them, perhaps outside its box; None where tied
            streams have no such place, and for a choice that is none today.
        """
        with suppress(ValueError):  # outside; then perhaps beside the box
            return self.to_box(stated)
        try:
            conditions = self._problem.settings(self._problem.numbers(stated))
        except ValueError:
            return None
        with np.errstate(all="ignore"):
            point = self._point(conditions, anywhere=True)
            flows = [
                group.to_flows(part[None])[0]
                for group, part in zip(self._groups, self._parts(point), strict=True)
            ]
        for group, there in zip(self._groups, flows, strict=True):
            meant = np.array([conditions[name] for name in group.streams], dtype=float)
            if not np.allclose(there, meant, rtol=1e-6, atol=0):
                return None
        return point[self._searched] if np.isfinite(point).all() else None

    def _point(self, conditions: Mapping[str, float], anywhere: bool = False) -> FloatArray:
        """Return where conditions of the region are in all of its coordinates."""
        parts = [
            group.to_box(np.array([conditions[n] for n in group.streams], dtype=float), anywhere)
            for group in self._groups
        ]
        return np.concatenate(
            [*parts, np.array([conditions[name] for name in self._free], dtype=float)]
        )

    def _parts(self, point: FloatArray) -> list[FloatArray]:
        """Part a point into those of its groups of tied streams."""
        ends = np.cumsum([len(group.streams) for group in self._groups])
        return np.split(point, ends)[: len(self._groups)]

    def _scales(self) -> tuple[str, ...]:
        """Scale of each coordinate; linear where another would reach a pole."""
        scales: list[str] = []
        for group in self._groups:
            scales += ["log", *["logit"] * (len(group.streams) - 1)]
        for name in self._free:
            stated = self._region.variables[name].unit
            known = (scale for unit, scale in _SCALES.items() if stated and same(stated, unit))
            scales.append(next(known, "linear"))
        wanted = [scales[i] for i in self._searched]
        regular = {
            "linear": np.isfinite(self.lower),
            "log": self.lower > 0,
            "logit": (self.lower > 0) & (self.upper < 1),
            "reciprocal": self.lower > 0,
            "celsius": self.lower > -273.15,
        }
        return tuple(s if regular[s][i] else "linear" for i, s in enumerate(wanted))

    def _shared(self) -> tuple[int, ...]:
        """Coordinates that are shared by a batch; refuse what is no coordinate of its own."""
        shared = self._problem.shared
        if tied := [name for name in shared if name not in self.names]:
            raise ProblemError(
                [
                    f"shared: {', '.join(tied)} is tied to others by limits or by the rig, and "
                    "cannot be held for a batch; leave it out, or give a value under [fixed]"
                ]
            )
        return tuple(self.names.index(name) for name in shared)

    def _resolution(self) -> FloatArray | None:
        """Resolutions of the variables in the box's coordinates."""
        stated = {name: v.spacing for name, v in self._region.variables.items()}
        if all(value is None for value in stated.values()):
            return None
        fine = {
            # without one, SNOBFIT's usual share of the range
            name: stated[name] or 1e-5 * (variable.range[1] - variable.range[0])
            for name, variable in self._region.variables.items()
        }
        parts: list[float] = []
        for group in self._groups:
            streams = [fine[name] for name in group.streams]
            # at the largest total, where a change of fraction moves a stream most
            parts += [min(streams), *(value / group.bounds[0][1] for value in streams[1:])]
        return np.array(parts + [fine[name] for name in self._free])[self._searched]

    def _exact(self, points: FloatArray) -> dict[str, FloatArray]:
        """Columns of the problem's variables for points of the box, inside to the last bit."""
        return self._problem.in_variables(self._inside(self._conditions(points)))

    def values(self, x: FloatArray) -> dict[str, FloatArray]:
        """Return the variables at points (n, d) as columns, also of points beyond the box.

        For what is computed of them: rounding may put a point outside a limit.
        """
        beyond = ((x < self.lower) | (x > self.upper)).any(axis=1)
        within, there = self._conditions(x), self._unclipped(x)
        columns = {name: np.where(beyond, there[name], within[name]) for name in within}
        return self._problem.in_variables(columns)

    def _conditions(self, points: FloatArray) -> dict[str, FloatArray]:
        """Columns of conditions for points of the box, exact but for rounding."""
        columns = self._unclipped(points)
        for name, variable in self._region.variables.items():
            columns[name] = np.clip(columns[name], *variable.range)
        return columns

    def _unclipped(self, points: FloatArray) -> dict[str, FloatArray]:
        searched, points = points, np.tile(self._constant, (len(points), 1))
        points[:, self._searched] = searched
        columns: dict[str, FloatArray] = {}
        start = 0
        for group in self._groups:
            stop = start + len(group.streams)
            columns |= zip(group.streams, group.to_flows(points[:, start:stop]).T, strict=True)
            start = stop
        columns |= zip(self._free, points[:, start:].T, strict=True)
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
        fixed = {name: np.asarray(value) for name, value in self._region.fixed.items()}
        outside = np.zeros(len(next(iter(columns.values()))), dtype=bool)
        for limit in self._region.limits.values():
            value = limit.expression({**fixed, **columns})
            outside |= np.logical_not((limit.lower <= value) & (value <= limit.upper))
        return outside


def _set(variable: Variable, number: float) -> Setting:
    """Give what a number of the space sets a variable to."""
    return number if variable.choices is None else variable.choices[round(number)]


def _check_searchable(problem: Problem) -> None:
    """Refuse what can be stated, but not be searched so far."""
    wrong = []
    engine, words = problem.optimiser, [n for n, v in problem.variables.items() if v.choices]
    mixed = [*words, *(f"{name} (shared)" for name in problem.shared)]
    if mixed and engine.engine != "snobfit":
        wrong.append(
            f"optimiser.engine: {engine.engine!r} knows ranges alone, and cannot choose "
            f"{', '.join(mixed)}; leave engine out"
        )
    elif mixed and engine.model != "composite":
        wrong.append(
            f"optimiser.model: {engine.model!r} fits polynomials to numbers, and cannot choose "
            f"{', '.join(mixed)}; leave model out"
        )
    wrong += [
        f"{name!r} is a word of the rig's, and has a value on a rig alone: with one, name it "
        "(--rig); for a table, say what it is under [define] or [fixed]"
        for name in problem.unmet
    ]
    if wrong:
        raise ProblemError(wrong)
