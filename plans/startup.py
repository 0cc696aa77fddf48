"""What an IPython session or a queueserver worker works with.

``profile/profile_reactune/startup`` imports everything from here; so may any script. The rig is
that of the environment variable REACTUNE_RIG (a rig file, or ``walker``: the paper's rig,
emulated), the catalogue that of REACTUNE_CATALOGUE.
"""

import atexit
import os
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator
from IPython import get_ipython
from IPython.terminal.prompts import Prompts
from pygments.token import Token
from rich.console import Console

from reactune.analysis.campaign.replay import replay
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.catalogue import Catalogue, Lineage, lineage
from reactune.devices.rig.flow_rig import FlowRig, load

from . import campaign as _campaign
from .progress import Progress
from .session import Session
from .stubs import lab_sleep, sample

__all__ = [
    "RE", "Problem", "bp", "bpp", "bps", "cat", "lab_sleep", "last", "optimise", "replay",
    "rig", "safe", "sample", "summary", "welcome",
]  # fmt: skip

rig = FlowRig.open(load(os.environ.get("REACTUNE_RIG", "walker")))
atexit.register(rig.close)
cat = Catalogue(writing=True)
atexit.register(cat.close)
RE = Session(rig, cat, interactive=True).RE
RE.subscribe(Progress(Console(highlight=False)))  # type: ignore[no-untyped-call]  # bluesky's own


def optimise(
    problem: str | dict[str, Any] | Problem,
    seed: int = 0,
    budget: int | None = None,
    first: list[dict[str, float]] | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Tune the products of the reaction on this session's rig.

    Parameters
    ----------
    problem : str, dict or Problem
        A problem file, the name of a built-in problem such as ``walker-ii``, or the problem itself.
    seed : int
        Seed of the optimiser.
    budget : int, optional
        Experiments at most, in place of the problem's.
    first : list of dict, optional
        Conditions to measure first.
    md : mapping, optional
        Metadata for the start document.
    """
    problem = Problem.load(problem)
    if budget is not None:
        problem = Problem.load({**problem.to_dict(), "budget": budget})
    return (yield from _campaign.optimise(problem, rig, seed=seed, first=first or (), md=md))


def last(n: int = 1) -> Lineage:
    """Give the n-th last run of the catalogue, with those it resumed."""
    return lineage(cat, cat[-n].uid)


def summary(n: int = 1) -> None:
    """Print how the n-th last campaign came out."""
    print(summarise(last(n)).to_text())


def safe() -> None:
    """Bring the rig to its safe state, and say what it confirmed."""
    print("\n".join(rig.safe().lines))


class _Prompt(Prompts):
    """The prompt says all the time whether hardware listens."""

    def in_prompt_tokens(self) -> list[tuple[Any, str]]:
        mark = (Token.Prompt, "sim ") if rig.simulated else (Token.OutPrompt, "REAL ")
        usual = super().in_prompt_tokens()  # type: ignore[no-untyped-call]  # IPython's own
        return [mark, *usual]


def welcome() -> None:
    """Print what this session is connected to and what it offers."""
    mark = "SIMULATED" if rig.simulated else "REAL HARDWARE"
    if shell := get_ipython():  # none in a queueserver worker
        shell.prompts = _Prompt(shell)
    runs = cat.runs(limit=1)
    latest = f"{runs[0].uid[:8]}  {runs[0].title or ''}" if runs else "none yet"
    print(
        f"\nreactune  {mark}  {rig.config.title}\n"
        f"catalogue {cat.folder}, last run {latest}\n\n"
        'RE(optimise("walker-ii"))   run a campaign; Ctrl-C twice pauses, RE.abort() ends it\n'
        "last(), summary()           the last run, and how it came out\n"
        "replay(cat, last().uid)     compare its asks with the stored ones\n"
        "safe()                      pumps stopped, heater safe, valve in load\n"
        "RE, cat, rig, bp, bps       as everywhere in bluesky\n"
    )
