"""What an IPython session or a queueserver worker works with.

Importing this opens nothing. ``profile/profile_reactune/startup`` opens a `Workspace`, and so may
any script.
"""

import atexit
import contextlib
import os
import textwrap
from collections.abc import Mapping, Sequence
from multiprocessing.util import Finalize
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky.callbacks.best_effort import BestEffortCallback
from bluesky.utils import MsgGenerator, ProgressBarManager
from event_model import RunRouter
from IPython import get_ipython
from IPython.terminal.prompts import Prompts
from pygments.token import Token
from rich.console import Console

from reactune.analysis.campaign.replay import replay
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.made import is_made, made_of
from reactune.analysis.report.scan import is_scan, scan_of
from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import Lineage, is_campaign, lineage
from reactune.devices import FlowRig, load, open_rig

from . import scans
from .guard import guarded
from .making import plan as making
from .making.attending import AtTerminal, check_attended
from .making.service import stored_product, volume_of
from .preparation import (
    Prepared,
    informed_campaign,
    new_campaign,
    rediscovered_campaign,
    resumed_campaign,
)
from .progress import Progress
from .reagents import reconciled, truth_of_session
from .saying import say
from .session import Session
from .session.detectors import OnlineAnalysis
from .session.metadata import Metadata
from .stubs import lab_sleep, sample
from .supervisor import Supervisor

_opened = contextlib.ExitStack()
atexit.register(_opened.close)

close = _opened.close
"""Make every rig that `open_workspace` has opened safe, and close it; again is harmless."""


def open_workspace(rig: str | None = None, catalogue: str | None = None) -> "Workspace":
    """Open the rig and the catalogue of a session; the process closes them when it ends.

    Parameters
    ----------
    rig : str, optional
        A rig file, or ``walker``: the paper's rig, emulated. By default that of the environment
        variable REACTUNE_RIG, else ``walker``.
    catalogue : str, optional
        A folder or the address of a Tiled server; by default that of REACTUNE_CATALOGUE, else the
        user's folder.

    Returns
    -------
    Workspace

    Raises
    ------
    RigError, TransportError, InstrumentError
        If the rig cannot be opened.
    RigTroubleError
        If the guard of hardware does not start.
    UserError
        If the reagents that were left when hardware was last used are not those of the rig file,
        and REACTUNE_REAGENTS does not say which is true, ``stored`` or ``rig-file``.
    OSError
        If the catalogue's folder cannot be made, or its server not worked with.
    ValueError
        If the catalogue is neither, or the metadata of earlier sessions there cannot be read.
    """
    config = load(rig or os.environ.get("REACTUNE_RIG", "walker"))
    config, book = reconciled(config, truth_of_session())
    with contextlib.ExitStack() as stack:  # closed again should the rig not open
        store = stack.enter_context(Catalogue(catalogue, writing=True))
        guard = stack.enter_context(guarded(config, store.folder))
        last = stack.enter_context(contextlib.ExitStack())
        workspace = Workspace(stack.enter_context(open_rig(config)), store)
        last.callback(workspace.close)
        last.enter_context(Supervisor(workspace.RE, workspace.rig, guard, book))
        _opened.push(stack.pop_all())
    # a queue server's worker is a process of multiprocessing, which ends without `atexit`
    Finalize(None, _opened.close, exitpriority=1)
    return workspace


