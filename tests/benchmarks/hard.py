"""Shapes of real life: is what is handed over good, and does it stay so?

    python -m tests.benchmarks.hard [--seeds 5] [--first 0] [--only told,drift] [--jobs 2]
        [--engine snobfit] [--out rows.csv]

A made-up reaction A -> P -> S in three variables, where two windows bind and 1.5 % of the box, on
its smooth scales, is inside both; and a few other problems. Each is told with what goes wrong in
laboratories: noise told, untold, told wrongly or uneven, outliers, drift, failures, plateaus,
steps, units. The batches have 1 to 3 points by chance, 80 experiments in all (150 in eight
variables).

*Good* is judged by noise-free values, on the day: inside all windows but for one standard deviation
of an experiment, goal within `Shape.within` of the known optimum. Printed are the seeds in which
the point handed over was good at all, and at the end; and the medians of the experiments until a
good point was visited, until one was handed over, and from when on it was good to the end. Other
engines (`peers`) are for the shapes of the reaction of which the fractions are told.
"""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reactune.analysis.optimisers.snobfit import Measured

from .campaigns import Watch
from .peers import ENGINES

Floats = NDArray[np.float64]
Window = tuple[float | None, float | None, float]


@dataclass(frozen=True)
class Shape:
    """A problem with a known optimum, and what goes wrong in it.

    Attributes
    ----------
    name : str
    lower, upper : tuple of float
    quantities : callable
        What is measured, (n, q), at points (n, d): noise-free, at the first experiment.
    outcome : callable
        Goal (n,) and windowed properties (n, m) of quantities at points.
    windows : tuple of (lower, upper, tolerance)
    best : tuple of float
        The optimum: constant, or before the first, in the middle and after the last experiment.
    within : float
        How far above the optimum is good.
    composed : bool
        Whether the optimiser is told the quantities (as a campaign does), or goal and properties.
    budget : int
    noise : callable
        SD of one experiment, (n, q), at points (n, d) of these quantities (n, q).
    told : float
        The SD told, in units of the true one; NaN: none.
    outliers : float
        Share of experiments in which one quantity is off by 10 or 50 SD.
    drift : tuple of float
        By what share of itself each quantity has changed after 50 experiments.
    fails : callable, optional
        Says of points (n, d) whether an experiment there fails.
    failing : float
        Share of experiments that fail anywhere.
    scale : tuple of float
        What the goal is multiplied by, and what is then added to it.
    """

    name: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    quantities: Callable[[Floats], Floats]
    outcome: Callable[[Floats, Floats], tuple[Floats, Floats]]
    windows: tuple[Window, ...]
    best: tuple[float, ...]
    within: float
    composed: bool = True
    scales: tuple[str, ...] | None = None
    budget: int = 80
    noise: Callable[[Floats, Floats], Floats] = lambda x, q: 0.01 * np.abs(q) + 5e-4
    told: float = 1.0
    outliers: float = 0.0
    drift: tuple[float, ...] = ()
    fails: Callable[[Floats], NDArray[np.bool_]] | None = None
    failing: float = 0.0
    scale: tuple[float, float] = (1.0, 0.0)

    def at(self, x: Floats, day: float) -> Floats:
        """Give the noise-free quantities (n, q) of points after `day` experiments."""
        q = self.quantities(x)
        return q * (1 + np.array(self.drift) * day / 50) if self.drift else q

    def good(self, x: Floats, day: float) -> NDArray[np.bool_]:
        """Say of points (n, d) whether they solve the problem after `day` experiments."""
        q = self.at(x, day)
        f, F = self.outcome(q, x)
        allowed = self._spread(q, x)
        low, high = (
            np.array([fill if w[i] is None else w[i] for w in self.windows], dtype=float)
            for i, fill in ((0, -math.inf), (1, math.inf))
        )
        inside = ((low - F <= allowed) & (F - high <= allowed)).all(axis=1)
        middle = (len(self.best) - 1) / 2
        place = day / self.budget * 2 * middle
        best = np.interp(place, range(len(self.best)), self.best)
        failed = self.fails(x) if self.fails else np.zeros(len(x), dtype=bool)
        return np.asarray(inside & (f <= best + self.within) & ~failed)

    def _spread(self, q: Floats, x: Floats) -> Floats:
        """SD of the properties of one experiment, (n, m)."""
        sd, changes = self.noise(x, q), []
        for k in range(q.shape[1]):
            shift = sd * (np.arange(q.shape[1]) == k)
            changes.append((self.outcome(q + shift, x)[1] - self.outcome(q - shift, x)[1]) / 2)
        return np.asarray(np.linalg.norm(changes, axis=0))


# -- the shapes ------------------------------------------------------------------------------

GAS = 8.314e-3


