"""How often is the truth where a campaign expects it?

    python -m tests.benchmarks.coverage [--seeds N] [--budget N] [--problems NAMES] [--first SEED]

Campaigns on the twin. Of the best feasible point and the best by merit, if they are two, each at
the end: the share of campaigns in which the noise-free value of a quantity is within one and two
`expected_sd` of `expected`, and the same of one further experiment there within `repeat_sd`; and
for comparison within the error of the single measurement, of its value. Then, after each experiment
from the eighth on, how likely the best feasible point was said to be inside all windows, and how
often it was.
"""

import argparse
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.keys import outcome_keys
from reactune.analysis.campaign.leader import Leader
from reactune.analysis.problem.model import Problem

from .lab import HPLC, SPECIES, Lab, stated, true_fractions

Floats = NDArray[np.float64]


EDGES = 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001
"""Of what is said of being inside."""


def away(
    problem_name: str, seed: int, budget: int, said: list[tuple[float, bool]]
) -> list[dict[str, Floats]]:
    """Give, of each best point and quantity, how far three numbers are from what is said of them.

    Truth from expected, a repeat from expected, truth from measured: each in the sd stated. Add to
    `said` how likely best feasible points were to be inside on the way, and whether they were.
    """
    problem = stated(problem_name, budget=budget, stop={"verdict": False})
    lab, agent = Lab(seed), Agent(problem, HPLC, seed=seed)
    for _ in lab.experiments(agent):
        if len(agent.evaluations) >= 8 and (best := agent.best(feasible=True)) is not None:
            said.append((best[1].probability_feasible, truly_inside(agent, best[0])))
    problem = agent.problem
    found = {best[0]: best[1] for best in (agent.best(True), agent.best()) if best}
    told = []
    for index, recommendation in found.items():
        done = agent.evaluations[index]
        leader = Leader.of(done.number, recommendation, problem)
        (repeat,) = lab.measure([{"_id": 0, **done.conditions}])
        truth, again = (
            outcomes(problem, dict(zip(SPECIES, x, strict=True)), done.conditions)
            for x in (true_fractions([done.conditions])[0], [repeat[name] for name in SPECIES])
        )
        measured = np.r_[problem.sign * done.f, done.F, list(done.measurement.values.values())]
        errors = np.r_[done.f_sd, done.F_sd, list(done.measurement.sd.values())]
        row = {}
        for i, key in enumerate(outcome_keys(problem)):
            value, sd, repeat_sd = leader.expected[key]
            row[key] = np.array(
                [
                    (truth[i] - value) / sd,
                    (again[i] - value) / repeat_sd,
                    (truth[i] - measured[i]) / errors[i],
                    repeat_sd / sd,
                ]
            )
        told.append(row)
    return told


def truly_inside(agent: Agent, index: int) -> bool:
    """Whether an experiment is inside all windows without noise."""
    conditions = agent.evaluations[index].conditions
    (fractions,) = true_fractions([conditions])
    truth = outcomes(agent.problem, dict(zip(SPECIES, fractions, strict=True)), conditions)
    return not agent.problem.violated(truth[1:])


def outcomes(
    problem: Problem, fractions: Mapping[str, float], conditions: Mapping[str, float]
) -> Floats:
    """Goal, windowed properties and fractions, in the order of `outcome_keys`."""
    found = problem.properties(fractions, conditions=conditions)
    return np.r_[problem.sign * found.f, found.F, [fractions[name] for name in problem.measured]]


def main(argv: list[str] | None = None) -> None:
    """Run campaigns and print shares."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coverage")
    parser.add_argument("--seeds", type=int, default=15, help="a problem [%(default)s]")
    parser.add_argument("--first", type=int, default=500, help="first seed [%(default)s]")
    parser.add_argument("--budget", type=int, default=35, help="experiments [%(default)s]")
    parser.add_argument("--out", help="file for all distances, as CSV")
    parser.add_argument("--problems", default="walker-ii,walker-iii,walker-v,walker-vi")
    a = parser.parse_args(argv)
    everything: dict[str, list[Floats]] = {}
    said: list[tuple[float, bool]] = []
    for i, name in enumerate(a.problems.split(",")):
        first = a.first + i * a.seeds  # the noise of no two campaigns is the same
        for seed in range(first, first + a.seeds):
            for row in away(name, seed, a.budget, said):
                for key, distances in row.items():
                    label = key if key in SPECIES else f"{name} {key}"
                    everything.setdefault(label, []).append(np.abs(distances))
    if a.out:
        with Path(a.out).open("w") as file:
            for label, rows in everything.items():
                file.writelines(f"{label},{','.join(map(repr, map(float, r)))}\n" for r in rows)
    heads = "truth/expected", "repeat/expected", "truth/measured"
    print(f"{'':<18}{'points':>7}" + "".join(f"{head:>18}" for head in heads))
    print(f"{'within':<18}{'':>7}" + f"{'1 sd':>10}{'2 sd':>8}" * 3)
    for label, rows in everything.items():
        distances = np.array(rows)
        shares = [(distances[:, i] <= n).mean() for i in range(3) for n in (1, 2)]
        cells = "".join(f"{s:>{10 - 2 * (i % 2)}.0%}" for i, s in enumerate(shares))
        print(f"{label:<18}{len(rows):>7}{cells}")
    print(f"\n{'said to be inside':<18}{'points':>7}{'on average':>12}{'truly':>8}")
    likely, truly = np.array(said).T
    for low, high in pairwise(EDGES):
        if (here := (low <= likely) & (likely < high)).any():
            means = f"{likely[here].mean():>12.0%}{truly[here].mean():>8.0%}"
            print(f"{f'{low:.0%} to {min(high, 1):.0%}':<18}{here.sum():>7}{means}")


if __name__ == "__main__":
    main()
