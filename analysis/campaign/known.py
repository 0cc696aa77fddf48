"""What is known before a campaign begins: experiments of earlier ones, in today's variables.

They go into the start document whole, under ``known``, beside where they are from: a campaign can
be replayed and gone on with when that is gone.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..analytics import Measurement, from_start
from ..problem.model import Problem
from ..problem.tables import Setting, Variable
from ..problem.units import UnitError, converted
from ..storage.lineage import Lineage
from ..written import exact, harmless
from .adaptive import Suggestion
from .agent import Agent
from .evaluation import Decision, Evaluation, asked_of

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


def from_start_document(start: Mapping[str, Any]) -> list[Old]:
    """Give what was known when a campaign began; of most nothing was."""
    told = (start.get("known") or {}).get("experiments", [])
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


def experiments_of(campaign: Lineage, problem: Problem) -> list[Old]:
    """Give the experiments of a stored campaign, what it knew itself included, to another problem.

    Results are those that were concluded when they were made.

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
    if lost := start.get("lost"):
        raise ValueError(f"{run} has lost {lost}")
    if "problem" not in start or "method" not in start:
        plan = start.get("plan_name", "unknown")
        raise ValueError(f"{run} is not a campaign: its plan is '{plan}', not 'optimise'")
    before = Problem.load(harmless(start["problem"]))
    try:
        translated = _translation(before, problem)
    except ValueError as error:
        raise ValueError(f"{run}: {error}") from None
    old = []
    for asked, found in (*from_start_document(start), *_made(campaign, before, run)):
        conditions = translated(asked.conditions)
        if conditions is not None:
            old.append((Suggestion(asked.number, conditions, asked.why), found))
    return old


def _made(campaign: Lineage, problem: Problem, run: str) -> Iterator[Old]:
    """Give the experiments that a campaign made; of one not judged yet the signal is read."""
    decided = {int(data["number"]): data for data in campaign.events("decision")}
    facts = {int(data["number"]): data for data in reversed(campaign.events("primary"))}
    for number in sorted(facts):
        data, why = facts[number], f"known: experiment {number} of {run}"
        if number in decided:
            found = Decision.from_data(decided[number], data, problem).evaluation.measurement
        elif data["valid"]:
            found = from_start(campaign.start).measure(data)
        else:
            found = Measurement.failed(problem.measured, str(data["reason"]))
        yield Suggestion(number, asked_of(data, problem), why), found


def _translation(
    before: Problem, now: Problem
) -> Callable[[Mapping[str, Setting]], dict[str, Setting] | None]:
    """Say how conditions of one problem read in another.

    None for those at other fixed values, and with choices that there are no more.
    """
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

    def translated(conditions: Mapping[str, Setting]) -> dict[str, Setting] | None:
        for name, value in conditions.items():
            if name not in now.variables and not _alike(value, now.fixed[name]):
                return None
            if isinstance(value, str) and value not in (now.variables[name].choices or ()):
                return None  # a solvent that nobody has any more
        values = {**before.fixed, **conditions}
        return {name: in_today(name, values[name], name in conditions) for name in now.variables}

    def in_today(name: str, value: Setting, varied: bool) -> Setting:
        if isinstance(value, str) or not varied:  # a choice is a word
            return value
        return converted(value, before.variables[name].unit, now.variables[name].unit)

    return translated


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
