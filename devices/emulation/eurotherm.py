"""An emulated heater controller, byte by byte.

Facts: Eurotherm HA028651 (3200 series) and HA026230 (2400 series).
"""

import struct
import time

from .variants import EurothermVariant
from .world import World

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_SILENCE = 0.05  # wall time after which a broken frame is forgotten [s]
_MOST = 125  # registers a request
_PV, _TARGET, _MANUAL, _OUTPUT, _WORKING = 1, 2, 3, 4, 5
_RANGE_HIGH, _ALARM, _SELECT, _SP1, _SP2, _REMOTE, _STATUS = 12, 13, 15, 24, 25, 26, 75
_VERSION, _SP_HIGH, _SP_LOW, _MODEL, _MODE, _REMOTE_SELECT = 107, 111, 112, 122, 273, 276
_UNITS, _DECIMALS, _ALARM_TYPE = 516, 525, 536
_FIXED = (11, _RANGE_HIGH, _VERSION, _MODEL, _UNITS, _DECIMALS, _ALARM_TYPE)  # set at its keys
_IDLE = (23, 30, 35, 203, 274)  # timer, ramp and alarm acknowledgement: nothing is going on
_HIGH_ALARM = {"3216": 1, "2416": 2}
_AUTO, _MANUAL_MODE, _OFF = 0, 1, 2
_BROKEN = -0x8000  # what the PV shows without a sensor


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _crc_table()


def _checked(frame: bytes) -> bytes:
    """Frame with its CRC-16 (Modbus) behind it."""
    crc = 0xFFFF
    for byte in frame:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return frame + crc.to_bytes(2, "little")


class EmulatedEurotherm:
    """A controller whose registers hold temperatures in the last digit of its display."""

    def __init__(self, world: World, address: int = 1, variant: EurothermVariant | None = None):
        variant = variant or EurothermVariant()
        self._world, self._address = world, address
        self._buffer, self._heard = b"", 0.0
        self._scale = scale = int(10**variant.decimals)
        self._registers: dict[int, int] = {
            _TARGET: 25 * scale, _MANUAL: 0, 6: 20 * scale, 8: 360, 9: 60, 11: 0,
            _RANGE_HIGH: 300 * scale, _ALARM: 250 * scale, 14: 0, _SELECT: 0, _SP1: 25 * scale,
            _SP2: 25 * scale, _REMOTE: 25 * scale, _SP_HIGH: 200 * scale, _SP_LOW: 0,
            _MODE: _AUTO, _REMOTE_SELECT: 0, **dict.fromkeys(_IDLE, 0),
        }  # fmt: skip
        if variant.tells:
            self._registers |= {
                _VERSION: 0x0207, _MODEL: int(variant.model, 16), _DECIMALS: variant.decimals,
                _UNITS: ("degC", "degF", "K").index(variant.unit),
                _ALARM_TYPE: _HIGH_ALARM[variant.model] if variant.alarm else 0,
            }  # fmt: skip
        self._measured = {
            _PV: self._pv,
            _OUTPUT: lambda: round(world.heater_output() * 10),
            _WORKING: self._working,
            _STATUS: self._status,
        }
        self._control()

    def receive(self, data: bytes) -> bytes:
        """Take what has arrived; return the answers to whole frames with a good CRC."""
        heard = time.monotonic()
        if self._buffer and heard - self._heard > _SILENCE:
            self._buffer = b""
        self._buffer, self._heard = self._buffer + data, heard
        replies = b""
        while (size := self._size()) and len(self._buffer) >= size:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            if _checked(frame[:-2]) != frame:
                self._buffer = b""  # out of step: wait for the next silence
            elif frame[0] in (0, self._address):
                answer = self._answer(frame[1], frame[2:-2])
                replies += _checked(frame[:1] + answer) if frame[0] else b""  # 0: broadcast
        return replies

    def _size(self) -> int:
        """Length of the frame at the start of the buffer; 0 while unknown."""
        if len(self._buffer) < 2:
            return 0
        if self._buffer[1] in (3, 4, 6):
            return 8
        if self._buffer[1] == 16:
            return 9 + self._buffer[6] if len(self._buffer) > 6 else 0
        return len(self._buffer)  # unknown function: whatever came

    def _answer(self, function: int, body: bytes) -> bytes:
        error = 0
        if function in (3, 4):
            first, count = struct.unpack(">HH", body)
            if not 1 <= count <= _MOST:
                error = _ILLEGAL_VALUE
            elif (values := self._read(first, count)) is None:
                error = _ILLEGAL_ADDRESS
            else:
                return bytes([function, 2 * count]) + struct.pack(f">{count}h", *values)
        elif function == 6:
            register, value = struct.unpack(">Hh", body)
            error = self._write(register, [value])
        elif function == 16:
            register, count, size = struct.unpack(">HHB", body[:5])
            if not 1 <= count <= _MOST or size != 2 * count or len(body) != 5 + size:
                error = _ILLEGAL_VALUE
            else:
                error = self._write(register, list(struct.unpack(f">{count}h", body[5:])))
        else:
            error = _ILLEGAL_FUNCTION
        return bytes([function | 0x80, error]) if error else bytes([function]) + body[:4]

    def _read(self, first: int, count: int) -> list[int] | None:
        values = []
        for register in range(first, first + count):
            if register in self._measured:
                values.append(self._measured[register]())
            elif register in self._registers:
                values.append(self._registers[register])
            else:
                return None
        return values

    def _write(self, first: int, values: list[int]) -> int:
        """Write all or, with an exception code, nothing."""
        for register, value in enumerate(values, first):
            if register not in self._registers or register in _FIXED:
                return _ILLEGAL_ADDRESS
            if not self._allowed(register, value):
                return _ILLEGAL_VALUE
        for register, value in enumerate(values, first):
            if register == _TARGET:  # the selected one of the two local setpoints
                self._registers[_SP2 if self._registers[_SELECT] else _SP1] = value
            self._registers[register] = value
        self._registers[_TARGET] = self._registers[_SP2 if self._registers[_SELECT] else _SP1]
        self._control()
        return 0

    def _allowed(self, register: int, value: int) -> bool:
        if register in (_TARGET, _SP1, _SP2, _REMOTE):
            return self._registers[_SP_LOW] <= value <= self._registers[_SP_HIGH]
        if register in (_SP_HIGH, _SP_LOW):
            return self._registers[11] <= value <= self._registers[_RANGE_HIGH]
        most = {_MANUAL: 1000, _SELECT: 1, _REMOTE_SELECT: 1, _MODE: _OFF}.get(register, 0x7FFF)
        return 0 <= value <= most

    def _control(self) -> None:
        mode = self._registers[_MODE]
        if mode == _MANUAL_MODE:
            self._world.heat_openly(self._registers[_MANUAL] / 10)
        else:
            self._world.heat(self._working() / self._scale if mode == _AUTO else None)

    def _pv(self) -> int:
        value = self._world.temperature()
        return _BROKEN if value is None else min(round(value * self._scale), 0x7FFF)

    def _working(self) -> int:
        return self._registers[_REMOTE if self._registers[_REMOTE_SELECT] else _TARGET]

    def _status(self) -> int:
        """Alarm 1 in bit 0, manual or off in 4, sensor break in 5, PV out of range in 10."""
        pv, broken = self._pv(), self._world.temperature() is None
        top = self._registers[_RANGE_HIGH]
        return (
            (not broken and pv > self._registers[_ALARM])
            | (self._registers[_MODE] != _AUTO) << 4
            | broken << 5
            | (not broken and pv > top + (top - self._registers[11]) // 20) << 10
        )
