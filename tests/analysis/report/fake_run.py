"""A stored run as the catalogue hands it out, made of simple kinetics: no rig, no catalogue."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from reactune.analysis.analytics import Measurement
from reactune.analysis.campaign.evaluation import Decision, Evaluation
from reactune.analysis.campaign.keys import outcome_keys
from reactune.analysis.campaign.leader import Estimate, Leader
from reactune.analysis.campaign.standing import stand
from reactune.analysis.problem.merit import Windows, reference
from reactune.analysis.problem.model import Problem

RUN_II = {
    "schema": 1,
    "title": "Run II: at least 90 % of first and second adduct",
    "minimise": "X3",
    "measured": ["X0", "X1", "X2", "X3"],
    "constraints": ["X1 + X2 in [0.9, 1.0] +/- 0.3"],
    "budget": 100,
    "batch": 7,
    "variables": {
        "temperature": {"range": [100, 150], "unit": "degC"},
        "flow_c60": {"range": [10, 207], "unit": "uL/min"},
        "flow_sultine": {"range": [10, 207], "unit": "uL/min"},
    },
    "fixed": {"volume": 931},
    "limits": {
        "ratio": {"of": "flow_sultine / flow_c60", "within": [0.5, 2.0]},
        "residence": {
            "of": "volume / (flow_c60 + flow_sultine)", "within": [3, 31], "unit": "min",
        },
    },
}  # fmt: skip

SPECIES = {"X3": (4.40, 0.16), "X2": (5.40, 0.13), "X1": (7.50, 0.11), "X0": (11.40, 0.17)}
METHOD = {
    "rate": 1.0,
    "solvent_front": [2.7, 3.3],
    "peaks": [
        {"name": name, "time": time, "window": [time - 0.5, time + 0.6], "sd": sd, "tail": 0.05}
        for name, (time, sd) in SPECIES.items()
    ],
}


@dataclass
class FakeRun:
    """What `reactune.analysis.report.table.StoredRun` asks for, and nothing else."""

    uid: str
    start: dict[str, Any]
    stop: dict[str, Any] | None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def table(self, stream: str) -> pd.DataFrame:
        return self.tables[stream]


LUCK = 0.002
"""By how much what is expected of the bests is above what was measured."""

BEGAN = 1.79e9
"""Lab time at which the run began [s]."""


def fake_run(
    n: int = 100, *, failed: tuple[int, ...] = (), seed: int = 3, **problem: Any
) -> FakeRun:
    """Make a finished run of n experiments; keywords replace parts of run II."""
    stated = Problem.load({**RUN_II, **problem})
    rng = np.random.default_rng(seed)
    primary, decision, evaluations = [], [], []
    clock = BEGAN
    for number in range(1, n + 1):
        conditions = _conditions(rng, number)
        minutes = 931 / (conditions["flow_c60"] + conditions["flow_sultine"])
        clock += 60 * max(2 * minutes, 13)
        fact = {
            "number": float(number),
            "residence_time": minutes,
            "lab_time": clock,
            "late_samples": 0.0,
            "valid": float(number not in failed),
            "reason": "pump sultine stalled" if number in failed else "",
        }
        for name, value in conditions.items():
            fact |= {f"asked_{name}": value, name: value, f"{name}_setpoint": value}
        for stream in ("c60", "sultine"):
            fact[f"used_{stream}"] = conditions[f"flow_{stream}"] * max(2 * minutes, 13)
            fact[f"remaining_{stream}"] = 250000.0
        evaluation, trace = _measure(number, conditions, number in failed, stated, rng)
        evaluations.append(evaluation)
        primary.append(fact | {"trace": trace})
        decision.append(_decide(evaluations, stated))
    start = {
        "uid": "5f0c2a7e-1d0b-4c57-9a53-0d5e2b1f8c11",
        "time": 1.79e9,
        "plan_name": "optimise",
        "simulated": True,
        "seed": seed,
        "problem": stated.to_dict(),
        "rig": {"title": "Walker 2017, emulated", "simulated": True},
        "method": METHOD,
        "lab_time": BEGAN,
        "versions": {"bluesky": "1.15.1", "reactune": "0.1.0"},
    }
    reason = f"budget: {n} of {stated.budget} experiments done"
    stop = {"exit_status": "success", "reason": reason, "time": 1.79e9 + 70.0}
    tables = {"primary": pd.DataFrame(primary), "decision": pd.DataFrame(decision)}
    return FakeRun(start["uid"], start, stop, tables)


def _conditions(rng: np.random.Generator, number: int) -> dict[str, float]:
    """Anywhere inside the limits at first, later mostly where little of X3 is made."""
    while True:
        total, share, temperature = rng.uniform((31, 0.34, 100), (310, 0.66, 150))
        depth = _depth(total, share, temperature)
        if number <= 28 or rng.random() < 0.15 or abs(depth - 2.3) < 0.5:
            flows = {"flow_c60": total * (1 - share), "flow_sultine": total * share}
            return {"temperature": temperature, **flows}


def _depth(total: float, share: float, temperature: float) -> float:
    """How far the reaction goes: the mean number of additions, more or less."""
    return 12 * share**2 * (1 - math.exp(-931 / total / 9 * math.exp((temperature - 120) / 12)))


def _measure(
    number: int, conditions: dict[str, float], failed: bool, problem: Problem, rng: Any
) -> tuple[Evaluation, np.ndarray]:
    """Consecutive additions, each slower than the last; a noisy chromatogram of the products."""
    total = conditions["flow_c60"] + conditions["flow_sultine"]
    depth = _depth(total, conditions["flow_sultine"] / total, conditions["temperature"])
    k = (1.0, 0.10, 0.12)
    e = [math.exp(-x * depth) for x in k]
    x0 = e[0]
    x1 = (e[0] - e[1]) / (k[1] - k[0])
    x2 = k[1] * sum(e[i] / math.prod(k[j] - k[i] for j in range(3) if j != i) for i in range(3))
    true = dict(zip(problem.measured, (x0, x1, x2, 1 - x0 - x1 - x2), strict=True))
    time = np.arange(780) / 60
    absorbance = 8e-4 * np.exp(-0.5 * ((time - 2.99) / 0.05) ** 2)
    for name, (centre, width) in SPECIES.items():
        absorbance += 0.004 * true[name] / width * np.exp(-0.5 * ((time - centre) / width) ** 2)
    lamp = 10.48 * (1 - 0.01 * time / 13)  # warming up
    trace = lamp * 10**-absorbance + rng.normal(0, 1e-4, 780)
    sds = {name: 0.001 + 0.005 * x for name, x in true.items()}
    measured = {name: x + rng.normal(0, sds[name]) for name, x in true.items()}
    evaluation = Evaluation.of(
        number,
        conditions,
        Measurement.failed(problem.measured, "pump sultine stalled")
        if failed
        else Measurement(measured, sds),
        problem,
        "random: space-filling first batch" if number <= 7 else "model: minimum of the local fit",
        recorded=not failed,
    )
    return evaluation, np.full(780, math.nan) if failed else trace


def _decide(evaluations: list[Evaluation], problem: Problem) -> dict[str, Any]:
    """The decision event after the last evaluation."""
    windows = Windows.of([(w.lower, w.upper, w.tolerance) for w in problem.windows])
    standing = stand(evaluations, windows)
    valid = np.array([e.valid for e in evaluations])
    goals = np.array([e.f for e in evaluations])
    best = _lowest(standing.f_soft, valid)
    feasible = _lowest(goals, np.array(standing.feasibility) == "feasible")
    decision = Decision(
        evaluations[-1],
        f_soft=standing.f_soft[-1],
        p=standing.p[-1],
        f_star=standing.f_star[-1],
        scale=reference(goals[valid], np.array([e.F for e in evaluations])[valid], windows)
        if valid.any()
        else None,
        feasibility=standing.feasibility[-1],
        best=_leader(best, 0.4, evaluations, problem),
        best_feasible=_leader(feasible, 0.9, evaluations, problem),
        digest="00",
    )
    return decision.to_data(problem)


def _leader(
    number: int | None, probability: float, evaluations: list[Evaluation], problem: Problem
) -> Leader | None:
    """What would be expected if all that is measured were 0.002 too good, but for merits."""
    if number is None:
        return None
    found = evaluations[number - 1]
    values = [problem.sign * found.f, *found.F, *found.measurement.values.values()]
    keys = outcome_keys(problem)
    expected = {k: Estimate(v + LUCK, 0.001, 0.003) for k, v in zip(keys, values, strict=True)}
    return Leader(number, probability, expected=expected, regret=0.0004)


def _lowest(values: np.ndarray, allowed: np.ndarray) -> int | None:
    """Number of the experiment of lowest value, None if none is allowed."""
    return int(np.where(allowed, values, np.inf).argmin() + 1) if allowed.any() else None


def crashed(run: FakeRun, decisions: int) -> FakeRun:
    """The same run, cut off after so many decisions, without a stop document."""
    tables = dict(run.tables, decision=run.tables["decision"].iloc[:decisions])
    return replace(run, stop=None, tables=tables)


def cases() -> dict[str, FakeRun]:
    """Runs that reach every branch: what can be missing is missing in one of them."""
    nothing = {"primary": pd.DataFrame(), "decision": pd.DataFrame()}
    unreachable = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 in [0, 0.5] +/- 0.3"]
    one = fake_run(1)
    return {
        "full": fake_run(100, failed=(17, 54)),
        "none feasible": fake_run(12, constraints=unreachable, title="Run IV " * 30),
        "all failed": fake_run(3, failed=(1, 2, 3)),
        "crashed": crashed(fake_run(30), 28),
        "crashed at once": replace(
            one, stop=None, tables={**nothing, "primary": one.tables["primary"]}
        ),
        "one experiment": one,
        "no windows": fake_run(
            40, constraints=[], minimise=None, maximise="X1 - 2 * X3", title="", failed=(3,)
        ),
        "nothing done": replace(one, stop=None, tables=nothing),
    }
