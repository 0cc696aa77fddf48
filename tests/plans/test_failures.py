"""Experiments that fail, as who started the campaign hears of them."""

import re
from importlib.resources import files

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.plans.cli import main
from reactune.plans.service import run


@pytest.fixture
def hurried(tmp_path):
    """The built-in rig with a heater that is given no time to get anywhere."""
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    text = text.replace("settle    = 60", "settle = 0").replace("timeout   = 3600", "timeout = 1")
    path = tmp_path / "hurried.toml"
    path.write_text(text, "utf-8")
    return ["--rig", str(path), "--catalogue", str(tmp_path / "runs")]


@pytest.mark.parametrize("budget", [1, 3, 4])
def test_a_campaign_whose_experiments_all_failed_has_not_come_out_well(hurried, budget, capsys):
    assert main(["optimise", "walker-ii", "--seed", "1", "--budget", str(budget), *hurried]) == 1
    out, err = capsys.readouterr()
    assert f"0 inside every window, {min(budget, 3)} failed" in out
    assert ("To go on: " in err) == (budget == 4)


def test_the_hours_of_failed_experiments_pass(hurried, tmp_path, capsys):
    rig = tmp_path / "hurried.toml"
    text = rig.read_text("utf-8").replace("settle = 0", "settle = 590")
    rig.write_text(text.replace("timeout = 1 ", "timeout = 600 "), "utf-8")
    assert main(["optimise", "walker-ii", "--seed", "1", "--budget", "3", *hurried]) == 1
    out, err = capsys.readouterr()
    hours = [float(line.split()[1]) for line in err.splitlines() if re.match(r" +\d/3 ", line)]
    assert hours == [0.2, 0.3, 0.5]  # ten minutes each
    assert "Took      0.5 lab hours;" in out


def blinded(monkeypatch, failing):
    """Have the detector see nothing of some experiments."""
    evaluate = Agent.evaluate

    def blind(agent, data):
        dark = {"trace": np.full(780, 10.48)} if data["number"] in failing else {}
        return evaluate(agent, {**data, **dark})

    monkeypatch.setattr(Agent, "evaluate", blind)


@pytest.mark.parametrize(("failing", "well"), [({3, 4}, True), ({2, 3, 4}, False)])
def test_a_used_up_budget_is_judged_by_what_it_gave_until_the_rig_needs_a_look(
    tmp_path, monkeypatch, failing, well
):
    blinded(monkeypatch, failing)
    outcome = run("walker-ii", catalogue=tmp_path, seed=1, budget=4)
    assert outcome.finished
    assert set(outcome.summary.failed) == failing
    assert outcome.well == well


@pytest.mark.parametrize(("failing", "well"), [({3}, True), ({3, 4}, False)])
def test_what_was_known_before_makes_no_campaign_a_good_one(tmp_path, monkeypatch, failing, well):
    assert run("walker-ii", catalogue=tmp_path, seed=1, budget=2).well
    blinded(monkeypatch, failing)
    outcome = run("walker-ii", catalogue=tmp_path, seed=2, budget=2, known="last")
    assert outcome.finished
    assert set(outcome.summary.failed) == failing
    assert outcome.well == well
