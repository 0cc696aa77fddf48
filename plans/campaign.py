"""The adaptive plan: one campaign, one run, one event an experiment."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.utils import FailedStatus, MsgGenerator, RequestAbort

from reactune.analysis.analytics import Analytics, to_start
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.rediscovery import Rediscoverer
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.devices.rig.flow_rig import FlowRig, LedgerError, RigFaultError
from reactune.devices.rig.setpoints import stream_of

from .compatibility import analytics_of, incompatibilities
from .fitting import bounds, chosen, fitted, settings
from .problems import ProblemSource
from .records import DecisionRecord, ExperimentRecord, FindingRecord
from .reviewing import Reviewer, ReviewRecord, reviewed
from .session.stating import PLANNED, own, versions
from .stubs import act, event, lab_sleep, sample

_log = logging.getLogger(__name__)

_ENDING = 60.0  # wall s in which who holds the interlock aborts the plan
_ABORTING = 2.0  # wall s after which an abort that is to come has got lost
_GLANCE = 0.1  # wall s between looks at whether it is held still
_REPEATS = 2  # of an experiment that a fault of communication has spoilt
_PAUSES = (1.0, 10.0, 60.0)  # lab s before each attempt to greet the instruments again


class CampaignError(RuntimeError):
    """A fault, or no reagent left: the campaign is over until somebody has seen to the rig."""


def optimise(
    problem: ProblemSource,
    rig: FlowRig,
    *,
    seed: int = 0,
    first: Sequence[Mapping[str, float]] = (),
    agent: Agent | None = None,
    reviewer: Reviewer | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Tune the products of the reaction: ask, measure, evaluate, until a reason to stop.

    Parameters
    ----------
    problem : Problem, path, built-in name or mapping
        What to minimise and the windows to keep.
    rig : FlowRig
        The reactor; staged for the campaign, and left in its safe state.
    seed : int
        Seed of the optimiser.
    first : sequence of mapping, optional
        Conditions to measure first, in place of a space-filling first batch.
    agent : Agent, optional
        An agent to go on with (a resumed campaign); `seed` and `first` are its own then.
    reviewer : Reviewer, optional
        Looks at every batch before it is measured. Then none is asked for before the last one is
        measured whole.
    md : mapping, optional
        Further metadata for the start document.

    Yields
    ------
    Msg
        Events in ``primary`` (facts), ``decision`` (what the agent made of them) and ``review``
        (what a person made of a batch).

    Returns
    -------
    str
        Why it stopped.

    Raises
    ------
    ValueError
        If the rig cannot do what the problem asks; before the run is opened.
    CampaignError
        If the rig has a fault; the experiment it happened in is stored as failed. If syringes and
        flasks cannot finish the next experiment; that has not been tried and is not stored.
    """
    if rig.fault is not None:
        raise CampaignError(
            f"nothing moves after a fault until rig.acknowledge() takes it back: {rig.fault}"
        )
    if agent is None:
        problem = Problem.load(problem)
        if wrong := incompatibilities(problem, rig.config):
            raise ValueError("\n".join(wrong))
        problem = fitted(problem, rig.config)
        agent = Agent(problem, analytics_of(rig.config), seed=seed, first=first)
    analytics = check_agent(agent, rig, stored=True)
    metadata = {
        "plan_name": "optimise",
        "hints": {"dimensions": [(["number"], "primary")]},
        "title": agent.problem.title or agent.problem.goal_words,
        "problem": agent.problem.to_dict(),
        **to_start(analytics),
        "rig": rig.description(),
        "simulated": rig.simulated,
        "lab_time": rig.clock.now(),
        "seed": agent.seed,
        "first": [dict(conditions) for conditions in agent.first],
        "versions": versions(),
        **({"review": reviewer.by} if reviewer else {}),
        **own(md, PLANNED),
    }

    def campaign() -> MsgGenerator[str]:
        yield from bps.open_run(metadata)
        # the rig is safe before the run ends: who stores the stop document may take long over it
        experiments = bpp.stage_wrapper(_experiments(agent, rig, reviewer), [rig])  # type: ignore[no-untyped-call]  # bluesky's own
        reason: str = yield from experiments
        yield from bps.close_run(exit_status="success", reason=reason)
        return reason

    reason: str = yield from bpp.subs_wrapper(campaign(), agent)  # type: ignore[no-untyped-call]  # too
    return reason


def check_agent(agent: Agent, rig: FlowRig, *, stored: bool) -> Analytics:
    """Refuse an agent that this rig cannot serve; return what reads its events.

    Parameters
    ----------
    agent : Agent
    rig : FlowRig
    stored : bool
        Whether its problem is a stored run's, or was looked at before; see `incompatibilities`.

    Raises
    ------
    ValueError
    """
    if agent.analytics is None:
        raise ValueError("the agent cannot read events: give it an analytics of this rig")
    done = len(agent.evaluations)
    if wrong := incompatibilities(agent.problem, rig.config, done, stored=stored):
        raise ValueError("\n".join(wrong))
    if fitted(agent.problem, rig.config) != agent.problem:
        raise ValueError(
            "the agent does not know which flows follow from its variables: make it of "
            "fitting.fitted(problem, rig)"
        )
    return agent.analytics


