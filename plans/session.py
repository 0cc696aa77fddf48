"""One open rig, RunEngine and catalogue: what the command line and a shell work with."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from bluesky.utils import MsgGenerator, ProgressBarManager, RunEngineInterrupted

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.rig.flow_rig import FlowRig

from .signals import StopSignals


class Session:
    """A RunEngine whose documents go to a catalogue and whose waits move the lab clock.

    Parameters
    ----------
    rig : FlowRig
        An open rig.
    catalogue : Catalogue
        Open for writing.
    interactive : bool
        True: the RunEngine pauses on Ctrl-C, as bluesky's users expect. False: Ctrl-C, SIGTERM
        and a closed terminal abort the plan, whose cleanup makes the rig safe.

    Attributes
    ----------
    RE : bluesky.RunEngine
    """

    def __init__(self, rig: FlowRig, catalogue: Catalogue, *, interactive: bool = False) -> None:
        _log_to(catalogue.folder / "reactune.log")
        # None: bluesky's own handling of Ctrl-C
        managers = None if interactive else [StopSignals]
        self.RE = RunEngine({"simulated": rig.simulated}, context_managers=managers)
        self.RE.subscribe(catalogue.record)  # type: ignore[no-untyped-call]  # bluesky's own
        self._hooks: list[Callable[[Any], object]] = [rig.clock.waiting]
        if interactive and sys.stdout.isatty():
            self._hooks.insert(0, ProgressBarManager())
        self.RE.waiting_hook = self._waiting  # type: ignore[assignment]  # declared as None

    def _waiting(self, statuses: Any) -> None:
        for hook in self._hooks:
            hook(statuses)

    def run(self, plan: MsgGenerator[Any]) -> str | None:
        """Run one plan to its end, whatever that is.

        Returns
        -------
        str or None
            Why it was interrupted (see `StopSignals`); None if it was not.

        Raises
        ------
        Exception
            What the plan raised, after its cleanup.
        """
        try:
            self.RE(plan)
        except RunEngineInterrupted:
            return StopSignals.reason
        return None


def _log_to(path: Path) -> None:
    """Send what bluesky logs (tracebacks of aborted plans) to a file instead of the terminal."""
    log = logging.getLogger("bluesky")
    log.propagate = False
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    log.addHandler(logging.FileHandler(path, delay=True))
