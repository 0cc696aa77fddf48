"""An emulated voltmeter that speaks SCPI, byte by byte; facts: Keysight's 34401A user's guide."""

from collections import deque

from .instrument import EmulatedLine
from .world import World

_OVERLOAD = 9.9e37
_RANGES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # [V], each reads 20 % over; the last one does not
_NPLC = (0.02, 0.2, 1.0, 10.0, 100.0)
_POWER_ON = (10.0, True, 10.0)  # range [V], autoranging, NPLC
_ERRORS = {
    0: "No error",
    -102: "Syntax error",
    -113: "Undefined header",
    -222: "Data out of range",
    -350: "Too many errors",
    550: "Command not allowed in local",
}
_KEEP = 20  # errors


class EmulatedVoltmeter(EmulatedLine):
    """An HP 34401A on RS-232, which obeys only after ``SYST:REM``, in front of the photodiode."""

    END = b"\n"
    _SHORT = (  # long forms of SCPI keywords; capitals are the short form
        ("SYSTEM", "SYST"), ("REMOTE", "REM"), ("LOCAL", "LOC"), ("ERROR", "ERR"),
        ("CONFIGURE", "CONF"), ("VOLTAGE", "VOLT"), ("MEASURE", "MEAS"), ("SENSE:", ""),
        ("SENS:", ""),
    )  # fmt: skip

    def __init__(self, world: World):
        super().__init__()
        self._volts = world.volts
        self._errors: deque[int] = deque()
        self._remote = False
        self._range, self._auto, self._nplc = _POWER_ON

    def receive(self, data: bytes) -> bytes:
        """See `EmulatedLine`; readings, 80 000 of them in a campaign, take a short cut."""
        if data == b"READ?\n" and self._remote and not self._rest:
            return self._reading()
        return super().receive(data)

    def answer(self, line: str) -> bytes:
        """Do the commands of a line."""
        return b"".join([self._do(part.strip()) for part in line.split(";") if part.strip()])

    def _do(self, command: str) -> bytes:
        head, _, argument = command.upper().partition(" ")
        for long, short in self._SHORT:
            head = head.replace(long, short)
        head, argument = head.lstrip(":"), argument.strip()
        if head in ("SYST:REM", "SYST:LOC"):
            self._remote = head.endswith("REM")
        elif head == "*IDN?":
            return b"REACTUNE EMULATED,34401A,0,11-5-2\n"
        elif head == "SYST:ERR?":
            code = self._errors.popleft() if self._errors else 0
            return f'{code:+d},"{_ERRORS[code]}"\n'.encode()
        elif head == "*CLS":
            self._errors.clear()
        elif not self._remote:
            self._error(550)
        elif head == "*RST":
            self._range, self._auto, self._nplc = _POWER_ON
        elif head == "*OPC?":
            return b"1\n"
        elif head in ("READ?", "MEAS:VOLT:DC?"):
            return self._reading() if head == "READ?" or self._configure(argument) else b""
        elif head == "CONF:VOLT:DC":
            self._configure(argument)
        elif head == "CONF?":
            return f'"VOLT {self._range:+.6E},{self._range * 1e-6:+.6E}"\n'.encode()
        elif head == "VOLT:DC:NPLC":
            self._nplc = self._choose(argument, _NPLC, self._nplc)
        elif head == "VOLT:DC:NPLC?":
            return f"{self._nplc:+.8E}\n".encode()
        else:
            self._error(-113)
        return b""

    def _configure(self, argument: str) -> bool:
        """Take "range[,resolution]"; the resolution follows from the integration time."""
        choice = argument.split(",")[0].strip()
        before = len(self._errors)
        self._auto = choice in ("", "DEF", "AUTO")
        if not self._auto:
            self._range = self._choose(choice, _RANGES, self._range)
        return len(self._errors) == before

    def _choose(self, text: str, values: tuple[float, ...], present: float) -> float:
        """Return the smallest of `values` that holds what was asked."""
        try:
            asked = {"MIN": values[0], "MAX": values[-1]}.get(text) or float(text)
        except ValueError:
            self._error(-102)
            return present
        for value in values:
            if 0 <= asked <= value:
                return value
        self._error(-222)
        return present

    def _error(self, code: int) -> None:
        if len(self._errors) < _KEEP:
            self._errors.append(code)
        else:
            self._errors[-1] = -350

    def _reading(self) -> bytes:
        volts = self._volts()
        limit = _RANGES[-1] if self._auto else min(self._range * 1.2, _RANGES[-1])
        if not abs(volts) <= limit:
            volts = _OVERLOAD if volts > 0 else -_OVERLOAD
        return b"%+.8E\n" % volts
