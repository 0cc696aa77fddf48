"""What ranks points as they were measured: goal, penalty, soft merit."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..problem.merit import Windows, reference, soft_merit
from ..written import LARGEST
from .table import EXACT, Points

Floats = NDArray[np.float64]
Tolerance = float | tuple[float | None, float | None] | None
Window = tuple[float | None, float | None, Tolerance]

PATIENCE = 50
"""Experiments without a feasible one after which the goal counts too (Walker et al. 2017)."""


def rank(
    points: Points, windows: Windows, scale: tuple[float, float] | None, rows: int
) -> tuple[Floats, Floats]:
    """Compute what ranks each point now, and its uncertainty; NaN for failures.

    Parameters
    ----------
    points : Points
    windows : Windows
    scale : (f0, delta), optional
        Once these are fixed.
    rows : int
        Experiments so far, repeats and failures included.
    """
    if not len(windows):
        return points.f, points.df
    merit, error = np.full((2, len(points.f)), np.nan)
    f, F, df, dF = (a[points.measured] for a in (points.f, points.F, points.df, points.dF))
    if (scale := current_scale(points, windows, scale, rows)) is not None:
        f0, delta = scale

        def score(f: Floats, F: Floats) -> Floats:
            return soft_merit(f, F, windows, f0, delta)
    else:

        def score(f: Floats, F: Floats) -> Floats:
            return windows.penalty(F)

    merit[points.measured] = score(f, F)
    # first-order propagation by central differences over one standard uncertainty each
    changes = [score(f + df, F) - score(f - df, F)]
    for shift in dF.T[:, :, None] * np.eye(len(windows))[:, None, :]:
        changes.append(score(f, F + shift) - score(f, F - shift))
    error[points.measured] = np.maximum(0.5 * np.linalg.norm(changes, axis=0), EXACT)
    return merit, error


def current_scale(
    points: Points, windows: Windows, scale: tuple[float, float] | None, rows: int
) -> tuple[float, float] | None:
    """Give f0 and delta of the merit now; None while the penalty alone ranks. See `rank`."""
    measured = points.measured
    f, F = points.f[measured], points.F[measured]
    if scale is None and (within(windows, F).any() or rows >= PATIENCE):
        return reference(f, F, windows)
    return scale


def within(windows: Windows, F: Floats) -> NDArray[np.bool_]:
    """Say of each row whether it is inside all windows; a failed one is not."""
    return np.asarray((windows.violation(F) == 0).all(axis=1))


def probability_feasible(windows: Windows, F: Floats, dF: Floats) -> Floats:
    """Probability that each row is truly inside all windows, by its own uncertainties alone."""
    with np.errstate(invalid="ignore", over="ignore"):
        below, above = (windows.lower - F) / dF, (windows.upper - F) / dF
    inside: Floats = np.nan_to_num((ndtr(above) - ndtr(below)).prod(axis=1), nan=0.0)
    return inside


def as_windows(windows: Sequence[Window] | None) -> Windows:
    """Read windows with None for open edges and for the tolerances that these do not need."""
    if windows is not None and not isinstance(windows, Iterable):
        windows = [windows]  # is none, and named by what follows
    return Windows.of([_closed(window) for window in (() if windows is None else windows)])


def _closed(window: Window) -> tuple[float, float, tuple[float, float]]:
    """Spell out open edges as infinite, and give the open side, which needs none, a tolerance."""
    try:
        lower, upper, tolerance = window
        low = -math.inf if lower is None else float(lower)
        high = math.inf if upper is None else float(upper)
        below, above = np.broadcast_to(np.asarray(tolerance, dtype=float), 2)  # NaN: None
    except (TypeError, ValueError):
        raise ValueError(
            f"window {window!r} is none; give a list of (lower, upper, tolerance), None for an "
            "open edge, and as tolerance one number or one below and one above"
        ) from None
    return low, high, (_side(below, low, window), _side(above, high, window))


def _side(tolerance: float, edge: float, window: Window) -> float:
    """Tolerance beside an edge."""
    if math.isinf(edge):
        return 1.0  # nothing is beyond it
    if math.isnan(tolerance):
        raise ValueError(f"window {window}: its edge {edge:g} needs a tolerance above 0")
    if tolerance > 0 and not 1 / LARGEST <= tolerance <= LARGEST:
        raise ValueError(
            f"window {window}: the tolerance of its edge {edge:g} must be above 0, from "
            f"{1 / LARGEST:g} to {LARGEST:g}, not {tolerance:g}"
        )
    return float(tolerance)
