"""A campaign before anything moves: its problem is read, its rig looked at, its agent made."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bluesky.utils import MsgGenerator

from reactune.analysis.campaign import known, replay
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.rediscovery import Earlier, Rediscoverer
from reactune.analysis.problem.tables import Setting
from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy
from reactune.analysis.storage.lineage import LAB_TIME_BEFORE, lineage
from reactune.analysis.storage.run import Run
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rigfile import RigError, RigFile, load

from .campaign import optimise
from .comparing import changed, differing, not_comparable, stored_rig
from .compatibility import analytics_of, incompatibilities
from .earlier import earlier, is_table, named
from .errors import UserError, told
from .fitting import fitted
from .problems import ProblemSource, load_problem
from .resolution import check_opened
from .reviewing import Reviewer
from .session.stating import own
from .stored import asked_in, campaigns_of, find_run

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
    remarks : sequence of str
        What is to be said of the old results before it begins.
    stored : bool
        Whether what is asked is that of a stored run; otherwise it is new.
    """

    agent: Agent
    rig: RigFile
    md: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool | None = None
    before: str = "the earlier run"
    remarks: Sequence[str] = ()
    stored: bool = False

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
        """Give the plan that runs it on the opened rig; see `campaign.optimise`.

        Raises
        ------
        UserError
            As `check_mark` and `check_opened` do.
        """
        self.check_mark(rig.simulated)
        if not self.stored:
            check_opened(self.agent.problem, rig)
        md = {**self.md, **own(md)}
        return optimise(self.agent.problem, rig, agent=self.agent, reviewer=reviewer, md=md)


def load_rig(source: RigSource) -> RigFile:
    """Load a rig file or a built-in rig.

    Raises
    ------
    UserError
        If there is none, or it describes no rig.
    """
    if isinstance(source, RigFile):
        if source.implausible:  # changed by a program, or stored before it was refused
            raise UserError("\n".join(source.implausible))
        return source
    with told(RigError):
        return load(source)


