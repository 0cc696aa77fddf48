"""Problems as commands and sessions are given them; no rig, no catalogue, so that it loads fast."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reactune.analysis.problem.model import Problem, ProblemError

from .errors import UserError, told

ProblemSource = Problem | Mapping[str, Any] | str | Path
"""A problem, what it states, a problem file or the name of a built-in problem."""


def load_problem(source: ProblemSource, budget: int | None = None) -> Problem:
    """Load a problem, with another budget if one is given.

    Raises
    ------
    UserError
        If it says nothing that can be tuned.
    """
    with told(ProblemError):
        problem = Problem.load(source)
        if budget is not None:
            problem = Problem.load({**problem.to_dict(), "budget": budget})
    if wrong := list(_too_long(problem)):
        raise UserError("\n".join(wrong))
    return problem


def _too_long(problem: Problem) -> Iterator[str]:
    """Say which names make columns that no catalogue takes."""
    from reactune.analysis.campaign.evaluation import describe_asked, number_keys
    from reactune.analysis.storage.columns import MOST_BYTES, to_column

    names = sorted([*problem.measured, *problem.variables], key=len)
    worst: dict[str, int] = {}
    for key in (*number_keys(problem), *describe_asked(problem, "")):
        if (over := len(to_column(key).encode()) - MOST_BYTES) > 0:
            name = next(name for name in reversed(names) if name in key)
            worst[name] = max(over, worst.get(name, 0))
    for name, over in worst.items():
        table = "variables" if name in problem.variables else "measured"
        yield (
            f"{table}: {name!r} is too long a name for the columns of a catalogue, which begin or "
            f"end with other words and hold {MOST_BYTES} bytes: shorten it by {over}"
        )
