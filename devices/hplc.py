"""The on-line HPLC: injection valve and detector; it publishes the raw trace.

Valve: VICI two-position actuator (manual EUH/EUA), commands GOA, GOB, CP, IFM0, ends of line CR.
Detector: photodiode on a SCPI voltmeter (Keysight 34401A manual), READ? in volts, ends of line LF.
"""

import logging
import re
import threading
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from ophyd import Component, Device

from .clock import LabClock, LabStatus, conclude
from .rigfile import Chromatogram, ValveSpec
from .signals import Kind, Reading
from .transport import (
    GarbledError,
    InstrumentError,
    NoReplyError,
    PortLostError,
    Transport,
    TransportError,
    ends_with,
)

_log = logging.getLogger(__name__)

_CR, _LF = ends_with(b"\r"), ends_with(b"\n")
_LOOK = 0.1  # lab s between looks at a valve that is turning
_OVERLOAD = 9.9e37  # what the meter says instead of a value
_LATE = 0.5  # of a sample period: a sample taken later than this belongs to another time
_DEAF = 10  # missing samples in a row that make a dead detector


class ValveError(InstrumentError):
    """The valve does not get where it was sent; a human must look."""


class DetectorError(InstrumentError):
    """The detector has stopped answering."""


# -- injection valve ------------------------------------------------------------------------------


def decode_position(reply: bytes) -> str:
    r"""Return `A` or `B` from `CPA\r`, `A\r` or `Position is = "A"\r`."""
    match = re.fullmatch(rb'(?:CP|[^"\r]*= ?)?"?([AB])"?\r\n?', reply)
    if match is None:
        raise GarbledError(f"{reply!r} is not a valve position")
    return match[1].decode()


class ViciValve:
    """A two-position actuator."""

    def __init__(self, transport: Transport):
        self.transport = transport
        self.name = f"valve on {transport.url}"

    def connect(self) -> None:
        """Switch off unsolicited replies and check that it answers."""
        self.transport.send(b"IFM0\r")
        self.position()

    def position(self) -> str:
        """Return `A` or `B`."""
        return self.transport.exchange(b"CP\r", _CR, decode_position, repeat=True)

    def go(self, position: str) -> None:
        """Start turning to `A` or `B`; harmless if it is there. Never the toggle command."""
        self.transport.send(f"GO{position}\r".encode("ascii"))


class InjectionValve(Device):  # type: ignore[misc]  # ophyd ships no types
    """`load` fills the loop from the reactor, `inject` puts the loop on the column."""

    place = Component(Reading, kind=Kind.hinted, value="unknown")

    def __init__(self, *, name: str, driver: ViciValve, clock: LabClock, spec: ValveSpec):
        super().__init__(name=name)
        self.driver, self.spec = driver, spec
        self.source = f"serial:{driver.transport.url}"
        self._clock = clock
        other = {"A": "B", "B": "A"}[spec.load]
        self._places = {"load": spec.load, "inject": other}
        self._lock = threading.RLock()
        self._errand = 0  # a new one ends what callbacks of the old one would still do
        self._pending: list[LabStatus] = []

    def connect(self) -> None:
        """Check that the valve answers (`TransportError` if not)."""
        self.driver.connect()
        self.poll()

    def poll(self) -> str:
        """Fetch and return the position, `load` or `inject`."""
        actual = self.driver.position()
        name = "load" if actual == self._places["load"] else "inject"
        self.place.fill(name)
        return name

    def set(self, position: str) -> LabStatus:
        """Turn to `load` or `inject`.

        Returns
        -------
        LabStatus
            Finishes when the valve reports the position. A status that a later `set` overtakes
            ends together with the later one.

        Raises
        ------
        ValueError
            If there is no such position.
        """
        if position not in self._places:
            raise ValueError(f"valve position {position!r} is neither 'load' nor 'inject'")
        status = LabStatus(f"{self.name} to {position}")
        with self._lock:
            self._pending.append(status)
            self._errand += 1
            self._clock.call_later(0.0, partial(self._turn, position, self._errand, None))
        return status

    def _turn(self, position: str, errand: int, deadline: float | None) -> None:
        """Send the valve on its way the first time, then look until it is there."""
        failure: Exception | None = None
        with self._lock:
            if errand != self._errand:
                return
            try:
                if deadline is None:
                    self.driver.go(self._places[position])
                    deadline = self._clock.now() + self.spec.timeout
                if self.poll() != position:
                    if self._clock.now() < deadline:
                        again = partial(self._turn, position, errand, deadline)
                        self._clock.call_later(_LOOK, again)
                        return
                    raise ValveError(
                        f"the valve has not reached {position} in {self.spec.timeout:g} s: "
                        "check its air or motor"
                    )
            except (TransportError, InstrumentError) as error:
                failure = error
            pending, self._pending = self._pending, []
        for status in pending:
            conclude(status, failure)

    def make_safe(self) -> None:
        """Turn to `load` without waiting for lab time.

        Raises
        ------
        TransportError, ValveError
            If that cannot be confirmed.
        """
        pause = threading.Event()  # wall time: safety must not depend on the lab clock
        with self._lock:
            self._errand += 1
            self.driver.go(self._places["load"])
            for _ in range(round(self.spec.timeout / _LOOK)):
                if self.poll() == "load":
                    return
                pause.wait(_LOOK)
        raise ValveError(f"the valve has not reached load in {self.spec.timeout:g} s")

    def stop(self, *, success: bool = False) -> None:
        """Do nothing: a valve half-way is worse than one that arrives."""


