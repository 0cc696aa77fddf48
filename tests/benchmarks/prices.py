"""How near the price of each window is to the truth on the twin.

    python -m tests.benchmarks.prices [--runs II,III,V] [--seeds 3] [--budget 30]

For each run and seed a campaign on the twin, then the price of every edge from its experiments
(`reactune.analysis.learning.price`), beside what the noise-free reaction gives for the same step.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.learning.price import STEP, Price, prices

from .lab import HPLC, Lab, stated, true_fractions

Floats = NDArray[np.float64]


def truth(agent: Agent, price: Price) -> float:
    """Give what an edge costs in the noise-free reaction."""
    windows = agent.windows
    tolerance = windows.below if price.side == "lower" else windows.above
    step = STEP * float(tolerance[price.window])
    lower, upper = windows.lower.copy(), windows.upper.copy()
    before = lowest(agent, lower, upper)
    if price.side == "lower":
        lower[price.window] -= step
    else:
        upper[price.window] += step
    return (before - lowest(agent, lower, upper)) / step


def lowest(agent: Agent, lower: Floats, upper: Floats) -> float:
    """Give the lowest true goal inside windows; infinite if nothing is inside."""
    space, problem = agent.space, agent.problem
    span = space.upper - space.lower

    def outcome(share: Floats) -> tuple[Floats, Floats]:
        x = space.lower + span * np.clip(np.atleast_2d(share), 0.0, 1.0)
        return problem.compose(true_fractions(space.to_conditions(x)), {})

    def room(share: Floats) -> Floats:
        both = np.r_[outcome(share)[1][0] - lower, upper - outcome(share)[1][0]]
        return both[np.isfinite(both)]

    places = np.random.default_rng(0).random((4000, space.dim))
    f, F = outcome(places)
    outside = (np.maximum(lower - F, 0) + np.maximum(F - upper, 0)).sum(axis=1)
    best = np.inf
    for start in places[np.lexsort((f, outside))[:6]]:
        found = minimize(
            lambda share: outcome(share)[0][0],
            start,
            bounds=[(0, 1)] * space.dim,
            constraints={"type": "ineq", "fun": room},
            method="SLSQP",
            options={"ftol": 1e-10, "maxiter": 200},
        )
        if room(found.x).min() > -1e-5:
            best = min(best, found.fun)
    return best


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.prices")
    parser.add_argument("--runs", default="II,III,V")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=30)
    args = parser.parse_args(argv)
    print("| run | seed | edge | price | 90 % | truth |\n|---|---|---|---|---|---|")
    for run in args.runs.split(","):
        for seed in range(args.seeds):
            problem = stated(f"walker-{run.lower()}", budget=args.budget)
            agent = Lab([seed, 2017]).campaign(Agent(problem, HPLC, seed), args.budget).agent
            for price in prices(agent.optimiser.book.surrogate(), agent.windows):
                edge = f"{problem.windows[price.window].of} {price.side} {price.edge:g}"
                true = truth(agent, price)
                print(
                    f"| {run} | {seed} | {edge} | {price.gain:.4f} | "
                    f"{price.low:.4f} to {price.high:.4f} | {true:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
