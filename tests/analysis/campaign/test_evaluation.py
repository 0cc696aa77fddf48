"""A decision is read from its document as it was written."""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactune.analysis.analytics import Measurement
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.evaluation import Decision, Evaluation, describe
from reactune.analysis.campaign.keys import ROLES, outcome_keys, role_keys
from reactune.analysis.campaign.leader import Estimate, Leader
from reactune.analysis.problem.model import Problem
from tests.benchmarks.lab import stated

PROBLEMS = [
    stated("walker-v"),
    stated("walker-i", minimise=None, maximise="X1 / X3", constraints=[]),
    stated("walker-ii", measured=["X3", "X2", "X1"], minimise="X3 * temperature"),
]

numbers = st.floats(allow_infinity=False) | st.sampled_from([0.0, -0.0, 0.5])
estimates = st.builds(Estimate, st.floats(allow_nan=False, allow_infinity=False), numbers, numbers)


def leaders(problem: Problem) -> st.SearchStrategy[Leader | None]:
    """Nobody, or an experiment of which something or nothing is expected."""
    keys = outcome_keys(problem)
    expected = st.just({}) | st.fixed_dictionaries(dict.fromkeys(keys, estimates))
    likely = st.floats(0, 1) | st.just(math.nan)
    return st.none() | st.builds(Leader, st.integers(1, 999), likely, numbers, expected)


@st.composite
def decisions(draw: st.DrawFn) -> tuple[Problem, Decision]:
    """A problem, and whatever may have been decided of an experiment."""
    problem = draw(st.sampled_from(PROBLEMS))
    names = problem.measured
    flags = tuple(draw(st.lists(st.sampled_from(["low-snr:X0", "overload:3", "saturated:X1"]))))
    if draw(st.booleans()):
        values, sd = ({name: draw(numbers) for name in names} for _ in range(2))
        measurement = Measurement(values, sd, flags)
    else:
        measurement = Measurement.failed(names, draw(st.text()), flags)
    conditions = {name: draw(st.floats(*v.range)) for name, v in problem.variables.items()}
    with np.errstate(all="ignore"):
        evaluation = Evaluation.of(
            draw(st.integers(1, 999)), conditions, measurement, problem, draw(st.text()),
            draw(st.booleans()),
        )  # fmt: skip
    merits = [draw(st.floats(allow_infinity=False)) for _ in range(3)]
    feasibility = draw(st.sampled_from(["feasible", "semi-feasible", "infeasible", "failed"]))
    best, best_feasible = draw(leaders(problem)), draw(leaders(problem))
    scale = draw(st.none() | st.tuples(st.floats(-1, 1), st.floats(0.1, 1)))
    decided = Decision(
        evaluation, *merits, scale, feasibility, best, best_feasible, draw(st.text())
    )
    return problem, decided


def fact_of(evaluation: Evaluation) -> dict[str, Any]:
    """What the ``primary`` event of the experiment says that a decision does not."""
    asked = {f"asked_{name}": value for name, value in evaluation.conditions.items()}
    return {**asked, "number": float(evaluation.number), "valid": float(evaluation.recorded)}


def plain(decision: Decision) -> str:
    """Everything in it, to the last bit."""
    told = asdict(decision) | {"evaluation": decision.evaluation.to_dict()}
    return json.dumps(told, sort_keys=True)


@given(decisions())
def test_what_is_written_is_read(pair: tuple[Problem, Decision]) -> None:
    problem, decision = pair
    data = json.loads(json.dumps(decision.to_data(problem)))
    fact = json.loads(json.dumps(fact_of(decision.evaluation)))
    assert plain(Decision.from_data(data, fact, problem)) == plain(decision)


@given(decisions())
def test_what_is_written_is_described(pair: tuple[Problem, Decision]) -> None:
    problem, decision = pair
    keys = describe(problem, {})
    data = decision.to_data(problem)
    assert data.keys() == keys.keys()
    for key, value in data.items():
        assert isinstance(value, {"number": float, "string": str}[keys[key]["dtype"]])


@given(decisions())
def test_an_evaluation_goes_through_json(pair: tuple[Problem, Decision]) -> None:
    told = json.loads(json.dumps(pair[1].evaluation.to_dict()))
    again = Evaluation.from_dict(told)
    assert json.dumps(again.to_dict()) == json.dumps(pair[1].evaluation.to_dict())
    assert isinstance(again.measurement.flags, tuple)


def test_units_are_those_of_the_analytics() -> None:
    problem = stated("walker-i", measured=["X3", "rise"])
    keys = describe(problem, {"X3": "1", "rise": "K"})
    kelvin = {key for key, described in keys.items() if described.get("units") == "K"}
    expected = {f"{role}_rise{end}" for role in ROLES for end in ("", "_sd", "_repeat_sd")}
    assert kelvin == {"rise", "rise_sd"} | expected


def test_decisions_of_before_probabilities_were_judged_are_read() -> None:
    problem = PROBLEMS[0]
    values = {"X0": 0.1, "X1": 0.5, "X2": 0.3, "X3": 0.1}
    measurement = Measurement(values, dict.fromkeys(values, 0.01))
    conditions = {"temperature": 120.0, "flow_c60": 40.0, "flow_sultine": 40.0}
    evaluation = Evaluation.of(4, conditions, measurement, problem)
    best, feasible = Leader(3, 0.4, 0.1), Leader(2, 0.9, 0.2)
    decision = Decision(evaluation, 0.1, 0.2, -0.1, None, "infeasible", best, feasible, "c0ffee")
    data = decision.to_data(problem)
    later = {key for role in ROLES for key in role_keys(role, problem)[1:]}
    old = {k: v for k, v in data.items() if k not in later and k != "digest"}
    found = Decision.from_data(old, fact_of(evaluation), problem)
    assert found.best is not None
    assert found.best_feasible is not None
    assert (found.best.number, found.best_feasible.number, found.digest) == (3, 2, "")
    assert math.isnan(found.best.probability)
    assert found.best.expected == {}


@pytest.mark.parametrize("name", ["best", "F_1", "X1_sd", "feasible", "X1_repeat_sd"])
def test_a_quantity_called_like_another_key_is_refused(name: str) -> None:
    with pytest.raises(
        ValueError,
        match=f"measured: stored runs use {name} for something else; call it otherwise, for ",
    ):
        Agent(stated("walker-i", measured=["X1", "X3", name]))
