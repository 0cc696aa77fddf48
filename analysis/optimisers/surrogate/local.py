"""Local composite model: one quadratic of the goal and one of each property around a point.

Quantities that are fitted to the same points share one least-squares basis. Their constrained
problem, solved in trust boxes, gives points of class 1 where goal and properties themselves are
modelled: exact where these are quadratics, and as local as the points are where a global model is
not good enough.

There is a second centre. The best point alone would have to stay inside the windows on the way, and
along a curved edge this allows tiny steps only. So what a violation costs is read from the model
(Lagrange multipliers), and the other centre is the best at that price: an l1 penalty, as of
sequential quadratic programming (Nocedal & Wright, Numerical Optimization, 2006, chapter 18).
Where what is known is exact, and one of these two is the other or its minima are all known, the
search there is over, and the next basin at that price has its turn. With noise, most bottoms of
basins are chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls

from ...problem.merit import Windows
from ..geometry import hit, neighbours
from ..table import Points
from .nearness import Neighbourhood
from .shaping import priced, with_room

Floats = NDArray[np.float64]

TRUST = (3.0, 1.0, 0.3)
"""Sizes of the trust boxes, relative to the distance of the neighbours."""

PRICE = 2.0
"""What a violation costs, in Lagrange multipliers; below 1 it would pay."""

AIM = 0.02
"""How far inside an edge a minimum is looked for, in units of the tolerance or of the range among
the neighbours, whichever is smaller. A point on the edge itself is inside or outside by chance."""


def constrained_minima(
    x: Floats, points: Points, best: Sequence[int], windows: Windows, resolution: Floats
) -> list[Floats]:
    """Solve the locally modelled constrained problem in each trust box around each centre.

    Parameters
    ----------
    x : (N, d) array
        The points in the unit box.
    points : Points
        Their goals and properties, all measured.
    best : sequence of int
        Row of the best point; then of others that may be, each to be taken for it where the minima
        around the ones before are all known.
    windows : Windows
    resolution : (d,) array

    Returns
    -------
    list of (d,) array
        Places in the unit box, those around the best point first.
    """
    windows = with_room(windows)
    found: list[Floats] = []
    tried: list[int] = []
    for row in best:
        model = _Model(x, points, row, windows, resolution)
        minima = model.minima()
        found += minima
        tried.append(row)
        if not all(hit(x, place, resolution) for place in minima):
            break
    _, middle, _ = minima  # one for each of TRUST
    value = priced(points, windows, PRICE * model.multipliers(middle))
    for centre in _bottoms(x, value, resolution) if points.exact else [int(value.argmin())]:
        if centre not in tried:
            more = _Model(x, points, int(centre), windows, resolution).minima()
            found += more
            if not all(hit(x, place, resolution) for place in more):
                break
    return found


def _bottoms(x: Floats, value: Floats, resolution: Floats) -> NDArray[np.intp]:
    """Give the points that are better than their neighbours, the best first."""
    near = neighbours(x, min(x.shape[1] + 5, len(x) - 1), resolution)
    bottoms = np.flatnonzero(value < value[near].min(axis=1))
    return bottoms[np.argsort(value[bottoms], kind="stable")]


@dataclass(frozen=True)
class _Quadratic:
    """``c + g s + s G s / 2``."""

    constant: float
    gradient: Floats
    hessian: Floats

    def __call__(self, s: Floats) -> float:
        return float(self.constant + self.gradient @ s + 0.5 * s @ self.hessian @ s)

    def slope(self, s: Floats) -> Floats:
        """Gradient at s."""
        return np.asarray(self.gradient + self.hessian @ s)

    def less(self, amount: float) -> "_Quadratic":
        """Give the same, lower by this amount."""
        return replace(self, constant=self.constant - amount)

    def inside(self, sign: float, edge: float) -> "_Quadratic":
        """Give the distance inside an edge, a lower one (sign 1) or an upper one (sign -1)."""
        return _Quadratic(sign * (self.constant - edge), sign * self.gradient, sign * self.hessian)


class _Model:
    """Quadratics of the goal and of the room inside each edge, around one point."""

    def __init__(
        self, x: Floats, points: Points, centre: int, windows: Windows, resolution: Floats
    ) -> None:
        self._centre, self._resolution = x[centre], resolution
        # with noise, outside is not certain
        self._outside = x[points.exact & windows.violation(points.F).any(axis=1)]
        near = Neighbourhood(x, points, centre, windows)
        steps = x[near.close] - x[centre]
        self._reach = np.maximum(np.abs(steps).max(axis=0), resolution)
        # everything in units of its range among the neighbours
        spans = np.where(near.ranges > 0, near.ranges, 1.0)
        self._unit, self._spans = float(spans[0]), spans[1:]
        self._goal, *models = (_Quadratic(*near.quadratic(i, s)) for i, s in enumerate(spans))
        self._edges: list[_Quadratic] = []
        self._owners: list[int] = []
        for i, (model, span) in enumerate(zip(models, self._spans, strict=True)):
            for sign, edge, tolerance in (
                (1.0, windows.lower[i], windows.below[i]),
                (-1.0, windows.upper[i], windows.above[i]),
            ):
                if np.isfinite(edge):
                    margin = AIM * min(span, tolerance) / span
                    self._edges.append(model.inside(sign, edge / span).less(margin))
                    self._owners.append(i)

    def minima(self) -> list[Floats]:
        """Solve the problem in each trust box; the places (d,) in the unit box.

        The place of a known point that is outside cannot be asked for again. The minimum is then
        looked for so far inside that it must be another place.
        """
        found = []
        for trust in TRUST:
            place = self._minimum(trust, self._edges)
            if self._barred(place):
                slopes = [np.abs(edge.slope(place - self._centre)) for edge in self._edges]
                farther = [
                    edge.less(float(slope @ self._resolution))
                    for edge, slope in zip(self._edges, slopes, strict=True)
                ]
                place = self._minimum(trust, farther)
            found.append(place)
        return found

    def _barred(self, place: Floats) -> bool:
        """Say whether a place is that of a known point outside the windows."""
        return hit(self._outside, place, self._resolution)

    def _minimum(self, trust: float, edges: list[_Quadratic]) -> Floats:
        low = np.clip(self._centre - trust * self._reach, 0.0, 1.0) - self._centre
        high = np.clip(self._centre + trust * self._reach, 0.0, 1.0) - self._centre
        step = _solve(self._goal, edges, low, high)
        return np.asarray(np.clip(self._centre + step, 0.0, 1.0))

    def multipliers(self, y: Floats) -> Floats:
        """Estimate what room in each property is worth in the goal at y (d,): (m,), from 0 up.

        Least squares of the goal's gradient by those of the edges and of the walls that y is at.
        """
        step, walls = y - self._centre, np.eye(len(y))
        slopes = [edge.slope(step) for edge in self._edges]
        columns = np.array([*slopes, *walls[y <= 0.0], *-walls[y >= 1.0]]).T
        size = np.linalg.norm(columns, axis=0)
        size[size == 0.0] = 1.0
        weights = nnls(columns / size, self._goal.slope(step))[0] / size
        worth = np.zeros(len(self._spans))
        np.maximum.at(worth, self._owners, weights[: len(slopes)])
        return np.asarray(worth * self._unit / self._spans)


def _solve(goal: _Quadratic, edges: list[_Quadratic], low: Floats, high: Floats) -> Floats:
    """Minimise the goal where all edges leave room, from a few starts; else the lack of room."""
    start = np.clip(np.zeros_like(low), low, high)
    best, least = start, np.inf

    def lack(s: Floats) -> float:
        return float(np.sqrt(sum(min(edge(s), 0.0) ** 2 for edge in edges)))

    for share in (None, 0.25, 0.75):
        result = minimize(
            goal,
            start if share is None else low + share * (high - low),
            jac=goal.slope,
            method="SLSQP",
            bounds=list(zip(low, high, strict=True)),
            constraints=[{"type": "ineq", "fun": edge, "jac": edge.slope} for edge in edges],
            options={"maxiter": 50, "ftol": 1e-10},
        )
        s = np.clip(np.nan_to_num(result.x), low, high)
        found = goal(s) + 1e3 * max(lack(s) - 1e-6, 0.0)
        if found < least:
            best, least = s, found
    return best
