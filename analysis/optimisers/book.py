"""The book that every optimiser keeps: what it was told, and the models made of it, each once.

Who proposes points and who judges them are two questions. Any optimiser that keeps a book has its
points judged alike (`reactune.analysis.optimisers.recommend`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..one_thread import on_one_thread
from ..problem.merit import PENALTY_ALONE, reference
from ..written import LARGEST
from .arguments import apart, box
from .ranking import Window, as_windows, current_scale, rank, within
from .settable import Settable
from .surrogate.before import Before
from .surrogate.composite import MOST, Surrogate
from .surrogate.doubt import Doubt
from .surrogate.judge import Judge, Judges
from .surrogate.judging import LIKELY
from .surrogate.scales import Coordinates, Measured
from .table import Points, Table

Floats = NDArray[np.float64]

T = TypeVar("T")

ROUNDS = 4
"""How often at most a model is fitted to what the one before did not contradict."""

SPREAD = "class 5: spread over all that is allowed"
"""Why a point is asked for while nothing has been measured."""


class Book:
    """Results in a box with soft windows, and what the models make of them.

    Parameters
    ----------
    lower, upper, windows, resolution, model, measured, scales, settable, goals
        As for `reactune.analysis.optimisers.snobfit.Snobfit`, which documents them. With model
        "merit" points are judged as they were measured, as in the paper.

    Attributes
    ----------
    lower, upper, resolution : (d,) array
        In the user's units.
    windows : Windows
        Of a second goal an open one, the last.
    goals : int
    coordinates : Coordinates
    measured : Measured or None
    model : {"composite", "merit"}
    settable : Settable or None
    table : Table
    held : int or None
        The distinct point that was handed over at the last ask.
    confidence : float
        How likely a point has to be inside all windows to be handed over, if one is.

    Raises
    ------
    ValueError
        If an argument makes no sense; the message says which and what to give instead.
    """

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        windows: Sequence[Window] | None = None,
        *,
        resolution: ArrayLike | None = None,
        model: str = "composite",
        measured: Measured | None = None,
        scales: Sequence[str] | None = None,
        settable: Settable | None = None,
        goals: int = 1,
    ) -> None:
        self.lower, self.upper = box(lower, upper)
        if model not in ("composite", "merit"):
            raise ValueError(f'model must be "composite" or "merit", not {model!r}')
        self.model = model
        if goals not in (1, 2) or (goals == 2 and (model != "composite" or measured is None)):
            raise ValueError(
                f"goals must be 1, or 2 of the composite model of what is measured, not {goals!r}"
            )
        self.goals = goals
        self.windows = as_windows(windows).opened(goals - 1)
        self.resolution = apart(resolution, self.upper - self.lower)
        if not isinstance(measured, Measured | None):
            raise ValueError(f"measured must be a Measured, or None, not {measured!r}")
        self.measured = measured
        self.settable = settable
        self.coordinates = Coordinates(self.lower, self.upper, scales, settable)
        self.table = Table(
            self.lower.size, len(self.windows), measured.count if measured else 0, self.resolution
        )
        # rows they were made of, the model, those that it leaves out
        self._fitted: tuple[int, Surrogate | None, list[Doubt]] | None = None
        self._bench: tuple[int, Judges] | None = None  # the same of those who judge
        # f0 and delta, once fixed; two goals have no common scale, so that the penalty alone ranks
        self._scale: tuple[float, float] | None = PENALTY_ALONE if goals > 1 else None
        self.held: int | None = None
        self.confidence = LIKELY
        self._before: Before | None = None
        # what was worked out of it as it stood then
        self._stood: tuple[object, ...] = ()
        self._known: dict[str, Any] = {}

    @property
    def before(self) -> Before | None:
        """What the models know of an earlier campaign; it is no result of this one."""
        return self._before

    @before.setter
    def before(self, before: Before | None) -> None:
        self._before, self._fitted, self._stood = before, None, ()

    def once(self, what: str, work_out: Callable[[], T]) -> T:
        """Give what follows from the book alone, worked out once as long as it stands as it does.

        Parameters
        ----------
        what : str
            Its name.
        work_out : callable
        """
        stands = len(self.table), self.held, self.confidence, self._scale
        if self._stood != stands:
            self._stood, self._known = stands, {}
        if what not in self._known:
            self._known[what] = work_out()
        found: T = self._known[what]
        return found

    def tell(
        self,
        x: ArrayLike,
        f: ArrayLike,
        F: ArrayLike | None = None,
        df: ArrayLike | None = None,
        dF: ArrayLike | None = None,
        y: ArrayLike | None = None,
        dy: ArrayLike | None = None,
    ) -> Floats:
        """Write results down; see `reactune.analysis.optimisers.snobfit.Snobfit.tell`.

        Returns
        -------
        (k, d) array
            The points told.
        """
        points, values, errors = self.table.rows(x, f, F, df, dF, y, dy)
        if self.measured is not None:  # whose function is refused here, or never
            first = 1 + len(self.windows)
            self.measured.outcome(values[:, first:], points, len(self.windows))
        self.table.append(points, values, errors)
        return points

    def unit(self, x: Floats) -> Floats:
        """Points of the box in the unit box."""
        return np.asarray((x - self.lower) / (self.upper - self.lower))

    def seen(self, y: Floats) -> Floats:
        """Points of the unit box where the models see them, from 0 to 1 along each axis."""
        x = self.lower + y * (self.upper - self.lower)
        return np.asarray((self.coordinates.to_cube(x) + 1) / 2)

    # -- how the points rank as measured ------------------------------------------------------

    def rank(self, points: Points) -> tuple[Floats, Floats]:
        """Compute what ranks each point now, and its uncertainty; NaN for failures."""
        return rank(points, self.windows, self._scale, len(self.table))

    @property
    def scale(self) -> tuple[float, float] | None:
        """f0 and delta of the merit now; None while the penalty alone ranks."""
        if self.goals > 1:
            return None
        return current_scale(self.points(), self.windows, self._scale, len(self.table))

    def fix_scale(self) -> None:
        """Fix f0 and delta, once, as soon as a feasible point and more than 2 d in all are known.

        For the optimiser to call before it asks (Walker et al. 2017).
        """
        points = self.points()
        enough = points.measured.sum() > 2 * self.lower.size
        inside = within(self.windows, points.F)
        if self._scale is None and len(self.windows) and enough and inside.any():
            measured = points.measured
            self._scale = reference(points.f[measured], points.F[measured], self.windows)

    # -- models -------------------------------------------------------------------------------

    @property
    def composite(self) -> bool:
        """Whether a composite model differs from one of the merit, which knows ranges alone."""
        more = len(self.windows) > 0 or self.measured is not None or self.settable is not None
        return self.model == "composite" and more

    def surrogate(self) -> Surrogate | None:
        """Fit the composite model, unless there is nothing to fit or it would gain nothing."""
        return self._fit() if self.composite else None

    @on_one_thread
    def overview(self) -> Surrogate | None:
        """Give the composite model for questions about the whole box, not only the best point."""
        fit = self.surrogate()
        _, points = self.table.experiments([doubt.row for doubt in self.doubted()])
        return fit if fit is None or len(points.f) <= MOST else self._model(points, everywhere=True)

    def _model(self, points: Points, everywhere: bool = False) -> Surrogate:
        return Surrogate(
            points,
            self.rank(points)[0],
            self.coordinates,
            self.windows,
            self.measured,
            self.goals,
            everywhere,
            self.before,
        )

    def _fit(self) -> Surrogate | None:
        if self._fitted is None or self._fitted[0] != len(self.table):
            self._fitted = len(self.table), *self._believed()
        return self._fitted[1]

    def doubted(self) -> list[Doubt]:
        """Give the results that all others contradict, and that no repeat has confirmed.

        They are left out of models and judgement until one has. Where repeats have shown that
        nothing scatters it is the models that are wrong.
        """
        return self._fitted[2] if self.surrogate() is not None and self._fitted else []

    def points(self) -> Points:
        """Give the distinct points, by all results but those `doubted`."""
        without = [doubt.row for doubt in self.doubted()]
        return self.once("points", lambda: self.table.points(without))

    @on_one_thread
    def _believed(self) -> tuple[Surrogate | None, list[Doubt]]:
        """Fit the composite model to what it does not contradict."""
        doubts: list[Doubt] = []
        scatters = not self.table.reproducible
        for _ in range(ROUNDS):
            rows, points = self.table.experiments([doubt.row for doubt in doubts])
            enough = 1 if self.before is not None else self.lower.size + 2
            if len(set(points.place)) < enough:
                return None, []
            fit = self._model(points)
            if not scatters:
                break
            found = [Doubt(int(rows[i]), k, size) for i, k, size in fit.contradicted()]
            if not found:
                break
            doubts += found
        return fit, doubts

    def judges(self) -> Judges:
        """Give those who know the neighbourhoods of points."""
        if self._bench is None or self._bench[0] != len(self.table):
            judges = Judges(self.points(), self.coordinates, self.windows)
            self._bench = len(self.table), judges
        return self._bench[1]

    def judge(self) -> Judge | Surrogate | None:
        """Give the model that judges the points: of what was measured, or local."""
        if self.model == "merit" or self.measured is not None or self.settable is not None:
            return self.surrogate()
        points = self.points()
        f = points.f[points.measured]
        noisy = not points.exact and np.abs(f).max(initial=0.0) < LARGEST
        if (len(self.windows) or noisy) and len(f) >= self.lower.size + 2:
            return self.judges().best
        return None

    def explain(self) -> Judge | Surrogate | None:
        """Give the model that says what a repeat of a point would give.

        With model "merit" that is another one than chooses the points.
        """
        if self.model == "merit" and self.measured is not None:
            return self._fit()
        return self.judge()

    def expects(self) -> Judge | Surrogate | None:
        """Give what `explain` does, or a model of results too few to choose points by."""
        if (known := self.explain()) is not None or self.measured is None:
            return known
        _, points = self.table.experiments()
        return self._model(points) if len(points.f) else None

    # -- state --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Give everything in it, for `json.dumps`."""
        w, own = self.windows, len(self.windows) + 1 - self.goals
        rows = [*zip(w.lower, w.upper, w.below, w.above, strict=True)][:own]
        several = {"goals": self.goals} if self.goals > 1 else {}
        return {
            **several,
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "windows": [[_plain(a), _plain(b), [float(c), float(d)]] for a, b, c, d in rows],
            "resolution": self.resolution.tolist(),
            "model": self.model,
            "measured": int(self.measured.count) if self.measured else 0,
            "scales": list(self.coordinates.scales),
            "scale": list(self._scale) if self._scale and self.goals == 1 else None,
            "held": self.held,
            "told": {
                "x": self.table.x.tolist(),
                "values": [[_plain(v) for v in row] for row in self.table.values],
                "errors": self.table.errors.tolist(),
            },
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        measured: Measured | None = None,
        settable: Settable | None = None,
    ) -> Self:
        """Make a book of its `state`; whatever is raised says that this is none.

        `measured` and `settable` are needed again where they were given, since no state holds a
        function.
        """
        self = cls(
            state["lower"],
            state["upper"],
            [(a, b, (c, d)) for a, b, (c, d) in state["windows"]],
            resolution=state["resolution"],
            model=state["model"],
            measured=measured,
            scales=state["scales"],
            settable=settable,
            goals=state.get("goals", 1),
        )
        if state["scale"] is not None:
            f0, delta = map(float, state["scale"])
            self._scale = f0, delta
        told, columns = state["told"], self.table.values.shape[1]
        count = len(told["x"])
        x, values, errors = (
            rows_of(told[key], count, width)
            for key, width in (("x", self.lower.size), ("values", columns), ("errors", columns))
        )
        self.table.append(x, values, errors)
        if not np.isfinite(x).all():
            raise ValueError("a point told is not finite")
        if (held := state.get("held")) is not None:  # earlier versions held nothing
            self.held = range(len(self.table.places)).index(held)
        return self


def check_measured(state: Mapping[str, Any], measured: Measured | None) -> None:
    """Refuse a state of an optimiser that was made with other measured quantities."""
    count = measured.count if isinstance(measured, Measured) else 0
    if state.get("measured", count) != count:
        raise ValueError(
            f"the optimiser was made with {state['measured']} measured quantities; give the "
            "same `measured` again"
        )


def rows_of(given: Sequence[Sequence[float | None]], count: int, columns: int) -> Floats:
    """Make an array of the rows of a state."""
    rows = np.array(given, dtype=float)
    if rows.shape != (count, columns) and rows.size + count:
        raise ValueError(f"rows of shape {rows.shape} instead of {(count, columns)}")
    return rows.reshape(count, columns)


def _plain(value: float) -> float | None:
    """Give JSON null for what JSON has no number for."""
    return float(value) if math.isfinite(value) else None
