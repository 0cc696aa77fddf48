"""The interlock: what every instrument asks before it moves, heats or turns anything."""

import threading
from collections.abc import Callable

from ..clock import LabStatus
from ..protocols.transport import InstrumentError, TransportError

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
    """

    def __init__(self) -> None:
        self.fault: str | None = None
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

    def watch(self, status: LabStatus) -> LabStatus:
        """Latch a fault if an instrument fails this action; return the status."""
        status.add_callback(self._ended)
        return status

    def _ended(self, status: LabStatus) -> None:
        if isinstance(error := status.exception(), FAILURES):
            self.latch(error)

    def latch(self, error: Exception) -> None:
        """Shut; the first fault is the one that is named. Not to be called under a device's lock.

        Parameters
        ----------
        error : Exception
            The fault.
        """
        with self._lock:
            if self.fault is not None:
                return
            self.fault = str(error)
        self._shut(error)

    def open(self) -> None:
        """Take the fault back: for `FlowRig.acknowledge`, after a human has looked."""
        self.fault = None
