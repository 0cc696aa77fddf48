"""The ``reactune`` command: wires the layers and prints; holds no logic of its own."""

import argparse
import contextlib
import json
import os
import secrets
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy to import: a command imports what it needs when it runs
    from reactune.analysis.agent import Agent
    from reactune.analysis.catalogue import Catalogue, Run
    from reactune.analysis.problem import Problem
    from reactune.devices.rig import FlowRig
    from reactune.devices.rigfile import RigFile

DONE, OURS, YOURS = 0, 1, 2
"""Exit codes: done; our fault (or the rig's); the user's input."""


class _UserError(Exception):
    """A sentence for the user about the input: exit 2, no traceback."""


class _RigError(Exception):
    """A sentence for the user about the hardware: exit 1, no traceback."""


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
    except _UserError as error:
        print(error, file=sys.stderr)
        return YOURS
    except _RigError as error:
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
        "--catalogue", metavar="DIR", help="where runs are stored [~/.local/share/reactune]"
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
        "demo", _demo, "tune the emulated reactor of the paper: run II, 100 experiments", campaign
    )
    sub = command("check", _check, "say in words what a problem file asks, without hardware", rig)
    sub.add_argument("problem", metavar="PROBLEM")
    sub = command("optimise", _optimise, "run a campaign", campaign)
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
        _rediscover,
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


# -- campaigns ------------------------------------------------------------------


def _demo(a: argparse.Namespace) -> int:
    a.seed = 1 if a.seed is None else a.seed
    return _campaign(a, _problem("walker-ii", a.budget))


def _optimise(a: argparse.Namespace) -> int:
    if not a.resume:
        if not a.problem:
            raise _UserError("optimise: name a PROBLEM, or an interrupted campaign: --resume UID")
        return _campaign(a, _problem(a.problem, a.budget))
    if a.problem or a.seed is not None or a.budget is not None:
        raise _UserError(
            "optimise: --resume goes on with the stored problem, seed and budget; leave them out"
        )
    return _resume(a)


def _resume(a: argparse.Namespace) -> int:
    from reactune.analysis import rediscovery

    with _catalogue(a) as catalogue:
        run = _stored(catalogue, a.resume)
    with _catalogue(a, writing=True) as catalogue:  # only now nobody else can be at this run
        with _said(ValueError, LookupError):
            agent = rediscovery.resume(catalogue, run.uid)
        if reason := agent.finished():
            raise _UserError(f"run {run.uid[:8]} needs no resuming: {reason}")
        injections = sum(1 for c in agent.conclusions if c.recorded)
        config = _rig_file(a.rig) if a.rig else _stored_rig(run)
        if wrong := _changed(agent, config):
            raise _UserError(wrong)
        return _run(a, catalogue, config, agent, injections=injections, resumes=run.uid)


def _changed(agent: "Agent", config: "RigFile") -> str | None:
    """Say why a rig cannot go on with a campaign; ports and what is in the syringes may differ."""
    from .matching import method_of, misfits

    if wrong := misfits(agent.problem, config):
        return "\n".join(wrong)
    if method_of(config) != agent.method:
        return "this rig reads its traces by another HPLC method than the campaign did so far"
    return None


def _rediscover(a: argparse.Namespace) -> int:
    from reactune.analysis import rediscovery

    with _catalogue(a) as catalogue, _said(ValueError, LookupError):
        run = _stored(catalogue, a.uid)
        problem = rediscovery.agent_of(run.start).problem
        first = rediscovery.starting_points(catalogue, run.uid, problem.batch)
    if not first:
        raise _UserError(f"run {run.uid[:8]} has no valid experiment to start from")
    config = _rig_file(a.rig) if a.rig else _stored_rig(run)
    agent = _agent(_problem(problem, a.budget), config, a.seed, first)
    with _catalogue(a, writing=True) as catalogue:
        return _run(a, catalogue, config, agent, rediscovers=run.uid)


