"""What is known before a campaign begins: experiments of earlier ones, in today's variables.

They go into the start document whole, under ``known``, beside where they are from: a campaign can
be replayed and gone on with when that is gone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analytics import Analytics, Measurement, from_start
from ..analytics.measurement import no_fractions
from ..problem.meaning import no_share
from ..problem.model import Problem
from ..problem.tables import Setting
from ..problem.units import UnitError, converted
from ..problem.variables import Variable
from ..storage.lineage import Lineage, check_campaign
from ..written import exact, harmless
from .agent import Agent
from .evaluation import Evaluation, asked_of, measurement_in
from .suggestion import Suggestion

Old = tuple[Suggestion, Measurement]
"""An experiment that was made before, as `Agent.know` takes it."""


def to_start(agent: Agent, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give what a start document says of all that an agent knows; `from_start_document` reads it.

    Parameters
    ----------
    agent : Agent
        Before its first ask.
    sources : sequence of mapping
        Where it is from: the uids of runs, files and their digests.
    """
    return {"sources": [*sources], "experiments": [e.to_dict() for e in agent.evaluations]}


def from_start_document(start: Mapping[str, Any], key: str = "known") -> list[Old]:
    """Give what was known when a campaign began; of most nothing was."""
    told = (start.get(key) or {}).get("experiments", [])
    found = map(Evaluation.from_dict, told)
    return [(Suggestion(e.number, e.conditions, e.why), e.measurement) for e in found]


def evaluation_of(old: Old, problem: Problem) -> Evaluation:
    """See an old experiment by a problem."""
    asked, found = old
    return Evaluation.of(asked.number, asked.conditions, found, problem, asked.why)


def numbered(agent: Agent, old: Sequence[Old]) -> list[Old]:
    """Give what the agent's optimiser can be told of, numbered from 1."""
    placed = [(s, m) for s, m in old if agent.space.place(s.conditions) is not None]
    return [
        (Suggestion(number, asked.conditions, asked.why), measurement)
        for number, (asked, measurement) in enumerate(placed, 1)
    ]


def stated_in(start: Mapping[str, Any]) -> tuple[Problem, Analytics]:
    """Read what a stored campaign was asked, and what measured it.

    Parameters
    ----------
    start : mapping
        The start document of an ``optimise`` run, or of a table's.

    Raises
    ------
    ValueError
        If the run is not a campaign, or its analytics is not known here.
    """
    check_campaign(start)
    return Problem.load(harmless(start["problem"])), from_start(start)


@dataclass(frozen=True)
class Experiment:
    """A stored experiment in the names of a problem.

    Attributes
    ----------
    run : str
        Uid of its campaign.
    number : int
        Its number there.
    asked : dict of str to float or str
        As its campaign stated it.
    conditions : dict of str to float or str
        In the variables of the problem, and their units.
    measurement : Measurement
        Everything that the problem names.
    """

    run: str
    number: int
    asked: dict[str, Setting]
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


