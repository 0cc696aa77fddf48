"""The supervisor: watches over an open rig beside the RunEngine, from a thread of its own.

It asks for no lock and waits for no line, no plan and no agent: what has to be made safe it has
made safe in yet another thread, and goes on.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

from bluesky import RunEngine

from reactune.devices.protocols.transport import InstrumentError
from reactune.devices.rig.flow_rig import FlowRig

from .guard import Guard
from .reagents import ReagentBook
from .session.leaving import leaving_safe

_log = logging.getLogger(__name__)

_BEAT = 0.5  # s between looks; everything here counts wall time
_BLIND = 30.0  # s without a look at the rig: what looks at it hangs
_AGAIN = 5.0  # s between attempts to reach what has not confirmed its safe state


class Supervisor:
    """Sees that a rig is not left hot or flowing by a plan that is no more, or thinks no more.

    It makes the rig safe when a plan is aborted, halted or fails, or has measured without leaving
    it so, when one is paused for longer than the rig file allows, and when nobody has looked at the
    rig for half a minute. After a fault it goes on trying to reach the instruments that have not
    confirmed. Its thread is what the guard's process listens to.

    Parameters
    ----------
    RE : RunEngine
        What runs the plans on the rig.
    rig : FlowRig
    guard : Guard, optional
        Of this process.
    book : ReagentBook, optional
        Has it note what is left of the reagents.
    """

    def __init__(
        self,
        RE: RunEngine,
        rig: FlowRig,
        guard: Guard | None = None,
        book: ReagentBook | None = None,
    ) -> None:
        self._RE, self._rig, self._guard, self._book = RE, rig, guard, book
        self._unwritten = False  # what is left of the reagents
        self._leaving = leaving_safe(rig)
        self._over = threading.Event()
        self._paused_since: float | None = None
        self._tried = -_AGAIN
        self._making_safe: threading.Thread | None = None
        self._thread = threading.Thread(target=self._work, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._hook, self._RE.state_hook = self._RE.state_hook, self._changed  # type: ignore[assignment]  # declared as None
        self._RE.preprocessors.append(self._leaving)
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._beat()  # how it was left
        self._note_reagents(last=True)
        self._RE.state_hook = self._hook
        self._RE.preprocessors.remove(self._leaving)

    # -- told by the RunEngine --------------------------------------------------------------

    def _changed(self, state: str, before: str) -> None:
        """Hear of the RunEngine's new state; a plan that is halted cleans nothing up."""
        self._beat()  # before anything moves
        if state == "halting":
            self._act(self._rig.safe)
        if self._hook is not None:
            self._hook(state, before)

    # -- its own thread ---------------------------------------------------------------------

    def _work(self) -> None:
        while not self._over.wait(_BEAT):
            self._beat()
            self._look_at_the_pause()
            self._look_at_the_rig()
            self._note_reagents()

    def _beat(self) -> None:
        moving = self._RE.state != "idle" or not self._rig.interlock.at_rest
        guard = self._guard  # two threads come here, and one may find it gone meanwhile
        if guard is not None and not guard.beat(moving=moving):
            self._guard = None
            _log.warning("the guard is gone: nobody makes the rig safe if this process dies")

    def _look_at_the_pause(self) -> None:
        limit = self._rig.config.pause_limit
        if self._RE.state != "paused":
            self._paused_since = None
        elif self._paused_since is None:
            self._paused_since = time.monotonic()
        elif time.monotonic() - self._paused_since > limit and not self._rig.interlock.at_rest:
            _log.warning(
                "paused for %g s: the rig goes to its safe state; resuming repeats the experiment",
                limit,
            )
            self._act(self._rig.safe)

    def _look_at_the_rig(self) -> None:
        now, watch, report = time.monotonic(), self._rig.watch, self._rig.last_report
        if watch.over:
            return
        if self._rig.fault is not None:
            if report is not None and not report.confirmed and now - self._tried > _AGAIN:
                self._tried = now
                self._act(self._rig.safe_again)
        elif not self._rig.simulated and now - watch.last_look > _BLIND:
            blind = InstrumentError(f"nobody could look at the rig for {_BLIND:g} s: look at it")
            self._act(partial(self._rig.interlock.latch, blind))

    def _note_reagents(self, *, last: bool = False) -> None:
        """Have the book note what is left; what cannot be written is tried again at each beat."""
        if self._book is None:
            return
        try:
            self._book.note(self._rig, last=last)
        except OSError as error:
            if last or not self._unwritten:
                _log.warning(
                    "what is left of the reagents cannot be written to %s (%s): %s",
                    self._book.path,
                    error.strerror or error,
                    "look into syringes and flasks before the rig is used again"
                    if last
                    else "it is tried again; check that folder ($XDG_STATE_HOME)",
                )
            self._unwritten = True
        else:
            if self._unwritten:
                _log.warning("what is left of the reagents is written down again")
            self._unwritten = False

    def _act(self, call: Callable[[], object]) -> None:
        """Have something done, one thing at a time, while this thread goes on."""
        if self._making_safe is None or not self._making_safe.is_alive():
            self._making_safe = threading.Thread(target=call, name="supervisor-acts", daemon=True)
            self._making_safe.start()
