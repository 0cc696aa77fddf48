"""What is each ingredient of the optimiser worth?

    python -m tests.benchmarks.ablation [--seeds 10] [--first 0] [--out ablation.csv]
        [--problems HS34,HS66,twin-V] [--without turn,judge]

Runs the campaigns of `tests.benchmarks.optimisers` with one ingredient left out at a time, and with
nothing left out, and prints the tables. Rows that the file holds already are not run again.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from reactune.analysis import optimisers as engines
from reactune.analysis.optimisers.book import Book
from reactune.analysis.optimisers.geometry import QuadraticBasis
from reactune.analysis.optimisers.snobfit import Snobfit, batch
from reactune.analysis.optimisers.surrogate import composite, judge, local, scales, search, shaping
from reactune.analysis.optimisers.surrogate.nearness import Neighbourhood
from reactune.analysis.problem.space import Space

from .campaigns import Row
from .optimisers import campaigns, measure, read
from .tables import cell, markdown

NOTHING = "nothing"


@dataclass(frozen=True)
class Ingredient:
    """Something that can be left out.

    Attributes
    ----------
    what : str
        What is left out, and what is done instead.
    changes : list of (owner, name, replacement)
    """

    what: str
    changes: Sequence[tuple[Any, str, Any]] = ()


def _untold(told: Callable[..., None]) -> Callable[..., None]:
    """Tell goal and properties alone."""

    def tell(self: Snobfit, *given: Any) -> None:
        told(self, *given[:5])

    return tell


def _as_measured(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Let a quadratic go through what was measured at its centre."""

    def through(self: QuadraticBasis, *given: Any, **known: Any) -> Any:
        return 0.0, *fit(self, *given, **known)[1:]

    return through


def _by_the_box(best: Callable[..., Any]) -> Callable[..., Any]:
    """Choose what to hand over by the model of the whole box."""

    def chosen(self: Snobfit, feasible: bool = False) -> Any:
        with patch.object(Book, "judge", Book.surrogate):
            return best(self, feasible)

    return chosen


def _same_everywhere(z: Any, noise: float, y: Any, error: Any, *curbed: Any) -> Any:
    """Compress near the best, and nowhere else."""
    near = noise == judge.QUIET
    return composite.GaussianProcess(z, *(curbed if near else (y, error)), noise)


def _near_ones_too(x: Any, f: Any, near: Any) -> Any:
    """Judge a basin by its neighbours however far they are."""
    return f - (f[near].max(axis=1) - f) <= f.min()


class _Unweighted(Neighbourhood):
    """Weigh no coordinate."""

    def _slopes(self) -> Any:
        return self.weights


class _Narrow(Neighbourhood):
    """Take no more points than the paper does."""

    def level(self, column: int) -> int:
        return 0


COMPOSE, HYPERCUBE = engines.composition, batch.latin_hypercube

