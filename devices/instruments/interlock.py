"""The interlock: what every instrument asks before it moves, heats or turns anything."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..clock import LabStatus
from ..protocols.transport import GaveWayError, InstrumentError, TransportError

FAILURES = (TransportError, InstrumentError)
"""What makes a fault: an instrument that does not answer, refuses, or reports a failure."""


class RigFaultError(RuntimeError):
    """The rig has made itself safe and refuses to move until the fault is acknowledged."""


class Interlock:
    """Held shut by a latched fault; only a human's acknowledgement opens it again.

    The instruments of a rig share one, whoever uses them: the rig, a plan, or a person with one
    instrument in the hand. What makes an instrument safe, and what only reads it, asks nobody.

    Attributes
    ----------
    fault : str or None
        Why nothing moves.
    passing : bool
        Whether the fault is one of communication alone, which says nothing about the instruments:
        once all of them answer again, no human has to look (`FlowRig.recover`).
    at_rest : bool
        Whether nothing has been let move since everything was made safe, and confirmed it.
    ending : str
        Why nothing moves until `release`: a plan is being ended.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self.passing = False
        self.ending = ""
        self.at_rest = False
        self._blocks: list[str] = []  # that hold it, of several threads, in no order
        self._lock = threading.Lock()
        self._shut: Callable[[Exception], object] = lambda error: None

    def when_shut(self, call: Callable[[Exception], object]) -> None:
        """Have `call(error)` make everything safe whenever a fault has been latched."""
        self._shut = call

    def check(self) -> None:
        """Refuse to let anything move while a fault is latched, before a byte is sent.

        Raises
        ------
        RigFaultError
            Names the fault.
        """
        if self.fault is not None:
            raise RigFaultError(
                f"nothing moves after a fault until it is acknowledged: {self.fault}"
            )
        if held := self.held:
            raise RigFaultError(f"nothing moves now: {held}")
        self.at_rest = False

    @property
    def held(self) -> str:
        """Why nothing moves for the moment: a plan ends, or the rig is being made safe."""
        with self._lock:
            return self.ending or next(iter(self._blocks), "")

    @contextmanager
    def holding(self, reason: str) -> Iterator[None]:
        """Let nothing move in this block, whoever else holds it and for however long."""
        with self._lock:
            self._blocks.append(reason)
        try:
            yield
        finally:
            with self._lock:
                self._blocks.remove(reason)

    def hold(self, reason: str) -> None:
        """Let nothing move until `release`; a fault that is latched meanwhile stays."""
        self.ending = reason

    def release(self) -> None:
        """Undo `hold`."""
        self.ending = ""

    def watch(self, status: LabStatus) -> LabStatus:
        """Latch a fault if an instrument fails this action; return the status."""
        status.add_callback(self._ended)
        return status

    def _ended(self, status: LabStatus) -> None:
        if isinstance(error := status.exception(), FAILURES):
            self.latch(error)

    def latch(self, error: Exception) -> None:
        """Shut, and have everything made safe. Not to be called under a device's lock.

        The first fault is the one that is named, unless it was passing and this one is not. What
        is wrong with an instrument is acted on also after a fault, as that it has become too hot.

        Parameters
        ----------
        error : Exception
            The fault. To have given way to making the rig safe is none.
        """
        if isinstance(error, GaveWayError):
            return
        passing = isinstance(error, TransportError)
        with self._lock:
            if self.fault is not None and (passing or str(error) == self.fault):
                return
            if self.fault is None or self.passing:
                self.fault, self.passing = str(error), passing
        self._shut(error)

    def open(self, *, only_passing: bool = False) -> None:
        """Take the fault back: for `FlowRig.acknowledge`, after a human has looked.

        Parameters
        ----------
        only_passing : bool
            Leave it if it is not passing (any more): for `FlowRig.recover`.
        """
        with self._lock:
            if self.passing or not only_passing:
                self.fault, self.passing = None, False
