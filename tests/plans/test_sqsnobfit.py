"""A campaign on the emulated rig with the second engine."""

import importlib.util
import json

import numpy as np
import pytest

from reactune.analysis.agent import Agent
from reactune.analysis.problem import Problem
from reactune.analysis.sqsnobfit_engine import FILLED
from reactune.plans.matching import method_of

pytestmark = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "2.4.0" or importlib.util.find_spec("SQSnobFit") is None,
    reason="the extra sqsnobfit is not installed (it needs numpy < 2.4)",
)


def agent_for(lab) -> Agent:
    stated = Problem.load("walker-iii").to_dict() | {"budget": 28}
    stated["optimiser"] = {"engine": "sqsnobfit", "p": 0.3}
    return Agent(Problem.load(stated), method_of(lab.rig.config), seed=4)


def test_a_campaign_with_sqsnobfit(lab):
    agent = agent_for(lab)
    lab.campaign(agent)
    assert lab.only("stop")["reason"] == "budget: 28 of 28 experiments done"
    assert lab.only("start")["problem"]["optimiser"]["engine"] == "sqsnobfit"
    whys = [event["why"] for event in lab.events("decision")]
    assert whys[:14] == [FILLED] * 14  # fewer points than it can begin with
    assert FILLED not in whys[14:]
    again = agent_for(lab)
    for fact, conclusion in zip(lab.events("primary"), agent.conclusions, strict=True):
        suggestion = again.ask()
        assert suggestion is not None
        assert suggestion.conditions == conclusion.conditions
        again.conclude(fact)
    assert again.digest() == agent.digest()
    assert json.loads(json.dumps(agent.state()))["optimiser"]["engine"] == "sqsnobfit"
    lab.assert_safe()
