"""Conditions <-> setpoints: what a chemist asks for, and what is sent to heater and pumps."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..instruments.signals import check_limits
from ..protocols import HEATERS, PUMPS
from ..rigfile import RigFile


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
        By stream [uL/min].
    collect : float
        What is to be collected there besides an experiment [uL].
    """

    temperature: float
    flows: Mapping[str, float]
    collect: float = 0.0

    @property
    def total(self) -> float:
        """Total flow [uL/min]."""
        return sum(self.flows.values())

    @property
    def conditions(self) -> dict[str, float]:
        """By variable: `temperature`, `flow_<stream>`."""
        flows = {f"flow_{name}": flow for name, flow in self.flows.items()}
        return {"temperature": self.temperature, **flows}


def limits(rig: RigFile) -> dict[str, tuple[float, float, str]]:
    """Return lower limit, upper limit and unit by variable."""
    flows = {f"flow_{name}": (*s.limits, "uL/min") for name, s in rig.streams.items()}
    return {"temperature": (*rig.heater.limits, "degC"), **flows}


def setpoints_of(
    conditions: Mapping[str, float], rig: RigFile, decimals: int | None = None
) -> Setpoints:
    """Turn conditions into setpoints.

    Parameters
    ----------
    conditions : mapping
        `temperature` [degC] with either one `flow_<stream>` [uL/min] each, or - for two streams -
        `residence_time` in the heated volume [min] and `ratio`, the flow of the second stream to
        that of the first.
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
    names = list(rig.streams)
    by_flow = {"temperature", *(f"flow_{name}" for name in names)}
    by_time = {"temperature", "residence_time", "ratio"} if len(names) == 2 else None
    given = set(conditions)
    if given not in (by_flow, by_time):
        also = f", or {', '.join(sorted(by_time))}" if by_time else ""
        raise ConditionsError(
            f"conditions {', '.join(sorted(given)) or '(none)'} do not fit this rig: give "
            f"{', '.join(sorted(by_flow))}{also}"
        )
    if given == by_flow:
        flows = {name: conditions[f"flow_{name}"] for name in names}
    else:
        for key in ("residence_time", "ratio"):
            if not conditions[key] > 0:
                raise ConditionsError(f"{key} = {conditions[key]!r} must be positive")
        total, ratio = (
            rig.reactor.heated_volume / conditions["residence_time"],
            conditions["ratio"],
        )
        flows = {names[0]: total / (1 + ratio), names[1]: total * ratio / (1 + ratio)}
    heater = rig.heater
    shown = heater.decimals if decimals is None else decimals
    setpoints = Setpoints(
        HEATERS[heater.protocol].achievable(conditions["temperature"], heater.limits, shown),
        {
            name: PUMPS[stream.protocol].achievable(flows[name], stream.limits)
            for name, stream in rig.streams.items()
        },
    )
    for variable, (low, high, unit) in limits(rig).items():
        check_limits(variable, setpoints.conditions[variable], (low, high), unit)
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


def needed(setpoints: Setpoints, rig: RigFile) -> dict[str, float]:
    """Return what one experiment uses of each stream [uL]: stabilise, collect, fill the loop."""
    minutes = (stabilisation(setpoints, rig) + flush(setpoints, rig)) / 60
    minutes += setpoints.collect / setpoints.total
    return {name: flow * minutes for name, flow in setpoints.flows.items()}


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
