"""Eurotherm 3216 heater controllers over Modbus RTU; codec and driver.

Registers: Eurotherm 3200 series engineering manual HA028651; framing: Modbus over serial line
V1.02. Temperatures are degC.
"""

import logging
from functools import partial

from .roles import ANY, HeaterReading, Limits, nearest
from .transport import Framing, GarbledError, InstrumentError, Transport, TransportError

_log = logging.getLogger(__name__)

_READ, _WRITE = 3, 6  # Modbus function codes
_PV, _STATUS = 1, 75  # registers; 1-4 are PV, target setpoint, manual output, working output
_SP = 2
_SENSOR_BREAK = 1 << 5  # of the status register
_NO_VALUE = -0x8000
_DECIMALS = 1  # of the controller's display: its registers are integers in that unit
_MODBUS_ERRORS = {
    1: "illegal function",
    2: "illegal register",
    3: "illegal value",
    4: "device failure",
    6: "device busy",
}


def crc16(data: bytes) -> bytes:
    """Return the two CRC bytes of a Modbus RTU frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def _frame(address: int, function: int, *words: int) -> bytes:
    body = bytes((address, function)) + b"".join(w.to_bytes(2, "big") for w in words)
    return body + crc16(body)


def encode_read(address: int, register: int, count: int = 1) -> bytes:
    """Return the frame that reads `count` registers (FC 3)."""
    return _frame(address, _READ, register, count)


def encode_write(address: int, register: int, value: int) -> bytes:
    """Return the frame that writes one signed register (FC 6)."""
    return _frame(address, _WRITE, register, value & 0xFFFF)


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
        If CRC, address, function, length or echo is wrong.
    InstrumentError
        If it is a Modbus exception.
    """
    body = reply[:-2]
    if crc16(body) != reply[-2:]:
        raise GarbledError(f"CRC of {reply.hex(' ')} is wrong")
    if body[0] != request[0] or body[1] & 0x7F != request[1]:
        raise GarbledError(f"{reply.hex(' ')} answers another request")
    if body[1] & 0x80:
        what = _MODBUS_ERRORS.get(body[2], "unknown error")
        raise InstrumentError(f"heater refused: Modbus exception {body[2]} ({what})")
    if body[1] == _READ:
        if len(body) != 3 + body[2] or body[2] != 2 * int.from_bytes(request[4:6], "big"):
            raise GarbledError(f"{reply.hex(' ')} holds another number of registers")
        pairs = (body[i : i + 2] for i in range(3, len(body), 2))
        return [int.from_bytes(pair, "big", signed=True) for pair in pairs]
    if body[2:] != request[2:6]:
        raise GarbledError(f"{reply.hex(' ')} confirms another write")
    return []


class Eurotherm3216:
    """One controller on a line.

    Parameters
    ----------
    transport : Transport
        The line.
    address : int
        Modbus address, 1-247.
    """

    def __init__(self, transport: Transport, address: int = 1):
        self.transport, self.address = transport, address
        self.name = f"heater {address} on {transport.url}"

    @staticmethod
    def achievable(temperature: float, limits: Limits = ANY) -> float:
        """Temperature [degC] the controller takes over: what its display can show."""
        return nearest(temperature, _DECIMALS, limits)

    def _ask(self, request: bytes) -> list[int]:
        # Writing a register twice leaves what writing it once does.
        return self.transport.exchange(
            request, _FRAMING, partial(decode, request=request), repeat=True
        )

    def read(self) -> HeaterReading:
        """Return temperature, setpoint and state, in two exchanges."""
        pv, sp, _, output = self._ask(encode_read(self.address, _PV, 4))
        (status,) = self._ask(encode_read(self.address, _STATUS))
        scale = 10.0**-_DECIMALS
        broken = bool(status & _SENSOR_BREAK) or pv == _NO_VALUE
        temperature = float("nan") if broken else pv * scale
        return HeaterReading(temperature, sp * scale, output * scale, broken)

    def write_setpoint(self, temperature: float) -> None:
        """Set the target [degC], only if it differs: the register survives 100 000 writes.

        Raises
        ------
        InstrumentError
            If it reads back as something else.
        """
        value = round(temperature * 10**_DECIMALS)
        try:
            if self._ask(encode_read(self.address, _SP)) == [value]:
                return
        except TransportError as error:  # it may hear us all the same, and this may be to cool it
            _log.warning("%s: writing a setpoint unseen: %s", self.name, error)
        self._ask(encode_write(self.address, _SP, value))
        (taken,) = self._ask(encode_read(self.address, _SP))
        if taken != value:
            raise InstrumentError(
                f"{self.name} was set to {temperature:g} degC but reports "
                f"{taken * 10.0**-_DECIMALS:g} degC"
            )
