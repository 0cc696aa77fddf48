"""How often is the truth where a campaign expects it?

    python -m tests.benchmarks.coverage [--seeds N] [--budget N] [--problems NAMES] [--first SEED]

Campaigns on the twin. Of the best feasible point and the best by merit, if they are two, each at
the end: the share of campaigns in which the noise-free value of a quantity is within one and two
`expected_sd` of `expected`, and the same of one further experiment there within `repeat_sd`; and
for comparison within the error of the single measurement, of its value.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.leader import Leader, outcome_keys
from reactune.analysis.problem.model import Problem

from .lab import HPLC, SPECIES, Lab, stated, true_fractions

Floats = NDArray[np.float64]


def away(problem_name: str, seed: int, budget: int) -> list[dict[str, Floats]]:
    """Give, of each best point and quantity, how far three numbers are from what is said of them.

    Truth from expected, a repeat from expected, truth from measured: each in the sd stated.
    """
    problem = stated(problem_name, budget=budget, stop={"verdict": False})
    lab = Lab(seed)
    agent = lab.campaign(Agent(problem, HPLC, seed=seed), budget).agent
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
    for i, name in enumerate(a.problems.split(",")):
        first = a.first + i * a.seeds  # the noise of no two campaigns is the same
        for seed in range(first, first + a.seeds):
            for row in away(name, seed, a.budget):
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


if __name__ == "__main__":
    main()