def new_campaign(
    problem: ProblemSource,
    rig: RigSource,
    *,
    seed: int | None = None,
    budget: int | None = None,
    first: Sequence[Mapping[str, Setting]] = (),
    stored: bool = False,
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
    stored : bool
        Whether the problem is that of a stored run.
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
        if wrong := incompatibilities(problem, rig, stored=stored):
            raise UserError("\n".join(wrong))
        agent = Agent(fitted(problem, rig), analytics_of(rig), seed=seed, first=first)
        return Prepared(agent, rig, md, stored=stored)


def informed_campaign(
    catalogue: Catalogue | None,
    sources: str | Path | Sequence[str | Path],
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
    sources : str, Path or sequence of these
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
    found = earlier(named(sources), agent.problem, catalogue, _units(agent))
    for run in found.runs:
        if wrong := not_comparable(stored_rig(run), config):
            raise UserError(f"run {run.uid[:8]}: {wrong}")
    old = known.numbered(agent, found.experiments)
    agent.know(old, before=True)
    agent.allow(agent.problem.budget + len(old))
    if reason := agent.finished():
        raise UserError(f"nothing is left to be done: {reason}")
    left_out = len(found.experiments) - len(old)
    md = {"known": {**known.to_start(agent, found.sources), "left_out": left_out}}
    prepared = replace(prepared, md=md, remarks=found.remarks)
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
        before = lineage(catalogue, run)
        md: dict[str, Any] = {"resumes": run.uid, LAB_TIME_BEFORE: before.lab_time}
        if problem is None:
            agent = replay.resume(catalogue, run.uid)
        else:
            there = load_rig(rig or stored_rig(run))
            agent = replay.revise(catalogue, run.uid, fitted(load_problem(problem), there))
            md["known"] = known.to_start(
                agent, [{"run": run.uid, "experiments": len(agent.evaluations)}]
            )
        if budget is not None:
            agent.allow(budget)
        if reason := agent.finished():
            raise UserError(f"run {run.uid[:8]} needs no resuming: {reason}")
        config = load_rig(rig or stored_rig(run))
        if config.emulation is None and not rig:
            raise UserError(
                f"run {run.uid[:8]} was on hardware: give the rig file with --rig, with what is in "
                "the syringes now (streams.*.filled)"
            )
        done, stored = len(agent.evaluations), problem is None
        before_it = agent.problem, agent.analytics, done, stored_rig(run)
        if wrong := changed(*before_it, config, stored=stored):
            raise UserError(wrong)
        return _going_on(Prepared(agent, config, md, stored=stored), run)


def rediscovered_campaign(
    catalogue: Catalogue | None,
    sources: str | Path | Sequence[str | Path],
    rig: RigSource | None = None,
    *,
    problem: ProblemSource | None = None,
    seed: int | None = None,
    budget: int | None = None,
) -> Prepared:
    """Prepare a campaign that finds out whether earlier results still hold, and uses them if so.

    Parameters
    ----------
    catalogue : Catalogue or None
        Where stored runs are; None if only tables are named.
    sources : str, Path or sequence of these
        Uids of stored runs, or the beginnings of them, and tables.
    rig : RigFile, path or built-in name, optional
        By default that of the earlier campaign.
    problem : Problem, path, built-in name or mapping, optional
        By default that of the earlier campaigns, if it is the same for all; a scan has none.
    seed, budget
        As in `new_campaign`.

    Raises
    ------
    UserError
        If there is no such run, nothing in it to start from, or the rig cannot do it.
    """
    if not (old := named(sources)):
        raise UserError("rediscover: what? Name stored runs, or tables with --problem FILE")
    uids = [str(source) for source in old if not is_table(source)]
    with told(ValueError, LookupError):
        campaigns = campaigns_of(catalogue, uids) if catalogue is not None else ()
        whose = "the problem" if problem is not None else _called(old[0])
        asked = asked_in(campaigns) if problem is None else problem
    stored = [stored_rig(c.runs[-1]) for c in campaigns if "file" in (c.start.get("rig") or {})]
    config = load_rig(rig) if rig else next(iter(stored), None) or load_rig("walker")
    as_before = problem is None
    prepared = new_campaign(asked, config, seed=seed, budget=budget, stored=as_before)
    if len(prepared.agent.problem.aims) > 1:
        raise UserError(
            f"{whose} has two goals, and no one best to come back to; begin a campaign that knows "
            f"the results: reactune optimise PROBLEM --from {old[0]}"
        )
    agent = prepared.agent
    found = earlier(old, agent.problem, catalogue, _units(agent))
    before = Earlier(agent.problem, found.experiments)
    if not (first := _to_begin_with(before)):
        raise UserError(f"{_called(old[0])} has no valid experiment to start from")
    handed_over = before.agent.handed_over()
    differences = dict.fromkeys(fact for was in stored for fact in differing(was, config))
    md = {
        "rediscovers": campaigns[0].uid if campaigns else "a table",
        "before": {
            **known.to_start(before.agent, found.sources),
            "handed_over": handed_over.number if handed_over else None,
            "differences": [*differences],
        },
    }
    with told(ValueError):
        how = agent.problem, agent.analytics, agent.seed, first
        agent = Rediscoverer(*how, earlier=before)
        prepared = replace(prepared, agent=agent, md=md, remarks=found.remarks)
    return _going_on(prepared, found.runs[0]) if found.runs else prepared


def _units(agent: Agent) -> dict[str, str]:
    """Give the units that a campaign measures in."""
    return dict(agent.analytics.units) if agent.analytics else {}


def _called(source: str | Path) -> str:
    return str(source) if is_table(source) else f"run {str(source)[:8]}"


def _to_begin_with(before: Earlier) -> list[dict[str, Setting]]:
    """Choose what a rediscovery measures first: sentinels, or what is promising without a model."""
    agent = before.agent
    if agent.optimiser.book.composite and (sentinels := before.sentinels()):
        return sentinels
    from reactune.analysis.learning.warm_start import promising  # few need its splines

    # what was known before may be outside the limits
    inside = [e for e in before.evaluations if agent.problem.outside_limits(e.conditions) is None]
    return promising(inside, agent.space, agent.windows, agent.problem.first_batch)


def _going_on(prepared: Prepared, run: Run) -> Prepared:
    """Have a campaign be what the run was that it goes on from: simulated or real, never both."""
    mark = bool(run.start["simulated"])
    prepared = replace(prepared, simulated=mark, before=f"run {run.uid[:8]}")
    if prepared.rig.emulation:  # of others only the open rig tells
        prepared.check_mark(simulated=True)
    return prepared
