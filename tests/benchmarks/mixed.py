"""Experiments to the optimum where variables are ranges, steps, values and choices.

    python -m tests.benchmarks.mixed [--seeds 10] [--first 0] [--tasks ...] [--ways ...] [--jobs 1]

Six made-up chemistries of two to six variables, asked for as people by hand do: first what the
models need, then four at a time. Noise is normal, 0.005 on every fraction, and told.

``mixed``
    Our optimiser: it knows what can be set, and searches among that.
``rounded``
    The same optimiser on ranges; what it asks for is rounded, a choice is its number in the list.
``one-hot``
    The same, a choice being as many ranges from 0 to 1 as there are choices; the largest is taken.
``plain``
    As ``mixed``, but without the descriptors.
``sobol``
    Scrambled Sobol points, spread evenly over what can be set.

Solved: a point was tried that is inside all windows without its noise, and whose goal is within
3 % of the best there is. A cell is the median number of experiments, an unsolved campaign counting
as infinite, with the number solved; budget 80.
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import qmc

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space

from .mixed_tasks import BATCH, BUDGET, NOISE, PROBLEMS, TASKS, Conditions, Task
from .tables import cell, markdown

# -- the ways -----------------------------------------------------------------------------------


class Mixed:
    """Our optimiser as it is."""

    def __init__(self, task: Task, seed: int) -> None:
        self.agent = Agent(Problem(**task.stated(self.variables(task))), seed=seed)

    def variables(self, task: Task) -> dict[str, Any]:
        """State the variables that it sees."""
        return dict(task.variables)

    def ask(self, n: int) -> list[Conditions]:
        """Give n conditions."""
        return [{k: v for k, v in point.items() if k != "_id"} for point in self._asked(n)]

    def _asked(self, n: int) -> list[Conditions]:
        self._out = self.agent.suggest(n)
        return self._out

    def tell(self, conditions: list[Conditions], values: list[dict[str, float]]) -> None:
        """Take in what came of them."""
        pairs = zip(self._out, values, strict=True)
        self.agent.ingest([{"_id": point["_id"]} | got for point, got in pairs])


class Plain(Mixed):
    """Our optimiser, told nothing about the choices."""

    def variables(self, task: Task) -> dict[str, Any]:
        """See `Mixed`."""
        return {n: {k: w for k, w in v.items() if k != "descriptors"} for n, v in
                task.variables.items()}  # fmt: skip


@dataclass
class Rounded(Mixed):
    """Our optimiser on ranges; what it asks for is rounded."""

    task: Task
    seed: int
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = Agent(Problem(**self.task.stated(self.variables(self.task))), seed=self.seed)

    def variables(self, task: Task) -> dict[str, Any]:
        """See `Mixed`."""
        return {name: part for n, v in task.variables.items() for name, part in self.ranges(n, v)}

    def ranges(self, name: str, v: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """State one variable as ranges."""
        if "choices" in v:
            return [(name, {"range": [-0.5, len(v["choices"]) - 0.5]})]
        span = v.get("range") or [min(v["values"]), max(v["values"])]
        return [(name, {"range": span, "unit": v.get("unit", "")})]

    def chosen(self, name: str, choices: list[str], point: Conditions) -> int:
        """Say which choice a point means."""
        return min(max(round(point[name]), 0), len(choices) - 1)

    def placed(self, name: str, choices: list[str], k: int) -> Conditions:
        """Say where a choice is in the ranges."""
        return {name: float(k)}

    def ask(self, n: int) -> list[Conditions]:
        """See `Mixed`: the point asked for is given up for the one that it is rounded to."""
        self._out = []
        meant = []
        for point in self.agent.suggest(n):
            told, conditions = {}, {}
            for name, v in self.task.variables.items():
                if "choices" in v:
                    k = self.chosen(name, v["choices"], point)
                    conditions[name] = v["choices"][k]
                    told |= self.placed(name, v["choices"], k)
                    continue
                grid = PROBLEMS[self.task.name].variables[name].grid
                if grid is None:
                    value = point[name]
                else:
                    values = grid.value(np.arange(len(grid)))
                    value = float(values[abs(values - point[name]).argmin()])
                conditions[name] = told[name] = value
            self._out.append({"_id": point["_id"]} | told)
            meant.append(conditions)
        return meant

    def tell(self, conditions: list[Conditions], values: list[dict[str, float]]) -> None:
        """See `Mixed`: told where it was done."""
        for point, got in zip(self._out, values, strict=True):
            asked = point.pop("_id")
            self.agent.optimiser.withdraw(
                self.agent.space.to_box(self.agent._asked[asked].conditions)
            )
            self.agent.ingest([point | got])


class OneHot(Rounded):
    """Our optimiser on ranges, of which the largest is the choice."""

    def ranges(self, name: str, v: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """See `Rounded`."""
        if "choices" in v:
            return [(f"{name}_{k}", {"range": [0, 1]}) for k in range(len(v["choices"]))]
        return super().ranges(name, v)

    def chosen(self, name: str, choices: list[str], point: Conditions) -> int:
        """See `Rounded`."""
        return int(np.argmax([point[f"{name}_{k}"] for k in range(len(choices))]))

    def placed(self, name: str, choices: list[str], k: int) -> Conditions:
        """See `Rounded`."""
        return {f"{name}_{i}": float(i == k) for i in range(len(choices))}


class Sobol:
    """Sobol points, evenly."""

    def __init__(self, task: Task, seed: int) -> None:
        self._space = Space.of(PROBLEMS[task.name])
        self._points, self._done = qmc.Sobol(self._space.dim, seed=seed).random(128), 0

    def ask(self, n: int) -> list[Conditions]:
        """See `Mixed`."""
        share = self._points[self._done : self._done + n]
        self._done += n
        x = self._space.lower + share * (self._space.upper - self._space.lower)
        for i, placed in self._space.choices.items():
            x[:, i] = np.minimum(np.floor(share[:, i] * len(placed)), len(placed) - 1)
        return self._space.to_conditions(x)

    def tell(self, conditions: list[Conditions], values: list[dict[str, float]]) -> None:
        """See `Mixed`: nothing is learnt."""


WAYS: dict[str, Callable[[Task, int], Any]] = {
    "mixed": Mixed, "plain": Plain, "rounded": Rounded, "one-hot": OneHot, "sobol": Sobol,
}  # fmt: skip


def campaign(name: str, way: str, seed: int, budget: int = BUDGET) -> float:
    """Count the experiments until one solves the task; inf if none does."""
    task, rng = TASKS[name], np.random.default_rng([seed, 99])
    asking, done = WAYS[way](task, seed), 0
    while done < budget:
        conditions = asking.ask(BATCH if done else len(task.variables) + 3)
        for i, point in enumerate(conditions):
            if task.solved(point):
                return done + i + 1
        done += len(conditions)
        values = [
            {k: v + NOISE * float(rng.standard_normal()) for k, v in task.measure(point).items()}
            for point in conditions
        ]
        values = [got | {f"{k}_sd": NOISE for k in got} for got in values]
        asking.tell(conditions, values)
    return math.inf


def optimum(name: str, count: int = 20_000, seed: int = 0) -> tuple[float, Conditions]:
    """Look for the best goal inside the windows: everywhere, then ever closer to the best ones."""
    task, space, rng = TASKS[name], Space.of(PROBLEMS[name]), np.random.default_rng(seed)
    span, best, at = space.upper - space.lower, -math.inf, space.to_conditions(space.lower[None])[0]
    x = space.lower + rng.random((count, space.dim)) * span
    for width in (0.2, 0.1, 0.05, 0.02, 0.01, 0.003, 0.001):
        conditions = space.to_conditions(x)
        goals = np.array([g if ok else -math.inf for g, ok in map(task.truth, conditions)])
        top = np.argsort(-goals)[:30]
        if goals[top[0]] > best:
            best, at = float(goals[top[0]]), conditions[int(top[0])]
        around = np.repeat(x[top], count // 100, axis=0)
        steps = width * span * rng.standard_normal(around.shape)
        moved = around + steps * (rng.random(around.shape) < 0.6)
        for i, placed in space.choices.items():
            other = rng.integers(len(placed), size=len(moved))
            moved[:, i] = np.where(rng.random(len(moved)) < 0.1, other, around[:, i])
        x = np.vstack([x[top], np.clip(moved, space.lower, space.upper)])
    return best, at


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--jobs", type=int, default=1)
    a = parser.parse_args(arguments)
    ways, seeds = a.ways.split(","), range(a.first, a.first + a.seeds)
    rows = []
    with ProcessPoolExecutor(a.jobs) as pool:
        for name in a.tasks.split(","):
            found = [list(pool.map(campaign, [name] * a.seeds, [way] * a.seeds, seeds))
                     for way in ways]  # fmt: skip
            rows.append([name, *map(cell, found)])
            print(rows[-1], file=sys.stderr, flush=True)
    print(markdown(["task", *ways], rows))


if __name__ == "__main__":
    main()
