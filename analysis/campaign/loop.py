"""A plain function tuned like an experiment."""

from collections.abc import Callable, Mapping
from typing import Any

from ..problem.model import Problem
from .agent import Agent


def minimise(
    function: Callable[[dict[str, Any]], Mapping[str, float] | float],
    problem: Problem | Mapping[str, Any] | str,
    *,
    seed: int = 0,
) -> Agent:
    """Tune what a function gives, until the problem has a reason to stop.

    Parameters
    ----------
    function : callable
        Takes conditions, a value for each variable, and gives the measured quantities by name, with
        ``<name>_sd`` where it knows them; or a number if there is but one. NaN for a failure.
    problem : Problem, mapping, path or built-in name
        Its goal may be one to maximise, too.
    seed : int
        Same seed, same asks.

    Returns
    -------
    Agent
        With what became of everything tried: `Agent.best_points`, `Agent.evaluations`.

    Raises
    ------
    ValueError
        If what the function gives names a quantity that is not there, or lacks one.

    Examples
    --------
    >>> agent = minimise(
    ...     lambda c: (c["x"] - 0.3) ** 2,
    ...     {"minimise": "y", "measured": ["y"], "variables": {"x": (0, 1)}, "budget": 12},
    ... )
    >>> (number, conditions, values), = agent.best_points()
    >>> round(conditions["x"], 2)
    0.3
    """
    agent = Agent(Problem.load(problem), seed=seed)
    names = agent.problem.measured
    while not agent.should_stop()[0] and (asked := agent.ask()) is not None:
        given = function(dict(asked.conditions))
        if not isinstance(given, Mapping):
            if len(names) > 1:
                raise ValueError(
                    f"the function gives {given!r}; the problem measures {', '.join(names)}: "
                    "give a value for each by name"
                )
            given = {names[0]: given}
        agent.ingest([{"_id": asked.number, **given}])
    return agent
