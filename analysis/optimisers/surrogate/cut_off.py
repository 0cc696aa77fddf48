"""Results that are cut off at 0, as the areas of peaks are that noise hides."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ...problem.tables import Kind

Floats = NDArray[np.float64]

_TRUE = np.linspace(-6.0, 4.0, 401)
"""Values, in standard uncertainties of one result; beyond the last nothing is cut off."""

_MEAN = _TRUE * ndtr(_TRUE) + np.exp(-0.5 * _TRUE**2) / np.sqrt(2 * np.pi)
"""Means of their results, E max(0, N(value, 1))."""


class CutOff:
    """Which quantities are cut off at 0, and what their true values are.

    Results that noise would have made negative are 0 there: some are, and none is below. So they
    are above the truth on average, by up to 0.4 of their uncertainty, and more results make the
    models only surer of it.

    Parameters
    ----------
    y, error : (N, q) array
        Results and their standard uncertainties.
    kind : {"fractions", "positive", "real"}
        Real quantities may be below 0, and are not cut off.
    """

    def __init__(self, y: Floats, error: Floats, kind: Kind) -> None:
        least = y.min(axis=0, initial=np.inf)
        self._unit = error.min(axis=0, initial=np.inf)
        self._columns = np.flatnonzero((least == 0) & (self._unit > 0) & (kind != "real"))

    def undone(self, means: Floats) -> Floats:
        """Give the true values (..., q) of quantities whose results have these means."""
        true = means.copy()
        for column in self._columns:
            unit = self._unit[column]
            mean = means[..., column] / unit
            near = np.maximum(np.interp(mean, _MEAN, _TRUE), 0.0)
            true[..., column] = unit * np.where(mean < _MEAN[-1], near, mean)
        return true
