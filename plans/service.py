"""Run, resume, rediscover: what every front end calls, be it a command, a page or a queue.

Nothing here prints, exits or asks for a terminal: what a front end wants to know while a campaign
runs it hears as a `Listener`, and how it came out is in the `Outcome`. What keeps a campaign from
running is raised before anything moves. Where a RunEngine and a rig are open already, as in an
IPython session or a queue server's worker, `preparation` gives the plans.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.report.summary import Summary, summarise
from reactune.analysis.report.table import Campaign
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage
from reactune.analysis.storage.stores import UnknownStore
from reactune.devices.opening import open_rig
from reactune.devices.protocols.transport import InstrumentError, TransportError
from reactune.devices.rig.flow_rig import FlowRig, RigError
from reactune.devices.rig.safety import SafeReport
from reactune.devices.rigfile import RigFile

from .campaign import CampaignError
from .errors import RigTroubleError, UserError, told
from .guard import guarded
from .preparation import (
    Prepared,
    ProblemSource,
    RigSource,
    find_run,
    new_campaign,
    rediscovered_campaign,
    resumed_campaign,
)
from .reagents import Precautions, reconciled
from .session import Interrupter, Session
from .supervisor import Supervisor

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

_log = logging.getLogger(__name__)

_USUAL = Precautions()

CatalogueSource = Catalogue | str | Path | None
"""A catalogue open for writing, which is left open; or its folder, by default the user's."""


class Listener:
    """What a front end hears of a campaign; override what it wants to know.

    The calls come from the thread that the campaign runs in. An exception in one is logged, and
    the campaign goes on.
    """

    def opening(self) -> None:
        """Hear that the catalogue is being opened for writing, which takes some seconds."""

    def prepared(self, agent: Agent) -> None:
        """Hear of the agent, with what it knows from before, when the rig is about to be opened."""

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        """Hear a document of the run, once it is in the journal."""

    def over(self, fault: str, safe_state: SafeReport | None) -> None:
        """Hear that nothing is measured any more, before the rest is stored and summed up.

        Parameters
        ----------
        fault : str
            What ended the campaign; empty if no fault did.
        safe_state : SafeReport or None
            What the rig confirmed; None if it was not yet under way.
        """


@dataclass(frozen=True)
class Outcome:
    """How a campaign came out.

    Attributes
    ----------
    uid : str
        Of the run; empty if it was over before its run was opened.
    reason : str
        Why it ended, a sentence.
    interrupted : bool
        Whether it was ended from outside.
    fault : str
        The fault that ended it, or what was used up; empty otherwise.
    finished : bool
        Whether the campaign has reached what it was to reach: there is nothing to resume.
    stored : bool
        Whether the run is stored in `folder` to its end. If not, where its documents are has been
        said (`Catalogue.problems`): in the second place, or nowhere if that was full, too.
    safe_state : SafeReport or None
        What the rig confirmed when the campaign was over, and what it did not.
    campaign : Campaign or None
        The stored campaign, with what it resumed: table of experiments, best points; None without
        a run.
    folder : Path
        Of the catalogue.
    """

    uid: str
    reason: str
    interrupted: bool
    fault: str
    finished: bool
    stored: bool
    safe_state: SafeReport | None
    campaign: Campaign | None
    folder: Path

    @property
    def safe(self) -> bool:
        """Whether every instrument has confirmed its safe state."""
        return self.safe_state is not None and self.safe_state.confirmed

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """What is to be done by hand, a sentence for each instrument that did not confirm."""
        return self.safe_state.unconfirmed if self.safe_state else ()

    @property
    def well(self) -> bool:
        """Whether there is nothing that somebody would have to see to."""
        disturbed = self.interrupted or bool(self.fault)
        return self.finished and self.stored and self.safe and not disturbed

    @property
    def summary(self) -> Summary | None:
        """What the campaign came to, best points and all; None without a run."""
        return summarise(self.campaign) if self.campaign else None


