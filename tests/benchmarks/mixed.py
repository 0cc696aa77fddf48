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
from reactune.analysis.problem.merit import Windows
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space

from .tables import cell, markdown

Conditions = dict[str, Any]

BUDGET, BATCH, NOISE, WITHIN = 80, 4, 0.005, 0.03


@dataclass(frozen=True)
class Task:
    """A chemistry with a goal to maximise.

    Attributes
    ----------
    name : str
    variables : mapping
        As a problem file states them.
    measure : callable
        Conditions to the measured quantities, without noise.
    maximise : str
    best : float
        The best goal inside the windows.
    constraints : tuple of str
    kind : str
    """

    name: str
    variables: Mapping[str, Mapping[str, Any]]
    measure: Callable[[Conditions], dict[str, float]]
    maximise: str
    best: float
    constraints: tuple[str, ...] = ()
    kind: str = "positive"

    def stated(self, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """State the problem, perhaps in other variables."""
        return {
            "maximise": self.maximise,
            "measured": list(self.measure(_first(self.variables))),
            "kind": self.kind,
            "constraints": list(self.constraints),
            "variables": dict(variables or self.variables),
            "budget": 1000,
        }

    def solved(self, conditions: Conditions) -> bool:
        """Say whether a point is good enough, its noise apart."""
        goal, inside = self.truth(conditions)
        return inside and goal >= self.best - WITHIN * abs(self.best)

    def truth(self, conditions: Conditions) -> tuple[float, bool]:
        """Give the goal, and whether the point is inside all windows."""
        problem = PROBLEMS[self.name]
        found = problem.properties(self.measure(conditions), conditions=conditions)
        windows = Windows.of([(w.lower, w.upper, w.tolerance) for w in problem.windows])
        return -found.f, not windows.violation(found.F[None]).any()


def _first(variables: Mapping[str, Mapping[str, Any]]) -> Conditions:
    """Give some conditions."""
    return {
        name: (v.get("choices") or v.get("values") or v["range"])[0]
        for name, v in variables.items()
    }


def _rate(celsius: float, ref: float, energy: float) -> float:
    """Arrhenius: 1 at `ref` [degC], with this energy [kJ/mol]."""
    return math.exp(-energy / 0.008314 * (1 / (celsius + 273.15) - 1 / (ref + 273.15)))


def _series(k1: float, k2: float, tau: float) -> tuple[float, float, float]:
    """Fractions of A, B and C of A -> B -> C after a time."""
    a = math.exp(-k1 * tau)
    b = k1 * tau * a if math.isclose(k1, k2) else k1 / (k2 - k1) * (a - math.exp(-k2 * tau))
    return a, b, max(1 - a - b, 0.0)


# -- the six -------------------------------------------------------------------------------------

LIGANDS = {  # (activity, stability, nature's whim)
    "PPh3": (0.35, 0.9), "PCy3": (0.55, 0.6), "PtBu3": (0.7, 0.3), "XPhos": (1.0, 0.75),
    "SPhos": (0.9, 0.85), "dppf": (0.5, 1.0), "Xantphos": (0.3, 0.95), "RuPhos": (0.8, 0.5),
    "dppe": (0.25, 0.95), "dppp": (0.4, 0.8), "JohnPhos": (0.6, 0.5), "DavePhos": (0.7, 0.6),
    "BINAP": (0.35, 1.0), "CataCXium": (0.85, 0.2),
}  # fmt: skip


def ligand(c: Conditions) -> dict[str, float]:
    """A ligand without descriptors; what is active dies when it is hot."""
    activity, stability = LIGANDS[c["ligand"]]
    _, b, _ = _series(
        activity * _rate(c["temperature"], 80, 60),
        (0.25 - 0.2 * stability) * _rate(c["temperature"], 80, 110), 2.0,
    )  # fmt: skip
    return {"yield": b}


SOLVENTS = {  # polarity E_T(30), donor number
    "toluene": (33.9, 0.1), "dioxane": (36.0, 14.8), "THF": (37.4, 20.0), "DCM": (40.7, 1.0),
    "acetone": (42.2, 17.0), "DMF": (43.2, 26.6), "DMSO": (45.1, 29.8), "MeCN": (45.6, 14.1),
    "iPrOH": (48.4, 36.0), "MeOH": (55.4, 30.0),
}  # fmt: skip


def solvent(c: Conditions) -> dict[str, float]:
    """Ten described solvents, two ranges: rate and side reaction follow the solvent."""
    polarity, donor = SOLVENTS[c["solvent"]]
    k1 = 0.2 * c["loading"] * math.exp(-(((polarity - 44) / 4) ** 2)) * (0.3 + donor / 30)
    _, b, _ = _series(
        k1 * _rate(c["temperature"], 80, 55),
        0.03 * (1 + donor / 10) * (1 + (c["loading"] / 3) ** 3) * _rate(c["temperature"], 80, 95),
        4.0,
    )  # fmt: skip
    return {"yield": b}


BASES = {"K2CO3": (0.5, 0.2), "DIPEA": (0.8, 0.5), "NEt3": (0.9, 0.8), "DBU": (1.4, 2.0)}


def snar(c: Conditions) -> dict[str, float]:
    """Four bases, steps and values: space-time yield with a window on the double product."""
    activity, greed = BASES[c["base"]]
    k1 = 0.3 * activity * c["equiv"] * _rate(c["temperature"], 60, 50)
    a, b, twice = _series(
        k1, 0.006 * greed * c["equiv"] * _rate(c["temperature"], 60, 85), c["tau"]
    )
    return {"sm": a, "product": b, "bis": twice}


CATALYSTS = dict(
    zip(
        [f"P{i}-L{j}" for i in (1, 2) for j in range(1, 5)],
        [(0.4, 0.3), (0.8, 0.3), (0.6, 0.8), (1.0, 0.5), (0.3, 0.1), (0.9, 0.25), (0.5, 0.6),
         (0.7, 0.9)], strict=True,
    )
)  # fmt: skip


def suzuki(c: Conditions) -> dict[str, float]:
    """Eight catalysts nobody describes: turnover with a window on the yield."""
    activity, death = CATALYSTS[c["catalyst"]]
    lost = death * _rate(c["temperature"], 80, 120)
    alive = (1 - math.exp(-lost * c["tau"])) / lost
    heat = _rate(c["temperature"], 80, 60)
    return {"yield": 1 - math.exp(-0.5 * activity * heat * c["loading"] ** 1.5 * alive)}


_PHOSPHINES = {  # cone angle, electronic parameter, bite
    "L1": (145, 2068, 0), "L2": (170, 2056, 0), "L3": (182, 2056, 0), "L4": (132, 2062, 0),
    "L5": (118, 2064, 0), "L6": (160, 2060, 0), "L7": (150, 2059, 92), "L8": (128, 2070, 99),
    "L9": (152, 2066, 111), "L10": (165, 2053, 0), "L11": (140, 2058, 85), "L12": (175, 2061, 0),
}  # fmt: skip
_STRENGTH = {"KOAc": 4.8, "K3PO4": 12.3, "Cs2CO3": 10.3, "NaOtBu": 17.0}


def amination(c: Conditions) -> dict[str, float]:
    """Twelve ligands and four bases with descriptors, a range, steps and values."""
    cone, electronic, _ = _PHOSPHINES[c["ligand"]]
    fit = math.exp(-(((cone - 164) / 16) ** 2) - ((electronic - 2059) / 6) ** 2)
    strong = _STRENGTH[c["base"]]
    k1 = 1.5 * fit * c["equiv"] * math.exp(-(((strong - 12) / 4) ** 2)) * c["conc"] ** 0.5
    k2 = 0.02 * (1 + (strong / 9) ** 2) * c["equiv"] * _rate(c["temperature"], 80, 90)
    return {"yield": _series(k1 * _rate(c["temperature"], 80, 50), k2, 3.0)[1]}


def stepped(c: Conditions) -> dict[str, float]:
    """No choice, but hardly anything that moves freely: three steps, values and two ranges."""
    k1 = 0.25 * c["acid"] ** 0.7 * c["equiv"] * _rate(c["temperature"], 70, 55) * c["conc"]
    k2 = 0.006 * c["acid"] * _rate(c["temperature"], 70, 85) * (1 + c["water"] / 5)
    a, b, rest = _series(k1 / (1 + 0.1 * c["water"]), k2, c["tau"])
    return {"sm": a, "product": b, "side": rest}


def _by(rows: Mapping[str, tuple[float, ...]], *names: str) -> dict[str, Any]:
    """State choices with their descriptors, in an order that says nothing."""
    choices = sorted(rows)
    columns = zip(*(rows[choice] for choice in choices), strict=True)
    return {"choices": choices, "descriptors": dict(zip(names, map(list, columns), strict=True))}


TASKS = {task.name: task for task in (
    Task("ligand", {
        "ligand": {"choices": sorted(LIGANDS)},
        "temperature": {"range": [30, 120], "step": 5, "unit": "degC"},
    }, ligand, "yield", 0.75933),
    Task("solvent", {
        "solvent": _by(SOLVENTS, "E_T", "donor"),
        "loading": {"range": [1, 10]},
        "temperature": {"range": [30, 120], "unit": "degC"},
    }, solvent, "yield", 0.64648),
    Task("snar", {
        "base": {"choices": sorted(BASES)},
        "tau": {"range": [0.5, 10], "unit": "min"},
        "equiv": {"values": [1, 1.5, 2, 3, 5]},
        "temperature": {"range": [30, 120], "step": 5, "unit": "degC"},
    }, snar, "product / tau", 1.75054, ("product >= 0.85 +/- 0.05", "bis <= 0.06 +/- 0.02"),
         "fractions"),
    Task("suzuki", {
        "catalyst": {"choices": sorted(CATALYSTS)},
        "temperature": {"range": [30, 110], "unit": "degC"},
        "tau": {"range": [1, 10], "unit": "min"},
        "loading": {"range": [0.5, 2.5], "step": 0.25},
    }, suzuki, "yield / loading", 0.73680, ("yield >= 0.85 +/- 0.05",)),
    Task("amination", {
        "ligand": _by(_PHOSPHINES, "cone", "electronic", "bite"),
        "base": _by({k: (v,) for k, v in _STRENGTH.items()}, "pKa"),
        "equiv": {"range": [1, 2], "step": 0.25},
        "temperature": {"values": [40, 60, 80, 100, 120], "unit": "degC"},
        "conc": {"range": [0.1, 1]},
    }, amination, "yield", 0.91097),
    Task("stepped", {
        "acid": {"values": [0.5, 1, 2, 5, 10]},
        "equiv": {"range": [1, 2], "step": 0.25},
        "temperature": {"range": [30, 110], "step": 10, "unit": "degC"},
        "water": {"range": [0, 10], "step": 2},
        "conc": {"range": [0.2, 1]},
        "tau": {"range": [1, 20], "unit": "min"},
    }, stepped, "product / tau", 0.88608, ("product >= 0.8 +/- 0.05", "side <= 0.08 +/- 0.03"),
         "fractions"),
)}  # fmt: skip

PROBLEMS = {name: Problem(**task.stated()) for name, task in TASKS.items()}


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
