"""What became of an experiment: its evaluation, the decision stored of it, how all rank together.

What `Decision.to_data` writes of it `Decision.from_data` reads, and `describe` describes.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..analytics.measurement import Analytics, Measurement
from ..problem.model import Problem
from ..problem.tables import Setting
from .keys import FRONT, ROLES, measured_key, number_keys, property_keys, text_keys
from .leader import Leader


def check_measured(problem: Problem, analytics: Analytics) -> None:
    """Refuse a problem that names what is not measured."""
    if missing := [name for name in problem.measured if name not in analytics.names]:
        raise ValueError(
            f"measured: {', '.join(missing)} is not measured by {analytics.key}, which has "
            f"{', '.join(analytics.names)}; add it there or leave it out"
        )


@dataclass(frozen=True)
class Evaluation:
    """A measurement seen by the problem.

    Attributes
    ----------
    number : int
        The experiment's number in the campaign, from 1.
    conditions : dict of str to float or str
        The conditions it was told to the optimiser with.
    recorded : bool
        Whether the rig recorded anything at all.
    measurement : Measurement
        What the problem names of it, in its order; not valid either if it gives no properties.
    f, f_sd : float
        The goal as minimised (the negative of a maximised one); NaN if not valid.
    F, F_sd : ndarray, shape (n_windows,)
        The property of each window; then a second goal, as minimised.
    why : str
        Why the point had been asked for.
    """

    number: int
    conditions: dict[str, Setting]
    recorded: bool
    measurement: Measurement
    f: float
    f_sd: float
    F: np.ndarray
    F_sd: np.ndarray
    why: str = "given"

    @classmethod
    def of(
        cls,
        number: int,
        conditions: dict[str, Setting],
        measurement: Measurement,
        problem: Problem,
        why: str = "given",
        recorded: bool = True,
    ) -> Self:
        """Compute what a measurement means for the problem; a failure stays a failure."""
        values, sd = (
            {name: numbers[name] for name in problem.measured}
            for numbers in (measurement.values, measurement.sd)
        )
        found = problem.properties(values, sd, conditions)
        seen = replace(measurement, values=values, sd=sd)
        if seen.valid and found.failure:
            seen = replace(seen, valid=False, reason=found.failure)
        f = found.f if seen.valid else math.nan
        return cls(number, conditions, recorded, seen, f, found.f_sd, found.F, found.F_sd, why)

    @property
    def valid(self) -> bool:
        """False for a failed experiment."""
        return self.measurement.valid

    @property
    def reason(self) -> str:
        """Why it failed; empty otherwise."""
        return self.measurement.reason

    def to_dict(self) -> dict[str, Any]:
        """Return everything as strict JSON has it; `from_dict` reads it."""
        told = asdict(self.measurement)
        return {
            "number": int(self.number),
            "conditions": as_set(self.conditions),
            "recorded": bool(self.recorded),
            "measurement": told
            | {key: {n: _plain(v) for n, v in told[key].items()} for key in ("values", "sd")}
            | {"valid": bool(self.valid)},
            "f": _plain(self.f),
            "f_sd": _plain(self.f_sd),
            "F": [_plain(value) for value in self.F],
            "F_sd": [_plain(value) for value in self.F_sd],
            "why": self.why,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Build one from what JSON made of `to_dict`."""
        told = plain["measurement"]
        values = {key: {n: _number(v) for n, v in told[key].items()} for key in ("values", "sd")}
        measurement = Measurement(**{**told, **values, "flags": tuple(told["flags"])})
        numbers = {name: _number(plain[name]) for name in ("f", "f_sd")}
        arrays = {name: np.array([_number(v) for v in plain[name]]) for name in ("F", "F_sd")}
        return cls(**{**plain, **numbers, **arrays, "measurement": measurement})


def as_set(conditions: Mapping[str, Any]) -> dict[str, Setting]:
    """Give conditions as plain words and numbers; -0 is 0."""
    return {n: v if isinstance(v, str) else float(v) + 0.0 for n, v in conditions.items()}


def asked_of(fact: Mapping[str, Any], problem: Problem) -> dict[str, Setting]:
    """Read the conditions that were asked for off the data of a ``primary`` event."""
    return as_set({name: fact[f"asked_{name}"] for name in problem.variables})


def describe_asked(problem: Problem, source: str) -> dict[str, dict[str, Any]]:
    """Describe these: numbers, and of choices words."""
    common = {"source": source, "shape": []}
    return {
        f"asked_{name}": {**common, "dtype": "string"}
        if variable.choices
        else {**common, "dtype": "number", "units": variable.unit}
        for name, variable in problem.variables.items()
    }


def _plain(number: float) -> float | str | None:
    """Write a number as strict JSON can: null for NaN, ``"inf"`` for what is infinite."""
    number = float(number)
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else str(number)


def _number(plain: float | str | None) -> float:
    """Read what `_plain` wrote, or an earlier version."""
    return math.nan if plain is None else float(plain)


