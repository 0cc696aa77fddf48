"""What can be dialled: conditions rounded to steps that somebody can set, inside all limits."""

import itertools
import math
from collections.abc import Iterator, Mapping

from ..problem.model import Problem
from ..problem.tables import Setting

STEPS = 200
"""A range has at least so many steps where the problem states no resolution."""


def step_of(problem: Problem, name: str) -> float:
    """Give the step that a variable is set in where the problem states none: a power of ten."""
    low, high = problem.variables[name].range
    return 10.0 ** math.floor(math.log10((high - low) / STEPS))


def dialled(problem: Problem, conditions: Mapping[str, Setting]) -> dict[str, Setting]:
    """Round conditions to steps, to the nearest point inside all ranges and limits.

    Where no neighbouring point of the steps is inside, these are divided by ten, and again. What
    takes stated steps or values only has one of them already.

    Parameters
    ----------
    problem : Problem
    conditions : mapping of str to float or str
        Inside all ranges and limits.
    """
    free = [name for name in conditions if problem.variables[name].grid is None]
    steps = {name: step_of(problem, name) for name in free}
    for _ in range(6):
        for point in _around(conditions, steps):
            if problem.outside_limits(point) is None:
                return point
        steps = {name: step / 10 for name, step in steps.items()}
    return dict(conditions)


def _around(
    conditions: Mapping[str, Setting], steps: Mapping[str, float]
) -> Iterator[dict[str, Setting]]:
    """Give the corners of the step that holds the conditions, the nearest first."""
    choices: list[list[tuple[float, Setting]]] = []
    for name, value in conditions.items():
        if name not in steps or isinstance(value, str):
            choices.append([(0.0, value)])
            continue
        step = steps[name]
        digits = max(0, -math.floor(math.log10(step))) + 2
        below = math.floor(value / step)
        both: list[tuple[float, Setting]] = [
            (abs(k * step - value) / step, round(k * step, digits)) for k in (below, below + 1)
        ]
        choices.append(both)
    corners = sorted(itertools.product(*choices), key=lambda c: sum(gap for gap, _ in c))
    for corner in corners:
        yield dict(zip(conditions, (value for _, value in corner), strict=True))
