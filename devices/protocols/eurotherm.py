"""Eurotherm 3200 and 2400 series heater controllers over Modbus RTU; codec and driver.

Registers: Eurotherm 3200 series engineering manual HA028651, 2000 series communications handbook
HA026230; framing: Modbus over serial line V1.02. Temperatures are degC.

Every temperature goes over the line as an integer, in the last digit of the controller's display:
850 is 85.0 degC on one that shows a decimal, and 850 degC on one that does not. How many it shows
is read from the controller, or stated in the rig file; without it nothing is written.
"""

import logging
import struct
from functools import partial
from math import floor, isfinite

from .framing import Framing, begins
from .roles import ANY, HeaterReading, Identity, Limits, nearest
from .transport import BusyError, GarbledError, InstrumentError, Transport, TransportError

_log = logging.getLogger(__name__)

_READ, _WRITE = 3, 16  # Modbus function codes; the answer to 16 differs from its request
_PV, _SP, _RANGE, _ALARM, _REMOTE_ON = 1, 2, 11, 13, 276  # registers
_STATUS, _VERSION, _SP_HIGH, _SP_LOW, _MODEL = 75, 107, 111, 112, 122
_UNITS, _DECIMALS, _ALARM_TYPE = 516, 525, 536
_ILLEGAL_REGISTER = 2  # Modbus exception
_MANUAL, _SENSOR_BREAK = 1 << 4, 1 << 5  # of the status register
_NO_VALUE, _GREATEST = -0x8000, 0x7FFF
_USUAL = 1  # decimals of a display that nobody has looked at yet
_MOST_DECIMALS = 2
_HIGH_ALARM = {0x32: 1, 0x24: 2}  # type of a full-scale high alarm, by series
_NOT_DEGC = {1: "degF", 2: "K"}
_HOTTEST = 2400.0  # degC, more than any thermocouple that these controllers know
_COLDEST = -50.0
_ROOM = (5.0, 45.0)  # degC, where a reactor that nobody heats is
_MODBUS_ERRORS = {
    1: "illegal function",
    2: "illegal register",
    3: "illegal value",
    4: "device failure",
}
_LATER = {
    5: "acknowledges, but needs more time",
    6: "is busy",
}  # then again, by the standard


# -- the protocol: bytes <-> values ---------------------------------------------------------------


class ModbusRefusalError(InstrumentError):
    """The controller answered with an exception `code` of the protocol."""

    def __init__(self, code: int):
        self.code = code
        what = _MODBUS_ERRORS.get(code, "unknown error")
        super().__init__(f"heater refused: Modbus exception {code} ({what})")


