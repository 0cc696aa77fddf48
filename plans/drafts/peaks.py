"""Peaks that somebody begins with: from when they elute to windows, widths and a rate."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from reactune.devices.written import exact

from .draft import toml_text
from .templates import PEAK

_TALLEST = 0.5  # AU, of a peak of the strongest stock undiluted


@dataclass(frozen=True)
class PeaksDraft:
    """The peaks of a method.

    Attributes
    ----------
    stated : dict of str to float
        When each elutes [min].
    """

    stated: Mapping[str, float]

    @property
    def ordered(self) -> dict[str, float]:
        """Them, as they elute."""
        return dict(sorted(self.stated.items(), key=lambda peak: peak[1]))

    @property
    def widths(self) -> list[float]:
        """Guess the SDs of the peaks [min]: 2500 plates, or better where they are close."""
        times = [*self.ordered.values()]
        gaps = [b - a for a, b in pairwise(times)]
        near = [min(pair) for pair in zip([*gaps, math.inf], [math.inf, *gaps], strict=True)]
        return [min(0.02 * t, gap / 8) for t, gap in zip(times, near, strict=True)]

    @property
    def rate(self) -> int:
        """Samples a second [Hz] that the narrowest peak wants, as far as a meter can."""
        return min(10, math.ceil(3 / (60 * min(self.widths))))

    @property
    def windows(self) -> list[tuple[float, float]]:
        """Give the windows [min]: 8 SD to 12 SD off, or where close peaks part.

        Peaks tail, so they part nearer to the next. Windows are no wider, because the baseline is
        what is seen between them.
        """
        times, widths = [*self.ordered.values()], self.widths
        parts = [0.0, *(a + 0.6 * (b - a) for a, b in pairwise(times)), math.inf]
        return [
            (max(low, time - 8 * width), min(high, time + 12 * width))
            for time, width, (low, high) in zip(times, widths, pairwise(parts), strict=True)
        ]

    def text(self, head: str, stocks: Iterable[float]) -> str:
        """Write their tables, each under `head`, for stocks of these concentrations [mM]."""
        response = "1"  # until it is calibrated
        if strongest := max(stocks, default=0):
            response = f"{_TALLEST * math.sqrt(2 * math.pi) * min(self.widths) / strongest:.1g}"
        return "\n".join(
            PEAK.format(
                head=head, name=toml_text(name), time=exact(time),
                window=f"[{short(low)}, {short(high)}]", width=short(width),
                tail=short(width / 2), response=response,
            )
            for (name, time), (low, high), width in zip(
                self.ordered.items(), self.windows, self.widths, strict=True
            )
        )  # fmt: skip


def short(value: float) -> str:
    """Write a number of a guess."""
    return f"{value:.4g}"
