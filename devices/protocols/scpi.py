"""SCPI voltmeters, for a photodiode; codec and driver.

Source: Keysight 34401A user's guide: READ? in volts, lines end with LF, on RS-232 with CR LF. It
has room for about 100 bytes and takes its time over some of them: every command waits for its
answer.
"""

from math import isfinite

from .framing import ends_with
from .roles import Identity
from .transport import GarbledError, InstrumentError, Transport

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
        """Send a query; what it answers has to be a line of text."""

        def decode(reply: bytes) -> str:
            try:
                return reply.decode("ascii").strip()
            except UnicodeDecodeError:
                raise GarbledError(f"{reply!r} is not ASCII") from None

        return self.transport.exchange(f"{query}\n".encode("ascii"), _LF, decode, repeat=True)

    def connect(self) -> Identity:
        """Configure for DC volts, one power-line cycle, and return what it is.

        Raises
        ------
        TransportError
            If it does not answer.
        InstrumentError
            If it reports an error afterwards.
        """
        self.transport.send(b"SYST:REM\n")  # on RS-232 it obeys nothing else before
        identity = self._ask("*IDN?")
        for command in ("*CLS", f"CONF:VOLT:DC {self._range:g}", "VOLT:DC:NPLC 1"):
            self._do(command)
        error = self._ask("SYST:ERR?")
        if not error.startswith(("+0,", "0,")):
            raise InstrumentError(f"{self.name} refused its configuration: {error}")
        facts = {"range": f"{self._range:g} V DC", "integration": "1 power-line cycle"}
        return Identity(identity, facts)

    def _do(self, command: str) -> None:
        """Send a command and wait until it is done."""

        def done(reply: bytes) -> None:
            if reply.strip() not in (b"1", b"+1"):
                raise GarbledError(f"{reply!r} does not say that {command!r} is done")

        self.transport.exchange(f"{command};*OPC?\n".encode("ascii"), _LF, done, repeat=True)

    def read(self) -> float:
        """Return volts; infinite for an overload."""
        return self.transport.exchange(b"READ?\n", _LF, decode_volts, repeat=True)
