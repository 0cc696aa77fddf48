"""A slow oven: lab hours of run II with the temperature shared by a batch, and without.

    python -m tests.benchmarks.shared [--seeds 10] [--first 0] [--batch 4] [--settles 20]

The heater needs `--settles` minutes beyond its way until it has settled. Printed are the medians
of the experiments and lab hours until the point handed over is good (`campaigns.twin`) and stays
so to the end of 48 experiments, without sharing (one by one, as campaigns are asked; in batches)
and with it; the hours of all 48, and how many of the campaigns hand over a good point at their end.
"""

import argparse
import math
from collections.abc import Sequence
from functools import cache
from statistics import median

from threadpoolctl import threadpool_limits

from reactune.analysis.campaign.agent import Agent

from .campaigns import RUNS, Watch, solves
from .lab import HPLC, Lab, Schedule, stated

BUDGET = 48


def campaign(seed: int, settles: float, **changes: object) -> tuple[float, ...]:
    """Run one; give experiments and hours until a good point is handed over, and lastingly.

    Then the hours of all experiments, and whether the point handed over at the end is good.
    """
    problem = stated("walker-ii", budget=BUDGET, **changes)
    agent = Agent(problem, HPLC, seed)
    good = cache(lambda point: solves(problem, "II", RUNS["II"], dict(point)))
    watch, hours = Watch(), [math.inf]
    for hour in Lab([seed, 1]).experiments(agent, schedule=Schedule(settles)):
        hours.insert(-1, hour)
        best = agent.handed_over()
        assert best is not None
        watch.see(len(agent.evaluations), good(tuple(best.conditions.items())))
    first, lasting = watch.first, watch.lasting
    at = [hours[int(n) - 1] if math.isfinite(n) else math.inf for n in (first, lasting)]
    return first, lasting, *at, hours[-2], math.isfinite(lasting)


def main(argv: Sequence[str] | None = None) -> None:
    """Run campaigns and print a line each way."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.shared")
    parser.add_argument("--seeds", type=int, default=10, help="campaigns [%(default)s]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [%(default)s]")
    parser.add_argument("--batch", type=int, default=4, help="experiments that share [%(default)s]")
    parser.add_argument("--settles", type=float, default=20.0, help="minutes [%(default)s]")
    a = parser.parse_args(argv)
    ways: dict[str, dict[str, object]] = {
        "one by one": {},
        "in batches": {"batch": a.batch},
        "shared": {"batch": a.batch, "shared": ["temperature"]},
    }
    print("way          experiments  lasting  hours  lasting  of all  good")
    for name, changes in ways.items():
        with threadpool_limits(1):
            rows = [campaign(a.first + k, a.settles, **changes) for k in range(a.seeds)]
        *columns, good = zip(*rows, strict=True)
        n, lasting, hours, hours_lasting, whole = (median(column) for column in columns)
        print(
            f"{name:<12} {n:11g}  {lasting:7g}  {hours:5.1f}  {hours_lasting:7.1f}  {whole:6.1f}"
            f"  {sum(good)} of {len(good)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
