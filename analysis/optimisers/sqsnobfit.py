"""SQSnobFit 0.4 (the translation of SNOBFIT v2.1 on PyPI) behind the contract of our own optimiser.

It minimises one scalar, so it is given the merit. Its known faults are kept from the caller:

====================================================  ==============================================
fault                                                 what is done about it
====================================================  ==============================================
NumPy 2.4 and later: arrays to scalars raise          refused at once, in one sentence
one state and one random generator for the process    both are swapped in for each call, in a lock
ask and tell are one call; nothing may be pending     results wait for the next ask; pending points
                                                      are kept apart from new ones
empty tell, one point told twice, point outside       never passed on
a new job of many points ignores the models           fed in batches of dim + 6
fewer than dim + 6 points, or all values equal        not asked: the batch is filled here
failed points (a batch of them crashes)               told as worse than all measured
fewer points than asked for; crashes inside           the rest is filled here, and `why` says so
runs for ever when its boxes are used up              stopped by counting searches; then as above
====================================================  ==============================================
"""

import base64
import importlib
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ..one_thread import on_one_thread
from ..problem.merit import FAILED, Windows, reference, soft_merit
from .arguments import generator, numbers, share, whole
from .asked import Asked
from .book import SPREAD, Book, check_measured
from .ranking import PATIENCE, Window
from .recommend import Recommendation, recommend
from .surrogate.scales import Measured
from .table import EXACT

Floats = NDArray[np.float64]

WHY = {
    1: "class 1: minimum of SQSnobFit's quadratic model",
    2: "class 2: minimum of a local model of SQSnobFit around a local best point",
    3: "class 3: minimum of a local model of SQSnobFit around another point",
    4: "class 4: SQSnobFit explores a large box",
    5: "class 5: SQSnobFit fills a gap between the points",
}
GIVEN = "given: not asked for by the optimiser"
FILLED = "class 5: fills a gap between the points, for SQSnobFit gave none"
_PLAIN = {WHY[4]: "class 4: SQSnobFit explores a wide region where little was measured"}
"""What is told in place of what the states of stored runs hold."""
REPEATED = "replicate: no place was found in the box at this resolution"

SEARCHES = 200_000
"""After so many searches for a box, a call of the package will not come back."""

_lock = threading.Lock()  # around the package's global state


