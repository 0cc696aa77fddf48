"""New Era NE-1000 and NE-500 syringe pumps, basic and safe mode; codec and driver.

Source: New Era Pump Systems, NE-1000 user's manual (publication 1200-01), RS-232 protocol. Basic
mode: ``[aa]COMMAND CR``, answered by ``STX aa S data ETX`` with S the status. Safe mode puts either
into ``STX length ... CRC CRC ETX``, where `length` counts itself and all after it, and the CRC-16
is that of XMODEM (0x1021, from 0). A pump in safe mode stops by itself, with the alarm ``A?T``,
once it has heard no valid packet for the seconds set by ``SAF``. An alarm counts as acknowledged
once it has been reported, in the next answer or, in safe mode, unasked.
"""

import logging
import math
import re
from binascii import crc_hqx
from dataclasses import dataclass
from math import pi
from weakref import WeakMethod

from .framing import Framing
from .roles import ANY, READ_BACK, Direction, Identity, Limits, PumpError, PumpStatus, nearest
from .transport import BusyError, GarbledError, InstrumentError, NoReplyError, Transport

_log = logging.getLogger(__name__)

STX, ETX = 2, 3
_WATCHDOG = 30  # s without a packet after which the pump stops by itself
_PUSHER = (0.004205 / 60, 5.1005)  # slowest and fastest travel [cm/min], NE-1000
_DIGITS, _DECIMALS = 4, 3  # of a number on the line, at most
_STATES = {
    "I": "infusing", "W": "withdrawing", "S": "idle", "P": "idle", "T": "idle", "U": "idle",
    "X": "infusing",
}  # fmt: skip
_ALARMS = {
    "R": "was switched off and on",
    "S": "has stalled",
    "T": "has heard nobody for too long",
    "E": "has an error in its pumping program",
    "O": "has a pumping program that is out of range",
}
_ALARM = re.compile(rb"(\d\d)A\?([RSTEO])")
_REFUSALS = {
    "?": "command not known",
    "?NA": "not applicable now",
    "?OOR": "out of range",
}
_LATER = {"?COM": "garbled", "?IGN": "ignored, a phase was just starting"}  # to be sent again
_DIRECTIONS: dict[Direction, str] = {"infuse": "INF", "withdraw": "WDR"}
_PER_MINUTE = {"M": 1.0, "H": 1 / 60}
_LITRES = {"U": 1.0, "M": 1e3}  # litre prefix -> uL


@dataclass(frozen=True)
class Answer:
    """What a pump answered.

    Attributes
    ----------
    state : str
        As `PumpStatus.state`.
    data : str
        What was asked for; empty for a command.
    alarm : str
        Letter of the alarm that it reports in place of data; empty if there is none.
    """

    state: str
    data: str = ""
    alarm: str = ""


def encode(command: str, address: int, safe: bool) -> bytes:
    """Return the bytes of a command, such as ``RAT50.00UM``, in basic or safe mode."""
    text = f"{address or ''}{command}".encode("ascii")
    if not safe:
        return text + b"\r"
    body = bytes((len(text) + 4,)) + text
    return bytes((STX,)) + body + crc_hqx(text, 0).to_bytes(2, "big") + bytes((ETX,))


def frames(buffer: bytes, safe: bool) -> list[bytes]:
    """Return what each whole frame in `buffer` says: address, status, data. The rest is left out.

    Raises
    ------
    GarbledError
        If the CRC of a frame is wrong.
    """
    found: list[bytes] = []
    start = buffer.find(STX)
    while start >= 0:
        if safe:
            end = start + (buffer[start + 1] if len(buffer) > start + 1 else 256)
            if len(buffer) <= end:
                break
            text, crc = buffer[start + 2 : end - 2], buffer[end - 2 : end]
            if buffer[end] != ETX or crc_hqx(text, 0).to_bytes(2, "big") != crc:
                raise GarbledError(f"{buffer!r} has a frame with a wrong CRC")
        else:
            end = buffer.find(ETX, start)
            if end < 0:
                break
            text = buffer[start + 1 : end]
        found.append(text)
        start = buffer.find(STX, end + 1)
    return found


def decode(raw: bytes, address: int, safe: bool) -> Answer:
    """Parse the reply of a pump; what others have said before it is left out.

    Raises
    ------
    GarbledError
        If there is no frame of that pump, or it is none of the manual's.
    """
    for text in frames(raw, safe):
        match = re.fullmatch(rb"(\d\d)(?:A\?([RSTEO])|([IWSPTUX])([ -~]*))", text)
        if match is None:
            raise GarbledError(f"{text!r} is not a reply of a New Era pump")
        if int(match[1]) == address:
            if match[2]:
                return Answer("idle", alarm=match[2].decode())
            return Answer(_STATES[match[3].decode()], match[4].decode())
    raise GarbledError(f"{raw!r} does not come from pump {address}")


