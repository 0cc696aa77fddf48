"""One open rig, RunEngine and catalogue: what the command line and a shell work with."""

import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Self

from bluesky import RunEngine
from bluesky.utils import MsgGenerator, ProgressBarManager, RunEngineInterrupted

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.rig.flow_rig import FlowRig


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


class StopSignals:
    """While a plan runs, Ctrl-C, SIGTERM and SIGHUP abort it: its cleanup makes the rig safe.

    Under ``nohup`` a terminal that goes away changes nothing.

    Parameters
    ----------
    RE : RunEngine
        The engine whose context manager this is.
    """

    reason: ClassVar[str] = ""
    _words: ClassVar = {
        signal.SIGINT: "stopped by the user (Ctrl-C)",
        signal.SIGTERM: "terminated from outside (SIGTERM)",
        signal.SIGHUP: "the terminal was closed (SIGHUP)",
    }

    def __init__(self, RE: RunEngine) -> None:
        self._RE = RE
        self._before: dict[signal.Signals, Any] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        StopSignals.reason = ""
        if threading.current_thread() is threading.main_thread():
            for number in self._words:
                if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                    continue  # nohup
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _let_go_of_the_terminal()
        text = "already stopping: the rig is being made safe"
        if not StopSignals.reason:
            StopSignals.reason = self._words[signal.Signals(number)]
            text = f"\n{StopSignals.reason}: making the rig safe ..."
            # Another thread has to ask: this one is waiting inside the RunEngine's call.
            threading.Thread(target=self._abort, daemon=True).start()
        with suppress(OSError):  # nobody reads it any more
            print(text, file=sys.stderr)

    def _abort(self) -> None:
        """Abort the plan, as soon as it runs if it is only about to."""
        while not self._over.wait(0.02):
            with suppress(RuntimeError):  # the RunEngine is still, or again, idle
                self._RE.abort(StopSignals.reason)  # type: ignore[no-untyped-call]  # bluesky's own
                return


def _let_go_of_the_terminal() -> None:
    """Have what is still said go nowhere: a print into a closed terminal fails."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _log_to(path: Path) -> None:
    """Send what bluesky logs (tracebacks of aborted plans) to a file instead of the terminal."""
    log = logging.getLogger("bluesky")
    log.propagate = False
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    log.addHandler(logging.FileHandler(path, delay=True))
