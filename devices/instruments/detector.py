"""The detector of the on-line HPLC, a photodiode on a voltmeter; it publishes the raw trace."""

import threading
from typing import Any

import numpy as np
from ophyd import Component, Device

from ..chromatogram import ChromatogramSpec
from ..clock import LabClock, LabStatus, Steps, Task
from ..protocols.roles import DetectorDriver
from ..protocols.transport import InstrumentError
from .interlock import Interlock
from .recording import Recording
from .signals import Kind, Reading


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
        interlock: Interlock,
        method: ChromatogramSpec,
    ):
        super().__init__(name=name)
        self.driver, self.method, self.interlock = driver, method, interlock
        self.source = f"serial:{driver.transport.url}"
        self._clock = clock
        self._recording = Task(clock, threading.RLock())
        self.rate.fill(method.rate)
        self.clear()

    def connect(self) -> None:
        """Identify and configure the meter; not while it records, which shows that it is there.

        Raises
        ------
        TransportError, InstrumentError
            If it does not answer, or refuses.
        """
        if not self.recording:
            self.firmware.fill(self.driver.connect().name)

    @property
    def recording(self) -> bool:
        """Whether a trace is being recorded."""
        return self._recording.under_way

    def clear(self) -> None:
        """Forget the trace: all NaN."""
        self.trace.fill(np.full(self.method.samples, np.nan))
        self.late_samples.fill(float(self.method.samples))

    def arm(self) -> Steps:
        """Do nothing before an injection: the meter is read from there on."""
        yield from ()

    def injecting(self) -> None:
        """Do nothing at an injection: what nobody records is gone."""

    def trigger(self, start: float | None = None) -> LabStatus:
        """Record a trace.

        Parameters
        ----------
        start : float, optional
            Lab time [s] of sample 0; now if not given.

        Returns
        -------
        LabStatus
            Finishes with the last sample; fails with `NoReplyError` when the meter stays silent.
            A status whose recording was abandoned ends together with the next one's.

        Raises
        ------
        InstrumentError
            If it is recording already.
        RigFaultError
            While a fault is latched.
        """
        self.interlock.check()
        if self.recording:
            raise DetectorError("the detector is recording already: wait for its trace")
        begin = self._clock.now() if start is None else start
        status = self.interlock.watch(LabStatus("chromatogram", self.method.duration))
        return self._recording.begin(self._record(begin), status, at=begin)

    def _record(self, begin: float) -> Steps:
        samples = np.full(self.method.samples, np.nan)
        recording = Recording(self.driver, self._clock, 1.0 / self.method.rate)
        try:
            yield from recording.steps(begin, samples, self._recording.progress)
        except Exception:
            self.clear()
            raise
        self.trace.fill(samples)
        self.late_samples.fill(float(np.count_nonzero(np.isnan(samples))))

    def facts(self) -> dict[str, Any]:
        """Give what an event tells of the trace."""
        return {
            "late_samples": float(self.late_samples.get()),
            "trace": np.array(self.trace.get()),
        }

    def facts_described(self) -> dict[str, dict[str, Any]]:
        """Give the data keys of `facts`, without their source."""
        number = {"dtype_numpy": "<f8"}
        late = {"dtype": "number", "shape": [], "units": "", "precision": 0}
        trace = {"dtype": "array", "shape": [self.method.samples], "units": "V", "precision": 5}
        return {"late_samples": number | late, "trace": number | trace}

    def abandon(self) -> None:
        """Stop recording; the trace is lost, its status ends together with the next one's.

        A meter that is taking readings by itself is told to leave off.
        """
        if self.recording:
            self._recording.give_up()
            self.clear()

    def stop(self, *, success: bool = False) -> None:
        """Stop recording: the RunEngine repeats an interrupted experiment from its start."""
        self.abandon()
