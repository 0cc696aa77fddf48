"""``reactune demo``: a campaign on an emulated rig, by default run II of the paper."""

import argparse
from typing import Any

from ..terminal.options import add_campaign

DEMOS = {
    "walker2017": ("walker-ii", "walker"),
    "snar": ("snar", "snar"),
    "catalysts": ("catalysts", "catalysts"),
}
"""By reaction: problem and rig."""

HELP = "tune an emulated reactor: run II of the paper, 100 experiments, or another reaction"
EXAMPLES = (
    "reactune demo",
    "reactune demo --reaction snar --budget 20",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--reaction",
        choices=DEMOS,
        default="walker2017",
        help="what happens in the reactor, with a problem and a rig of its own [walker2017]",
    )
    add_campaign(parser)


def problem_of(reaction: str) -> dict[str, Any]:
    """Give the problem of a reaction's demo, as a table."""
    from reactune.analysis.problem.model import Problem

    problem = Problem.load(DEMOS[reaction][0]).to_dict()
    if reaction == "walker2017":
        # All experiments, though the optimiser is sure after a few dozen: it is a demonstration.
        # So many tell on which side of the window that binds a point is: be sure of that.
        confidence = {"confidence": 0.9}
        problem |= {"stop": {"verdict": False}, "optimiser": problem["optimiser"] | confidence}
    return problem


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from .. import service
    from ..terminal.campaign import carry_out

    seed = 1 if a.seed is None else a.seed
    rig = a.rig or DEMOS[a.reaction][1]
    return carry_out(a, service.run, problem_of(a.reaction), rig, seed=seed, budget=a.budget)
