"""The soft-constraint merit: one number that ranks points by goal and windows together.

Walker et al., React. Chem. Eng. 2017, 2, 785, eqn (1), after W. Huyer and A. Neumaier, ACM Trans.
Math. Softw. 2008, 35, 9, section 6.  With the violation of each window in units of its tolerance::

    f_soft = f_star + p
    f_star = (f - f0) / (delta + |f - f0|)      in (-1, 1)
    p      = 2 d / (1 + d)                      in [0, 2)
    d      = sum_i (violation_i / tolerance_i)^2

What the soft optimality theorem promises.  Let x0 be the best feasible point, whose goal is f0; its
merit is 0.  A point with merit <= 0 has p < 1, hence d < 1, hence *every* violation below its
tolerance.  So an infeasible point (a violation above the tolerance) has merit > 0 and ranks after
x0.  That holds in floating point too.  It does not say that an infeasible point ranks after every
feasible one: a feasible point with a poor goal may have a merit up to 1, and an infeasible one can
pass it.  And when no point is feasible, f0 is a substitute and nothing is promised but the bounds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .edges import beyond

FloatArray = NDArray[np.float64]

_LARGEST = np.finfo(np.float64).max

PENALTY_ALONE = 0.0, float("inf")
"""The ``f0`` and ``delta`` by which goals do not count."""

FAILED = 3.0
"""The merit of a failed or non-finite measurement: above every measured one."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The soft windows on the m constrained properties.

    Attributes
    ----------
    lower, upper : ndarray, shape (m,)
        Edges; -inf or inf where a window is open.
    below, above : ndarray, shape (m,)
        How far below `lower` and above `upper` a value is still acceptable; above 0.
    """

    lower: FloatArray
    upper: FloatArray
    below: FloatArray
    above: FloatArray

    @classmethod
    def of(
        cls, windows: Iterable[tuple[float, float, float | tuple[float, float]]] | None
    ) -> "Windows":
        """Make them of ``(lower, upper, tolerance)`` triples.

        Parameters
        ----------
        windows : iterable of (float, float, float or (float, float)), or None
            A tolerance is one number, or one below and one above the window.  None: no window.

        Raises
        ------
        ValueError
            If a window is empty or open on both sides, or a tolerance is not above 0.  A tolerance
            of 0 would give every violation the same penalty: no slope for a search to follow.
        """
        rows = []
        for number, (lower, upper, tolerance) in enumerate(windows or (), start=1):
            below, above = np.broadcast_to(np.asarray(tolerance, dtype=float), 2)
            if not lower <= upper or (np.isinf(lower) and np.isinf(upper)):
                raise ValueError(
                    f"window {number}: [{lower}, {upper}] is not a window; its lower edge must be "
                    "below the upper one, and one of them finite"
                )
            if not (0 < below < np.inf and 0 < above < np.inf):
                raise ValueError(
                    f"window {number}: the tolerance must be above 0 and finite, not {tolerance}; "
                    f"for an edge that is nearly hard give a small one such as 0.01"
                )
            rows.append((lower, upper, below, above))
        return cls(*np.array(rows, dtype=float).reshape(-1, 4).T)

    def __len__(self) -> int:
        return len(self.lower)

    def opened(self, count: int) -> "Windows":
        """Return them with so many more that everything finite is inside of: further goals."""
        if not count:
            return self
        edges = (self.lower, -np.inf), (self.upper, np.inf), (self.below, 1.0), (self.above, 1.0)
        return Windows(*(np.append(side, [open_] * count) for side, open_ in edges))

    def violation(self, F: ArrayLike | None) -> FloatArray:
        """Distance outside each window in units of its tolerance; 0 inside, and on its edges.

        Parameters
        ----------
        F : array_like, shape (..., m)
            The properties.  May be None when there is no window.

        Returns
        -------
        ndarray, shape (..., m)
            nan where F is not finite.

        Raises
        ------
        ValueError
            If F has not as many properties as there are windows.
        """
        values = np.zeros(0) if F is None else np.asarray(F, dtype=float)
        if values.shape[-1:] != (len(self),):
            raise ValueError(f"F must have shape (..., {len(self)}), not {values.shape}")
        worst: FloatArray = np.zeros_like(values)
        edges = zip(self.lower, self.upper, self.below, self.above, strict=True)
        with np.errstate(over="ignore", invalid="ignore"):
            for i, (lower, upper, below, above) in enumerate(edges):
                value, most = values[..., i], worst[..., i]
                if lower > -np.inf:
                    np.maximum(most, beyond(lower - value, lower, below) / below, out=most)
                if upper < np.inf:
                    np.maximum(most, beyond(value - upper, upper, above) / above, out=most)
        worst[~np.isfinite(values)] = np.nan
        return worst

    def penalty(self, F: ArrayLike | None) -> FloatArray:
        """Return the penalty p in [0, 2): 0 inside all windows, above 1 when infeasible.

        Parameters
        ----------
        F : array_like, shape (..., m)

        Returns
        -------
        ndarray, shape (...)
            nan where a property is not finite.
        """
        with np.errstate(over="ignore", under="ignore"):
            d = np.sum(self.violation(F) ** 2, axis=-1)
        return 2.0 * _squash(d)

    def feasibility(self, F: ArrayLike | None) -> NDArray[np.str_]:
        """Say of each point "feasible", "semi-feasible" or "infeasible".

        Feasible is inside all windows, semi-feasible inside all windows widened by their
        tolerances; everything else, a non-finite property too, is infeasible.

        Parameters
        ----------
        F : array_like, shape (..., m)

        Returns
        -------
        ndarray of str, shape (...)
        """
        violation = self.violation(F)
        return np.where(
            np.all(violation == 0, axis=-1),
            "feasible",
            np.where(np.all(violation <= 1, axis=-1), "semi-feasible", "infeasible"),
        )


def reference(f: ArrayLike, F: ArrayLike | None, windows: Windows) -> tuple[float, float]:
    """Return f0 and delta, the zero and the scale of the merit, from the points measured so far.

    f0 is the goal of the best feasible point, or ``2 max f - min f`` while none is feasible; delta
    is the median of ``|f - f0|`` (all after Walker et al. 2017).  Where the median vanishes, as it
    does for a single point, the mean takes its place, then ``|f0|``, then 1, so that delta is
    always above 0 and the merit defined.

    Parameters
    ----------
    f : array_like, shape (n,)
        Goals, to be minimised; nan for a failed point.
    F : array_like, shape (n, m), or None
        Constrained properties.
    windows : Windows

    Returns
    -------
    f0, delta : float
        (0, 1) while nothing has been measured: then every point has the merit `FAILED` anyway.
    """
    goal, values = _paired(f, F, windows)
    violation = windows.violation(values)
    measured = np.isfinite(goal) & ~np.isnan(violation).any(axis=-1)
    if not measured.any():
        return 0.0, 1.0
    goal, violation = goal[measured], violation[measured]
    feasible = np.all(violation == 0, axis=-1)
    with np.errstate(over="ignore"):
        f0 = goal[feasible].min() if feasible.any() else 2 * goal.max() - goal.min()
        f0 = np.clip(f0, -_LARGEST, _LARGEST)
        distance = np.abs(goal - f0)
        scales = (np.median(distance), distance.mean(), abs(f0), 1.0)
    return float(f0), next(float(scale) for scale in scales if 0 < scale < np.inf)


def f_star(f: ArrayLike, f0: float, delta: float) -> FloatArray:
    """Return the goal relative to f0, squeezed into (-1, 1); nan where f is not finite.

    Parameters
    ----------
    f : array_like, shape (...)
        Goals, to be minimised.
    f0, delta : float
        From `reference`; delta must be above 0. If it is infinite, goals do not count.
    """
    if not (np.isfinite(f0) and delta > 0):
        raise ValueError(f"f0 must be finite and delta above 0, not f0 = {f0}, delta = {delta}")
    goal = np.asarray(f, dtype=float)
    goal = np.where(np.isfinite(goal), goal, np.nan)
    with np.errstate(over="ignore", under="ignore"):
        return _squash((goal - f0) / delta)


def soft_merit(
    f: ArrayLike, F: ArrayLike | None, windows: Windows, f0: float, delta: float
) -> FloatArray:
    """Return the merit ``f_soft = f_star + p`` of each point, in (-1, 3); lower is better.

    Parameters
    ----------
    f : array_like, shape (n,)
        Goals, to be minimised; nan for a failed point.
    F : array_like, shape (n, m), or None
        Constrained properties.
    windows : Windows
    f0, delta : float
        From `reference`.

    Returns
    -------
    ndarray, shape (n,)
        3 where the goal or a property is not finite.
    """
    goal, values = _paired(f, F, windows)
    merit = f_star(goal, f0, delta) + windows.penalty(values)
    return np.where(np.isnan(merit), FAILED, merit)


def _paired(f: ArrayLike, F: ArrayLike | None, windows: Windows) -> tuple[FloatArray, FloatArray]:
    """Goals (n,) and properties (n, m) as arrays, checked against each other."""
    goal = np.atleast_1d(np.asarray(f, dtype=float))
    shape = (len(goal), len(windows))
    values = np.zeros((len(goal), 0)) if F is None else np.asarray(F, dtype=float)
    if values.shape != shape:
        raise ValueError(f"F must have shape {shape}, one row for each goal, not {values.shape}")
    return goal, values


def _squash(ratio: ArrayLike) -> FloatArray:
    """Map r to r / (1 + |r|) strictly inside (-1, 1), infinite r included."""
    r = np.asarray(ratio, dtype=float)
    size = np.abs(r)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        share = np.where(size <= 1, size / (1 + size), 1 / (1 + 1 / size))
    # rounding must not reach the bound: p < 2 is what keeps a measured point ahead of a failed one
    inside: FloatArray = np.copysign(np.minimum(share, np.nextafter(1.0, 0.0)), r)
    return inside
