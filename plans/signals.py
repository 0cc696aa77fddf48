"""Ctrl-C, SIGTERM, SIGQUIT and a closed terminal end a campaign; the rig is made safe at once."""

import os
import signal
import stat
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, ClassVar, Self

from bluesky import RunEngine

from reactune.devices.rig.flow_rig import FlowRig

from .saying import say


class StopSignals:
    """While a plan runs, these signals make the rig safe and abort the plan.

    The rig first, and not by the plan: that may be busy for half a minute with what to ask next.
    Under ``nohup`` a terminal that goes away changes nothing.

    Parameters
    ----------
    RE : RunEngine
        The engine whose context manager this is.
    rig : FlowRig
    """

    _words: ClassVar = {
        signal.SIGINT: "stopped by the user (Ctrl-C)",
        signal.SIGTERM: "terminated from outside (SIGTERM)",
        signal.SIGHUP: "the terminal was closed (SIGHUP)",
        signal.SIGQUIT: "stopped by the user (SIGQUIT)",
    }

    def __init__(self, RE: RunEngine, rig: FlowRig) -> None:
        self._RE, self._rig = RE, rig
        self._reason = ""
        self._before: dict[signal.Signals, Any] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
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
        if not self._reason:
            self._reason = self._words[signal.Signals(number)]
            text = f"\n{self._reason}: making the rig safe ..."
            # Other threads have to: this one is waiting inside the RunEngine's call.
            threading.Thread(target=self._rig.end, args=(self._reason,)).start()
            threading.Thread(target=self._abort, daemon=True).start()
        with suppress(OSError):  # nobody reads it any more
            say(text, to=sys.stderr)

    def _abort(self) -> None:
        """Abort the plan, as soon as it runs if it is only about to."""
        while not self._over.wait(0.02):
            with suppress(RuntimeError):  # the RunEngine is still, or again, idle
                self._RE.abort(self._reason)  # type: ignore[no-untyped-call]  # bluesky's own
                return


def _let_go_of_the_terminal() -> None:
    """Have what is still said go nowhere: a print into a closed terminal fails."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)