@dataclass(frozen=True)
class Decision:
    """What the agent made of an experiment: an event of the ``decision`` stream.

    Attributes
    ----------
    evaluation : Evaluation
    f_soft, p, f_star : float
        Merit and its parts by the ``f0`` and ``Delta`` of this moment; NaN for a failed one's.
    scale : (float, float) or None
        These two; None while the penalty alone ranks, and in runs stored before they were told.
    feasibility : str
        ``feasible``, ``semi-feasible``, ``infeasible`` or ``failed``, as measured.
    best, best_feasible : Leader or None
        The best experiment so far, by merit and of those likely inside all windows. Of two goals
        nothing is the best: then the first is what is nearest to the windows while no experiment is
        on the front, and the second None.
    digest : str
        Fingerprint of the optimiser's state.
    doubted : dict of int to str
        Experiments whose results all others contradict, by number, and why.
    front : tuple of Leader
        Of two goals: the experiments that no other is expected to beat in both, by the first goal.
    """

    evaluation: Evaluation
    f_soft: float
    p: float
    f_star: float
    scale: tuple[float, float] | None
    feasibility: str
    best: Leader | None
    best_feasible: Leader | None
    digest: str
    doubted: dict[int, str] = field(default_factory=dict)
    front: tuple[Leader, ...] = ()

    @classmethod
    def undecided(cls, evaluation: Evaluation) -> Self:
        """Give what is known of an experiment alone, before all are ranked."""
        nothing = math.nan
        return cls(evaluation, nothing, nothing, nothing, None, "", None, None, "")

    def to_data(self, problem: Problem) -> dict[str, float | str]:
        """Give the data of the event."""
        last = self.evaluation
        data: dict[str, float | str] = {
            "number": float(last.number),
            "valid": float(last.valid),
            "reason": last.reason,
            "goal": problem.sign * last.f + 0.0,  # 0, not -0
            "goal_sd": last.f_sd,
            "f": last.f,
            "p": self.p,
            "f_star": self.f_star,
            "f_soft": self.f_soft,
            "merit_f0": self.scale[0] if self.scale else math.nan,
            "merit_delta": self.scale[1] if self.scale else math.nan,
            "feasibility": self.feasibility,
            "violated": problem.violated(last.F) if last.valid else "",
            "why": last.why,
            "flags": _FLAG.join(last.measurement.flags),
            "digest": self.digest,
            "doubted": json.dumps(self.doubted) if self.doubted else "",
        }
        for name, value in last.measurement.values.items():
            key = measured_key(name)
            data |= {key: value, f"{key}_sd": last.measurement.sd[name]}
        told = zip(property_keys(problem), problem.signs[1:] * last.F + 0.0, last.F_sd, strict=True)
        for key, value, sd in told:
            data |= {key: float(value), f"{key}_sd": float(sd)}
        if FRONT in text_keys(problem):
            data[FRONT] = json.dumps([leader.to_plain() for leader in self.front])
        for role, leader in zip(ROLES, (self.best, self.best_feasible), strict=True):
            data |= Leader.to_data(role, leader, problem)
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any], fact: Mapping[str, Any], problem: Problem) -> Self:
        """Read a stored event.

        Parameters
        ----------
        data : mapping
            Of the event; keys that an earlier version did not write yet may be missing.
        fact : mapping
            Data of the ``primary`` event of the same number.
        problem : Problem
            Of the run's start document.
        """

        def number(key: str) -> float:
            return float(data.get(key, math.nan))

        keys = property_keys(problem)
        evaluation = Evaluation(
            number=int(data["number"]),
            conditions=asked_of(fact, problem),
            recorded=bool(fact["valid"]),
            measurement=measurement_in(data, problem),
            f=number("f"),
            f_sd=number("goal_sd"),
            F=problem.signs[1:] * [number(key) for key in keys],
            F_sd=np.array([number(f"{key}_sd") for key in keys]),
            why=str(data.get("why", "")),
        )
        f0, delta = number("merit_f0"), number("merit_delta")
        best, feasible = (Leader.from_data(role, data, problem) for role in ROLES)
        return cls(
            evaluation,
            number("f_soft"),
            number("p"),
            number("f_star"),
            None if math.isnan(f0) else (f0, delta),
            str(data["feasibility"]),
            best,
            feasible,
            str(data.get("digest", "")),
            {int(n): str(why) for n, why in json.loads(data.get("doubted") or "{}").items()},
            tuple(map(Leader.from_plain, json.loads(data.get(FRONT) or "[]"))),
        )


def measurement_in(data: Mapping[str, Any], problem: Problem) -> Measurement:
    """Read what was measured off the data of a decision; see `Decision.from_data`."""
    flags = str(data.get("flags", ""))
    values, sd = (
        {n: float(data.get(f"{measured_key(n)}{end}", math.nan)) for n in problem.measured}
        for end in ("", "_sd")
    )
    return Measurement(
        values,
        sd,
        tuple(flags.split(_FLAG)) if flags else (),
        bool(data["valid"]),
        str(data["reason"]),
    )


_FLAG = "; "


def describe(problem: Problem, units: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Describe the data of a decision: every number is a float.

    Parameters
    ----------
    problem : Problem
    units : mapping of str to str
        Of the measured quantities; all else is dimensionless.
    """
    common = {"source": __name__, "shape": []}
    dimensions = dict.fromkeys(number_keys(problem), "1")
    for name in problem.measured:
        stored = measured_key(name)
        for key in (stored, *(f"{role}_{stored}" for role in ROLES)):
            own = (key, f"{key}_sd", f"{key}_repeat_sd")
            dimensions |= dict.fromkeys(dimensions.keys() & set(own), units.get(name, "1"))
    return {
        **{key: {**common, "dtype": "number", "units": unit} for key, unit in dimensions.items()},
        **{key: {**common, "dtype": "string"} for key in text_keys(problem)},
    }


def in_words(why: str, problem: Problem, evaluations: Sequence[Evaluation]) -> str:
    """Name what an optimiser knows by numbers: windows, quantities, experiments."""
    names = {
        "window": [window.text for window in problem.windows],
        "quantity": problem.measured,
        "experiment": [f"experiment {e.number}" for e in evaluations],
    }
    return re.sub(rf"({'|'.join(names)}) (\d+)", lambda f: names[f[1]][int(f[2]) - 1], why)
