"""The second engine: a campaign on the emulated rig, and what is said where it is not installed."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.optimisers.book import SPREAD
from reactune.analysis.optimisers.sqsnobfit import FILLED
from reactune.analysis.problem.model import Problem
from reactune.plans.cli import main
from reactune.plans.compatibility import analytics_of

OLD_NUMPY = np.lib.NumpyVersion(np.__version__) < "2.4.0"
INSTALLED = OLD_NUMPY and importlib.util.find_spec("SQSnobFit") is not None


def problem(budget: int) -> Problem:
    stated = Problem.load("walker-iii").to_dict() | {"budget": budget, "batch": 7}
    return Problem.load(stated | {"optimiser": {"engine": "sqsnobfit", "p": 0.3}})


@pytest.mark.skipif(
    not INSTALLED, reason="the extra sqsnobfit is not installed (it needs numpy < 2.4)"
)
def test_a_campaign_with_sqsnobfit(lab):
    agent = Agent(problem(28), analytics_of(lab.rig.config), seed=4)
    lab.campaign(agent)
    assert lab.only("stop")["reason"] == "budget: 28 of 28 experiments done"
    assert lab.only("start")["problem"]["optimiser"]["engine"] == "sqsnobfit"
    whys = [event["why"] for event in lab.events("decision")]
    assert whys[:14] == [SPREAD] * 7 + [FILLED] * 7  # fewer points than it can begin with
    assert not {SPREAD, FILLED} & set(whys[14:])
    again = Agent(problem(28), agent.analytics, seed=4)
    for fact, evaluation in zip(lab.events("primary"), agent.evaluations, strict=True):
        suggestion = again.ask()
        assert suggestion is not None
        again.ahead()  # as the plan does
        assert suggestion.conditions == evaluation.conditions
        again.evaluate(fact)
    assert again.digest() == agent.digest()
    assert json.loads(json.dumps(agent.state()))["optimiser"]["engine"] == "sqsnobfit"
    lab.assert_safe()


def test_where_it_cannot_work_a_user_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(np, "__version__", "2.4.6")
    text = tmp_path / "problem.toml"
    lines = [
        'minimise = "X3"',
        'measured = ["X0", "X1", "X2", "X3"]',
        "[variables]",
        'temperature = { range = [100, 150], unit = "degC" }',
        'flow_c60 = { range = [10, 207], unit = "uL/min" }',
        'flow_sultine = { range = [10, 207], unit = "uL/min" }',
        "[optimiser]",
        'engine = "sqsnobfit"',
    ]
    text.write_text("\n".join(lines))
    assert main(["optimise", str(text), "--budget", "3", "--catalogue", str(tmp_path)]) != 0
    said = capsys.readouterr().err
    assert "engine 'sqsnobfit' does not work with NumPy 2.4.6" in said
    assert "Traceback" not in said