INGREDIENTS = {
    NOTHING: Ingredient("nothing"),
    "measured": Ingredient(
        "measured quantities: goal and properties modelled",
        [
            (engines, "composition", lambda problem, space: None),
            (Snobfit, "tell", _untold(Snobfit.tell)),
        ],
    ),
    "log-ratios": Ingredient(
        "log-ratios: fractions as they are",
        [(engines, "composition", lambda *given: replace(COMPOSE(*given), kind="real"))],
    ),
    "scales": Ingredient(
        "smooth scales of the conditions", [(Space, "_scales", lambda self: None)]
    ),
    "chain": Ingredient(
        "chained outputs",
        [(scales, "_chain", lambda values, errors: np.zeros((values.shape[1],) * 2))],
    ),
    "safe": Ingredient("the safe point", [(search.Search, "safe", lambda *_, **__: None)]),
    "walls": Ingredient(
        "walls in the first batch",
        [(batch, "latin_hypercube", lambda *a, walls=False: HYPERCUBE(*a))],
    ),
    "corners": Ingredient(
        "corners in the first batch of what is measured: a Latin hypercube",
        [(batch, "farthest_first", HYPERCUBE)],
    ),
    "draws": Ingredient("two thirds of the draws (64 left)", [(search, "DRAWS", 64)]),
    "basins": Ingredient(
        "classes 1 to 3 leave resolved basins",
        [(batch, "hopeful", lambda x, f, near: np.ones(len(x), dtype=bool))],
    ),
    "far": Ingredient("far neighbours are promising", [(batch, "hopeful", _near_ones_too)]),
    "next": Ingredient("class 1 goes on to the next basin", [(batch, "RESOLVED", -np.inf)]),
    "quadratics": Ingredient("local quadratics", [(Snobfit, "_local", lambda self: [])]),
    "processes": Ingredient(
        "points of class 1 by the Gaussian processes",
        [
            (search.Search, "safe", lambda *_, **__: None),
            (search.Search, "gain", lambda self: np.zeros(len(self.z))),
        ],
    ),
    "boxes": Ingredient("trust boxes of 3 and 0.3: only that of 1", [(local, "TRUST", (1.0,) * 3)]),
    "centre": Ingredient(
        "the second centre",
        [(local, "priced", lambda points, windows, price: shaping.order(points, windows))],
    ),
    "turn": Ingredient(
        "the next basin once the best is known",
        [(local, "_bottoms", lambda x, value, resolution: [value.argmin()])],
    ),
    "nearness": Ingredient(
        "nearness by what goal and properties see, of local quadratics: in the box",
        [(local, "Neighbourhood", _Unweighted)],
    ),
    "seen": Ingredient(
        "the same of the judge",
        [(judge, "Neighbourhood", _Unweighted)],
    ),
    "expected": Ingredient(
        "quadratics through what is expected at their centre: what was measured",
        [(QuadraticBasis, "fit", _as_measured(QuadraticBasis.fit))],
    ),
    "aim": Ingredient("minima a hair inside: on the edge", [(local, "AIM", 0.0)]),
    "farther": Ingredient(
        "minima farther inside where the place is a known point outside",
        [(local._Model, "_barred", lambda self, place: False)],
    ),
    "wider": Ingredient(
        "quadratics of as many points as noise explains: of the paper's number",
        [(local, "Neighbourhood", _Narrow)],
    ),
    "sure": Ingredient(
        "the judge's models of as many: of the paper's number",
        [(judge, "Neighbourhood", _Narrow)],
    ),
    "settled": Ingredient(
        "the expected best as another centre",
        [(judge.Judges, "expected", property(lambda self: self.best))],
    ),
    "judge": Ingredient(
        "a judge of the neighbourhood: the model of the box",
        [(Snobfit, "best", _by_the_box(Snobfit.best))],
    ),
    "compression": Ingredient(
        "compression by evidence: always near the best, over six decades elsewhere",
        [(room, "likelier", _same_everywhere) for room in (composite, judge)],
    ),
}
"""By name, as ``--without`` takes it."""


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Do without an ingredient for a while."""
    with ExitStack() as stack:
        for owner, attribute, replacement in INGREDIENTS[name].changes:
            if isinstance(owner, dict):
                stack.enter_context(patch.dict(owner, {attribute: replacement}))
            else:
                stack.enter_context(patch.object(owner, attribute, replacement))
        yield


def without(run: Callable[[str, int], Row]) -> Callable[[str, int], Row]:
    """Make a campaign of ours that takes the name of what is left out for its engine."""

    def reduced(name: str, seed: int) -> Row:
        with left_out(name):
            return replace(run("snobfit-composite", seed), engine=name)

    return reduced


def table(rows: Sequence[Row], problems: Sequence[str], column: str) -> str:
    """Tabulate experiments to a column's event, ingredient by problem."""
    lines = []
    for name, ingredient in INGREDIENTS.items():
        mine = [row for row in rows if row.engine == name]
        counts = [[getattr(r, column) for r in mine if r.problem == p] for p in problems]
        if any(counts):
            lines.append([ingredient.what, *map(cell, counts)])
    return markdown(["left out", *problems], lines)


def means(rows: Sequence[Row], problems: Sequence[str]) -> str:
    """Tabulate geometric means until the point handed over is good, ingredient by problem.

    An unsolved campaign counts as half as long again as it was. With them the number of campaigns.
    """
    lines = []
    for name, ingredient in INGREDIENTS.items():
        mine = [row for row in rows if row.engine == name]
        counts = [
            [min(r.handed, 1.5 * r.done) for r in mine if r.problem == problem]
            for problem in problems
        ]
        if any(counts):
            cells = [f"{np.exp(np.log(n).mean()):.1f} ({len(n)})" if n else "" for n in counts]
            lines.append([ingredient.what, *cells])
    return markdown(["left out", *problems], lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the campaigns that the file lacks and print the tables of all in it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ablation")
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--problems", default="HS19,HS23,HS34,HS60,HS66,twin-II,twin-V,twin-VI")
    parser.add_argument("--without", default="", help=f"of {', '.join(INGREDIENTS)}; else each")
    parser.add_argument("--out", type=Path, default=Path("ablation.csv"))
    args = parser.parse_args(argv)
    names = [NOTHING, *args.without.split(",")] if args.without else list(INGREDIENTS)
    if unknown := [name for name in names if name not in INGREDIENTS]:
        parser.error(f"no such ingredient: {', '.join(unknown)}; see --help")
    try:
        chosen = campaigns(args.problems.split(","))
        read(args.out)
    except ValueError as error:
        parser.error(str(error))
    except (KeyError, StopIteration):
        parser.error(f"no such problem in {args.problems}; see tests.benchmarks.tasks")
    seeds = range(args.first, args.first + args.seeds)
    runs = {problem: without(run) for problem, run in chosen.items()}
    for row in measure(runs, names, seeds, args.out):
        print(
            f"{row.problem:10s} without {row.engine:12s} seed {row.seed}: {row.handed:g}",
            flush=True,
        )
    rows = read(args.out)
    problems = list(dict.fromkeys(row.problem for row in rows))
    print("\nUntil a point visited solves the problem:\n\n" + table(rows, problems, "solved"))
    print("\nUntil the point handed over does:\n\n" + table(rows, problems, "handed"))
    print("\nThe same, geometric mean (of so many):\n\n" + means(rows, problems))


if __name__ == "__main__":
    main()
