"""HPLC whose chromatograms other software has written into files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...written import UnreadableError
from ..measurement import Measurement, Trace
from ..resulttable import stored_file
from . import Hplc
from .chromatogram import Chromatogram, analyse
from .files import TraceError, trace_in
from .method import Method

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TraceFile(Hplc):
    """The quantities of the method's peaks from the file that an event holds.

    The file is integrated as it is, at its own rate, as `reactune integrate` would.

    Parameters
    ----------
    method : Method
    unit : str
        That the method wants the signal in.
    channel : str
        Which signal, where a file has several.
    """

    unit: str = "V"
    channel: str = ""

    key: ClassVar[str] = "trace"

    def analysed(self, data: Mapping[str, Any]) -> Chromatogram:
        """Integrate the peaks of an event's file.

        Raises
        ------
        TraceError
            If it holds no chromatogram.
        """
        signal, rate = self._signal(data)
        return analyse(signal, replace(self.method, rate=rate))

    def _signal(self, data: Mapping[str, Any]) -> tuple[Floats, float]:
        try:
            name, raw = stored_file(data)
        except UnreadableError as error:
            raise TraceError(str(error)) from error
        try:
            return trace_in(name, raw, self.channel).in_unit(self.unit).even(self.method.rate)
        except TraceError as error:
            said = str(error).replace("--channel", "channel in [analytics]")
            raise TraceError(f"{name} {said}") from error

    def measure(self, data: Mapping[str, Any]) -> Measurement:
        """Give what the peaks of an event's file measure."""
        try:
            return super().measure(data)
        except TraceError as error:
            return Measurement.failed(self.names, str(error))

    def trace(self, data: Mapping[str, Any]) -> Trace | None:
        """Give the absorbance above its baseline; None if the file holds no chromatogram."""
        try:
            return super().trace(data)
        except TraceError:
            return None

    def recorded(self, data: Mapping[str, Any], samples: int) -> Floats:
        """Give the trace as a meter would have recorded it: at the method's rate, of one length.

        Parameters
        ----------
        data : mapping
            Of an event.
        samples : int
            NaN where the file has none; all of them if it holds no chromatogram.
        """
        try:
            signal, rate = self._signal(data)
        except TraceError:
            return np.full(samples, np.nan)
        place = np.arange(samples) * (rate / self.method.rate)
        trace: Floats = np.interp(place, np.arange(len(signal)), signal)
        trace[place > len(signal) - 0.5] = np.nan
        return trace

    def to_dict(self) -> dict[str, Any]:
        """Return the method as a JSON-able dict."""
        return {"method": self.method.to_dict(), "unit": self.unit, "channel": self.channel}

    @classmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        """Build it again; see `Analytics.from_dict`."""
        if strange := sorted(method.keys() - {"method", "unit", "channel"}):
            raise ValueError(f"method: unknown {', '.join(strange)}")
        stated = Method.from_dict(method.get("method", {}))
        return cls(stated, str(method.get("unit", "V")), str(method.get("channel", "")))
