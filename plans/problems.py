"""Problems as commands and sessions are given them; no rig, no catalogue, so that it loads fast."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reactune.analysis.problem.model import Problem, ProblemError

from .errors import told

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
    return problem
