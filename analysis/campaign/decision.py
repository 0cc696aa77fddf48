"""What the agent concluded, as an event of the ``decision`` stream: its data and their keys."""

import math
from typing import TYPE_CHECKING, Any

from ..problem.model import Problem

if TYPE_CHECKING:
    from .agent import Agent

_NUMBERS = (
    "number", "valid", "goal", "goal_sd", "f", "p", "f_star", "f_soft", "best", "best_probability",
    "best_feasible", "best_feasible_probability",
)  # fmt: skip
_TEXTS = ("digest", "feasibility", "flags", "reason", "violated", "why")
OWN_KEYS = {*_NUMBERS, *_TEXTS}
"""Keys of a decision beside those of what is measured, which therefore must not be called so."""


def decision(agent: "Agent") -> dict[str, float | str]:
    """Give the data of the event for an agent's latest conclusion.

    Parameters
    ----------
    agent : Agent
        One that has concluded from an experiment.
    """
    last, standing = agent.conclusions[-1], agent.standing()
    i = len(agent.conclusions) - 1
    sign = agent.problem.sign
    best, feasible = agent.best(), agent.best(feasible=True)
    data: dict[str, float | str] = {
        "number": float(last.number),
        "valid": float(last.valid),
        "reason": last.reason,
        "goal": sign * last.f,
        "goal_sd": last.f_sd,
        "f": last.f,
        "p": float(standing.p[i]),
        "f_star": float(standing.f_star[i]),
        "f_soft": float(standing.f_soft[i]),
        "feasibility": standing.feasibility[i],
        "violated": agent.problem.violated(last.F) if last.valid else "",
        "why": last.why,
        "flags": "; ".join(last.flags),
        "best": float(agent.conclusions[best[0]].number) if best else math.nan,
        "best_probability": best[1].probability_feasible if best else math.nan,
        "best_feasible": float(agent.conclusions[feasible[0]].number) if feasible else math.nan,
        "best_feasible_probability": feasible[1].probability_feasible if feasible else math.nan,
        "digest": agent.digest(),
    }
    for name in agent.problem.measured:
        data[name] = last.fractions[name]
        data[f"{name}_sd"] = last.sd[name]
    for k in range(len(agent.problem.windows)):
        data[f"F_{k + 1}"] = float(last.F[k])
        data[f"F_{k + 1}_sd"] = float(last.F_sd[k])
    return data


def describe(problem: Problem) -> dict[str, dict[str, Any]]:
    """Describe the keys of `decision`: all numbers are dimensionless floats."""
    numbers = list(_NUMBERS)
    numbers += [key for name in problem.measured for key in (name, f"{name}_sd")]
    for k in range(len(problem.windows)):
        numbers += [f"F_{k + 1}", f"F_{k + 1}_sd"]
    common = {"source": "reactune.analysis.campaign.decision", "shape": []}
    return {
        **{key: {**common, "dtype": "number", "units": "1"} for key in numbers},
        **{key: {**common, "dtype": "string"} for key in _TEXTS},
    }
