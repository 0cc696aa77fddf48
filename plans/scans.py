"""Experiments of a design rather than an optimiser: one condition at a time, a grid, repeats.

Each is a campaign whose points are all given beforehand: same run, same streams, same care for
faults. So whatever reads campaigns reads these: figures, `show`, `export`, `rescore`.
"""

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, cast

from bluesky.utils import MsgGenerator

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.tables import Setting
from reactune.devices.rig.flow_rig import FlowRig

from .campaign import optimise
from .problems import ProblemSource
from .session.stating import own

Levels = Mapping[str, Sequence[Setting] | Setting]

_MOST = 10_000
"""Points of a design, and repeats of each."""


def one_at_a_time(
    problem: ProblemSource,
    rig: FlowRig,
    around: Mapping[str, Setting],
    levels: Levels,
    *,
    replicates: int = 1,
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Change one variable at a time, the others staying: what each of them does by itself.

    Parameters
    ----------
    problem : Problem, path, built-in name or mapping
        Names variables, limits and what is measured; by its windows the results are judged.
    rig : FlowRig
        The reactor; left in its safe state.
    around : mapping
        A value for each variable, which is kept while another one changes. Measured first.
    levels : mapping of str to sequence
        The values of each variable that is to change.
    replicates : int
        How often each point is measured.
    seed : int, optional
        Puts the points in random order; by default they come variable by variable.
    md : mapping, optional
        Further metadata for the start document.

    Returns
    -------
    str
        Why it stopped.

    Raises
    ------
    ValueError
        If a point is outside a range or limit, or lacks a variable; before anything moves.
    """
    points = [dict(around)]
    for name, values in levels.items():
        points += [p for v in _several(values) if (p := {**around, name: v}) not in points]
    told = {"around": dict(around), "levels": _plain(levels)}
    return (yield from _design("one_at_a_time", problem, rig, points, told, replicates, seed, md))


def grid(
    problem: ProblemSource,
    rig: FlowRig,
    levels: Levels,
    *,
    replicates: int = 1,
    seed: int | None = 0,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure every combination of values, in random order so that drift looks like no effect.

    Parameters
    ----------
    problem, rig, replicates, md
        As in `one_at_a_time`.
    levels : mapping of str to sequence or value
        The values of each variable; a single one is kept.
    seed : int, optional
        Of the order; with None the last variable changes fastest.

    Returns
    -------
    str
        Why it stopped.

    Raises
    ------
    ValueError
        If a point is outside a range or limit, or lacks a variable; before anything moves.
    """
    several = [_several(values) for values in levels.values()]
    if (count := math.prod(map(len, several))) > _MOST:
        raise ValueError(f"grid: {count} points are more than {_MOST}: give fewer levels")
    points = [dict(zip(levels, way, strict=True)) for way in itertools.product(*several)]
    told = {"levels": _plain(levels)}
    return (yield from _design("grid", problem, rig, points, told, replicates, seed, md))


def repeat(
    problem: ProblemSource,
    rig: FlowRig,
    conditions: Mapping[str, Setting],
    times: int = 5,
    *,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure the same conditions again and again: how well results repeat, and whether they drift.

    Parameters
    ----------
    problem, rig, md
        As in `one_at_a_time`.
    conditions : mapping
        A value for each variable.
    times : int
        How often.

    Returns
    -------
    str
        Why it stopped.

    Raises
    ------
    ValueError
        If the point is outside a range or limit, or lacks a variable; before anything moves.
    """
    return (yield from _design("repeat", problem, rig, [dict(conditions)], {}, times, None, md))


def _design(
    name: str,
    problem: ProblemSource,
    rig: FlowRig,
    points: Sequence[dict[str, Any]],
    told: Mapping[str, Any],
    replicates: int,
    seed: int | None,
    md: Mapping[str, Any] | None,
) -> MsgGenerator[str]:
    """Run a campaign that asks for these points, and stops for nothing else."""
    stated = Problem.load(problem)
    points = list(points)
    if isinstance(replicates, bool) or not isinstance(replicates, Integral) or replicates < 1:
        raise ValueError(f"{name}: {replicates!r} times: give at least one, a whole number")
    if (replicates := int(replicates)) > _MOST:  # numpy's integers are whole numbers, too
        raise ValueError(f"{name}: {replicates} times are more than {_MOST}: measure fewer")
    if not points:
        raise ValueError(f"{name}: there are no points: give each variable a value or several")
    for point in points:
        if set(point) != set(stated.variables):
            raise ValueError(
                f"{name}: a point has {', '.join(point) or 'nothing'}; give a value for each of "
                f"{', '.join(stated.variables)}"
            )
    if seed is None:
        points = [point for point in points for _ in range(replicates)]
    else:  # each replicate in an order of its own, so that repeats are far apart
        draw = random.Random(seed)
        points = [p for _ in range(replicates) for p in draw.sample(points, len(points))]
    whole = {"budget": len(points), "stop": {"verdict": False}, "rig": None}
    told = {"kind": name, **told, "replicates": replicates, "order": seed}
    metadata = {"plan_name": name, "scan": told, **own(md)}
    return (
        yield from optimise(
            Problem.load(stated.to_dict() | whole), rig, first=points, md=metadata, seed=seed or 0
        )
    )


def _several(values: Sequence[Setting] | Setting) -> Sequence[Setting]:
    """Give a single value, or a word, as a list of one."""
    one = isinstance(values, str) or not isinstance(values, Iterable)
    return [cast(Setting, values)] if one else list(cast(Iterable[Setting], values))


def _plain(levels: Levels) -> dict[str, list[Setting]]:
    return {name: list(_several(values)) for name, values in levels.items()}