class SQSnobFit:
    """Minimise within soft windows with the package SQSnobFit.

    Parameters and verbs are those of `snobfit.Snobfit`, which documents them. What it models is the
    merit; what is handed over is judged by the models of its book, as for every optimiser.

    Raises
    ------
    ValueError
        If the package is not installed, or not with a NumPy that it works with.
    """

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        windows: Sequence[Window] | None = None,
        *,
        resolution: ArrayLike | None = None,
        p: float = 0.5,
        seed: int | None = None,
        measured: Measured | None = None,
        scales: Sequence[str] | None = None,
    ) -> None:
        self._package = _package()
        self.book = Book(
            lower, upper, windows, resolution=resolution, measured=measured, scales=scales
        )
        self.p = share(p)
        self.lower, self.upper = self.book.lower, self.book.upper
        self.windows: Windows = self.book.windows
        self._span = self.upper - self.lower
        self._gap = self.book.resolution / self._span
        self._rng = generator(seed)
        self._theirs = np.random.RandomState(self._rng.integers(2**32))
        dim = self.lower.size
        self._x: Floats = np.zeros((0, dim))  # told, in the unit box
        self._values: Floats = np.zeros((0, 2 + len(self.windows)))  # f, df, each F
        self._distinct: Floats = np.zeros((0, dim))  # places told inside the box
        self._place = np.zeros(0, dtype=np.intp)  # of each row; -1 outside the box
        self._asked = Asked[str](self.book.resolution)
        self._scale: tuple[float, float] | None = None  # f0 and delta, once fixed
        self._fed: Floats = np.zeros((0, dim + 2))  # what the present job knows: x, merit, error
        self._job: tuple[Any, ...] | None = None

    @on_one_thread
    def ask(self, n: int) -> Floats:
        """Choose the next n points; see `Snobfit.ask`."""
        n = whole(n)
        known = self._known()
        places, whys = self._request(known, n)
        taken = [*known[:, :-2], *((self._asked.outstanding - self.lower) / self._span)]
        chosen: list[Floats] = []
        reasons: list[str] = []
        for y, why in zip(places, whys, strict=True):
            near = [(np.abs(y - other) < self._gap).all() for other in (*taken, *chosen)]
            if len(chosen) < n and not any(near):
                chosen.append(y)
                reasons.append(why)
        reasons += self._fill(chosen, taken, known, n)
        x = np.clip(self.lower + np.array(chosen) * self._span, self.lower, self.upper)
        self._asked.note(x, reasons)
        return np.asarray(x)

    def expect(self, x: ArrayLike) -> None:
        """Count points that others have chosen as asked for; see `Snobfit.expect`."""
        self._asked.expect(x, GIVEN)

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
        """Take in results; see `Snobfit.tell`. SQSnobFit itself is not given dF, y and dy."""
        self.book.tell(x, f, F, df, dF, y, dy)  # refuses what makes no sense
        goal = np.atleast_1d(numbers("f", f))
        points = numbers("x", x).reshape(len(goal), self.lower.size)
        blank = np.full((len(goal), len(self.windows)), np.nan)
        properties = blank if F is None else numbers("F", F)
        error = np.broadcast_to(np.ravel(numbers("df", EXACT if df is None else df)), goal.shape)
        values = np.column_stack([goal, error, properties.reshape(blank.shape)])
        values[~np.isfinite(np.delete(values, 1, axis=1)).all(axis=1)] = np.nan
        self._append((points - self.lower) / self._span, values)
        for position in points:
            self.withdraw(position)

    def withdraw(self, x: ArrayLike) -> None:
        """Take back a point asked for (d,), which nobody will measure; others are ignored."""
        self._asked.withdraw(x)

    def best(self, feasible: bool = False) -> Recommendation | None:
        """Give the best point so far: see `reactune.analysis.optimisers.recommend.recommend`."""
        return recommend(self.book, feasible)

    @on_one_thread
    def why(self, x: ArrayLike) -> str:
        """Say why a point was asked for: its SNOBFIT class in words."""
        told = self._asked.why(x)
        if told is None:
            return GIVEN
        if told == FILLED and not len(self.book.table):  # no points yet for a gap to be between
            return SPREAD
        return _PLAIN.get(told, told)

    def state(self) -> dict[str, Any]:
        """Give everything that the next ask depends on, for `json.dumps`."""
        kind, key, position, has_gauss, gauss = self._theirs.get_state()
        return {
            "schema": 2,
            "engine": "sqsnobfit",
            "p": self.p,
            "book": self.book.state(),
            "rng": self._rng.bit_generator.state,
            "theirs": [kind, _plain(np.asarray(key)), position, has_gauss, gauss],
            "x": _plain(self._x),
            "values": _plain(self._values),
            "asked": _plain(self._asked.x),
            "whys": list(self._asked.whys),
            "pending": list(self._asked.pending),
            "scale": self._scale and list(self._scale),
            "fed": _plain(self._fed),
            "job": self._job and [_plain(item) for item in self._job],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], measured: Measured | None = None) -> Self:
        """Continue from a `state`: the next ask is the one that the original would have given.

        `measured` is needed again where it was given, since no state holds a function.
        """
        made_by = isinstance(state, Mapping) and (state.get("schema"), state.get("engine"))
        if made_by != (2, "sqsnobfit"):
            raise ValueError(
                "the state is not one of SQSnobFit of this version; start a new optimiser and tell "
                "it the old results"
            )
        check_measured(state["book"], measured)
        book = Book.from_state(state["book"], measured)
        self = cls(book.lower, book.upper, None, resolution=book.resolution, p=state["p"])
        self.book, self.windows = book, book.windows
        self._values = np.zeros((0, 2 + len(book.windows)))
        self._rng.bit_generator.state = state["rng"]
        kind, key, *rest = state["theirs"]
        self._theirs.set_state((kind, _array(key), *rest))
        self._append(_array(state["x"]), _array(state["values"]))
        asked = _array(state["asked"])
        self._asked = Asked(book.resolution, asked, state["whys"], state["pending"])
        self._fed = _array(state["fed"])
        self._scale = state["scale"] and (state["scale"][0], state["scale"][1])
        self._job = state["job"] and tuple(_array(item) for item in state["job"])
        return self

    # -- inside ---------------------------------------------------------------

    def _append(self, x: Floats, values: Floats) -> None:
        """Add rows told."""
        place = np.full(len(x), -1)
        for i, y in enumerate(x):
            if ((y >= 0) & (y <= 1)).all():
                same = np.flatnonzero((np.abs(self._distinct - y) < self._gap).all(axis=1))
                if not same.size:
                    self._distinct = np.vstack([self._distinct, y])
                place[i] = same[0] if same.size else len(self._distinct) - 1
        self._x = np.vstack([self._x, x])
        self._values = np.vstack([self._values, values])
        self._place = np.r_[self._place, place]

    def _known(self) -> Floats:
        """Distinct places inside the box in the order told: x, what is minimised, its error."""
        inside = self._place >= 0
        values = self._values[inside]
        if not inside.any():
            return np.zeros((0, self.lower.size + 2))
        merit = self._rank(values[:, 0], values[:, 2:])
        measured = np.isfinite(merit)
        if measured.any():
            worst = merit[measured].max()
            step = max(worst - merit[measured].min(), 1.0)
            merit[~measured] = FAILED if len(self.windows) else worst + step
        error = np.where(measured & (not len(self.windows)), values[:, 1], EXACT)
        error = np.where(error > 0, error, EXACT)
        # repeats are averaged; of a place where some failed, those that did not
        place = self._place[inside]
        use = measured | (np.bincount(place, measured)[place] == 0)
        count = np.bincount(place, use)
        mean = np.bincount(place, np.where(use, merit, 0.0)) / count
        spread = np.sqrt(np.bincount(place, np.where(use, error, 0.0) ** 2)) / count
        return np.column_stack([self._distinct, mean, spread])

    def _rank(self, f: Floats, F: Floats) -> Floats:
        """Compute what is minimised: f, or the penalty until the soft merit has its scale."""
        if not len(self.windows):
            return np.array(f)
        measured = np.isfinite(f)
        feasible = measured & (self.windows.violation(F) == 0).all(axis=1)
        if self._scale is None and feasible.any() and measured.sum() > 2 * self.lower.size:
            self._scale = reference(f[measured], F[measured], self.windows)
        if self._scale is None and not feasible.any() and len(f) < PATIENCE:
            return self.windows.penalty(F)
        scale = self._scale or reference(f, F, self.windows)
        merit = soft_merit(f, F, self.windows, *scale)
        merit[~measured] = np.nan
        return merit

    def _request(self, known: Floats, n: int) -> tuple[Floats, list[str]]:
        """Have SQSnobFit choose; nothing where it would not look at the models, or crashes."""
        dim = self.lower.size
        nothing: tuple[Floats, list[str]] = np.zeros((0, dim)), []
        if len(known) < dim + 6 or not np.ptp(known[:, -2]) > 0:
            return nothing
        start = len(self._fed)
        if self._job is None or not np.array_equal(known[:start], self._fed):
            self._job, start = None, 0  # another merit, another job
        if start == len(known):
            return nothing
        # a new job begins with nothing: a first batch large enough for models makes it crash
        cuts = [*([] if start else [0, 0]), *range(start or dim + 6, len(known), dim + 6)]
        for first, end in zip(cuts, [*cuts[1:], len(known)], strict=True):
            try:
                request = self._call(known[first:end], n if end == len(known) else 1)
            except Exception:  # noqa: BLE001 - it fails in many ways; `why` says that it did
                self._job, self._fed = None, known[:0]
                return nothing
        self._fed = known
        usable = np.isfinite(request[:, :dim]).all(axis=1)
        places = np.clip(request[usable, :dim], 0.0, 1.0)
        return places, [WHY[int(kind)] for kind in request[usable, dim + 1]]

    def _call(self, batch: Floats, n: int) -> Floats:
        """Tell and ask the package, with this job's state in place of its global one."""
        dim = self.lower.size
        config = {"bounds": np.tile([0.0, 1.0], (dim, 1)), "nreq": n, "p": self.p}
        gap = self._gap.copy() if self._job is None else None
        # its one state and one random generator are private to it, and there is no public way
        inner, tools = self._package._snobfit, self._package._gen_utils  # noqa: SLF001 - see above
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = inner._im_storage, tools._randstate, inner.find  # noqa: SLF001 - see above
            try:
                inner._im_storage = self._job  # noqa: SLF001 - see above
                tools._randstate = self._theirs  # noqa: SLF001 - see above
                inner.find = _counted(inner.find)
                request, _, _ = inner.snobfit(
                    batch[:, :dim].copy(), batch[:, dim:].copy(), config, gap
                )
                self._job = inner._im_storage  # noqa: SLF001 - see above
            finally:
                inner._im_storage, tools._randstate, inner.find = before  # noqa: SLF001 - see above
        return np.asarray(request, dtype=float).reshape(-1, dim + 2)

    def _fill(
        self, chosen: list[Floats], taken: Sequence[Floats], known: Floats, n: int
    ) -> list[str]:
        """Add, again and again, the random candidate farthest from all others; say why.

        Where none of many is free, the best points are asked again.
        """
        whys: list[str] = []
        best = list(known[np.argsort(known[:, -2], kind="stable"), :-2]) or list(taken)
        while len(chosen) < n:
            others = np.array([*taken, *chosen])
            for count in (200, 20_000):
                y = self._rng.random((count, self.lower.size))
                distance: Floats = np.ones(count)
                if len(others):
                    tree = cKDTree(others / self._gap)
                    distance = np.asarray(tree.query(y / self._gap, p=np.inf)[0])
                if distance.max() >= 1.0:
                    break
            free = distance.max() >= 1.0
            again = best or list(others)
            chosen.append(y[distance.argmax()] if free else again[len(whys) % len(again)])
            whys.append(FILLED if free else REPEATED)
        return whys


