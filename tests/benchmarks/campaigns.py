"""Campaigns of optimisers on problems with known optima, each judged in one row.

Everything is judged by the noise-free value and violation. Columns:

====================  ==============================================================================
problem, engine, seed
solved                Experiments until a point was visited that solves the problem; inf if none.
handed                Experiments until the point handed over solves it; inf if never. Looked at
                      after each batch, on the twin after each experiment, where a violation of one
                      SD of an experiment is allowed.
lasting               The same, from which on it does so to the end.
hours, hours_lasting  Lab time [h] of these two on the twin (`lab.Schedule`); nan in a box.
done                  Experiments made. A campaign in a box ends when it is solved (without noise)
                      or when what it would hand over has solved the problem for three batches.
f, violation          Of the point handed over at the end: goal; worst window, in units of its
                      tolerance (boxes) or of the SD that one experiment has there (twin).
probability           That it is feasible, as the optimiser itself says; nan if it does not.
verdict, at           What the optimiser said of the problem on the way, if anything, and after how
                      many experiments it first did.
cpu                   CPU seconds an ask and tell of a batch, mean; on the twin of an experiment,
                      with the choice of what is handed over after it.
curve                 ``N:gap`` after each batch, on the twin every seventh experiment: f above the
                      optimum; none while violating.
====================  ==============================================================================
"""

import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.optimisers import Engine
from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.optimisers.sqsnobfit import SQSnobFit
from reactune.analysis.problem.model import Problem

from .baselines import DifferentialEvolution, NelderMead, Sobol
from .lab import HPLC, SPECIES, Lab, stated, true_fractions
from .tasks import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One campaign; the module documents the columns."""

    problem: str
    engine: str
    seed: int
    solved: float
    handed: float
    lasting: float
    hours: float
    hours_lasting: float
    done: int
    f: float
    violation: float
    probability: float
    verdict: str
    at: float
    cpu: float
    curve: str


@dataclass
class Watch:
    """Since when the point handed over has solved the problem.

    Attributes
    ----------
    first, lasting : float
        Experiments until it first did, and from which on it has since; infinite if not.
    checks : int
        How often in a row.
    """

    first: float = math.inf
    lasting: float = math.inf
    checks: int = 0

    def see(self, done: int, solves: bool) -> None:
        """Look at it after so many experiments."""
        self.checks = self.checks + 1 if solves else 0
        if not solves:
            self.lasting = math.inf
        elif self.checks == 1:
            self.lasting = float(done)
            self.first = min(self.first, self.lasting)


# -- engines ------------------------------------------------------------------------------


def _bayesian() -> Callable[..., Engine]:
    from .bayesian import Bayesian

    return Bayesian


ENGINES: dict[str, Callable[[], Callable[..., Engine]]] = {
    "snobfit-composite": lambda: partial(Snobfit, model="composite"),
    "snobfit-sevens": lambda: partial(Snobfit, model="composite"),
    "snobfit-merit": lambda: partial(Snobfit, model="merit"),
    "sqsnobfit": lambda: SQSnobFit,
    "gp": _bayesian,
    "de": lambda: DifferentialEvolution,
    "nelder-mead": lambda: NelderMead,
    "sobol": lambda: Sobol,
}
"""Name to a function that gives the class: what it needs may not be installed."""

OURS: dict[str, dict[str, Any]] = {
    "snobfit-composite": {"optimiser": {"engine": "snobfit", "model": "composite"}},
    "snobfit-sevens": {"optimiser": {"engine": "snobfit", "model": "composite"}, "batch": 7},
    "snobfit-merit": {"optimiser": {"engine": "snobfit", "model": "merit"}, "batch": 7},
    "sqsnobfit": {"optimiser": {"engine": "sqsnobfit", "model": "merit"}, "batch": 7},
}
"""Engines that a problem file can name, and how.

