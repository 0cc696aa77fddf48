"""Does an old campaign shorten a new one when the reactor has drifted?

    python -m tests.benchmarks.rediscovery [--seeds 10] [--runs II,III] [--drift 0.9]

For each seed: 105 experiments on the twin, then a new campaign on a twin whose sultine opens
`drift` times as fast, once from what the old one recommends and once cold. Prints after how many
experiments each visited a point truly feasible and within 0.002 of the drifted twin's optimum.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.learning.warm_start import promising
from reactune.devices.emulation.reactions.walker2017 import Kinetics

from .lab import HPLC, Lab, stated

OPTIMUM = 0.00871
"""Lowest X3 in the windows of runs II and III; any `ks` reaches it at some residence time."""

WITHIN = 0.002


def counts(run: str, seed: int, drift: float = 0.9, model: str = "merit") -> tuple[float, float]:
    """Give the experiments to the target from an old campaign and cold; infinite beyond 105."""
    options = {"engine": "snobfit", "model": model, "p": 0.3}
    problem = stated(f"walker-{run.lower()}", optimiser=options, batch=7, budget=105)
    old = Lab([seed, 2017]).campaign(Agent(problem, HPLC, seed), 105).agent
    first = promising(old.evaluations, old.space, old.windows, problem.batch)
    drifted = replace(Kinetics(), ks=drift * Kinetics().ks)
    found = []
    for start in (first, ()):
        lab = Lab([seed, 2018], kinetics=drifted)
        trial = lab.campaign(Agent(problem, HPLC, seed, start), 105)
        goal, violation = trial.truth
        found.append(trial.first((violation == 0) & (goal <= OPTIMUM + WITHIN)))
    return found[0], found[1]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rediscovery")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", default="II,III")
    parser.add_argument("--drift", type=float, default=0.9, help="factor on ks (0.9)")
    parser.add_argument("--model", default="merit")
    args = parser.parse_args(argv)
    print("| run | from the old campaign | cold | fewer |\n|---|---|---|---|")
    for run in args.runs.split(","):
        both = np.array([counts(run, s, args.drift, args.model) for s in range(args.seeds)])
        cells = [
            f"{np.median(column):g} ({', '.join(f'{n:g}' for n in column)})" for column in both.T
        ]
        fewer = int((both[:, 0] < both[:, 1]).sum())
        print(f"| {run} | {cells[0]} | {cells[1]} | {fewer} of {args.seeds} |")


if __name__ == "__main__":
    main()
