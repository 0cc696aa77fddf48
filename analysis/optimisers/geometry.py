"""Neighbours, collisions and quadratic fits in the unit box: what every surrogate starts from."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def neighbours(x: Floats, count: int, resolution: Floats) -> Ints:
    """Find the safeguarded nearest neighbours of every point.

    The first d are the nearest ones that differ by at least the resolution in coordinate 1, 2, ...,
    d, so that a gradient can be seen in every direction; the rest are simply the nearest.

    Parameters
    ----------
    x : (N, d) array
        Points.
    count : int
        Neighbours wanted, less than N.
    resolution : (d,) array
        Smallest difference that counts.

    Returns
    -------
    (N, count) int array
    """
    total, dim = x.shape
    # look at all points while they are few: a row of samples has its only cross-neighbour far away
    pool = min(total - 1, max(count + dim, 20_000 // total))
    near = np.asarray(cKDTree(x).query(x, k=pool + 1)[1], dtype=np.intp)[:, 1:]
    differs = np.abs(x[near] - x[:, None, :]) >= resolution
    picked = np.zeros(near.shape, dtype=bool)
    rows = np.arange(total)
    for i in range(min(dim, count)):
        fits = differs[:, :, i] & ~picked
        picked[rows, fits.argmax(axis=1)] |= fits.any(axis=1)
    # picked ones first, then by distance: `near` is sorted already and the sort is stable
    order = np.argsort(~picked, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(near, order, axis=1)


def nearest(x: Floats, *centres: int) -> Ints:
    """Order points (N, d) by their distance from the nearest of some, these first: (N,)."""
    distance = np.min([((x - x[centre]) ** 2).sum(axis=1) for centre in centres], axis=0)
    distance[list(centres)] = -1.0
    return np.argsort(distance, kind="stable")


def farthest(x: Floats, gap: Floats, count: int) -> Ints:
    """Choose points one after the other, each the farthest from all before: (<= count,) indices.

    Parameters
    ----------
    x : (N, d) array
    gap : (N,) array
        How far each is from what was there before; infinite where nothing was.
    count : int
    """
    chosen = np.zeros(0, dtype=np.intp)
    while len(chosen) < min(count, len(x)):
        gap[chosen] = -1.0
        chosen = np.r_[chosen, int(gap.argmax())]
        gap = np.minimum(gap, np.linalg.norm(x - x[chosen[-1]], axis=1))
    return chosen


def quadratic_size(dim: int) -> int:
    """Give the number of points that the paper fits a quadratic to, its centre included."""
    return dim * (dim + 3) + 1


def hit(places: Floats, y: Floats, gap: Floats) -> bool:
    """Say whether y is within ``gap`` of a place in every coordinate."""
    return bool((np.abs(places - y) < gap).all(axis=1).any())


class QuadraticBasis:
    """Weighted least-squares basis of full quadratics around the first of some points.

    The basis depends on positions only: each call of `fit` reuses it for another quantity measured
    at the same points.

    Parameters
    ----------
    x : (K, d) array
        The point to fit around, then others near it.
    """

    def __init__(self, x: Floats) -> None:
        total, dim = x.shape
        steps = x - x[0]
        # distance in the metric of the cloud itself, so that the fit does not depend on scaling
        u, s, _ = np.linalg.svd(steps, full_matrices=False)
        radius = np.sqrt((u[:, s > 1e-12 * s[0]] ** 2).sum(axis=1))
        self._cube: Floats = np.maximum(radius, 1e-3 * radius.max()) ** 3
        i, j = np.triu_indices(dim)
        self._pairs = i, j
        products = steps[:, i] * steps[:, j] * np.where(i == j, 0.5, 1.0)
        self._design = np.hstack([np.ones((total, 1)), steps, products])

    def fit(self, f: Floats, df: Floats, explained: bool = False) -> tuple[float, Floats, Floats]:
        """Fit ``f_k = c + g s_k + s_k G s_k / 2`` with errors ``sqrt(df_k^2 + (e r_k^3)^2)``.

        r is the distance from the centre in the metric of the cloud; e, the size of the third-order
        terms, is such that the residuals are what these errors lead to expect (reduced chi-square
        1). Where df is negligible this is the fit of the paper; under noise it does not overrate
        near points.

        Parameters
        ----------
        f, df : (K,) array
            Values and their uncertainties.
        explained : bool
            Whether what is not quadratic is all noise: then e is 0.

        Returns
        -------
        constant : float
            Value at the centre that the fit expects, less the one that was measured.
        gradient : (d,) array
        hessian : (d, d) array
        """
        rise = f - f[0]
        free = len(rise) - self._design.shape[1]
        coefficients = self._solve(rise, df if explained else self._cube)
        for _ in range(3 if free > 0 and not explained else 0):
            residual = rise - self._design @ coefficients
            e = _third_order(residual, df, self._cube, free)
            coefficients = self._solve(rise, np.hypot(df, e * self._cube))
        i, j = self._pairs
        dim = int(i[-1]) + 1
        hessian = np.zeros((dim, dim))
        hessian[i, j] = hessian[j, i] = coefficients[1 + dim :]
        return float(coefficients[0]), coefficients[1 : 1 + dim], hessian

    def explains(self, f: Floats, df: Floats) -> bool:
        """Say whether a quadratic and the known noise explain values (K,).

        Chi-square is then at most two of its standard deviations above what it should be. Fewer
        points than coefficients explain nothing.
        """
        rise = f - f[0]
        free = len(rise) - self._design.shape[1]
        if free <= 0:
            return False
        residual = rise - self._design @ self._solve(rise, df)
        return bool((residual**2 / df**2).sum() <= free + 2 * np.sqrt(2 * free))

    def _solve(self, rise: Floats, error: Floats) -> Floats:
        """Weighted least squares, columns scaled; of least norm where the points do not suffice."""
        design = self._design / error[:, None]
        scale = np.linalg.norm(design, axis=0)
        scale[scale == 0.0] = 1.0
        solution = np.linalg.lstsq(design / scale, rise / error, rcond=1e-11)[0] / scale
        return np.asarray(solution)


def _third_order(residual: Floats, noise: Floats, cube: Floats, free: int) -> float:
    """Solve ``sum(residual^2 / (noise^2 + (e cube)^2)) = free`` for e; 0 if noise explains all."""
    if (residual**2 / noise**2).sum() <= free:
        return 0.0
    high = 1.01 * float(np.sqrt((residual**2 / cube**2).sum() / free))  # too large by rounding
    trial = high * np.logspace(-12, 0, 121)
    expected = noise[:, None] ** 2 + (trial * cube[:, None]) ** 2
    return float(trial[((residual**2)[:, None] / expected).sum(axis=0) <= free][0])
