"""From a run whose windows nothing is inside of to the problem to ask next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.known import experiments_of, stated_in
from reactune.analysis.learning.reach import Limit, limits, proposed
from reactune.analysis.learning.rescore import kind_of, searchable, units_of
from reactune.analysis.problem.bounds import Window
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.table import mark_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.written import exact

from ..errors import UserError, told
from ..problems import load_problem
from ..stored import campaigns_of


@dataclass(frozen=True)
class Redesign:
    """What can be reached, and what to ask next.

    Attributes
    ----------
    uid, mark : str
    problem : Problem
        What was asked.
    n, n_feasible : int
        Experiments, and those measured inside every window.
    limits : tuple of Limit
        How tight each edge can be at several levels of the other windows.
    moved : tuple of Limit
        The edges to loosen, and where to.
    next : Problem or None
        What to ask next; None if all windows can likely be met as they are.
    units : mapping of str to str
        Of the measured quantities; pure numbers have none.
    """

    uid: str
    mark: str
    problem: Problem
    n: int
    n_feasible: int
    limits: tuple[Limit, ...]
    moved: tuple[Limit, ...]
    next: Problem | None
    units: Mapping[str, str]


def redesign(catalogue: Catalogue, uid: str, keep: Sequence[int] = ()) -> Redesign:
    """Find the tightest windows that a stored campaign's reaction can meet.

    Parameters
    ----------
    catalogue : Catalogue
    uid : str
        Of the run, or the beginning of it.
    keep : sequence of int
        Windows to keep before all others, by number from 1; then they follow as stated.

    Raises
    ------
    UserError
        If there is no such run, it is no campaign, has no windows or too few experiments.
    """
    with told(ValueError, LookupError):
        campaigns = campaigns_of(catalogue, [uid])
        stated = stated_in(campaigns[0].start)[0]
        problem = kind_of(stated, campaigns)
        who, count = f"run {campaigns[0].uid[:8]}", len(problem.windows)
        if wrong := [number for number in keep if not 1 <= number <= count]:
            raise UserError(f"{who} has windows 1 to {count}, and no {wrong[0]} to keep")
        if not count:
            raise UserError(f"{who} has no windows, so there is nothing to redesign")
        known = experiments_of(campaigns[0], problem)  # what it knew when it began, too
        agent = Agent(problem)
        agent.know(known)
    surrogate = searchable(agent)
    if surrogate is None:
        raise UserError(f"{who} cannot be redesigned: {_without_model(agent, len(known))}")
    moved = proposed(surrogate, [number - 1 for number in keep])
    return Redesign(
        uid=campaigns[0].uid,
        mark=mark_of(campaigns[0].start),
        problem=problem,
        n=len(known),
        n_feasible=agent.standing().feasibility.count("feasible"),
        limits=tuple(limits(surrogate)),
        moved=tuple(moved),
        next=_loosened(stated, moved) if moved else None,
        units=units_of(stated_in(campaign.start)[1] for campaign in campaigns),
    )


def _loosened(stated: Problem, moved: Sequence[Limit]) -> Problem:
    """Give the problem with some edges elsewhere."""
    plain = stated.to_dict() | {"rig": None}
    for limit in moved:
        told, window = plain["constraints"][limit.window], stated.windows[limit.window]
        if window.widened:  # what it was judged by is the window now
            told |= {"within": [window.lower, window.upper], "tolerance": [*window.allowed]}
        told["within"][0 if limit.side == "lower" else 1] = limit.value
    plain["title"] = f"{stated.title or stated.goal_words}, redesigned"
    return load_problem(plain)


def as_toml(problem: Problem, comment: str) -> str:
    """Write a problem as a file has it."""
    import tomlkit

    plain = problem.to_dict()
    if problem.windows:
        plain["constraints"] = [_window(window) for window in problem.windows]
    return f"# {comment}\n{tomlkit.dumps(_without_none(plain))}"


def _window(window: Window) -> str | dict[str, Any]:
    """Write a window in one line, if its tolerance is the same on both sides."""
    below, above = window.allowed
    if below == above:
        return f"{window.text} +/- {exact(below)}"
    within = [window.lower, window.upper]
    return {"of": window.of, "within": within, "tolerance": [below, above]}


def _without_none(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not stated: TOML has no word for it."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in plain.items()
        if value is not None
    }


def _without_model(agent: Agent, experiments: int) -> str:
    """Say why there is no model to look for windows in, and what to do."""
    if agent.optimiser.book.settable is not None:
        return "its variables are words or steps, between which there is nothing to look in"
    if agent.problem.optimiser.model != "composite":
        return "its problem has optimiser.model = 'merit', which knows nothing of single windows"
    made = f"{experiments} experiment{'s are' if experiments != 1 else ' is'}"
    least = len(agent.problem.variables) + 2
    return f"{made} too few for a model, which takes {least}: measure more"
