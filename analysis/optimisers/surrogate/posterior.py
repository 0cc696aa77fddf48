"""How likely hyper-parameters of a Gaussian process are, by its values."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyr
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from .prior import OFFSET, Prior, split

Floats = NDArray[np.float64]


class Posterior:
    """Negative log posterior of the hyper-parameters, and its gradient.

    Called dozens of times a fit, so it works with what is under the diagonal of its symmetric
    matrices, as one vector.

    Parameters
    ----------
    z : (N, d) array
    linear : (N, k) array
        The coordinates that have a trend.
    products : (N, k (k + 1) / 2) array
        Squares and mixed products of these.
    age : (N,) array
    y : (N,) array
        Values, of unit variance.
    known : (N,) array
        Their known variances.
    prior : Prior
    before : (N,) bool array, optional
        Which values may be off by a shift and a tilt.
    """

    def __init__(
        self,
        z: Floats,
        linear: Floats,
        products: Floats,
        age: Floats,
        y: Floats,
        known: Floats,
        prior: Prior,
        before: NDArray[np.bool_] | None = None,
    ) -> None:
        self._y, self._known, self._prior, self._dim = y, known, prior, z.shape[1]
        j, i = np.triu_indices(len(y), 1)
        self._below = j * len(y) + i  # column by column, as LAPACK has them
        self._gaps = ((z[i] - z[j]) ** 2).T
        parts = [linear @ linear.T, products @ products.T, np.outer(age, age)]
        if before is not None:
            mark = np.outer(before, before).astype(float)
            parts += [mark, mark * parts[0]]
        trends = np.stack(parts)
        self._trends, self._diagonals = trends[:, i, j], trends.diagonal(axis1=1, axis2=2)

    def __call__(self, hyper: Floats) -> tuple[float, Floats]:
        """Give its value and its gradient by the logarithms of the hyper-parameters."""
        a, length, b, c, drift, noise, told, *differs = split(hyper, self._dim)
        smooth = a * np.exp(-0.5 / length @ self._gaps)
        scatter = told * self._known + noise
        scale = np.array([b, c, drift, *differs])[: len(self._trends)]
        count = len(self._y)
        K = np.zeros(count * count)
        K[self._below] = OFFSET**2 + scale @ self._trends + smooth
        K[:: count + 1] = OFFSET**2 + scale @ self._diagonals + a + scatter
        factor = factorised(K.reshape(count, count).T)
        alpha, _ = dpotrs(factor[0], self._y, lower=True)
        inverse, _ = dpotri(factor[0], lower=True)
        both = dsyr(-1.0, alpha, a=inverse, lower=True, overwrite_a=True)
        flat = both.ravel(order="F")
        pull, own = 2 * flat[self._below], flat[:: count + 1]  # twice: above the diagonal, too
        weighted = pull * smooth
        trends = scale * (self._trends @ pull + self._diagonals @ own)
        slopes = np.concatenate(
            [
                [weighted.sum() + a * own.sum()],  # d/d ln a of a^2 is twice; times one half
                0.5 * (self._gaps @ weighted) / length,
                trends[:3],
                [noise * own.sum(), told * (self._known @ own)],
                trends[3:],
            ]
        )
        away = (hyper - self._prior.mean) / self._prior.sd
        loss = 0.5 * self._y @ alpha + np.log(factor[0].diagonal()).sum() + 0.5 * away @ away
        return float(loss), slopes + away / self._prior.sd


def factorised(K: Floats) -> tuple[Floats, bool]:
    """Factorise a covariance, with what rounding needs added to the diagonal."""
    jitter = 1e-13 * float(np.trace(K))
    while True:
        factor, failed = dpotrf(K, lower=True, clean=False)
        if not failed:
            return factor, True
        K[np.diag_indices_from(K)] += jitter
        jitter *= 10
