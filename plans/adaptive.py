"""Between reactune and bluesky-adaptive: our agent under its plans, on our rig or on any devices.

``RE(optimize(optimization_problem(agent, rig), iterations=None))`` has bluesky-adaptive's plan run
our agent on our rig. `Outcomes` gives what any devices measured, to our agent or to theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator

from reactune.analysis.analytics import Analytics, to_start
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.devices.rig.flow_rig import FlowRig

from .campaign import check_agent, settable
from .records import ExperimentRecord
from .session.detectors import check_apart, measured, measured_described
from .session.stating import versions
from .stubs import sample

if TYPE_CHECKING:
    import bluesky_adaptive.protocols

_ORDER = "blop_acquisition_order"  # how bluesky-adaptive names it, as its default plan does


class Outcomes:
    """What runs measured of suggestions, for bluesky-adaptive's evaluation function.

    Holds the events of runs that say which suggestions they acquire, as bluesky-adaptive's default
    plan does, until they are evaluated; no catalogue is asked.

    Parameters
    ----------
    measure : callable, optional
        Makes of an event's data what was measured, by name. By default the data themselves.

    Examples
    --------
    >>> outcomes = Outcomes(lambda data: {"signal": data["det"]})
    >>> RE.subscribe(outcomes.record)  # doctest: +SKIP
    >>> OptimizationProblem(..., evaluation_function=outcomes.evaluate)  # doctest: +SKIP
    """

    def __init__(
        self, measure: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    ) -> None:
        self._measure = measure or dict
        self._order: dict[str, Sequence[Any]] = {}  # of suggestions, by run
        self._run: dict[str, str] = {}  # by descriptor
        self._data: dict[str, list[Mapping[str, Any]]] = {}  # by run

    def record(self, name: str, doc: Mapping[str, Any]) -> None:
        """Listen to a RunEngine's documents."""
        if name == "start" and _ORDER in doc:
            self._order[doc["uid"]], self._data[doc["uid"]] = doc[_ORDER], []
        elif name == "descriptor" and doc["run_start"] in self._order and doc["name"] == "primary":
            self._run[doc["uid"]] = doc["run_start"]
        elif name == "event" and doc["descriptor"] in self._run:
            self._data[self._run[doc["descriptor"]]].append(doc["data"])

    def evaluate(self, uid: str, suggestions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Give what a run measured of each suggestion.

        Raises
        ------
        ValueError
            If nothing was heard of the run, it has not one event for each suggestion, or what
            makes measurements of its data gives none.
        """
        order, data = self._order.pop(uid, None), self._data.pop(uid, [])
        self._run = {descriptor: run for descriptor, run in self._run.items() if run != uid}
        if order is None:
            raise ValueError(
                f"nothing was heard of run {uid[:8]}: RE.subscribe(outcomes.record) before it, and "
                f"have the acquisition plan say {_ORDER} in its metadata"
            )
        if len(order) != len(data):
            raise ValueError(
                f"run {uid[:8]} acquired {len(data)} events for {len(order)} suggestions"
            )
        told = [self._measure(event) for event in data]
        if wrong := [each for each in told if not isinstance(each, Mapping)]:
            raise ValueError(
                f"what makes measurements of an event's data gave {wrong[0]!r}: it has to return a "
                "mapping, by name what was measured"
            )
        return [{"_id": number, **each} for number, each in zip(order, told, strict=True)]


def optimization_problem(
    agent: Agent, rig: FlowRig
) -> "bluesky_adaptive.protocols.OptimizationProblem[str]":
    """Give an agent and a rig in the shape that bluesky-adaptive's plans take.

    Each acquisition is a run of its own, ``acquire``, with the events of a campaign's ``primary``
    stream and, by name, what was measured; ``reactune rescore`` reads them as it reads scans. The
    rig stays warm from one to the next, and is left safe when the RunEngine's call ends. A failed
    experiment ends the plan, as bluesky-adaptive has it; `campaign.optimise` goes on.

    Parameters
    ----------
    agent : Agent
        With an analytics of the rig, and a problem that is fitted to it (`fitting.fitted`).
    rig : FlowRig

    Raises
    ------
    ImportError
        If bluesky-adaptive is not installed; ``pip install 'reactune[adaptive]'``.
    ValueError
        If the rig cannot do what the agent's problem asks, or measures something under the name of
        something else in the same event.
    """
    from bluesky_adaptive.protocols import OptimizationProblem

    analytics = check_agent(agent, rig, stored=bool(agent.evaluations))
    outcomes = Outcomes(lambda data: {key: data[key] for key in measured_described(analytics)})
    record = _MeasuredRecord(agent.problem, rig, analytics)
    told_always = {
        "plan_name": "acquire",
        "title": agent.problem.title or agent.problem.goal_words,
        "simulated": rig.simulated,
        **to_start(analytics),
        "versions": versions(),
    }

    def acquire(
        suggestions: Sequence[Mapping[str, Any]],
        actuators: Sequence[Any],
        sensors: Sequence[Any] | None = None,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        asked = [
            Suggestion(point["_id"], {k: v for k, v in point.items() if k != "_id"}, "given")
            for point in suggestions
        ]
        told = {**told_always, _ORDER: [one.number for one in asked], **(md or {})}

        @bpp.set_run_key_decorator("experiments")  # type: ignore[untyped-decorator]  # bluesky's own
        @bpp.subs_decorator(outcomes.record)  # type: ignore[untyped-decorator]  # too
        @bpp.run_decorator(md=told)  # type: ignore[untyped-decorator]  # too
        def experiments() -> MsgGenerator[Any]:
            for one, following in zip(asked, [*asked[1:], None], strict=True):
                now = settable(one, agent.problem, rig)
                ahead = settable(following, agent.problem, rig) if following else None
                yield from sample(rig, now, ahead)
                record.note(one, "")
                yield from bps.trigger_and_read([record])

        yield from bps.stage(rig)  # not unstaged here: the RunEngine does so when its call ends
        uid: str = yield from experiments()
        return uid

    return OptimizationProblem(
        optimizer=agent,
        actuators=[rig],
        sensors=[],
        evaluation_function=outcomes.evaluate,
        acquisition_plan=acquire,
    )


class _MeasuredRecord(ExperimentRecord):
    """The facts of one experiment, and what an analytics makes of them."""

    def __init__(self, problem: Problem, rig: FlowRig, analytics: Analytics) -> None:
        super().__init__(problem, rig, analytics)
        check_apart(analytics, super().describe())
        self._reader = analytics

    @property
    def hints(self) -> dict[str, Any]:
        """What bluesky's table shows: the conditions, and what was measured."""
        return {"fields": [*super().hints["fields"], *self._reader.names]}

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        facts = super().read()
        found = self._reader.measure({key: reading["value"] for key, reading in facts.items()})
        now = facts["number"]["timestamp"]
        own = {key: {"value": v, "timestamp": now} for key, v in measured(found).items()}
        return {**facts, **own}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the event's data, with units."""
        return {**super().describe(), **measured_described(self._reader)}
