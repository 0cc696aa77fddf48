"""Where a problem meets a rig: does it fit, what does it cost, how is a trace read."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reactune.analysis.analytics.hplc import Hplc
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from reactune.analysis.written import exact
from reactune.devices.opening import obstacles
from reactune.devices.rig.setpoints import flush, limits, needed, setpoints_of, stabilisation
from reactune.devices.rigfile import RigFile

from .hplc_method import method_of


def analytics_of(rig: RigFile) -> Hplc:
    """Turn the HPLC method of a rig file into the analytics that reads its chromatograms."""
    return Hplc(method_of(rig.chromatogram, rig.detector.full_scale))


@dataclass(frozen=True)
class Forecast:
    """The worst case of a campaign.

    Attributes
    ----------
    hours : float
        Lab time if every experiment were the slowest one allowed, none overlapping [h].
    volumes : dict of str to float
        Reagent by stream if every experiment were the thirstiest one allowed [uL].
    """

    hours: float
    volumes: dict[str, float]


def incompatibilities(problem: Problem, rig: RigFile) -> list[str]:
    """Say what keeps a problem from this rig.

    Parameters
    ----------
    problem : Problem
    rig : RigFile

    Returns
    -------
    list of str
        One sentence each: what keeps the rig from being emulated, a variable that it does not have
        or cannot take so far, a property it does not measure, syringes too small for an experiment,
        reagents that cannot last for the budget.
    """
    allowed = limits(rig)
    measured = analytics_of(rig).names
    wrong = obstacles(rig)
    wrong += [
        f"measured: {name!r} is no peak of the rig's HPLC method, which has {', '.join(measured)}"
        for name in problem.measured
        if name not in measured
    ]
    for name, variable in problem.variables.items():
        if name not in allowed:
            wrong.append(
                f"variables.{name}: the rig has no such variable; it has {', '.join(allowed)}"
            )
            continue
        low, high, unit = allowed[name]
        if variable.unit not in ("", unit):
            wrong.append(
                f"variables.{name}.unit: the rig takes {name} in {unit}, not in {variable.unit}"
            )
        elif variable.range[0] < low or variable.range[1] > high:
            wrong.append(
                f"variables.{name}.range: [{', '.join(map(exact, variable.range))}] goes "
                f"beyond what the rig allows, [{exact(low)}, {exact(high)}] {unit}"
            )
    for name, (low, high, unit) in allowed.items():
        if name in problem.fixed and not low <= problem.fixed[name] <= high:
            wrong.append(
                f"fixed.{name}: {exact(problem.fixed[name])} is beyond what the rig allows, "
                f"[{exact(low)}, {exact(high)}] {unit}"
            )
        elif name not in problem.variables and name not in problem.fixed:
            wrong.append(
                f"variables: the rig also needs {name}; give it a range, or a value under [fixed]"
            )
    volume = problem.fixed.get("volume", rig.reactor.heated_volume)
    if not math.isclose(volume, rig.reactor.heated_volume, rel_tol=1e-3):
        wrong.append(
            f"fixed.volume: {exact(volume)} uL, but the rig's heated volume is "
            f"{exact(rig.reactor.heated_volume)} uL (reactor.heated_volume); residence times "
            "follow from it, so make them agree"
        )
    return wrong or list(_thirst(problem, rig))


def with_fixed(conditions: Mapping[str, float], problem: Problem, rig: RigFile) -> dict[str, float]:
    """Return the conditions together with those that the problem holds fixed on this rig."""
    held = {name: problem.fixed[name] for name in limits(rig) if name in problem.fixed}
    return {**held, **conditions}


def _thirst(problem: Problem, rig: RigFile) -> list[str]:
    """Say which syringes are too small for an experiment, and which reagents for all of them."""
    wrong = []
    for name, volume in forecast(problem, rig).volumes.items():
        stream = rig.streams[name]
        filled = stream.syringe_volume if stream.filled is None else stream.filled
        there = filled - stream.dead_volume + stream.flask_volume
        one, stroke = volume / problem.budget, stream.syringe_volume - stream.dead_volume
        if one > stroke:
            wrong.append(
                f"variables: one experiment may need {one / 1000:.2f} mL of {name}, but its "
                f"syringe delivers {stroke / 1000:.2f} mL in one stroke; narrow the ranges or take "
                f"a larger syringe (streams.{name}.syringe_volume)"
            )
        if volume > there:
            wrong.append(
                f"budget: {problem.budget} experiments may need {volume / 1000:.1f} mL of {name}, "
                f"but syringe and flask hold {there / 1000:.1f} mL; lower the budget or give a "
                f"larger flask (streams.{name}.flask_volume)"
            )
    return wrong


def forecast(problem: Problem, rig: RigFile) -> Forecast:
    """Work out the worst case over the corners of the allowed region.

    Parameters
    ----------
    problem : Problem
        One that fits the rig (`incompatibilities`).
    rig : RigFile
    """
    space = Space.of(problem)
    corners = np.array(list(itertools.product(*zip(space.lower, space.upper, strict=True))))
    points = [setpoints_of(with_fixed(c, problem, rig), rig) for c in space.to_conditions(corners)]
    seconds = max(stabilisation(p, rig) + flush(p, rig) for p in points) + rig.chromatogram.duration
    volumes = {name: max(needed(p, rig)[name] for p in points) for name in rig.streams}
    return Forecast(
        hours=problem.budget * seconds / 3600,
        volumes={name: problem.budget * volume for name, volume in volumes.items()},
    )
