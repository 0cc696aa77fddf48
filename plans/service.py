"""The commands that run a campaign: new, resumed or rediscovered; and how its result is said."""

import argparse
import contextlib
import json
import secrets
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .opening import (
    UserError,
    catalogue_of,
    open_rig,
    problem_of,
    rig_file,
    said,
    stored_rig,
    stored_run,
)

if TYPE_CHECKING:  # heavy to import: a command imports what it needs when it runs
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.problem.model import Problem
    from reactune.analysis.storage.catalogue import Catalogue
    from reactune.devices.rigfile import RigFile

DONE, OURS, YOURS = 0, 1, 2
"""Exit codes: done; our fault (or the rig's); the user's input."""


def demo(a: argparse.Namespace) -> int:
    """Run the command ``demo``: run II of the paper on the emulated rig."""
    from reactune.analysis.problem.model import Problem

    a.seed = 1 if a.seed is None else a.seed
    # All experiments, though the optimiser is sure after a few dozen: it is a demonstration.
    stated = Problem.load("walker-ii").to_dict() | {"stop": {"verdict": False}}
    return _campaign(a, problem_of(Problem.load(stated), a.budget))


def optimise(a: argparse.Namespace) -> int:
    """Run the command ``optimise``: a new campaign, or an interrupted one further."""
    if not a.resume:
        if not a.problem:
            raise UserError("optimise: name a PROBLEM, or an interrupted campaign: --resume UID")
        return _campaign(a, problem_of(a.problem, a.budget))
    if a.problem or a.seed is not None or a.budget is not None:
        raise UserError(
            "optimise: --resume goes on with the stored problem, seed and budget; leave them out"
        )
    return _resume(a)


def _resume(a: argparse.Namespace) -> int:
    from reactune.analysis.campaign import replay

    with catalogue_of(a) as catalogue:
        run = stored_run(catalogue, a.resume)
    with catalogue_of(a, writing=True) as catalogue:  # only now nobody else can be at this run
        with said(ValueError, LookupError):
            agent = replay.resume(catalogue, run.uid)
        if reason := agent.finished():
            raise UserError(f"run {run.uid[:8]} needs no resuming: {reason}")
        injections = sum(1 for c in agent.conclusions if c.recorded)
        config = rig_file(a.rig) if a.rig else stored_rig(run)
        if config.emulation is None and not a.rig:
            raise UserError(
                f"run {run.uid[:8]} was on hardware: give the rig file with --rig, with what is in "
                "the syringes now (streams.*.filled)"
            )
        if wrong := _changed(agent, config):
            raise UserError(wrong)
        return _run(a, catalogue, config, agent, injections=injections, resumes=run.uid)


def _changed(agent: "Agent", config: "RigFile") -> str | None:
    """Say why a rig cannot go on with a campaign; ports and what is in the syringes may differ."""
    from .compatibility import incompatibilities, method_of

    if wrong := incompatibilities(agent.problem, config):
        return "\n".join(wrong)
    if method_of(config) != agent.method:
        return "this rig reads its traces by another HPLC method than the campaign did so far"
    return None


def rediscover(a: argparse.Namespace) -> int:
    """Run the command ``rediscover``: begin where an earlier campaign was good."""
    from reactune.analysis.campaign import replay
    from reactune.analysis.learning.warm_start import starting_points

    with catalogue_of(a) as catalogue, said(ValueError, LookupError):
        run = stored_run(catalogue, a.uid)
        problem = replay.agent_of(run.start).problem
        first = starting_points(catalogue, run.uid, problem.batch)
    if not first:
        raise UserError(f"run {run.uid[:8]} has no valid experiment to start from")
    config = rig_file(a.rig) if a.rig else stored_rig(run)
    agent = new_agent(problem_of(problem, a.budget), config, a.seed, first)
    with catalogue_of(a, writing=True) as catalogue:
        return _run(a, catalogue, config, agent, rediscovers=run.uid)


def _campaign(a: argparse.Namespace, problem: "Problem") -> int:
    """Start a campaign from nothing."""
    config = rig_file(a.rig or "walker")
    agent = new_agent(problem, config, a.seed)
    with catalogue_of(a, writing=True) as catalogue:
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

    from .campaign import CampaignError, optimise
    from .progress import Progress
    from .session import Session

    say = Console(stderr=True, highlight=False, markup=False)  # faults may hold [brackets]
    if config.emulation:
        config = config.emulating(seed=agent.seed, first_injection=injections)
    with contextlib.redirect_stdout(sys.stderr), open_rig(config) as rig:
        session = Session(rig, catalogue)
        goals = {c.number: agent.problem.sign * c.f for c in agent.conclusions}
        progress = Progress(say, goals)
        session.RE.subscribe(progress)  # type: ignore[no-untyped-call]  # bluesky's own
        try:
            trouble = session.run(optimise(agent.problem, rig, agent=agent, md=md))
        except CampaignError as fault:
            trouble = str(fault)
            say.print(f"Ended by a fault: {fault}", style="bold red", soft_wrap=True)
        confirmed = rig.last_report is not None and rig.last_report.confirmed
        if rig.last_report is not None:
            say.print("\n".join(("Safe state:", *rig.last_report.lines)), soft_wrap=True)
    catalogue.flush()
    if not progress.uid:  # it ended before its run was opened
        return OURS
    stored = say_result(a, catalogue, progress.uid)
    well = agent.finished() and confirmed and stored and not trouble
    return DONE if well else OURS


def new_agent(
    problem: "Problem",
    config: "RigFile",
    seed: int | None,
    first: "Sequence[dict[str, float]]" = (),
) -> "Agent":
    """Make the agent of a new campaign, once it is clear that the rig can carry it out."""
    from reactune.analysis.campaign.agent import Agent

    from .compatibility import incompatibilities, method_of

    seed = secrets.randbelow(2**31) if seed is None else seed
    with said(ValueError):
        if wrong := incompatibilities(problem, config):
            raise UserError("\n".join(wrong))
        return Agent(problem, method_of(config), seed=seed, first=first)


def say_result(a: argparse.Namespace, catalogue: "Catalogue", uid: str) -> bool:
    """Print the summary, leave page and picture in the catalogue's folder.

    Returns whether the run is stored to its end; it is not if the disk was full.
    """
    from reactune.analysis.report.html import write_html, write_png
    from reactune.analysis.report.summary import summarise
    from reactune.analysis.report.table import Campaign
    from reactune.analysis.storage.catalogue import lineage

    with said(ValueError, LookupError):  # no campaign, a damaged journal, an earlier run is gone
        campaign = Campaign.of(lineage(catalogue, uid))
    summary = summarise(campaign)
    print(json.dumps(summary.to_json()) if a.json else summary.to_text())
    if sys.stderr.isatty():
        print("Drawing the page ...", file=sys.stderr)
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
