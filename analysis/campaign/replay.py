"""From stored runs: replay, and going on.

A campaign is a function of its documents, problem and seed, so the agent can be
rebuilt from a stored run: to check it (replay), to go on (resume), or to go on
under other limits or windows (revise).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..analytics import from_start
from ..problem.model import Problem
from ..problem.tables import Setting
from ..storage.catalogue import Catalogue
from ..storage.lineage import Lineage, budget_of, lineage
from ..storage.run import Run
from ..written import harmless
from .agent import Agent
from .evaluation import Decision, asked_of
from .known import experiments_of, from_start_document, numbered, stated_in
from .rediscovery import Earlier, Rediscoverer
from .suggestion import Suggestion


@dataclass(frozen=True)
class Replay:
    """How a replayed campaign compares with the stored one.

    Attributes
    ----------
    n : int
        Stored experiments that were compared.
    differences : tuple of str
        One sentence per ask that differs from the stored one.
    lost : str
        Which experiment is lost, so that nothing after it can be compared; empty if none is.
    """

    n: int
    differences: tuple[str, ...]
    lost: str = ""

    @property
    def identical(self) -> int:
        """Number of asks that are the same to the last bit."""
        return self.n - len(self.differences)


def agent_of(start: Mapping[str, Any]) -> Agent:
    """Build the agent of a stored campaign anew, as it was before its first ask.

    Parameters
    ----------
    start : mapping
        The start document of an ``optimise`` run.

    Raises
    ------
    ValueError
        If the run is not a campaign of ``optimise``, or its analytics is not known here.
    """
    problem, analytics = stated_in(start)
    if "table" in start:  # whose results came in any order, and were asked for by nobody
        raise ValueError(
            f"run {start['uid'][:8]} is what a table held; reactune show PROBLEM TABLE reads that "
            "anew"
        )
    how = problem, analytics, int(start["seed"]), start["first"]
    if "before" in start:
        earlier = Earlier(problem.resolved(analytics.kind), from_start_document(start, "before"))
        return Rediscoverer(*how, earlier=earlier)
    agent = Agent(*how)
    agent.know(from_start_document(start), before=True)
    return agent


class LostExperiment(ValueError):  # noqa: N818 - says what is, as KeyError does not
    """An experiment of a stored campaign is lost, and what was decided of it, too."""


def retell(
    agent: Agent,
    events: Iterable[Mapping[str, Any]],
    decisions: Iterable[Mapping[str, Any]] = (),
) -> list[str]:
    """Tell an agent stored experiments, as if they happened again.

    An experiment whose event is lost is told as its stored decision has it, to the last bit.

    Parameters
    ----------
    agent : Agent
        An agent before its first ask (`agent_of`).
    events : iterable of mapping
        Data of the stored ``primary`` events, in order.
    decisions : iterable of mapping, optional
        Data of the stored ``decision`` events.

    Returns
    -------
    list of str
        One sentence per ask that differs from the stored one.

    Raises
    ------
    LostExperiment
        When an experiment is neither among `events` nor among `decisions`; all before it are told.
    """
    return list(_differences(agent, events, decisions, _Reviews()))


class _Reviews:
    """What a person made of each batch of a run, if one looked at them."""

    def __init__(self) -> None:
        self._by: str | None = None
        self._chosen: dict[int, list[dict[str, Any]]] = {}

    def of(self, run: Run) -> None:
        """Go on with those of a run."""
        self._by = run.start.get("review")
        told = run.events("review")
        self._chosen = {int(data["number"]): json.loads(data["chosen"]) for data in told}

    def ask(self, agent: Agent) -> Suggestion | None:
        """Ask for the next experiment, and for what comes after it, as the plan did."""
        if self._by is not None and (batch := agent.propose()):
            agent.settle(self._chosen.get(batch[0]["_id"], batch), self._by)
        suggestion = agent.ask()
        if suggestion is not None and self._by is None:
            agent.ahead()
        return suggestion


def _differences(
    agent: Agent,
    events: Iterable[Mapping[str, Any]],
    decisions: Iterable[Mapping[str, Any]],
    reviews: _Reviews,
) -> Iterator[str]:
    """Do what `retell` does, and give each difference as it is met."""
    concluded = {int(data["number"]): data for data in decisions}
    for data in events:
        if data["number"] <= len(agent.evaluations):
            continue  # recorded again: a resumed pause goes on from its checkpoint
        while len(agent.evaluations) + 1 < data["number"]:
            _restore(agent, concluded, reviews)
        suggestion = reviews.ask(agent)
        asked = asked_of(data, agent.problem)
        if suggestion is None or suggestion.conditions != asked:
            now = _words(suggestion.conditions) if suggestion else "nothing"
            yield f"experiment {int(data['number'])}: stored {_words(asked)}, now {now}"
        agent.evaluate(data)
    while len(agent.evaluations) + 1 in concluded:
        _restore(agent, concluded, reviews)


def _restore(agent: Agent, decisions: Mapping[int, Mapping[str, Any]], reviews: _Reviews) -> None:
    """Tell an agent its next experiment by what was decided of it."""
    number = len(agent.evaluations) + 1
    data, suggestion = decisions.get(number), reviews.ask(agent)
    if data is None or suggestion is None:
        raise LostExperiment(f"experiment {number} is lost, and what was decided of it, too")
    asked = {f"asked_{name}": value for name, value in suggestion.conditions.items()}
    decision = Decision.from_data(data, {**asked, "valid": data["valid"]}, agent.problem)
    agent.take(suggestion, decision.evaluation.measurement, recorded=decision.evaluation.recorded)
    if decision.digest and agent.digest() != decision.digest:
        raise LostExperiment(
            f"experiment {number} is lost, and cannot be restored from what was decided of it"
        )


def replay(catalogue: Catalogue, uid: str) -> Replay:
    """Tell a stored campaign to its agent and compare every ask with the stored one."""
    campaign = lineage(catalogue, uid)
    agent, differences, lost = relive(campaign)
    return Replay(_n_asks(agent, campaign), tuple(differences), lost)


def _n_asks(agent: Agent, campaign: Lineage) -> int:
    """How many experiments an agent asked for itself."""
    return len(agent.evaluations) - len(from_start_document(campaign.start))


def resume(catalogue: Catalogue, uid: str) -> Agent:
    """Give the agent of a stored campaign as it was after its last stored experiment.

    Raises
    ------
    ValueError
        If the run has been resumed before, an experiment is lost, or the stored asks cannot be
        repeated (another version, another processor): going on would not be the same campaign.
    """
    campaign = _latest(catalogue, uid)
    agent, differences, lost = relive(campaign)
    if lost:
        raise ValueError(
            f"run {uid} cannot be resumed: {lost}, so nobody knows what it would have asked next; "
            f"start from its points instead: reactune rediscover {uid}"
        )
    if differences:
        raise ValueError(
            f"run {uid} cannot be resumed: {len(differences)} of {_n_asks(agent, campaign)} of its "
            f"asks come out differently here ({differences[0]}); start from its points instead: "
            f"reactune rediscover {uid}"
        )
    return agent


def revise(catalogue: Catalogue, uid: str, problem: Problem) -> Agent:
    """Give an agent that goes on with a stored campaign under other limits or windows.

    It knows every result so far, seen by the changed problem.

    Parameters
    ----------
    catalogue : Catalogue
    uid : str
    problem : Problem
        As changed.

    Raises
    ------
    ValueError
        If the run has been resumed before, or more is changed than what may be.
    """
    campaign = _latest(catalogue, uid)
    start = campaign.start
    if "before" in start:
        raise ValueError(
            f"run {uid[:8]} rediscovers an earlier campaign, which would be forgotten under "
            f"another problem; find it again under that: reactune rediscover {uid[:8]} "
            "--problem NEW"
        )
    old = experiments_of(campaign, problem)
    if changed := list(_another_question(Problem.load(harmless(start["problem"])), problem)):
        raise ValueError(
            "; ".join(changed) + ": only ranges, steps, limits, windows, budget, batch and when to "
            "stop may change in mid-campaign; for another question that knows the old results: "
            f"reactune optimise PROBLEM --from {uid[:8]}"
        )
    agent = Agent(problem, from_start(start), seed=int(start["seed"]))
    agent.know(numbered(agent, old), before=True)
    return agent


def _another_question(before: Problem, now: Problem) -> Iterator[str]:
    """Say what makes one problem another question than the one before."""
    for what, was, is_ in (
        ("the goal", *(p.goal_words for p in (before, now))),
        ("measured", *(", ".join(p.measured) for p in (before, now))),
        ("variables", *(", ".join(sorted(p.variables)) for p in (before, now))),
        ("fixed", *(", ".join(sorted(p.fixed)) for p in (before, now))),
    ):
        if was != is_:
            yield f"{what}: {is_ or 'none'} now, {was or 'none'} before"


def _latest(catalogue: Catalogue, uid: str) -> Lineage:
    """Find a campaign by its latest run."""
    run = catalogue[uid]
    if later := catalogue.runs(resumes=run.uid):
        raise ValueError(
            f"run {run.uid[:8]} has been resumed as run {later[0].uid[:8]}: resume that one"
        )
    return lineage(catalogue, run)


def relive(campaign: Lineage) -> tuple[Agent, list[str], str]:
    """Rebuild the agent of a lineage and tell it its experiments.

    Returns
    -------
    agent : Agent
        Told of all, or of those before one that is lost.
    differences : list of str
        As `retell` gives them.
    lost : str
        Which experiment is lost; empty if none is.
    """
    agent, differences = agent_of(campaign.start), list[str]()
    reviews = _Reviews()
    events = _events(agent, campaign, reviews)
    told = _differences(agent, events, campaign.events("decision"), reviews)
    try:
        for difference in told:
            differences.append(difference)
    except LostExperiment as error:
        return agent, differences, str(error)
    return agent, differences, ""


def _events(agent: Agent, campaign: Lineage, reviews: _Reviews) -> Iterator[Mapping[str, Any]]:
    """Give the facts of all experiments, and the agent what each run allowed as it comes to it."""
    for run in campaign.runs:
        reviews.of(run)
        agent.allow(budget_of(run) or agent.problem.budget)
        yield from run.events("primary")


def _words(conditions: Mapping[str, Setting]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in conditions.items())
