"""HPLC with one ultraviolet trace: mole fractions or amounts of the species that have a peak."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..measurement import Analytics, Kind, Measurement, Trace
from .chromatogram import Chromatogram, analyse
from .method import Method

__all__ = ["Hplc", "Method"]

NEAR = 0.4
"""How far from a peak's time its apex may be, to name it in a figure [min]."""


@dataclass(frozen=True)
class Hplc(Analytics):
    """The quantities of the method's peaks from the key ``trace``, the detector's signal.

    They are mole fractions, dimensionless, or amounts in the unit that the method gives.

    Parameters
    ----------
    method : Method
        Rate, peaks and limits.
    """

    method: Method

    key: ClassVar[str] = "hplc"

    @property
    def kind(self) -> Kind:
        """Fractions sum to 1, amounts need not."""
        return "positive" if self.method.amounts else "fractions"

    @property
    def label(self) -> str:
        """What they are called together."""
        return "amount" if self.method.amounts else "mole fraction"

    @property
    def units(self) -> dict[str, str]:
        """Every species that has a peak; fractions are pure numbers."""
        return dict.fromkeys(self.method.quantities, self.method.amounts or "1")

    def analysed(self, data: Mapping[str, Any]) -> Chromatogram:
        """Integrate the peaks of an event's chromatogram."""
        return analyse(np.asarray(data["trace"], float), self.method)

    def measure(self, data: Mapping[str, Any]) -> Measurement:
        """Give what the peaks of an event's chromatogram measure."""
        found = self.analysed(data)
        return Measurement(found.fractions, found.sd, found.flags, found.valid, found.reason)

    def trace(self, data: Mapping[str, Any]) -> Trace | None:
        """Give the absorbance above its baseline, from the end of the solvent front on."""
        found = self.analysed(data)
        signal = 1000 * (found.absorbance - found.baseline)
        shown = found.time >= self.method.solvent_front[1]
        heights = {
            peak.name: (
                peak.time,
                float(np.nanmax(signal[np.abs(found.time - peak.time) < NEAR])),
            )
            for peak in self.method.peaks
        }
        return Trace(found.time[shown], signal[shown], "time [min]", "absorbance [mAU]", heights)

    def duration(self, data: Mapping[str, Any]) -> float:
        """Give the length of the chromatogram [s]."""
        return len(data["trace"]) / self.method.rate

    def to_dict(self) -> dict[str, Any]:
        """Return the method as a JSON-able dict."""
        return self.method.to_dict()

    @classmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        """Build it from `to_dict` output or the same table of a rig file."""
        return cls(Method.from_dict(method))
