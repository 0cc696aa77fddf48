"""Local composite model: one quadratic of the goal and one of each property around the best point.

All share one least-squares basis. Their constrained problem, solved in a trust box, gives points of
class 1 where goal and properties themselves are modelled: exact where these are quadratics, and as
local as the points are where a global model is not good enough.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..merit import Windows
from .models import QuadraticBasis, neighbours
from .table import Points

Floats = NDArray[np.float64]

TRUST = (10.0, 1.0, 0.1)
"""Sizes of the trust boxes, relative to the distance of the neighbours: to leap, step, refine."""


def constrained_minima(
    x: Floats, points: Points, best: int, windows: Windows, resolution: Floats
) -> list[Floats]:
    """Solve the locally modelled constrained problem in each trust box.

    Parameters
    ----------
    x : (N, d) array
        The points in the unit box.
    points : Points
        Their goals and properties, all measured.
    best : int
        The point to model around.
    windows : Windows
    resolution : (d,) array
    """
    near = neighbours(x, min(x.shape[1] + 5, len(x) - 1), resolution)
    reach = np.maximum(np.abs(x[near[best]] - x[best]).max(axis=0), resolution)
    basis = QuadraticBasis(x, best)
    unit = float(np.ptp(points.f[near[best]])) or 1.0
    goal = _Quadratic(points.f[best] / unit, *basis.fit(points.f / unit, points.df / unit))
    edges: list[_Quadratic] = []
    for i, (F, dF) in enumerate(zip(points.F.T, points.dF.T, strict=True)):
        span = float(np.ptp(F[near[best]])) or 1.0
        gradient, hessian = basis.fit(F / span, dF / span)
        for sign, edge in ((1.0, windows.lower[i]), (-1.0, windows.upper[i])):
            if np.isfinite(edge):
                room = sign * (F[best] - edge) / span
                edges.append(_Quadratic(room, sign * gradient, sign * hessian))
    found = []
    for trust in TRUST:
        low = np.clip(x[best] - trust * reach, 0.0, 1.0) - x[best]
        high = np.clip(x[best] + trust * reach, 0.0, 1.0) - x[best]
        # a best point told from outside the box starts at the wall
        low, high = np.minimum(low, high), np.maximum(low, high)
        found.append(np.clip(x[best] + _solve(goal, edges, low, high), 0.0, 1.0))
    return found


class _Quadratic:
    """``c + g s + s G s / 2``."""

    def __init__(self, constant: float, gradient: Floats, hessian: Floats) -> None:
        self._c, self._g, self._h = float(constant), gradient, hessian

    def __call__(self, s: Floats) -> float:
        return float(self._c + self._g @ s + 0.5 * s @ self._h @ s)

    def slope(self, s: Floats) -> Floats:
        """Gradient at s."""
        return np.asarray(self._g + self._h @ s)


def _solve(goal: _Quadratic, edges: list[_Quadratic], low: Floats, high: Floats) -> Floats:
    """Minimise the goal where all edges leave room, from a few starts; else the lack of room."""
    width = high - low
    best, least = np.clip(np.zeros_like(low), low, high), np.inf

    def lack(s: Floats) -> float:
        return float(np.sqrt(sum(min(edge(s), 0.0) ** 2 for edge in edges)))

    for share in (None, 0.25, 0.75):
        start = np.clip(np.zeros_like(low), low, high) if share is None else low + share * width
        result = minimize(
            goal,
            start,
            jac=goal.slope,
            method="SLSQP",
            bounds=list(zip(low, high, strict=True)),
            constraints=[{"type": "ineq", "fun": edge, "jac": edge.slope} for edge in edges],
            options={"maxiter": 50, "ftol": 1e-10},
        )
        s = np.clip(np.nan_to_num(result.x), low, high)
        value = goal(s) + 1e3 * max(lack(s) - 1e-6, 0.0)
        if value < least:
            best, least = s, value
    return best
