"""A campaign before anything moves: its problem is read, its rig looked at, its agent made."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bluesky.utils import MsgGenerator

from reactune.analysis.campaign import known, replay
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.tables import Setting
from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy
from reactune.analysis.storage.lineage import Lineage, lineage
from reactune.analysis.storage.run import Run
from reactune.analysis.written import harmless
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rigfile import RigError, RigFile, load
from reactune.devices.specs import Table

from .campaign import optimise
from .compatibility import analytics_of, fitted, incompatibilities
from .earlier import earlier
from .errors import UserError, told
from .problems import ProblemSource, load_problem
from .reviewing import Reviewer

RigSource = RigFile | str | Path
"""A rig file, read or not, or the name of a built-in rig."""


@dataclass(frozen=True)
class Prepared:
    """A campaign that a rig can carry out.

    Attributes
    ----------
    agent : Agent
        With what it knows so far.
    rig : RigFile
    md : mapping
        What the start document says besides: which run it ``resumes`` or ``rediscovers``, and what
        was ``known``.
    simulated : bool or None
        What the rig has to be, since the run that it goes on from was; None if nothing was.
    before : str
        That run, in words.
    """

    agent: Agent
    rig: RigFile
    md: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool | None = None
    before: str = "the earlier run"

    def check_mark(self, simulated: bool) -> None:
        """Refuse a rig that would make a campaign simulated in part, as told once it is open.

        Raises
        ------
        UserError
        """
        if self.simulated is not None and simulated != self.simulated:
            was, now = (
                "simulated" if mark else "on real hardware" for mark in (self.simulated, simulated)
            )
            raise UserError(
                f"{self.before} was {was}, this rig is {now}: a campaign is one or the other; "
                "begin a new one"
            )

    def plan(
        self,
        rig: FlowRig,
        md: Mapping[str, Any] | None = None,
        reviewer: Reviewer | None = None,
    ) -> MsgGenerator[str]:
        """Give the plan that runs it on the opened rig; see `campaign.optimise`."""
        md = {**self.md, **(md or {})}
        return optimise(self.agent.problem, rig, agent=self.agent, reviewer=reviewer, md=md)


def load_rig(source: RigSource) -> RigFile:
    """Load a rig file or a built-in rig.

    Raises
    ------
    UserError
        If there is none, or it describes no rig.
    """
    if isinstance(source, RigFile):
        return source
    with told(RigError):
        return load(source)


def find_run(catalogue: Catalogue, uid: str) -> Run:
    """Find a stored run by its uid or the beginning of it.

    Raises
    ------
    UserError
        If none or more than one answers.
    """
    with told(LookupError):
        return catalogue[uid]


def campaigns_of(catalogue: Catalogue, uids: Sequence[str]) -> tuple[Lineage, ...]:
    """Find campaigns whole, each once, though several of its runs are named.

    Raises
    ------
    UserError
        If there is no such run.
    LookupError, ValueError
        If a run that one of them resumed is gone, or its journal is damaged.
    """
    found: dict[str, Lineage] = {}
    for uid in uids:
        whole = lineage(catalogue, find_run(catalogue, uid))
        known = found.get(whole.runs[0].uid)
        if known is None or len(whole.runs) > len(known.runs):
            found[whole.runs[0].uid] = whole
    return tuple(found.values())


def new_campaign(
    problem: ProblemSource,
    rig: RigSource,
    *,
    seed: int | None = None,
    budget: int | None = None,
    first: Sequence[Mapping[str, Setting]] = (),
    **md: str,
) -> Prepared:
    """Prepare a campaign from nothing.

    Parameters
    ----------
    problem : Problem, path, built-in name or mapping
    rig : RigFile, path or built-in name
    seed : int, optional
        Of the optimiser, and of the rig if it is emulated; drawn by default.
    budget : int, optional
        Experiments at most, in place of the problem's.
    first : sequence of mapping, optional
        Conditions to measure first.
    **md
        For the start document.

    Raises
    ------
    UserError
        If the rig cannot do what the problem asks, or one of them cannot be read.
    """
    problem, rig = load_problem(problem, budget), load_rig(rig)
    if problem.rig is not None:  # that of an earlier campaign
        problem = load_problem({**problem.to_dict(), "rig": None})
    seed = secrets.randbelow(2**31) if seed is None else seed
    with told(ValueError):
        if wrong := incompatibilities(problem, rig):
            raise UserError("\n".join(wrong))
        problem = fitted(problem, rig)
        return Prepared(Agent(problem, analytics_of(rig), seed=seed, first=first), rig, md)


def informed_campaign(
    catalogue: Catalogue | None,
    sources: Sequence[str | Path],
    problem: ProblemSource,
    rig: RigSource,
    *,
    seed: int | None = None,
    budget: int | None = None,
) -> Prepared:
    """Prepare a new campaign that knows old results from its beginning.

    They are its first experiments, by number; its budget is what it makes itself.

    Parameters
    ----------
    catalogue : Catalogue or None
        Where stored runs are; None if only tables are named.
    sources : sequence of str or Path
        Uids of stored runs, and tables; see `earlier.earlier`.
    problem, rig, seed, budget
        As in `new_campaign`.

    Raises
    ------
    UserError
        If the rig cannot do what the problem asks, old results cannot be used on it, or they leave
        nothing to be done.
    """
    prepared = new_campaign(problem, rig, seed=seed, budget=budget)
    agent, config = prepared.agent, prepared.rig
    found = earlier(sources, agent.problem, catalogue)
    for run in found.runs:
        if wrong := _not_comparable(stored_rig(run), config):
            raise UserError(f"run {run.uid[:8]}: {wrong}")
    old = known.numbered(agent, found.experiments)
    agent.know(old, before=True)
    agent.allow(agent.problem.budget + len(old))
    if reason := agent.finished():
        raise UserError(f"nothing is left to be done: {reason}")
    left_out = len(found.experiments) - len(old)
    md = {"known": {**known.to_start(agent, found.sources), "left_out": left_out}}
    prepared = replace(prepared, md=md)
    return _going_on(prepared, found.runs[0]) if found.runs else prepared


def resumed_campaign(
    catalogue: Catalogue,
    uid: str,
    rig: RigSource | None = None,
    budget: int | None = None,
    problem: ProblemSource | None = None,
) -> Prepared:
    """Prepare to go on with an interrupted campaign, with the asks that it would have made.

    Parameters
    ----------
    catalogue : Catalogue
        Open for writing: nobody else can go on with the run from now on.
    uid : str
        Of the run, or the beginning of it.
    rig : RigFile, path or built-in name, optional
        If ports or what is in the syringes have changed; by default the rig as it was stored.
    budget : int, optional
        Experiments at most, those done included: a campaign that is finished goes on.
    problem : Problem, path, built-in name or mapping, optional
        With other limits or windows from now on, which change what is asked.

    Raises
    ------
    UserError
        If there is no such run, it is being recorded, it cannot be resumed or needs no resuming, or
        the rig or the question is another.
    """
    run = find_run(catalogue, uid)
    with told(ValueError, LookupError, CatalogueBusy), catalogue.claim(run.uid):
        md: dict[str, Any] = {"resumes": run.uid}
        if problem is None:
            agent = replay.resume(catalogue, run.uid)
        else:
            there = load_rig(rig) if rig else stored_rig(run)
            agent = replay.revise(catalogue, run.uid, fitted(load_problem(problem), there))
            md["known"] = known.to_start(
                agent, [{"run": run.uid, "experiments": len(agent.evaluations)}]
            )
        if budget is not None:
            agent.allow(budget)
        if reason := agent.finished():
            raise UserError(f"run {run.uid[:8]} needs no resuming: {reason}")
        config = load_rig(rig) if rig else stored_rig(run)
        if config.emulation is None and not rig:
            raise UserError(
                f"run {run.uid[:8]} was on hardware: give the rig file with --rig, with what is in "
                "the syringes now (streams.*.filled)"
            )
        if wrong := _changed(agent, stored_rig(run), config):
            raise UserError(wrong)
        return _going_on(Prepared(agent, config, md), run)


def rediscovered_campaign(
    catalogue: Catalogue,
    uid: str,
    rig: RigSource | None = None,
    *,
    seed: int | None = None,
    budget: int | None = None,
) -> Prepared:
    """Prepare a campaign that begins where an earlier one was good.

    Parameters
    ----------
    catalogue : Catalogue
    uid : str
        Of the earlier run, or the beginning of it.
    rig, seed, budget
        As in `new_campaign`; by default rig and budget of the earlier campaign.

    Raises
    ------
    UserError
        If there is no such run, nothing in it to start from, or the rig cannot do it.
    """
    from reactune.analysis.learning.warm_start import starting_points  # few need its splines

    run = find_run(catalogue, uid)
    with told(ValueError, LookupError):
        problem = replay.agent_of(run.start).problem
        first = starting_points(catalogue, run.uid, problem.first_batch)
    if not first:
        raise UserError(f"run {run.uid[:8]} has no valid experiment to start from")
    config = load_rig(rig) if rig else stored_rig(run)
    prepared = new_campaign(
        problem, config, seed=seed, budget=budget, first=first, rediscovers=run.uid
    )
    return _going_on(prepared, run)


def _going_on(prepared: Prepared, run: Run) -> Prepared:
    """Have a campaign be what the run was that it goes on from: simulated or real, never both."""
    mark = bool(run.start["simulated"])
    prepared = replace(prepared, simulated=mark, before=f"run {run.uid[:8]}")
    if prepared.rig.emulation:  # of others only the open rig tells
        prepared.check_mark(simulated=True)
    return prepared


def stored_rig(run: Run) -> RigFile:
    """Give the rig file that a run was made with."""
    return RigFile.model_validate(harmless(run.start["rig"]["file"]))


def _changed(agent: Agent, before: RigFile, rig: RigFile) -> str | None:
    """Say why a rig cannot go on with a campaign; ports and what is in the syringes may differ."""
    if wrong := incompatibilities(agent.problem, rig, len(agent.evaluations)):
        return "\n".join(wrong)
    if facts := _not_comparable(before, rig):
        return facts
    if analytics_of(rig) != agent.analytics:
        what = "traces by another HPLC method" if rig.chromatogram else "files by another mapping"
        return f"this rig reads its {what} than the campaign did so far"
    return None


def _not_comparable(before: RigFile, rig: RigFile) -> str:
    """Say which facts of a rig keep results on it from being compared with those before."""
    return "\n".join(
        f"{fact} in the campaign so far, and results before and after would not compare: correct "
        "it, or begin a new campaign"
        for fact in differing(before, rig)
    )


def differing(before: RigFile, now: RigFile) -> Iterator[str]:
    """Say which volumes, stocks and times differ, so that results of both do not compare."""
    for place, pair in (
        ("reactor", (before.reactor, now.reactor)),
        ("chromatogram", (before.chromatogram, now.chromatogram)),
        *((f"streams.{k}", (s, now.streams.get(k))) for k, s in before.streams.items()),
    ):
        stated = [table for table in pair if table is not None]
        keys = ("stock",) if place.startswith("streams.") else _keys(stated)
        for key in keys:
            was, is_ = (getattr(table, key, None) for table in pair)
            if was != is_:
                other = f" = {is_:g} was {was:g}" if isinstance(is_, float) else " was another"
                yield f"{place}.{key}{other}"


def _keys(tables: Sequence[Table]) -> Collection[str]:
    """Name the keys that a table of a rig file may have; none if neither rig has it."""
    return type(tables[0]).model_fields if tables else ()
