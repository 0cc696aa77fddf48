"""SNOBFIT: stable noisy optimisation by branch and fit, asked and told.

W. Huyer and A. Neumaier, ACM Trans. Math. Softw. 2008, 35, 9, with the soft constraints of Walker
et al., React. Chem. Eng. 2017, 2, 785. Here `boxes` (branch), `models` (fit of the merit), `batch`
(the classes of points), and the face; goal and windowed properties are modelled apart, in
`reactune.analysis.optimisers.surrogate`.

Boxes and models are rebuilt from the table of results at each ask. So it does not matter to them in
which batches the results came, and a changed merit is a new job by itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...problem.merit import reference
from ..arguments import LARGEST, apart, box, generator, one, share, whole
from ..ranking import Window, as_windows, current_scale, rank, within
from ..surrogate.composite import Surrogate
from ..surrogate.judge import Judge, Judges
from ..surrogate.local import constrained_minima
from ..surrogate.recommend import Best, choose
from ..surrogate.scales import Coordinates, Measured
from ..surrogate.search import Search, propose
from ..surrogate.verdict import Verdict, give
from ..table import SLACK, Known, Points, Table
from .batch import EXPLORE, FILL, LOCAL, MODEL, OTHER, REPLICATE, compose, latin_hypercube

__all__ = ["Best", "Measured", "Snobfit", "Verdict", "Window"]

Floats = NDArray[np.float64]

WHY = {
    MODEL: "class 1: minimum of the quadratic model around the best point",
    LOCAL: "class 2: minimum of the linear model around a local best point",
    OTHER: "class 3: minimum of the linear model around another point",
    EXPLORE: "class 4: explores a large box",
    FILL: "class 5: fills a gap between the points",
    REPLICATE: "replicate: no further place was found in the box at this resolution",
}


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
    model : {"composite", "merit"}
        What is modelled: goal and windowed properties (or the measured quantities) apart, or the
        merit. Without windows and measured quantities both ask the same, and only what noise does
        to what is handed over makes a difference.
    seed : int, optional
        Same seed and same results, same asks.
    measured : Measured, optional
        What the experiments measure, and how goal and properties follow from it; then `tell` needs
        y, and the composite model is one of y.
    scales : sequence of str, optional
        On what scale the composite model sees each variable: "linear", "log", "logit",
        "reciprocal" (absolute temperature) or "celsius" (1/T of a temperature in degC).

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
        model: str = "composite",
        seed: int | None = None,
        measured: Measured | None = None,
        scales: Sequence[str] | None = None,
    ) -> None:
        self.lower, self.upper = box(lower, upper)
        self._span = self.upper - self.lower
        if model not in ("composite", "merit"):
            raise ValueError(f'model must be "composite" or "merit", not {model!r}')
        self.windows = as_windows(windows)
        self.resolution = apart(resolution, self._span)
        # in the unit box; a place far from 0 is rounded by more than SLACK when it is brought back
        rounding = 4 * np.spacing(np.maximum(np.abs(self.lower), np.abs(self.upper)))
        beyond = np.maximum(rounding - (SLACK - 1) * self.resolution, 0.0)
        self._apart = (self.resolution + beyond) / self._span
        self.p, self.model = share(p), model
        self._rng = generator(seed)
        if not isinstance(measured, Measured | None):
            raise ValueError(f"measured must be a Measured, or None, not {measured!r}")
        self.measured = measured
        self._coordinates = Coordinates(self.lower, self.upper, scales)
        self._table = Table(
            self.lower.size, len(self.windows), measured.count if measured else 0, self.resolution
        )
        self._fitted: tuple[int, Surrogate | None] | None = None  # rows it was made of, the model
        self._bench: tuple[int, Judges] | None = None  # the same of those who judge
        self._asked: Floats = np.zeros((0, self.lower.size))
        self._kinds: list[int] = []
        self._notes: list[str] = []
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
            asked for and not told yet. Only if no further place is found in the box, the best
            points are asked again, and `why` says so.
        """
        n = whole(n)
        known, surrogate, leads, notes = self._known(), self._surrogate(), None, dict[bytes, str]()
        if surrogate is not None:
            pending = self._coordinates.to_cube(self._asked[self._pending])
            search = Search(surrogate, pending, self._rng)
            chosen = propose(search, n, known, self._apart, self._unit, self._local())
            leads = np.array([y for y, _ in chosen]).reshape(-1, self.lower.size)
            notes = {y.tobytes(): note for y, note in chosen}
        elif not len(known.x) and self._composite:
            design = latin_hypercube(n, self.lower.size, self._rng, walls=True)
            leads = self._unit(self._coordinates.to_box(2 * design - 1))
        places, kinds = compose(n, known, self.p, self._apart, self._rng, leads)
        x: Floats = np.clip(self.lower + places * self._span, self.lower, self.upper)
        self._pending += range(len(self._kinds), len(self._kinds) + n)
        self._asked = np.vstack([self._asked, x])
        self._kinds += kinds
        self._notes += [
            notes.get(y.tobytes(), "") if kind == MODEL else ""
            for y, kind in zip(places, kinds, strict=True)
        ]
        return x

    def tell(
        self,
        x: ArrayLike,
        f: ArrayLike,
        F: ArrayLike | None = None,
        df: ArrayLike | None = None,
        dF: ArrayLike | None = None,
        y: ArrayLike | None = None,
        dy: ArrayLike | None = None,
    ) -> None:
        """Take in results: of any points, in any order, repeats included.

        Parameters
        ----------
        x : (k, d) array_like
            Conditions as asked for, or others. A row within the resolution of a point asked for
            answers it; rows outside the box are used too.
        f : (k,) array_like
            Goals; NaN or infinite for a failed experiment, which only keeps later points away. A
            row with a number beyond 1e100 to be modelled counts as failed, too.
        F : (k, m) array_like, optional
            Windowed properties; a row with one that is not finite counts as failed.
        df, dF : (k,) and (k, m) array_like, optional
            Standard uncertainties of f and F (one number for all is enough). Where 0, NaN or not
            given, and at least, sqrt(eps), of the largest value if all are below 1. State them
            when there is noise, or the models of the merit believe every value; the composite
            model estimates what noise there is beyond them.
        y, dy : (k, q) array_like
            Measured quantities and their uncertainties, if the optimiser was made with `measured`.
        """
        points, values, errors = self._table.rows(x, f, F, df, dF, y, dy)
        if self.measured is not None:  # whose function is refused here, or never
            first = 1 + len(self.windows)
            self.measured.outcome(values[:, first:], points, len(self.windows))
        self._table.append(points, values, errors)
        for position in points:
            gap = np.abs(self._asked[self._pending] - position) / self.resolution
            if len(gap) and (nearest := gap.max(axis=1)).min() < 1.0:
                del self._pending[int(nearest.argmin())]

    # -- what is known --------------------------------------------------------

    def best(self, feasible: bool = False) -> Best | None:
        """Give the best point so far, one told from outside the box included.

        Where there is noise, goal, merit and windows are those that the composite model expects,
        not those that were measured.

        Parameters
        ----------
        feasible : bool
            False: the lowest merit. True: the lowest goal among the points inside all windows.
            Without windows both are the same.

        Returns
        -------
        Best or None
            None while there is no such point.
        """
        points = self._table.points()

        return choose(
            points,
            self._rank(points)[0],
            self.windows,
            current_scale(points, self.windows, self._scale, len(self._table)),
            self._judge(),
            self._judges().around,
            feasible,
        )

    def verdict(self) -> Verdict | None:
        """Say whether going on is worth it: see `Verdict`; None while nothing is certain."""
        surrogate = self._surrogate()
        return None if surrogate is None else give(surrogate, len(self._table))

    def why(self, x: ArrayLike) -> str:
        """Say why a point was asked for last: its SNOBFIT class in words, the window it probes."""
        position = one(x, self.lower.size)
        asked = np.flatnonzero((np.abs(self._asked - position) < self.resolution).all(axis=1))
        if not asked.size:
            return "given: not asked for by the optimiser"
        return self._notes[asked[-1]] or WHY[self._kinds[asked[-1]]]

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
            "measured": int(self.measured.count) if self.measured else 0,
            "scales": list(self._coordinates.scales),
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
                "notes": list(self._notes),
                "pending": list(self._pending),
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], measured: Measured | None = None) -> Self:
        """Continue from a `state`: the next ask is the one that the original would have given.

        `measured` is needed again where it was given, since no state holds a function.
        """
        schema = state.get("schema") if isinstance(state, Mapping) else None
        if schema != 1:
            raise ValueError(
                f"the optimiser's state has schema {schema!r}, this version reads 1; start a new "
                "optimiser and tell it the old results"
            )
        count = measured.count if isinstance(measured, Measured) else 0
        if state.get("measured", count) != count:
            raise ValueError(
                f"the optimiser was made with {state['measured']} measured quantities; give the "
                "same `measured` again"
            )
        try:
            return cls._restored(state, measured)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"the state is not one of Snobfit, or it is damaged ({error}); start a new "
                "optimiser and tell it the old results"
            ) from error

    @classmethod
    def _restored(cls, state: Mapping[str, Any], measured: Measured | None) -> Self:
        """Make an optimiser of its state; whatever is raised says that this is none."""
        self = cls(
            state["lower"],
            state["upper"],
            [(a, b, (c, d)) for a, b, (c, d) in state["windows"]],
            resolution=state["resolution"],
            p=state["p"],
            model=state["model"],
            measured=measured,
            scales=state["scales"],
        )
        self._rng.bit_generator.state = state["rng"]
        if state["scale"] is not None:
            f0, delta = map(float, state["scale"])
            self._scale = f0, delta
        told, asked = state["told"], state["asked"]
        columns = self._table.values.shape[1]
        count = len(told["x"])
        self._table.append(
            _rows(told["x"], count, self.lower.size),
            _rows(told["values"], count, columns),
            _rows(told["errors"], count, columns),
        )
        self._kinds, self._notes = list(asked["kinds"]), list(asked["notes"])
        self._pending = list(asked["pending"])
        self._asked = _rows(asked["x"], len(self._kinds), self.lower.size)
        known = set(self._kinds) <= set(WHY) and set(self._pending) <= set(range(len(self._kinds)))
        places = np.isfinite(np.vstack([self._table.x, self._asked])).all()
        if not (known and places) or len(self._notes) != len(self._kinds):
            raise ValueError("points asked for, their classes and reasons do not match")
        return self

    # -- inside ---------------------------------------------------------------

    def _known(self) -> Known:
        """All positions taken, in the unit box, with what is to be minimised."""
        points = self._table.points()
        enough = points.measured.sum() > 2 * self.lower.size
        inside = within(self.windows, points.F)
        if self._scale is None and len(self.windows) and enough and inside.any():
            measured = points.measured
            self._scale = reference(points.f[measured], points.F[measured], self.windows)
        merit, error = self._rank(points)
        pending = self._asked[self._pending]
        blank = np.full(len(pending), np.nan)
        return Known(
            self._unit(np.vstack([points.x, pending])),
            np.r_[merit, blank],
            np.r_[error, blank],
            np.r_[~points.measured, np.zeros(len(pending), dtype=bool)],
            self._unit(self._table.beside),
        )

    def _rank(self, points: Points) -> tuple[Floats, Floats]:
        """Compute what ranks each point now, and its uncertainty; NaN for failures."""
        return rank(points, self.windows, self._scale, len(self._table))

    def _surrogate(self) -> Surrogate | None:
        """Fit the composite model, unless there is nothing to fit or it would gain nothing."""
        if not self._composite:
            return None
        if self._fitted is None or self._fitted[0] != len(self._table):
            points, fit = self._table.points(), None
            if points.measured.sum() >= self.lower.size + 2:
                merit = self._rank(points)[0]
                fit = Surrogate(points, merit, self._coordinates, self.windows, self.measured)
            self._fitted = len(self._table), fit
        return self._fitted[1]

    def _judges(self) -> Judges:
        """Give those who know the neighbourhoods of points."""
        if self._bench is None or self._bench[0] != len(self._table):
            judges = Judges(self._table.points(), self._coordinates, self.windows)
            self._bench = len(self._table), judges
        return self._bench[1]

    def _judge(self) -> Judge | Surrogate | None:
        """Give the model that judges the points: of what was measured, or local."""
        if self.model == "merit" or self.measured is not None:
            return self._surrogate()
        points = self._table.points()
        f = points.f[points.measured]
        noisy = not points.exact and np.abs(f).max(initial=0.0) < LARGEST
        if (len(self.windows) or noisy) and len(f) >= self.lower.size + 2:
            return self._judges().best
        return None

    def _local(self) -> list[Floats]:
        """Places that local quadratics of goal and properties propose, in the unit box."""
        if not isinstance(self._judge(), Judge):
            return []
        points, judges = self._table.points(), self._judges()
        centres = dict.fromkeys([judges.best.around, judges.expected.around])
        best = [int(points.measured[:row].sum()) for row in centres]  # among those measured
        points = points.take(points.measured)
        return constrained_minima(self._unit(points.x), points, best, self.windows, self._apart)

    @property
    def _composite(self) -> bool:
        """Whether a composite model differs from one of the merit."""
        return self.model == "composite" and (len(self.windows) > 0 or self.measured is not None)

    def _unit(self, x: Floats) -> Floats:
        """Points of the box in the unit box."""
        return np.asarray((x - self.lower) / self._span)


def _rows(given: Sequence[Sequence[float | None]], count: int, columns: int) -> Floats:
    """Make an array of the rows of a state."""
    rows = np.array(given, dtype=float)
    if rows.shape != (count, columns) and rows.size + count:
        raise ValueError(f"rows of shape {rows.shape} instead of {(count, columns)}")
    return rows.reshape(count, columns)


def _plain(value: float) -> float | None:
    """Give JSON null for what JSON has no number for."""
    return float(value) if math.isfinite(value) else None
