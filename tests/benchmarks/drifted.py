"""How much does rediscovery save, and does it see what has changed?

    python -m tests.benchmarks.drifted [--seeds 20] [--first 0] [--runs II,III,V]
        [--cases drifted,same,another] [--old 8,12,20,35] [--jobs 1]
        [--out drifted.jsonl]

What the file holds already is not run again, so that it can be stopped and resumed.

For each seed an old campaign on the twin, to its own end or 60 experiments; then, on the twin as it
is today, a rediscovery from it and a campaign from nothing (*cold*). Today's twin is the same; or
has drifted (ks x 0.9, eta x 0.95, a2 x 1.1, and 2 degC hotter than it reads, all together); or is
another reaction. The same experiment of both has the same noise.

*Visited* counts the experiments until one was truly inside all windows and within 5 % of today's
optimum, which is found without noise; 60 at most. A rediscovery goes on until it says itself that
it is done or, once it has visited such a one, for 15 in all; *handed over well*: what it then hands
over is that good, a window missed by one standard deviation of an experiment allowed. The verdict
is looked at after the sentinels and at the end.

With ``--old`` only the verdicts are looked at, after old campaigns of so many experiments: how many
are right, and of those held to be 95 % likely or more at the end how many are wrong.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.known import Old
from reactune.analysis.campaign.rediscovery import SENTINELS, Earlier, Rediscoverer
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.devices.emulation.reactions.walker2017 import Kinetics

from .campaigns import scatter
from .lab import HPLC, SPECIES, Floats, Lab, stated, true_fractions

USUAL = Kinetics()
DRIFTED = replace(USUAL, ks=0.9 * USUAL.ks, eta=0.95 * USUAL.eta, a2=1.1 * USUAL.a2)
ANOTHER = replace(
    USUAL, ks=0.6, Es=70.0, eta=0.7, kappa=0.12, beta=0.8, a2=0.11, E2=-5.0, a_fast=0.5, a_slow=0.03
)
"""Slower and less steep, with much of the sultine lost: its optima lie elsewhere."""

CASES = {"drifted": (DRIFTED, 2.0), "same": (USUAL, 0.0), "another": (ANOTHER, 0.0)}
"""Kinetics today, and how much hotter the reactor is than it reads [K]."""

VERDICTS = {"drifted": "shifted", "same": "holds", "another": "another"}
OLD, MOST, LONG = 60, 60, 15
WITHIN = 0.05
SURELY = 0.95


@dataclass
class Today(Lab):
    """The twin as it is today; equal experiments have equal noise, whoever asks for them."""

    hotter: float = 0.0

    def measure(self, suggestions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Measure at the temperatures that there really are."""
        found = []
        for one in suggestions:
            settings = [float(one[name]) for name in ("temperature", "flow_c60", "flow_sultine")]
            key = np.frombuffer(np.array(settings).tobytes(), dtype=np.uint32)
            self._rng = np.random.default_rng([*np.atleast_1d(self.seed), *key])
            found += super().measure([one | {"temperature": one["temperature"] + self.hotter}])
        return found


