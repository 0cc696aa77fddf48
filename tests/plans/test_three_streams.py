"""A campaign on three streams, analysed by other software: command, session and script."""

import subprocess
import sys

import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from tests.plans.software import tables, written


def whole(folder, budget) -> list[dict]:
    """Give the decisions of the newest run, which is one whole campaign of the three streams."""
    with Catalogue(folder) as catalogue:
        run = catalogue[-1]
        decisions = list(run.events("decision"))
        assert run.stop["exit_status"] == "success"
    assert len(decisions) == budget
    for decision in decisions:
        assert decision["valid"] == 1
        shares = [decision[name] for name in ("dfnb", "ortho", "para", "bis")]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
    return decisions


@pytest.mark.parametrize("kind", ["table", "trace"])
def test_three_streams_of_a_reaction_file(tmp_path, capsys, kind):
    rig = written(tmp_path, tables(kind, of="snar"))
    where = ["--rig", rig, "--catalogue", str(tmp_path / "runs"), "--seed", "1"]
    assert main(["check", "snar", "--rig", rig]) == 0
    assert main(["optimise", "snar", "--budget", "8", *where]) == 0
    assert "Stopped   budget: 8 of 8 experiments done" in capsys.readouterr().out
    whole(tmp_path / "runs", 8)


SESSION = """\
RE(optimise({**Problem.load("snar").to_dict(), "budget": 3}, seed=1))
summary()
"""

SCRIPT = """\
import sys
from reactune.plans import service

outcome = service.run("snar", sys.argv[1], catalogue=sys.argv[2], seed=1, budget=3)
print(outcome.finished, outcome.reason)
"""


@pytest.mark.parametrize("way", ["session", "script"])
def test_three_streams_and_a_table_in_a_session_and_by_a_script(tmp_path, way):
    """As by the command line, each in a process of its own."""
    rig, runs = written(tmp_path, tables(of="snar")), str(tmp_path / "runs")
    (tmp_path / "campaign.py").write_text(SCRIPT)
    command = {
        "session": ["-m", "reactune", "shell", "--rig", rig, "--catalogue", runs],
        "script": [str(tmp_path / "campaign.py"), rig, runs],
    }[way]
    done = subprocess.run(
        [sys.executable, *command],
        input=SESSION if way == "session" else None,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    told = {"session": "3/3", "script": "True budget: 3 of 3 experiments done"}[way]
    assert told in done.stdout
    whole(runs, 3)
