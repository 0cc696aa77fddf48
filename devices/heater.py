"""The heater: a Eurotherm 3216 over Modbus RTU.

Registers: Eurotherm 3200 series engineering manual HA028651; framing: Modbus over serial line
V1.02. Temperatures are degC.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ophyd import Component, Device

from .clock import LabClock, LabStatus, conclude
from .rigfile import HeaterSpec
from .signals import Kind, Reading, check_limits
from .transport import Framing, GarbledError, InstrumentError, Transport, TransportError

_log = logging.getLogger(__name__)

_READ, _WRITE, _WRITE_MANY = 3, 6, 16  # Modbus function codes
_PV, _STATUS = 1, 75  # registers; 1-4 are PV, target setpoint, manual output, working output
_SP = 2
_SENSOR_BREAK = 1 << 5  # of the status register
_NO_VALUE = -0x8000
_DECIMALS = 1  # of the controller's display: its registers are integers in that unit
_POLL = {True: 5.0, False: 1.0}  # lab s between looks while settling; each is bytes on the line
_MODBUS_ERRORS = {
    1: "illegal function",
    2: "illegal register",
    3: "illegal value",
    4: "device failure",
    6: "device busy",
}


class HeaterError(InstrumentError):
    """Over-temperature or a broken sensor; a human must look."""


class NotSettledError(RuntimeError):
    """The temperature has not been reached in time."""


# -- the protocol: bytes <-> values ---------------------------------------------------------------


def crc16(data: bytes) -> bytes:
    """Return the two CRC bytes of a Modbus RTU frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def _frame(address: int, function: int, *words: int, tail: bytes = b"") -> bytes:
    body = bytes((address, function)) + b"".join(w.to_bytes(2, "big") for w in words) + tail
    return body + crc16(body)


def encode_read(address: int, register: int, count: int = 1) -> bytes:
    """Return the frame that reads `count` registers (FC 3)."""
    return _frame(address, _READ, register, count)


def encode_write(address: int, register: int, value: int) -> bytes:
    """Return the frame that writes one signed register (FC 6)."""
    return _frame(address, _WRITE, register, value & 0xFFFF)


def encode_write_many(address: int, register: int, values: list[int]) -> bytes:
    """Return the frame that writes signed registers (FC 16)."""
    data = b"".join((v & 0xFFFF).to_bytes(2, "big") for v in values)
    return _frame(address, _WRITE_MANY, register, len(values), tail=bytes((len(data),)) + data)


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


def achievable(temperature: float) -> float:
    """Temperature [degC] the controller takes over when `temperature` is asked for."""
    return round(float(temperature), _DECIMALS)


# -- the driver: typed calls ----------------------------------------------------------------------


@dataclass(frozen=True)
class HeaterReading:
    """Temperature and setpoint [degC], heating power [%], and whether the sensor is broken."""

    temperature: float
    setpoint: float
    output: float
    sensor_break: bool


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


# -- the device -----------------------------------------------------------------------------------


