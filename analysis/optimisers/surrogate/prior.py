"""Hyper-parameters of a Gaussian process: their sizes, and what is expected of them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OFFSET = 5.0
"""Prior standard deviation of the constant, in units of the values' own."""

NOISE = 0.02
"""Noise beyond the known one that is expected, in units of the values' standard deviation."""

DRIFT = 2e-3
"""Change in fifty experiments that is expected, in units of the values' standard deviation."""

SHIFT, TILT = 0.1, 0.05
"""How far an earlier campaign's values are expected to be off: all alike, and along the axes."""

TRUST = 0.25
"""How far the logarithm of the true uncertainty may be below that of the one told."""


@dataclass(frozen=True)
class Prior:
    """Normal priors on the logarithms of the hyper-parameters, and bounds."""

    mean: Floats
    sd: Floats
    low: Floats
    high: Floats
    start: Floats

    @classmethod
    def of(cls, dim: int, noise: float) -> "Prior":
        """Make the one used for everything, but for the noise; in the order of `Sizes`."""
        mean = np.log([0.3, *[2.5] * dim, 1.0, 0.3, DRIFT, noise, 1.0])
        sd = np.array([1.0, *[0.7] * dim, 1.0, 1.0, 1.5, 2.0, TRUST])
        low = np.log([1e-4, *[0.1] * dim, 1e-2, 1e-3, 1e-6, 1e-6, 0.1])
        high = np.log([10.0, *[20.0] * dim, 30.0, 30.0, 1.0, 1.0, 1.0])
        # not from the mean: a drift of next to nothing has no slope that leads to more, and what a
        # short length would explain is soon all noise
        start = mean.copy()
        start[: 1 + dim], start[-3] = 0.0, np.log(0.05)
        return cls(mean, sd, low, high, start)

    def with_difference(self) -> "Prior":
        """Add those of what makes an earlier campaign differ: shift and tilt."""
        mean, ones = np.log([SHIFT, TILT]), np.ones(2)
        return Prior(
            np.r_[self.mean, mean],
            np.r_[self.sd, ones],
            np.r_[self.low, np.log(1e-4) * ones],
            np.r_[self.high, np.log(3.0) * ones],
            np.r_[self.start, mean],
        )


class Sizes(NamedTuple):
    """The squares of the hyper-parameters; without an earlier campaign the last two are 0."""

    a: float
    lengths: Floats
    b: float
    c: float
    drift: float
    noise: float
    told: float
    shift: float = 0.0
    tilt: float = 0.0


def split(hyper: Floats, dim: int) -> Sizes:
    """Give the squares of hyper-parameters of which the logarithms are given."""
    sizes = np.exp(2 * hyper)
    return Sizes(sizes[0], sizes[1 : 1 + dim], *sizes[1 + dim :])