class Workspace:
    """A session's rig, catalogue and RunEngine, and what a user does with them.

    Parameters
    ----------
    rig : FlowRig
        Opened.
    catalogue : Catalogue
        Open for writing.

    Attributes
    ----------
    RE : bluesky.RunEngine
        Its ``md`` goes on from session to session of the catalogue.
    hplc : OnlineAnalysis
        Samples, measures, and gives the raw trace with it.
    bec : bluesky.callbacks.best_effort.BestEffortCallback
        Shows the runs of ordinary plans.
    """

    def __init__(self, rig: FlowRig, catalogue: Catalogue) -> None:
        self.rig, self.cat, self.hplc = rig, catalogue, OnlineAnalysis(rig)
        console = Console(highlight=False)
        hooks = [ProgressBarManager()] if console.is_terminal else []
        md = Metadata(catalogue.folder / "md.json")
        self._session = Session(rig, catalogue, hooks=hooks, md=md)
        self.RE = self._session.RE
        self._progress = Progress(console)
        self.RE.subscribe(self._progress)  # type: ignore[no-untyped-call]  # bluesky's own
        self.bec = BestEffortCallback()  # type: ignore[no-untyped-call]  # bluesky's own
        self.bec.disable_plots()  # type: ignore[no-untyped-call]  # too; who has a display enables
        shown = RunRouter([self._shown])
        self.RE.subscribe(shown)  # type: ignore[no-untyped-call]  # too

    def close(self) -> None:
        """End what the RunEngine has open, once the rig is closed."""
        self._session.close()

    def names(self) -> dict[str, Any]:
        """Give what a session calls by name."""
        mine = (
            "RE",
            "bec",
            "cat",
            "rig",
            "hplc",
            "optimise",
            "resume",
            "rediscover",
            "make",
            "one_at_a_time",
            "grid",
            "repeat",
            "last",
            "summary",
            "safe",
        )
        return {
            **{name: getattr(self, name) for name in mine},
            **{"Problem": Problem, "bp": bp, "bpp": bpp, "bps": bps},
            **{"lab_sleep": lab_sleep, "replay": replay, "sample": sample},
        }

    def _shown(self, _: str, start: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
        """Have bluesky's table show the runs of ordinary plans; campaigns have their own."""
        return ([] if is_campaign(start) else [self.bec]), []

    # -- plans ------------------------------------------------------------------------------

    def optimise(
        self,
        problem: str | dict[str, Any] | Problem,
        seed: int = 0,
        budget: int | None = None,
        first: list[dict[str, float]] | None = None,
        known: str | Sequence[str] = (),
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Tune the products of the reaction on this session's rig.

        Parameters
        ----------
        problem : str, dict or Problem
            A problem file, the name of a built-in problem such as ``walker-ii``, or the problem
            itself.
        seed : int
            Seed of the optimiser.
        budget : int, optional
            Experiments at most, in place of the problem's.
        first : list of dict, optional
            Conditions to measure first, if nothing is known.
        known : str or sequence of str
            Old results to begin with: uids of stored runs, and tables in CSV or XLSX.
        md : mapping, optional
            Metadata for the start document.
        """
        rig = self.rig.config
        if known:
            prepared = informed_campaign(self.cat, known, problem, rig, seed=seed, budget=budget)
        else:
            prepared = new_campaign(problem, rig, seed=seed, budget=budget, first=first or ())
        return (yield from self._carry_out(prepared, md))

    def resume(
        self,
        uid: str,
        problem: str | dict[str, Any] | Problem | None = None,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Go on with an interrupted campaign on this session's rig.

        Parameters
        ----------
        uid : str
            Of the run, or the beginning of it.
        problem : str, dict or Problem, optional
            With other limits or windows from now on.
        md : mapping, optional
            Metadata for the start document.
        """
        prepared = resumed_campaign(self.cat, uid, self.rig.config, problem=problem)
        return (yield from self._carry_out(prepared, md))

    def rediscover(
        self,
        uid: str | Sequence[str],
        seed: int = 0,
        budget: int | None = None,
        problem: str | dict[str, Any] | Problem | None = None,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Find out on this session's rig whether earlier results still hold, and use them if so.

        Parameters
        ----------
        uid : str or sequence of str
            Of the earlier run, or the beginning of it; a table; or several of these.
        seed : int
            Seed of the optimiser.
        budget : int, optional
            Experiments at most, in place of the earlier campaign's.
        problem : str, dict or Problem, optional
            By default that of the earlier run.
        md : mapping, optional
            Metadata for the start document.
        """
        prepared = rediscovered_campaign(
            self.cat, uid, self.rig.config, problem=problem, seed=seed, budget=budget
        )
        return (yield from self._carry_out(prepared, md))

    def _carry_out(self, prepared: Prepared, md: Mapping[str, Any] | None) -> MsgGenerator[str]:
        """Say what there is to say before it begins, and give its plan."""
        for remark in prepared.remarks:
            say(textwrap.fill(remark, 80))
        return (yield from prepared.plan(self.rig, md))

    def make(self, uid: str, volume: str, md: Mapping[str, Any] | None = None) -> MsgGenerator[str]:
        """Make what a stored campaign has found, on this session's rig.

        Parameters
        ----------
        uid : str
            Of the run, or the beginning of it.
        volume : str
            How much to collect, such as ``5mL``.
        md : mapping, optional
            Metadata for the start document.
        """
        amount = volume_of(volume)
        product = stored_product(self.cat, uid, amount, self.rig)
        attendant = AtTerminal(shared=get_ipython() is not None)
        check_attended(attendant, valve=self.rig.collection is not None)
        return (yield from making.make(product, self.rig, amount, attendant, md))

    def one_at_a_time(
        self,
        problem: str | dict[str, Any] | Problem,
        around: dict[str, float],
        levels: dict[str, list[float]],
        replicates: int = 1,
        seed: int | None = None,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Change one variable at a time on this session's rig; see `scans.one_at_a_time`.

        Parameters
        ----------
        problem : str, dict or Problem
            Names variables, limits and what is measured.
        around : dict of str to float
            A value for each variable, which is kept while another one changes. Measured first.
        levels : dict of str to list of float
            The values of each variable that is to change.
        replicates : int
            How often each point is measured.
        seed : int, optional
            Puts the points in random order; by default they come variable by variable.
        md : mapping, optional
            Metadata for the start document.
        """
        how: dict[str, Any] = {"replicates": replicates, "seed": seed, "md": md}
        return (yield from scans.one_at_a_time(problem, self.rig, around, levels, **how))

    def grid(
        self,
        problem: str | dict[str, Any] | Problem,
        levels: dict[str, Any],
        replicates: int = 1,
        seed: int | None = 0,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Measure every combination of values on this session's rig; see `scans.grid`.

        Parameters
        ----------
        problem, replicates, md
            As in `one_at_a_time`.
        levels : dict of str to list of float, or float
            The values of each variable; a single one is kept.
        seed : int, optional
            Of the random order; with None the last variable changes fastest.
        """
        how: dict[str, Any] = {"replicates": replicates, "seed": seed, "md": md}
        return (yield from scans.grid(problem, self.rig, levels, **how))

    def repeat(
        self,
        problem: str | dict[str, Any] | Problem,
        conditions: dict[str, float],
        times: int = 5,
        md: Mapping[str, Any] | None = None,
    ) -> MsgGenerator[str]:
        """Measure the same conditions several times on this session's rig; see `scans.repeat`.

        Parameters
        ----------
        problem, md
            As in `one_at_a_time`.
        conditions : dict of str to float
            A value for each variable.
        times : int
            How often.
        """
        return (yield from scans.repeat(problem, self.rig, conditions, times, md=md))

    # -- looking ----------------------------------------------------------------------------

    def last(self, n: int = 1) -> Lineage:
        """Give the n-th last run of the catalogue, with those it resumed.

        Raises
        ------
        LookupError
            If there are fewer, or n is no number from 1 up.
        """
        if not (isinstance(n, int) and n > 0):
            raise LookupError(f"the {n!r}-th last run: count from 1, the newest")
        return lineage(self.cat, self.cat[-n].uid)

    def summary(self, which: int | str = 1) -> None:
        """Print how a run came out: a campaign, a scan, or what was made.

        Parameters
        ----------
        which : int or str
            The last, 1, or the one before it, 2, and so on; or a uid, or the beginning of one.
        """
        run = lineage(self.cat, which) if isinstance(which, str) else self.last(which)
        if is_made(run.start):
            say(made_of(run.runs[-1]).to_text())
            return
        if scan := is_scan(run.start):
            say(f"\n{scan_of(run).to_text()}\n")
        if is_campaign(run.start) or not scan:  # what is neither says why
            say(summarise(run).to_text())

    def safe(self) -> None:
        """Bring the rig to its safe state, and say what it confirmed."""
        say("\n".join(self.rig.safe().lines))

    def welcome(self) -> None:
        """Print what this session is connected to and what it offers."""
        mark = "SIMULATED" if self.rig.simulated else "REAL HARDWARE"
        if shell := get_ipython():  # none in a queueserver worker
            from .session.magics import RigMagics  # brings a RunEngine of its own

            shell.prompts = _Prompt(shell, simulated=self.rig.simulated)
            shell.register_magics(RigMagics(shell, self.RE, self.rig))
        runs = self.cat.runs(limit=1)
        latest = f"{runs[0].uid[:8]}  {runs[0].title or ''}" if runs else "none yet"
        say(
            f"\nreactune  {mark}  {self.rig.config.title}\n"
            f"catalogue {self.cat.place}, last run {latest}\n\n"
            'RE(optimise("walker-ii"))   run a campaign; Ctrl-C twice pauses, RE.abort() ends it\n'
            "RE(resume(UID))             go on with one that was interrupted\n"
            "RE(rediscover(UID))         does an earlier one still hold? if so, use it\n"
            'RE(make(UID, "5mL"))        make what one has found\n'
            "last(), summary()           the last run, and how it came out\n"
            "replay(cat, last().uid)     compare its asks with the stored ones\n"
            "safe()                      pumps stopped, heater safe, valve in load\n"
            'RE(grid("walker-ii", {...})) measure all of a grid; one_at_a_time, repeat\n'
            "RE(bp.scan([hplc], rig.temperature, 100, 150, 6))  any plan of bluesky's\n"
            "%wa, %mov, %ct              where the axes are; move them; measure there\n"
            "RE, cat, rig, bp, bps       as everywhere in bluesky; RE.md is kept for next time\n"
            "bec.enable_plots()          figures of ordinary plans, where there is a display\n"
        )


class _Prompt(Prompts):
    """The prompt says all the time whether hardware listens."""

    def __init__(self, shell: Any, *, simulated: bool) -> None:
        super().__init__(shell)
        self._mark = (Token.Prompt, "sim ") if simulated else (Token.OutPrompt, "REAL ")

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        usual = super().in_prompt_tokens()  # type: ignore[no-untyped-call]  # IPython's own
        return [self._mark, *usual]
