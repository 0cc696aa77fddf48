"""What the agent concluded, as an event of the ``decision`` stream: its data and their keys."""

import math
from typing import TYPE_CHECKING, Any

from .problem import Problem

if TYPE_CHECKING:
    from .agent import Agent

_NUMBERS = (
    "number", "valid", "goal", "goal_sd", "f", "p", "f_star", "f_soft", "best", "best_feasible",
    "handed_over", "probability_feasible",
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
    handed = agent.handed_over()
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
        "best": _number(standing.best),
        "best_feasible": _number(standing.best_feasible),
        "handed_over": _number(handed[0] if handed else None),
        "probability_feasible": handed[1].probability_feasible if handed else math.nan,
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
    common = {"source": "reactune.analysis.decision", "shape": []}
    return {
        **{key: {**common, "dtype": "number", "units": "1"} for key in numbers},
        **{key: {**common, "dtype": "string"} for key in _TEXTS},
    }


def _number(index: int | None) -> float:
    """Experiment number (from 1) of an index, NaN for none."""
    return math.nan if index is None else float(index + 1)
