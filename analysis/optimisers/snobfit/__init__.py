"""SNOBFIT: stable noisy optimisation by branch and fit, asked and told.

W. Huyer and A. Neumaier, ACM Trans. Math. Softw. 2008, 35, 9, with the soft constraints of Walker
et al., React. Chem. Eng. 2017, 2, 785. Here `boxes` (branch), `models` (fit of the merit), `batch`
(the classes of points), and the face; goal and windowed properties are modelled apart, in
`reactune.analysis.optimisers.surrogate`.

Boxes and models are rebuilt from the table of results at each ask. So it does not matter to them in
which batches the results came, and a changed merit is a new job by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...one_thread import on_one_thread
from ..arguments import generator, share, whole
from ..asked import Asked
from ..book import SPREAD, Book, check_measured, rows_of
from ..geometry import hit
from ..ranking import Window
from ..recommend import Recommendation, hold, recommend
from ..settable import Settable
from ..surrogate.composite import Surrogate
from ..surrogate.judge import Judge
from ..surrogate.local import constrained_minima
from ..surrogate.rivals import repeats
from ..surrogate.scales import Measured
from ..surrogate.search import Search, propose
from ..table import SLACK, Known
from .among import complete
from .batch import EXPLORE, FILL, LOCAL, MODEL, OTHER, REPLICATE, compose, first_places

__all__ = ["Measured", "Snobfit", "Window"]

Floats = NDArray[np.float64]

COMMON = 4
"""Values of what a batch shares that are tried with all of it, at most."""

GIVEN = -1
"""Class of a point that the optimiser has not chosen."""

WHY = {
    MODEL: "class 1: minimum of the quadratic model around the best point",
    LOCAL: "class 2: minimum of the linear model around a local best point",
    OTHER: "class 3: minimum of the linear model around another point",
    EXPLORE: "class 4: explores a wide region where little was measured",
    FILL: "class 5: fills a gap between the points",
    GIVEN: "given: not asked for by the optimiser",
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
    settable : Settable, optional
        What of the box can be set, where that is not all of it; nothing else is asked for. The
        composite model is then searched among these points, and chooses all of them.
    goals : {1, 2}
        With 2 the last column of F is a second goal, without a window: sought are the points where
        neither gets better but at the other's cost (`recommend.front`). Needs `measured`.

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
        settable: Settable | None = None,
        goals: int = 1,
    ) -> None:
        if settable is not None and model != "composite":
            raise ValueError(f"model {model!r} knows a whole box alone; settable needs composite")
        self.book = Book(
            lower, upper, windows,
            resolution=resolution, model=model, measured=measured, scales=scales, settable=settable,
            goals=goals,
        )  # fmt: skip
        self.p = share(p)
        self._rng = generator(seed)
        self._asked = Asked[tuple[int, str]](self.book.resolution)  # class and note

    # -- the two verbs --------------------------------------------------------

    @on_one_thread
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
            asked for and not told yet, but for repeats, of which `why` says what for: of results
            that all others contradict, and of the best points where no further place is found in
            the box.
        """
        n = whole(n)
        hold(self.book)
        again = repeats(self.book, self._asked.outstanding)[:n]
        x = np.array([x for x, _ in again]).reshape(-1, self.book.lower.size)
        self._asked.note(x, [(REPLICATE, why) for _, why in again])
        return np.vstack([x, self._fresh(n - len(again))]) if n > len(again) else x

    def _fresh(self, n: int) -> Floats:
        """Choose n places where nothing was measured."""
        book = self.book
        if book.settable is not None:
            return self._settled(n, book.settable)
        known, surrogate, leads, notes = self._known(), book.surrogate(), None, dict[bytes, str]()
        apart = self._apart
        if surrogate is not None:
            pending = book.coordinates.to_cube(self._asked.outstanding)
            search = Search(surrogate, pending, self._rng)
            chosen = self._proposed(search, n, known, self._local())
            leads = np.array([y for y, _ in chosen]).reshape(-1, book.lower.size)
            notes = {y.tobytes(): note for y, note in chosen}
        elif not len(known.x) and book.composite:
            design = first_places(n, book.lower.size, self._rng, book.measured is not None)
            leads = book.unit(book.coordinates.to_box(2 * design - 1))
        places, kinds = compose(n, known, self.p, apart, self._rng, leads)
        span = book.upper - book.lower
        x: Floats = np.clip(book.lower + places * span, book.lower, book.upper)
        pairs = zip(places, kinds, strict=True)
        whys = [(kind, notes.get(y.tobytes(), "") if kind == MODEL else "") for y, kind in pairs]
        self._asked.note(x, whys)
        return x

    def _proposed(
        self, search: Search, size: int, known: Known, local: Sequence[Floats] = ()
    ) -> list[tuple[Floats, str]]:
        """Give the places that the models propose."""
        book = self.book
        return propose(search, size, known, self._apart, book.unit, local, book.confidence)

    def _settled(self, n: int, settable: Settable) -> Floats:
        """Choose n places of those that can be set, all of them with what is shared in common.

        Where nothing is known that is as the first of them has it.
        """
        book, known, surrogate = self.book, self._known(), self.book.surrogate()
        if n > 1 and settable.shared and not settable.held and surrogate is not None:
            settable = self._in_common(n, settable, surrogate)
        first = 1 if settable.shared and not settable.held else n
        chosen: list[tuple[Floats, str]] = []
        if surrogate is not None:
            pending = book.coordinates.to_cube(self._asked.outstanding)
            search = Search(surrogate, pending, self._rng, settable)
            chosen = self._proposed(search, first, known)
        x, kinds, whys = complete(first, chosen, known, book, settable, self._rng)
        self._asked.note(x, list(zip(kinds, whys, strict=True)))
        if n == first:
            return x
        return np.vstack([x, self._settled(n - first, settable.holding(x[0]))])

    def _in_common(self, n: int, settable: Settable, surrogate: Surrogate) -> Settable:
        """Hold what is shared as it is best for a whole batch: of a few values, each tried with n.

        They are those of a batch that shares nothing. All are judged by the same functions.
        """
        book, known = self.book, self._known()
        pending = book.coordinates.to_cube(self._asked.outstanding)
        seed = int(self._rng.integers(2**32))

        def batch(among: Settable, size: int) -> tuple[Search, list[Floats]]:
            search = Search(surrogate, pending, np.random.default_rng(seed), among)
            chosen = self._proposed(search, size, known)
            return search, [book.lower + y * (book.upper - book.lower) for y, _ in chosen]

        _, leads = batch(settable, COMMON)
        tried = [settable.holding(settable.settle(x[None])[0]) for x in leads]
        tried = list({tuple(each.held.values()): each for each in tried}.values())
        return max(tried, key=lambda each: batch(each, n)[0].gained, default=settable)

    def expect(self, x: ArrayLike) -> None:
        """Count points (n, d) that others have chosen as asked for: their results are outstanding.

        Nothing near them is asked for, and what is known of them already is allowed for.
        """
        self._asked.expect(x, (GIVEN, ""))

    @on_one_thread
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
            given, and at least, sqrt(eps) of the value. State them
            when there is noise, or the models of the merit believe every value; the composite
            model estimates what noise there is beyond them.
        y, dy : (k, q) array_like
            Measured quantities and their uncertainties, if the optimiser was made with `measured`.
        """
        for position in self.book.tell(x, f, F, df, dF, y, dy):
            self.withdraw(position)

    def withdraw(self, x: ArrayLike) -> None:
        """Take back a point asked for (d,), which nobody will measure; others are ignored."""
        self._asked.withdraw(x)

    # -- what is known --------------------------------------------------------

    def best(self, feasible: bool = False) -> Recommendation | None:
        """Give the best point so far: see `reactune.analysis.optimisers.recommend.recommend`."""
        return recommend(self.book, feasible)

    @on_one_thread
    def why(self, x: ArrayLike) -> str:
        """Say why a point was asked for last: its SNOBFIT class in words, the window it probes."""
        kind, note = self._asked.why(x) or (GIVEN, "")
        if kind == FILL and not len(self.book.table):  # no points yet for a gap to be between
            return SPREAD
        return note or WHY[kind]

    # -- state ----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Give everything that the next ask depends on, for `json.dumps`."""
        return {
            "schema": 1,
            **self.book.state(),
            "p": self.p,
            "rng": self._rng.bit_generator.state,
            "asked": {
                "x": self._asked.x.tolist(),
                "kinds": [kind for kind, _ in self._asked.whys],
                "notes": [note for _, note in self._asked.whys],
                "pending": list(self._asked.pending),
            },
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        measured: Measured | None = None,
        settable: Settable | None = None,
    ) -> Self:
        """Continue from a `state`: the next ask is the one that the original would have given.

        `measured` and `settable` are needed again where they were given, since no state holds a
        function.
        """
        schema = state.get("schema") if isinstance(state, Mapping) else None
        if schema != 1:
            raise ValueError(
                f"the optimiser's state has schema {schema!r}, this version reads 1; start a new "
                "optimiser and tell it the old results"
            )
        check_measured(state, measured)
        try:
            return cls._restored(state, measured, settable)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"the state is not one of Snobfit, or it is damaged ({error}); start a new "
                "optimiser and tell it the old results"
            ) from error

    @classmethod
    def _restored(
        cls, state: Mapping[str, Any], measured: Measured | None, settable: Settable | None
    ) -> Self:
        """Make an optimiser of its state; whatever is raised says that this is none."""
        book = Book.from_state(state, measured, settable)
        self = cls(book.lower, book.upper, p=state["p"])
        self.book = book
        self._rng.bit_generator.state = state["rng"]
        kinds, notes, pending = (state["asked"][key] for key in ("kinds", "notes", "pending"))
        x = rows_of(state["asked"]["x"], len(kinds), book.lower.size)
        known = set(kinds) <= set(WHY) and set(pending) <= set(range(len(kinds)))
        if not (known and np.isfinite(x).all()) or len(notes) != len(kinds):
            raise ValueError("points asked for, their classes and reasons do not match")
        self._asked = Asked(book.resolution, x, list(zip(kinds, notes, strict=True)), pending)
        return self

    # -- inside ---------------------------------------------------------------

    @property
    def _apart(self) -> Floats:
        """How far apart two points have to be, in the unit box, (d,)."""
        book, span = self.book, self.book.upper - self.book.lower
        # a place far from 0 is rounded by more than SLACK when it is brought back
        rounding = 4 * np.spacing(np.maximum(np.abs(book.lower), np.abs(book.upper)))
        beyond = np.maximum(rounding - (SLACK - 1) * book.resolution, 0.0)
        return np.asarray((book.resolution + beyond) / span)

    def _known(self) -> Known:
        """All positions taken, in the unit box, with what is to be minimised."""
        book = self.book
        book.fix_scale()
        points = book.points()
        merit, error = book.rank(points)
        pending = self._asked.outstanding
        again = [hit(points.x, x, book.resolution) for x in pending]
        pending = pending[~np.array(again, dtype=bool)]
        blank = np.full(len(pending), np.nan)
        return Known(
            book.unit(np.vstack([points.x, pending])),
            np.r_[merit, blank],
            np.r_[error, blank],
            np.r_[book.table.failed, np.zeros(len(pending), dtype=bool)],
            book.unit(book.table.beside),
            book.seen if book.settable is not None else None,
        )

    def _local(self) -> list[Floats]:
        """Places that local quadratics of goal and properties propose, in the unit box."""
        book = self.book
        if not isinstance(book.judge(), Judge):
            return []
        points, judges = book.points(), book.judges()
        if judges.expected.resolved:
            return []
        centres = dict.fromkeys([judges.best.around, judges.expected.around])
        best = [int(points.measured[:row].sum()) for row in centres]  # among those measured
        points = points.take(points.measured)
        return constrained_minima(book.unit(points.x), points, best, book.windows, self._apart)
