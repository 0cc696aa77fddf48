"""How much of the true trade-off of two goals a campaign has found.

    python -m tests.benchmarks.tradeoffs [--seeds 10] [--budget 40] [--tasks windows,free]
                                         [--engines ours,botorch,sobol]

Campaigns on the twin that minimise X3 and X1 / X2, one experiment at a time: with X1 + X2 from 0.9
to 1 as in run V (``windows``), or without windows (``free``). Every engine begins with the same
first batch, of ours. Told is the hypervolume of the noise-free goals of all experiments truly
inside the windows, as a share of that of the true front: up to the worst of the first batch in both
goals; and, harder, up to the ends of the true front alone (``strict``). ``botorch`` is its
qLogNoisyExpectedHypervolumeImprovement with one Gaussian process for each goal and property, as
its tutorial has it; it needs the extra ``benchmark-botorch``.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.optimisers.surrogate.front import hypervolume, unbeaten
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space

from .lab import HPLC, SPECIES, Lab, stated, true_fractions

Floats = NDArray[np.float64]

GOALS = ["X3", "X1 / X2"]
TASKS = {"windows": ["X1 + X2 in [0.9, 1.0] +/- 0.3"], "free": []}


def problem_of(task: str, budget: int) -> Problem:
    """Give a problem; it runs to the end of its budget."""
    changes = {"minimise": GOALS, "constraints": TASKS[task], "stop": {"verdict": False}}
    return stated("walker-v", budget=budget, **changes)


def true_goals(problem: Problem, conditions: Sequence[dict[str, float]]) -> Floats:
    """Give the noise-free goals (n, 2); infinite outside the windows."""
    f, F = problem.compose(true_fractions(conditions), {})
    inside = (problem.soft.violation(F) == 0).all(axis=1)
    return np.where(inside[:, None], np.column_stack([f, F[:, -1]]), np.inf)


@cache
def true_front(task: str) -> Floats:
    """Find the true front: many places, then ever nearer to those that nothing beats."""
    problem, rng = problem_of(task, 40), np.random.default_rng(0)
    space = Space.of(problem)
    span = space.upper - space.lower
    share = qmc.Sobol(space.dim, rng=0).random(2**15)
    front = goals = np.zeros((0, 2))
    places = np.zeros((0, space.dim))
    for width in 0.1 * 0.7 ** np.arange(16):
        found = true_goals(problem, space.to_conditions(space.lower + span * share))
        goals, places = np.vstack([goals, found]), np.vstack([places, share])
        kept = unbeaten(goals)
        goals, places = goals[kept], places[kept]
        front = goals
        around = places[rng.integers(len(places), size=8192)]
        steps = width * rng.standard_normal(around.shape) * (rng.random(around.shape) < 0.7)
        share = np.clip(around + steps, 0.0, 1.0)
    return front


@dataclass
class Course:
    """A campaign: what was visited, and the true goals of that."""

    problem: Problem
    conditions: list[dict[str, float]]

    def shares(self, task: str, first: int) -> tuple[float, float]:
        """Give the share of the true hypervolume by either reference."""
        true, front = true_goals(self.problem, self.conditions), true_front(task)
        f, F = self.problem.compose(true_fractions(self.conditions[:first]), {})
        worst = np.array([f.max(), F[:, -1].max()])
        return tuple(
            hypervolume(true, edge) / hypervolume(front, edge)
            for edge in (worst, front.max(axis=0))
        )


def ours(task: str, seed: int, budget: int) -> Course:
    """Run a campaign of our own, asked one ahead as on a rig."""
    problem = problem_of(task, budget)
    agent = Lab([seed, 2017]).campaign(Agent(problem, HPLC, seed), budget).agent
    return Course(problem, [e.conditions for e in agent.evaluations])


def sobol(task: str, seed: int, budget: int) -> Course:
    """Visit a space-filling plan after the first batch."""
    problem, begun = _begun(task, seed, budget)
    space = Space.of(problem)
    share = qmc.Sobol(space.dim, rng=seed).random(64)[: budget - len(begun)]
    x = space.lower + (space.upper - space.lower) * share
    return Course(problem, [*begun, *space.to_conditions(x)])


def botorch(task: str, seed: int, budget: int) -> Course:
    """Run BoTorch's noisy expected hypervolume improvement from the same first batch."""
    import torch
    from botorch import fit_gpytorch_mll
    from botorch.acquisition.multi_objective.logei import (
        qLogNoisyExpectedHypervolumeImprovement,
    )
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import SumMarginalLogLikelihood

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    problem, conditions = _begun(task, seed, budget)
    space, lab = Space.of(problem), Lab([seed, 2017])
    span = space.upper - space.lower
    box = torch.tensor([[0.0] * space.dim, [1.0] * space.dim], dtype=torch.double)
    rows = [_measured(problem, lab, point) for point in conditions]
    windows = problem.soft
    sides = [
        (2 + k, sign, edge)
        for k in range(len(problem.windows))
        for sign, edge in ((-1.0, windows.lower[k]), (1.0, windows.upper[k]))
        if np.isfinite(edge)
    ]
    while len(conditions) < budget:
        x = torch.tensor(np.array([(space.to_box(c) - space.lower) / span for c in conditions]))
        y = torch.tensor(np.array(rows))
        y[:, :2] *= -1  # it maximises
        models = [
            SingleTaskGP(x, y[:, [k]], outcome_transform=Standardize(1)) for k in range(y.shape[1])
        ]
        model = ModelListGP(*models)
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        reference = y[: len(_begun(task, seed, budget)[1]), :2].min(dim=0).values
        gain = qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=reference,
            X_baseline=x,
            objective=IdentityMCMultiOutputObjective(outcomes=[0, 1]),
            constraints=[
                (lambda z, k=k, sign=sign, edge=edge: sign * (z[..., k] - edge))
                for k, sign, edge in sides
            ]
            or None,
            prune_baseline=True,
        )
        found, _ = optimize_acqf(gain, box, q=1, num_restarts=8, raw_samples=256)
        point = space.to_conditions(space.lower + span * found.numpy())[0]
        conditions.append(point)
        rows.append(_measured(problem, lab, point))
    return Course(problem, conditions)


