"""From a run that nothing fits to the next problem: through the command line."""

import json
import re
from pathlib import Path

from reactune.analysis.problem.model import Problem
from reactune.plans.cli import main
from tests.benchmarks.lab import HPLC, Lab, stated

TRUE_RATIO = 1.109
"""Lowest X1 / X2 with X1 + X2 >= 0.9 in the noise-free reaction."""


def test_from_a_run_that_nothing_fits_to_windows_that_can_be_met(tmp_path, capsys):
    """All that is asked of one run: it is what takes long."""
    folder = str(tmp_path / "runs")
    command = ["optimise", "walker-iv", "--seed", "1", "--budget", "20", "--json"]
    assert main([*command, "--catalogue", folder]) == 0
    capsys.readouterr()

    def ask(*arguments, code=0):
        assert main(["redesign", *arguments, "--catalogue", folder]) == code
        return capsys.readouterr()

    said = json.loads(ask("last", "-o", str(tmp_path / "next.toml"), "--json").out)
    check_proposed(said)
    check_written(tmp_path / "next.toml", said["loosen"][0]["value"])
    text = ask("last", "--keep", "2").out
    assert max(map(len, text.splitlines())) <= 80
    told = r"Loosen    X1 \+ X2 >= 0\.9 to (.*): the limit is between .* and (.*) \(90 %\)"
    value, high = map(float, re.search(told, text).groups())
    assert 0.7 < value <= high < 0.9
    assert "Unknown   " in text
    before = Path(__file__).read_bytes()
    for arguments, told in [
        (["last", "--keep", "3"], "has windows 1 to 2, and no 3 to keep"),
        (["last", "-o", __file__], "is there already"),
        (["abcd"], "abcd"),
    ]:
        out, err = ask(*arguments, code=2)
        assert told in err
        assert "Traceback" not in err
        assert out == ""
    assert Path(__file__).read_bytes() == before


def check_proposed(said):
    assert (said["n"], said["n_feasible"], said["mark"]) == (20, 0, "SIMULATED")
    (moved,) = said["loosen"]  # the first window is kept
    assert (moved["side"], moved["window"]) == ("upper", "X1 / X2 in [0, 0.5]")
    assert TRUE_RATIO < moved["value"] <= 1.15 * TRUE_RATIO
    ratios = [limit["value"] for limit in said["limits"] if limit["side"] == "upper"][-3:]
    assert ratios == sorted(ratios, reverse=True)  # the wider the sum, the lower the ratio


def check_written(file, proposed):
    asked, before = Problem.load(str(file)).to_dict(), Problem.load("walker-iv").to_dict()
    assert asked["constraints"][1].pop("within") == [0.0, proposed]
    assert before["constraints"][1].pop("within") == [0.0, 0.5]
    for key in ("constraints", "variables", "limits", "minimise", "fixed"):
        assert asked[key] == before[key]


def test_what_can_be_met_is_left_as_it_is(tmp_path, capsys):
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.learning.reach import proposed

    agent = Agent(stated("walker-ii", budget=15), HPLC, 0)
    Lab([0, 2017]).campaign(agent, 15)
    assert proposed(agent.optimiser.book.surrogate()) == []


def test_why_there_is_no_model_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    stated = 'maximise = "y"\nmeasured = ["y"]\nconstraints = ["y <= 2 +/- 1"]\nbudget = 9\n'
    words = '[variables]\nx = { range = [0, 9] }\nsolvent = { choices = ["THF", "DMF"] }\n'
    numbers = "[variables]\nx = { range = [0, 9] }\n"
    rows = "x,solvent,y\n" + "".join(f"{i},THF,{i}\n" for i in range(7))
    for problem, table, told in (
        (words, rows, "its variables are words or steps, between which there is nothing"),
        (numbers, "x,y\n1,1\n", "1 experiment is too few for a model, which takes 3: measure more"),
        (f'optimiser.model = "merit"\n{numbers}', rows, "has optimiser.model = 'merit', which"),
    ):
        Path("problem.toml").write_text(stated + problem)
        Path("table.csv").write_text(table)
        assert main(["ask", "problem.toml", "table.csv", "-n", "1"]) == 0
        capsys.readouterr()
        assert main(["redesign", "last"]) == 2
        assert told in capsys.readouterr().err
