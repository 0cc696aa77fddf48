"""What ranks points: goal, penalty, soft merit; and which of them is handed over."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..merit import Windows, reference, soft_merit
from .table import EXACT, Points

Floats = NDArray[np.float64]
Tolerance = float | tuple[float | None, float | None] | None
Window = tuple[float | None, float | None, Tolerance]

PATIENCE = 50
"""Experiments without a feasible one after which the goal counts too (Walker et al. 2017)."""


@dataclass(frozen=True)
class Best:
    """The best point so far.

    Attributes
    ----------
    x : (d,) array
        Where, in the user's units.
    f : float
        Goal measured there, the mean of its repeats.
    F : (m,) array
        Windowed properties measured there.
    merit : float
        What ranks the points now: f itself without windows; else the penalty p while no point is
        feasible (for at most 50 experiments), then the soft merit.
    feasible : bool
        Whether it is inside all windows: as measured, or with the composite model if that is more
        likely than not.
    probability_feasible : float
        Probability that it truly is inside all windows, noise apart.
    """

    x: Floats
    f: float
    F: Floats
    merit: float
    feasible: bool
    probability_feasible: float


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
    return Windows.of([_closed(window) for window in windows or ()])


def _closed(window: Window) -> tuple[float, float, tuple[float, float]]:
    """Spell out open edges as infinite, and give the open side, which needs none, a tolerance."""
    lower, upper, tolerance = window
    low = -math.inf if lower is None else float(lower)
    high = math.inf if upper is None else float(upper)
    below, above = tolerance if isinstance(tolerance, Sequence) else (tolerance, tolerance)
    return low, high, (_side(below, low, window), _side(above, high, window))


def _side(tolerance: float | None, edge: float, window: Window) -> float:
    """Tolerance beside an edge."""
    if math.isinf(edge):
        return 1.0  # never used
    if tolerance is None:
        raise ValueError(f"window {window}: its edge {edge:g} needs a tolerance above 0")
    return float(tolerance)
