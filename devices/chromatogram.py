"""What a rig file says of its own chromatograms: the HPLC method, and when it is recorded."""

from typing import Self

from pydantic import model_validator

from .methodfile import MethodFile
from .specs import DetectorSpec
from .tables import Positive
from .written import exact

_FASTEST = 10.0  # Hz that a meter is read at


class ChromatogramSpec(MethodFile):
    """The HPLC method of a rig: `duration` [s] at `rate` [Hz], reference voltage `lamp` [V]."""

    duration: Positive

    @property
    def samples(self) -> int:
        """Length of the trace."""
        return round(self.duration * self.rate)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.samples < 1:
            raise ValueError(f"duration = {exact(self.duration)} s holds no sample: lengthen it")
        return self

    def check_meter(self, detector: DetectorSpec) -> None:
        """Refuse what a meter on a photodiode cannot read (`ValueError`)."""
        if self.unit != "V" or self.per_au is not None or self.lamp is None:
            raise ValueError(
                "chromatogram: unit: the meter of a rig reads the light on the photodiode in V; "
                "delete unit and per_au, which are for traces in files"
            )
        if self.rate > _FASTEST:
            raise ValueError(
                f"chromatogram.rate = {exact(self.rate)} Hz is more than a meter is read at: "
                f"{_FASTEST:g} Hz at most"
            )
        if self.lamp > detector.full_scale:
            raise ValueError(
                f"chromatogram.lamp = {exact(self.lamp)} V is more than the meter reads on "
                f"detector.range = {exact(detector.range)} V, which goes to "
                f"{detector.full_scale:g} V: every sample would be an overload"
            )
