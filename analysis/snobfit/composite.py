"""Composite model: goal and windowed properties modelled apart, and the batch that gains most.

A Gaussian process for each quantity that was measured, or for the goal and each property where
nothing else was told. Functions drawn from their posterior are composed to goal and properties, so
that the uncertainty of a ratio or a sum, and the probability to be inside all windows, come out
right whatever the expressions. Everything here lives in the cube [-1, 1]^d of `Coordinates`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..merit import Windows, f_star
from .batch import SLACK, Known
from .gp import GaussianProcess
from .scales import Coordinates, Measured, Smooth
from .table import Points

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DRAWS = 192
"""Functions drawn from the posterior for one batch."""

GUIDES = 64
"""As many of them lead the search for candidates."""

MOST = 120
"""Points that a model is made of: the nearest to the best one, if there are more."""

SAFE = 0.8
"""Probability to be inside all windows that the safe point of a batch has."""

DECADES = 1e6
"""Ratio of the largest to small values of a property from which on it is compressed."""

NOTHING = 1e-6
"""Expected improvement, in units of the spread of the goal, that is not worth an experiment."""

LIKELY = 0.5
"""Probability to be inside all windows from which on a point counts as feasible."""


@dataclass(frozen=True)
class Outcomes:
    """Goal and properties of M points in S functions drawn from the posterior.

    Attributes
    ----------
    f : (M, S) array
    violation : (M, S) array
        Root of the sum of squared violations, in units of the tolerances; 0 inside all windows.
    """

    f: Floats
    violation: Floats

    def merit(self, scale: tuple[float, float] | None) -> Floats:
        """Expected merit of each point, (M,): the penalty alone before f0 and delta are fixed."""
        penalty = 2 * self.violation**2 / (1 + self.violation**2)
        goal = f_star(self.f, *scale) if scale else 0.0
        return np.asarray((goal + penalty).mean(axis=1))

    @property
    def inside(self) -> Floats:
        """Probability of each point to be inside all windows, (M,)."""
        return np.asarray((self.violation == 0).mean(axis=1))


class Surrogate:
    """What is known of goal and properties everywhere.

    Parameters
    ----------
    points : Points
    merit : (N,) array
        What ranks them; NaN for failures.
    coordinates : Coordinates
    windows : Windows
    measured : Measured or None
        None: goal and properties themselves are modelled.

    Attributes
    ----------
    rows : (K,) int array
        The points it is made of: measured ones, the nearest to the best if there are many.
    z : (K, d) array
        Where they are, in the cube.
    """

    def __init__(
        self,
        points: Points,
        merit: Floats,
        coordinates: Coordinates,
        windows: Windows,
        measured: Measured | None,
    ) -> None:
        self.coordinates, self.windows = coordinates, with_room(windows)
        rows = np.flatnonzero(points.measured)
        if len(rows) > MOST:
            cube = coordinates.to_cube(points.x[rows])
            distance = ((cube - cube[merit[rows].argmin()]) ** 2).sum(axis=1)
            rows = np.sort(rows[np.argsort(distance, kind="stable")[:MOST]])
        self.rows = rows
        points = points.take(rows)
        self.z: Floats = coordinates.to_cube(points.x)
        self._compose = measured and measured.compose
        self.composed = measured is not None
        if measured is None:
            points = tamed(points, windows)
            y, error = (
                np.column_stack([points.f, points.F]),
                np.column_stack([points.df, points.dF]),
            )
        else:
            y, error = points.y, points.dy
        self._smooth = Smooth(y, error, measured.kind if measured else "real", measured is not None)
        self._models = [
            GaussianProcess(self.z, value, spread)
            for value, spread in zip(self._smooth.values.T, self._smooth.errors.T, strict=True)
        ]

    def mean(self, z: Floats) -> tuple[Floats, Floats]:
        """Give goal (M,) and properties (M, m) that follow from the models' means at z (M, d)."""
        values = np.stack([model.predict(z)[0] for model in self._models], axis=-1)
        return self._outcome(values, z)

    def spread(self, z: Floats) -> Floats:
        """Standard deviation of each property (m,) at one place (d,), to first order."""
        means, sds = zip(*(model.predict(z[None]) for model in self._models), strict=True)
        mean, sd = np.concatenate(means), np.concatenate(sds)
        shifts = np.vstack([mean + np.diag(sd), mean - np.diag(sd)])
        F = self._outcome(shifts, np.tile(z, (len(shifts), 1)))[1]
        half = (F[: len(sd)] - F[len(sd) :]) / 2
        return np.asarray(np.sqrt((half**2).sum(axis=0)))

    def violated(self, z: Floats) -> list[int]:
        """Indices of the windows that z (d,) is expected to be outside of."""
        return [
            int(i) for i in np.flatnonzero(self.windows.violation(self.mean(z[None])[1])[0] > 0)
        ]

    def probed(self, z: Floats) -> int | None:
        """Index of the window with an edge within two standard deviations of z (d,), if any."""
        if not len(self.windows):
            return None
        room = np.abs(_room(self.windows, self.mean(z[None])[1]))[0]
        error = np.maximum(_room_error(self.windows, self.spread(z)), 1e-12)
        edges = np.r_[
            np.flatnonzero(np.isfinite(self.windows.lower)),
            np.flatnonzero(np.isfinite(self.windows.upper)),
        ]
        nearest = int((room / error).argmin())
        return int(edges[nearest]) if room[nearest] <= 2 * error[nearest] else None

    def draw(self, count: int, rng: np.random.Generator) -> Callable[[Floats], Outcomes]:
        """Draw functions, to be evaluated anywhere: z (M, d) to `Outcomes`."""
        samples = [model.sample(count, rng) for model in self._models]

        def outcomes(z: Floats) -> Outcomes:
            values = np.stack([sample(z) for sample in samples], axis=-1)  # (M, S, k)
            f, F = self._outcome(values.reshape(-1, values.shape[2]), np.repeat(z, count, axis=0))
            violation = np.sqrt((self.windows.violation(F) ** 2).sum(axis=-1))
            violation = np.where(np.isfinite(violation + f), violation, 1e3)
            f = np.where(np.isfinite(f), f, 1e300)
            return Outcomes(f.reshape(len(z), count), violation.reshape(len(z), count))

        return outcomes

    def _outcome(self, values: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Goal and properties of modelled values (M, k) at z (M, d)."""
        y = self._smooth.measured(values)
        if self._compose is None:
            return y[:, 0], y[:, 1:]
        with np.errstate(all="ignore"):
            return self._compose(y, self.coordinates.to_box(z))


def with_room(windows: Windows) -> Windows:
    """Widen windows that leave no room (equalities) by half their tolerances.

    No drawn function would ever be inside them.
    """
    width = windows.upper - windows.lower
    share = np.where(width < 0.05 * (windows.below + windows.above), 0.5, 0.0)
    return Windows(
        windows.lower - share * windows.below,
        windows.upper + share * windows.above,
        windows.below,
        windows.above,
    )


def tamed(points: Points, windows: Windows) -> Points:
    """Compress one-sided properties that range over many decades, around their window's edge.

    ``edge + s asinh((F - edge) / s)`` moves no point across the edge. A quadratic of an exponential
    is of no use; one of its logarithm is.
    """
    F, dF = points.F.copy(), points.dF.copy()
    for i in range(len(windows)):
        edges = np.array([windows.lower[i], windows.upper[i]])
        edges = edges[np.isfinite(edges)]
        if np.ptp(edges) > 0:
            continue
        gap = points.F[:, i] - edges[0]
        size = np.abs(gap[np.isfinite(gap)])
        tolerance = min(windows.below[i], windows.above[i])
        s = max(float(np.quantile(size, 0.1)), tolerance) if size.size else 1.0
        if size.max(initial=0.0) > DECADES * s:
            F[:, i] = edges[0] + s * np.arcsinh(gap / s)
            dF[:, i] /= np.hypot(gap / s, 1.0)
    return replace(points, F=F, dF=dF)


def order(points: Points, windows: Windows) -> Floats:
    """Order points as a search for the constrained minimum does: by goal inside all windows,
    above all goals by violation; NaN for failures."""
    violation = np.sqrt((windows.violation(points.F) ** 2).sum(axis=1))
    finite = points.f[points.measured]
    top, unit = finite.max(initial=0.0), finite.std() or 1.0
    return np.where(violation == 0, points.f, top + unit * violation)


def compromise(points: Points, windows: Windows) -> Floats:
    """Order points by goal plus violation, each in units of its own spread."""
    far = windows.violation(points.F) * np.maximum(windows.below, windows.above)
    spread = np.maximum(np.median(np.abs(points.F - np.median(points.F, axis=0)), axis=0), 1e-300)
    goal = points.f / (np.median(np.abs(points.f - np.median(points.f))) or 1.0)
    return goal + (far / spread).sum(axis=1)


def propose(
    search: "Search",
    size: int,
    known: Known,
    resolution: Floats,
    to_unit: Callable[[Floats], Floats],
    local: Sequence[Floats] = (),
) -> list[tuple[Floats, str]]:
    """Choose the places of class 1 of a batch, each with the reason in words.

    First the safe place, then by gain, until nothing is to be gained or the batch is full.

    Parameters
    ----------
    search : Search
    size : int
        How many at most.
    known : Known
        Positions taken, in the unit box.
    resolution : (d,) array
        Smallest distance of two places, in the unit box.
    to_unit : callable
        Maps points of the user's box to the unit box.
    local : sequence of (d,) array
        Places that local models propose, in the unit box.
    """
    gap = resolution * SLACK
    places = to_unit(search.surrogate.coordinates.to_box(search.z))
    nearest = cKDTree(known.x / gap).query(places / gap, p=np.inf)[0]
    free = (nearest >= 1.0) & known.sane(places)
    chosen: list[tuple[Floats, str]] = []

    def offer(place: Floats, note: str) -> None:
        nonlocal free
        taken = np.vstack([known.x, *(y for y, _ in chosen)])
        apart = (np.abs(taken - place) >= gap).any(axis=1).all()
        if apart and known.sane(place[None])[0] and len(chosen) < size:
            free &= (np.abs(places - place) >= gap).any(axis=1)
            chosen.append((place, note))

    for place in local:
        offer(place, "class 1: minimum of the quadratic models inside the windows")
    if size > 1 and (z := search.safe(SAFE)) is not None:
        place = to_unit(search.surrogate.coordinates.to_box(z[None]))[0]
        offer(place, f"class 1: {search.describe(z)}, the best that is safely inside")
    most = size if search.surrogate.composed else (size + len(chosen)) // 2
    while len(chosen) < most:
        gain = np.where(free, search.gain(), 0.0)
        best = int(gain.argmax())
        if gain[best] <= NOTHING:
            break
        search.take(best)
        free &= (np.abs(places - places[best]) >= gap).any(axis=1)
        chosen.append((places[best], f"class 1: {search.describe(search.z[best])}"))
    return chosen


class Search:
    """The search for one batch among functions drawn from the posterior.

    Every function s has its own best point known so far, of value r_s. What a further point is
    worth is the mean of the improvements ``max(r_s - v_s, 0)`` over the functions; once it is
    chosen (or pending) it lowers the r_s. So a batch spreads over what the functions disagree on:
    the noisy expected improvement of Letham et al. (Bayesian Analysis 2019, 14, 495), in batches
    as of Wilson et al. (NeurIPS 2018).

    Parameters
    ----------
    surrogate : Surrogate
    pending : (P, d) array
        Places asked for and not told yet, in the cube.
    rng : Generator
    """

    def __init__(self, surrogate: Surrogate, pending: Floats, rng: np.random.Generator) -> None:
        self.surrogate, self._rng = surrogate, rng
        self._outcomes = surrogate.draw(DRAWS, rng)
        known = self._outcomes(surrogate.z)
        goal = np.minimum(known.f.mean(axis=1), 1e300)
        self._top, self._unit = float(goal.max()), float(goal.std()) or 1.0
        self._incumbent: Floats = self._value(known).min(axis=0)
        if len(pending):
            self._take(self._value(self._outcomes(pending)))
        self.z, found = self._candidates(known)
        self._values: Floats = self._value(found)
        self._mean_goal: Floats = np.minimum(found.f, self._top).mean(axis=1)
        self.inside: Floats = found.inside
        self.violation: Floats = found.violation

    def gain(self) -> Floats:
        """Mean improvement at each candidate, in units of the spread of the goal."""
        gain = np.maximum(self._incumbent - self._values, 0.0).mean(axis=1)
        return np.asarray(gain / self._unit)

    def take(self, candidate: int) -> None:
        """Count a candidate as chosen."""
        self._take(self._values[candidate])

    def safe(self, probability: float) -> Floats | None:
        """Give the place of lowest expected goal that is inside with this probability, if any."""
        allowed = self.inside >= probability
        if not allowed.any():
            return None
        start = int(np.where(allowed, self._mean_goal, np.inf).argmin())
        self._take(self._values[start])
        return self.z[start]

    def describe(self, z: Floats) -> str:
        """Say what is expected at a place and which window it probes."""
        inside = float(self._outcomes(z[None]).inside[0])
        text = f"expected improvement, {inside:.0%} likely inside all windows"
        probed = self.surrogate.probed(z)
        return text + (f", probes window {probed + 1}" if probed is not None else "")

    def _take(self, values: Floats) -> None:
        self._incumbent = np.minimum(self._incumbent, values.reshape(-1, DRAWS).min(axis=0))

    def _value(self, outcomes: Outcomes) -> Floats:
        """What is minimised: the goal inside the windows, above all goals the violation."""
        outside = self._top + self._unit * outcomes.violation
        goal = np.minimum(outcomes.f, self._top)
        return np.where(outcomes.violation == 0, goal, outside)

    def _candidates(self, known: Outcomes) -> tuple[Floats, Outcomes]:
        """Look everywhere, then ever closer around the minimum of each guiding function."""
        dim = self.surrogate.z.shape[1]
        z = self._rng.uniform(-1.0, 1.0, (256 + 128 * dim, dim))
        parts, seen = [z], [self._outcomes(z)]
        places = np.vstack([np.clip(self.surrogate.z, -1.0, 1.0), z])
        values = np.vstack([self._value(known), self._value(seen[0])])[:, :GUIDES]
        for width in (0.3, 0.1, 0.03):
            leaders = np.repeat(places[values.argmin(axis=0)], 4, axis=0)
            steps = width * self._rng.standard_normal(leaders.shape)
            # not all coordinates at once: a minimum at a wall stays there
            steps *= self._rng.random(leaders.shape) < 0.7
            z = np.clip(leaders + steps, -1.0, 1.0)
            parts.append(z)
            seen.append(self._outcomes(z))
            places = np.vstack([places, z])
            values = np.vstack([values, self._value(seen[-1])[:, :GUIDES]])
        f = np.vstack([part.f for part in seen])
        return np.vstack(parts), Outcomes(f, np.vstack([part.violation for part in seen]))


def _room(windows: Windows, F: Floats) -> Floats:
    """Distance inside each finite edge, in units of its tolerance: (M, edges)."""
    lower, upper = np.isfinite(windows.lower), np.isfinite(windows.upper)
    return np.hstack(
        [((F - windows.lower) / windows.below)[:, lower],
         ((windows.upper - F) / windows.above)[:, upper]]
    )  # fmt: skip


def _room_error(windows: Windows, spread: Floats) -> Floats:
    """Standard deviation of `_room` where that of the properties is `spread`, (m,)."""
    lower, upper = np.isfinite(windows.lower), np.isfinite(windows.upper)
    return np.r_[(spread / windows.below)[lower], (spread / windows.above)[upper]]


def judge(surrogate: Surrogate) -> Outcomes:
    """Give the outcomes at the surrogate's own points, for choosing the best of them.

    The draws are the same each time, so that asking does not change the answer.
    """
    return surrogate.draw(4 * DRAWS, np.random.default_rng(0))(surrogate.z)
