"""The documents of a table: a run like any other, so that it is stored, shown and asked again."""

import hashlib
import json
import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from event_model import compose_run

from ..analytics import Told, to_start
from ..analytics.measurement import Measurement
from ..campaign.agent import Agent
from ..campaign.evaluation import Decision, describe, describe_asked
from ..campaign.leader import Leader
from ..problem.model import Problem
from .asking import Asking
from .results import Entry

Pair = tuple[str, dict[str, Any]]

PLAN = "ask"
"""Name of the plan in the start document of a table's run."""


def uid_of_table(path: Path, problem: Problem, seed: int, entries: list[Entry]) -> str:
    """Give the uid of what a table holds: the same results, the same run."""
    done = [
        [entry.row, entry.conditions, found.values, found.sd, found.reason or entry.apart]
        for entry in entries
        if (found := entry.measurement)
    ]
    said = json.dumps([str(path.absolute()), problem.to_dict(), seed, done], sort_keys=True)
    return str(uuid.UUID(bytes=hashlib.sha256(said.encode()).digest()[:16], version=4))


def documents(asking: Asking, path: Path, seed: int) -> list[Pair]:
    """Write the results of a table down as a run, from start to stop document.

    Experiments are numbered by their rows. What is outstanding is no experiment yet.

    Parameters
    ----------
    asking : Asking
    path : Path
        Of the table.
    seed : int
    """
    agent, results, problem = asking.agent, asking.results, asking.problem
    run = compose_run(
        uid=uid_of_table(path, problem, seed, results.entries),
        time=time.time(),
        metadata={
            "plan_name": PLAN,
            "title": problem.title or problem.goal_words,
            "problem": problem.to_dict(),
            **to_start(Told(problem.measured)),
            "rig": {"title": f"none: the table {path.name}"},
            "table": str(path.absolute()),
            "simulated": False,
            "lab_time": 0.0,
            "seed": seed,
            "versions": {name: version(name) for name in ("reactune", "numpy", "scipy")},
        },
        validate=False,
    )
    pairs: list[Pair] = [("start", dict(run.start_doc))]
    facts = [_fact(entry, entry.measurement) for entry in results.entries if entry.measurement]
    pairs += _stream(run, "primary", facts, _fact_keys(problem))
    if agent.evaluations:
        decided = [decision.to_data(problem) for decision in _decisions(agent)]
        pairs += _stream(run, "decision", decided, describe(problem, {}))
    stop = run.compose_stop(exit_status="success", reason=f"as {path.name} stood")
    return [*pairs, ("stop", dict(stop))]


def _decisions(agent: Agent) -> list[Decision]:
    """Give what is known of each experiment: who was best by then, as measured; then as judged."""
    last, standing, one = agent.decision(), agent.standing(), len(agent.problem.aims) == 1
    merits = np.where([e.valid for e in agent.evaluations], standing.f_soft, math.inf)
    goals = [
        e.f if standing.feasibility[i] == "feasible" else math.inf
        for i, e in enumerate(agent.evaluations)
    ]
    earlier = [
        replace(
            last,
            evaluation=evaluation,
            f_soft=float(standing.f_soft[i]),
            p=float(standing.p[i]),
            f_star=float(standing.f_star[i]),
            feasibility=standing.feasibility[i],
            best=_lowest(agent, merits[: i + 1]) if one else None,
            best_feasible=_lowest(agent, goals[: i + 1]) if one else None,
            digest="",
            front=(),
        )
        for i, evaluation in enumerate(agent.evaluations[:-1])
    ]
    return [*earlier, last]


def _lowest(agent: Agent, values: Iterable[float]) -> Leader | None:
    """Give the experiment of the lowest value so far, if any is finite."""
    finite = [(float(value), i) for i, value in enumerate(values) if math.isfinite(value)]
    return Leader(agent.evaluations[min(finite)[1]].number) if finite else None


def _fact(entry: Entry, measurement: Measurement) -> dict[str, float | str]:
    """Give the data of an experiment's event."""
    return {
        "number": float(entry.row),
        **{f"asked_{name}": value for name, value in entry.conditions.items()},
        "valid": float(measurement.valid),
        "reason": measurement.reason or entry.apart,
        **Told.to_data(measurement),
    }


def _fact_keys(problem: Problem) -> dict[str, dict[str, Any]]:
    """Describe the data of an experiment's event."""
    common = {"source": __name__, "shape": []}
    nothing = Told.to_data(Measurement.failed(problem.measured, ""))
    units = dict.fromkeys(("number", "valid", *nothing), "1")
    numbers = {key: {**common, "dtype": "number", "units": unit} for key, unit in units.items()}
    asked = describe_asked(problem, __name__)
    return {**numbers, **asked, "reason": {**common, "dtype": "string"}}


def _stream(
    run: Any, name: str, events: list[dict[str, Any]], keys: dict[str, dict[str, Any]]
) -> list[Pair]:
    """Write a stream: its descriptor, and its events."""
    if not events:
        return []
    stream = run.compose_descriptor(
        name=name, data_keys=keys, object_keys={name: list(keys)}, validate=False
    )
    pairs: list[Pair] = [("descriptor", dict(stream.descriptor_doc))]
    for data in events:
        stamps = dict.fromkeys(data, run.start_doc["time"])
        event = stream.compose_event(data=data, timestamps=stamps, validate=False)
        pairs.append(("event", dict(event)))
    return pairs
