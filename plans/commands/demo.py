"""``reactune demo``: a campaign on an emulated rig, by default run II of the paper."""

import argparse

from .common import add_campaign

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


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.problem.model import Problem

    from .. import service
    from .terminal import carry_out

    name, rig = DEMOS[a.reaction]
    problem = Problem.load(name).to_dict()
    if a.reaction == "walker2017":
        # All experiments, though the optimiser is sure after a few dozen: it is a demonstration.
        problem |= {"stop": {"verdict": False}}
    seed = 1 if a.seed is None else a.seed
    return carry_out(a, service.run, problem, a.rig or rig, seed=seed, budget=a.budget)
