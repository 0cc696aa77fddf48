"""Run, resume, rediscover: what every front end calls, be it a command, a page or a queue.

Nothing here prints, exits or asks for a terminal: what a front end wants to know while a campaign
runs it hears as a `Listener`, and how it came out is in the `Outcome`. What keeps a campaign from
running is raised before anything moves. Where a RunEngine and a rig are open already, as in an
IPython session or a queue server's worker, `preparation` gives the plans.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.stopping import stuck
from reactune.analysis.report.table import Campaign
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage

from .carrying import CatalogueSource, carry_out, open_catalogue, reading, tell, writing
from .earlier import is_table, named
from .errors import RigTroubleError, UserError, told
from .outcome import Listener, Outcome
from .preparation import (
    Prepared,
    RigSource,
    informed_campaign,
    new_campaign,
    rediscovered_campaign,
    resumed_campaign,
)
from .problems import ProblemSource
from .reagents import Precautions
from .reviewing import Reviewer
from .session import Interrupter
from .stored import find_run

__all__ = [
    "Listener",
    "Outcome",
    "Precautions",
    "RigTroubleError",
    "UserError",
    "open_catalogue",
    "rediscover",
    "resume",
    "run",
    "stored_campaign",
]

_USUAL = Precautions()


def run(
    problem: ProblemSource,
    rig: RigSource = "walker",
    *,
    catalogue: CatalogueSource = None,
    seed: int | None = None,
    budget: int | None = None,
    known: str | Path | Sequence[str | Path] = (),
    listener: Listener | None = None,
    reviewer: Callable[[Agent], Reviewer] | None = None,
    interrupters: Sequence[Interrupter] = (),
    precautions: Precautions = _USUAL,
) -> Outcome:
    """Run a new campaign on a rig that nobody has open.

    Parameters
    ----------
    problem : Problem, path, built-in name or mapping
        What to minimise and the windows to keep.
    rig : RigFile, path or built-in name
        The rig, or what it emulates.
    catalogue : Catalogue, path or address, optional
        Where to store the run; a Tiled server's address is text, ``http://...``.
    seed : int, optional
        Of the optimiser, and of the rig if it is emulated; drawn, and stored, by default.
    budget : int, optional
        Experiments at most, in place of the problem's.
    known : str, Path or sequence of these
        Old results to begin with: uids of stored runs, and tables in CSV or XLSX.
    listener : Listener, optional
    reviewer : callable, optional
        Makes, of the campaign's agent, who looks at each batch before it is measured.
    interrupters : sequence of Interrupter
        Ways to end the campaign from outside, such as `signals.StopSignals`.
    precautions : Precautions, optional
        On hardware: its guard, and what is left of the reagents.

    Returns
    -------
    Outcome

    Raises
    ------
    UserError
        If problem, rig file, old results or catalogue cannot be used, or do not fit each other.
    RigTroubleError
        If an instrument does not answer.
    """
    if known:
        with contextlib.ExitStack() as stack:
            only_tables = all(map(is_table, named(known)))
            stored = None if only_tables else stack.enter_context(reading(catalogue))
            prepared = informed_campaign(stored, known, problem, rig, seed=seed, budget=budget)
    else:
        prepared = new_campaign(problem, rig, seed=seed, budget=budget)
    return _store(prepared, catalogue, listener or Listener(), reviewer, interrupters, precautions)


def resume(
    uid: str,
    rig: RigSource | None = None,
    *,
    catalogue: CatalogueSource = None,
    budget: int | None = None,
    problem: ProblemSource | None = None,
    listener: Listener | None = None,
    reviewer: Callable[[Agent], Reviewer] | None = None,
    interrupters: Sequence[Interrupter] = (),
    precautions: Precautions = _USUAL,
) -> Outcome:
    """Go on with an interrupted campaign, with the asks that it would have made.

    Parameters
    ----------
    uid : str
        Of the run, or the beginning of it.
    rig : RigFile, path or built-in name, optional
        If ports or what is in the syringes have changed; by default the rig as it was stored.
    budget : int, optional
        Experiments at most, those done included: a campaign that is finished goes on.
    problem : Problem, path, built-in name or mapping, optional
        With other limits or windows from now on; what was found so far is seen by these, too.
    catalogue, listener, reviewer, interrupters, precautions
        As in `run`.

    Raises
    ------
    UserError
        If there is no such run, it cannot be resumed or needs no resuming, or the rig or
        the question is another.
    RigTroubleError
        If an instrument does not answer.
    """
    listener = listener or Listener()
    with reading(catalogue) as stored:  # a wrong uid must not wait for the catalogue's writer
        uid = find_run(stored, uid).uid
    with writing(catalogue, listener) as store:
        prepared = resumed_campaign(store, uid, rig, budget, problem)
        return _carry_out(prepared, store, listener, reviewer, interrupters, precautions)


def rediscover(
    sources: str | Path | Sequence[str | Path],
    rig: RigSource | None = None,
    *,
    problem: ProblemSource | None = None,
    catalogue: CatalogueSource = None,
    seed: int | None = None,
    budget: int | None = None,
    listener: Listener | None = None,
    reviewer: Callable[[Agent], Reviewer] | None = None,
    interrupters: Sequence[Interrupter] = (),
    precautions: Precautions = _USUAL,
) -> Outcome:
    """Run a campaign that finds out whether earlier results still hold, and uses them if so.

    Parameters
    ----------
    sources : str, Path or sequence of these
        Uids of earlier runs, or the beginnings of them; tables in CSV or XLSX.
    rig : RigFile, path or built-in name, optional
        By default the rig of the earlier run.
    problem : Problem, path, built-in name or mapping, optional
        By default that of the earlier run; a table has none.
    catalogue, seed, budget, listener, reviewer, interrupters, precautions
        As in `run`.

    Raises
    ------
    UserError
        If there is no such run, nothing in it to start from, or the rig cannot do it.
    RigTroubleError
        If an instrument does not answer.
    """
    with reading(catalogue) as stored:
        prepared = rediscovered_campaign(
            stored, sources, rig, problem=problem, seed=seed, budget=budget
        )
    return _store(prepared, catalogue, listener or Listener(), reviewer, interrupters, precautions)


def stored_campaign(catalogue: Catalogue, uid: str) -> Campaign:
    """Read a campaign whole, with the runs that it resumed.

    Parameters
    ----------
    catalogue : Catalogue
    uid : str
        Of the latest run, or the beginning of it.

    Raises
    ------
    UserError
        If there is no such run, it is no campaign, its journal is damaged or an earlier run gone.
    """
    with told(ValueError, LookupError):
        return Campaign.of(lineage(catalogue, uid))


def _store(
    prepared: Prepared,
    source: CatalogueSource,
    listener: Listener,
    reviewer: Callable[[Agent], Reviewer] | None,
    interrupters: Sequence[Interrupter],
    precautions: Precautions,
) -> Outcome:
    """Open the catalogue, now that the campaign is sure to begin, and carry it out."""
    with writing(source, listener) as catalogue:
        return _carry_out(prepared, catalogue, listener, reviewer, interrupters, precautions)


def _carry_out(
    prepared: Prepared,
    catalogue: Catalogue,
    listener: Listener,
    reviewer: Callable[[Agent], Reviewer] | None,
    interrupters: Sequence[Interrupter],
    precautions: Precautions,
) -> Outcome:
    """Open the rig, run the plan, leave the rig safe, and read back what is stored."""
    agent, config = prepared.agent, prepared.rig
    if config.emulation:
        injections = sum(1 for e in agent.evaluations if e.recorded)
        config = config.emulating(seed=agent.seed, first_injection=injections)
    tell(listener.prepared, agent)
    for remark in prepared.remarks:
        tell(listener.remark, remark)
    carried = carry_out(
        lambda rig: prepared.plan(rig, reviewer=reviewer(agent) if reviewer else None),
        config,
        catalogue,
        listener,
        interrupters,
        precautions,
        prepared.check_mark,
    )
    uid = carried.uid
    campaign = stored_campaign(catalogue, uid) if uid else None
    own = agent.evaluations[campaign.known if campaign else 0 :]  # old results say nothing of a rig
    return Outcome(
        uid=uid,
        reason=carried.reason,
        interrupted=carried.interrupted,
        fault=carried.fault,
        finished=agent.finished() is not None,
        fruitful=any(e.valid for e in own) and stuck(own) is None,
        stored=campaign is not None and campaign.run.stop is not None and catalogue.stored(uid),
        safe_state=carried.safe_state,
        campaign=campaign,
        folder=catalogue.folder,
    )
