"""Relative responses of the peaks from samples of known composition."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from .method import Method

Floats = NDArray[np.float64]


def calibrate(
    method: Method,
    areas: Sequence[Mapping[str, float]],
    fractions: Sequence[Mapping[str, float]],
) -> Method:
    """Find the relative responses that turn measured areas into known mole fractions.

    Least squares on the fractions themselves, over the logarithms of the responses: a fraction of 0
    is as welcome as any other (log-ratios would lose it) and no response can become negative. The
    species of the largest area keeps its response, since only ratios can be known.

    Parameters
    ----------
    method : Method
        Its responses are the starting point.
    areas : sequence of n mappings
        Peak areas by species, such as ``[analyse(v, method).areas for v in traces]``.
    fractions : sequence of n mappings
        The mole fractions that belong to them; normalised here over the method's peaks.

    Returns
    -------
    Method
        The same method with `response` and `response_sd` of every peak replaced.

    Raises
    ------
    ValueError
        Fewer than two pairs, a species that never appears, or numbers that are not finite.
    """
    names = [p.name for p in method.peaks]
    a = np.array([[row[k] for k in names] for row in areas], dtype=float)
    x = np.array([[row[k] for k in names] for row in fractions], dtype=float)
    if len(names) < 2:
        raise ValueError(f"calibrate: the fraction of {names} alone is always 1; add a peak")
    if a.shape != x.shape or len(a) < 2:
        raise ValueError(f"calibrate: {len(a)} areas, {len(x)} fractions; give two or more pairs")
    sums = np.concatenate([a.sum(axis=1), x.sum(axis=1)])
    if not (np.isfinite(sums).all() and (sums > 0).all()):
        raise ValueError(
            "calibrate: areas and fractions of every sample must be finite and sum to more than "
            "0; leave failed traces out"
        )
    if absent := [k for k, s in zip(names, np.minimum(a.sum(0), x.sum(0)), strict=True) if s <= 0]:
        raise ValueError(f"calibrate: {absent} never appear; add a sample that contains them")
    x = x / x.sum(axis=1, keepdims=True)
    free = np.arange(len(names)) != np.argmax(a.sum(axis=0))
    log_response = np.log([p.response for p in method.peaks])

    def misfit(guess: Floats) -> Floats:
        trial = log_response.copy()
        trial[free] = guess
        moles = a / np.exp(trial)
        return np.asarray(moles / moles.sum(axis=1, keepdims=True) - x).ravel()

    fitted = least_squares(misfit, log_response[free], xtol=1e-12, ftol=1e-12, gtol=1e-12)
    log_response[free] = fitted.x
    jac = np.asarray(fitted.jac)
    scatter = 2 * fitted.cost / max(len(a) * (len(names) - 1) - int(free.sum()), 1)
    log_sd = np.zeros(len(names))
    log_sd[free] = np.sqrt(np.diag(np.linalg.inv(jac.T @ jac)) * scatter)
    peaks = (
        replace(p, response=float(np.exp(r)), response_sd=float(np.exp(r) * s))
        for p, r, s in zip(method.peaks, log_response, log_sd, strict=True)
    )
    return replace(method, peaks=tuple(peaks))
