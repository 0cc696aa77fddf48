"""Windows and properties as the models see them, and orders of points."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...problem.edges import widening
from ...problem.merit import Windows
from ..table import Points

Floats = NDArray[np.float64]

DECADES = 1e6
"""Ratio of the largest to small values of a property from which on it is compressed everywhere."""

CURBED = 0.5, 10.0
"""Quantile and ratio from which on a property is compressed among the points of a local model."""


def with_room(windows: Windows) -> Windows:
    """Widen windows that leave no room, equalities above all: no drawn function is inside of them.

    Those of a problem have been widened already, by the same rule: to these nothing happens.
    """
    share = widening(windows.upper - windows.lower, windows.below, windows.above)
    return Windows(
        windows.lower - share * windows.below,
        windows.upper + share * windows.above,
        windows.below,
        windows.above,
    )


def tamed(
    points: Points, windows: Windows, quantile: float = 0.1, ratio: float = DECADES
) -> Points:
    """Compress one-sided properties of large range around their window's edge.

    ``edge + s asinh((F - edge) / s)`` moves no point across the edge. A quadratic of an exponential
    is of no use; one of its logarithm is. s is this `quantile` of the distances from the edge, at
    least the tolerance; where none is more than `ratio` times as large, nothing is changed.
    """
    F, dF = points.F.copy(), points.dF.copy()
    for i in range(len(windows)):
        edges = np.array([windows.lower[i], windows.upper[i]])
        closed = np.isfinite(edges)
        edges, tolerances = edges[closed], np.array([windows.below[i], windows.above[i]])[closed]
        if np.ptp(edges) > 0:
            continue
        gap = points.F[:, i] - edges[0]
        size = np.abs(gap[np.isfinite(gap)])
        s = max(np.quantile(size, quantile), tolerances.min()) if size.size else 1.0
        if size.max(initial=0.0) > ratio * s:
            F[:, i] = edges[0] + s * np.arcsinh(gap / s)
            dF[:, i] /= np.hypot(gap / s, 1.0)
    return replace(points, F=F, dF=dF)


def order(points: Points, windows: Windows) -> Floats:
    """Order measured points: by goal inside all windows, above all goals by violation."""
    violation = np.sqrt((windows.violation(points.F) ** 2).sum(axis=1))
    top, unit = points.f.max(), points.f.std() or 1.0
    return np.where(violation == 0, points.f, top + unit * violation)


def priced(points: Points, windows: Windows, price: Floats) -> Floats:
    """Order measured points: by goal plus violation [property's unit] times its price (m,)."""
    outside = np.maximum(np.maximum(windows.lower - points.F, points.F - windows.upper), 0.0)
    return np.asarray(points.f + outside @ price)


def room(windows: Windows, F: Floats) -> Floats:
    """Distance inside each finite edge, in units of its tolerance: (M, edges)."""
    lower, upper = np.isfinite(windows.lower), np.isfinite(windows.upper)
    return np.hstack(
        [((F - windows.lower) / windows.below)[:, lower],
         ((windows.upper - F) / windows.above)[:, upper]]
    )  # fmt: skip


def room_error(windows: Windows, spread: Floats) -> Floats:
    """Propagate the standard deviation of the properties, (m,), to that of `room`."""
    lower, upper = np.isfinite(windows.lower), np.isfinite(windows.upper)
    return np.asarray(np.r_[(spread / windows.below)[lower], (spread / windows.above)[upper]])
