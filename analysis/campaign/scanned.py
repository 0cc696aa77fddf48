"""A scan by bluesky's own plans, read as a design of ours is: what was set, and what came of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..problem.model import Problem
from ..problem.naming import Names
from ..problem.tables import Setting
from ..problem.units import converted
from ..storage.lineage import Lineage, check_campaign, is_campaign
from ..written import exact
from .known import Old, experiments, experiments_of
from .suggestion import Suggestion

_SET = "_setpoint"
_TIME = "residence_time"  # follows from the flows, and has no setpoint
_ALIKE = 1e-4  # relative; what a setting is rounded to is no other one


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


def old_results(run: Lineage, problem: Problem) -> list[Old]:
    """Give the experiments of a stored run, campaign or scan, to another problem.

    Of a scan those that the problem could have asked for but for its ranges: what it holds fixed,
    or says nothing of, was set as it would be. Of a campaign see `known.experiments_of`.

    Parameters
    ----------
    run : Lineage
    problem : Problem
        Fitted to the rig of the run.

    Raises
    ------
    ValueError
        If the run is neither, did not measure what the problem needs, or its conditions cannot be
        said in the problem's variables.
    """
    design = as_design(run, problem)
    if not isinstance(design, Scanned):
        return experiments_of(design, problem)
    who = f"run {run.uid[:8]}"
    if not design.on_a_rig:
        raise ValueError(
            f"{who} does not say on what rig it was, so that nobody can tell whether its results "
            f"compare; if you know that they do, reactune export {run.uid[:8]} -o old.csv writes a "
            "table to begin with: --from old.csv"
        )
    facts = {int(fact["number"]): fact for fact in design.events("primary")}
    old, others = [], list[str]()
    for made in experiments(design, problem):
        if other := design.otherwise(facts[made.number], made.conditions):
            others.append(other)
            continue
        why = f"known: experiment {made.number} of {who}"
        old.append((Suggestion(made.number, made.conditions, why), made.measurement))
    if others and not old:
        raise ValueError(f"{who} has no experiment that compares: {others[0]}")
    return old


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
        title = str(start.get("title") or start.get("plan_name", ""))
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

    def otherwise(self, fact: Mapping[str, Any], conditions: Mapping[str, Setting]) -> str:
        """Say what of an event the problem would have set otherwise at its conditions, if any."""
        for name, spec in self.runs[-1].start["rig"]["file"].get("choices", {}).items():
            variable, word = self.problem.variables.get(name), fact.get(name)
            if variable is None and word != spec.get("default"):
                return f"{name} was {word}, and the problem says nothing of it; give it choices"
            if variable is not None and word not in (variable.choices or ()):
                return f"{name} was {word}, which is none of the problem's choices"
        would = self.problem.settings(self.problem.numbers(conditions))
        units = self.runs[-1].units()
        for name, stated in {**self.problem.fixed, **would}.items():
            if (was := fact.get(f"{name}{_SET}")) is None:
                continue
            unit, variable = units.get(name, ""), self.problem.variables.get(name)
            value = converted(stated, variable.unit if variable else unit, unit)
            if not math.isclose(value, was, rel_tol=_ALIKE):
                return (
                    f"{name} was {exact(was)} {unit}, and the problem would set {exact(value)}; "
                    "give it a range, or the value that it had"
                )
        return ""

    @property
    def on_a_rig(self) -> bool:
        """Whether it says on which rig it was, by which all follows from what was set."""
        return "file" in (self.runs[-1].start.get("rig") or {})

    def _asked(self, data: Mapping[str, Any]) -> dict[str, Setting]:
        """Give what was set, by the names of a campaign's events."""
        keys = [key.removesuffix(_SET) for key in data if key.endswith(_SET)]
        keys = [key for key in keys if not key.startswith("rig_")]  # an axis has one of these, too
        words = [key for key in self.problem.variables if isinstance(data.get(key), str)]
        asked = {key: data[f"{key}{_SET}"] for key in keys}
        asked |= {key: data[key] for key in words}
        if self.on_a_rig:
            return {f"asked_{key}": value for key, value in asked.items()}
        asked |= {_TIME: data[_TIME]} if _TIME in data else {}
        numbers = {**self.problem.fixed, **{k: v for k, v in asked.items() if k not in words}}
        for name, variable in self.problem.variables.items():  # such as a ratio of flows
            if name not in asked and variable.of:
                meant = Names({}).expression(variable.of, variable.unit)
                if set(meant.names) <= set(numbers):
                    asked[name] = float(meant(numbers))
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
    if {"analytics", "method"} <= start.keys():  # an acquisition by a plan of bluesky-adaptive's
        return {key: start[key] for key in ("analytics", "method")}
    for one in run.runs:
        for name, doc in one.documents():
            for told in doc.get("configuration", {}).values() if name == "descriptor" else ():
                if "method" in told["data"]:
                    return dict(json.loads(told["data"]["method"]))
    return {}
