"""An emulated voltmeter that speaks SCPI, byte by byte; facts: 34401A user's guide (HP, 1996)."""

import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .instrument import EmulatedLine
from .variants import VoltmeterVariant
from .world import World

_OVERLOAD = 9.9e37
_RANGES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # [V], each reads 20 % over; the last one does not
_NPLC = (0.02, 0.2, 1.0, 10.0, 100.0)
_MAINS = 50.0  # [Hz], whose cycles the integration time is counted in
_CLEAR = b"\x03"  # Ctrl-C: what a device clear is on RS-232
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
    521: "Input buffer overflow",
    531: "Insufficient memory",
    550: "Command not allowed in local",
}
_KEEP = 20  # errors
_SWITCHES = {"ZERO:AUTO", "INP:IMP:AUTO", "TRIG:DEL:AUTO", "DISP", "SYST:BEEP:STAT"}
_NUMBERS = {"SAMP:COUN": (1, 50000), "TRIG:COUN": (1, 50000), "TRIG:DEL": (0, 3600)}

_SHORT = (  # long forms of SCPI keywords; capitals are the short form
    ("SYSTEM", "SYST"), ("REMOTE", "REM"), ("LOCAL", "LOC"), ("ERROR", "ERR"),
    ("CONFIGURE", "CONF"), ("VOLTAGE", "VOLT"), ("MEASURE", "MEAS"), ("SENSE:", ""),
    ("SENS:", ""), ("VOLT:DC:", "VOLT:"), ("FUNCTION", "FUNC"), ("TRIGGER", "TRIG"),
    ("SOURCE", "SOUR"), ("SAMPLE", "SAMP"), ("COUNT", "COUN"), ("RANGE", "RANG"),
    ("INITIATE", "INIT"), ("FETCH", "FETC"), ("IMMEDIATE", "IMM"), ("VERSION", "VERS"),
)  # fmt: skip


@lru_cache
def _shortened(head: str) -> str:
    """Return the short form of a command's or a query's header, in capitals."""
    for long, short in _SHORT:
        head = head.replace(long, short)
    return head.lstrip(":")


class _Burst(NamedTuple):
    """Readings that the meter takes by itself, the first of them `interval` after `start` [s].

    For the delay of the trigger comes before each of them.
    """

    start: float
    interval: float
    readings: int

    @property
    def end(self) -> float:
        return self.start + self.readings * self.interval


