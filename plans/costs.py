"""What a problem costs on a rig at worst: lab time and reagents."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from reactune.devices.rig.setpoints import flush, needed, rinse, setpoints_of, stabilisation
from reactune.devices.rigfile import RigFile

from .fitting import chosen, fitted, settings


@dataclass(frozen=True)
class Forecast:
    """The worst case of a campaign.

    Attributes
    ----------
    hours : float
        Lab time if every experiment were the slowest one allowed, none overlapping [h].
    volumes : dict of str to float
        Reagent by flow if every experiment were the thirstiest one allowed [uL].
    """

    hours: float
    volumes: dict[str, float]


def thirst(problem: Problem, rig: RigFile) -> list[str]:
    """Say which syringes are too small for an experiment, and which reagents for all of them."""
    wrong = []
    for name, volume in forecast(problem, rig).volumes.items():
        one, there = volume / problem.budget, 0.0
        for carrier in rig.flows[name]:
            stream = rig.streams[carrier]
            there += stream.supply
            if one > stream.stroke:
                wrong.append(
                    f"variables: one experiment may need {one / 1000:.2f} mL of {carrier}, but its "
                    f"syringe delivers {stream.stroke / 1000:.2f} mL in one stroke; narrow the "
                    f"ranges or take a larger syringe (streams.{carrier}.syringe_volume)"
                )
        if volume > there:
            wrong.append(
                f"budget: {problem.budget} experiments may need {volume / 1000:.1f} mL of {name}, "
                f"but syringe and flask hold {there / 1000:.1f} mL; lower the budget or give a "
                f"larger flask (streams.{rig.flows[name][0]}.flask_volume)"
            )
        wrong += _coils(name, one, volume, problem, rig)
    return wrong


def _coils(flow: str, one: float, volume: float, problem: Problem, rig: RigFile) -> Iterator[str]:
    """Say which coils of a selector valve are too small for an experiment, or together for all."""
    for name, choice in rig.choices.items():
        if choice.valve is None or choice.stream != flow:
            continue
        variable = problem.variables.get(name)
        options = (variable.choices if variable else None) or (choice.default or "",)
        for option in options:
            if one > (left := choice.content(option)):
                yield (
                    f"variables: one experiment may need {one / 1000:.2f} mL of {option}, but its "
                    f"coil holds {left / 1000:.2f} mL; narrow the ranges or take a larger coil "
                    f"(choices.{name}.volume)"
                )
        if volume > (there := sum(map(choice.content, options))):
            yield (
                f"budget: {problem.budget} experiments may need {volume / 1000:.1f} mL of what "
                f"{name} chooses, but its coils hold {there / 1000:.1f} mL; lower the budget or "
                f"take larger coils (choices.{name}.volume)"
            )


def forecast(problem: Problem, rig: RigFile) -> Forecast:
    """Work out the worst case over the corners of the allowed region.

    Parameters
    ----------
    problem : Problem
        One that fits the rig (`incompatibilities`).
    rig : RigFile
    """
    problem = fitted(problem, rig)
    space = Space.of(problem)
    corners = np.array(list(itertools.product(*zip(space.lower, space.upper, strict=True))))
    points = [
        setpoints_of({**settings(c, problem, rig), **chosen(c, rig)}, rig)
        for c in space.to_conditions(corners)
    ]
    seconds = max(rinse(p, rig) + stabilisation(p, rig) + flush(p, rig) for p in points)
    seconds += rig.analysis_duration
    volumes = {
        name: max(sum(needed(p, rig)[stream] for stream in streams) for p in points)
        for name, streams in rig.flows.items()
    }
    return Forecast(
        hours=problem.budget * seconds / 3600,
        volumes={name: problem.budget * volume for name, volume in volumes.items()},
    )
