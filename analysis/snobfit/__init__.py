"""SNOBFIT: stable noisy optimisation by branch and fit, asked and told.

W. Huyer and A. Neumaier, ACM Trans. Math. Softw. 2008, 35, 9, with the soft constraints of Walker
et al., React. Chem. Eng. 2017, 2, 785. Rooms: `table` (what was told), `boxes` (branch), `models`
and `minq` (fit), `batch` (the classes of points), and here the face.

Boxes and models are rebuilt from the table of results at each ask. So it does not matter in which
batches the results came, and a changed merit is a new job by itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..merit import Windows, reference, soft_merit
from .batch import EXPLORE, FILL, LOCAL, MODEL, OTHER, REPLICATE, Known, compose
from .table import EXACT, Points, Table

__all__ = ["Best", "Snobfit"]

Floats = NDArray[np.float64]
Tolerance = float | tuple[float | None, float | None] | None
Window = tuple[float | None, float | None, Tolerance]

PATIENCE = 50
"""Experiments without a feasible one after which the goal counts too (Walker et al. 2017)."""

WHY = {
    MODEL: "class 1: minimum of the quadratic model around the best point",
    LOCAL: "class 2: minimum of the linear model around a local best point",
    OTHER: "class 3: minimum of the linear model around another point",
    EXPLORE: "class 4: explores a large box",
    FILL: "class 5: fills a gap between the points",
    REPLICATE: "replicate: no place is left in the box at this resolution",
}


@dataclass(frozen=True)
class Best:
    """The best point so far.

    Attributes
    ----------
    x : (d,) array
        Where, in the user's units.
    f : float
        Goal measured there, the mean of its repeats.
    F : (m,) array
        Windowed properties measured there.
    merit : float
        What ranks the points now: f itself without windows; else the penalty p while no point is
        feasible (for at most 50 experiments), then the soft merit.
    feasible : bool
        Whether it is inside all windows.
    """

    x: Floats
    f: float
    F: Floats
    merit: float
    feasible: bool


class Snobfit:
    """Minimise an expensive noisy function in a box, within soft windows, batch by batch.

    Parameters
    ----------
    lower, upper : (d,) array_like
        The box, in the user's units. Nothing outside is ever asked for.
    windows : sequence of (F_lower, F_upper, tolerance), optional
        Soft windows on m properties. None or an infinite edge leaves a side open; the tolerance is
        one number above 0, or one below and one above (None where the side is open).
    resolution : float or (d,) array_like, optional
        Two points nearer than this in every variable are one point, in the user's units; default
        1e-5 of the box.
    p : float
        Share of exploring points (class 4) among those that class 1 leaves, 0 to 1.
    model : {"merit"}
        What is modelled: the merit itself.
    seed : int, optional
        Same seed and same results, same asks.

    Raises
    ------
    ValueError
        If an argument makes no sense; the message says which and what to give instead.

    Notes
    -----
    With windows, points are ranked by their penalty until one is feasible or 50 have been tried,
    then by the soft merit. Its f0 and delta are fixed, once as in Walker et al., at the first ask
    that knows a feasible point and more than 2 d points in all. (Following all points instead lets
    delta shrink as they gather round the optimum: the goal then outweighs the windows, and fewer
    points are feasible.)
    """

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        windows: Sequence[Window] | None = None,
        *,
        resolution: ArrayLike | None = None,
        p: float = 0.5,
        model: str = "merit",
        seed: int | None = None,
    ) -> None:
        self.lower = np.atleast_1d(np.array(lower, dtype=float))
        self.upper = np.atleast_1d(np.array(upper, dtype=float))
        if self.lower.ndim != 1 or self.lower.shape != self.upper.shape or not self.lower.size:
            raise ValueError(
                f"lower and upper must be two vectors of the same length, not of shapes "
                f"{self.lower.shape} and {self.upper.shape}"
            )
        self._span = self.upper - self.lower
        if not (np.isfinite(self._span) & (self._span > 0)).all():
            raise ValueError(
                f"lower must be below upper, both finite: {self.lower} and {self.upper} are not"
            )
        if model != "merit":
            raise ValueError(f'model must be "merit", not {model!r}')
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p, the share of exploring points, must be from 0 to 1, not {p}")
        self.windows = Windows.of([_closed(w) for w in windows or ()])
        gap = 1e-5 * self._span if resolution is None else np.asarray(resolution, dtype=float)
        if gap.shape not in ((), self.lower.shape) or not (np.isfinite(gap) & (gap > 0)).all():
            raise ValueError(
                f"resolution must be above 0, one number or one for each of the "
                f"{self.lower.size} variables, not {gap}"
            )
        self.resolution = np.broadcast_to(gap, self.lower.shape).copy()
        self.p, self.model = float(p), model
        self._rng = np.random.default_rng(seed)
        self._table = Table(self.lower.size, len(self.windows), self.resolution)
        self._asked: Floats = np.zeros((0, self.lower.size))
        self._kinds: list[int] = []
        self._pending: list[int] = []  # rows of _asked
        self._scale: tuple[float, float] | None = None  # f0 and delta, once fixed

    # -- the two verbs --------------------------------------------------------

    def ask(self, n: int) -> Floats:
        """Choose the next n points.

        Parameters
        ----------
        n : int
            How many, at least 1.

        Returns
        -------
        (n, d) array
            Points inside the box. None is within the resolution of another, of one told, or of one
            asked for and not told yet. Only if the box holds no further place, the best points are
            asked again, and `why` says so.
        """
        if n < 1:
            raise ValueError(f"ask for at least 1 point, not {n}")
        places, kinds = compose(n, self._known(), self.p, self.resolution / self._span, self._rng)
        x: Floats = np.clip(self.lower + places * self._span, self.lower, self.upper)
        self._pending += range(len(self._kinds), len(self._kinds) + n)
        self._asked = np.vstack([self._asked, x])
        self._kinds += kinds
        return x

    def tell(
        self,
        x: ArrayLike,
        f: ArrayLike,
        F: ArrayLike | None = None,
        df: ArrayLike | None = None,
        dF: ArrayLike | None = None,
    ) -> None:
        """Take in results: of any points, in any order, repeats included.

        Parameters
        ----------
        x : (k, d) array_like
            Conditions as asked for, or others. A row within the resolution of a point asked for
            answers it; rows outside the box are used too.
        f : (k,) array_like
            Goals; NaN for a failed experiment, which only keeps later points away.
        F : (k, m) array_like, optional
            Windowed properties; a row with one that is not finite counts as failed.
        df, dF : (k,) and (k, m) array_like, optional
            Standard uncertainties of f and F (one number for all is enough); sqrt(eps) where 0, NaN
            or not given. State them when there is noise, or the models believe every value.
        """
        points, values, errors = self._table.rows(x, f, F, df, dF)
        self._table.append(points, values, errors)
        for position in points:
            gap = np.abs(self._asked[self._pending] - position) / self.resolution
            if len(gap) and (nearest := gap.max(axis=1)).min() < 1.0:
                del self._pending[int(nearest.argmin())]

    # -- what is known --------------------------------------------------------

    def best(self, feasible: bool = False) -> Best | None:
        """Give the best point so far.

        Parameters
        ----------
        feasible : bool
            False: the lowest merit. True: the lowest goal among the points inside all windows.

        Returns
        -------
        Best or None
            None while there is no such point.
        """
        points = self._table.points()
        merit, _ = self._rank(points)
        inside = points.measured & self._feasible(points.F)
        score = (
            np.where(inside, points.f, np.inf)
            if feasible
            else np.where(points.measured, merit, np.inf)
        )
        if not np.isfinite(score).any():
            return None
        i = int(score.argmin())
        return Best(
            points.x[i].copy(),
            float(points.f[i]),
            points.F[i].copy(),
            float(merit[i]),
            bool(inside[i]),
        )

    def why(self, x: ArrayLike) -> str:
        """Say why a point was asked for: its SNOBFIT class in words."""
        position = np.asarray(x, dtype=float).reshape(self.lower.shape)
        asked = np.flatnonzero((np.abs(self._asked - position) < self.resolution).all(axis=1))
        return (
            WHY[self._kinds[asked[-1]]] if asked.size else "given: not asked for by the optimiser"
        )

    # -- state ----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Give everything that the next ask depends on, for `json.dumps`."""
        w = self.windows
        rows = zip(w.lower, w.upper, w.below, w.above, strict=True)
        return {
            "schema": 1,
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "windows": [[_plain(a), _plain(b), [float(c), float(d)]] for a, b, c, d in rows],
            "resolution": self.resolution.tolist(),
            "p": self.p,
            "model": self.model,
            "scale": self._scale and list(self._scale),
            "rng": self._rng.bit_generator.state,
            "told": {
                "x": self._table.x.tolist(),
                "values": [[_plain(v) for v in row] for row in self._table.values],
                "errors": self._table.errors.tolist(),
            },
            "asked": {
                "x": self._asked.tolist(),
                "kinds": list(self._kinds),
                "pending": list(self._pending),
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Continue from a `state`: the next ask is the one that the original would have given."""
        if state.get("schema") != 1:
            raise ValueError(
                f"the optimiser's state has schema {state.get('schema')!r}, this version reads 1; "
                "start a new optimiser and tell it the old results"
            )
        self = cls(
            state["lower"],
            state["upper"],
            [(a, b, (c, d)) for a, b, (c, d) in state["windows"]],
            resolution=state["resolution"],
            p=state["p"],
            model=state["model"],
        )
        self._rng.bit_generator.state = state["rng"]
        self._scale = state["scale"] and (state["scale"][0], state["scale"][1])
        told, asked, dim, columns = (
            state["told"],
            state["asked"],
            self.lower.size,
            1 + len(self.windows),
        )
        self._table.append(
            np.array(told["x"], dtype=float).reshape(-1, dim),
            np.array(told["values"], dtype=float).reshape(-1, columns),
            np.array(told["errors"], dtype=float).reshape(-1, columns),
        )
        self._asked = np.array(asked["x"], dtype=float).reshape(-1, dim)
        self._kinds, self._pending = list(asked["kinds"]), list(asked["pending"])
        return self

    # -- inside ---------------------------------------------------------------

    def _known(self) -> Known:
        """All positions taken, in the unit box, with what is to be minimised."""
        points = self._table.points()
        enough = points.measured.sum() > 2 * self.lower.size
        if self._scale is None and len(self.windows) and enough and self._feasible(points.F).any():
            measured = points.measured
            self._scale = reference(points.f[measured], points.F[measured], self.windows)
        merit, error = self._rank(points)
        pending = self._asked[self._pending]
        blank = np.full(len(pending), np.nan)
        return Known(
            (np.vstack([points.x, pending]) - self.lower) / self._span,
            np.r_[merit, blank],
            np.r_[error, blank],
            np.r_[~points.measured, np.zeros(len(pending), dtype=bool)],
        )

    def _feasible(self, F: Floats) -> NDArray[np.bool_]:
        """Say of each row whether it is inside all windows; a failed one is not."""
        return np.asarray((self.windows.violation(F) == 0).all(axis=1))

    def _rank(self, points: Points) -> tuple[Floats, Floats]:
        """Compute what ranks each point now, and its uncertainty; NaN for failures."""
        if not len(self.windows):
            return points.f, points.df
        merit, error = np.full((2, len(points.f)), np.nan)
        f, F, df, dF = (a[points.measured] for a in (points.f, points.F, points.df, points.dF))
        if self._scale is not None or self._feasible(F).any() or len(self._table) >= PATIENCE:
            f0, delta = self._scale or reference(f, F, self.windows)

            def score(f: Floats, F: Floats) -> Floats:
                return soft_merit(f, F, self.windows, f0, delta)
        else:

            def score(f: Floats, F: Floats) -> Floats:
                return self.windows.penalty(F)

        merit[points.measured] = score(f, F)
        # first-order propagation by central differences over one standard uncertainty each
        changes = [score(f + df, F) - score(f - df, F)]
        for shift in dF.T[:, :, None] * np.eye(len(self.windows))[:, None, :]:
            changes.append(score(f, F + shift) - score(f, F - shift))
        error[points.measured] = np.maximum(0.5 * np.linalg.norm(changes, axis=0), EXACT)
        return merit, error


def _closed(window: Window) -> tuple[float, float, tuple[float, float]]:
    """Spell out open edges as infinite, and give the open side, which needs none, a tolerance."""
    lower, upper, tolerance = window
    low = -math.inf if lower is None else float(lower)
    high = math.inf if upper is None else float(upper)
    below, above = tolerance if isinstance(tolerance, Sequence) else (tolerance, tolerance)
    return low, high, (_side(below, low, window), _side(above, high, window))


def _side(tolerance: float | None, edge: float, window: Window) -> float:
    """Tolerance beside an edge."""
    if math.isinf(edge):
        return 1.0  # never used
    if tolerance is None:
        raise ValueError(f"window {window}: its edge {edge:g} needs a tolerance above 0")
    return float(tolerance)


def _plain(value: float) -> float | None:
    """Give JSON null for what JSON has no number for."""
    return float(value) if math.isfinite(value) else None
