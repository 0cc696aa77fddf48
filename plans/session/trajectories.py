"""Where bluesky's plans say beforehand that they go: the points that their metadata tell."""

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from bluesky import plan_patterns

from reactune.devices.rig.flow_rig import ConditionsError

ONE = "{0}: {1} is one position: give a list, [{1}], or one with others"

Place = dict[str, Any]
"""Where each motor goes, by what its repr says."""


def told(md: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give a table of metadata; empty where somebody has put something else there."""
    found = md.get(key)
    return found if isinstance(found, Mapping) else {}


def trajectory(md: Mapping[str, Any]) -> Iterable[Place] | None:
    """Give the points of a run that is about to be opened; None if its metadata tell none."""
    pattern = str(md.get("plan_pattern"))
    plan, about = told(md, "plan_args"), told(md, "plan_pattern_args")
    if pattern in _PATTERNS and "args" in about:
        return _along(*_PATTERNS[pattern], about)
    if pattern in _SPIRALS:
        own = {key: value for key, value in plan.items() if key not in ("detectors", "per_step")}
        return list(_SPIRALS[pattern](**own))
    if "cycler" in plan:
        return _cycled(str(plan["cycler"]))
    return None


def _along(
    way: Callable[..., Iterable[Any]], together: bool, about: Mapping[str, Any]
) -> Iterator[Place]:
    """Give the points of a pattern whose arguments are each motor with what it does."""
    moved = list(_motors(about["args"]))
    ways = [way(values, about) for _, values in moved]
    for place in zip(*ways, strict=True) if together else itertools.product(*ways):
        yield {motor: value for (motor, _), value in zip(moved, place, strict=True)}


def _motors(args: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Give each motor of a pattern's arguments with those that follow it."""
    places: list[int] = []
    for i, given in enumerate(args):
        if isinstance(given, str) and i - 1 not in places:  # a word behind a motor is its position
            places.append(i)
    for i, end in itertools.pairwise([*places, len(args)]):
        yield args[i], list(args[i + 1 : end])


def _line(values: Sequence[Any], about: Mapping[str, Any]) -> Iterable[float]:
    return list(np.linspace(values[0], values[1], values[2] if values[2:] else about["num"]))


def _list(values: Sequence[Any], _: Mapping[str, Any]) -> Iterable[Any]:
    if isinstance(values[0], str):
        raise ConditionsError(ONE.format("the plan", repr(values[0])))
    return list(values[0])


_PATTERNS: dict[str, tuple[Callable[..., Iterable[Any]], bool]] = {
    "inner_product": (_line, True),
    "inner_list_product": (_list, True),
    "outer_product": (_line, False),
    "outer_list_product": (_list, False),
}
"""Positions of one motor by its arguments, and whether the motors move together."""

_SPIRALS: dict[str, Callable[..., Iterable[Place]]] = {
    "spiral": plan_patterns.spiral,
    "spiral_fermat": plan_patterns.spiral_fermat,
    "spiral_square": plan_patterns.spiral_square_pattern,
}
"""What gives the points by the plan's own arguments; motors may be called anything."""


def _cycled(text: str) -> list[Place] | None:
    """Read the points of a cycler from what its repr says; None if a motor's says nothing."""
    try:
        return _points(ast.parse(text, mode="eval").body, text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _points(node: ast.expr, text: str) -> list[Place]:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() as op, right=right):
            ways = _points(left, text), _points(right, text)
            pairs = zip(*ways, strict=True) if isinstance(op, ast.Add) else itertools.product(*ways)
            return [{**one, **other} for one, other in pairs]
        case ast.Call(args=[motor, ast.List(elts=values)]):
            name = ast.get_source_segment(text, motor) or ""
            return [{name: _value(value)} for value in values]
    raise ValueError(f"{ast.unparse(node)} is no cycler")


def _value(node: ast.expr) -> Any:
    """Read a position: a number, a word, or one of numpy's."""
    match node:
        case ast.Call(args=[inner]):  # np.float64(100.0)
            return _value(inner)
        case ast.Name(id=name):  # nan, inf
            return float(name)
    return ast.literal_eval(node)
