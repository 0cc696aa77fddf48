"""Responses of the peaks from samples of known composition."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

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
    names = list(method.quantities)
    a = np.array([[row[k] for k in names] for row in areas], dtype=float)
    x = np.array([[row[k] for k in names] for row in fractions], dtype=float)
    if len(names) < 2:
        raise ValueError(
            f"calibrate: the fraction of {', '.join(names)} alone is always 1; add a peak"
        )
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
    log_response = np.log([p.response for p in method.peaks if p.name in names])

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
    found = {
        name: {"response": float(np.exp(r)), "response_sd": float(np.exp(r) * s)}
        for name, r, s in zip(names, log_response, log_sd, strict=True)
    }
    return _with(method, found)


def fit_curves(
    method: Method,
    areas: Sequence[Mapping[str, float]],
    amounts: Sequence[Mapping[str, float]],
    *,
    quadratic: bool = False,
    intercept: bool = False,
) -> Method:
    """Find the calibration curve of each peak: ordinary least squares on its areas.

    With an internal standard the areas are those relative to its own, times its amount.

    Parameters
    ----------
    method : Method
        One with `amounts`.
    areas : sequence of n mappings
        Peak areas by species, the standard's as well.
    amounts : sequence of n mappings
        The known amounts of the same samples; a species that is left out, or NaN, is not known.
    quadratic, intercept : bool
        Whether the curve bends, and whether it need not go through 0.

    Returns
    -------
    Method
        With `response`, its sd and the curve of every peak but the standard's replaced.

    Raises
    ------
    ValueError
        A species has fewer different amounts than its curve needs, or its area does not grow with
        its amount all over their range.
    """
    found = {}
    for name in method.quantities:
        x = np.array([row.get(name, np.nan) for row in amounts], float)
        y = np.array([row[name] for row in areas], float)
        if method.standard:
            y *= method.standard_amount / np.array([row[method.standard] for row in areas], float)
        known = np.isfinite(x) & np.isfinite(y)
        found[name] = _curve(name, x[known], y[known], quadratic, intercept)
    return _with(method, found)


def _curve(name: str, x: Floats, y: Floats, quadratic: bool, intercept: bool) -> dict[str, float]:
    """Fit one curve; see `fit_curves`."""
    powers = [*([0] if intercept else []), 1, *([2] if quadratic else [])]
    different = len(np.unique(x[x > 0])) + (intercept and bool((x == 0).any()))
    if different < len(powers) or len(x) <= len(powers):
        raise ValueError(
            f"calibrate: {name} has {len(x)} standards of {different} different amounts; such a "
            f"curve needs {len(powers) + 1} of {len(powers)}"
        )
    columns = x[:, None] ** np.array(powers)
    size = np.abs(columns).max(axis=0)
    best = np.linalg.lstsq(columns / size, y)[0]
    rest = y - columns / size @ best
    cov = np.linalg.inv((columns / size).T @ (columns / size)) * (rest @ rest)
    cov /= len(x) - len(powers)
    c = dict.fromkeys((0, 1, 2), 0.0) | dict(zip(powers, (best / size).tolist(), strict=True))
    ends = np.array([x.min() if intercept else 0.0, x.max()])
    if not (c[1] > 0 and (c[1] + 2 * c[2] * ends > 0).all()):
        raise ValueError(
            f"calibrate: the area of {name} does not grow with its amount all over the standards; "
            "look at these, or take a straight line"
        )
    fit = {"response": c[1], "intercept": c[0], "curvature": c[2]}
    if powers == [1]:
        return fit | {"response_sd": float(np.sqrt(cov[0, 0]) / size[0]), "curve_sd": 0.0}
    variance = np.einsum("ij,jk,ik->i", columns / size, cov, columns / size)
    return fit | {"response_sd": 0.0, "curve_sd": float(np.sqrt(variance.mean()))}


def _with(method: Method, found: Mapping[str, Mapping[str, Any]]) -> Method:
    """Return the method with other responses."""
    return replace(method, peaks=tuple(replace(p, **found.get(p.name, {})) for p in method.peaks))
