"""Stored experiments of several campaigns, as one other problem sees them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analytics.measurement import Analytics, Measurement
from ..campaign.evaluation import asked_of, measurement_in
from ..campaign.replay import stated_in
from ..problem.model import Problem
from ..problem.tables import Setting
from ..problem.units import UnitError, converted
from ..storage.lineage import Lineage


@dataclass(frozen=True)
class Experiment:
    """A stored experiment in the names of a problem.

    Attributes
    ----------
    run : str
        Uid of its campaign.
    number : int
        Its number there.
    conditions : dict of str to float or str
        In the variables of the problem, and their units.
    measurement : Measurement
        Everything that the problem names.
    """

    run: str
    number: int
    conditions: dict[str, Setting]
    measurement: Measurement

    @property
    def name(self) -> str:
        """Such as ``5f0c2a7e/12``."""
        return f"{self.run[:8]}/{self.number}"


def check_alike(campaigns: Sequence[Lineage]) -> None:
    """Refuse campaigns that were simulated in part.

    Raises
    ------
    ValueError
    """
    marks = {campaign.uid[:8]: bool(campaign.start.get("simulated")) for campaign in campaigns}
    simulated, real = ([uid for uid, mark in marks.items() if mark is m] for m in (True, False))
    if simulated and real:
        raise ValueError(
            f"simulated runs ({', '.join(simulated)}) and others ({', '.join(real)}) are never "
            "taken together; ask of each kind by itself"
        )


def experiments(
    campaign: Lineage, problem: Problem, analytics: Analytics | None = None
) -> list[Experiment]:
    """Read the experiments of a campaign as another problem names them.

    What was decided is not measured again, unless another analytics is given or the problem names
    a quantity that the campaign's did not. Experiments whose facts are lost are left out.

    Parameters
    ----------
    campaign : Lineage
    problem : Problem
        Fitted to the rig of the campaign.
    analytics : Analytics, optional
        To read the raw signals by, in place of the campaign's own.

    Raises
    ------
    ValueError
        If the campaign lacks a quantity or variable that the problem names; by name.
    """
    stated, own = stated_in(campaign.start)
    who = f"run {campaign.uid[:8]}"
    if analytics is not None and analytics.key != own.key:
        raise ValueError(
            f"{who} has no raw signal that a {analytics.key} method could read: its results are "
            f"by '{own.key}'"
        )
    reader = analytics or own
    if missing := [name for name in problem.measured if name not in reader.names]:
        raise ValueError(
            f"{who} has no {', '.join(missing)}, which the problem measures; it has "
            f"{', '.join(reader.names)}"
        )
    decided: dict[int, Mapping[str, Any]] = {}
    if analytics is None and set(problem.measured) <= set(stated.measured):
        decided = {int(data["number"]): data for data in campaign.events("decision")}
    found: dict[int, Experiment] = {}
    for fact in campaign.events("primary"):
        number = int(fact["number"])
        if number in found:  # a paused run goes on from its checkpoint: the first counts
            continue
        conditions = _renamed(asked_of(fact, stated), stated, problem, who)
        if number in decided:
            measured = _again(measurement_in(decided[number], stated))
        elif fact["valid"]:
            measured = reader.measure(fact)
        else:
            measured = Measurement.failed(reader.names, str(fact["reason"]))
        found[number] = Experiment(campaign.uid, number, conditions, measured)
    return list(found.values())


def _again(measurement: Measurement) -> Measurement:
    """Give what was measured, whether or not the old problem could make anything of it."""
    if all(map(math.isfinite, measurement.values.values())):
        return Measurement(measurement.values, measurement.sd, measurement.flags)
    return measurement


def _renamed(
    asked: Mapping[str, Setting], stated: Problem, problem: Problem, who: str
) -> dict[str, Setting]:
    """Give conditions in the variables of another problem."""
    if not set(problem.variables) - set(asked):
        return {
            name: _in_unit(asked[name], stated.variables[name].unit, variable.unit, name, who)
            for name, variable in problem.variables.items()
        }
    was, now = stated.region.variables, problem.region.variables
    try:
        flows = {
            name: np.array([_in_unit(value, was[name].unit, now[name].unit, name, who)])
            for name, value in stated.settings(stated.numbers(asked)).items()
            if name in now
        }
        columns = problem.in_variables(flows)
        words = {name: value for name, value in asked.items() if isinstance(value, str)}
        return {name: words.get(name, float(columns[name][0])) for name in problem.variables}
    except KeyError as error:
        raise ValueError(
            f"{who} has no {error.args[0]}, a variable of the problem; it has {', '.join(asked)}"
        ) from None


def _in_unit(value: Setting, was: str, now: str, name: str, who: str) -> Setting:
    """Give a condition in another unit; words have none."""
    if isinstance(value, str):
        return value
    try:
        return converted(value, was, now)
    except UnitError as error:
        raise ValueError(f"{who}: variables.{name}: {error}") from None
