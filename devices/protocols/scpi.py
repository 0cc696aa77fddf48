"""SCPI voltmeters, for a photodiode; codec and driver.

Source: Keysight 34401A user's guide: READ? in volts, lines end with LF.
"""

from math import isfinite

from .transport import GarbledError, InstrumentError, Transport, ends_with

_LF = ends_with(b"\n")
_OVERLOAD = 9.9e37  # what the meter says instead of a value


def decode_volts(reply: bytes) -> float:
    r"""Return the volts of `+1.04967906E+01\n`; an overload is infinite."""
    try:
        volts = float(reply)
    except ValueError:
        volts = float("nan")
    if not isfinite(volts) or not reply.endswith(b"\n"):
        raise GarbledError(f"{reply!r} is not a reading")
    return float("inf") if abs(volts) >= _OVERLOAD else volts


class ScpiVoltmeter:
    """A voltmeter that speaks SCPI."""

    def __init__(self, transport: Transport, range_: float = 10.0):
        self.transport = transport
        self.name = f"voltmeter on {transport.url}"
        self._range = range_

    def _ask(self, query: str) -> str:
        def decode(reply: bytes) -> str:
            return reply.decode("ascii", "replace").strip()

        return self.transport.exchange(f"{query}\n".encode("ascii"), _LF, decode, repeat=True)

    def connect(self) -> str:
        """Configure for DC volts, one power-line cycle, and return the identification.

        Raises
        ------
        InstrumentError
            If the meter reports an error afterwards.
        """
        identity = self._ask("*IDN?")
        for command in ("SYST:REM", "*CLS", f"CONF:VOLT:DC {self._range:g}", "VOLT:DC:NPLC 1"):
            self.transport.send(f"{command}\n".encode("ascii"))
        error = self._ask("SYST:ERR?")
        if not error.startswith(("+0,", "0,")):
            raise InstrumentError(f"{self.name} refused its configuration: {error}")
        return identity

    def read(self) -> float:
        """Return volts; infinite for an overload."""
        return self.transport.exchange(b"READ?\n", _LF, decode_volts, repeat=True)