class Heater(Device):  # type: ignore[misc]  # ophyd ships no types
    """The heated reactor; reading it costs no byte, `poll` fetches.

    Parameters
    ----------
    name : str
        Ophyd name.
    driver : Eurotherm3216
        The controller.
    clock : LabClock
        Lab time.
    spec : HeaterSpec
        The heater's table of the rig file.

    Attributes
    ----------
    settled_since : float or None
        Lab time [s] since which the temperature counts as reached; None while it does not.
    """

    temperature = Component(Reading, units="degC", precision=1, kind=Kind.hinted)
    setpoint = Component(Reading, units="degC", precision=1, kind=Kind.normal)
    output = Component(Reading, units="%", precision=1, kind=Kind.normal)
    tolerance = Component(Reading, units="degC", precision=1, kind=Kind.config)
    settle = Component(Reading, units="s", precision=0, kind=Kind.config)

    def __init__(self, *, name: str, driver: Eurotherm3216, clock: LabClock, spec: HeaterSpec):
        super().__init__(name=name)
        self.driver, self.spec = driver, spec
        self.limits = spec.limits
        self.source = f"serial:{driver.transport.url}#{driver.address}"
        self._clock = clock
        self._lock = threading.RLock()
        self._errand = 0  # a new one ends what callbacks of the old one would still do
        self._target: float | None = None
        self._within_since: float | None = None
        self._pending: list[LabStatus] = []
        self.settled_since: float | None = None
        self.tolerance.fill(spec.tolerance)
        self.settle.fill(spec.settle)

    def connect(self) -> None:
        """Check that the controller answers.

        Raises
        ------
        TransportError, InstrumentError
            If it does not, or its sensor is broken.
        """
        self.poll()

    def check(self, temperature: float) -> None:
        """Refuse a temperature [degC] outside the limits (`LimitError`)."""
        check_limits("temperature", achievable(temperature), self.limits, "degC")

    def set(self, temperature: float) -> LabStatus:
        """Go to `temperature` [degC].

        Returns
        -------
        LabStatus
            Finishes when the reading has stayed within the tolerance for the settling time, fails
            with `NotSettledError` when that takes too long. A status that a later `set` overtakes
            ends together with the later one.

        Raises
        ------
        LimitError
            If `temperature` is outside the limits.
        """
        self.check(temperature)
        target = achievable(temperature)
        status = LabStatus(f"{self.name} to {target:g} degC", self.spec.settle)
        with self._lock:
            if target == self._target and self.settled_since is not None:
                conclude(status)
                return status
            self._pending.append(status)
            if target == self._target and len(self._pending) > 1:
                return status  # on the way there already
            self._target = target
            self.settled_since = self._within_since = None
            self._errand += 1
            deadline = self._clock.now() + self.spec.timeout
            self._clock.call_later(0.0, partial(self._approach, self._errand, deadline, True))
        return status

    def _approach(self, errand: int, deadline: float, first: bool = False) -> None:
        """Write the setpoint once, then look until the temperature has settled."""
        failure: Exception | None = None
        with self._lock:
            if errand != self._errand:
                return
            assert self._target is not None
            try:
                if first:
                    self.driver.write_setpoint(self._target)
                reading = self.poll()
            except (TransportError, InstrumentError) as error:
                failure = error
            else:
                now = self._clock.now()
                if self.settled_since is None and now < deadline:
                    for status in self._pending:
                        status.progress(now - (self._within_since or now))
                    step: Callable[[], None] = partial(self._approach, errand, deadline)
                    self._clock.call_later(_POLL[self._clock.simulated], step)
                    return
                if self.settled_since is None:
                    failure = NotSettledError(
                        f"heater is at {reading.temperature:g} degC and has not settled within "
                        f"{self.spec.tolerance:g} degC of {self._target:g} degC in "
                        f"{self.spec.timeout:g} s: check heater and fans, or raise timeout"
                    )
            pending, self._pending = self._pending, []
            if failure is not None:
                self._target = None
        for status in pending:
            conclude(status, failure)

    def poll(self) -> HeaterReading:
        """Fetch and publish the reading.

        Raises
        ------
        HeaterError
            If it is too hot or the sensor is broken.
        """
        with self._lock:
            reading = self.driver.read()
            self.temperature.fill(reading.temperature)
            self.setpoint.fill(reading.setpoint)
            self.output.fill(reading.output)
            self._watch_band(reading.temperature)
        if reading.sensor_break:
            raise HeaterError("the temperature sensor of the heater is broken: replace it")
        if reading.temperature > self.spec.maximum:
            raise HeaterError(
                f"heater is at {reading.temperature:g} degC, above its maximum of "
                f"{self.spec.maximum:g} degC: check it before going on"
            )
        return reading

    def _watch_band(self, temperature: float) -> None:
        """Keep `settled_since` true to the latest reading."""
        now = self._clock.now()
        if self._target is None or not abs(temperature - self._target) <= self.spec.tolerance:
            self.settled_since = self._within_since = None
            return
        self._within_since = now if self._within_since is None else self._within_since
        if self.settled_since is None and now - self._within_since >= self.spec.settle:
            self.settled_since = now

    def make_safe(self, reason: Exception | None = None) -> None:
        """Go to the safe setpoint, confirmed by the controller.

        Parameters
        ----------
        reason : Exception, optional
            Fails what is pending. Without it, pending statuses stay open until a later `set`:
            at the end of a plan nobody waits for them, and a failure would disturb its clean-up.

        Raises
        ------
        TransportError, InstrumentError
            If that cannot be confirmed.
        """
        with self._lock:
            self._errand += 1
            self._target = self.settled_since = self._within_since = None
            if reason is not None:
                pending, self._pending = self._pending, []
                for status in pending:
                    conclude(status, reason)
            self.driver.write_setpoint(self.spec.safe)

    def stop(self, *, success: bool = False) -> None:
        """Do nothing: the heater holds while pumps are stopped; `make_safe` cools."""
