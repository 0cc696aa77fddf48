"""From a run that nothing fits to the next problem: through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reactune.analysis.problem.model import Problem
from reactune.plans.cli import main
from tests.benchmarks.lab import HPLC, Lab, stated

TRUE_RATIO = 1.109
"""Lowest X1 / X2 with X1 + X2 >= 0.9 in the noise-free reaction."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A catalogue with 20 simulated experiments of run IV."""
    folder = str(tmp_path_factory.mktemp("runs"))
    command = ["optimise", "walker-iv", "--seed", "1", "--budget", "20", "--json"]
    subprocess.run(
        [sys.executable, "-m", "reactune.plans.cli", *command, "--catalogue", folder],
        check=True,
        capture_output=True,
        timeout=100,
    )
    return folder


def test_run_iv_gives_a_window_that_can_be_met(runs, tmp_path, capsys):
    file = tmp_path / "next.toml"
    assert main(["redesign", "last", "-o", str(file), "--json", "--catalogue", runs]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["n"], said["n_feasible"], said["mark"]) == (20, 0, "SIMULATED")
    (moved,) = said["loosen"]  # the first window is kept
    assert (moved["side"], moved["window"]) == ("upper", "X1 / X2 in [0, 0.5]")
    assert TRUE_RATIO < moved["value"] <= 1.15 * TRUE_RATIO
    ratios = [limit["value"] for limit in said["limits"] if limit["side"] == "upper"][-3:]
    assert ratios == sorted(ratios, reverse=True)  # the wider the sum, the lower the ratio
    again = Problem.load(str(file))
    asked, before = again.to_dict(), Problem.load("walker-iv").to_dict()
    assert asked["constraints"][1].pop("within") == [0.0, moved["value"]]
    assert before["constraints"][1].pop("within") == [0.0, 0.5]
    for key in ("constraints", "variables", "limits", "minimise", "fixed"):
        assert asked[key] == before[key]


def test_another_window_can_be_kept_first(runs, capsys):
    assert main(["redesign", "last", "--keep", "2", "--json", "--catalogue", runs]) == 0
    (moved,) = json.loads(capsys.readouterr().out)["loosen"]
    assert (moved["side"], moved["window"]) == ("lower", "X1 + X2 in [0.9, 1]")
    assert 0.7 < moved["value"] <= moved["high"] < 0.9


def test_what_is_said_fits_a_terminal(runs, capsys):
    assert main(["redesign", "last", "--catalogue", runs]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "Loosen    X1 / X2 <= 0.5 to 1.2" in out
    assert "Unknown   " in out


def test_what_can_be_met_is_left_as_it_is(tmp_path, capsys):
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.learning.reach import proposed

    agent = Agent(stated("walker-ii", budget=15), HPLC, 0)
    Lab([0, 2017]).campaign(agent, 15)
    assert proposed(agent.optimiser.book.surrogate()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["last", "--keep", "3"], "has windows 1 to 2, and no 3 to keep"),
        (["last", "-o", __file__], "is there already"),
        (["abcd"], "abcd"),
    ],
)
def test_what_cannot_be_done_is_said(runs, capsys, arguments, text):
    before = Path(__file__).read_bytes()
    assert main(["redesign", *arguments, "--catalogue", runs]) == 2
    out, err = capsys.readouterr()
    assert text in err
    assert "Traceback" not in err
    assert out == ""
    assert Path(__file__).read_bytes() == before
