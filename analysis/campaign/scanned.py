"""A scan by bluesky's own plans, read as a design of ours is: what was set, and what came of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..problem.expression import parse
from ..problem.model import Problem
from ..problem.tables import Setting
from ..storage.lineage import Lineage, check_campaign, is_campaign

_SET = "_setpoint"
_TIME = "residence_time"  # follows from the flows, and has no setpoint


def as_design(run: Lineage, problem: Problem) -> Lineage:
    """Give a run as one that states what it varied; a campaign or design is given back as it is.

    Parameters
    ----------
    run : Lineage
    problem : Problem
        By which it is judged, which says what there was to choose from.

    Raises
    ------
    ValueError
        If the run is no scan on a rig, or does not say how what it recorded was measured.
    """
    if is_campaign(run.start) or "lost" in run.start:
        return run
    if "makes" in run.start:
        check_campaign(run.start)
    who = f"run {run.uid[:8]}"
    if not any(f"temperature{_SET}" in data for data in run.events("primary")):
        raise ValueError(f"{who} is neither a campaign nor a scan that has measured on a rig")
    if "simulated" not in run.start:
        raise ValueError(
            f"{who} does not say whether it was simulated; scan with RE of reactune shell, or put "
            "simulated into its metadata"
        )
    if not _method(run):
        raise ValueError(
            f"{who} has raw traces and no method to read them by; scan with the detector hplc in "
            "place of rig.hplc"
        )
    return Scanned(run.runs, problem)


@dataclass(frozen=True)
class Scanned(Lineage):
    """A scan with the start document and the events that a design of the same points would have.

    Attributes
    ----------
    problem : Problem
        As of `as_design`.
    """

    problem: Problem

    @property
    def start(self) -> Mapping[str, Any]:
        """The scan's own, and what was varied and measured."""
        start, method = super().start, _method(self)
        facts = self.events("primary")
        names = [key.removeprefix("asked_") for key in facts[0] if key.startswith("asked_")]
        measured = [key for key in facts[0] if f"{key}_sd" in facts[0]]
        stated = {
            "minimise": measured[0],
            "measured": measured,
            "budget": len(facts),
            "variables": {name: self._variable(name, facts) for name in names},
        }
        problem = Problem.load(stated).to_dict()
        title = start.get("title") or start.get("plan_name", "")
        return {"rig": {}, **start, **method, "problem": problem, "title": title}

    def events(self, stream: str) -> list[Mapping[str, Any]]:
        """Give the data of all events, those of what was measured with a number and conditions."""
        events = super().events(stream)
        if stream != "primary":
            return events
        return [
            {"number": float(n), "valid": 1.0, "reason": "", **data, **self._asked(data)}
            for n, data in enumerate(events, 1)
        ]

    def _asked(self, data: Mapping[str, Any]) -> dict[str, Setting]:
        """Give what was set, by the names of a campaign's events."""
        keys = [key.removesuffix(_SET) for key in data if key.endswith(_SET)]
        keys = [key for key in keys if not key.startswith("rig_")]  # an axis has one of these, too
        words = [key for key in self.problem.variables if isinstance(data.get(key), str)]
        asked = {key: data[f"{key}{_SET}"] for key in keys}
        asked |= {key: data[key] for key in (*words, _TIME) if key in data}
        numbers = {**self.problem.fixed, **{k: v for k, v in asked.items() if k not in words}}
        for name, variable in self.problem.variables.items():  # such as a ratio of flows
            if name not in asked and variable.of and set(parse(variable.of).names) <= set(numbers):
                asked[name] = float(parse(variable.of)(numbers))
        return {f"asked_{key}": value for key, value in asked.items()}

    def _variable(self, name: str, facts: list[Mapping[str, Any]]) -> dict[str, Any]:
        """State a variable as wide as it was varied."""
        values = [fact[f"asked_{name}"] for fact in facts]
        if isinstance(values[0], str):
            offered = self.problem.variables[name].choices or ()
            return {"choices": list(dict.fromkeys([*values, *offered]))}
        known = [value for value in values if math.isfinite(value)] or [0.0]
        own = self.problem.variables.get(name)
        unit = self.runs[-1].units().get(name, own.unit if own else "")
        return {"range": [min(known), max(known) + 1.0], "unit": "" if unit == "1" else unit}


def _method(run: Lineage) -> dict[str, Any]:
    """Give what a run or the configuration of its detector says of the method, if anything."""
    start = run.runs[-1].start
    if "analytics" in start:  # an acquisition by a plan of bluesky-adaptive's
        return {key: start[key] for key in ("analytics", "method")}
    for one in run.runs:
        for name, doc in one.documents():
            for told in doc.get("configuration", {}).values() if name == "descriptor" else ():
                if "method" in told["data"]:
                    return dict(json.loads(told["data"]["method"]))
    return {}
