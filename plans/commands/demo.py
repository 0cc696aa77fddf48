"""``reactune demo``: run II of the paper on the emulated rig."""

import argparse

from .common import add_campaign

HELP = "tune the emulated reactor of the paper: run II, 100 experiments"
EXAMPLES = (
    "reactune demo",
    "reactune demo --budget 20",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_campaign(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.problem.model import Problem

    from .. import service
    from .terminal import carry_out

    # All experiments, though the optimiser is sure after a few dozen: it is a demonstration.
    problem = {**Problem.load("walker-ii").to_dict(), "stop": {"verdict": False}}
    seed = 1 if a.seed is None else a.seed
    return carry_out(a, service.run, problem, a.rig or "walker", seed=seed, budget=a.budget)
