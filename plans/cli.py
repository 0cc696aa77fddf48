"""The ``reactune`` command: wires the layers and prints; holds no logic of its own."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .opening import (
    RigTroubleError,
    UserError,
    catalogue_of,
    problem_of,
    rig_file,
    said,
    stored_run,
)
from .service import DONE, OURS, YOURS, demo, new_agent, optimise, rediscover, say_result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 done, 2 the user's input is wrong, 1 anything else.
    """
    # Small matrices only: threads of the linear algebra would cost more than they bring.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except UserError as error:
        print(error, file=sys.stderr)
        return YOURS
    except RigTroubleError as error:
        print(error, file=sys.stderr)
        return OURS
    except BrokenPipeError:  # the reader of our output went away (reactune runs | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        prog="reactune",
        description="Tune the products of a chemical reaction in a flow reactor, unattended.",
        epilog="A PROBLEM is a TOML file or one of the built-in walker-i ... walker-vi.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(run=lambda a: _version() if a.version else _help(parser))

    def command(
        name: str, run: object, text: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, parents=list(parents))
        sub.set_defaults(run=run)
        return sub

    stored = argparse.ArgumentParser(add_help=False)
    stored.add_argument(
        "--catalogue",
        metavar="DIR",
        help="where runs are stored [XDG_DATA_HOME/reactune: ~/.local/share/reactune]",
    )
    rig = argparse.ArgumentParser(add_help=False)
    rig.add_argument(
        "--rig", metavar="FILE", help="rig file, or 'walker': the paper's rig, emulated [walker]"
    )
    campaign = argparse.ArgumentParser(add_help=False, parents=[stored, rig])
    campaign.add_argument(
        "--seed",
        type=_seed,
        help="seed of the optimiser and of an emulated rig [drawn, and stored]",
    )
    campaign.add_argument(
        "--budget", type=int, metavar="N", help="experiments at most, in place of the problem's"
    )
    campaign.add_argument(
        "--json", action="store_true", help="print one JSON object on stdout, nothing else"
    )

    command(
        "demo", demo, "tune the emulated reactor of the paper: run II, 100 experiments", campaign
    )
    sub = command("check", _check, "say in words what a problem file asks, without hardware", rig)
    sub.add_argument("problem", metavar="PROBLEM")
    sub = command("optimise", optimise, "run a campaign", campaign)
    sub.add_argument("problem", metavar="PROBLEM", nargs="?")
    sub.add_argument(
        "--resume",
        metavar="UID",
        help="go on with an interrupted campaign; with --rig if ports or syringes have changed",
    )
    command("runs", _runs, "list the stored runs", stored)
    sub = command("show", _show, "show a stored run again: summary and page", stored)
    sub.add_argument("uid", metavar="UID")
    sub.add_argument("--json", action="store_true", help="print the summary as JSON")
    sub = command(
        "replay", _replay, "feed a stored run through the agent and compare every ask", stored
    )
    sub.add_argument("uid", metavar="UID")
    sub = command(
        "rediscover",
        rediscover,
        "start a campaign from the best points of an earlier one",
        campaign,
    )
    sub.add_argument("uid", metavar="UID")
    sub = command(
        "emulate",
        _emulate,
        "run the emulated instruments in a process of their own, in real time",
        rig,
    )
    sub.add_argument(
        "--transport", choices=["pty", "tcp"], default="tcp", help="what they listen on [tcp]"
    )
    sub.add_argument(
        "--write", type=Path, metavar="FILE", help="write a rig file that points to them"
    )
    sub.add_argument("--seed", type=int, default=0, help="seed of the noise [0]")
    command("shell", _shell, "an IPython session with RE, cat, rig, optimise, ...", stored, rig)
    command("safe", _safe, "bring a rig to its safe state", rig)
    return parser


