"""What a scan says beforehand of where it goes: refused before anything moves if it goes too far.

bluesky's scans tell their trajectory in their metadata (``plan_pattern``); a RunEngine asks its
``md_validator`` about these before a run is opened. Other plans are refused at the move that goes
too far, before a byte of it is sent. What bluesky cannot work out at all, such as the way from one
word to another, is refused in words by a preprocessor of the RunEngine.
"""

import math
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from bluesky.utils import MsgGenerator

from reactune.devices.rig.axes import Axis, ChoiceAxis
from reactune.devices.rig.flow_rig import ConditionsError, FlowRig, LedgerError
from reactune.devices.rig.setpoints import Setpoints

from .trajectories import ONE, told, trajectory

Point = dict[Axis, Any]


def foreseeing(rig: FlowRig, usual: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """Have a RunEngine's usual ``md_validator`` also look at where a scan goes on a rig."""

    def validate(md: dict[str, Any]) -> None:
        usual(md)
        check_scan(rig, md)

    return validate


def in_words(plan: MsgGenerator[Any]) -> MsgGenerator[Any]:
    """Run a plan; what it cannot work out of where a rig's axis goes is said in words.

    A preprocessor of a RunEngine: bluesky works out where a scan goes before it tells anybody.

    Raises
    ------
    ConditionsError
        In place of a `TypeError` of bluesky's or numpy's about what an axis was given.
    """
    try:
        return (yield from plan)
    except TypeError as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        for frame in frames:
            if str(frame.f_globals.get("__name__")).startswith("bluesky."):
                _check_given(frame.f_locals, listed="list" in frame.f_code.co_name)
        raise


def _check_given(named: Mapping[str, Any], *, listed: bool) -> None:
    """Refuse what a plan of bluesky's was given for an axis, by its arguments' names."""
    of_message = named.get("msg")
    given = [*named["args"]] if isinstance(named.get("args"), tuple | list) else []
    given += [named.get(name) for name in ("motor", "start", "stop")]
    if of_message is not None and getattr(of_message, "command", None) == "set":
        given += [of_message.obj, *of_message.args]
    axis: Axis | None = None
    for value in given:
        if isinstance(value, Axis):
            axis = value
        elif isinstance(axis, ChoiceAxis):
            _check_listed(axis, value)
        elif axis is not None and isinstance(value, str):
            axis.check_value(value)
        elif axis is not None and listed and isinstance(value, int | float):
            raise ConditionsError(ONE.format(axis, value))
        elif not isinstance(value, int | float | list | tuple | None):
            axis = None  # another device, which what follows belongs to


def _check_listed(axis: ChoiceAxis, value: Any) -> None:
    """Refuse what is no list of the words of a choice."""
    if isinstance(value, list | tuple):
        for word in value:
            axis.check_value(word)
        return
    first, *others = axis.parent.config.choices[axis.key].options
    some = ", ".join(f'"{word}"' for word in (first, *others[:1]))
    raise ConditionsError(
        f"{axis} has words for positions, and no steps between them: a choice has no distances. "
        f"List where it goes, as in RE(bp.list_scan([hplc], {axis}, [{some}]))"
    )


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
    relative = str(md.get("plan_name", "")).startswith(("rel_", "x2x_"))
    samples = rig.hplc.name in _names(md, "detectors")
    if samples:
        _check_moved(rig, _names(md, "motors"))
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


def _names(md: Mapping[str, Any], key: str) -> Sequence[str]:
    """Give a list of metadata; none where somebody has put something else there."""
    found = md.get(key)
    return found if isinstance(found, list | tuple) else ()


def _check_moved(rig: FlowRig, motors: Iterable[str]) -> None:
    """Refuse to move an instrument that goes back to where the axes stand for every sample."""
    instruments = {rig.heater.name: "rig.heater", rig.valve.name: "rig.valve"}
    instruments |= {pump.name: f"rig.pumps[{key!r}]" for key, pump in rig.pumps.items()}
    if moved := [name for name in motors if name in instruments]:
        axes = ", ".join(map(repr, rig.axes.named.values()))
        raise ConditionsError(
            f"{instruments[moved[0]]} goes back to where the rig's axes stand before every sample, "
            f"so nothing would come of moving it: move {axes}"
        )


def _taken(rig: FlowRig, setpoints: Setpoints) -> Iterator[tuple[str, float, float, str]]:
    """Say of what a sample takes how much [uL], how much of it there is, and where."""
    volumes = rig.needed(setpoints)
    for stream, volume in volumes.items():
        pump = rig.pumps[stream]
        yield stream, volume, pump.ledger.supply, "syringe and flask hold"
    for choice in rig.feed.choices.values():
        option, volume = choice.taken(setpoints, volumes)
        if option in choice.left:
            yield f"{choice.name} {option}", volume, choice.left[option], "its coil holds"


def _place(axis: Axis, to: Any, relative: bool) -> float | str:
    """Give where an axis goes."""
    if isinstance(axis, ChoiceAxis):
        if relative or not isinstance(to, str):
            _check_listed(axis, to)
        axis.check_value(to)
        return str(to)
    if not relative:
        axis.check_value(to)
        return float(to)
    if not math.isfinite(here := float(axis.position)):
        raise ConditionsError(
            f"{axis} was never set on this rig, so that nothing is relative to it: set it first, "
            f"as by RE(bps.mv({axis}, ...))"
        )
    return here + float(to)


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
    plan = told(md, "plan_args")
    if (places := trajectory(md)) is not None:
        for place in places:
            yield {known[motor]: value for motor, value in place.items() if motor in known}
    elif (axis := known.get(str(plan.get("motor")))) is not None:
        ends = [plan.get("start"), plan.get("stop")]
        if isinstance(axis, ChoiceAxis):
            _check_listed(axis, ends[0])
        if md.get("plan_pattern") == "logspace":
            ends = list(np.logspace(**told(md, "plan_pattern_args")))  # they are powers of ten
        for end in ends:  # an adaptive scan goes from one to the other, in some steps
            yield {axis: end} if end is not None else {}
    elif md.get("plan_name") == "count":
        yield from ({} for _ in range(plan.get("num") or 1))