def chemistry(x: Floats, slower: float = 1.0, step: float = 1.0) -> Floats:
    """Fractions of A, P and S after a residence time, of A -> P -> S, at (degC, min, eq)."""
    celsius, tau, equivalents = x.T
    inverse = 1 / (celsius + 273.15) - 1 / 373.15
    first = 0.15 * slower * equivalents * np.exp(-70 / GAS * inverse)
    second = 0.005 * equivalents**0.3 * np.exp(-105 / GAS * inverse)
    second = second * np.where(celsius > 104.0, step, 1.0)
    a = np.exp(-first * tau)
    p = first / (second - first) * (a - np.exp(-second * tau))
    return np.column_stack([a, p, 1 - a - p])


def costs(q: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Cost of the product, and A and S, which have windows."""
    a, p, s = q.T
    return (x[:, 1] + 4 * x[:, 2]) / np.maximum(p, 0.05), np.column_stack([a, s])


def plain(q: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Goal and properties are what is measured."""
    return q[:, 0], q[:, 1:]


def priced_chemistry(x: Floats) -> Floats:
    """Cost, A and S."""
    return np.column_stack(costs(chemistry(x), x))


def wavy(x: Floats) -> Floats:
    """A goal with many minima (Gramacy & Lee 2012) and a property, of one variable."""
    u = x[:, 0]
    return np.column_stack([np.sin(10 * np.pi * u) / (2 * u) + (u - 1) ** 4, np.log(u)])


_TURN = np.linalg.qr(np.random.default_rng(8).standard_normal((8, 8)))[0]


def eight(x: Floats) -> Floats:
    """A turned bowl, a sum, an exponential and a product, in eight variables."""
    bowl = (x - 0.6) @ _TURN
    goal = 10 + (bowl**2) @ np.linspace(1, 8, 8)
    rate = np.exp(2 * x[:, 4] - x[:, 5] + x[:, 0] * x[:, 6])
    return np.column_stack([goal, x[:, :4].sum(axis=1), rate, x[:, 5] * x[:, 7] + x[:, 6] ** 2])


def saturated(x: Floats) -> Floats:
    """The chemistry as a detector sees it that has a least and a largest signal."""
    return np.clip(chemistry(x), [0.03, 0.2, 0.02], [0.5, 0.88, 0.2])


def stepped(x: Floats) -> Floats:
    """The chemistry with a catalyst that changes at 104 degC."""
    return chemistry(x, step=1.5)


def uneven(x: Floats, q: Floats) -> Floats:
    """Noise of 0.3 % where it is cold, 3 % where it is hot."""
    return (0.01 * np.abs(q) + 5e-4) * (10 ** ((x[:, :1] - 100) / 80))


def clogs(x: Floats) -> NDArray[np.bool_]:
    """Say where too much reagent clogs the reactor: a fifth of the box, next to the optimum."""
    return np.asarray(x[:, 2] > 2.6)


_TOLD = Shape(
    "told", (60, 1, 1), (140, 30, 3), chemistry, costs,
    ((None, 0.04, 0.02), (None, 0.05, 0.02)), (16.512,), 0.5,
    scales=("celsius", "log", "linear"),
)  # fmt: skip
_DIRECT = replace(_TOLD, name="direct", quantities=priced_chemistry, outcome=plain, composed=False)


def _scaled(name: str, factor: float, shift: float) -> Shape:
    return replace(
        _TOLD, name=name, quantities=priced_chemistry, outcome=plain, scale=(factor, shift)
    )


SHAPES = {
    shape.name: shape
    for shape in (
        _TOLD,
        _DIRECT,
        replace(_TOLD, name="untold", told=math.nan),
        replace(_DIRECT, name="untold-direct", told=math.nan),
        replace(_TOLD, name="half", told=0.5),
        replace(_TOLD, name="twice", told=2.0),
        replace(_TOLD, name="uneven", noise=uneven, told=math.nan),
        replace(_TOLD, name="outliers", outliers=0.05),
        replace(_DIRECT, name="outliers-direct", outliers=0.05),
        replace(_TOLD, name="drift", drift=(0.05, 0.0, 0.05), best=(16.512, 17.071, 17.625)),
        replace(_TOLD, name="clogging", fails=clogs, best=(16.519,)),
        replace(_TOLD, name="failing", failing=0.2),
        replace(_TOLD, name="plateaus", quantities=saturated, best=(17.074,)),
        replace(_TOLD, name="steps", quantities=stepped, best=(18.050,)),
        Shape(
            "one", (0.5,), (2.5,), wavy, plain, ((-0.43, None, 0.05),), (-0.6633,), 0.05,
            composed=False, noise=lambda x, q: np.full(q.shape, 0.02),
        ),
        Shape(
            "eight", (0.0,) * 8, (1.0,) * 8, eight, plain,
            ((None, 1.6, 0.1), (None, 1.2, 0.1), (0.5, None, 0.1)), (10.697,), 0.3,
            budget=150, noise=lambda x, q: 0.01 * np.abs(q),
        ),
        _scaled("units-1e9", 1e9, 0.0),
        _scaled("units-1e-9", 1e-9, 0.0),
        _scaled("units+1e6", 1.0, 1e6),
    )
}  # fmt: skip


# -- campaigns -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One campaign: experiments until each happened, infinite if never."""

    shape: str
    seed: int
    visited: float
    handed: float
    lasting: float


class Told:
    """What the optimiser is told of experiments: the truth and all that goes wrong."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape, self._rng, self.done = shape, np.random.default_rng([seed, 1]), 0

    def measure(self, x: Floats) -> dict[str, Floats | None]:
        """Give the arguments of `tell` for points (n, d)."""
        shape, rng, n = self.shape, self._rng, len(x)
        q = np.vstack([shape.at(row[None], self.done + i) for i, row in enumerate(x)])
        self.done += n
        sd = shape.noise(x, q)
        z = rng.standard_normal(q.shape)
        hit, column = rng.random(n) < shape.outliers, rng.integers(q.shape[1], size=n)
        size = rng.choice([-50.0, -10.0, 10.0, 50.0], size=n)
        z[hit, column[hit]] += size[hit]
        lost = rng.random(n) < shape.failing
        if shape.fails is not None:
            lost |= shape.fails(x)
        y, dy = q + sd * z, np.nan_to_num(shape.told * sd)
        factor, shift = shape.scale
        if shape.scale != (1.0, 0.0):
            y[:, 0], dy[:, 0] = factor * y[:, 0] + shift, factor * dy[:, 0]
        f, F = shape.outcome(y, x)
        f = np.where(lost, np.nan, f)
        if shape.composed:
            return {"f": f, "F": F, "df": None, "dF": None, "y": y, "dy": dy}
        return {"f": f, "F": F, "df": dy[:, 0], "dF": dy[:, 1:]}


def campaign(name: str, seed: int, engine: str = "snobfit") -> Row:
    """Run one campaign; what is handed over is looked at after each batch."""
    shape = SHAPES[name]
    measured = None
    if shape.composed:
        kind = "positive" if shape.scale == (1.0, 0.0) and shape.outcome is costs else "real"
        count = shape.quantities(np.array([shape.upper], dtype=float)).shape[1]
        measured = Measured(count, shape.outcome, kind)  # type: ignore[arg-type]
    optimiser = ENGINES[engine](
        shape.lower, shape.upper, list(shape.windows), seed=seed, measured=measured,
        scales=shape.scales,
    )  # fmt: skip
    told, sizes = Told(shape, seed), np.random.default_rng([seed, 2])
    visited, watch = math.inf, Watch()
    with threadpool_limits(1):
        while told.done < shape.budget:
            x = optimiser.ask(min(int(sizes.integers(1, 4)), shape.budget - told.done))
            good = np.flatnonzero(shape.good(x, told.done))
            if good.size and math.isinf(visited):
                visited = told.done + float(good[0]) + 1
            optimiser.tell(x, **told.measure(x))  # type: ignore[arg-type]
            best = optimiser.best(feasible=True) or optimiser.best()
            solves = best is not None and bool(shape.good(best.x[None], told.done)[0])
            watch.see(told.done, solves)
    return Row(name, seed, visited, watch.first, watch.lasting)


def table(rows: Sequence[Row]) -> str:
    """Make a table of campaigns, a shape a line."""
    lines = [
        "| shape | good | good to the end | visited | handed over | lasting |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(row.shape for row in rows):
        own = [row for row in rows if row.shape == name]
        counts = [
            sum(map(math.isfinite, c)) for c in ((r.handed for r in own), (r.lasting for r in own))
        ]
        medians = [
            median(values)
            for values in (
                [r.visited for r in own],
                [r.handed for r in own],
                [r.lasting for r in own],
            )
        ]
        shown = " | ".join("-" if math.isinf(m) else f"{m:g}" for m in medians)
        lines.append(f"| {name} | {counts[0]}/{len(own)} | {counts[1]}/{len(own)} | {shown} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run campaigns and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hard")
    parser.add_argument(
        "--seeds", type=int, default=5, help="campaigns of each shape [%(default)s]"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed [%(default)s]")
    parser.add_argument("--only", default=",".join(SHAPES), help="shapes, with commas [all]")
    parser.add_argument(
        "--engine", choices=ENGINES, default="snobfit", help="whose campaigns [%(default)s]"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes [%(default)s]")
    parser.add_argument("--out", help="also write each campaign into this CSV file")
    a = parser.parse_args(argv)
    names = a.only.split(",")
    if unknown := [name for name in names if name not in SHAPES]:
        parser.error(f"no shape {', '.join(unknown)}; there are {', '.join(SHAPES)}")
    jobs = [(name, a.first + i, a.engine) for name in names for i in range(a.seeds)]
    rows = []
    with ProcessPoolExecutor(a.jobs) as pool:
        for row in pool.map(campaign, *zip(*jobs, strict=True)):
            rows.append(row)
            print(*astuple(row), file=sys.stderr, flush=True)
    if a.out:
        with open(a.out, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([field.name for field in fields(Row)])
            writer.writerows(astuple(row) for row in rows)
    print(table(rows))


if __name__ == "__main__":
    main()
