"""Composite model: goal and windowed properties modelled apart, and the batch that gains most.

A Gaussian process for each quantity that was measured, or for the goal and each property where
nothing else was told. Functions drawn from their posterior are composed to goal and properties, so
that the uncertainty of a ratio or a sum, and the probability to be inside all windows, come out
right whatever the expressions. Everything here lives in the cube [-1, 1]^d of `Coordinates`.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...problem.merit import Windows
from ..geometry import nearest
from ..table import Points
from .before import Before, Compared
from .cut_off import CutOff
from .doubt import FAR, HIDDEN, contradicted
from .expected import Expected
from .front import unbeaten
from .gp import GaussianProcess
from .judging import Judging
from .outcomes import Outcomes, slabs
from .prior import NOISE
from .scales import Coordinates, Measured, Smooth
from .shaping import CURBED, order, room, room_error, tamed, with_room

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST = 120
"""Points that a model is made of: the nearest to the best one, if there are more."""

JUDGES = 768
"""Functions drawn to judge the points already measured."""

EVERYWHERE = 256
"""Places that stand for the whole box."""


class Surrogate(Judging):
    """What is known of goal and properties everywhere.

    Parameters
    ----------
    points : Points
        Experiments, each by itself: repeats tell how large the noise is.
    merit : (N,) array
        What ranks them where quantities were measured.
    coordinates : Coordinates
    windows : Windows
    measured : Measured or None
        None: goal and properties themselves are modelled.
    goals : {1, 2}
        With 2 the last property is a goal, too.
    everywhere : bool
        Of very many points take not only the nearest to the best one, but some from everywhere, the
        fewer the farther away: for questions about what is not there.
    before : Before, optional
        What is known besides, of measured quantities only; it is not judged.

    Attributes
    ----------
    rows : (K,) int array
        The distinct points it is made of: the nearest to the best if there are many.
    z : (K, d) array
        Where they are, in the cube.
    entries : (E,) int array
        The experiments it is made of, first one of each point.
    """

    def __init__(
        self,
        points: Points,
        merit: Floats,
        coordinates: Coordinates,
        windows: Windows,
        measured: Measured | None,
        goals: int = 1,
        everywhere: bool = False,
        before: Before | None = None,
    ) -> None:
        self.coordinates, self.windows, self.goals = coordinates, with_room(windows), goals
        self.entries = _rows(points, merit, coordinates, self.windows, measured, goals, everywhere)
        points = points.take(self.entries)
        self.rows = points.place[: len(set(points.place))]
        self.z: Floats = coordinates.to_cube(points.x)[: len(self.rows)]
        self._measured = measured
        self.composed = measured is not None
        if measured is None:
            y, error = tamed(points, windows).columns
        else:
            y, error = points.y, points.dy
        age, mark, places = points.age, None, coordinates.to_cube(points.x)
        if before is not None and measured is not None:
            best = self.z[int(merit[self.entries].argmin())] if len(self.z) else np.zeros(0)
            old = before.near(best, coordinates, MOST - len(y))
            y, error = np.vstack([y, old.y]), np.vstack([error, old.dy])
            places = np.vstack([places, coordinates.to_cube(old.x)])
            age, own = np.r_[age, np.zeros(len(old.x))], len(age)
            mark = np.arange(len(age)) >= own if before.differs else None
        self._places, self._y, self._error, self._age, self._mark = places, y, error, age, mark
        kind = measured.kind if measured else "real"
        self._smooth = Smooth(y, error, kind, measured is not None)
        self._cut_off = CutOff(y, error, kind)
        if measured is None:
            curbed = (part.T for part in tamed(points, windows, *CURBED).columns)
            self._models = [
                likelier(places, NOISE, *column, age=points.age, trend=coordinates.trend)
                for column in zip(y.T, error.T, *curbed, strict=True)
            ]
        else:
            values, errors = self._smooth.values.T, self._smooth.errors.T
            self._models = [
                GaussianProcess(places, *column, age=age, trend=coordinates.trend, before=mark)
                for column in zip(values, errors, strict=True)
            ]

    def contradicted(self) -> list[tuple[int, int, float]]:
        """Give the experiments that all others contradict: see `doubt.contradicted`.

        Where nothing tells of noise there is nothing to doubt.
        """
        if not any(model.noisy for model in self._models):
            return []
        told, _, surprise = self._left_out
        off = (self._y - self._smooth.measured(told)) / self._error
        own = slice(len(self.entries))  # those of before were doubted in their time
        found = contradicted(self._places[own], surprise[own], off[own])
        if not found and self.composed:  # goals and properties bend more than what is measured
            alone = self._alone(surprise[own])
            found = [
                each
                for each in contradicted(self._places[own], alone, off[own])
                if each[2] >= HIDDEN
            ]
        return [(int(self.entries[i]), k, size) for i, k, size in found]

    def _alone(self, surprise: Floats) -> Floats:
        """See how far the result that is off the most is off for a model that does not know it.

        A single result that is far off makes the scatter that it is compared with.

        Parameters
        ----------
        surprise : (N, k) array
            How far each is off, in standard deviations.

        Returns
        -------
        (N, 1) array
            How far all are off in that quantity; nothing is, if none is off by `FAR` and by more
            than all others span.
        """
        row, column = np.unravel_index(np.abs(surprise).argmax(), surprise.shape)
        if np.abs(surprise[row, column]) < FAR:
            return np.zeros((len(surprise), 1))
        rest = np.arange(len(self._places)) != row
        y, error = (part[:, column] for part in (self._smooth.values, self._smooth.errors))
        model = GaussianProcess(
            self._places[rest], y[rest], error[rest],
            age=self._age[rest], trend=self.coordinates.trend,
            before=self._mark[rest] if self._mark is not None else None,
        )  # fmt: skip
        off = np.zeros(len(y))
        off[rest] = model.left_out()[2]
        mean, sd = model.predict(self._places[row][None])
        if abs(y[row] - mean[0]) > np.ptp(y[rest]):  # what bends as no model does is no mistake
            off[row] = (y[row] - mean[0]) / np.hypot(sd[0], model.repeat_sd(error[row]))
        return off[: len(surprise), None]

    @cached_property
    def _left_out(self) -> tuple[Floats, ...]:
        """What all others tell of each experiment, its SD, how far it is off in these: (E, k)."""
        parts = zip(*(model.left_out() for model in self._models), strict=True)
        return tuple(np.column_stack(part) for part in parts)

    def supported(self, k: int) -> float:
        """Probability that its k-th point is inside all windows by what all others tell of it.

        Of a point that was measured once.
        """
        told, sd, _ = (part[k] for part in self._left_out)
        values = told + sd * np.random.default_rng(0).standard_normal((JUDGES, len(told)))
        return float(self._outcomes(values.T[:, None], self.z[k : k + 1]).inside[0])

    @cached_property
    def judged(self) -> Outcomes:
        """Outcomes at its own points, for choosing the best of them.

        The draws are the same each time, so that asking does not change the answer.
        """
        return self._outcomes(self._drawn, self.z)

    @cached_property
    def _drawn(self) -> Floats:
        """What is modelled, at its own points, in functions drawn (k, K, S)."""
        rng, own = np.random.default_rng(0), len(self.rows)
        drawn = np.empty((len(self._models), own, JUDGES))
        for model, values in zip(self._models, drawn, strict=True):
            values[:] = model.sample_here(JUDGES, rng)[:own]
        return drawn

    def expected(self, k: int) -> Expected:
        """Give what a repeat of its k-th point is expected to give."""
        x = np.tile(self.coordinates.to_box(self.z[k : k + 1]), (JUDGES, 1))

        def everything(y: Floats) -> Floats:
            f, F = self._followed(y, x)
            return np.column_stack([f, F, y] if self.composed else [f, F])

        def results(values: Floats) -> Floats:
            return everything(self._smooth.measured(values))

        def true(values: Floats) -> Floats:
            return everything(self._cut_off.undone(self._smooth.measured(values)))

        return Expected.drawn(self._drawn[:, k].T, self._models, k, results, self.windows, true)

    def compared(self, z: Floats, y: Floats, error: Floats) -> "Compared":
        """Set further measured values (n, q) at z (n, d) beside what the models foretell.

        On the smooth scales, on which errors are alike everywhere.
        """
        values, errors = self._smooth.scaled(y, error)
        foretold = [model.joint(z) for model in self._models]
        pairs = zip(self._models, errors.T, strict=True)
        return Compared(
            values,
            np.stack([mean for mean, _ in foretold], axis=-1),
            np.stack([covariance for _, covariance in foretold]),
            np.stack([model.repeat_sd(column) for model, column in pairs], axis=-1),
            self._level,
            self._smooth.measured,
            np.array([model.free for model in self._models]),
        )

    @cached_property
    def _level(self) -> Floats:
        """Mean and standard deviation of what is foretold all over the box, (k, 2).

        Where hardly anything is foretold to change, that is as much as repeats usually scatter.
        """
        from scipy.stats import qmc  # takes a third of a second, and few ask for this

        u = qmc.Sobol(self.coordinates.dim, seed=0).random(EVERYWHERE)
        z = self.coordinates.to_cube(self.coordinates.evenly(u))
        means = [model.predict(z)[0] for model in self._models]
        pairs = zip(means, self._models, strict=True)
        return np.array([(mean.mean(), max(mean.std(), model.typical)) for mean, model in pairs])

    def mean(self, z: Floats) -> tuple[Floats, Floats]:
        """Give goal (M,) and properties (M, m) that follow from the models' means at z (M, d)."""
        values = np.stack([model.predict(z)[0] for model in self._models], axis=-1)
        return self._outcome(values, self.coordinates.to_box(z))

    def spread(self, z: Floats) -> Floats:
        """Give, to first order, how sure goal and properties (1 + m,) are at one place (d,)."""
        means, sds = zip(*(model.predict(z[None]) for model in self._models), strict=True)
        mean, sd = np.concatenate(means), np.concatenate(sds)
        return self._propagated(z, mean, sd)

    def scatter(self, k: int) -> Floats:
        """Give how far repeats of its k-th point scatter in goal and properties, (1 + m,)."""
        z = self.z[k]
        mean = np.concatenate([model.predict(z[None])[0] for model in self._models])
        return self._propagated(z, mean, np.array([model.noise[k] for model in self._models]))

    def _propagated(self, z: Floats, mean: Floats, sd: Floats) -> Floats:
        """Propagate standard deviations of what is modelled to goal and properties (1 + m,)."""
        shifts = np.vstack([mean + np.diag(sd), mean - np.diag(sd)])
        f, F = self._outcome(shifts, self.coordinates.to_box(np.tile(z, (len(shifts), 1))))
        both = np.column_stack([f, F])
        half = (both[: len(sd)] - both[len(sd) :]) / 2
        return np.asarray(np.sqrt((half**2).sum(axis=0)))

    def violated(self, z: Floats) -> list[int]:
        """Give the indices of the windows that z (d,) is expected to be outside of."""
        return [
            int(i) for i in np.flatnonzero(self.windows.violation(self.mean(z[None])[1])[0] > 0)
        ]

    def probed(self, z: Floats) -> int | None:
        """Index of the window with an edge within two standard deviations of z (d,), if any."""
        if not len(self.windows):
            return None
        distance = np.abs(room(self.windows, self.mean(z[None])[1]))[0]
        error = np.maximum(room_error(self.windows, self.spread(z)[1:]), 1e-12)
        edges = np.r_[
            np.flatnonzero(np.isfinite(self.windows.lower)),
            np.flatnonzero(np.isfinite(self.windows.upper)),
        ]
        nearest = int((distance / error).argmin())
        return int(edges[nearest]) if distance[nearest] <= 2 * error[nearest] else None

    def draw(self, count: int, rng: np.random.Generator) -> Callable[[Floats], Outcomes]:
        """Draw functions, to be evaluated anywhere: z (M, d) to `Outcomes`."""
        samples = [model.sample(count, rng) for model in self._models]

        def outcomes(z: Floats) -> Outcomes:
            return self._outcomes([sample(z) for sample in samples], z)

        return outcomes

    def functions(
        self, count: int, rng: np.random.Generator
    ) -> Callable[[Floats], tuple[Floats, Floats]]:
        """Draw functions: z (M, d) to their goals (M, S) and properties (M, S, m)."""
        samples = [model.sample(count, rng) for model in self._models]

        def properties(z: Floats) -> tuple[Floats, Floats]:
            return self._composed([sample(z) for sample in samples], self.coordinates.to_box(z))

        return properties

    def _outcomes(self, values: Floats | Sequence[Floats], z: Floats) -> Outcomes:
        """Compose drawn values (k, M, S) at z (M, d), a slab of points at a time."""
        count, draws = values[0].shape
        x, parts = self.coordinates.to_box(z), []
        for rows in slabs(count, draws * (1 + len(values))):
            f, F = self._composed([value[rows] for value in values], x[rows])
            parts.append(Outcomes.of(f, F, self.windows, self.goals))
        return Outcomes.all_of(parts)

    def _composed(self, values: Sequence[Floats], x: Floats) -> tuple[Floats, Floats]:
        """Goals (M, S) and properties (M, S, m) of drawn values (k, M, S) at x (M, d)."""
        shape = values[0].shape
        y = self._smooth.quantities(values).reshape(-1, values[0].size).T
        if self._measured is None:
            f, F = y[:, 0], y[:, 1:]
        else:
            everywhere = np.broadcast_to(x.T[:, :, None], (x.shape[1], *shape))
            places = everywhere.reshape(x.shape[1], -1).T
            f, F = self._measured.outcome(y, places, len(self.windows))
        return f.reshape(shape), F.reshape(*shape, -1)

    def _outcome(self, values: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Goal and properties of modelled values (M, k) at points of the box (M, d)."""
        return self._followed(self._smooth.measured(values), x)

    def _followed(self, y: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Goal and properties of what is modelled, or measured (M, q), at points of the box."""
        if self._measured is None:
            return y[:, 0], y[:, 1:]
        return self._measured.outcome(y, x, len(self.windows))


def _rows(
    points: Points,
    merit: Floats,
    coordinates: Coordinates,
    windows: Windows,
    measured: Measured | None,
    goals: int,
    everywhere: bool,
) -> NDArray[np.intp]:
    """Choose the experiments that a surrogate is made of, first one of each point."""
    rows = np.arange(len(points.f))
    if len(rows) > MOST:
        # near the end the soft merit hardly tells goals apart, so that it may stay elsewhere
        rank = merit if measured else order(points, windows)
        centres = [int(rank.argmin())]
        if goals > 1:
            good = np.flatnonzero(rank <= rank.min())
            both = np.column_stack([points.f, points.F[:, -1]])[good]
            centres = good[unbeaten(both)].tolist()
        near = nearest(coordinates.to_cube(points.x), *centres)
        rows = np.sort(near[_thinned(len(near)) if everywhere else slice(MOST)])
    firsts = np.zeros(len(rows), dtype=bool)
    firsts[np.unique(points.place[rows], return_index=True)[1]] = True
    return np.concatenate([rows[firsts], rows[~firsts]])


def _thinned(count: int) -> NDArray[np.intp]:
    """Give `MOST` of more ranks, from the first to the last, ever fewer."""
    share = np.expm1(np.log(count) * np.linspace(0.0, 1.0, MOST)) / (count - 1)
    return np.asarray(np.arange(MOST) + np.rint(share * (count - MOST)).astype(np.intp))


def likelier(
    z: Floats,
    noise: float,
    y: Floats,
    error: Floats,
    curbed: Floats,
    curbed_error: Floats,
    *,
    age: Floats | None = None,
    trend: NDArray[np.intp] | None = None,
) -> GaussianProcess:
    """Model a quantity as it is or compressed, as the values themselves suggest."""
    plain = GaussianProcess(z, y, error, noise, age, trend)
    if (curbed == y).all():
        return plain
    bent = GaussianProcess(z, curbed, curbed_error, noise, age, trend)
    # densities of the same values: the slope of one scale in the other belongs to them
    slope = float(np.log(curbed_error / error).sum())
    return bent if bent.evidence + slope > plain.evidence else plain
