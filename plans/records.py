"""What a campaign's events hold: the facts of an experiment, and what the agent made of them."""

import math
from collections.abc import Mapping, Sequence
from time import time
from typing import Any

import numpy as np

from reactune.analysis.analytics import Analytics
from reactune.analysis.analytics.hplc.tracefile import TraceFile
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.evaluation import describe, describe_asked
from reactune.analysis.campaign.keys import goal_keys
from reactune.analysis.campaign.rediscovery import FINDING_TEXTS, Rediscoverer
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.devices.rig.flow_rig import FlowRig


class ExperimentRecord:
    """The facts of one experiment, as the rig and the plan know them: ``primary``.

    Parameters
    ----------
    problem : Problem
    rig : FlowRig
    analytics : Analytics, optional
        What reads the events; traces in files are recorded as it reads them.
    """

    name = "experiment"
    parent = None

    def __init__(self, problem: Problem, rig: FlowRig, analytics: Analytics | None = None) -> None:
        self._problem, self._rig, self._analytics = problem, rig, analytics
        self._own: dict[str, float | str] = {}

    @property
    def hints(self) -> dict[str, Any]:
        """What bluesky's table and plots show: the conditions, against the number."""
        return {"fields": ["number", *self._rig.limits()]}

    def note(self, suggestion: Suggestion, failure: str, disturbances: Sequence[str] = ()) -> None:
        """Note what was asked, why it failed if it did, and the faults that it got over."""
        self._own = {
            "number": float(suggestion.number),
            **{f"asked_{name}": value for name, value in suggestion.conditions.items()},
            "valid": float(not failure),
            "reason": failure,
            "disturbances": "; ".join(disturbances),
        }

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data; of a failed experiment the measured numbers are NaN.

        Its lab time is that at which it had failed.
        """
        now = time()
        measured = self._rig.read()
        if not self._own["valid"]:
            measured |= _blank(self._rig.describe(), now)
            measured["lab_time"]["value"] = self._rig.clock.now()
        own: dict[str, Any] = dict(self._own)
        facts = {k: reading["value"] for k, reading in measured.items() if self._own["valid"]}
        own |= trace_in_file(self._analytics, self._rig, facts)
        return {**{k: {"value": v, "timestamp": now} for k, v in own.items()}, **measured}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the event's data, with units."""
        source = "reactune.plans.campaign"
        common = {"source": source, "shape": []}
        return {
            "number": {**common, "dtype": "number", "units": "1"},
            **describe_asked(self._problem, source),
            "valid": {**common, "dtype": "number", "units": "1"},
            "reason": {**common, "dtype": "string"},
            "disturbances": {**common, "dtype": "string"},
            **self._rig.describe(),
            **trace_in_file_described(self._analytics, self._rig),
        }


class DecisionRecord:
    """What the agent made of the latest experiment: ``decision``.

    Parameters
    ----------
    agent : Agent
    """

    name = "decision"
    parent = None

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def hints(self) -> dict[str, Any]:
        """What bluesky's table and plots show: the goal and its best, or two goals."""
        goals = goal_keys(self._agent.problem)
        return {"fields": goals if len(goals) > 1 else ["goal", "best_feasible_goal"]}

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        data = self._agent.decision().to_data(self._agent.problem)
        return {key: {"value": value, "timestamp": time()} for key, value in data.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the event's data."""
        analytics = self._agent.analytics
        return describe(self._agent.problem, analytics.units if analytics else {})


def trace_in_file(
    analytics: Analytics | None, rig: FlowRig, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the trace that an analytics reads out of a file, as a meter would have recorded it."""
    method = rig.config.chromatogram
    if not isinstance(analytics, TraceFile) or method is None:
        return {}
    return {"trace": analytics.recorded(facts, method.samples)}


def trace_in_file_described(analytics: Analytics | None, rig: FlowRig) -> dict[str, dict[str, Any]]:
    """Describe `trace_in_file`."""
    method = rig.config.chromatogram
    if not isinstance(analytics, TraceFile) or method is None:
        return {}
    array = {"dtype": "array", "dtype_numpy": "<f8", "shape": [method.samples]}
    told = {"source": "reactune.plans.campaign", "units": method.unit, "precision": 5}
    return {"trace": {**told, **array}}


class FindingRecord:
    """What is thought of an earlier campaign: ``rediscovery``.

    Parameters
    ----------
    agent : Rediscoverer
    """

    name = "rediscovery"
    parent = None

    def __init__(self, agent: Rediscoverer) -> None:
        self._agent = agent

    @property
    def hints(self) -> dict[str, Any]:
        """Nothing to draw: texts."""
        return {"fields": []}

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        data = self._agent.finding.to_data()
        return {key: {"value": value, "timestamp": time()} for key, value in data.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the event's data: the number of the latest experiment, and texts."""
        common = {"source": "reactune.analysis.campaign.rediscovery", "shape": []}
        texts = {key: {**common, "dtype": "string"} for key in FINDING_TEXTS}
        return {"number": {**common, "dtype": "number", "units": "1"}, **texts}


def _blank(keys: Mapping[str, Mapping[str, Any]], now: float) -> dict[str, dict[str, Any]]:
    """Make a reading in which nothing was measured: NaN in every number, whatever its shape."""
    return {
        key: {"value": np.full(k["shape"], math.nan) if k["shape"] else math.nan, "timestamp": now}
        for key, k in keys.items()
        if k["dtype"] != "string"  # what file there was is a fact all the same
    }
