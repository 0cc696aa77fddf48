"""What the shipped reactions really give, and how near campaigns come to their optima.

    python -m tests.benchmarks.reactions [--seeds 10] [--first 0] [--only snar] [--confidence 0.9]

The demos of the shipped reactions without instruments: agent, reaction, and the noise of one
experiment. Beside each the same number of experiments at a Sobol plan, of which the best that was
measured inside all windows is taken. *Good* is a point handed over that is, without noise, inside
all windows and within 5 % of the known optimum.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import median
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import differential_evolution, minimize
from scipy.stats import qmc

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from reactune.devices.emulation import Reaction
from reactune.devices.emulation.layout import noise_of
from reactune.devices.emulation.reactions import reaction_of
from reactune.devices.rigfile import RigFile, load
from reactune.plans.commands.demo import DEMOS, problem_of
from reactune.plans.compatibility import analytics_of
from reactune.plans.fitting import fitted, settings

Floats = NDArray[np.float64]
Conditions = Mapping[str, Any]


@dataclass(frozen=True)
class Truth:
    """A problem on an emulated rig without noise and instruments.

    Parameters
    ----------
    problem : Problem
        Fitted to the rig.
    rig : RigFile
    """

    problem: Problem
    rig: RigFile

    @classmethod
    def of(cls, problem: Any, rig: RigFile | str, **choices: str) -> Self:
        """Give that of a problem on a rig, built in or not, for what is chosen on it."""
        stated = Problem.load(problem).to_dict()
        config = load(rig) if isinstance(rig, str) else rig
        for name in choices:
            del stated["variables"][name]
        if choices:
            config = config.model_copy(update={"choices": {}}).emulating(choices=choices)
        return cls(fitted(Problem.load(stated), config), config)

    @cached_property
    def chosen(self) -> "dict[str, Truth]":
        """What is true with each choice; empty where there is none."""
        return {
            option: Truth.of({**self.problem.to_dict(), "rig": None}, self.rig, **{name: option})
            for name, variable in self.problem.variables.items()
            for option in variable.choices or ()
        }

    def split(self, one: Conditions) -> "tuple[Truth, Conditions]":
        """Give what is true with what conditions choose, and the other conditions."""
        if not self.chosen:
            return self, one
        option = next(value for value in one.values() if value in self.chosen)
        return self.chosen[option], {k: v for k, v in one.items() if v != option}

    @cached_property
    def space(self) -> Space:
        return Space.of(self.problem)

    @cached_property
    def reaction(self) -> Reaction:
        return reaction_of(self.rig.emulation)

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Goal to minimise (n,) and constrained properties (n, m) at points (n, d) of the box."""
        return self.properties(self.space.to_conditions(points))

    def properties(self, conditions: Sequence[Conditions]) -> tuple[Floats, Floats]:
        """Goal to minimise (n,) and constrained properties (n, m)."""
        return self.judged(self.fractions(conditions), conditions)

    def judged(self, made: Floats, conditions: Sequence[Conditions]) -> tuple[Floats, Floats]:
        """`properties` of fractions (n, q)."""
        variables = {
            name: np.array([one[name] for one in conditions]) for name in self.problem.variables
        }
        return self.problem.compose(made, variables)

    def fractions(self, conditions: Sequence[Conditions], extent: ArrayLike = 1.0) -> Floats:
        """What is measured, free of noise (n, q)."""
        set_to = [settings(one, self.problem, self.rig) for one in conditions]
        flows = {
            name: np.array([one[f"flow_{name}"] for one in set_to]) for name in self.rig.streams
        }
        total = np.sum(list(flows.values()), axis=0)
        feed = [self.rig.streams[k].stock * flows[k] / total for k in self.reaction.reagents]
        made = self.reaction.composition(
            np.stack(feed, axis=-1),
            self.rig.reactor.heated_volume / total,
            np.array([one["temperature"] for one in set_to]),
            extent,
        ).fractions
        return made[:, [self.reaction.products.index(name) for name in self.problem.measured]]

    def measured(
        self, conditions: Sequence[Conditions], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """What an experiment gives (n, q), as the analysis would, and its sd."""
        noise = noise_of(self.rig.emulation)
        true = self.fractions(conditions, np.exp(noise.extent * rng.normal(size=len(conditions))))
        sd = noise.fraction + noise.relative * true
        found = np.maximum(true + sd * rng.normal(size=true.shape), 0.0)
        whole = found.sum(axis=1, keepdims=True)
        x = found / whole
        slopes = (np.eye(x.shape[1]) - x[:, :, None]) / whole[:, :, None]
        return x, np.sqrt(((slopes * sd[:, None, :]) ** 2).sum(-1))

    def optimum(self) -> tuple[Floats, float]:
        """Best point of the box inside all windows, and its goal to 0.2 %: evolved, polished."""
        lower, upper = self.space.lower, self.space.upper

        def penalised(u: Floats) -> Floats:
            f, F = self.at(lower + u.T * (upper - lower))
            return f + 100 * abs(f) * np.sqrt(self.misses(F))

        @lru_cache(maxsize=4)
        def known(u: bytes) -> tuple[Floats, Floats]:
            return self.slopes(np.frombuffer(u))

        box = [(0.0, 1.0)] * len(lower)
        start = differential_evolution(
            penalised, box, vectorized=True, updating="deferred", polish=False, seed=0, maxiter=60
        ).x
        rooms = {
            "type": "ineq",
            "fun": lambda u: known(u.tobytes())[0][1:],
            "jac": lambda u: known(u.tobytes())[1][1:],
        }
        size = abs(known(start.tobytes())[0][0])
        found = minimize(
            lambda u: known(u.tobytes())[0][0] / size, start, method="SLSQP",
            jac=lambda u: known(u.tobytes())[1][0] / size,
            constraints=rooms, bounds=box, options={"ftol": 1e-8, "maxiter": 60},
        )  # fmt: skip
        for u in (np.clip(found.x, 0, 1), start):  # unpolished where that went astray
            goal, *left = known(u.tobytes())[0]
            if min(left, default=0.0) >= -1e-6 and goal <= known(start.tobytes())[0][0]:
                return lower + u * (upper - lower), float(goal)
        raise ArithmeticError(f"{self.problem.title}: nothing is inside all windows")

    def slopes(self, u: Floats) -> tuple[Floats, Floats]:
        """Goal and rooms (1 + r,) at a point of the unit box, and their slopes (1 + r, d)."""
        step = np.where(u > 0.5, -1e-5, 1e-5)
        points = np.vstack([u, u + np.diag(step)])
        scale = self.space.upper - self.space.lower
        f, F = self.at(self.space.lower + points * scale)
        values = np.column_stack([f, self.rooms(F)])
        return values[0], (values[1:] - values[0]).T / step

    def rooms(self, F: Floats) -> Floats:
        """How far inside its windows each point is (n, 2 m); negative outside."""
        edges = [(w.lower, w.upper) for w in self.problem.windows]
        lower, upper = np.array(edges, float).reshape(-1, 2).T
        rooms = np.concatenate([F - lower, upper - F], axis=1)
        return rooms[:, np.isfinite(rooms).all(axis=0)]

    def misses(self, F: Floats) -> Floats:
        """How far outside its windows each point is, squared and summed (n,)."""
        missed: Floats = (np.minimum(self.rooms(F), 0) ** 2).sum(axis=1)
        return missed


class Ended(NamedTuple):
    """A campaign's end: experiments, and goal and rooms of the point handed over, without noise."""

    experiments: int
    goal: float
    inside: bool


def campaign(truth: Truth, seed: int) -> Ended:
    """Run the agent until it is sure, or its budget is spent."""
    rng = np.random.default_rng(seed)

    def measure(one: Conditions) -> dict[str, float]:
        of, rest = truth.split(one)
        (x,), (sd,) = of.measured([rest], rng)
        names = truth.problem.measured
        found = dict(zip(names, x.tolist(), strict=True))
        return found | {f"{name}_sd": float(s) for name, s in zip(names, sd, strict=True)}

    agent = Agent(truth.problem, analytics_of(truth.rig), seed=seed)
    while (asked := agent.ask()) is not None:
        agent.ahead()
        agent.ingest([{"_id": asked.number, **measure(asked.conditions)}])
    best = agent.optimiser.best(feasible=True) or agent.optimiser.best()
    (handed,) = agent.space.to_conditions(best.x[None, :])
    return _ended(truth, len(agent.evaluations), handed)


def sobol(truth: Truth, seed: int, n: int) -> Ended:
    """Measure a Sobol plan, choices by lot."""
    rng = np.random.default_rng(seed)
    options = list(truth.chosen) or [""]
    lots = rng.permutation([i % len(options) for i in range(n)])
    found = [truth.chosen.get(options[i], truth) for i in lots]
    of = found[0].space
    plan = qmc.Sobol(of.dim, seed=seed).random_base2(math.ceil(math.log2(n)))[:n]
    ends = []
    for one, u in zip(found, plan, strict=True):
        (rest,) = one.space.to_conditions((of.lower + u * (of.upper - of.lower))[None])
        x, _ = one.measured([rest], rng)
        f, F = one.judged(x, [rest])
        ends.append((one.misses(F)[0], f[0], one, rest))
    _, _, one, rest = min(ends, key=lambda end: end[:2])
    return _ended(one, n, rest)


def _ended(truth: Truth, n: int, handed: Conditions) -> Ended:
    of, rest = truth.split(handed)
    f, F = of.properties([rest])
    return Ended(n, float(f[0]), bool((of.rooms(F) >= 0).all()))


def optimum(truth: Truth) -> float:
    """Goal of the known optimum, of the first and best choice."""
    return next(iter(truth.chosen.values()), truth).optimum()[1]


def main() -> None:
    """Print a line for each reaction and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", choices=DEMOS)
    parser.add_argument("--confidence", type=float, help="in place of the problem's own")
    a = parser.parse_args()
    for name, (_, rig) in DEMOS.items():
        if a.only in (None, name):
            problem = problem_of(name)
            if a.confidence is not None:
                problem["optimiser"] = (problem["optimiser"] or {}) | {"confidence": a.confidence}
            truth = Truth.of(problem, rig)
            best = optimum(truth)
            print(f"{name}: known optimum {truth.problem.sign * best:.4g}", flush=True)
            ours = [campaign(truth, a.first + k) for k in range(a.seeds)]
            plans = [sobol(truth, a.first + k, e.experiments) for k, e in enumerate(ours)]
            for way, ends in (("reactune", ours), ("Sobol", plans)):
                good = sum(e.inside and e.goal <= best + 0.05 * abs(best) for e in ends)
                print(
                    f"  {way:<9} experiments {median(e.experiments for e in ends):g}, goal "
                    f"{truth.problem.sign * median(e.goal for e in ends):.4g}, inside "
                    f"{sum(e.inside for e in ends)} of {len(ends)}, good {good} of {len(ends)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
