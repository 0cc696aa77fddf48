"""What callers give, checked: each refusal is one sentence that says what to give instead."""

import reprlib
from typing import SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..written import LARGEST

Floats = NDArray[np.float64]


def numbers(name: str, given: ArrayLike) -> Floats:
    """Make an array of real numbers of what a caller gave; NaN where it is masked.

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        kind = np.asanyarray(given).dtype.kind
        if kind not in "biufO":  # no texts, dates or complex numbers
            raise TypeError(kind)
        array: Floats = np.ma.filled(np.ma.asanyarray(given, dtype=float), np.nan)
        return array.copy()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{name} must be numbers, in rows of the same length, not {reprlib.repr(given)}"
        ) from None


def one(x: ArrayLike, dim: int) -> Floats:
    """Make a point (dim,) of what a caller gave.

    Raises
    ------
    ValueError
        If it has another number of coordinates, or they are no numbers.
    """
    position = numbers("x", x)
    if position.size != dim:
        raise ValueError(f"x must be one point of {dim} numbers, not {x!r}")
    return position.reshape(dim)


def whole(n: int) -> int:
    """Check how many points a caller asks for.

    Raises
    ------
    ValueError
        If that is no whole number from 1 up.
    """
    if isinstance(n, bool) or not isinstance(n, SupportsIndex) or np.ndim(n) or n < 1:
        raise ValueError(f"ask for whole points, at least 1 point, not {n!r}")
    return int(n)


def box(lower: ArrayLike, upper: ArrayLike) -> tuple[Floats, Floats]:
    """Make the two corners (d,) of a box.

    Raises
    ------
    ValueError
        If their lengths differ, or they are not finite and one below the other.
    """
    low, high = (np.atleast_1d(numbers(*edge)) for edge in (("lower", lower), ("upper", upper)))
    if low.ndim != 1 or low.shape != high.shape or not low.size:
        raise ValueError(
            f"lower and upper must be two vectors of the same length, one number or more, not "
            f"of shapes {low.shape} and {high.shape}"
        )
    if not (low < high).all() or max(-low.min(), high.max()) > LARGEST:
        raise ValueError(
            f"lower must be below upper, both finite, {LARGEST:g} at most: {low} and {high} are not"
        )
    return low, high


def apart(resolution: ArrayLike | None, span: Floats) -> Floats:
    """Make the resolution (d,) of a box with these sides: one number may stand for all.

    Raises
    ------
    ValueError
        If it is not above 0, far too fine or coarse for the box, or of another length.
    """
    gap = 1e-5 * span if resolution is None else numbers("resolution", resolution)
    one_each = gap.shape in ((), span.shape)
    if not one_each or ((gap < 1e-12 * span) | ~(gap <= 1e12 * span)).any():
        raise ValueError(
            f"resolution must be one number or one for each of the {span.size} variables, above 0, "
            f"from 1e-12 to 1e12 of the box, not {gap}"
        )
    return np.broadcast_to(gap, span.shape).copy()


def share(p: float) -> float:
    """Check the share of exploring points.

    Raises
    ------
    ValueError
        If it is not from 0 to 1.
    """
    if not isinstance(p, SupportsFloat) or np.ndim(p) or not 0.0 <= p <= 1.0:
        raise ValueError(f"p, the share of exploring points, must be from 0 to 1, not {p!r}")
    return float(p)


def generator(seed: int | None) -> np.random.Generator:
    """Make the source of random numbers.

    Raises
    ------
    ValueError
        If the seed is no whole number from 0 up.
    """
    if seed is not None and (not isinstance(seed, SupportsIndex) or np.ndim(seed) or seed < 0):
        raise ValueError(f"seed must be a whole number from 0 up, or None, not {seed!r}")
    return np.random.default_rng(seed)
