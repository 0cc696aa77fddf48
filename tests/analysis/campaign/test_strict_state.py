"""The agent's state is strict JSON, whatever numbers it was given, and gives the same agent."""

import json
import math

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from tests.analysis.storage.samples import same

CONDITIONS = {"temperature": np.float32(120), "flow_c60": np.int64(50), "flow_sultine": 60}
STATED = {
    "minimise": "X3 / X0",  # may be infinite
    "measured": ["X0", "X1", "X2", "X3"],
    "variables": Problem.load("walker-ii").to_dict()["variables"],
    "fixed": {"volume": np.float64(931), "half": np.float32(0.5)},
    "constraints": ["X1 / X2 >= 1 +/- 0.3", "X1 <= 1 +/- 0.3"],
}


def told(kind=float, **values):
    numbers = {"X0": 0.1, "X1": 0.5, "X2": 0.3, "X3": 0.1} | values
    return {name: kind(value) for name, value in numbers.items()}


def asked(agent, n):
    return [s["_id"] for s in agent.suggest(n)]


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.array])
def test_a_state_is_strict_json_and_goes_on_alike(kind):
    agent = Agent(Problem(**STATED), seed=np.int64(3), first=[CONDITIONS])
    numbers = asked(agent, 7)
    agent.ingest([{"_id": np.int64(numbers[0]), **told(kind)}])
    agent.ingest([{"_id": numbers[1], **told(kind, X3=math.nan)}])
    agent.ingest([{"_id": numbers[2], **told(kind, X0=0)}])  # the goal is infinite
    agent.ingest([{"_id": numbers[3], **told(kind, X2=0)}])  # so is a windowed property
    agent.ingest([{"_id": numbers[4], **told(kind), "X3_sd": kind(math.nan)}])
    agent.ingest([{"_id": numbers[5], **told(kind, X1=math.inf)}])
    agent.register_failures([{"_id": np.int64(numbers[6])}])
    agent.ingest([{**CONDITIONS, **told(kind), "X3_sd": kind(0.01)}])

    text = json.dumps(agent.state(), allow_nan=False)
    again = Agent.from_state(json.loads(text))
    assert json.dumps(again.state(), allow_nan=False) == text
    assert again.digest() == agent.digest()
    for one, other in zip(agent.evaluations, again.evaluations, strict=True):
        assert same(one.to_dict(), other.to_dict())
        assert (one.f, one.valid) == (other.f, other.valid) or math.isnan(one.f)
        np.testing.assert_array_equal(one.F, other.F)
    assert again.suggest(3) == agent.suggest(3)


def test_a_state_of_an_earlier_version_is_read():
    agent = Agent(Problem(**STATED), seed=3)
    agent.ingest([{"_id": number, **told(X3=math.nan)} for number in asked(agent, 2)])
    state = agent.state()
    for evaluation in state["evaluations"]:  # they had NaN themselves
        evaluation["measurement"]["values"] = dict.fromkeys(["X0", "X1", "X2", "X3"], math.nan)
        evaluation["f"] = math.nan
    again = Agent.from_state(json.loads(json.dumps(state)))
    assert again.suggest(3) == agent.suggest(3)
