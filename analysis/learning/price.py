"""What each window costs: how much better the goal could be were it a little wider.

In each function drawn from the posterior the best reachable point is sought anew with one edge
moved by a small step. How the answers differ from function to function is what the experiments do
not tell.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import NonlinearConstraint, minimize

from ..one_thread import on_one_thread
from ..optimisers.surrogate.composite import Surrogate
from ..problem.merit import Windows

Floats = NDArray[np.float64]

FUNCTIONS = 24
"""Functions drawn."""

STEP = 0.1
"""How far an edge is moved, in tolerances of its window."""

LOOKS = 256
"""Places in the cube, besides those measured, among which a search for the best begins."""

_SLOPE = 1e-3  # half the base of a difference quotient, in the cube; features are single precision
_SHARP = 1e-3  # within so many tolerances of an edge the best point is held back by it
_HUGE = 1e300
_WIDE = 1e6  # what ratios are cut at, in tolerances


@dataclass(frozen=True)
class Price:
    """What one edge of a window costs.

    Attributes
    ----------
    window : int
        Which, from 0.
    edge : float
    side : {"lower", "upper"}
    gain : float
        How much better the goal gets per unit that the edge is loosened by: the median over the
        functions, from 0. NaN if the windows can be met in none.
    low, high : float
        Its 5 and 95 % quantiles.
    binding : float
        Share of the functions in which the edge holds the best reachable point back.
    """

    window: int
    edge: float
    side: str
    gain: float
    low: float
    high: float
    binding: float


@on_one_thread
def prices(surrogate: Surrogate, windows: Windows) -> list[Price]:
    """Give the price of every edge of every window.

    Parameters
    ----------
    surrogate : Surrogate
        What is known of goal and properties.
    windows : Windows
        Its windows, as the problem states them.
    """
    rng = np.random.default_rng(0)
    paid = np.array([_paid(surrogate, rng) for _ in range(FUNCTIONS)])
    found = []
    for column, (k, side) in zip(paid.T, _edges(windows), strict=True):
        known = column[np.isfinite(column)]
        low, middle, high = (
            np.quantile(known, [0.05, 0.5, 0.95]).tolist() if known.size else [math.nan] * 3
        )
        edge = float(getattr(windows, side)[k])
        binding = float((known > 0).mean()) if known.size else math.nan
        found.append(Price(k, edge, side, middle, low, high, binding))
    return found


def _edges(windows: Windows) -> Iterator[tuple[int, str]]:
    """Give the edges there are, by window."""
    for k in range(len(windows)):
        for side in ("lower", "upper"):
            if math.isfinite(getattr(windows, side)[k]):
                yield k, side


def _paid(surrogate: Surrogate, rng: np.random.Generator) -> list[float]:
    """Give what each edge costs in one function drawn; NaN where its windows cannot be met."""
    edges = list(_edges(surrogate.windows))
    function = _Function(surrogate, edges, rng)
    held = np.zeros(len(edges))
    best = function.best(function.start(), held)
    if best is None:
        return [math.nan] * len(edges)
    room = function.room(best[0])
    gains = []
    for i, slack in enumerate(room.tolist()):
        moved = None
        if slack < _SHARP:
            moved = function.best(best[0], held + STEP * (np.arange(len(edges)) == i))
        gain = best[1] - moved[1] if moved is not None else 0.0
        gains.append(max(gain, 0.0) / (STEP * function.tolerances[i]))
    return gains


class _Function:
    """Goal and room to the edges, in tolerances, of one function drawn."""

    def __init__(
        self, surrogate: Surrogate, edges: list[tuple[int, str]], rng: np.random.Generator
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

    def start(self) -> Floats:
        """Choose the best place among many: inside by its goal, else the nearest to inside."""
        f, room = self._all(self._places)
        self._unit = float(f[np.abs(f) < _HUGE].std()) or 1.0
        outside = np.linalg.norm(np.minimum(room, 0.0), axis=1)
        return np.asarray(self._places[np.lexsort((f, outside))[0]])

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

    def best(self, start: Floats, loose: Floats) -> tuple[Floats, float] | None:
        """Seek the lowest goal from a place, the edges loosened by so many tolerances.

        None if there is no way inside the windows.
        """

        def goal(z: Floats) -> float:
            return self._near(z)[0]

        def rise(z: Floats) -> Floats:
            return self._near(z)[2]

        inside = NonlinearConstraint(
            self.room, -loose, np.full(len(loose), np.inf), jac=lambda z: self._near(z)[3]
        )
        found = minimize(
            goal,
            start,
            jac=rise,
            bounds=[(-1.0, 1.0)] * start.size,
            constraints=inside,
            method="SLSQP",
            options={"ftol": 1e-5, "maxiter": 30},
        )
        z = np.clip(found.x, -1.0, 1.0)
        if (self.room(z) + loose).min(initial=0.0) < -_SHARP:
            return None
        return z, self._near(z)[0] * self._unit