The second waits for its batches whole, as campaigns did before they asked one by one; in a box both
are the same.
"""

OTHERS: dict[str, Any] = {"optimiser": {"model": "merit"}, "batch": 7}
"""How all others are asked on the twin: batch by batch, when the last one is answered whole."""


def available(name: str) -> str | None:
    """Say why an engine cannot be run here; None if it can."""
    if name == "gp" and importlib.util.find_spec("sklearn") is None:
        return "gp needs scikit-learn: the extra benchmark"
    try:
        ENGINES[name]()([0.0], [1.0], seed=0)
    except ValueError as error:
        return str(error)
    return None


# -- problems in a box --------------------------------------------------------------------


def box(task: Task, engine: str, seed: int) -> Row:
    """Run a campaign on a problem in a box, n + 6 points a batch."""
    optimiser = ENGINES[engine]()(task.lower, task.upper, list(task.windows) or None, seed=seed)
    rng = np.random.default_rng([seed, 1])
    size, cpu, asks = task.dim + 6, 0.0, 0
    solved, curve, done, watch = math.inf, [], 0, Watch()
    f, violation, probability = math.nan, math.nan, math.nan
    while done < task.budget:
        start = time.process_time()
        x = optimiser.ask(size)
        cpu += time.process_time() - start
        asks += 1
        true_f, true_F = task.truth(x)
        reached = np.flatnonzero(task.solved(true_f, true_F))
        if reached.size and math.isinf(solved):
            solved = done + float(reached[0]) + 1
        done += size
        start = time.process_time()
        _tell(optimiser, task, x, true_f, true_F, rng)
        cpu += time.process_time() - start
        best = optimiser.best(feasible=True) or optimiser.best()
        if best is None:
            continue
        one_f, one_F = task.truth(best.x[None, :])
        f, violation = float(one_f[0]), float(task.violation(one_F)[0])
        probability = float(getattr(best, "probability_feasible", math.nan))
        if violation <= 1.0:
            curve.append(f"{done}:{max(f - task.best, 0.0):.3g}")
        watch.see(done, bool(task.solved(one_f, one_F)[0]))
        if watch.checks and (watch.checks == 3 or not task.noise):
            break
    return Row(
        task.name, engine, seed, solved, watch.first, watch.lasting, math.nan, math.nan, done, f,
        violation, probability, "", math.nan, cpu / asks, " ".join(curve),
    )  # fmt: skip


def _tell(
    optimiser: Engine, task: Task, x: Floats, f: Floats, F: Floats, rng: np.random.Generator
) -> None:
    if not task.noise:
        optimiser.tell(x, f, F if task.windows else None)
        return
    df, dF = task.noise * np.abs(f), task.noise * np.abs(F)
    f = f + df * rng.standard_normal(f.shape)
    F = F + dF * rng.standard_normal(F.shape)
    optimiser.tell(x, f, F if task.windows else None, df, dF if task.windows else None)


# -- the twin -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run of the paper on the twin: what counts as solved.

    Attributes
    ----------
    best : float
        The constrained optimum; of run IV, which has none, the least penalty.
    within : float
    """

    best: float
    within: float


RUNS = {
    "II": Run(0.00871, 0.0005),
    "III": Run(0.00871, 0.0005),
    "IV": Run(0.2132, 0.02),
    "V": Run(0.0723, 0.005),
    "VI": Run(1.109, 0.03),
}

BUDGET = 105