def crc16(data: bytes) -> bytes:
    """Return the two CRC bytes of a Modbus RTU frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def _frame(address: int, function: int, body: bytes) -> bytes:
    frame = bytes((address, function)) + body
    return frame + crc16(frame)


def encode_read(address: int, register: int, count: int = 1) -> bytes:
    """Return the frame that reads `count` registers (function 3)."""
    return _frame(address, _READ, struct.pack(">HH", register, count))


def encode_write(address: int, register: int, value: int) -> bytes:
    """Return the frame that writes one signed register (function 16).

    Its answer cannot be mistaken for an echo of it; that of function 6 can.
    """
    return _frame(address, _WRITE, struct.pack(">HHBh", register, 1, 2, value))


def complete(buffer: bytes) -> bool:
    """Whether `buffer` is a whole reply: Modbus RTU says its length in its head."""
    if len(buffer) < 5:
        return False
    if buffer[1] & 0x80:
        return True
    return len(buffer) >= (5 + buffer[2] if buffer[1] == _READ else 8)


_FRAMING = Framing(complete)


def decode(reply: bytes, request: bytes) -> list[int]:
    """Parse a reply.

    Returns
    -------
    list of int
        The signed registers read; empty for a write.

    Raises
    ------
    GarbledError
        If CRC, address, function, length, or what is confirmed is wrong.
    BusyError
        If it is a Modbus exception that asks to be asked again.
    ModbusRefusalError
        If it is another.
    """
    body = reply[:-2]
    if crc16(body) != reply[-2:]:
        raise GarbledError(f"CRC of {begins(reply)} is wrong")
    if body[0] != request[0] or body[1] & 0x7F != request[1]:
        raise GarbledError(f"{reply.hex(' ')} answers another request")
    if body[1] & 0x80:
        if body[2] in _LATER:
            raise BusyError(f"the heater {_LATER[body[2]]} (Modbus exception {body[2]})")
        raise ModbusRefusalError(body[2])
    if body[1] == _READ:
        if len(body) != 3 + body[2] or body[2] != 2 * int.from_bytes(request[4:6], "big"):
            raise GarbledError(f"{reply.hex(' ')} holds another number of registers")
        return list(struct.unpack(f">{body[2] // 2}h", body[3:]))
    if body[2:] != request[2:6]:
        raise GarbledError(f"{reply.hex(' ')} confirms another write")
    return []


# -- the driver: typed calls ----------------------------------------------------------------------


class Eurotherm:
    """One controller on a line.

    Parameters
    ----------
    transport : Transport
        The line.
    address : int
        Modbus address, 1-247.
    decimals : int, optional
        Of its display, as the rig file says; needed for a controller that does not tell.
    """

    def __init__(self, transport: Transport, address: int = 1, decimals: int | None = None):
        self.transport, self.address = transport, address
        self.name = f"heater {address} on {transport.url}"
        self.decimals: int | None = None
        self._stated, self._told, self._trusted = decimals, False, False
        self._series: int | None = None

    @staticmethod
    def achievable(temperature: float, limits: Limits = ANY, decimals: int | None = None) -> float:
        """Temperature [degC] the controller takes over: what its display can show."""
        return nearest(temperature, _USUAL if decimals is None else decimals, limits)

    def connect(self) -> Identity:
        """Find out the scale of its registers, and return what it is.

        Raises
        ------
        TransportError
            If it does not answer.
        InstrumentError
            If the scale cannot be known, or is not what the rig file says, or not degC.
        """
        model, version = self._known(_MODEL), self._known(_VERSION)
        self._series = None if model is None else model >> 8 & 0xFF
        unit = self._known(_UNITS)
        if unit in _NOT_DEGC:
            raise InstrumentError(f"{self.name} shows {_NOT_DEGC[unit]}: set it to degC")
        self.decimals = self._scale()
        source = f"read from register {_DECIMALS}" if self._told else "as the rig file says"
        known = {
            "decimals": f"{self.decimals}, {source}",
            "unit": "degC" if unit == 0 else "not told, taken as degC",
            "range": self._in_words(_RANGE, _RANGE + 1),
            "setpoints": self._in_words(_SP_LOW, _SP_HIGH),
            "own high alarm": self._in_words(_ALARM),
        }
        name = "" if model is None else f"Eurotherm {model:04x}"
        if version is not None:
            name += f" V{version >> 8:x}.{version & 0xFF:02x}"
        look = () if self._told else (f"that its display shows {self.decimals} decimals",)
        return Identity(name.strip(), known, (*look, *self._mode()))

    def _scale(self) -> int:
        """Find out how many decimals its registers have."""
        told = self._known(_DECIMALS)
        if told is not None and not 0 <= told <= _MOST_DECIMALS:
            raise InstrumentError(f"{self.name} says that it shows {told} decimals: look at it")
        if told is None and self._stated is None:
            raise InstrumentError(
                f"{self.name} does not tell how many decimals it shows (register {_DECIMALS}), on "
                "which the scale of all it is sent depends: look at its display and state "
                "decimals = 0, 1 or 2 in [heater] of the rig file"
            )
        if None not in (told, self._stated) and told != self._stated:
            raise InstrumentError(
                f"heater.decimals = {self._stated} in the rig file, but {self.name} says that it "
                f"shows {told}: correct or delete it"
            )
        self._told = told is not None
        return told if told is not None else self._stated  # type: ignore[return-value]

    def _mode(self) -> tuple[str, ...]:
        look = []
        if (self._known(_STATUS) or 0) & _MANUAL:
            look.append("that it is put to automatic: it does not control now")
        if self._known(_REMOTE_ON):
            look.append("that its remote setpoint is switched off: it does not follow ours")
        return tuple(look)

    def check(self, limits: Limits, maximum: float, safe: float) -> None:
        """Refuse numbers that make no sense in degC; see `roles.HeaterDriver.check`.

        A controller that does not tell its decimals has to be met cold: its reading is the only
        witness then that they are as the rig file says.
        """
        if maximum * 10**self._decimals > _GREATEST:
            raise InstrumentError(
                f"{self.name} shows {self.decimals} decimals, and with these no more than "
                f"{self._of(_GREATEST):g} degC fits a register: have it show one decimal fewer, or "
                f"lower maximum = {maximum:g} degC in [heater] of the rig file"
            )
        reading = self.read()
        low, high = (self._degrees(register) for register in (_RANGE, _RANGE + 1))
        lowest, highest = self._degrees(_SP_LOW), self._degrees(_SP_HIGH)
        alarm = self._degrees(_ALARM)
        wrong = []
        if isfinite(t := reading.temperature):
            if not (self._told or self._trusted or _ROOM[0] <= t <= _ROOM[1]):
                wrong.append(f"it reads {t:g} degC, which is not the temperature of a room")
            elif not _COLDEST <= t <= maximum:
                wrong.append(f"it reads {t:g} degC")
        if not _COLDEST <= reading.setpoint <= maximum:
            wrong.append(f"its setpoint is {reading.setpoint:g} degC")
        if high is not None and not limits[1] <= high <= _HOTTEST:
            wrong.append(f"its range ends at {high:g} degC")
        if None not in (low, high, alarm) and self._has_high_alarm():
            if not low <= alarm <= high:  # type: ignore[operator]
                wrong.append(f"its alarm is at {alarm:g} degC, outside its range")
            if self._shown_below(maximum) > high:  # type: ignore[operator]
                wrong.append(f"its range ends at {high:g} degC, and its alarm is to be at maximum")
        if highest is not None and not limits[1] <= highest <= _HOTTEST:
            wrong.append(f"its setpoints end at {highest:g} degC")
        if lowest is not None and lowest > min(limits[0], self._shown_below(safe)):
            wrong.append(f"its setpoints begin at {lowest:g} degC")
        if wrong:
            raise InstrumentError(
                f"{self.name} makes no sense with {self.decimals} decimals, limits = "
                f"{list(limits)} degC, safe = {safe:g} degC and maximum = {maximum:g} degC: "
                f"{'; '.join(wrong)}. Compare its display with these and set what is wrong; a hot "
                "reactor has to cool down first"
            )
        self._trusted = True

    def arm(self, maximum: float) -> str:
        """Have alarm 1 watch over `maximum` [degC], if it is one for too high a value."""
        if not self._has_high_alarm():
            return (
                f"that an alarm of its own ends heating above {maximum:g} degC: alarm 1 is not set "
                "up as a high alarm, or does not tell"
            )
        word = round(self._shown_below(maximum) * 10**self._decimals)
        if self._ask(encode_read(self.address, _ALARM)) != [word]:
            self._ask(encode_write(self.address, _ALARM, word))
        (taken,) = self._ask(encode_read(self.address, _ALARM))
        return (
            "" if taken == word else f"its own high alarm, which stays at {self._of(taken):g} degC"
        )

    def _has_high_alarm(self) -> bool:
        kind = self._known(_ALARM_TYPE)
        return kind is not None and kind == _HIGH_ALARM.get(self._series or 0)

    def read(self) -> HeaterReading:
        """Return temperature, setpoint and state, in two exchanges."""
        pv, sp, _, output = self._ask(encode_read(self.address, _PV, 4))
        (status,) = self._ask(encode_read(self.address, _STATUS))
        broken = bool(status & _SENSOR_BREAK) or pv == _NO_VALUE
        temperature = float("nan") if broken else self._of(pv)
        return HeaterReading(temperature, self._of(sp), output / 10, broken)

    def write_setpoint(self, temperature: float) -> None:
        """Set the target [degC], only if it differs: the register survives 100 000 writes.

        Raises
        ------
        InstrumentError
            If its scale is not known, or it reads back as something else.
        """
        taken = self._set(round(temperature * 10**self._decimals))
        if taken is not None:
            raise InstrumentError(
                f"{self.name} was set to {temperature:g} degC but reports {self._of(taken):g} degC"
            )

    def cool(self, temperature: float) -> None:
        """Set the target to at most `temperature` [degC].

        Written in whole degrees where nobody but the rig file tells the scale: with any decimals
        it is less.

        Raises
        ------
        InstrumentError
            If it reads back as something else.
        """
        if self.decimals is None:
            try:
                self.connect()
            except (TransportError, InstrumentError) as error:
                _log.warning("%s: cooling it in whole degrees: %s", self.name, error)
        if self.decimals is not None and (self._told or self._trusted):
            self.write_setpoint(self._shown_below(temperature))
        elif (taken := self._set(floor(temperature))) is not None:
            raise InstrumentError(
                f"{self.name} was sent {floor(temperature)} to cool, but has {taken}"
            )

    def _set(self, word: int) -> int | None:
        """Write the setpoint; return what it is afterwards if it is another."""
        try:
            if self._ask(encode_read(self.address, _SP)) == [word]:
                return None
        except TransportError as error:  # it may hear us all the same, and this may be to cool it
            _log.warning("%s: writing a setpoint unseen: %s", self.name, error)
        self._ask(encode_write(self.address, _SP, word))
        (taken,) = self._ask(encode_read(self.address, _SP))
        return None if taken == word else taken

    # -- words and degrees --------------------------------------------------------------------

    @property
    def _decimals(self) -> int:
        if self.decimals is None:
            raise InstrumentError(f"{self.name} has not been greeted: its scale is not known")
        return self.decimals

    def _shown_below(self, temperature: float) -> float:
        """Return the highest temperature of its display that is not above this one [degC]."""
        return self._of(floor(temperature * 10**self._decimals + 1e-6))

    def _of(self, word: int) -> float:
        return float(round(word / 10**self._decimals, self._decimals))

    def _degrees(self, register: int) -> float | None:
        """Read a temperature [degC]; None where the controller does not have it."""
        word = self._known(register)
        return None if word is None else self._of(word)

    def _in_words(self, *registers: int) -> str:
        values = [self._degrees(register) for register in registers]
        return " to ".join("?" if v is None else f"{v:g}" for v in values) + " degC"

    def _known(self, register: int) -> int | None:
        """Read a register; None where the controller does not have it."""
        try:
            return self._ask(encode_read(self.address, register))[0]
        except ModbusRefusalError as refusal:
            if refusal.code != _ILLEGAL_REGISTER:
                raise
            return None

    def _ask(self, request: bytes) -> list[int]:
        # Writing a register twice leaves what writing it once does.
        return self.transport.exchange(
            request, _FRAMING, partial(decode, request=request), repeat=True
        )
