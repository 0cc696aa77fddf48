"""What a scan says beforehand of where it goes: refused before anything moves if it goes too far.

bluesky's scans tell their trajectory in their metadata (``plan_pattern``); a RunEngine asks its
``md_validator`` about these before a run is opened. Other plans are refused at the move that goes
too far, before a byte of it is sent.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reactune.devices.rig.axes import Axis, ChoiceAxis
from reactune.devices.rig.flow_rig import ConditionsError, FlowRig, LedgerError

Point = dict[Axis, Any]


def foreseeing(rig: FlowRig, usual: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """Have a RunEngine's usual ``md_validator`` also look at where a scan goes on a rig."""

    def validate(md: dict[str, Any]) -> None:
        usual(md)
        check_scan(rig, md)

    return validate


def check_scan(rig: FlowRig, md: Mapping[str, Any]) -> None:
    """Refuse a scan that leaves the limits at any of its points, or lacks conditions or reagent.

    Parameters
    ----------
    rig : FlowRig
    md : mapping
        Metadata of a run that is about to be opened.

    Raises
    ------
    LimitError, ConditionsError
        As the move would that goes too far.
    LedgerError
        If syringes and flasks cannot last for all samples.
    """
    relative = str(md.get("plan_name", "")).startswith("rel_")
    samples = rig.hplc.name in md.get("detectors", ())
    used = dict.fromkeys(rig.pumps, 0.0)
    known = {repr(axis): axis for axis in rig.axes.named.values()}
    for n, point in enumerate(_points(md, known), 1):
        asked = {axis.key: _place(axis, to, relative) for axis, to in point.items()}
        for axis in point:
            axis.check_value(asked[axis.key])
        for stream, volume in _volumes(rig, asked, samples).items():
            used[stream] += volume
            there = rig.pumps[stream].deliverable + rig.pumps[stream].flask
            if samples and used[stream] > there:
                raise LedgerError(
                    f"syringe and flask hold {there / 1000:.1f} mL of {stream}, which do not last "
                    f"for sample {n} of this plan: refill them and open the rig again, or ask for "
                    "fewer points"
                )


def _place(axis: Axis, to: Any, relative: bool) -> float | str:
    """Give where an axis goes."""
    if not isinstance(axis, ChoiceAxis):
        return float(to) + (float(axis.position) if relative else 0.0)
    if relative:
        raise ConditionsError(f"{axis} has words for positions, and no steps between them")
    axis.check_value(to)
    return str(to)


def _volumes(rig: FlowRig, asked: Mapping[str, float | str], samples: bool) -> dict[str, float]:
    """Give what a sample takes of each stream [uL]; nothing where the rig need not flow yet."""
    if not (asked or samples):
        return {}
    try:
        return rig.needed(rig.axes.setpoints(asked))
    except ConditionsError:
        if samples:
            raise
        return {}


def _points(md: Mapping[str, Any], known: Mapping[str, Axis]) -> Iterator[Point]:
    """Give where each point of a run moves the axes to, as far as its metadata say."""
    plan, pattern = md.get("plan_args", {}), md.get("plan_pattern")
    told = md.get("plan_pattern_args", {})
    if pattern in _TRAJECTORIES and "args" in told:
        trajectory, together = _TRAJECTORIES[pattern]
        moved = list(_motors(told["args"]))
        ways = [trajectory(values, told) for _, values in moved]
        for place in zip(*ways, strict=True) if together else itertools.product(*ways):
            yield {
                known[motor]: value
                for (motor, _), value in zip(moved, place, strict=True)
                if motor in known
            }
    elif plan.get("motor") in known:  # an adaptive scan goes from one to the other, in some steps
        for end in (plan.get("start"), plan.get("stop")):
            yield {known[plan["motor"]]: end} if isinstance(end, int | float) else {}
    elif md.get("plan_name") == "count":
        yield from ({} for _ in range(plan.get("num") or 1))


def _motors(args: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Give each motor of a pattern's arguments with those that follow it."""
    places = [i for i, given in enumerate(args) if isinstance(given, str)]
    for i, end in itertools.pairwise([*places, len(args)]):
        yield args[i], list(args[i + 1 : end])


def _line(values: Sequence[Any], told: Mapping[str, Any]) -> Iterable[float]:
    return list(np.linspace(values[0], values[1], values[2] if values[2:] else told["num"]))


def _list(values: Sequence[Any], _: Mapping[str, Any]) -> Iterable[float]:
    return list(values[0])


_TRAJECTORIES: dict[Any, tuple[Callable[..., Iterable[float]], bool]] = {
    "inner_product": (_line, True),
    "inner_list_product": (_list, True),
    "outer_product": (_line, False),
    "outer_list_product": (_list, False),
}
"""Positions of one motor by its arguments, and whether the motors move together."""
