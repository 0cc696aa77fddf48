"""The detector of the on-line HPLC, a photodiode on a voltmeter; it publishes the raw trace."""

import logging
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from ophyd import Component, Device

from ..clock import LabClock, LabStatus, conclude
from ..protocols.roles import DetectorDriver
from ..protocols.transport import GarbledError, InstrumentError, NoReplyError, PortLostError
from ..rigfile import ChromatogramSpec
from .signals import Kind, Reading

_log = logging.getLogger(__name__)

_LATE = 0.5  # of a sample period: a sample taken later than this belongs to another time
_DEAF = 10  # missing samples in a row that make a dead detector


class DetectorError(InstrumentError):
    """The detector has stopped answering."""


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
        driver: DetectorDriver,
        clock: LabClock,
        method: ChromatogramSpec,
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
