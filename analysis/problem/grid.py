"""The values that a variable can be set to, where these are not all of its range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_EDGE = 1e-9  # of a step, by which rounding may have missed a value


@dataclass(frozen=True)
class Grid:
    """Values in rising order, listed or evenly spaced.

    Attributes
    ----------
    listed : tuple of float
        The values; empty if they are evenly spaced.
    first, step, count
        Of those evenly spaced.
    """

    listed: tuple[float, ...] = ()
    first: float = 0.0
    step: float = 1.0
    count: int = 0

    @classmethod
    def of_values(cls, values: Sequence[float]) -> Self:
        """Make it of the values themselves."""
        return cls(listed=tuple(sorted(values)), count=len(values))

    @classmethod
    def of_step(cls, lower: float, upper: float, step: float, origin: float) -> Self:
        """Make it of all values in [lower, upper] that lie whole steps from `origin`."""
        k = math.ceil((lower - origin) / step - _EDGE)
        last = math.floor((upper - origin) / step + _EDGE)
        digits = max(map(_decimals, (origin, step)))
        return cls(first=round(origin + k * step, digits), step=step, count=last - k + 1)

    def __len__(self) -> int:
        return max(self.count, 0)

    def value(self, k: NDArray[np.intp]) -> FloatArray:
        """Give the k-th values, counted from 0; beyond the ends, the ends."""
        k = np.clip(k, 0, self.count - 1)
        if self.listed:
            return np.asarray(self.listed)[k]
        digits = max(map(_decimals, (self.first, self.step)))
        return np.asarray(np.round(self.first + k * self.step, digits))

    def below(self, x: FloatArray) -> NDArray[np.intp]:
        """Give the number of the last value that is not above x; at least 0."""
        if self.listed:
            k = np.searchsorted(np.asarray(self.listed), x, side="right") - 1
        else:
            k = np.floor((x - self.first) / self.step + _EDGE).astype(np.intp)
        return np.clip(k, 0, self.count - 1)

    def holds(self, x: float) -> bool:
        """Whether x is one of the values."""
        k = self.below(np.array([x]))
        near = self.value(np.concatenate([k, k + 1]))
        return bool(np.isclose(near, x, rtol=1e-9, atol=1e-12).any())


def _decimals(number: float) -> int:
    """Count the decimals that a number is written with."""
    mantissa, _, exponent = repr(float(number)).partition("e")
    return max(len(mantissa.partition(".")[2].rstrip("0")) - int(exponent or 0), 0)
