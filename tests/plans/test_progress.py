"""What a campaign says while it runs, line by line."""

import io
import json
import math

import pytest
from rich.console import Console

from reactune.plans.progress import Progress

START = {
    "uid": "abc",
    "problem": {"minimise": "y", "budget": 9},
    "method": {},
    "lab_time": 0.0,
    "simulated": True,
    "rig": {"title": "A rig"},
    "title": "A campaign",
    "seed": 1,
}


def said(stream: str, **data) -> str:
    """Tell a listener of one event, and give the last line that it prints."""
    console = Console(file=io.StringIO(), width=80)
    listener = Progress(console)
    listener("start", START)
    listener("descriptor", {"uid": "d", "run_start": "abc", "name": stream})
    listener("event", {"descriptor": "d", "data": data})
    return console.file.getvalue().splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (0.00871, "0.0087"),
        (0.0, "0.0000"),
        (-12.5, "-12.5000"),
        (5.02e13, "5.020e+13"),
        (4.05e-12, "4.050e-12"),
    ],
)
def test_a_goal_is_told_whatever_its_size(goal, text):
    line = said("decision", number=1.0, feasibility="feasible", valid=1.0, goal=goal, best=math.nan)
    assert line.split()[3] == text


def test_an_explanation_of_earlier_results_is_never_certain():
    line = said("rediscovery", verdict="holds", probability=json.dumps({"holds": 0.9996}))
    assert line == "earlier results: they hold (>99% likely)"


@pytest.mark.parametrize(
    ("goal", "sd", "text"),
    [(6.284e-6, 0.004, "0.0000"), (-6.284e-6, 0.004, "0.0000"), (6.284e-6, 4e-8, "6.284e-06"),
     (6.284e-6, math.nan, "6.284e-06"), (0.0123, 0.004, "0.0123")],
)  # fmt: skip
def test_what_is_expected_has_no_digits_that_its_doubt_does_not_leave(goal, sd, text):
    best = {"best": 2.0, "best_goal": goal, "best_goal_sd": sd}
    line = said("decision", number=3.0, feasibility="feasible", valid=1.0, goal=0.1, **best)
    assert line.endswith(f"{text} (no. 2)")