def _begun(task: str, seed: int, budget: int) -> tuple[Problem, list[dict[str, float]]]:
    """Give the first batch of our own campaign."""
    problem = problem_of(task, budget)
    agent = Agent(problem, HPLC, seed)
    return problem, [s.conditions for s in agent.draw(problem.first_batch)]


def _measured(problem: Problem, lab: Lab, point: dict[str, float]) -> Floats:
    """Give both goals, then the windowed properties, as measured."""
    (outcome,) = lab.measure([{"_id": 0, **point}])
    found = problem.properties({name: outcome[name] for name in SPECIES}, conditions=point)
    return np.r_[found.f, found.F[-1], found.F[:-1]]


ENGINES: dict[str, Callable[[str, int, int], Course]] = {
    "ours": ours,
    "botorch": botorch,
    "sobol": sobol,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tradeoffs")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    a = parser.parse_args(argv)
    engines = a.engines.split(",")
    if "botorch" in engines and find_spec("botorch") is None:
        engines.remove("botorch")
        print('botorch is left out: the extra "benchmark-botorch" is not installed\n')
    print("| task | engine | seed | share | strict | CPU [s] |\n|---|---|---|---|---|---|")
    told = []
    for task in a.tasks.split(","):
        for engine in engines:
            found = []
            for seed in range(a.first, a.first + a.seeds):
                began = time.process_time()
                course = ENGINES[engine](task, seed, a.budget)
                took = time.process_time() - began
                found.append(course.shares(task, course.problem.first_batch))
                wide, strict = found[-1]
                print(
                    f"| {task} | {engine} | {seed} | {wide:.3f} | {strict:.3f} | {took:.0f} |",
                    flush=True,
                )
            shares = np.array(found)
            good = (shares >= 0.95).sum(axis=0)
            median = np.median(shares, axis=0)
            told.append(
                f"{task}, {engine}: at least 0.95 in {good[0]} of {a.seeds} (median "
                f"{median[0]:.3f}); strict in {good[1]} (median {median[1]:.3f})"
            )
    print("\n" + "\n".join(told))


if __name__ == "__main__":
    main()