def run(
    problem: ProblemSource,
    rig: RigSource = "walker",
    *,
    catalogue: CatalogueSource = None,
    seed: int | None = None,
    budget: int | None = None,
    listener: Listener | None = None,
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
    catalogue : Catalogue or path, optional
        Where to store the run.
    seed : int, optional
        Of the optimiser, and of the rig if it is emulated; drawn, and stored, by default.
    budget : int, optional
        Experiments at most, in place of the problem's.
    listener : Listener, optional
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
        If problem, rig file or catalogue cannot be used, or do not fit each other.
    RigTroubleError
        If an instrument does not answer.
    """
    prepared = new_campaign(problem, rig, seed=seed, budget=budget)
    return _store(prepared, catalogue, listener or Listener(), interrupters, precautions)


def resume(
    uid: str,
    rig: RigSource | None = None,
    *,
    catalogue: CatalogueSource = None,
    listener: Listener | None = None,
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
    catalogue, listener, interrupters, precautions
        As in `run`.

    Raises
    ------
    UserError
        If there is no such run, it cannot be resumed or needs no resuming, or the rig is another.
    RigTroubleError
        If an instrument does not answer.
    """
    listener = listener or Listener()
    with _reading(catalogue) as stored:  # a wrong uid must not wait for the catalogue's writer
        uid = find_run(stored, uid).uid
    with _writing(catalogue, listener) as writing:
        prepared = resumed_campaign(writing, uid, rig)
        return _carry_out(prepared, writing, listener, interrupters, precautions)


def rediscover(
    uid: str,
    rig: RigSource | None = None,
    *,
    catalogue: CatalogueSource = None,
    seed: int | None = None,
    budget: int | None = None,
    listener: Listener | None = None,
    interrupters: Sequence[Interrupter] = (),
    precautions: Precautions = _USUAL,
) -> Outcome:
    """Run a campaign that begins where an earlier one was good.

    Parameters
    ----------
    uid : str
        Of the earlier run, or the beginning of it.
    rig : RigFile, path or built-in name, optional
        By default the rig of the earlier run.
    catalogue, seed, budget, listener, interrupters, precautions
        As in `run`.

    Raises
    ------
    UserError
        If there is no such run, nothing in it to start from, or the rig cannot do it.
    RigTroubleError
        If an instrument does not answer.
    """
    with _reading(catalogue) as stored:
        prepared = rediscovered_campaign(stored, uid, rig, seed=seed, budget=budget)
    return _store(prepared, catalogue, listener or Listener(), interrupters, precautions)


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


def open_catalogue(folder: str | Path | None = None, *, writing: bool = False) -> Catalogue:
    """Open a catalogue.

    Raises
    ------
    UserError
        If the folder cannot be used, or no store has the name of $REACTUNE_STORE.
    """
    with told(UnknownStore, OSError):
        return Catalogue(folder, writing=writing)


@contextlib.contextmanager
def _reading(source: CatalogueSource) -> Iterator[Catalogue]:
    """Give a catalogue to read in."""
    if isinstance(source, Catalogue):
        yield source
    else:
        with open_catalogue(source) as catalogue:
            yield catalogue


@contextlib.contextmanager
def _writing(source: CatalogueSource, listener: Listener) -> Iterator[Catalogue]:
    """Give a catalogue to write in."""
    if isinstance(source, Catalogue):
        yield source
    else:
        listener.opening()
        with open_catalogue(source, writing=True) as catalogue:
            yield catalogue


@contextlib.contextmanager
def _open_rig(config: RigFile) -> Iterator[FlowRig]:
    """Open a rig; what hardware cannot do is said in its own sentence."""
    try:
        rig = open_rig(config)
    except RigError as error:
        raise UserError(str(error)) from error
    except (TransportError, InstrumentError) as error:
        raise RigTroubleError(str(error)) from error
    with rig:
        yield rig


def _store(
    prepared: Prepared,
    source: CatalogueSource,
    listener: Listener,
    interrupters: Sequence[Interrupter],
    precautions: Precautions,
) -> Outcome:
    """Open the catalogue, now that the campaign is sure to begin, and carry it out."""
    with _writing(source, listener) as catalogue:
        return _carry_out(prepared, catalogue, listener, interrupters, precautions)


def _carry_out(
    prepared: Prepared,
    catalogue: Catalogue,
    listener: Listener,
    interrupters: Sequence[Interrupter],
    precautions: Precautions,
) -> Outcome:
    """Open the rig, run the plan, leave the rig safe, and read back what is stored."""
    agent, config, fault = prepared.agent, prepared.rig, ""
    if config.emulation:
        injections = sum(1 for e in agent.evaluations if e.recorded)
        config = config.emulating(seed=agent.seed, first_injection=injections)
    config, book = reconciled(config, precautions.reagents)
    ends: dict[str, Mapping[str, Any]] = {}

    def hear(name: str, doc: Mapping[str, Any]) -> None:
        if name in ("start", "stop"):
            ends[name] = doc
        _tell(listener.document, name, doc)

    _tell(listener.prepared, agent)
    with (
        contextlib.ExitStack() as last,  # for the session, which the rig has to be closed before
        guarded(config, catalogue.folder, precautions.guard) as guard,
        _open_rig(config) as rig,
    ):
        prepared.check_mark(rig.simulated)
        session = last.enter_context(Session(rig, catalogue, interrupters))
        session.RE.subscribe(hear)  # type: ignore[no-untyped-call]  # bluesky's own
        interrupted = False
        try:
            with Supervisor(session.RE, rig, guard, book):
                interrupted = session.run(prepared.plan(rig))
        except CampaignError as error:
            fault = str(error)
        safe_state = rig.last_report
        _tell(listener.over, fault, safe_state)
    catalogue.flush()
    uid = ends["start"]["uid"] if ends else ""
    campaign = stored_campaign(catalogue, uid) if uid else None
    return Outcome(
        uid=uid,
        reason=ends.get("stop", {}).get("reason", "") or fault,
        interrupted=interrupted,
        fault=fault,
        finished=agent.finished() is not None,
        stored=campaign is not None and campaign.run.stop is not None and catalogue.stored(uid),
        safe_state=safe_state,
        campaign=campaign,
        folder=catalogue.folder,
    )


def _tell(hear: Any, *what: Any) -> None:
    """Tell a listener; its mistakes must not end a campaign."""
    try:
        hear(*what)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("a listener of the campaign failed")