class EmulatedVoltmeter(EmulatedLine):
    """An HP 34401A, which on RS-232 obeys only after ``SYST:REM``, in front of the photodiode.

    A single reading takes no lab time. While it takes several, it obeys nothing but a device clear:
    what comes waits, and is done when they are taken and something else comes.
    """

    END = b"\n"

    def __init__(self, world: World, variant: VoltmeterVariant | None = None):
        super().__init__()
        variant = variant or VoltmeterVariant()
        self._model = variant.model
        self._end = "\r\n" if variant.rs232 else "\n"
        self._world, self._capacity = world, variant.memory
        self._errors: deque[int] = deque(min(variant.errors, _KEEP) * (-113,))
        self._remote = not variant.rs232
        self._reset()

    def _reset(self) -> None:
        """Take the settings of the factory."""
        self._range, self._auto, self._nplc = 10.0, True, 10.0
        self._source = "IMM"
        self._settings = dict.fromkeys(_SWITCHES, "1")
        self._numbers = {name: float(least) for name, (least, _) in _NUMBERS.items()}
        self._burst: _Burst | None = None  # under way, or the last one
        self._stored: _Burst | None = None  # what the memory is for: not READ?
        self._memory: list[str] = []  # of that, once somebody has wanted to know
        self._commands: deque[str | None] = deque()  # of the present line; None: send what is read

    def receive(self, data: bytes) -> bytes:
        """See `EmulatedLine`."""
        if _CLEAR in data:
            data = data[data.rindex(_CLEAR) + 1 :]
            self._rest = b""
            self._commands.clear()
            if self._busy:
                self._burst = self._stored = None
        # lines up to a slow one are done at once; behind it there is only so much room
        slow = _SLOW.search(data.decode("latin-1"))
        end = 0 if self._busy or slow is None else data.find(self.END, slow.start()) + 1
        if self._busy or end:
            data = data[:end] + self._within_room(data[end:])
        self._rest += data
        answers = [self._go_on()]
        while self.END in self._rest and not self._busy:
            line, _, self._rest = self._rest.partition(self.END)
            answers.append(self.answer(line.decode("ascii", "backslashreplace")))
        return b"".join(answers)

    @property
    def _busy(self) -> bool:
        return self._burst is not None and self._world.now() < self._burst.end

    def _within_room(self, data: bytes) -> bytes:
        """Return what of `data` there is room for while the meter is busy."""
        room = max(_ROOM - len(self._rest), 0)
        if len(data) > room:
            self._error(521)
        return data[:room]

    def answer(self, line: str) -> bytes:
        """Do the commands of a line; what its queries answer stands on one line."""
        self._commands.extend(part.strip() for part in line.split(";") if part.strip())
        return self._go_on()

    def _go_on(self) -> bytes:
        """Do what there is to do of the present line, as far as the meter is free for it."""
        said = []
        while self._commands and not self._busy:
            said.append(self._do(self._commands.popleft()))
        whole = ";".join(text for text in said if text)
        return f"{whole}{self._end}".encode() if whole else b""

    def _do(self, command: str | None) -> str:
        """Do one command; return what it answers."""
        if command is None:
            assert self._burst is not None
            return ",".join(self._readings(self._burst))
        head, _, argument = command.upper().partition(" ")
        head, argument = _shortened(head), argument.strip()
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
                self._burst = self._triggered()
                self._commands.appendleft(None)
        elif head == "FETC":
            if self._stored is not None:
                self._memory = self._memory or list(self._readings(self._stored))
                return ",".join(self._memory)
            self._error(-230)
        elif head == "DATA:POIN":
            return f"{0 if self._stored is None else self._stored.readings:+d}"
        elif head in self._settings:
            return self._settings[head]
        elif head in self._numbers:
            ends = dict(zip(("MIN", "MAX"), _NUMBERS[head], strict=True))
            return f"{ends.get(argument, self._numbers[head]):+.8E}"
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
            if (burst := self._triggered()).readings <= max(self._capacity, 1):
                self._burst, self._stored, self._memory = burst, burst, []
            else:
                self._error(531)
        elif head in _SWITCHES:
            self._settings[head] = "1" if argument in ("1", "ON") else "0"
        elif head in _NUMBERS:
            self._number(head, argument)
        else:
            self._error(-113)

    def _number(self, head: str, argument: str) -> None:
        """Take how many samples or triggers, or the delay [s] before each sample."""
        least, most = _NUMBERS[head]
        try:
            wanted = float({"MIN": least, "DEF": least, "MAX": most}.get(argument, argument))
        except ValueError:
            self._error(-102)
            return
        if not least <= wanted <= (most if self._capacity else least):
            self._error(-222)
            return
        self._numbers[head] = wanted
        if head == "TRIG:DEL":
            self._settings["TRIG:DEL:AUTO"] = "0"

    def _triggered(self) -> _Burst:
        """Return what a trigger begins now."""
        delay = self._numbers["TRIG:DEL"]
        count = round(self._numbers["SAMP:COUN"] * self._numbers["TRIG:COUN"])
        cycles = self._nplc * (2 if self._settings["ZERO:AUTO"] == "1" else 1)
        takes = delay + cycles / _MAINS if delay or count > 1 else 0.0
        return _Burst(self._world.now(), takes, count)

    def _configure(self, argument: str) -> bool:
        """Take "range[,resolution]"; the resolution follows from the integration time."""
        choice = argument.split(",")[0].strip()
        before = len(self._errors)
        self._numbers = {name: float(least) for name, (least, _) in _NUMBERS.items()}
        self._settings |= {"ZERO:AUTO": "1", "TRIG:DEL:AUTO": "1"}
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

    def _readings(self, burst: _Burst) -> Iterator[str]:
        """Say what it has read, each at its time."""
        limit = _RANGES[-1] if self._auto else min(self._range * 1.2, _RANGES[-1])
        for k in range(1, burst.readings + 1):
            volts = self._world.volts(burst.start + k * burst.interval)
            if not abs(volts) <= limit:
                volts = _OVERLOAD if volts > 0 else -_OVERLOAD
            yield f"{volts:+.8E}"
