"""What a scan says beforehand of where it goes: refused before anything moves if it goes too far.

bluesky's scans tell their trajectory in their metadata (``plan_pattern``); a RunEngine asks its
``md_validator`` about these before a run is opened. Other plans are refused at the move that goes
too far, before a byte of it is sent.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reactune.devices.rig.axes import Axis, ChoiceAxis
from reactune.devices.rig.flow_rig import ConditionsError, FlowRig, LedgerError
from reactune.devices.rig.setpoints import Setpoints

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
        If syringes and flasks, or the coils of choices, cannot last for all samples.
    """
    relative = str(md.get("plan_name", "")).startswith("rel_")
    samples = rig.hplc.name in md.get("detectors", ())
    used: dict[str, float] = defaultdict(float)
    known = {repr(axis): axis for axis in rig.axes.named.values()}
    for n, point in enumerate(_points(md, known), 1):
        asked = {axis.key: _place(axis, to, relative) for axis, to in point.items()}
        for axis in point:
            axis.check_value(asked[axis.key])
        setpoints = _setpoints(rig, asked, samples)
        if not samples or setpoints is None:
            continue
        for of, need, there, where in _taken(rig, setpoints):
            used[of] += need
            if used[of] > there:
                raise LedgerError(
                    f"{where} {there / 1000:.1f} mL of {of}, which do not last for sample {n} of "
                    "this plan: refill them and open the rig again, or ask for fewer points"
                )


def _taken(rig: FlowRig, setpoints: Setpoints) -> Iterator[tuple[str, float, float, str]]:
    """Say of what a sample takes how much [uL], how much of it there is, and where."""
    volumes = rig.needed(setpoints)
    for stream, volume in volumes.items():
        pump = rig.pumps[stream]
        yield stream, volume, pump.deliverable + pump.flask, "syringe and flask hold"
    for choice in rig.feed.choices.values():
        option, volume = choice.taken(setpoints, volumes)
        if option in choice.left:
            yield f"{choice.name} {option}", volume, choice.left[option], "its coil holds"


def _place(axis: Axis, to: Any, relative: bool) -> float | str:
    """Give where an axis goes."""
    if not isinstance(axis, ChoiceAxis):
        return float(to) + (float(axis.position) if relative else 0.0)
    if relative:
        raise ConditionsError(f"{axis} has words for positions, and no steps between them")
    axis.check_value(to)
    return str(to)


def _setpoints(rig: FlowRig, asked: Mapping[str, float | str], samples: bool) -> Setpoints | None:
    """Give what the rig is set to at a point; None where it need not flow yet."""
    if not (asked or samples):
        return None
    try:
        return rig.axes.setpoints(asked)
    except ConditionsError:
        if samples:
            raise
        return None


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