# -- detector -------------------------------------------------------------------------------------


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
        def decode(reply: bytes) -> str:
            return reply.decode("ascii", "replace").strip()

        return self.transport.exchange(f"{query}\n".encode("ascii"), _LF, decode, repeat=True)

    def connect(self) -> str:
        """Configure for DC volts, one power-line cycle, and return the identification.

        Raises
        ------
        InstrumentError
            If the meter reports an error afterwards.
        """
        identity = self._ask("*IDN?")
        for command in ("SYST:REM", "*CLS", f"CONF:VOLT:DC {self._range:g}", "VOLT:DC:NPLC 1"):
            self.transport.send(f"{command}\n".encode("ascii"))
        error = self._ask("SYST:ERR?")
        if not error.startswith(("+0,", "0,")):
            raise InstrumentError(f"{self.name} refused its configuration: {error}")
        return identity

    def read(self) -> float:
        """Return volts; infinite for an overload."""
        return self.transport.exchange(b"READ?\n", _LF, decode_volts, repeat=True)


class Detector(Device):  # type: ignore[misc]  # ophyd ships no types
    """Records the photodiode at a fixed rate; sample k belongs to k / rate after the start.

    A sample that is missing, late or overloaded is NaN and counted, never invented.
    """

    trace = Component(Reading, units="V", precision=5, kind=Kind.normal)
    late_samples = Component(Reading, kind=Kind.normal, precision=0, value=0.0)
    rate = Component(Reading, units="Hz", precision=1, kind=Kind.config)
    firmware = Component(Reading, kind=Kind.config, value="")

    def __init__(
        self,
        *,
        name: str,
        driver: ScpiVoltmeter,
        clock: LabClock,
        method: Chromatogram,
    ):
        super().__init__(name=name)
        self.driver, self.method = driver, method
        self.source = f"serial:{driver.transport.url}"
        self._clock = clock
        self._status: LabStatus | None = None
        self._left: list[LabStatus] = []  # of recordings that were abandoned
        self._missing = 0  # in a row
        self.rate.fill(method.rate)
        self.clear()

    def connect(self) -> None:
        """Identify and configure the meter.

        Raises
        ------
        TransportError, InstrumentError
            If it does not answer, or refuses.
        """
        self.firmware.fill(self.driver.connect())

    @property
    def recording(self) -> bool:
        """Whether a trace is being recorded."""
        return self._status is not None

    def clear(self) -> None:
        """Forget the trace: all NaN."""
        self.trace.fill(np.full(self.method.samples, np.nan))
        self.late_samples.fill(float(self.method.samples))

    def trigger(self, start: float | None = None) -> LabStatus:
        """Record a trace.

        Parameters
        ----------
        start : float, optional
            Lab time [s] of sample 0; now if not given.

        Returns
        -------
        LabStatus
            Finishes with the last sample; fails with `DetectorError` when the meter stays silent.
            A status whose recording was abandoned ends together with the next one's.

        Raises
        ------
        InstrumentError
            If it is recording already.
        """
        if self._status is not None:
            raise DetectorError("the detector is recording already: wait for its trace")
        status = self._status = LabStatus("chromatogram", self.method.duration)
        samples = np.full(self.method.samples, np.nan)
        self._missing = 0
        begin = self._clock.now() if start is None else start
        self._clock.call_at(begin, partial(self._sample, status, samples, begin, 0))
        return status

    def abandon(self, reason: Exception | None = None) -> None:
        """Stop recording; the trace is lost. The status fails if there is a `reason`."""
        status, self._status = self._status, None
        if status is not None:
            self.clear()
            self._left.append(status)
            if reason is not None:
                self._conclude(reason)

    def _conclude(self, error: Exception | None = None) -> None:
        """Finish the status of the recording, and those of abandoned ones before it."""
        left, self._left = self._left, []
        for status in left:
            conclude(status, error)

    def _sample(self, status: LabStatus, samples: Any, begin: float, k: int) -> None:
        if status is not self._status:  # abandoned before
            return
        period = 1.0 / self.method.rate
        due = begin + k * period
        try:
            if self._clock.now() - due <= _LATE * period:
                samples[k] = self._volts()
        except PortLostError as error:
            self.abandon(error)
            return
        if status is not self._status:  # abandoned meanwhile
            return
        if self._missing >= _DEAF:
            self.abandon(DetectorError(f"{self.driver.name} left {_DEAF} samples unanswered"))
            return
        status.progress(k * period)
        if k + 1 < len(samples):
            then = begin + (k + 1) * period
            self._clock.call_at(then, partial(self._sample, status, samples, begin, k + 1))
            return
        self.trace.fill(samples)
        self.late_samples.fill(float(np.count_nonzero(np.isnan(samples))))
        self._status = None
        self._left.append(status)
        self._conclude()

    def _volts(self) -> float:
        """One sample; NaN if the meter does not answer sensibly or is overloaded."""
        try:
            volts = self.driver.read()
        except (NoReplyError, GarbledError) as error:
            _log.warning("a sample is missing: %s", error)
            self._missing += 1
            return float("nan")
        self._missing = 0
        return volts if isfinite(volts) else float("nan")

    def stop(self, *, success: bool = False) -> None:
        """Stop recording: the RunEngine repeats an interrupted experiment from its start."""
        self.abandon()
