"""What stored experiments come to under another problem, as text and as data."""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from ..campaign.keys import outcome_names
from ..campaign.known import Experiment
from ..campaign.leader import Leader
from ..learning.price import Price
from ..learning.rescore import Flip, Rescored
from ..problem.tables import Setting
from ..sheets.sheet import title_of
from ..written import chance, exact, percent
from .candidate import ASSUMED, edges_of
from .labels import edge_unit, goal_unit, outcome_units
from .numbers import ANYWHERE, Within, as_set, dialled, estimated, side_by_side, table_lines
from .summary import FRONT, SURE

_PAID = 44  # characters of what is paid for an edge
_SHOWN = 12  # flips said one by one

_UNKNOWN = "not known: too few experiments for a model, or variables that are words or steps"

Found = tuple[int, Leader] | None


def table(found: Rescored, width: int = 80) -> list[str]:
    """Write the best experiments side by side, the prices and what would be asked next."""
    if found.front:
        lines = textwrap.wrap(f"THE FRONT {FRONT}", width)
        lines += table_lines(list(_front(found)), width)
    else:
        lines = side_by_side(list(_rows(found)), width)
    lines += ["-" * width, *_prices(found, width)]
    if any(b[1].assumed for b in (*found.front, found.best_feasible, found.best) if b is not None):
        lines += _remark("Scatter", ASSUMED, width)
    if unsure := [found.pool[i].name for i, leader in found.front if _unsure(found, leader)]:
        told = f"less than {percent(_wanted(found))} likely inside every window"
        sure = "repeat what you choose to be sure"
        lines += _remark("Close", f"{told}: {', '.join(unsure)}; {sure}", width)
    for number, why in found.doubted.items():
        lines += _remark("Doubted", f"{found.pool[number].name}: {why}", width)
    if found.outside:
        names = ", ".join(found.pool[i].name for i in found.outside)
        lines += _remark("Left out", f"{names}: not in today's ranges and limits", width)
    if found.next is not None:
        where = ", ".join(_conditions(found, found.next.conditions))
        lines += _remark("Next", f"would be {where}: {found.next.why}", width)
    return lines


