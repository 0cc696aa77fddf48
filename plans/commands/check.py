"""``reactune check``: say in words what a problem file asks, and whether the rig can do it."""

import argparse
import textwrap
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, EXIT_FAILURE, add_problem, add_rig, check_target

if TYPE_CHECKING:
    from reactune.analysis.problem.model import Problem
    from reactune.devices.rig.greeting import Greeting
    from reactune.devices.rigfile import RigFile

_LABEL = 18  # columns of the left-hand column

HELP = "say in words what a problem file asks, without hardware; or see which instruments answer"
EXAMPLES = (
    "reactune check snar.toml",
    "reactune check adducts.toml --rig my-rig.toml",
    "reactune check --connect --rig my-rig.toml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rig(parser)
    add_problem(parser, optional=True)
    parser.add_argument(
        "--connect",
        action="store_true",
        help="greet every instrument of the rig, without moving or heating anything",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="with --connect: write down what went over the lines",
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..errors import UserError
    from ..preparation import load_rig

    if a.record and not a.connect:
        raise UserError("check: --record writes down what --connect hears; give --connect, too")
    if not a.problem and not a.connect:
        raise UserError("check: name a PROBLEM, or --connect to greet the rig's instruments")
    name = a.rig or "walker"
    rig = load_rig(name)
    if a.problem:
        _check(a.problem, rig, named=a.rig is not None)
    return _connect(rig, name, a.record) if a.connect else EXIT_DONE


def _check(source: str, rig: "RigFile", named: bool) -> None:
    """Say what a problem asks, and what keeps the rig from it."""
    from reactune.analysis.problem.in_words import in_words

    from ..compatibility import analytics_of, incompatibilities, ways
    from ..costs import forecast
    from ..errors import UserError, told
    from ..fitting import fitted
    from ..making.washing import how
    from ..preparation import new_campaign
    from ..problems import load_problem

    problem = load_problem(source)
    if not named and not {*problem.measured} & {*analytics_of(rig).names}:
        _of_no_rig(problem, source)
        return
    with told(ValueError):  # limits that no space can map
        wrong = incompatibilities(problem, rig)
        cost = None if wrong else forecast(problem, rig)
        problem = problem if wrong else fitted(problem, rig)
        if not (wrong and problem.unmet):  # what a rig's words mean is known on a rig that fits
            say(in_words(problem, cost.hours, cost.volumes) if cost else in_words(problem))
    if wrong:
        raise UserError("\n".join((f"This rig ({rig.title}) cannot do it:", *wrong)))
    new_campaign(problem, rig, seed=0)  # what only the optimiser can refuse
    for label, lines in (("To choose:", ways(problem, rig)), ("To wash:", how(rig))):
        if lines:
            say("\n".join((label, *(f"  {line}" for line in lines))))
    say(f"Fits the rig: {rig.title}.")


def _of_no_rig(problem: "Problem", source: str) -> None:
    """Say what a problem asks whose quantities the built-in rig has never heard of."""
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.problem.in_words import in_words

    from ..errors import told

    with told(ValueError):
        say(in_words(problem))
        Agent(problem)  # what only the optimiser can refuse
    told_how = (
        f"For a table that you keep: reactune ask {source} results.csv. Whether it fits a rig: "
        f"reactune check {source} --rig FILE."
    )
    say(textwrap.fill(told_how, 80, subsequent_indent="  ", break_on_hyphens=False))


def _page(greeting: "Greeting") -> list[str]:
    """Write down what an instrument told of itself, at most 80 columns wide."""
    rows = [("", greeting.name)] if greeting.name else []
    rows += greeting.facts.items()
    rows += [("look at", sentence) for sentence in greeting.look]
    if greeting.wrong:
        rows.append(("NO", greeting.wrong))
    requests = len(greeting.exchanges)
    lines = ["", f"{greeting.instrument}, {greeting.protocol}: {requests} requests"]
    for label, text in rows:
        start = f"  {label:<{_LABEL}}"
        lines.append(
            textwrap.fill(
                text,
                80,
                initial_indent=start,
                subsequent_indent=" " * len(start),
                break_on_hyphens=False,
            )
        )
    return lines


def _connect(rig: "RigFile", name: str, record: Path | None) -> int:
    """Say of each instrument what answers, and what is wrong."""
    from reactune.devices.opening import greet
    from reactune.devices.rig.greeting import write_record
    from reactune.devices.rigfile import RigError

    from ..errors import told

    check_target(record, r'\{"instrument": .*')
    with told(RigError):
        greetings = greet(rig)
    # emulated instruments in another process look like hardware, but name themselves
    simulated = rig.emulation or any("EMULATED" in greeting.name for greeting in greetings)
    mark = "SIMULATED" if simulated else "REAL HARDWARE"
    say(f"{mark}  {rig.title}\nGreeted {datetime.now():%Y-%m-%d %H:%M}\nRig file {name}")
    for greeting in greetings:
        say("\n".join(_page(greeting)))
    silent = [greeting.instrument for greeting in greetings if greeting.wrong]
    right = f"{len(greetings) - len(silent)} of {len(greetings)} answered as they should"
    say(f"\n{right}" + (f"; not so: {', '.join(silent)}" if silent else ""))
    if record:
        with told(OSError):
            write_record(greetings, record)
        say(f"What went over the lines: {record}")
    return EXIT_FAILURE if any(greeting.wrong for greeting in greetings) else EXIT_DONE
