"""Where experiments fail: the probability that one works, from those that did and did not.

A Gaussian process whose sign decides, with the logistic likelihood and Laplace's approximation
(Rasmussen & Williams, sections 3.4 and 3.5). The trend finds an edge from a few failures; the rest
bends it; and failures by chance, with successes all around them, forbid nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

Floats = NDArray[np.float64]

OFFSET, SLOPE, BEND = 2.0, 2.0, 1.5
"""Prior standard deviations of the logit: of the constant, of a slope across half the box, and of
what is neither."""

LENGTH = 0.5
"""Over which distance the rest changes, in halves of the box, for each root of the variables."""

STEPS = 20
"""Newton's steps at most."""


class Works:
    """Probability that an experiment works.

    Parameters
    ----------
    x : (N, d) array
        Where experiments were made, in the unit box.
    failed : (N,) bool array
    """

    def __init__(self, x: Floats, failed: NDArray[np.bool_]) -> None:
        self._x = x
        label = np.where(failed, -1.0, 1.0)
        K, latent = self._kernel(x), np.zeros(len(x))
        for _ in range(STEPS):
            share = expit(latent)
            self._root = np.sqrt(share * (1 - share))
            B = np.eye(len(x)) + self._root[:, None] * K * self._root
            self._factor = cho_factor(B, lower=True)
            b = self._root**2 * latent + (label + 1) / 2 - share
            self._pull = b - self._root * cho_solve(self._factor, self._root * (K @ b))
            before, latent = latent, K @ self._pull
            if np.abs(latent - before).max() < 1e-6:
                break

    def __call__(self, y: Floats) -> Floats:
        """Give the probability at each of some places (M, d) of the unit box, (M,)."""
        K = self._kernel(y)
        own = OFFSET**2 + SLOPE**2 * ((2 * y - 1) ** 2).sum(axis=1) + BEND**2
        weighted = (K * self._root).T
        variance = own - (weighted * cho_solve(self._factor, weighted)).sum(axis=0)
        return np.asarray(expit(K @ self._pull / np.sqrt(1 + np.pi / 8 * np.maximum(variance, 0))))

    def _kernel(self, y: Floats) -> Floats:
        """Covariance of the logits at places (M, d) with those known, (M, N)."""
        u, v = 2 * y - 1, 2 * self._x - 1
        gap = ((u[:, None, :] - v[None, :, :]) ** 2).sum(axis=2) / (LENGTH**2 * u.shape[1])
        return np.asarray(OFFSET**2 + SLOPE**2 * (u @ v.T) + BEND**2 * np.exp(-gap / 2))
