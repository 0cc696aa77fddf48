"""What an optimiser has to beat: Sobol points, Nelder-Mead and differential evolution of scipy.

All three keep the contract of `reactune.analysis.optimisers.Engine`. scipy's minimisers call a
function; here they are asked and told by replay: run from the start on the values told so far, and
where they call for a value that nobody has told yet, that is what to ask for. They see the merit
(`reactune.analysis.problem.merit`), whose f0 and delta the first 2 d + 2 experiments fix, so that
what was told once does not change under them.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import differential_evolution, minimize
from scipy.stats import qmc

from reactune.analysis.optimisers.book import Book
from reactune.analysis.optimisers.ranking import Window
from reactune.analysis.optimisers.recommend import Recommendation, recommend
from reactune.analysis.problem.merit import reference, soft_merit

Floats = NDArray[np.float64]

FAILED = 1e30
"""What a minimiser is told of a failed experiment: finite, for it computes with it."""


class Baseline:
    """Ask, tell and all the rest; a baseline only says where to look next.

    Parameters
    ----------
    lower, upper, windows, seed
        As for `reactune.analysis.optimisers.snobfit.Snobfit`.
    """

    name = ""

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        windows: Sequence[Window] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        # checks what is told and ranks it as our own optimiser does
        self.book = Book(lower, upper, windows, model="merit")
        self.lower, self.upper, self.windows = self.book.lower, self.book.upper, self.book.windows
        self.seed = 0 if seed is None else seed
        self.asked: list[tuple[float, ...]] = []  # in the unit box
        self.unit: dict[tuple[float, ...], tuple[float, ...]] = {}  # of a point as asked for
        self.told: list[tuple[tuple[float, ...], Floats]] = []  # in the unit box; f, then each F

    def next(self, n: int) -> list[Floats]:
        """Give up to n places of the unit box that are worth a measurement."""
        raise NotImplementedError

    def ask(self, n: int) -> Floats:
        """Choose n points."""
        if n < 1:
            raise ValueError(f"ask for at least 1 point, not {n}")
        places = self.next(n)[:n]
        # where a minimiser has nothing to do it has to wait; the reactor does not
        spare = qmc.Sobol(self.lower.size, seed=self.seed + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a number of points that is no power of two
            places += list(spare.random(len(self.asked) + n)[len(self.asked) :])[: n - len(places)]
        x = self.place(np.array(places))
        self._note(places, x)
        return x

    def _note(self, places: Sequence[Sequence[float] | Floats], x: Floats) -> None:
        """Remember the places asked for, free of the rounding of the way there and back."""
        self.asked += [tuple(y) for y in places]
        self.unit.update(zip(map(tuple, x), map(tuple, places), strict=True))

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
        """Take in results."""
        self.book.tell(x, f, F, df, dF)
        goals = np.atleast_1d(np.asarray(f, dtype=float))
        blank = np.full((len(goals), len(self.windows)), np.nan)
        values = np.column_stack([goals, blank if F is None else np.asarray(F, dtype=float)])
        for point, row in zip(np.reshape(x, (len(goals), -1)), values, strict=True):
            other = tuple((point - self.lower) / (self.upper - self.lower))
            self.told.append((self.unit.get(tuple(point), other), row))

    def best(self, feasible: bool = False) -> Recommendation | None:
        """Give the best point so far."""
        return recommend(self.book, feasible)

    def why(self, x: ArrayLike) -> str:
        """Say who asked."""
        return f"{self.name}'s next point"

    def state(self) -> dict[str, Any]:
        """Give everything that the next ask depends on."""
        return {
            "book": self.book.state(),
            "seed": self.seed,
            "asked": [list(y) for y in self.asked],
            "told": [[list(y), row.tolist()] for y, row in self.told],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Continue from a `state`."""
        book = Book.from_state(state["book"])
        self = cls(book.lower, book.upper, seed=state["seed"])
        self.book, self.windows = book, book.windows
        if state["asked"]:
            self._note(state["asked"], self.place(np.array(state["asked"])))
        self.told = [(tuple(y), np.array(row, dtype=float)) for y, row in state["told"]]
        return self

    def place(self, y: Floats) -> Floats:
        """Map the unit box to the user's."""
        return np.clip(self.lower + y * (self.upper - self.lower), self.lower, self.upper)

    def values(self) -> dict[tuple[float, ...], float]:
        """Give what a minimiser is told of each place measured."""
        rows = np.array([row for _, row in self.told]).reshape(-1, 1 + len(self.windows))
        f, F = rows[:, 0], rows[:, 1:]
        if len(self.windows) and len(rows):
            first = np.flatnonzero(np.isfinite(rows).all(axis=1))[: 2 * self.lower.size + 2]
            scale = reference(f[first], F[first], self.windows)
            f = soft_merit(f, F, self.windows, *scale)
        finite = np.where(np.isfinite(f), f, FAILED)
        return {y: float(v) for (y, _), v in zip(self.told, finite, strict=True)}


