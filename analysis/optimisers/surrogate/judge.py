"""What is known of the points near the best one, to choose among them.

Near the best, values differ by less than a model of the whole box can tell.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...problem.merit import Windows
from ..geometry import quadratic_size
from ..ranking import within
from ..table import Points
from .composite import JUDGES, MOST, likelier
from .expected import Expected
from .gp import GaussianProcess
from .judging import LIKELY, Judging
from .nearness import Neighbourhood
from .outcomes import Outcomes
from .scales import Coordinates
from .shaping import CURBED, order, tamed, with_room

Floats = NDArray[np.float64]

EVIDENCE = 0.5
"""Standard deviations by which another point has to be better than the one held, to replace it."""

QUIET = 1e-3
"""Noise beyond the known one that is expected in a neighbourhood, of the spread of the values."""

ALIKE = 0.5
"""Scatters of a repeat by which points differ that are alike."""

TURNS = 8
"""Neighbourhoods that are judged in search of the best point."""


class Judge(Judging):
    """Goal and properties of a point and of those near it, each by a model of its own.

    Parameters
    ----------
    points : Points
    coordinates : Coordinates
    windows : Windows
    around : int
        Row of the point.

    Attributes
    ----------
    rows : (K,) int array
        The points it judges, this one first: those that the models of all quantities know.
    composed : bool
        False: goal and properties themselves are modelled.
    """

    composed = False

    def __init__(
        self, points: Points, coordinates: Coordinates, windows: Windows, around: int
    ) -> None:
        self.around, self.windows = around, with_room(windows)
        measured = np.flatnonzero(points.measured)
        points = points.take(measured)
        cube, centre = coordinates.to_cube(points.x), int(np.searchsorted(measured, around))
        near = Neighbourhood(cube, points, centre, self.windows)
        columns = range(1 + len(windows))
        sets = [near.rows(near.level(i))[:MOST] for i in columns]
        self.rows, self._dim = measured[min(sets, key=len)], coordinates.dim
        self._models = [
            _model(cube[rows], points.take(rows), self.windows, i)
            for i, rows in zip(columns, sets, strict=True)
        ]

    @cached_property
    def judged(self) -> Outcomes:
        """Outcomes at its points, for choosing the best of them.

        The draws are the same each time, so that asking does not change the answer.
        """
        return Outcomes.of(self._drawn[..., 0], self._drawn[..., 1:], self.windows)

    @cached_property
    def _drawn(self) -> Floats:
        """Goal and properties of its points (K, S, 1 + m) in functions drawn."""
        rng = np.random.default_rng(0)
        drawn = [model.sample_here(JUDGES, rng)[: len(self.rows)] for model in self._models]
        return np.stack(drawn, axis=-1)

    @property
    def resolved(self) -> bool:
        """Whether noise hides what is left to gain here.

        As many of its points as a quadratic is fitted to are likely inside the windows, and
        expected to be worse than the best of them by no more than a repeat scatters.
        """
        goal = np.where(self.judged.inside >= LIKELY, self.mean_losses, np.inf)
        best = int(goal.argmin())
        if not np.isfinite(goal[best]):
            return False
        alike = goal - goal[best] <= ALIKE * self.scatter(best)[0]
        return int(alike.sum()) >= quadratic_size(self._dim)

    def expected(self, k: int) -> Expected:
        """Give what a repeat of its k-th point is expected to give in goal and properties."""
        return Expected.drawn(self._drawn[k], self._models, k, lambda values: values, self.windows)

    def scatter(self, k: int) -> Floats:
        """Give how far repeats of its k-th point scatter in goal and properties, (1 + m,)."""
        return np.array([model.noise[k] for model in self._models])


def _model(z: Floats, points: Points, windows: Windows, column: int) -> GaussianProcess:
    """Model the goal (column 0) or a property of points in the cube (K, d)."""
    # what lengths are expected is meant for points that fill the cube
    low, span = z.min(axis=0), np.ptp(z, axis=0)
    z = 2 * (z - low) / np.where(span > 0, span, 1.0) - 1
    plain, curbed = points.columns, tamed(points, windows, *CURBED).columns
    return likelier(z, QUIET, *(part[:, column] for part in (*plain, *curbed)))


class Judges:
    """The judges of a table of points, each made once.

    Parameters
    ----------
    points : Points
    coordinates : Coordinates
    windows : Windows
    """

    def __init__(self, points: Points, coordinates: Coordinates, windows: Windows) -> None:
        self._points, self._coordinates, self._windows = points, coordinates, windows
        self._made: dict[int, Judge] = {}

    def around(self, row: int) -> Judge:
        """Give the judge of a point and of those near it."""
        if row not in self._made:
            self._made[row] = Judge(self._points, self._coordinates, self._windows, row)
        return self._made[row]

    @cached_property
    def best(self) -> Judge:
        """The judge of the best point.

        Where noise made a point the best, and none near it is likely inside the windows, the next
        best has its turn; after eight, the first is the best that is known.
        """
        points, allowed = self._points, with_room(self._windows)
        rank = np.full(len(points.f), np.inf)
        rank[points.measured] = order(points.take(points.measured), allowed)
        inside = within(allowed, points.F)
        first = int(rank.argmin())
        for _ in range(TURNS):
            found = self.around(int(rank.argmin()))
            if (found.judged.inside >= LIKELY).any():
                return found
            rank[found.rows] = np.inf
            if not (inside & np.isfinite(rank)).any():
                break
        return self.around(first)

    @cached_property
    def expected(self) -> Judge:
        """The judge of the point near the best one that is expected to be the best.

        Until one is the best of those near it; where they go in circles, the lowest of these, each
        as its own judge expects it.
        """
        found, seen = self.best, dict[int, float]()
        while found.around not in seen and len(seen) < TURNS:
            goal = np.where(found.judged.inside >= LIKELY, found.judged.f.mean(axis=1), np.inf)
            seen[found.around] = float(goal[0])
            best = int(goal.argmin())
            if np.isfinite(goal[best]):
                if best == 0:
                    return found
                found = self.around(int(found.rows[best]))
        return self.around(min(seen, key=lambda row: seen[row]))


def decided(model: Judging, held: int, rival: int) -> bool:
    """Say whether one point, of a model's, is to be handed over in place of the one held.

    If the latter is no longer likely to be inside the windows; or if the former is expected to be
    better by more than is in doubt, by functions that know both.
    """
    gain = model.losses[held] - model.losses[rival]
    return bool(model.judged.inside[held] < LIKELY or gain.mean() > EVIDENCE * gain.std())
