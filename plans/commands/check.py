"""``reactune check``: say in words what a problem file asks, without hardware."""

import argparse

from .common import EXIT_DONE, add_rig

HELP = "say in words what a problem file asks, without hardware"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rig(parser)
    parser.add_argument("problem", metavar="PROBLEM")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.problem.in_words import in_words

    from ..compatibility import forecast, incompatibilities
    from ..errors import UserError, told
    from ..preparation import load_problem, load_rig, new_campaign

    problem, rig = load_problem(a.problem), load_rig(a.rig or "walker")
    with told(ValueError):  # limits that no space can map
        wrong = incompatibilities(problem, rig)
        cost = None if wrong else forecast(problem, rig)
        print(in_words(problem, cost.hours, cost.volumes) if cost else in_words(problem))
    if wrong:
        raise UserError("\n".join((f"This rig ({rig.title}) cannot do it:", *wrong)))
    new_campaign(problem, rig, seed=0)  # what only the optimiser can refuse
    print(f"Fits the rig: {rig.title}.")
    return EXIT_DONE