def check_fractions(
    campaign: Lineage, found: Iterable[tuple[int, Measurement]], names: Sequence[str]
) -> None:
    """Refuse results of a campaign that are to be taken for fractions, and are percentages.

    Parameters
    ----------
    campaign : Lineage
    found : iterable of (int, Measurement)
        Its results, by their numbers.
    names : sequence of str
        The quantities that are to be fractions.

    Raises
    ------
    ValueError
    """
    if stated_in(campaign.start)[1].kind == "fractions":
        return
    for number, one in found:
        if one.valid and (wrong := no_fractions({name: one.values[name] for name in names})):
            raise ValueError(
                f"run {campaign.uid[:8]}, experiment {number}: {wrong}; if a table has them in "
                'percent, write kind = "fractions" into its problem, and show it again'
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
        If the campaign lacks a quantity or variable that the problem names, by name; or has
        percentages where it is about fractions.
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
        asked = asked_of(fact, stated)
        conditions = _renamed(asked, stated, problem, who)
        if number in decided:
            measured = _again(measurement_in(decided[number], stated))
        elif fact["valid"]:
            measured = reader.measure(fact)
        else:
            measured = Measurement.failed(reader.names, str(fact["reason"]))
        if measured.valid and (wrong := no_share(problem.windows, measured.values)):
            raise ValueError(
                f"{who}, experiment {number}: {wrong[1]}; write the window without %, or if a "
                "table has it in percent, show that again"
            )
        found[number] = Experiment(campaign.uid, number, asked, conditions, measured)
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
    held = {**stated.fixed, **asked}
    if not set(problem.variables) - set(held):
        return {
            name: _in_unit(asked[name], stated.variables[name].unit, variable.unit, name, who)
            if name in asked
            else held[name]
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


def experiments_of(campaign: Lineage, problem: Problem) -> list[Old]:
    """Give the experiments of a stored campaign, what it knew itself included, to another problem.

    Those that compare: at other fixed values than the problem's, or with a choice that there is no
    more, they are left out. Results are those that were concluded when they were made.

    Parameters
    ----------
    campaign : Lineage
    problem : Problem
        Its variables must follow from what the campaign varied and held fixed.

    Raises
    ------
    ValueError
        If the run is no campaign, did not measure what the problem needs, or its conditions cannot
        be said in the problem's variables.
    """
    run, start = f"run {campaign.uid[:8]}", campaign.start
    before, _ = stated_in(start)
    try:
        _check_comparable(before, problem)
    except ValueError as error:
        raise ValueError(f"{run}: {error}") from None
    old = []
    for asked, found in from_start_document(start):
        if _stays(asked.conditions, problem):
            conditions = _renamed(asked.conditions, before, problem, run)
            old.append((Suggestion(asked.number, conditions, asked.why), found))
    for made in experiments(campaign, problem):
        if _stays(made.asked, problem):
            why = f"known: experiment {made.number} of {run}"
            old.append((Suggestion(made.number, made.conditions, why), made.measurement))
    if problem.kind == "fractions":
        check_fractions(campaign, ((s.number, m) for s, m in old), problem.measured)
    return old


def _stays(conditions: Mapping[str, Setting], now: Problem) -> bool:
    """Whether conditions are at today's fixed values, and with choices that there still are."""
    for name, value in conditions.items():
        if name in now.fixed and not _alike(value, now.fixed[name]):
            return False
        variable = now.variables.get(name)
        if isinstance(value, str) and (variable is None or value not in (variable.choices or ())):
            return False  # a solvent that nobody has any more
    return True


def _check_comparable(before: Problem, now: Problem) -> None:
    """Refuse a problem by which results before and after would not compare."""
    if missing := [name for name in now.measured if name not in before.measured]:
        raise ValueError(
            f"it did not measure {', '.join(missing)}, only {', '.join(before.measured)}"
        )
    for name, value in now.fixed.items():
        if name in before.fixed and not _alike(before.fixed[name], value):
            was = exact(before.fixed[name])
            raise ValueError(
                f"fixed.{name} = {exact(value)} was {was}, and results before and after would not "
                "compare"
            )
    for name, variable in now.variables.items():
        if name in before.variables:
            _check_same(name, before.variables[name], variable)
        elif name not in before.fixed:
            raise ValueError(
                f"it says nothing of {name}: it varied {', '.join(before.variables)}; write the "
                "results that compare into a table with all variables, and start from that"
            )
    for name in before.variables:
        if name not in now.variables and name not in now.fixed:
            raise ValueError(
                f"it varied {name}, of which the problem says nothing; give it a range, or its "
                "value under [fixed]"
            )


def _check_same(name: str, was: Variable, now: Variable) -> None:
    """Refuse a variable that means something else today."""
    try:
        converted(1.0, was.unit, now.unit)
    except UnitError as error:
        raise ValueError(f"{name}: {error}") from None
    if was.of != now.of:
        raise ValueError(f"variables.{name}.of = {now.of} was {was.of}; call it otherwise")
    if bool(was.choices) != bool(now.choices):
        raise ValueError(f"variables.{name} has choices in one of them only; call it otherwise")


def _alike(one: Any, other: Any) -> bool:
    words = isinstance(one, str) or isinstance(other, str)
    return bool(one == other) if words else math.isclose(one, other, rel_tol=1e-6)
