"""Areas -> amounts or mole fractions, by the calibration of the method."""

import numpy as np
from numpy.typing import NDArray

from .method import Method

__all__ = ["quantities"]

Floats = NDArray[np.float64]

SEEN = 5.0  # standard errors of the area of an internal standard that can be divided by


def quantities(area: Floats, cov: Floats, method: Method) -> tuple[Floats, Floats] | str:
    """Turn the areas of the method's peaks into its quantities.

    Parameters
    ----------
    area : ndarray, shape (k,)
        Areas [absorbance min], in the order of `Method.peaks`.
    cov : ndarray, shape (k, k)
        Their covariance.
    method : Method

    Returns
    -------
    tuple of ndarray, or str
        Values and standard uncertainties in the order of `Method.quantities`; or why there are
        none, in one sentence.
    """
    peaks = method.peaks
    if method.standard:
        at = [p.name for p in peaks].index(method.standard)
        if area[at] < SEEN * np.sqrt(cov[at, at]):
            return f"the internal standard {method.standard} does not stand out: was it added?"
        ratio = method.standard_amount / area[at]
        slope = ratio * np.eye(len(area))
        slope[:, at] -= ratio * area / area[at]
        kept = np.arange(len(area)) != at
        area, cov = (ratio * area)[kept], (slope @ cov @ slope.T)[np.ix_(kept, kept)]
        peaks = tuple(p for p in peaks if p.name != method.standard)
    response = np.array([p.response for p in peaks])
    bend = np.array([p.curvature for p in peaks])
    above = area - [p.intercept for p in peaks]
    root = response**2 + 4 * bend * above
    if (root <= 0).any():
        name = peaks[int(np.argmin(root))].name
        return f"{name} lies beyond its calibration curve, which has turned there: dilute"
    steep = np.sqrt(root)  # of the curve, at this amount
    amount = 2 * above / (response + steep)
    own = (amount * [p.response_sd for p in peaks]) ** 2 + np.square([p.curve_sd for p in peaks])
    cov = (cov + np.diag(own)) / np.outer(steep, steep)
    if method.amounts:
        return amount, np.sqrt(np.diag(cov))
    total = amount.sum()
    x = amount / total
    slope = (np.eye(len(x)) - x[:, None]) / total
    return x, np.sqrt(np.diag(slope @ cov @ slope.T))