def twin(run: str, engine: str, seed: int, budget: int = BUDGET) -> Row:
    """Run a campaign on the twin, asked for as the problem's `batch` says, always to the end.

    Own engines are driven by the agent as on the rig; the others take the optimiser's place in it.
    """
    how = OURS.get(engine, OTHERS)
    options = how | {"optimiser": {"p": 0.3} | how["optimiser"], "budget": budget}
    problem = stated(f"walker-{run.lower()}", **options)
    agent = Agent(problem, HPLC, seed)
    if engine not in OURS:
        windows = [(w.lower, w.upper, w.allowed) for w in problem.windows]
        agent.optimiser = ENGINES[engine]()(
            agent.space.lower, agent.space.upper, windows, seed=seed
        )
    target, truth = RUNS[run], cache(lambda point: _truth(problem, run, dict(point)))
    curve, verdicts, hours = list[str](), dict[str, float](), list[float]()
    watch = Watch()
    goal = worst = probability = math.nan
    start = time.process_time()
    for hour in Lab([seed, 1]).experiments(agent, ahead=engine != "snobfit-sevens"):
        hours.append(hour)
        best = agent.optimiser.best(feasible=True) or agent.optimiser.best()
        assert best is not None
        probability = float(getattr(best, "probability_feasible", math.nan))
        conditions = agent.space.to_conditions(best.x[None, :])[0]
        goal, worst = truth(tuple(conditions.items()))
        done = len(hours)
        watch.see(done, worst <= 1.0 and goal <= target.best + target.within)
        if done % 7 == 0:
            if (said := agent.verdict()) is not None:
                verdicts.setdefault(said.kind, float(done))
            if worst == 0:
                curve.append(f"{done}:{max(goal - target.best, 0.0):.3g}")
    cpu = (time.process_time() - start) / len(hours)
    visited, outside = judge(problem, run, [e.conditions for e in agent.evaluations])
    reached = np.flatnonzero((outside == 0) & (visited <= target.best + target.within))
    at = {number: hours[int(number) - 1] for number in (watch.first, watch.lasting)
          if math.isfinite(number)}  # fmt: skip
    return Row(
        f"twin-{run}", engine, seed, float(reached[0]) + 1 if reached.size else math.inf,
        watch.first, watch.lasting, at.get(watch.first, math.inf),
        at.get(watch.lasting, math.inf), len(hours), goal, worst, probability,
        ", ".join(verdicts), min(verdicts.values(), default=math.nan), cpu, " ".join(curve),
    )  # fmt: skip


def solves(problem: Problem, run: str, target: Run, conditions: dict[str, float]) -> bool:
    """Say whether a point is good: near the optimum, outside by no more than an experiment's SD."""
    goal, worst = _truth(problem, run, conditions)
    return worst <= 1.0 and goal <= target.best + target.within


def _truth(problem: Problem, run: str, conditions: dict[str, float]) -> tuple[float, float]:
    """Noise-free goal of a point, and its worst violation in units of an experiment's SD there."""
    goal, outside = judge(problem, run, [conditions])
    worst = float(outside[0])
    return float(goal[0]), worst and worst / scatter(problem, conditions)


def judge(
    problem: Problem, run: str, conditions: Sequence[dict[str, float]]
) -> tuple[Floats, Floats]:
    """Noise-free goal and worst violation [property's unit]; of run IV the penalty and nothing."""
    goals, worst = [], []
    for point, x in zip(conditions, true_fractions(conditions), strict=True):
        found = problem.properties(dict(zip(SPECIES, x, strict=True)), conditions=point)
        outside = [
            (max(w.lower - F, F - w.upper, 0.0), w.allowed[0])
            for w, F in zip(problem.windows, found.F, strict=True)
        ]
        if run == "IV":
            d = sum((v / tolerance) ** 2 for v, tolerance in outside)
            goals.append(2 * d / (1 + d))
            worst.append(0.0)
        else:
            goals.append(found.f)
            worst.append(max((v for v, _ in outside), default=0.0))
    return np.array(goals), np.array(worst)


def scatter(problem: Problem, conditions: dict[str, float]) -> float:
    """SD that one experiment has in the window that is violated most there, from 200 of them."""
    lab = Lab(0)
    rows = []
    for outcome in lab.measure([{"_id": i, **conditions} for i in range(200)]):
        fractions = {name: outcome[name] for name in SPECIES}
        rows.append(problem.properties(fractions, conditions=conditions).F)
    F = np.array(rows)
    low = np.array([w.lower for w in problem.windows])
    high = np.array([w.upper for w in problem.windows])
    outside = np.maximum(low - F.mean(axis=0), F.mean(axis=0) - high)
    return float(F.std(axis=0)[outside.argmax()])
