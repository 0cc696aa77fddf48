"""What stored experiments come to under other windows or another goal; no new experiment."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..analytics.measurement import Analytics
from ..campaign.agent import Agent
from ..campaign.known import (
    Experiment,
    check_alike,
    check_fractions,
    experiments,
    stated_in,
)
from ..campaign.leader import Leader
from ..campaign.suggestion import Suggestion
from ..optimisers.recommend import Recommendation
from ..optimisers.surrogate.composite import Surrogate
from ..problem.model import Problem
from ..storage.lineage import Lineage
from .price import Price, prices


@dataclass(frozen=True)
class Rescored:
    """What stored experiments come to.

    Attributes
    ----------
    problem : Problem
        What is asked now.
    pool : tuple of Experiment
        In the order of the runs; the numbers below are places in it, from 0.
    feasibility : tuple of str
        Of each, as measured: ``feasible``, ``semi-feasible``, ``infeasible`` or ``failed``.
    best, best_feasible : (int, Leader) or None
        By merit, and by goal of those likely inside all windows: which, and what is expected of it;
        of two goals as of a `Decision`.
    front : tuple of (int, Leader)
        Of two goals, by the first.
    doubted : dict of int to str
        Results that all others contradict, and why.
    outside : tuple of int
        Experiments of which the models cannot be told, since they have no place in today's limits.
    prices : tuple of Price
        Of each edge of each window; empty where no model says, and of two goals.
    next : Suggestion or None
        What would be asked next.
    units : dict of str to str
        Of the measured quantities, as far as all runs have the same; pure numbers have none.
    """

    problem: Problem
    pool: tuple[Experiment, ...]
    feasibility: tuple[str, ...]
    best: tuple[int, Leader] | None
    best_feasible: tuple[int, Leader] | None
    front: tuple[tuple[int, Leader], ...]
    doubted: dict[int, str]
    outside: tuple[int, ...]
    prices: tuple[Price, ...]
    next: Suggestion | None
    units: Mapping[str, str]


@dataclass(frozen=True)
class Flip:
    """An experiment that another reading of its signal judges otherwise.

    Attributes
    ----------
    experiment : Experiment
        By the other reading.
    before, after : str
        Feasibility as measured; ``failed`` for a signal that is refused.
    reason : str
        Why it failed, now or before; empty otherwise.
    """

    experiment: Experiment
    before: str
    after: str
    reason: str


def pooled(
    campaigns: Sequence[Lineage],
    problems: Sequence[Problem],
    analytics: Mapping[str, Analytics] | None = None,
) -> list[Experiment]:
    """Give the experiments of all campaigns in the names of one problem.

    Parameters
    ----------
    campaigns : sequence of Lineage
    problems : sequence of Problem
        The one problem, fitted to the rig of each campaign.
    analytics : mapping of str to Analytics, optional
        By uid of the campaign, to read the raw signals by.

    Raises
    ------
    ValueError
        If they cannot be taken together, or one lacks what the problem names.
    """
    check_alike(campaigns)
    others = analytics or {}
    kinds = {p.kind for p in problems} | {stated_in(c.start)[1].kind for c in campaigns}
    pool = []
    for campaign, problem in zip(campaigns, problems, strict=True):
        found = experiments(campaign, problem, others.get(campaign.uid))
        if "fractions" in kinds:  # these or those that they are taken with
            told = ((one.number, one.measurement) for one in found)
            check_fractions(campaign, told, problem.measured)
        pool += found
    return pool


def kind_of(problem: Problem, campaigns: Sequence[Lineage]) -> Problem:
    """Give the problem with the kind of what all campaigns measured, where they agree."""
    kinds = {stated_in(campaign.start)[1].kind for campaign in campaigns}
    return problem.resolved(kinds.pop()) if len(kinds) == 1 else problem


def units_of(readers: Iterable[Analytics]) -> dict[str, str]:
    """Give the unit of each quantity that all analytics agree on, but for pure numbers."""
    first, *others = (reader.units for reader in readers)
    alike = (name for name, unit in first.items() if all(o.get(name) == unit for o in others))
    return {name: first[name] for name in alike if first[name] != "1"}


def knowing(problem: Problem, pool: Sequence[Experiment], seed: int = 0) -> tuple[Agent, list[int]]:
    """Give an agent that knows experiments, numbered by their places, and those it cannot know."""
    agent = Agent(problem, seed=seed)
    told = [(Suggestion(i, e.conditions, "given"), e.measurement) for i, e in enumerate(pool)]
    return agent, agent.know(told)


def searchable(agent: Agent) -> Surrogate | None:
    """Give what an agent's models know, where a best point can be sought along slopes.

    None without a model, and where variables are words or steps, between which there is nothing.
    """
    book = agent.optimiser.book
    return book.overview() if book.settable is None else None


def rescore(
    problem: Problem,
    pool: Sequence[Experiment],
    seed: int = 0,
    *,
    looking_on: bool = True,
    units: Mapping[str, str] | None = None,
) -> Rescored:
    """Judge experiments by a problem, as a campaign of it would.

    Parameters
    ----------
    problem : Problem
    pool : sequence of Experiment
    seed : int
        Of the optimiser: what would be asked next depends on it.
    looking_on : bool
        Whether prices and the next experiment are wanted.
    units : mapping of str to str, optional
        Of what was measured; see `units_of`.

    Raises
    ------
    ValueError
        If the problem's optimiser cannot be had.
    """
    agent, outside = knowing(problem, pool, seed)
    standing = agent.standing()
    classes = dict(zip((e.number for e in agent.evaluations), standing.feasibility, strict=True))
    surrogate = searchable(agent) if looking_on and len(problem.aims) == 1 else None
    front = agent.front()
    return Rescored(
        problem=agent.problem,
        pool=tuple(pool),
        feasibility=tuple(classes.get(i, "outside") for i in range(len(pool))),
        best=None if front else _leader(agent, agent.best()),
        best_feasible=_leader(agent, agent.best(feasible=True)),
        front=tuple(_of(agent, found) for found in front),
        doubted=agent.doubted(),
        outside=tuple(outside),
        prices=tuple(prices(surrogate, agent.windows)) if surrogate else (),
        next=_named(agent.draw(1)[0], pool) if looking_on else None,
        units=units or {},
    )


def _named(asked: Suggestion, pool: Sequence[Experiment]) -> Suggestion:
    """Name the experiments that a suggestion speaks of by their runs."""
    why = re.sub(r"experiment (\d+)", lambda f: f"experiment {pool[int(f[1])].name}", asked.why)
    return replace(asked, why=why)


def _leader(agent: Agent, found: tuple[int, Recommendation] | None) -> tuple[int, Leader] | None:
    """Say what is expected of an experiment called best, if there is one."""
    return found and _of(agent, found)


def _of(agent: Agent, found: tuple[int, Recommendation]) -> tuple[int, Leader]:
    """Say what is expected of an experiment, in the words of the problem."""
    return agent.evaluations[found[0]].number, agent.tell_of(*found)


def flips(before: Rescored, after: Rescored) -> list[Flip]:
    """Give the experiments that two readings of the same signals judge differently."""
    return [
        Flip(new, was, now, new.measurement.reason or old.measurement.reason)
        for old, new, was, now in zip(
            before.pool, after.pool, before.feasibility, after.feasibility, strict=True
        )
        if was != now
    ]
