"""One function drawn from the posterior, and the best reachable point in it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import NonlinearConstraint, minimize

from ..optimisers.surrogate.composite import Surrogate
from ..optimisers.surrogate.expected import UNSURE
from ..problem.merit import Windows

Floats = NDArray[np.float64]

LOOKS = 256
"""Places in the cube, besides those measured, among which a search for the best begins."""

SHARP = 1e-3
"""Within so many tolerances of an edge a point is at it."""

_SLOPE = 1e-3  # half the base of a difference quotient, in the cube; features are single precision
_HUGE = 1e300
_WIDE = 1e6  # what ratios are cut at, in tolerances


def edges_of(windows: Windows) -> Iterator[tuple[int, str]]:
    """Give the edges there are: window, from 0, and side."""
    for k in range(len(windows)):
        for side in ("lower", "upper"):
            if math.isfinite(getattr(windows, side)[k]):
                yield k, side


def interval(values: Floats) -> tuple[float, float, float]:
    """Give the 5 % quantile, the median and the 95 % quantile of what functions say; NaN of none.

    The quantiles are farther from the median by what is not known of the functions themselves
    (`expected.UNSURE`).
    """
    if not values.size:
        return math.nan, math.nan, math.nan
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return middle - UNSURE * (middle - low), middle, middle + UNSURE * (high - middle)


class Drawn:
    """Goal and room to the edges, in tolerances, of one function drawn."""

    def __init__(
        self, surrogate: Surrogate, edges: Sequence[tuple[int, str]], rng: np.random.Generator
    ) -> None:
        windows = surrogate.windows
        self._properties = surrogate.functions(1, rng)
        self._which = [k for k, _ in edges]
        self._sign = np.array([1.0 if side == "lower" else -1.0 for _, side in edges])
        self._edge = np.array([getattr(windows, side)[k] for k, side in edges])
        self.tolerances = np.array(
            [(windows.below if side == "lower" else windows.above)[k] for k, side in edges]
        )
        looked = rng.uniform(-1.0, 1.0, (LOOKS, surrogate.z.shape[1]))
        self._places: Floats = np.vstack([np.clip(surrogate.z, -1.0, 1.0), looked])
        self._unit = 1.0
        self._known: tuple[Floats, tuple[float, Floats, Floats, Floats]] | None = None

    def _all(self, z: Floats) -> tuple[Floats, Floats]:
        """Goals (M,) in their spread, and room (M, e) in tolerances, at z (M, d)."""
        f, F = self._properties(z)
        room = self._sign * (F[:, 0, self._which] - self._edge) / self.tolerances
        room = np.clip(np.nan_to_num(room, nan=-_WIDE), -_WIDE, _WIDE)
        return np.nan_to_num(f[:, 0], nan=_HUGE) / self._unit, room

    def start(self, loose: Floats, aim: int | None = None) -> Floats:
        """Choose the best place among many for `best`: inside, or else the nearest to it."""
        f, room = self._all(self._places)
        self._unit *= float(f[np.abs(f) < _HUGE].std()) or 1.0
        self._known = None
        outside = np.linalg.norm(np.minimum(room + loose, 0.0), axis=1)
        return np.asarray(
            self._places[np.lexsort((f if aim is None else -room[:, aim], outside))[0]]
        )

    def room(self, z: Floats) -> Floats:
        """Give the room to each edge at z (d,), in tolerances."""
        return self._near(z)[1]

    def _near(self, z: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Goal, room, and the slopes of both at z (d,); what a search asks for in turn."""
        if self._known is None or not np.array_equal(self._known[0], z):
            steps = _SLOPE * np.eye(z.size)
            f, room = self._all(np.vstack([z, z + steps, z - steps]))
            rise, gain = (
                (part[1 : z.size + 1] - part[z.size + 1 :]) / (2 * _SLOPE) for part in (f, room)
            )
            self._known = z.copy(), (float(f[0]), room[0], rise, gain.T)
        return self._known[1]

    def best(
        self, start: Floats, loose: Floats, aim: int | None = None
    ) -> tuple[Floats, float] | None:
        """Seek the best point from a place, the edges loosened by so many tolerances.

        Parameters
        ----------
        start : (d,) array
        loose : (e,) array
            Infinite for an edge that does not count.
        aim : int, optional
            Seek the most room to this edge, instead of the lowest goal.

        Returns
        -------
        ((d,) array, float) or None
            Where, and the goal there or the room; None if there is no way inside the windows.
        """
        counts = np.flatnonzero(np.isfinite(loose))

        def goal(z: Floats) -> float:
            f, room = self._near(z)[:2]
            return f if aim is None else -float(room[aim])

        def rise(z: Floats) -> Floats:
            f, room = self._near(z)[2:]
            return f if aim is None else np.asarray(-room[aim])

        inside = NonlinearConstraint(
            lambda z: self.room(z)[counts],
            -loose[counts],
            np.full(len(counts), np.inf),
            jac=lambda z: self._near(z)[3][counts],
        )
        found = minimize(
            goal,
            start,
            jac=rise,
            bounds=[(-1.0, 1.0)] * start.size,
            constraints=inside if len(counts) else (),
            method="SLSQP",
            options={"ftol": 1e-5, "maxiter": 30},
        )
        z = np.clip(found.x, -1.0, 1.0)
        if (self.room(z) + loose).min(initial=0.0) < -SHARP:
            return None
        return z, self._near(z)[0] * self._unit if aim is None else float(self.room(z)[aim])