@dataclass(frozen=True)
class Truth:
    """What is true of a run of the paper today."""

    run: str
    case: str

    @cached_property
    def problem(self) -> Problem:
        return Agent(stated(f"walker-{self.run.lower()}", budget=MOST), HPLC).problem

    def at(self, points: Sequence[Mapping[str, Any]]) -> tuple[Floats, Floats]:
        """Noise-free goal (n,), and how far the worst window is missed (n,)."""
        kinetics, hotter = CASES[self.case]
        hot = [one | {"temperature": one["temperature"] + hotter} for one in points]
        goals, outside = [], []
        for one, x in zip(points, true_fractions(hot, kinetics), strict=True):
            found = self.problem.properties(dict(zip(SPECIES, x, strict=True)), conditions=one)
            edges = zip(self.problem.windows, found.F, strict=True)
            goals.append(found.f)
            outside.append(max(max(w.lower - F, F - w.upper, 0.0) for w, F in edges))
        return np.array(goals), np.array(outside)

    @cached_property
    def optimum(self) -> float:
        """Least goal inside all windows."""
        space = Agent(self.problem, HPLC).space
        span = space.upper - space.lower

        def penalised(u: Floats) -> Floats:
            f, outside = self.at(space.to_conditions(space.lower + u.T * span))
            return f + 100 * outside

        return float(
            differential_evolution(
                penalised, [(0.0, 1.0)] * space.dim, vectorized=True, updating="deferred",
                polish=False, seed=0, maxiter=200, tol=1e-6,
            ).fun
        )  # fmt: skip

    def good(self, points: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
        """Whether points are inside all windows and within 5 % of the optimum."""
        f, outside = self.at(points)
        return (outside == 0) & (f <= self.optimum * (1 + WITHIN))

    def nearly(self, point: Mapping[str, Any]) -> bool:
        """Whether that is so but for one standard deviation of an experiment in a window."""
        (f,), (outside,) = self.at([point])
        allowed = scatter(self.problem, dict(point)) if outside else 0.0
        return bool(outside <= allowed and f <= self.optimum * (1 + WITHIN))


class Ended(NamedTuple):
    """What became of a campaign.

    Attributes
    ----------
    visited : float
        Experiments until a good one; infinite for none.
    done : int
        Experiments made.
    good : bool
        Whether what was handed over at the end is good, a window missed by one standard deviation
        of an experiment allowed.
    first, last : str
        Verdict after the sentinels and at the end.
    likely : float
        How likely the one at the end was held to be.
    """

    visited: float
    done: int
    good: bool
    first: str = ""
    last: str = ""
    likely: float = 0.0


def campaign(agent: Agent, truth: Truth, lab: Lab) -> Ended:
    """Run a rediscovery to its own end, any other campaign until it has visited a good point."""
    visited, done, verdicts, likely = math.inf, 0, [""], 0.0
    for done, _ in enumerate(lab.experiments(agent), 1):
        if math.isinf(visited) and truth.good([agent.evaluations[-1].conditions])[0]:
            visited = done
        if isinstance(agent, Rediscoverer):
            verdicts.append(agent.finding.verdict)
            likely = agent.finding.probability.get(agent.finding.verdict, 0.0)
            if agent.should_stop()[0] or done >= max(visited, LONG):
                break
        elif visited == done:
            break
    best = agent.handed_over()
    good = best is not None and truth.nearly(best.conditions)
    first = verdicts[min(SENTINELS, len(verdicts) - 1)]
    return Ended(visited, done, good, first, verdicts[-1], likely)


def old_campaign(run: str, seed: int, count: int | None = None) -> list[Old]:
    """Give the experiments of the old campaign: to its own end, or so many."""
    old = Agent(Truth(run, "same").problem, HPLC, seed)
    for _ in Lab([seed, 2017]).experiments(old):
        if len(old.evaluations) >= (count or OLD) or (not count and old.should_stop()[0]):
            break
    return [(Suggestion(e.number, e.conditions, e.why), e.measurement) for e in old.evaluations]


def rediscovered(truth: Truth, seed: int, earlier: Earlier) -> Ended:
    """Rediscover what an old campaign found."""
    again = Rediscoverer(truth.problem, HPLC, seed, earlier.sentinels(), earlier=earlier)
    return campaign(again, truth, today(truth.case, seed))


def today(case: str, seed: int) -> Today:
    """Give the twin as it is in a case."""
    kinetics, hotter = CASES[case]
    return Today([seed, 2018], kinetics=kinetics, hotter=hotter)


def judged(
    place: tuple[str, int], cases: Sequence[str], counts: Sequence[int]
) -> list[dict[str, Any]]:
    """Rediscover from the first experiments of an old campaign, as many as told, in each case."""
    (run, seed), rows = place, []
    old = old_campaign(run, seed, max(counts))
    for count in counts:
        earlier = Earlier(Truth(run, "same").problem, old[:count])
        for case in cases:
            again = rediscovered(Truth(run, case), seed, earlier)
            rows.append({"case": case, "run": run, "seed": seed, "old": count, "again": again})
    return rows


def both(place: tuple[str, int], cases: Sequence[str]) -> list[dict[str, Any]]:
    """Rediscover, and begin from nothing, in each case."""
    (run, seed), rows = place, []
    earlier = Earlier(Truth(run, "same").problem, old_campaign(run, seed))
    for case in cases:
        truth = Truth(run, case)
        again = rediscovered(truth, seed, earlier)
        cold = campaign(Agent(truth.problem, HPLC, seed), truth, today(case, seed))
        rows.append({"case": case, "run": run, "seed": seed, "again": again, "cold": cold})
    return rows


def read(path: Path) -> list[dict[str, Any]]:
    """Read what was measured so far."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = map(json.loads, lines)
    return [row | {k: Ended(*row[k]) for k in ("again", "cold") if k in row} for row in rows]


HEAD = (
    "| today | run | visited | cold | done | handed over well | visited <= cold + 3, by seed "
    "| by rank | right after 3 | at the end |"
)


def told(case: str, run: str, pairs: Sequence[tuple[Ended, Ended]]) -> str:
    """Write a row of the table."""
    again, cold = zip(*pairs, strict=True)
    n = len(pairs)
    ranked = zip(*(sorted(e.visited for e in side) for side in (again, cold)), strict=True)
    ranges = [
        f"{median(values):g} ({min(values):g} to {max(values):g})"
        for values in (
            [e.visited for e in again],
            [e.visited for e in cold],
            [e.done for e in again],
        )
    ]
    counts = [
        sum(e.good for e in again),
        sum(a.visited <= c.visited + 3 for a, c in pairs),
        sum(a <= c + 3 for a, c in ranked),
        sum(e.first == VERDICTS[case] for e in again),
        sum(e.last == VERDICTS[case] for e in again),
    ]
    return f"| {' | '.join([case, run, *ranges, *(f'{k} of {n}' for k in counts)])} |"


HEAD_OLD = "| today | old experiments | right after 3 | at the end | held 95 % likely | wrong |"


def told_old(case: str, count: int, again: Sequence[Ended]) -> str:
    """Write a row of the table of verdicts."""
    n, right = len(again), VERDICTS[case]
    sure = [e for e in again if e.likely >= SURELY]
    counts = [sum(e.first == right for e in again), sum(e.last == right for e in again), len(sure)]
    cells = [case, f"{count}", *(f"{k} of {n}" for k in counts)]
    return f"| {' | '.join(cells)} | {sum(e.last != right for e in sure)} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.drifted")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--runs", default="II,III,V")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--old", default="", help="old experiments: verdicts alone")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("drifted.jsonl"), help="results")
    a = parser.parse_args(argv)
    runs, cases = a.runs.split(","), a.cases.split(",")
    counts = [int(count) for count in a.old.split(",") if count]
    work = partial(judged, cases=cases, counts=counts) if counts else partial(both, cases=cases)
    done = {(row["run"], row["seed"], row.get("old")) for row in read(a.out)}
    places = [(run, a.first + k) for k in range(a.seeds) for run in runs]
    with ProcessPoolExecutor(a.jobs) as pool, a.out.open("a") as file:
        wanted = [p for p in places if not done.issuperset((*p, c) for c in counts or [None])]
        for rows in pool.map(work, wanted):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
    rows = read(a.out)
    print(*(HEAD_OLD, "|---" * 6 + "|") if counts else (HEAD, "|---" * 10 + "|"), sep="\n")
    for case in cases:
        for count in counts:
            mine = [r for r in rows if (r["case"], r.get("old")) == (case, count)]
            print(told_old(case, count, [r["again"] for r in mine]))
        for run in runs if not counts else ():
            mine = [r for r in rows if (r["case"], r["run"], r.get("old")) == (case, run, None)]
            print(told(case, run, [(r["again"], r["cold"]) for r in mine]))


if __name__ == "__main__":
    main()
