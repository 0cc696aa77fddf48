"""SCPI voltmeters, for a photodiode; codec and driver.

Source: 34401A user's guide (HP, 1996): READ? in volts, lines end with LF, on RS-232 with CR LF. It
has room for about 100 bytes and takes its time over some of them: every command waits for its
answer.

INIT has it take SAMP:COUN readings into a memory of 512, each after TRIG:DEL and the integration.
Until they are taken it obeys nothing but a device clear, on RS-232 Ctrl-C. FETC? leaves the memory
as it is, so that it can be asked again after a lost or damaged answer; an answer to R? or DATA:REM?
of newer meters that is lost takes its readings along.
"""

import re
from functools import partial

from .framing import begins, ends_with
from .roles import Identity
from .transport import GarbledError, InstrumentError, NoReplyError, Transport

_LF = ends_with(b"\n")
_OVERLOAD = 9.9e37  # what the meter says instead of a value
_CYCLE = 0.02  # of the mains, which a reading is integrated over [s]; where it is 1/60 s, the last
# of a piece comes 0.1 s early
_LONGEST = 30  # readings in a piece: what nobody hears of for so long
_BRIEFEST = 0.4  # period [s]: between two readings the meter takes a tenth of a second to begin
_SINGLE = "TRIG:DEL 0;:SAMP:COUN 1"
_READING = 16 * 11  # bits on the line
_FORM = re.compile(rb"[+-]?\d\.\d+[eE][+-]\d{2,3}\r?\n")


def decode_volts(reply: bytes) -> float:
    r"""Return the volts of `+1.04967906E+01\n`; an overload is infinite."""
    if not _FORM.fullmatch(reply):
        raise GarbledError(f"{begins(reply)} is not a reading")
    volts = float(reply)
    return float("inf") if abs(volts) >= _OVERLOAD else volts


def decode_block(reply: bytes, count: int) -> list[float]:
    r"""Return the volts of `+1.04967906E+01,+1.04967913E+01\n`, which have to be `count`.

    All of one length: a number that has lost a digit is still a number.
    """
    readings = reply.strip().removesuffix(b",").split(b",")
    if len(readings) != count or len({len(each) for each in readings}) != 1:
        raise GarbledError(f"{begins(reply)} is not {count} readings")
    return [decode_volts(each + reply[-1:]) for each in readings]


class ScpiVoltmeter:
    """A voltmeter that speaks SCPI; a `SamplingDriver`."""

    def __init__(self, transport: Transport, range_: float = 10.0):
        self.transport = transport
        self.name = f"voltmeter on {transport.url}"
        self._range = range_
        self._held = 0  # readings that its memory holds, as far as is known
        self._longest = {True: 0, False: 0}  # reading below zero, or not, that has come [bytes]

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
        try:
            identity = self._ask("*IDN?")
        except NoReplyError:  # somebody may have left it alone while it takes readings
            self.halt()
            self.transport.send(b"SYST:REM\n")
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
        return self.transport.exchange(b"READ?\n", _LF, self._volts, repeat=True)

    def _volts(self, reply: bytes) -> float:
        """Decode a reading as long as those before: what has lost a digit is still a number."""
        volts, below = decode_volts(reply), reply.startswith(b"-")
        if len(reply) < self._longest[below]:
            raise GarbledError(f"{reply!r} is shorter than the readings before it")
        self._longest[below] = len(reply)
        return volts

    # -- readings that it takes by itself ---------------------------------------------------

    def prepare(self, period: float) -> int:
        """See `SamplingDriver`; a meter that refuses has to be asked for each reading."""
        most = min(_LONGEST, int(period / 2 * self.transport.baudrate / _READING))
        if period < _BRIEFEST or not most:
            return 0
        tried = f"SAMP:COUN {most};:TRIG:DEL {period - _CYCLE:g};:ZERO:AUTO ONCE"
        if self._ask(f"*CLS;:{tried};:{_SINGLE};:SYST:ERR?").startswith(("+0,", "0,")):
            return most
        self._do(f"{_SINGLE};*CLS")
        return 0

    def begin(self, count: int, period: float) -> tuple[float, int]:
        """See `SamplingDriver`; the answer shows that the whole line has come.

        It never takes as many readings as it holds: these would do for an answer if the line was
        damaged all the same, and the new ones have not been begun.
        """
        count -= count == self._held
        if not count:
            return self.read(), 0
        self._held = count
        line = f"READ?;:TRIG:DEL {period - _CYCLE:g};:SAMP:COUN {count};:INIT\n"
        volts = self.transport.exchange(line.encode("ascii"), _LF, self._volts, repeat=False)
        return volts, count

    def fetch(self, count: int) -> list[float]:
        """See `SamplingDriver`."""
        return self.transport.exchange(
            f"FETC?;:{_SINGLE}\n".encode("ascii"),
            _LF,
            partial(decode_block, count=count),
            repeat=True,
        )

    def halt(self) -> None:
        """See `SamplingDriver`; newer meters take Ctrl-C for a blank, and know ABOR instead."""
        self.transport.send(f"\x03ABOR\n{_SINGLE}\n*CLS\n".encode("ascii"))