def _campaign(a: argparse.Namespace, problem: "Problem") -> int:
    """Start a campaign from nothing."""
    config = _rig_file(a.rig or "walker")
    agent = _agent(problem, config, a.seed)
    with _catalogue(a, writing=True) as catalogue:
        return _run(a, catalogue, config, agent)


def _run(
    a: argparse.Namespace,
    catalogue: "Catalogue",
    config: "RigFile",
    agent: "Agent",
    *,
    injections: int = 0,
    **md: str,
) -> int:
    """Run a campaign and say how it ended; stdout carries the result and nothing else."""
    from rich.console import Console

    from .optimise import CampaignError, optimise
    from .progress import Progress
    from .session import Session

    say = Console(stderr=True, highlight=False, markup=False)  # faults may hold [brackets]
    if config.emulation:
        config = config.emulating(seed=agent.seed, first_injection=injections)
    with contextlib.redirect_stdout(sys.stderr), _rig(config) as rig:
        session = Session(rig, catalogue)
        progress = Progress(say)
        session.RE.subscribe(progress)  # type: ignore[no-untyped-call]  # bluesky's own
        try:
            trouble = session.run(optimise(agent.problem, rig, agent=agent, md=md))
        except CampaignError as fault:
            trouble = str(fault)
            say.print(f"Ended by a fault: {fault}", style="bold red", soft_wrap=True)
        if rig.last_report is not None:
            say.print("\n".join(("Safe state:", *rig.last_report.lines)), soft_wrap=True)
    catalogue.flush()
    if not progress.uid:  # it ended before its run was opened
        return OURS
    stored = _say_result(a, catalogue, progress.uid)
    return DONE if stored and not trouble else OURS


def _agent(
    problem: "Problem",
    config: "RigFile",
    seed: int | None,
    first: "Sequence[dict[str, float]]" = (),
) -> "Agent":
    """Make the agent of a new campaign, once it is clear that the rig can carry it out."""
    from reactune.analysis.agent import Agent

    from .matching import method_of, misfits

    seed = secrets.randbelow(2**31) if seed is None else seed
    with _said(ValueError):
        if wrong := misfits(problem, config):
            raise _UserError("\n".join(wrong))
        return Agent(problem, method_of(config), seed=seed, first=first)


def _say_result(a: argparse.Namespace, catalogue: "Catalogue", uid: str) -> bool:
    """Print the summary, leave page and picture in the catalogue's folder.

    Returns whether the run is stored to its end; it is not if the disk was full.
    """
    from reactune.analysis.campaign import Campaign
    from reactune.analysis.rediscovery import lineage
    from reactune.analysis.report import write_html, write_png
    from reactune.analysis.summary import summarise

    with _said(ValueError, LookupError):  # no campaign, a damaged journal, an earlier run is gone
        campaign = Campaign.of(lineage(catalogue, uid))
    summary = summarise(campaign)
    print(json.dumps(summary.to_json()) if a.json else summary.to_text())
    folder = catalogue.folder / "reports"
    page, picture = folder / f"{uid[:8]}.html", folder / f"{uid[:8]}.png"
    try:
        folder.mkdir(exist_ok=True)
        write_html(campaign, page)
        write_png(campaign, picture)
    except OSError as error:  # an archive that cannot be written to can still be looked at
        print(f"No page and picture: {error}", file=sys.stderr)
    else:
        if not a.json:
            print(f"Page: {page}\nPicture: {picture}")
    return campaign.run.stop is not None


# -- stored runs --------------------------------------------------------------------


def _runs(a: argparse.Namespace) -> int:
    with _catalogue(a) as catalogue:
        runs = catalogue.runs()
        if not runs:
            print(f"No runs yet in {catalogue.folder}; reactune demo makes one.")
        for run in reversed(runs):  # the newest last, where the eye is
            when = datetime.fromtimestamp(run.time).strftime("%Y-%m-%d %H:%M")
            rig = "simulated" if run.simulated else "REAL"
            line = f"{run.uid[:8]}  {when}  {rig:<9}  {run.events:>3} events  {run.title or ''}"
            print(textwrap.shorten(line, 80, placeholder=" ..."))
            print(textwrap.indent(textwrap.fill(run.reason or run.exit_status, 70), " " * 10))
    return DONE


