"""Six made-up chemistries of two to six variables: ranges, steps, values and choices.

How they are asked for and judged is in `mixed`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reactune.analysis.problem.merit import Windows
from reactune.analysis.problem.model import Problem

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
        windows = Windows.of([(w.lower, w.upper, w.allowed) for w in problem.windows])
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