def _experiments(agent: Agent, rig: FlowRig, reviewer: Reviewer | None) -> MsgGenerator[str]:
    """Go from one experiment to the next until the agent has a reason to stop."""
    record, decisions = ExperimentRecord(agent.problem, rig, agent.analytics), DecisionRecord(agent)
    reviews = ReviewRecord()
    findings = FindingRecord(agent) if isinstance(agent, Rediscoverer) else None
    if agent.evaluations:  # a resumed process may have died before it had stored the last one
        yield from _event("decision", decisions)
    while True:
        if reviewer is not None and (batch := agent.propose()):
            yield from bps.checkpoint()
            chosen = yield from reviewed(agent, rig, reviewer, batch)
            if not chosen:
                return f"ended at the review by {reviewer.by}"
            reviews.note(reviewer.by, batch, chosen)
            yield from _event("review", reviews)
        suggestion = agent.ask()
        if suggestion is None:
            return "nothing left to ask"
        yield from bps.checkpoint()
        following = agent.ahead(draw=reviewer is None)
        failure, disturbances = yield from _measured(agent.problem, rig, suggestion, following)
        record.note(suggestion, failure, disturbances)
        yield from _event("primary", record)  # the agent hears of it here
        yield from _event("decision", decisions)
        if findings is not None:
            yield from _event("rediscovery", findings)
        if not failure and rig.fault in disturbances:  # the instruments are greeted only now
            yield from bps.checkpoint()
            yield from _recovered(rig)
        if rig.fault is not None:
            raise CampaignError(rig.fault)
        stop, reason = agent.should_stop()
        if stop:
            return str(reason)


def _measured(
    problem: Problem, rig: FlowRig, suggestion: Suggestion, following: Suggestion | None
) -> MsgGenerator[tuple[str, Sequence[str]]]:
    """Measure a suggestion, again if a fault of communication alone has spoilt it.

    Returns why it failed, or nothing, and the faults that it has got over. The last of these is
    still there if the trace was finished all the same: what is finished is stored first.
    """
    disturbances: list[str] = []
    while True:
        failure = yield from _experiment(problem, rig, suggestion, following)
        if failure is None:
            yield from bps.checkpoint()
            continue
        fault = rig.fault
        if not failure:
            return failure, [*disturbances, *([fault] if fault and rig.interlock.passing else [])]
        if fault is None or len(disturbances) == _REPEATS or not (yield from _recovered(rig)):
            return failure, disturbances
        disturbances.append(fault)
        _log.warning("every instrument answers again: experiment %d is repeated", suggestion.number)
        yield from bps.checkpoint()


def _recovered(rig: FlowRig) -> MsgGenerator[bool]:
    """Greet the instruments until all of them answer, at most three times; say whether they do."""
    for pause in _PAUSES:
        if not rig.interlock.passing or rig.interlock.ending:
            break
        try:
            yield from lab_sleep(rig, pause)
            if rig.interlock.held:  # what has not confirmed is tried again: not at the same time
                yield from _made_safe(rig)
            yield from act(rig.recover)
        except FailedStatus as error:  # or one of those that the fault has failed
            _log.info("not recovered: %s", error)
    return rig.fault is None


def _experiment(
    problem: Problem, rig: FlowRig, suggestion: Suggestion, following: Suggestion | None
) -> MsgGenerator[str | None]:
    """Measure a suggestion; return why it failed, or "", or None if it has to begin again."""
    try:
        now = settable(suggestion, problem, rig)
        ahead = settable(following, problem, rig) if following else None
        yield from sample(rig, now, ahead)
    except FailedStatus as error:
        (status,) = error.args
        cause = status.exception()
    except (RigFaultError, LedgerError) as error:
        cause = error
    else:
        return ""
    if rig.interlock.held:  # by who makes it safe: no failure of these conditions
        yield from _made_safe(rig)
        return None
    if isinstance(cause, LedgerError):  # says nothing about these conditions: not a failure of them
        raise CampaignError(str(cause)) from cause
    return rig.fault or str(cause)


def _made_safe(rig: FlowRig) -> MsgGenerator[None]:
    """Wait until the rig has been made safe; if it stays held the plan is to end.

    A RunEngine forgets an abort that comes while it takes note that a status has failed, as all do
    when the rig is made safe. Nobody sends another.
    """
    for glance in range(round(_ENDING / _GLANCE)):
        yield from bps.sleep(_GLANCE)  # an abort comes here
        if not (held := rig.interlock.held):
            return
        if rig.interlock.ending and glance * _GLANCE > _ABORTING:
            raise RequestAbort(held)
    raise CampaignError(held)


def settable(suggestion: Suggestion, problem: Problem, rig: FlowRig) -> dict[str, float | str]:
    """Return the rig's setpoints, rounded to what can be set, never outside a bound."""
    values = settings(suggestion.conditions, problem, rig.config)
    words = chosen(suggestion.conditions, rig.config)
    for name in rig.limits():
        if name not in problem.fixed:
            stream = stream_of(name.removeprefix("flow_"), words, rig.config)
            device = rig.heater if name == "temperature" else rig.pumps[stream]
            values[name] = device.achievable(values[name], bounds(name, problem, rig.config))
    return {**values, **words}


def _event(
    stream: str, record: ExperimentRecord | DecisionRecord | FindingRecord | ReviewRecord
) -> MsgGenerator[None]:
    """Emit an event; a pause never repeats what came before it, measured or told already."""
    yield from bps.checkpoint()
    with np.printoptions(threshold=8):  # the check of the event's schema writes traces out, unread
        yield from event(stream, record)