def _package() -> ModuleType:
    """Import SQSnobFit, or say why that cannot work."""
    remedy = "install reactune[sqsnobfit] in an environment of its own, or use engine = 'snobfit'"
    if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        raise ValueError(
            f"engine 'sqsnobfit' does not work with NumPy {np.__version__}, which must be below "
            f"2.4: {remedy}"
        )
    try:
        return importlib.import_module("SQSnobFit")
    except ImportError as error:
        raise ValueError(f"engine 'sqsnobfit' is not installed ({error}): {remedy}") from None


def _counted(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let the package's search be called only so often: no call needs a tenth of that."""
    left = iter(range(SEARCHES))

    def limited(condition: Any) -> Any:
        if next(left, None) is None:
            raise RuntimeError("SQSnobFit runs for ever")
        return find(condition)

    return limited


def _plain(item: Any) -> Any:
    """Make an array of any kind JSON-able, to the last bit."""
    if isinstance(item, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(item).tobytes()).decode()
        return {"type": item.dtype.str, "shape": list(item.shape), "data": data}
    return _plain(np.asarray(item)) | {"scalar": True} if isinstance(item, float) else item


def _array(item: Any) -> Any:
    """Undo `_plain`."""
    if not isinstance(item, Mapping):
        return item
    raw = np.frombuffer(base64.b64decode(item["data"]), dtype=item["type"])
    array = raw.reshape(item["shape"]).copy()
    return array[()] if item.get("scalar") else array
