"""One open rig, RunEngine and catalogue: what every front end works with."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from bluesky import RunEngine
from bluesky.utils import MsgGenerator, RunEngineInterrupted

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.rig.flow_rig import FlowRig, RigFaultError

from .foresight import foreseeing, in_words
from .metadata import Metadata
from .stating import stating

Interrupter = Callable[[RunEngine, FlowRig], AbstractContextManager[Any]]
"""Made with the RunEngine and its rig, and entered while a plan runs, which it may abort.

In the RunEngine's own words: one of its `context_managers`.
"""

_ENDING = 10.0  # wall s that the RunEngine's thread is given to end


class Session:
    """A RunEngine whose documents go to a catalogue and whose waits move the lab clock.

    A context manager, for who opens more than one in a process: leaving it ends what the RunEngine
    has open. The rig has to be closed by then, for the RunEngine hears of every Status that ends.

    Parameters
    ----------
    rig : FlowRig
        An open rig.
    catalogue : Catalogue
        Open for writing.
    interrupters : sequence of Interrupter, optional
        Ways to end a plan from outside. By default Ctrl-C pauses it, as bluesky's users expect.
    hooks : sequence of callable, optional
        Called with the statuses that a plan begins to wait for, as a ``RunEngine.waiting_hook``.
    md : Metadata, optional
        Of earlier sessions, for the RunEngine to go on with, ``scan_id`` too.

    Attributes
    ----------
    RE : bluesky.RunEngine
    """

    def __init__(
        self,
        rig: FlowRig,
        catalogue: Catalogue,
        interrupters: Sequence[Interrupter] | None = None,
        hooks: Sequence[Callable[[Any], object]] = (),
        md: Metadata | None = None,
    ) -> None:
        self._log = _log_to(catalogue.folder / "reactune.log")
        managers = None
        if interrupters is not None:
            managers = [_of(rig, interrupter) for interrupter in interrupters]
        self._rig = rig
        self.RE = RunEngine(md, context_managers=managers)  # type: ignore[arg-type]  # any mapping
        if md is not None:
            self.RE.scan_id_source = md.next_scan_id
        self.RE.md_validator = foreseeing(rig, self.RE.md_validator)
        self.RE.md_normalizer = stating(rig, self.RE.md_normalizer)
        self.RE.preprocessors.append(in_words)
        self.RE.md["simulated"] = rig.simulated  # whatever it was before
        self.RE.subscribe(catalogue.record)  # type: ignore[no-untyped-call]  # bluesky's own
        self._hooks = [*hooks, rig.clock.waiting]
        self.RE.waiting_hook = self._waiting  # type: ignore[assignment]  # declared as None

    def _waiting(self, statuses: Any) -> None:
        for hook in self._hooks:
            hook(statuses)

    def run(self, plan: MsgGenerator[Any]) -> bool:
        """Run one plan to its end, whatever that is.

        Returns
        -------
        bool
            Whether it was interrupted; why is in the stop document.

        Raises
        ------
        Exception
            What the plan raised, after its cleanup.
        """
        try:
            self.RE(plan)
        except RunEngineInterrupted:
            return True
        except RigFaultError:
            if self._rig.interlock.held:  # the plan was ended, and wanted to move once more
                return True
            raise
        finally:
            self._rig.interlock.release()  # a plan that was ended held it
        return False

    def close(self) -> None:
        """End the RunEngine's thread and event loop, which it never does, and close the log."""
        loop, thread = self.RE.loop, self.RE._th  # noqa: SLF001 - there is no other way to it
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_ENDING)
            if not thread.is_alive():
                loop.close()
        self._log.close()  # opened again should there be more to log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _of(rig: FlowRig, interrupter: Interrupter) -> Callable[[RunEngine], Any]:
    """Make of an interrupter what a RunEngine calls: it knows no rig."""
    return lambda RE: interrupter(RE, rig)


def _log_to(path: Path) -> logging.Handler:
    """Send what bluesky logs (tracebacks of aborted plans) to a file instead of the terminal."""
    log = logging.getLogger("bluesky")
    log.propagate = False
    for earlier in log.handlers[:]:
        log.removeHandler(earlier)
        earlier.close()
    handler = _Log(path, delay=True)
    log.addHandler(handler)
    return handler


class _Log(logging.FileHandler):
    """A log that may be lost: its folder can vanish while a campaign runs."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)