class Sobol(Baseline):
    """A scrambled Sobol sequence."""

    name = "Sobol"

    def next(self, n: int) -> list[Floats]:
        """Go on with the sequence."""
        return list(_sobol(len(self.asked) + n, self.lower.size, self.seed)[len(self.asked) :])


class NelderMead(Baseline):
    """As many simplexes as points in a batch, each from a Sobol point, each advancing by one."""

    name = "Nelder-Mead"

    def next(self, n: int) -> list[Floats]:
        """Give the places that the simplexes wait for; start another one where one has ended."""
        values, dim = self.values(), self.lower.size
        waiting = set(self.asked) - set(values)
        places: list[Floats] = []
        for start in _sobol(n + len(self.asked), dim, self.seed):
            if len(places) == n:
                break
            # towards the far walls, so that no edge of it is clipped away
            simplex = np.vstack([start, start + np.diag(np.where(start < 0.5, 0.25, -0.25))])
            needed = _needed(values, lambda f, s=simplex: _nelder_mead(f, s))
            if needed is not None and tuple(needed[0]) not in waiting:
                places.append(needed[0])
                waiting.add(tuple(needed[0]))
        return places


class DifferentialEvolution(Baseline):
    """scipy's, with a population of 5 a variable."""

    name = "differential evolution"

    def next(self, n: int) -> list[Floats]:
        """Give what is still to be measured of the present generation."""
        values = self.values()
        needed = _needed(values, self._run)
        waiting = set(self.asked) - set(values)
        once = {tuple(y): y for y in (() if needed is None else needed)}  # trials may coincide
        return [y for key, y in once.items() if key not in waiting][:n]

    def _run(self, function: Callable[[Floats], float]) -> None:
        population = _Population(function)
        differential_evolution(
            population,
            [(0.0, 1.0)] * self.lower.size,
            popsize=5,
            maxiter=10_000,
            tol=0.0,
            polish=False,
            init="sobol",
            rng=self.seed,
            vectorized=True,
            updating="deferred",
        )


class _Missing(Exception):  # noqa: N818 - not an error
    """Values that nobody has told yet are called for."""


class _Population:
    """A vectorised function, which calls for all that it lacks at once."""

    def __init__(self, function: Callable[[Floats], float]) -> None:
        self.function = function

    def __call__(self, x: Floats) -> Floats:
        found, missing = [], []
        for row in x.T:
            try:
                found.append(self.function(row))
            except _Missing as gap:
                missing += gap.args
        if missing:
            raise _Missing(*missing)
        return np.array(found)


def _needed(
    values: Mapping[tuple[float, ...], float],
    run: Callable[[Callable[[Floats], float]], object],
) -> tuple[Floats, ...] | None:
    """Run a minimiser on known values; give what it lacks, or None when it has ended."""

    def function(x: Floats) -> float:
        try:
            return values[tuple(x)]
        except KeyError:
            raise _Missing(np.array(x)) from None

    try:
        run(function)
    except _Missing as gap:
        return gap.args
    return None


def _nelder_mead(function: Callable[[Floats], float], simplex: Floats) -> None:
    options = {"initial_simplex": simplex, "xatol": 1e-6, "fatol": 0.0, "adaptive": True}
    bounds = [(0.0, 1.0)] * simplex.shape[1]
    minimize(function, simplex[0], method="Nelder-Mead", bounds=bounds, options=options)


def _sobol(n: int, dim: int, seed: int) -> Floats:
    """Give the first n points of a scrambled sequence, whatever n is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a number of points that is no power of two
        return np.asarray(qmc.Sobol(dim, seed=seed).random(n))