def _number(value: float) -> str:
    """Write a number as the pump takes it: four digits at most, three of them decimals."""
    whole = len(str(int(value))) if value >= 1 else 1
    text = f"{value:.{min(_DIGITS - whole, _DECIMALS)}f}"
    if len(text.replace(".", "")) > _DIGITS:
        raise InstrumentError(f"{value:g} has more than the {_DIGITS} digits that the pump takes")
    return text


def _decimals(value: float) -> int:
    """Decimals that a flow [uL/min] or volume [uL] of this size has on the line; -1 for tens."""
    return min(_DIGITS - 1 - math.floor(math.log10(max(value, 1.0))), _DECIMALS)


class NewEra:
    """One pump on a line that several may share.

    Parameters
    ----------
    transport : Transport
        The line.
    address : int
        As set at the pump, 0-99.
    """

    def __init__(self, transport: Transport, address: int = 0):
        self.transport, self.address = transport, address
        self.name = f"pump {address} on {transport.url}"
        self._safe = False  # mode
        self._alarm = ""  # reported and not seen to yet
        self._area = 0.0  # of the syringe's bore [cm2]
        self._litres = "U"
        self._target = math.inf  # [uL]
        heard = WeakMethod(self._hear)  # a line outlives the drivers that a greeting tries
        transport.overhear(lambda unasked: (hear := heard()) and hear(unasked))

    @staticmethod
    def achievable(flow: float, limits: Limits = ANY) -> float:
        """Flow [uL/min] that is sent when `flow` is asked for: four digits, three decimals."""
        return nearest(flow, _decimals(flow), limits)

    @staticmethod
    def achievable_volume(volume: float) -> float:
        """Volume [uL] that is sent when `volume` is asked for, not more: four digits, whole uL.

        So it can be written in uL and in mL.
        """
        step = 10.0 ** max(-_decimals(volume), 0)
        return math.floor(volume / step) * step

    def connect(self) -> Identity:
        """Find the pump in whichever mode it is, and return what it is.

        Alarms of before are acknowledged by it.

        Raises
        ------
        TransportError, InstrumentError
            If no New Era pump answers.
        """
        try:
            firmware = self._greet(self._safe)
        except (NoReplyError, GarbledError):
            firmware = self._greet(not self._safe)
        if not firmware.startswith("NE"):
            raise InstrumentError(f"{self.name} is no New Era pump: it calls itself {firmware!r}")
        self._alarm = ""
        mode = "safe" if self._safe else "basic"
        return Identity(firmware, {"mode": f"{mode}, put to safe mode when the rig is opened"})

    def _greet(self, safe: bool) -> str:
        self._safe = safe
        answer = self._exchange("VER")
        if answer.alarm:  # reported, and so acknowledged
            _log.info("%s %s", self.name, _ALARMS[answer.alarm])
            answer = self._exchange("VER")
        return answer.data

    def configure(self, diameter: float, volume: float) -> None:
        """Set the watchdog, and tell the resting pump its syringe: diameter [mm], volume [uL]."""
        self._check(command := f"SAF{_WATCHDOG}", self._exchange(command, (True, False)))
        self._safe = True
        self._area = pi / 4 * (diameter / 10) ** 2
        self._ask(f"DIA{_number(diameter)}")
        self._litres = "U" if volume < 1e4 else "M"
        self._ask(f"VOL{self._litres}L")

    def flow_range(self) -> Limits:
        """Return the least and the greatest flow [uL/min]: the pump tells none, its manual does."""
        low, high = (1e3 * self._area * travel for travel in _PUSHER)
        return low, high

    def set_flow(self, flow: float, direction: Direction = "infuse") -> None:
        """Set the flow [uL/min] of the resting pump.

        Raises
        ------
        InstrumentError
            If it reads back as something else.
        """
        self._ask(f"DIR{_DIRECTIONS[direction]}")
        prefix = "U" if flow < 1e4 else "M"
        self._ask(f"RAT{_number(flow / _LITRES[prefix])}{prefix}M")
        taken = self._flow()
        if abs(taken - flow) > READ_BACK * flow:
            raise InstrumentError(
                f"{self.name} was set to {flow:g} uL/min but reports {taken:g} uL/min"
            )

    def set_target(self, volume: float) -> None:
        """Have the pump stop by itself after `volume` [uL], rounded down.

        Raises
        ------
        InstrumentError
            If nothing is left then: the pump would take 0 for no target at all.
        """
        target = self.achievable_volume(volume)
        if target <= 0:
            raise InstrumentError(f"{self.name} cannot stop by itself after {volume:g} uL")
        self._ask(f"VOL{_number(target / _LITRES[self._litres])}")
        self._target = target

    def run(self, direction: Direction = "infuse") -> None:
        """Infuse or withdraw, as `set_flow` has set.

        Raises
        ------
        PumpError
            If the pump does not run afterwards.
        """
        answer = self._exchange("RUN")
        if answer.data == "?NA" and not answer.alarm:  # sent twice, it runs already; or it cannot
            answer = self._exchange("")
        if answer.alarm:
            self._alarm = answer.alarm
        elif answer.data.startswith("?"):
            raise self._refusal("RUN", answer.data)
        state = "stalled" if self._alarm == "S" else answer.state
        if state != {"infuse": "infusing", "withdraw": "withdrawing"}[direction]:
            raise PumpError(f"{self.name} was told to run but is {state}: look at the pump")

    def stop(self) -> None:
        """Stop: the first ``STP`` pauses the pump's program, the second ends it.

        Raises
        ------
        PumpError
            If the pump still runs.
        """
        for _ in range(2):
            answer = self._exchange("STP")
            if answer.alarm:
                self._alarm = answer.alarm
            elif answer.data == "?NA":  # it is at rest
                return
            elif answer.data.startswith("?"):
                raise self._refusal("STP", answer.data)
        state = self._exchange("").state
        if state in ("infusing", "withdrawing"):
            raise PumpError(f"{self.name} was told to stop but is {state}: switch it off")

    def status(self) -> PumpStatus:
        """Return flow, volume and state.

        Raises
        ------
        PumpError
            If the pump has raised an alarm, other than of a stall, which its state tells.
        """
        answer = self._exchange("DIS")
        if answer.alarm:
            self._alarm = answer.alarm
            answer = self._exchange("DIS")
        if self._alarm and self._alarm != "S":
            raise PumpError(f"{self.name} {_ALARMS[self._alarm]}: look at the pump")
        infused, withdrawn = self._volumes(answer)
        state = answer.state
        volume = withdrawn if state == "withdrawing" else infused
        if self._alarm == "S":
            state = "stalled"
        elif state == "idle" and max(infused, withdrawn) >= self._target:
            state = "target"
        flow = self._flow() if state in ("infusing", "withdrawing") else 0.0
        return PumpStatus(flow, volume, limit=False, state=state)

    def volumes(self) -> tuple[float, float]:
        """Return volumes infused and withdrawn [uL] since they were cleared."""
        return self._volumes(self._ask("DIS"))

    def clear_volumes(self) -> None:
        """Clear target and volumes of the resting pump."""
        for direction in _DIRECTIONS.values():
            self._ask(f"CLD{direction}")
        self._target = math.inf

    # -- bytes ------------------------------------------------------------------------------

    def _exchange(self, command: str, modes: tuple[bool, ...] = ()) -> Answer:
        """Send a command; its answer comes in one of the `modes`, those not given in the present.

        Firmwares differ in whether the answer to ``SAF`` comes in the mode before or behind it.
        """
        address, mine = self.address, f"{self.address:02d}".encode()
        modes = modes or (self._safe,)

        def whole(buffer: bytes, safe: bool) -> bool:
            try:
                return any(text.startswith(mine) for text in frames(buffer, safe))
            except GarbledError:
                return len(modes) == 1

        def complete(buffer: bytes) -> bool:
            return any(whole(buffer, safe) for safe in modes)

        def parse(raw: bytes) -> Answer:
            safe = next(safe for safe in modes if whole(raw, safe))
            if len(frames(raw, safe)) > 1:  # an alarm of another pump came with it
                self.transport.hear(raw)
            answer = decode(raw, address, safe)
            if answer.data in _LATER:
                raise BusyError(f"the pump calls {command!r} {_LATER[answer.data]}")
            return answer

        # Every command we use does the same when sent twice.
        return self.transport.exchange(
            encode(command, address, self._safe), Framing(complete), parse, repeat=True
        )

    def _ask(self, command: str) -> Answer:
        """Send a command and return the answer; a refusal or an alarm is raised."""
        return self._check(command, self._exchange(command))

    def _check(self, command: str, answer: Answer) -> Answer:
        """Raise what an answer refuses, or the alarm that it is."""
        if answer.alarm:
            self._alarm = answer.alarm
            raise PumpError(f"{self.name} {_ALARMS[answer.alarm]}: look at the pump")
        if answer.data.startswith("?"):
            raise self._refusal(command, answer.data)
        return answer

    def _refusal(self, command: str, data: str) -> InstrumentError:
        return InstrumentError(
            f"{self.name} refused {command!r}: {data} ({_REFUSALS.get(data, 'unknown')})"
        )

    def _hear(self, unasked: bytes) -> None:
        """Keep the alarm that this pump has sent by itself; it does not send it again."""
        try:
            said = frames(unasked, self._safe)
        except GarbledError:
            return
        for text in said:
            match = _ALARM.fullmatch(text)
            if match and int(match[1]) == self.address:
                self._alarm = match[2].decode()

    def _flow(self) -> float:
        match = re.fullmatch(r"(\d*\.?\d+|\d+\.)([UM])([MH])", self._ask("RAT").data)
        if match is None:
            raise GarbledError(f"{self.name} gives no flow")
        return float(match[1]) * _LITRES[match[2]] * _PER_MINUTE[match[3]]

    def _volumes(self, answer: Answer) -> tuple[float, float]:
        match = re.fullmatch(r"I(\d*\.?\d*)W(\d*\.?\d*)([UM])L", answer.data)
        if match is None:
            raise GarbledError(f"{self.name} gives no volumes but {answer.data!r}")
        unit = _LITRES[match[3]]
        return float(match[1]) * unit, float(match[2]) * unit
