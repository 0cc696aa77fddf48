"""Local models of SNOBFIT: linear ones around every point, and the minimum of a quadratic one.

Everything here lives in the unit box. Formulas: Huyer & Neumaier (2008), sections 4 and 5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class LinearModels:
    """One linear model around each of N points, with its minimiser in a trust box.

    Attributes
    ----------
    gradient : (N, d) array
    best : (N, d) array
        Minimiser of the model inside its trust box.
    predicted : (N,) array
        Value expected there, with the model error added.
    """

    gradient: Floats
    best: Floats
    predicted: Floats


def linear_models(x: Floats, f: Floats, df: Floats, near: Ints, resolution: Floats) -> LinearModels:
    """Fit ``f_k - f = g (x_k - x) + error (|x_k - x|_D^2 + df_k)`` around every point; minimise it.

    ``|.|_D`` measures so that one resolution step costs one ``df`` (section 4 of the paper).

    Parameters
    ----------
    x : (N, d) array
    f, df : (N,) array
        Values and their uncertainties.
    near : (N, K) int array
        Neighbours of each point, K > d.
    resolution : (d,) array
    """
    dim = x.shape[1]
    steps = x[near] - x[:, None, :]
    curb = df[:, None] / resolution**2
    spread = np.einsum("nki,ni->nk", steps**2, curb) + df[near]
    a = steps / spread[:, :, None]
    b = (f[near] - f[:, None]) / spread
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    s = np.maximum(s, 1e-4 * s[:, :1])
    gradient = np.einsum("nji,nj->ni", vt, np.einsum("nkj,nk->nj", u, b) / s)
    residual = np.einsum("nki,ni->nk", a, gradient) - b
    error = np.sqrt((residual**2).sum(axis=1) / max(near.shape[1] - dim, 1))
    reach = np.maximum(0.5 * np.abs(steps).max(axis=1), resolution)
    low, high = np.clip(x - reach, 0.0, 1.0), np.clip(x + reach, 0.0, 1.0)
    bend = error[:, None] * curb
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(bend > 0, -gradient / (2 * bend), -np.sign(gradient) * np.inf)
    best = np.clip(x + np.nan_to_num(step, nan=0.0, posinf=2.0, neginf=-2.0), low, high)
    step = best - x
    predicted = f + (gradient * step).sum(axis=1) + error * ((curb * step**2).sum(axis=1) + df)
    return LinearModels(gradient, best, predicted)


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
