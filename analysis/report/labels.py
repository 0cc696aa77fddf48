"""What goals, windows and measured quantities are called, with their units where known."""

from collections.abc import Iterator, Mapping

from ..problem.expression import Expression
from ..problem.goals import Aim
from ..problem.grammar import Name
from ..problem.model import Problem
from ..sheets.sheet import title_of


def goal_unit(aim: Aim, units: Mapping[str, str]) -> str:
    """Give the unit of a goal, with those of measured quantities; "" if none."""
    return aim.unit or _measured_unit(aim.expression, units)


def edge_unit(problem: Problem, number: int, units: Mapping[str, str]) -> str:
    """Give the unit of a window, counted from 0, with those of measured quantities; "" if none."""
    window = problem.windows[number]
    return problem.unit_of(window.of) or _measured_unit(window.expression, units)


def _measured_unit(expression: Expression, units: Mapping[str, str]) -> str:
    """Give the unit of what stands for one measured quantity, and nothing else."""
    return _unit(expression.tree.name, units) if isinstance(expression.tree, Name) else ""


def _unit(name: str, units: Mapping[str, str]) -> str:
    """Give the unit of a measured quantity; pure numbers have none."""
    unit = units.get(name, "")
    return unit if unit != "1" else ""


def outcome_units(problem: Problem, units: Mapping[str, str]) -> dict[str, str]:
    """Give the units of what an experiment comes to, by the names of `outcome_names`."""
    told = {name: _unit(name, units) for name in problem.measured}
    told |= {w.of: edge_unit(problem, k, units) for k, w in enumerate(problem.windows)}
    return told | {aim.text: goal_unit(aim, units) for aim in problem.aims}


def windows(problem: Problem, units: Mapping[str, str]) -> list[str]:
    """Give the windows in words, such as ``tau >= 120 s``."""
    return [
        f"{window.text} {edge_unit(problem, k, units)}".rstrip()
        for k, window in enumerate(problem.windows)
    ]


def lines(problem: Problem, units: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Say what is told of a candidate: the goal, then quantities and windows.

    Each as how it is called, and by which name its values are found.
    """
    goals = [aim.text for aim in problem.aims]
    for aim in problem.aims:
        yield title_of(f"{aim.verb} {aim.text}", goal_unit(aim, units)), aim.text
    properties = (window.of for window in problem.windows)
    bounded = list(zip(windows(problem, units), properties, strict=True))
    for name in problem.measured:
        # a window on one quantity alone is that quantity's line
        own = [line for line in bounded if line[1] == name]
        plain = (title_of(name, _unit(name, units)), name)
        yield from own or ([plain] if name not in goals else [])
    yield from (line for line in bounded if line[1] not in problem.measured)
