"""A campaign on the terminal: what is said while it runs, and what comes out."""

import argparse
import contextlib
import shlex
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from reactune.analysis.written import printable
from reactune.devices.rig.safety import SafeReport

from ..progress import Progress
from ..reagents import Precautions
from ..saying import say
from ..service import Listener, Outcome
from ..signals import StopSignals
from .options import EXIT_DONE, EXIT_FAILURE
from .result import say_result


class Terminal(Listener):
    """Says on stderr how a campaign stands."""

    def __init__(self) -> None:
        # faults may hold [brackets]
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._progress = Progress(self._console)

    def opening(self) -> None:
        """Say why nothing is heard for some seconds."""
        if sys.stderr.isatty():
            say("Opening the catalogue ...", to=sys.stderr)

    def remark(self, sentence: str) -> None:
        """Say it before anything is measured."""
        say(textwrap.fill(sentence, 80), to=sys.stderr)

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        """Say a line an experiment."""
        self._progress(name, doc)

    def over(self, fault: str, safe_state: SafeReport | None) -> None:
        """Say what the rig confirmed, at once."""
        if fault:
            fault = printable(f"Ended: {fault}")
            self._console.print(fault, style="bold red", soft_wrap=True)
        if safe_state is not None:
            lines = printable("\n".join(("Safe state:", *safe_state.lines)))
            self._console.print(lines, soft_wrap=True)


def carry_out(
    a: argparse.Namespace, campaign: Callable[..., Outcome], *what: Any, **how: Any
) -> int:
    """Have a campaign run, and say how it ended; stdout carries the result and nothing else.

    Parameters
    ----------
    a : argparse.Namespace
        With the options of a campaign (`options.add_campaign`).
    campaign : callable
        ``run``, ``resume`` or ``rediscover`` of the service.
    *what, **how
        Its arguments.

    Returns
    -------
    int
        The exit code.
    """
    with contextlib.redirect_stdout(sys.stderr):
        outcome = campaign(
            *what,
            catalogue=a.catalogue,
            listener=Terminal(),
            interrupters=[StopSignals],
            precautions=Precautions(guard=not a.no_guard, reagents=a.reagents),
            **how,
        )
    if outcome.campaign is None:  # it ended before its run was opened
        return EXIT_FAILURE
    say_result(outcome.campaign, outcome.folder, as_json=a.json)
    if not outcome.finished:
        say(f"To go on: {_resuming(a, outcome.uid)}", to=sys.stderr)
    return EXIT_DONE if outcome.well else EXIT_FAILURE


def _resuming(a: argparse.Namespace, uid: str) -> str:
    """Give the command that goes on with a campaign that has not reached its end."""
    words = ["reactune", "optimise", "--resume", uid[:8]]
    for name in ("rig", "catalogue"):
        if value := getattr(a, name):
            words += [f"--{name}", value]
    return shlex.join(words)