def _show(a: argparse.Namespace) -> int:
    with _catalogue(a) as catalogue:
        _say_result(a, catalogue, _stored(catalogue, a.uid).uid)
    return DONE


def _replay(a: argparse.Namespace) -> int:
    from reactune.analysis.rediscovery import replay

    with _catalogue(a) as catalogue, _said(ValueError, LookupError):
        result = replay(catalogue, _stored(catalogue, a.uid).uid)
    print(f"{result.identical} of {result.n} asks identical")
    for difference in result.differences:
        print(difference)
    return OURS if result.differences else DONE


# -- rig ----------------------------------------------------------------------------


def _check(a: argparse.Namespace) -> int:
    from reactune.analysis.words import in_words

    from .matching import forecast, misfits

    problem, config = _problem(a.problem), _rig_file(a.rig or "walker")
    with _said(ValueError):  # limits that no space can map
        wrong = misfits(problem, config)
        cost = None if wrong else forecast(problem, config)
        print(in_words(problem, cost.hours, cost.volumes) if cost else in_words(problem))
    if wrong:
        raise _UserError("\n".join((f"This rig ({config.title}) cannot do it:", *wrong)))
    _agent(problem, config, seed=0)  # what only the optimiser can refuse
    return DONE


def _emulate(a: argparse.Namespace) -> int:
    from reactune.devices.rigfile import RigError

    from .emulate import emulate

    with _said(RigError):
        emulate(_rig_file(a.rig or "walker"), a.transport, a.seed, a.write)
    return DONE


def _safe(a: argparse.Namespace) -> int:
    if not a.rig:
        raise _UserError("safe: say which rig: --rig FILE")
    with _rig(_rig_file(a.rig)) as rig:
        report = rig.safe()
    print("\n".join(report.lines))
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
    return DONE


# -- what commands share -------------------------------------------------------------


@contextlib.contextmanager
def _said(*kinds: type[Exception]) -> Iterator[None]:
    """Hand errors whose text is a sentence for the user on as such."""
    try:
        yield
    except kinds as error:
        raise _UserError(str(error)) from error


def _problem(source: "str | Problem", budget: int | None = None) -> "Problem":
    from reactune.analysis.problem import Problem, ProblemError

    with _said(ProblemError):
        problem = Problem.load(source)
        if budget is not None:
            problem = Problem.load({**problem.to_dict(), "budget": budget})
        return problem


def _rig_file(source: str) -> "RigFile":
    from reactune.devices.rigfile import RigError, load

    with _said(RigError):
        return load(source)


@contextlib.contextmanager
def _rig(config: "RigFile") -> "Iterator[FlowRig]":
    """Open a rig; what hardware cannot do is said in its own sentence."""
    from reactune.devices.rig import FlowRig, RigError
    from reactune.devices.transport import InstrumentError, TransportError

    try:
        rig = FlowRig.open(config)
    except RigError as error:
        raise _UserError(str(error)) from error
    except (TransportError, InstrumentError) as error:
        raise _RigError(str(error)) from error
    with rig:
        yield rig


def _stored_rig(run: "Run") -> "RigFile":
    """Give the rig file that a run was made with."""
    from reactune.devices.rigfile import RigFile

    return RigFile.model_validate(run.start["rig"]["file"])


def _catalogue(a: argparse.Namespace, *, writing: bool = False) -> "Catalogue":
    from reactune.analysis.catalogue import Catalogue, CatalogueBusy

    if writing and sys.stderr.isatty():
        print("Opening the catalogue ...", file=sys.stderr)  # it takes some seconds
    with _said(CatalogueBusy, OSError):
        return Catalogue(a.catalogue, writing=writing)


def _stored(catalogue: "Catalogue", uid: str) -> "Run":
    from reactune.analysis.catalogue import UnknownRun

    with _said(UnknownRun):
        return catalogue[uid]


if __name__ == "__main__":
    sys.exit(main())