def flipped(flips: list[Flip] | tuple[Flip, ...], width: int = 80) -> list[str]:
    """Say which experiments another reading judges otherwise."""
    lines = []
    for flip in flips[:_SHOWN]:
        why = f" ({flip.reason})" if flip.reason else ""
        lines += textwrap.wrap(
            f"{flip.experiment.name}: {flip.before} -> {flip.after}{why}",
            width,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    return lines + [f"  and {len(flips) - _SHOWN} more (--json)"] * (len(flips) > _SHOWN)


def data(found: Rescored) -> dict[str, Any]:
    """Return everything but the single measurements as plain data."""
    return {
        "n": len(found.pool),
        "n_feasible": found.feasibility.count("feasible"),
        "n_failed": found.feasibility.count("failed"),
        "best": _told(found, found.best),
        "best_feasible": _told(found, found.best_feasible),
        "front": [_told(found, one) for one in found.front],
        "doubted": {found.pool[i].name: why for i, why in found.doubted.items()},
        "outside": [found.pool[i].name for i in found.outside],
        "prices": [
            asdict(price)
            | {"window": found.problem.windows[price.window].text, "of": _of(found)}
            | {"goal_unit": _goal_unit(found), "edge_unit": _edge_unit(found, price)}
            for price in found.prices
        ],
        "next": found.next and {"conditions": dict(found.next.conditions), "why": found.next.why},
    }


def flip_data(flip: Flip) -> dict[str, Any]:
    """Return a flip as plain data."""
    return {
        "run": flip.experiment.run,
        "number": flip.experiment.number,
        "before": flip.before,
        "after": flip.after,
        "reason": flip.reason,
    }


def _of(found: Rescored) -> str:
    return found.problem.goal_words


def _told(found: Rescored, best: Found) -> dict[str, Any] | None:
    """Return one of the two bests as plain data."""
    if best is None:
        return None
    (i, leader), names = best, outcome_names(found.problem)
    experiment = found.pool[i]
    return {
        "run": experiment.run,
        "number": experiment.number,
        "conditions": experiment.conditions,
        "feasibility": found.feasibility[i],
        "probability_feasible": leader.probability,
        "merit": leader.merit,
        "scatter_assumed": leader.assumed,
        "expected": {n: leader.expected[key]._asdict() for n, key in names.items()},
        "measured": experiment.measurement.values,
    }


def _rows(found: Rescored) -> Iterator[tuple[str, ...]]:
    """Give label, best feasible and best, as text, for each line; without windows the one best."""
    bests = {"BEST FEASIBLE": found.best_feasible, "BEST BY MERIT": found.best}
    if not found.problem.windows:
        bests = {"BEST": found.best}
    pair = tuple(bests.values())

    def row(label: str, cell: Callable[[Experiment, Leader], str]) -> tuple[str, ...]:
        return label, *("-" if c is None else cell(found.pool[c[0]], c[1]) for c in pair)

    yield "", *bests
    yield row("", lambda e, _: e.name)
    if found.best is None:
        return
    for name, variable in found.problem.variables.items():
        cells = dialled(math.nan if c is None else found.pool[c[0]].conditions[name] for c in pair)
        yield f"  {title_of(name, variable.unit)}", *cells
    yield "Expected of a repeat, +/- scatter", *[""] * len(pair)
    units, edges = outcome_units(found.problem, found.units), edges_of(found.problem)
    for name, key in outcome_names(found.problem).items():
        repeat = partial(_repeat, key, edges.get(name, ANYWHERE))
        yield row(f"  {title_of(name, units[name])}", repeat)
    if found.problem.windows:
        yield row("  inside every window", lambda _, leader: f"{chance(leader.probability)} likely")
        yield "Measured, once", *("-" if c is None else found.feasibility[c[0]] for c in pair)


def _front(found: Rescored) -> Iterator[tuple[str, list[str]]]:
    """Give title and cells of each column of a table of the front."""
    yield "", [found.pool[i].name for i, _ in found.front]
    leaders, names = [leader for _, leader in found.front], outcome_names(found.problem)
    for aim in found.problem.aims:
        expected = [leader.expected[names[aim.text]] for leader in leaders]
        title = title_of(aim.text, goal_unit(aim, found.units))
        yield title, [estimated(e.value, e.sd) for e in expected]
    if found.problem.windows:
        yield "inside", [chance(leader.probability) for leader in leaders]
        yield "measured", [found.feasibility[i] for i, _ in found.front]
    for name, variable in found.problem.variables.items():
        told = dialled(found.pool[i].conditions[name] for i, _ in found.front)
        yield title_of(name, variable.unit), told


def _wanted(found: Rescored) -> float:
    return found.problem.optimiser.confidence or SURE


def _unsure(found: Rescored, leader: Leader) -> bool:
    """Whether a point of the front is less likely inside every window than one wants to be sure."""
    return bool(found.problem.windows) and leader.probability < _wanted(found)


def _repeat(key: str, within: Within, _: Experiment, leader: Leader) -> str:
    """Write what a repeat is expected to give."""
    expected = leader.expected[key]
    return estimated(expected.value, expected.repeat_sd, within=within)


def _prices(found: Rescored, width: int) -> Iterator[str]:
    """Say what each edge costs."""
    if not found.problem.windows:
        return
    if len(found.problem.aims) > 1:
        told = "a window has one for each goal: ask with one of them, the other under constraints"
        yield from _remark("Price", told, width)
        return
    if not found.prices:
        yield from _remark("Price", _UNKNOWN, width)
        return
    if all(math.isnan(price.gain) for price in found.prices):
        told = "not known: no function that agrees with the experiments meets all windows anywhere"
        yield from _remark("Price", told, width)
        return
    unit = _goal_unit(found)
    goal = title_of(found.problem.goal.text, unit)
    own = " in the edge's unit," * any(_edge_unit(found, price) for price in found.prices)
    told = f"{goal} per 1 that an edge is loosened,{own} with its 90 % interval"
    yield from textwrap.wrap(f"Price: what is gained in {told}", width)
    wide = width - _PAID
    for price in found.prices:
        label = f"  {_edge(found, price)}"
        if len(label) >= wide:
            yield label
            label = ""
        yield from textwrap.wrap(
            _paid(price), width, initial_indent=f"{label:<{wide}}", subsequent_indent=" " * wide
        )


def _edge(found: Rescored, price: Price) -> str:
    relation = ">=" if price.side == "lower" else "<="
    edge = f"{found.problem.windows[price.window].of} {relation} {exact(price.edge)}"
    return f"{edge} {_edge_unit(found, price)}".rstrip()


def _goal_unit(found: Rescored) -> str:
    return goal_unit(found.problem.aims[0], found.units)


def _edge_unit(found: Rescored, price: Price) -> str:
    return edge_unit(found.problem, price.window, found.units)


def _paid(price: Price) -> str:
    """Write a price down, and how sure it is that there is one."""
    if price.binding == 0:
        return "nothing: the edge is not reached"
    told = f"{price.gain:.2g}, from {price.low:.2g} to {price.high:.2g}"
    return told if price.binding > 0.95 else f"{told}; holds back in {chance(price.binding)}"


def _conditions(found: Rescored, conditions: Mapping[str, Setting]) -> Iterator[str]:
    for name, value in conditions.items():
        yield f"{name} {as_set(value)} {found.problem.variables[name].unit}".rstrip()


def _remark(label: str, sentence: str, width: int) -> list[str]:
    return textwrap.wrap(sentence, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10)
