"""Numbers that instruments cannot be set to, such as 120.05 where a display shows one decimal."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.units import converted
from reactune.analysis.problem.variables import Variable
from reactune.analysis.written import exact
from reactune.devices.protocols import HEATERS, PUMPS
from reactune.devices.protocols.roles import READ_BACK
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rig.setpoints import limits
from reactune.devices.rigfile import RigFile

from .errors import UserError

_ROUNDING = 1e-9  # relative, of computing

_Sent = Callable[[float, tuple[float, float]], float]
"""What an instrument makes of a number, inside of limits."""


def unsettable(problem: Problem, rig: RigFile) -> Iterator[str]:
    """Say which numbers of a problem would be set to something else.

    Every number that it lists has to be one that can be set; in another unit, such as mL/h, one
    that the instrument takes for the same. In a unit of another zero, such as K, where none may be,
    they have to be different ones. A range needs room for two; what is asked within it, and what is
    fixed, is rounded.
    """
    for name, (low, high, unit) in limits(rig).items():
        untold = name == "temperature" and rig.heater.decimals is None
        cure = "; or state heater.decimals in the rig file, if it shows more" if untold else ""
        if (variable := problem.variables.get(name)) is None:
            continue
        for sent in _instruments(name, rig):
            for sentence in _of_variable(name, variable, sent, low, high, unit):
                yield f"{sentence}{cure}"


def check_opened(problem: Problem, rig: FlowRig) -> None:
    """Refuse what a controller, which has told its decimals by now, cannot be set to.

    Raises
    ------
    UserError
    """
    heater = rig.config.heater.model_copy(update={"decimals": rig.heater.driver.decimals})
    if wrong := list(unsettable(problem, rig.config.model_copy(update={"heater": heater}))):
        raise UserError("\n".join(wrong))


def _instruments(name: str, rig: RigFile) -> Iterator[_Sent]:
    """Give what the heater, or each kind of pump of a flow, makes of a number."""
    if name == "temperature":
        yield partial(HEATERS[rig.heater.protocol].achievable, decimals=rig.heater.decimals)
        return
    protocols = {rig.streams[s].protocol for s in rig.flows[name.removeprefix("flow_")]}
    yield from (PUMPS[protocol].achievable for protocol in sorted(protocols))


def _of_variable(
    name: str, variable: Variable, sent: _Sent, low: float, high: float, unit: str
) -> Iterator[str]:
    key = next((k for k in ("values", "step", "resolution") if getattr(variable, k)), "range")
    place, of, grid = f"variables.{name}.{key}", variable.unit or unit, variable.grid
    values = variable.range if grid is None else _listed(variable)
    here = [converted(value, of, unit) for value in values]
    if grid is None:
        low, high = here
    there = [sent(value, (low, high)) for value in here]
    if grid is not None and converted(0.0, of, unit) == 0.0:
        same = _ROUNDING if of == unit else READ_BACK
        settable = {
            value: exact(float(f"{converted(now, unit, of):.12g}"))
            for value, wanted, now in zip(values, here, there, strict=True)
            if not math.isclose(wanted, now, rel_tol=same)
        }
        if settable:
            yield (
                f"{place}: {', '.join(map(exact, settable))} {of} cannot be set on this rig; the "
                f"nearest that can: {', '.join(settable.values())}"
            )
            return
    if len({*there}) < len({*values}) or not all(low <= value <= high for value in there):
        yield (
            f"{place}: {', '.join(map(exact, values))} {of} are one setpoint to this rig: put them "
            "farther apart"
        )


def _listed(variable: Variable) -> list[float]:
    """Give the values of a grid; of evenly spaced ones those next to both ends, as all are alike.

    Not in the middle alone: some pumps take the fewer decimals the larger the number is.
    """
    if variable.values is not None or variable.grid is None:
        return list(variable.values or ())
    count = len(variable.grid)
    ends = sorted({0, 1, count - 2, count - 1})
    return [float(value) for value in variable.grid.value(np.array(ends))]
