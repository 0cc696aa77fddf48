"""Edges of windows: how far apart they are judged to be, and on which side of them a number is."""

import math
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NARROW = 0.05
"""A window narrower than this share of its two tolerances together is judged as an equality is."""

_ROUNDING = 1e-12
"""What is beyond an edge by no more than this, relative to their size, is on it: 0.7 + 0.2 is below
0.9 where numbers are binary."""

_MOST = 17  # digits that tell any two numbers apart


def widening(width: ArrayLike, below: ArrayLike, above: ArrayLike) -> NDArray[np.float64]:
    """Give the share of its tolerances that a window is widened by, below and above it.

    Nothing that is measured or modelled is ever equal to a number: half the tolerance to both sides
    counts as equal. A window that is hardly wider than an equality is widened to the same width;
    all others, 0, stay as they are.

    Parameters
    ----------
    width : array_like
        Upper edge minus lower edge, as stated.
    below, above : array_like
        The tolerances.
    """
    relative = np.asarray(width, dtype=float) / np.add(below, above)
    return np.where(relative < _NARROW, 0.5 - relative, 0.0)


def reckoned(edge: float) -> float:
    """Give a number without what its reckoning added in the last digits.

    Examples
    --------
    >>> 0.7 + 0.2, reckoned(0.7 + 0.2)
    (0.8999999999999999, 0.9)
    """
    return float(f"{edge:.15g}")


def beyond(gap: ArrayLike, edge: float, size: float) -> NDArray[np.float64]:
    """Give by how much values are beyond an edge, 0 for what only rounding has put there.

    Parameters
    ----------
    gap : array_like
        How far beyond the edge they were reckoned to be; negative inside.
    edge : float
    size : float
        Of what is no rounding any more, where the edge is 0: a tolerance or a standard deviation.
    """
    gap = np.asarray(gap, dtype=float)
    return np.where(gap > _ROUNDING * max(abs(edge), size), gap, 0.0)


def side(value: float, within: tuple[float, float], size: float = 0.0) -> int:
    """Give -1 for a value below both edges, 1 for one above, 0 between and on them; see `beyond`.

    Open edges are infinite.
    """
    for edge, sign in zip(within, (-1, 1), strict=True):
        if math.isfinite(edge) and beyond(sign * (value - edge), edge, size):
            return sign
    return 0


def enough_digits(
    value: float,
    within: tuple[float, float],
    least: int,
    form: str = "g",
    power: int = 0,
    size: float = 0.0,
) -> int:
    """Give the least digits, or as many more as show on which side of its edges a number is.

    Parameters
    ----------
    value : float
    within : (float, float)
        The edges; infinite where open.
    least : int
    form : {"g", "f", "e"}
        How it is written; "f" and "e" count decimals.
    power : int
        The power of ten that is taken out of it before.
    size : float
        See `beyond`.
    """
    own, scaled = side(value, within, size), Decimal(value).scaleb(-power)
    for count in range(least, _MOST):
        written = float(Decimal(f"{scaled:.{count}{form}}").scaleb(power))
        if side(written, within, size) == own:
            return count
    return _MOST


def apart(value: float, within: tuple[float, float], least: int = 3, size: float = 0.0) -> str:
    """Write a number so that it shows on which side of its edges it is.

    Examples
    --------
    >>> apart(0.83834, (0.0, 0.8383)), apart(0.8654, (0.9, 1.0))
    ('0.83834', '0.865')
    """
    return f"{value:z.{enough_digits(value, within, least, size=size)}g}"
