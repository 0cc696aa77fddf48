"""A campaign that begins where an old one was good is shorter, though the reaction has drifted."""

from dataclasses import replace

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.learning.warm_start import promising
from reactune.devices.emulation.reactions.walker2017 import Kinetics
from tests.benchmarks import rediscovery
from tests.benchmarks.lab import HPLC, Lab, Trial, stated


def agent_of(name: str, n: int, seed: int = 0) -> Agent:
    agent = Agent(stated(f"walker-{name}", batch=7, budget=105), HPLC, seed)
    if n:
        Lab([seed, 2017]).campaign(agent, n)
    return agent


def starts(agent: Agent, n: int) -> list[dict[str, float]]:
    return promising(agent.evaluations, agent.space, agent.windows, n)


@pytest.mark.parametrize("seed", range(3))
def test_fewer_experiments_than_a_cold_start_on_a_slower_reaction(seed):
    """Run II with ks 10 % lower: measured, 10 of 10 seeds, 4 experiments instead of 32."""
    warm, cold = rediscovery.counts("II", seed, drift=0.9)
    assert warm < cold
    assert warm <= 10


def test_the_command_prints_a_row_a_run(capsys):
    rediscovery.main(["--seeds", "1", "--runs", "III", "--drift", "1.0"])
    assert capsys.readouterr().out.splitlines()[-1].endswith("| 1 of 1 |")


def test_starts_bracket_the_drift():
    """Of seven starts at least one is truly feasible and good for a slower and a faster reactor."""
    agent = agent_of("ii", 105)
    points = starts(agent, 7)
    assert len(points) == 7
    for drift in (0.9, 1.0, 1.1):
        kinetics = replace(Kinetics(), ks=drift * Kinetics().ks)
        goal, violation = Trial(agent, kinetics).judge(points)
        assert goal[violation == 0].min() < 0.0120


@pytest.mark.parametrize(("name", "measured"), [("i", 40), ("ii", 8), ("ii", 1)])
def test_without_windows_or_with_few_points_measured_ones_are_taken(name, measured):
    agent = agent_of(name, measured)
    points = starts(agent, 5)
    known = [e.conditions for e in agent.evaluations]
    assert 1 <= len(points) <= 5
    assert all(point in known for point in points)
    goals = [agent.evaluations[known.index(point)] for point in points]
    if name == "i":
        assert goals[0].f == min(e.f for e in agent.evaluations)


def test_nothing_measured_recommends_nothing():
    agent = agent_of("ii", 0)
    assert starts(agent, 7) == []
    agent.register_failures(agent.suggest(7))
    assert starts(agent, 7) == []


def test_repeats_and_flat_campaigns_are_no_trouble():
    """Thirty times one place, then thirty on a line: too little to model, enough to begin with."""
    agent, lab = agent_of("v", 0), Lab(1)
    point = agent.space.to_conditions((agent.space.lower + agent.space.upper)[None, :] / 2)
    agent.ingest(lab.measure(agent.register_suggestions(point * 30)))
    assert starts(agent, 7) == point
    line = np.repeat((agent.space.lower + agent.space.upper)[None, :] / 2, 30, axis=0)
    line[:, 0] = np.linspace(agent.space.lower[0], agent.space.upper[0], 30)
    agent.ingest(lab.measure(agent.register_suggestions(agent.space.to_conditions(line))))
    assert len(starts(agent, 7)) == 7


def test_starts_are_allowed_distinct_and_repeatable():
    agent = agent_of("iii", 49)
    points = starts(agent, 9)
    assert len(points) == 9
    assert all(agent.problem.outside_limits(point) is None for point in points)
    assert all(points.count(point) == 1 for point in points)
    assert starts(agent, 9) == points
