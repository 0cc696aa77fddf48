"""An emulated voltmeter that speaks SCPI, byte by byte; facts: Keysight's 34401A user's guide."""

import re
from collections import deque

from .instrument import EmulatedLine
from .variants import VoltmeterVariant
from .world import World

_OVERLOAD = 9.9e37
_RANGES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # [V], each reads 20 % over; the last one does not
_NPLC = (0.02, 0.2, 1.0, 10.0, 100.0)
_ROOM = 100  # bytes that wait while the meter is busy; what comes then is lost
_SLOW = re.compile(r"(CONF|MEAS|\*RST|READ|INIT)", re.IGNORECASE)  # relays turn, or it measures
_ERRORS = {
    0: "No error",
    -102: "Syntax error",
    -113: "Undefined header",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -230: "Data stale",
    -350: "Too many errors",
    513: "Overrun error",
    550: "Command not allowed in local",
}
_KEEP = 20  # errors
_SWITCHES = {"ZERO:AUTO", "INP:IMP:AUTO", "TRIG:DEL:AUTO", "DISP", "SYST:BEEP:STAT"}
_COUNTS = {"SAMP:COUN": 1, "TRIG:COUN": 1, "TRIG:DEL": 0}


class EmulatedVoltmeter(EmulatedLine):
    """An HP 34401A, which on RS-232 obeys only after ``SYST:REM``, in front of the photodiode."""

    END = b"\n"
    _SHORT = (  # long forms of SCPI keywords; capitals are the short form
        ("SYSTEM", "SYST"), ("REMOTE", "REM"), ("LOCAL", "LOC"), ("ERROR", "ERR"),
        ("CONFIGURE", "CONF"), ("VOLTAGE", "VOLT"), ("MEASURE", "MEAS"), ("SENSE:", ""),
        ("SENS:", ""), ("VOLT:DC:", "VOLT:"), ("FUNCTION", "FUNC"), ("TRIGGER", "TRIG"),
        ("SOURCE", "SOUR"), ("SAMPLE", "SAMP"), ("COUNT", "COUN"), ("RANGE", "RANG"),
        ("INITIATE", "INIT"), ("FETCH", "FETC"), ("IMMEDIATE", "IMM"), ("VERSION", "VERS"),
    )  # fmt: skip

    def __init__(self, world: World, variant: VoltmeterVariant | None = None):
        super().__init__()
        variant = variant or VoltmeterVariant()
        self._model = variant.model
        self._end = "\r\n" if variant.rs232 else "\n"
        self._reading_end = self._end.encode()
        self._volts = world.volts
        self._errors: deque[int] = deque(min(variant.errors, _KEEP) * (-113,))
        self._remote = not variant.rs232
        self._reset()

    def _reset(self) -> None:
        """Take the settings of the factory."""
        self._range, self._auto, self._nplc = 10.0, True, 10.0
        self._source, self._taken = "IMM", b""
        self._settings = {name: "1" for name in _SWITCHES} | {
            name: f"{count:+.8E}" for name, count in _COUNTS.items()
        }

    def receive(self, data: bytes) -> bytes:
        """See `EmulatedLine`; readings, 80 000 of them in a campaign, take a short cut."""
        if data == b"READ?\n" and self._remote and not self._rest:
            return self._reading()
        if slow := _SLOW.search(data.decode("latin-1")):
            # lines up to the slow one are done at once, behind it there is only so much room
            end = data.find(b"\n", slow.start()) + 1
            if end and len(data) - end > _ROOM:
                self._error(513)
                data = data[: end + _ROOM]
        return super().receive(data)

    def answer(self, line: str) -> bytes:
        """Do the commands of a line; what its queries answer stands on one line."""
        said = [self._do(part.strip()) for part in line.split(";") if part.strip()]
        whole = ";".join(text for text in said if text)
        return f"{whole}{self._end}".encode() if whole else b""

    def _do(self, command: str) -> str:
        """Do one command; return what it answers."""
        head, _, argument = command.upper().partition(" ")
        for long, short in self._SHORT:
            head = head.replace(long, short)
        head, argument = head.lstrip(":"), argument.strip()
        if head in ("SYST:REM", "SYST:LOC", "SYST:RWL"):
            self._remote = head != "SYST:LOC"
        elif head == "*IDN?":
            return f"REACTUNE EMULATED,{self._model},0,11-5-2"
        elif head == "SYST:ERR?":
            code = self._errors.popleft() if self._errors else 0
            return f'{code:+d},"{_ERRORS[code]}"'
        elif head == "*CLS":
            self._errors.clear()
        elif not self._remote:
            self._error(550)
        elif head.startswith("*"):
            return self._common(head)
        elif head.endswith("?"):
            return self._query(head.removesuffix("?"), argument)
        else:
            self._set(head, argument)
        return ""

    def _common(self, head: str) -> str:
        """Do what IEEE 488.2 asks of every instrument."""
        if head == "*RST":
            self._reset()
        elif head in ("*OPC?", "*TST?", "*ESR?", "*STB?", "*ESE?", "*SRE?"):
            return "1" if head == "*OPC?" else "+0"
        elif head not in ("*OPC", "*WAI", "*ESE", "*SRE", "*TRG"):
            self._error(-113)
        return ""

    def _query(self, head: str, argument: str) -> str:
        """Answer a query."""
        if head in ("READ", "MEAS:VOLT:DC", "MEAS:VOLT"):
            if head == "READ" or self._configure(argument):
                return self._reading().decode().strip()
        elif head == "FETC":
            if self._taken:
                return self._taken.decode().strip()
            self._error(-230)
        elif head in self._settings:
            return self._settings[head]
        elif head in (answers := self._answers()):
            return answers[head]
        else:
            self._error(-113)
        return ""

    def _answers(self) -> dict[str, str]:
        return {
            "CONF": f'"VOLT {self._range:+.6E},{self._range * 1e-6:+.6E}"',
            "FUNC": '"VOLT"',
            "VOLT:NPLC": f"{self._nplc:+.8E}",
            "VOLT:RANG": f"{self._range:+.8E}",
            "VOLT:RANG:AUTO": str(int(self._auto)),
            "TRIG:SOUR": self._source,
            "ROUT:TERM": "FRON",
            "SYST:VERS": "1991.0",
        }

    def _set(self, head: str, argument: str) -> None:
        """Change a setting."""
        if head in ("CONF:VOLT:DC", "CONF:VOLT"):
            self._configure(argument)
        elif head == "FUNC":
            if argument.strip("\"'") not in ("VOLT", "VOLT:DC"):
                self._error(-224)  # it hangs at a photodiode: volts are all there is
        elif head == "VOLT:NPLC":
            self._nplc = self._choose(argument, _NPLC, self._nplc)
        elif head == "VOLT:RANG":
            self._range, self._auto = self._choose(argument, _RANGES, self._range), False
        elif head == "VOLT:RANG:AUTO":
            self._auto = argument in ("1", "ON")
        elif head == "TRIG:SOUR":
            self._source = argument.removesuffix("EDIATE")
        elif head == "INIT":
            self._taken = self._reading()
        elif head in _SWITCHES:
            self._settings[head] = "1" if argument in ("1", "ON") else "0"
        elif head in _COUNTS:
            self._count(head, argument)
        else:
            self._error(-113)

    def _count(self, head: str, argument: str) -> None:
        """Take a number of samples or triggers; this meter takes one at a time."""
        try:
            wanted = _COUNTS[head] if argument in ("MIN", "DEF") else float(argument)
        except ValueError:
            self._error(-102)
            return
        if wanted != _COUNTS[head]:
            self._error(-222)

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
        return b"%+.8E" % volts + self._reading_end
