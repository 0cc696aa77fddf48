"""The harness itself, and that run II comes out as it should."""

import math

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.devices.emulation.layout import Noise
from tests.benchmarks import paper_protocol
from tests.benchmarks.lab import HPLC, SPECIES, Lab, stated, true_fractions


@pytest.fixture(scope="module")
def run_ii() -> list:
    return [paper_protocol.run("II", seed) for seed in range(2)]


def test_run_ii_lies_in_its_band(run_ii):
    lines = [line for line in paper_protocol.LINES if line.run == "II" and line.band]
    assert len(lines) == 1
    assert lines[0].verdict([lines[0].of(trial) for trial in run_ii]) == "in"


def test_what_is_handed_over_is_judged_by_the_truth(run_ii):
    """Neither the measured goal nor a goal better than the optimum within the windows."""
    for trial in run_ii:
        goal, violation = trial.handed_over
        assert goal != paper_protocol.best_measured(trial)
        assert goal > 0.0086 or violation > 0
        assert paper_protocol.best_true(trial) > 0.00866


def test_a_campaign_is_whole_and_repeatable(run_ii):
    trial, again = run_ii[0], paper_protocol.run("II", 0)
    assert len(trial.agent.evaluations) == 105
    assert [e.conditions for e in again.agent.evaluations] == [
        e.conditions for e in trial.agent.evaluations
    ]
    assert trial.agent.evaluations[104].f == again.agent.evaluations[104].f
    assert trial.agent.evaluations[0].conditions != run_ii[1].agent.evaluations[0].conditions


def test_the_table_is_markdown_with_a_verdict_on_each_band(capsys):
    paper_protocol.main(["--seeds", "1", "--runs", "iv"])
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert {line.count("|") for line in (head, rule, *rows)} == {7}
    (feasible,) = [row for row in rows if "feasible of 100" in row]
    assert feasible.endswith("| 0 [0, 0] | 0 [0, 0] | 0 | in |")


def test_an_unknown_run_is_refused(capsys):
    with pytest.raises(SystemExit):
        paper_protocol.main(["--runs", "II,VII"])
    assert "no such run: VII" in capsys.readouterr().err


def test_the_measurement_scatters_as_stated():
    """At one point: the HPLC's own scatter matches the sd it states, and the truth is its mean."""
    point = {"_id": 1, "temperature": 105.0, "flow_c60": 60.0, "flow_sultine": 50.0}
    found = Lab(1, noise=Noise(extent=0.0)).measure([point] * 2000)
    values = np.array([[f[name] for name in SPECIES] for f in found])
    stated_sd = np.array([[f[f"{name}_sd"] for name in SPECIES] for f in found]).mean(axis=0)
    np.testing.assert_allclose(values.sum(axis=1), 1.0)
    np.testing.assert_allclose(values.std(axis=0), stated_sd, rtol=0.08)
    np.testing.assert_allclose(values.mean(axis=0), true_fractions([point])[0], atol=2e-4)
    scattered = Lab(1).measure([point] * 200)
    assert np.std([f["X2"] for f in scattered]) > 2 * values[:, 2].std()


def test_no_noise_is_the_truth_and_the_judge_agrees():
    agent = Agent(stated("walker-v"), HPLC, 3)
    trial = Lab(0, noise=Noise(extent=0, fraction=0, relative=0)).campaign(agent, 7)
    goals, violation = trial.truth
    np.testing.assert_allclose([e.f for e in agent.evaluations], goals, rtol=1e-9)
    feasible = np.array(agent.standing().feasibility) == "feasible"
    np.testing.assert_array_equal(feasible, violation == 0)
    assert trial.first(violation < 0) == math.inf
