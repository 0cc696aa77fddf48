"""Minimise a quadratic inside a box."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def minimise_quadratic(gradient: Floats, hessian: Floats, lower: Floats, upper: Floats) -> Floats:
    """Minimise ``gradient @ x + x @ hessian @ x / 2`` from 0, with ``lower <= x <= upper``.

    The minimum found is a local one if the quadratic is indefinite.

    Coordinate searches (which move bounds in and out of the active set, and leave saddle points)
    alternate with Newton steps in the free coordinates, as in Neumaier's MINQ.
    """
    x = np.clip(np.zeros_like(lower), lower, upper)
    slope = gradient + hessian @ x
    tolerance = 1e-12 * (np.abs(gradient) + np.abs(hessian) @ (upper - lower)).max()
    for _ in range(50):
        before = x.copy()
        for i in range(x.size):
            step = _line(slope[i], hessian[i, i], lower[i] - x[i], upper[i] - x[i])
            if step:
                x[i] += step
                slope += step * hessian[:, i]
        free = (x > lower) & (x < upper)
        if free.any() and np.abs(slope[free]).max() > tolerance:
            move = np.zeros_like(x)
            move[free] = -np.linalg.lstsq(hessian[np.ix_(free, free)], slope[free], rcond=1e-13)[0]
            if move @ slope > 0.0:  # the curvature is negative that way: walk downhill
                move = -move
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(
                    move > 0, (upper - x) / move, np.where(move < 0, (lower - x) / move, np.inf)
                )
            far = min(room.min(), 1e12)
            step = _line(float(move @ slope), float(move @ hessian @ move), 0.0, far)
            x = np.clip(x + step * move, lower, upper)
            slope = gradient + hessian @ x
        if np.abs(x - before).max() <= 1e-13 * (upper - lower).max():
            break
    return x


def _line(slope: float, curvature: float, low: float, high: float) -> float:
    """Minimise ``slope t + curvature t^2 / 2`` over ``low <= t <= high``."""
    if curvature > 0.0:
        return min(max(-slope / curvature, low), high)
    at_low = (slope + 0.5 * curvature * low) * low
    at_high = (slope + 0.5 * curvature * high) * high
    if min(at_low, at_high) >= 0.0:
        return 0.0
    return low if at_low < at_high else high