def _seed(text: str) -> int:
    """Read a seed, as numpy's generators take it."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text}")
    return int(text)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return DONE


def _version() -> int:
    from importlib.metadata import version

    print(f"reactune {version('reactune')}")
    return DONE


# -- stored runs --------------------------------------------------------------------


def _runs(a: argparse.Namespace) -> int:
    with catalogue_of(a) as catalogue:
        runs = catalogue.runs()
        if not runs:
            print(f"No runs yet in {catalogue.folder}; reactune demo makes one.")
        for run in reversed(runs):  # the newest last, where the eye is
            when = datetime.fromtimestamp(run.time).strftime("%Y-%m-%d %H:%M")
            rig = {True: "simulated", False: "REAL", None: "unmarked"}[run.simulated]
            print(f"{run.uid[:8]}  {when}  {rig:<9}  {run.events:>3} experiments")
            ending = run.reason or run.exit_status
            if run.plan_name == "optimise" and run.exit_status not in ("success", "running"):
                ending += f"; to go on: reactune optimise --resume {run.uid[:8]}"
            for text in (run.title or "", ending):
                print(textwrap.fill(text, 80, initial_indent=" " * 10, subsequent_indent=" " * 10))
    return DONE


def _show(a: argparse.Namespace) -> int:
    with catalogue_of(a) as catalogue:
        say_result(a, catalogue, stored_run(catalogue, a.uid).uid)
    return DONE


def _replay(a: argparse.Namespace) -> int:
    from reactune.analysis.campaign.replay import replay

    with catalogue_of(a) as catalogue, said(ValueError, LookupError):
        result = replay(catalogue, stored_run(catalogue, a.uid).uid)
    print(f"{result.identical} of {result.n} asks identical")
    for difference in result.differences:
        print(difference)
    return OURS if result.differences else DONE


# -- rig ----------------------------------------------------------------------------


def _check(a: argparse.Namespace) -> int:
    from reactune.analysis.problem.in_words import in_words

    from .compatibility import forecast, incompatibilities

    problem, config = problem_of(a.problem), rig_file(a.rig or "walker")
    with said(ValueError):  # limits that no space can map
        wrong = incompatibilities(problem, config)
        cost = None if wrong else forecast(problem, config)
        print(in_words(problem, cost.hours, cost.volumes) if cost else in_words(problem))
    if wrong:
        raise UserError("\n".join((f"This rig ({config.title}) cannot do it:", *wrong)))
    new_agent(problem, config, seed=0)  # what only the optimiser can refuse
    print(f"Fits the rig: {config.title}.")
    return DONE


def _emulate(a: argparse.Namespace) -> int:
    from reactune.devices.rigfile import RigError

    from .emulate import emulate

    with said(RigError):
        emulate(rig_file(a.rig or "walker"), a.transport, a.seed, a.write)
    return DONE


def _safe(a: argparse.Namespace) -> int:
    if not a.rig:
        raise UserError("safe: say which rig: --rig FILE")
    from reactune.devices.rig.safety import make_hardware_safe

    config = rig_file(a.rig)
    if config.emulation is not None:
        raise UserError("safe: this rig is emulated, only while a campaign runs is there one")
    report = make_hardware_safe(config)
    print("\n".join(report.lines))
    if not report.confirmed:
        print(
            "If a campaign is running on this rig, Ctrl-C there (or kill -TERM) makes it safe.",
            file=sys.stderr,
        )
    return DONE if report.confirmed else OURS


def _shell(a: argparse.Namespace) -> int:
    import IPython

    import reactune.devices

    profile = Path(reactune.devices.__file__).parents[1] / "profile" / "profile_reactune"
    if a.rig:
        os.environ["REACTUNE_RIG"] = a.rig
    if a.catalogue:
        os.environ["REACTUNE_CATALOGUE"] = a.catalogue
    IPython.start_ipython([f"--profile-dir={profile}"])
    if session := sys.modules.get("reactune.plans.startup"):
        # Now: from Python 3.12 on, Tiled cannot write any more once the interpreter shuts down.
        session.rig.close()
        session.cat.close()
    return DONE


if __name__ == "__main__":
    sys.exit(main())
