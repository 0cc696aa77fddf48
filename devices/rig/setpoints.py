"""Conditions <-> setpoints: what a chemist asks for, and what is sent to heater and pumps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..instruments.signals import check_limits
from ..protocols import HEATERS, PUMPS
from ..rigfile import RigFile
from ..written import quoted

Conditions = Mapping[str, float | str]
"""Numbers by variable, words by choice."""


class ConditionsError(ValueError):
    """The conditions do not name what this rig can set."""


@dataclass(frozen=True)
class Setpoints:
    """What is sent: rounded to what the instruments take over, inside the limits.

    Attributes
    ----------
    temperature : float
        [degC].
    flows : dict of str to float
        By flow as a problem knows it, mostly a stream [uL/min].
    chosen : dict of str to str
        By choice what is chosen.
    pumped : dict of str to float
        By stream [uL/min]; 0 for those that stand still.
    collect : float
        What is to be collected there besides an experiment [uL].
    """

    temperature: float
    flows: Mapping[str, float]
    chosen: Mapping[str, str] = field(default_factory=dict)
    pumped: Mapping[str, float] = field(default_factory=dict)
    collect: float = 0.0

    @property
    def total(self) -> float:
        """Total flow [uL/min]."""
        return sum(self.flows.values())

    @property
    def conditions(self) -> dict[str, float | str]:
        """By variable: `temperature`, `flow_<stream>`, choices."""
        flows = {f"flow_{name}": flow for name, flow in self.flows.items()}
        return {"temperature": self.temperature, **flows, **self.chosen}


def limits(rig: RigFile) -> dict[str, tuple[float, float, str]]:
    """Return lower limit, upper limit and unit by variable."""
    flows = {f"flow_{name}": (*rig.flow_limits(name), "uL/min") for name in rig.flows}
    return {"temperature": (*rig.heater.limits, "degC"), **flows}


def chosen_of(conditions: Conditions, rig: RigFile) -> dict[str, str]:
    """Return what conditions choose, or the rig file's default where they do not.

    Raises
    ------
    ConditionsError
        If a choice is open, or the rig does not carry what is chosen.
    """
    chosen = {}
    for name, choice in rig.choices.items():
        option = conditions.get(name, choice.default)
        if option is None:
            raise ConditionsError(f"{name} is open: choose {', '.join(choice.options)}")
        chosen[name] = carried(name, option, rig)
    return chosen


def carried(name: str, option: object, rig: RigFile) -> str:
    """Return what a choice is to be, if the rig carries it (`ConditionsError`)."""
    if option not in (options := rig.choices[name].options):
        raise ConditionsError(
            f"{name} = {_as_told(option)} is not carried by this rig: choose {', '.join(options)}"
        )
    return str(option)


def _as_told(option: object) -> str:
    return f"{option:g}" if isinstance(option, float) else quoted(option)  # numpy's, too


def stream_of(flow: str, chosen: Mapping[str, str], rig: RigFile) -> str:
    """Return which stream delivers a flow that a problem knows."""
    choice = rig.choices.get(flow)
    return choice.streams[chosen[flow]] if choice is not None and choice.streams else flow


def axes(rig: RigFile) -> dict[str, tuple[float, float, str]]:
    """Return lower limit, upper limit and unit of all that can be moved by itself.

    The variables, `residence_time` [min], and for two streams `ratio`, the flow of the second to
    that of the first.
    """
    flows = [rig.flow_limits(name) for name in rig.flows]
    least, most = (sum(ends) for ends in zip(*flows, strict=True))
    volume = rig.reactor.heated_volume
    found = {**limits(rig), "residence_time": (volume / most, _over(volume, least), "min")}
    if len(flows) == 2:
        (low, high), (low_2, high_2) = flows
        found["ratio"] = (low_2 / high, _over(high_2, low), "1")
    return found


def _over(above: float, below: float) -> float:
    return above / below if below else math.inf


def moved(held: Conditions, asked: Conditions, rig: RigFile) -> dict[str, float | str]:
    """Return the conditions after some axes have moved.

    What was not asked for stays: the other flows, the total flow under `ratio`, the proportions of
    the flows under `residence_time`.

    Parameters
    ----------
    held : mapping
        The conditions before, by variable; those that were never set are missing.
    asked : mapping
        New values by axis, words of choices.
    rig : RigFile
        The rig.

    Raises
    ------
    ConditionsError
        If the values exclude one another, or need a flow that was never set.
    """
    words = {name: asked[name] for name in rig.choices if name in asked}
    to = {name: float(value) for name, value in asked.items() if name not in words}
    fixed = {name: to[f"flow_{name}"] for name in rig.flows if f"flow_{name}" in to}
    free = [name for name in rig.flows if name not in fixed]
    derived = [key for key in ("residence_time", "ratio") if key in to]
    if len(derived) > len(free):
        raise ConditionsError(
            f"{' and '.join(derived)} cannot be asked for together with the flow of "
            f"{' and '.join(fixed)}, which decide them: leave one out"
        )
    flows = {name: float(held[f"flow_{name}"]) for name in free if f"flow_{name}" in held} | fixed
    total = rig.reactor.heated_volume / to["residence_time"] if "residence_time" in to else 0
    if "ratio" in to:
        flows |= _by_ratio(to["ratio"], total, flows, fixed, rig)
    elif total:
        rest = total - sum(fixed.values())
        if len(free) == 1:
            flows[free[0]] = rest
        else:
            there = sum(_known(flows, name) for name in free)
            flows |= {name: rest * flows[name] / there for name in free}
    named = {f"flow_{name}": flow for name, flow in flows.items()}
    heat = {"temperature": to["temperature"]} if "temperature" in to else {}
    return {**held, **heat, **named, **words}


def _by_ratio(
    ratio: float,
    total: float,
    flows: Mapping[str, float],
    fixed: Mapping[str, float],
    rig: RigFile,
) -> dict[str, float]:
    """Return the flows of two streams at a ratio; without a total that of before is kept."""
    first, second = rig.flows
    if first in fixed:
        return {second: fixed[first] * ratio}
    if second in fixed:
        return {first: fixed[second] / ratio}
    total = total or _known(flows, first) + _known(flows, second)
    return {first: total / (1 + ratio), second: total * ratio / (1 + ratio)}


def _known(flows: Mapping[str, float], name: str) -> float:
    if name not in flows:
        raise ConditionsError(f"flow_{name} was never set on this rig: set it in the same move")
    return flows[name]


def position(axis: str, conditions: Conditions, rig: RigFile) -> float | str:
    """Return where an axis stands by the conditions that were set; NaN or "" if nothing says."""
    if axis in rig.choices:
        return conditions.get(axis, "")
    if axis in conditions:
        return float(conditions[axis])
    flows = [float(conditions.get(f"flow_{name}", math.nan)) for name in rig.flows]
    total = math.fsum(flows)
    if axis == "residence_time" and total:
        return residence_time(total, rig)
    if axis == "ratio" and flows[0]:
        return flows[1] / flows[0]
    return math.nan


def setpoints_of(conditions: Conditions, rig: RigFile, decimals: int | None = None) -> Setpoints:
    """Turn conditions into setpoints.

    Parameters
    ----------
    conditions : mapping
        `temperature` [degC] with either one `flow_<stream>` [uL/min] each, or - for two streams -
        `residence_time` in the heated volume [min] and `ratio`, the flow of the second stream to
        that of the first; and what is chosen, where the rig has choices.
    rig : RigFile
        The rig.
    decimals : int, optional
        Of the heater, once it is known; before, those of the rig file or what is usual.

    Raises
    ------
    ConditionsError
        If names are missing or unknown, or a value is not a positive number.
    LimitError
        If a setpoint would be outside its limits.
    """
    if not isinstance(conditions, Mapping):
        raise ConditionsError(
            f"the rig goes to conditions by name, not to {_as_told(conditions)}: move one of its "
            "axes, such as rig.temperature"
        )
    names, chosen = list(rig.flows), chosen_of(conditions, rig)
    by_flow = {"temperature", *(f"flow_{name}" for name in names)}
    by_time = {"temperature", "residence_time", "ratio"} if len(names) == 2 else None
    numbers = {name: value for name, value in conditions.items() if name not in chosen}
    given = set(numbers)
    if wrong := [name for name, value in numbers.items() if isinstance(value, str)]:
        raise ConditionsError(f"{wrong[0]} = {numbers[wrong[0]]!r} is no number")
    if given not in (by_flow, by_time):
        also = f", or {', '.join(sorted(by_time))}" if by_time else ""
        raise ConditionsError(
            f"conditions {', '.join(sorted(given)) or '(none)'} do not fit this rig: give "
            f"{', '.join(sorted(by_flow))}{also}"
        )
    if given == by_flow:
        flows = {name: float(numbers[f"flow_{name}"]) for name in names}
    else:
        time, ratio = float(numbers["residence_time"]), float(numbers["ratio"])
        for key, value in (("residence_time", time), ("ratio", ratio)):
            if not value > 0:
                raise ConditionsError(f"{key} = {value!r} must be positive")
        total = rig.reactor.heated_volume / time
        flows = {names[0]: total / (1 + ratio), names[1]: total * ratio / (1 + ratio)}
    heater = rig.heater
    shown = heater.decimals if decimals is None else decimals
    streams = {name: stream_of(name, chosen, rig) for name in names}
    flows = {
        name: PUMPS[rig.streams[stream].protocol].achievable(flows[name], rig.flow_limits(name))
        for name, stream in streams.items()
    }
    temperature = float(numbers["temperature"])
    setpoints = Setpoints(
        HEATERS[heater.protocol].achievable(temperature, heater.limits, shown),
        flows,
        chosen,
        dict.fromkeys(rig.streams, 0.0) | {streams[name]: flow for name, flow in flows.items()},
    )
    for variable, (low, high, unit) in limits(rig).items():
        check_limits(variable, float(setpoints.conditions[variable]), (low, high), unit)
    return setpoints


def residence_time(total: float, rig: RigFile) -> float:
    """Return the time in the heated volume [min] at a total flow [uL/min]."""
    return rig.reactor.heated_volume / total


def stabilisation(setpoints: Setpoints, rig: RigFile) -> float:
    """Return how long the rig takes to forget the conditions before [s]."""
    return 60 * rig.stabilisation_residence_times * residence_time(setpoints.total, rig)


def flush(setpoints: Setpoints, rig: RigFile) -> float:
    """Return how long filling the loop takes [s]."""
    return 60 * rig.reactor.flush_loops * rig.reactor.loop_volume / setpoints.total


def rinse(setpoints: Setpoints, rig: RigFile) -> float:
    """Return how long it takes at most until the choice before has left the lines it shared [s]."""
    times = [
        60 * choice.line_volume / setpoints.flows[choice.stream or name]
        for name, choice in rig.choices.items()
    ]
    return max(times, default=0.0)


def needed(setpoints: Setpoints, rig: RigFile) -> dict[str, float]:
    """Return what one experiment uses of each stream [uL]: rinse, settle, collect, fill."""
    seconds = rinse(setpoints, rig) + stabilisation(setpoints, rig) + flush(setpoints, rig)
    seconds += 60 * setpoints.collect / setpoints.total
    return {name: flow * seconds / 60 for name, flow in setpoints.pumped.items()}


def fixed_quantities(rig: RigFile) -> dict[str, tuple[float, str]]:
    """Return what of a rig no experiment changes: value and unit by name."""
    reactor, method = rig.reactor, rig.chromatogram
    fixed = {
        "heated_volume": (reactor.heated_volume, "uL"),
        "total_volume": (reactor.total_volume, "uL"),
        "loop_volume": (reactor.loop_volume, "uL"),
    }
    if method is not None:
        fixed["sample_rate"] = (method.rate, "Hz")
        if method.lamp is not None:
            fixed["lamp"] = (method.lamp, method.unit)
    return fixed
