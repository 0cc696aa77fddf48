"""Gaussian process: a quadratic trend plus a smooth rest, with hyper-parameters from the data.

Kernel, in coordinates z from -1 to 1 and values of unit variance::

    k = 25 + b^2 z.z' + c^2 sum_{i<=j} w_ij z_i z_j z'_i z'_j + a^2 exp(-|z - z'|_l^2 / 2)

The first three terms are Bayesian regression by a full quadratic; a, the size of what is left, is
small where the function is a quadratic. So one model is both the response surface and the Gaussian
process, and the marginal likelihood chooses between them (Rasmussen & Williams, Gaussian Processes
for Machine Learning, 2006, sections 2.7 and 5.4).

On the diagonal stand the known variance of each value, times a factor of 1 at most (more may be
told than there is), and further noise. What has changed since a value was measured, in proportion
to its age, is one more term, ``e^2 age age'``: nothing for what is predicted, which is of today.
Between values of an earlier campaign stands ``s^2 + t^2 z.z'`` besides: all of them may be off by a
constant and a trend, that is by a shift and, where the values themselves have a trend, a scale.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dtrtri
from scipy.optimize import minimize

from .outcomes import slabs
from .posterior import Posterior, factorised
from .prior import DRIFT, NOISE, OFFSET, Prior, Sizes, split

Floats = NDArray[np.float64]

AGES = 50.0
"""Experiments in which a drift is counted."""

TYPICAL = 0.05
"""Scatter of a repeat that is reckoned with while the values do not tell of it, in units of their
own standard deviation."""

TOLD = 20
"""Values more than a trend has coefficients from which on they tell how repeats scatter."""

EQUAL = 1e-12
"""Range of values, in units of the largest, up to which all are one."""

UNSEEN = 1e-5
"""Estimated noise, in units of the values' own, below which there is none."""

ENOUGH = 1e-5
"""Relative change of the log posterior at which its maximum counts as found.

What is left, a hundredth or so, no data can tell apart, and to find it takes twice as many steps.
"""

FEATURES = 256
"""Random Fourier features that stand for the smooth part of a sample (Rahimi & Recht 2007)."""


class GaussianProcess:
    """Posterior of one quantity.

    Parameters
    ----------
    z : (N, d) array
        Points, about -1 to 1.
    y, error : (N,) array
        Values and their known standard uncertainties; noise beyond these is estimated.
    age : (N,) array, optional
        How many experiments ago each was measured.
    noise : float
        How much of it is expected, in units of the values' standard deviation; see `NOISE`.
    trend : (k,) int array, optional
        The coordinates in which there is a quadratic trend; by default all.
    before : (N,) bool array, optional
        Which values are an earlier campaign's, and may be off by a shift and a tilt.

    Attributes
    ----------
    evidence : float
        Logarithm of how likely the values are, but for a constant.
    """

    def __init__(
        self,
        z: Floats,
        y: Floats,
        error: Floats,
        noise: float = NOISE,
        age: Floats | None = None,
        trend: NDArray[np.intp] | None = None,
        before: NDArray[np.bool_] | None = None,
    ) -> None:
        self._z, self._trend = z, trend
        self._before = before if before is not None and before.any() else None
        self._age = np.zeros(len(z)) if age is None else age / AGES
        self._shift = float(y.mean())
        # of equal values rounding leaves a spread that is none
        self._spread = float(y.std()) if np.ptp(y) > EQUAL * np.abs(y).max() else 0.0
        self._unit = self._spread or abs(self._shift) or 1.0
        self._y = (y - self._shift) / self._unit
        self._known = (error / self._unit) ** 2 + 1e-12
        i, j = np.triu_indices(z.shape[1] if trend is None else len(trend))
        self._pairs = i, j
        self._weight = np.where(i == j, 1.0, 2.0) ** 0.5
        self._own = self._trends(z)
        prior = Prior.of(z.shape[1], noise)
        self._hyper = self._maximise(prior if self._before is None else prior.with_difference())
        self._condition()

    # -- learning ---------------------------------------------------------------

    def _maximise(self, prior: Prior) -> Floats:
        """Find the hyper-parameters of highest posterior density."""
        result = minimize(
            Posterior(
                self._z,
                *self._own,
                self._age,
                self._y,
                self._known,
                prior,
                self._before,
            ),
            prior.start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(prior.low, prior.high, strict=True)),
            options={"maxiter": 60, "ftol": ENOUGH},
        )
        self.evidence = -float(result.fun) - len(self._y) * float(np.log(self._unit))
        return np.asarray(result.x)

    def _condition(self) -> None:
        """Prepare what predictions and samples need."""
        sizes = self._sizes
        # nothing drifts unless the values say so, rather than the prior
        self._drift = sizes.drift if self._age.any() and sizes.drift > (2 * DRIFT) ** 2 else 0.0
        self._noise = sizes.noise
        self._scatter: Floats = sizes.told * self._known + sizes.noise
        K = self._kernel(self._z, self._z) + self._drift * np.outer(self._age, self._age)
        if self._before is not None:
            linear, mark = self._own[0], np.outer(self._before, self._before)
            K += mark * (sizes.shift + sizes.tilt * linear @ linear.T)
        K[np.diag_indices_from(K)] += self._scatter
        self._factor = factorised(K)
        self._alpha = cho_solve(self._factor, self._y, check_finite=False)

    @property
    def _sizes(self) -> Sizes:
        return split(self._hyper, self._z.shape[1])

    # -- knowing ------------------------------------------------------------------

    @property
    def noise(self) -> Floats:
        """Standard deviation of a repeat of each value: its known uncertainty, estimated noise."""
        return np.asarray(self._unit * np.sqrt(self._scatter))

    @property
    def free(self) -> int:
        """Values that tell how repeats scatter.

        Repeats do, and values beyond those that a trend goes through whatever they are.
        """
        trend: int = 1 + len(self._weight) + self._z.shape[1]
        return len(self._y) - min(len(np.unique(self._z, axis=0)), trend)

    @property
    def typical(self) -> float:
        """Standard deviation of repeats that is usual for values like these."""
        return TYPICAL * self._unit

    @property
    def hidden(self) -> float:
        """Standard deviation that repeats may have besides, since the values do not tell of it."""
        count = len(self._y)
        # of few values the spread is as often found too small as too large with 1.5 in place of 1
        least = TYPICAL**2 * count / max(count - 1.5, 0.5) * max(1 - self.free / TOLD, 0.0)
        usual = self._spread if count > 1 else self._unit
        return float(usual * np.sqrt(max(least - self._scatter.max(), 0.0)))

    @property
    def noisy(self) -> bool:
        """Whether anything tells of noise."""
        return bool(self._scatter.max() > UNSEEN**2)

    def repeat_sd(self, error: Floats) -> Floats:
        """Give the standard deviation of further values of these known uncertainties."""
        sizes = self._sizes
        return np.asarray(np.sqrt(sizes.told * error**2 + sizes.noise * self._unit**2))

    def left_out(self) -> tuple[Floats, Floats, Floats]:
        """Give what all others tell of each value, the SD of that, and how many SD it is off, (N,).

        Rasmussen & Williams, section 5.4.2.
        """
        half, _ = dtrtri(self._factor[0], lower=True)
        precision = (np.tril(half) ** 2).sum(axis=0)
        told = self._y - self._alpha / precision
        sd = 1 / np.sqrt(precision)
        return self._shift + self._unit * told, self._unit * sd, self._alpha * sd

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Give mean and standard deviation of the quantity itself, both (M,), at z (M, d)."""
        K = self._kernel(z, self._z)
        mean = K @ self._alpha
        half = solve_triangular(self._factor[0], K.T, lower=True, check_finite=False)
        a, _, b, c, *_ = self._sizes
        linear, products = self._trends(z)
        own = OFFSET**2 + b * (linear**2).sum(1) + c * (products**2).sum(1) + a
        sd = np.sqrt(np.maximum(own - (half**2).sum(axis=0), 1e-14))
        return self._shift + self._unit * mean, self._unit * sd

    def joint(self, z: Floats) -> tuple[Floats, Floats]:
        """Give mean (M,) and covariance (M, M) of the quantity itself at z (M, d)."""
        K = self._kernel(z, self._z)
        half = solve_triangular(self._factor[0], K.T, lower=True, check_finite=False)
        covariance = self._unit**2 * (self._kernel(z, z) - half.T @ half)
        return self._shift + self._unit * K @ self._alpha, covariance

    def sample(self, count: int, rng: np.random.Generator) -> Callable[[Floats], Floats]:
        """Draw functions from the posterior, to be evaluated anywhere: z (M, d) to (M, count).

        Pathwise: functions drawn from the prior plus what the data make of them (Wilson et al.,
        JMLR 2021, 22, 105).
        """
        basis, at_data = self._features(rng)
        weights = rng.standard_normal((at_data.shape[1], count))
        update = self._update(at_data @ weights, self._jitter(count, rng))
        loads = np.vstack([weights, update])
        loads *= self._unit
        kernel, trends = self._kernel_to(self._z), len(weights)
        room = np.empty((0, len(loads)))

        def functions(z: Floats) -> Floats:
            nonlocal room  # is used again: to have so much of the system takes long
            if len(room) < len(z):
                room = np.empty((len(z), len(loads)))
            terms = room[: len(z)]
            basis(z, terms[:, :trends])
            kernel(z, terms[:, trends:])
            values: Floats = terms @ loads
            values += self._shift
            return values

        return functions

    def sample_here(self, count: int, rng: np.random.Generator) -> Floats:
        """Draw the values at its own points, (N, count).

        Where neither noise is seen nor an uncertainty known these are the given ones, more exact
        than rounding leaves a sample.
        """
        if self._noise > UNSEEN**2 or self._drift:
            return self._sample_at(np.arange(len(self._y)), count, rng)
        scatter = np.sqrt(self._known)[:, None] * rng.standard_normal((len(self._y), count))
        drawn = np.asarray(self._shift + self._unit * (self._y[:, None] + scatter))
        if (doubtful := self._known > UNSEEN**2).any():
            drawn[doubtful] = self._sample_at(np.flatnonzero(doubtful), count, rng)
        return drawn

    def _sample_at(self, rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> Floats:
        """Evaluate functions drawn at some of its own points, (K, count)."""
        _, at_data = self._features(rng)
        prior = np.zeros((len(at_data), count))
        for some in slabs(at_data.shape[1], count):
            part = at_data[:, some]
            prior += part @ rng.standard_normal((part.shape[1], count))
        jitter, drawn = self._jitter(count, rng), np.empty((len(rows), count))
        K = self._kernel(self._z[rows], self._z)
        for some in slabs(count, len(self._y)):
            update = self._update(prior[:, some], jitter[:, some])
            drawn[:, some] = self._shift + self._unit * (prior[rows, some] + K @ update)
        return drawn

    def _features(
        self, rng: np.random.Generator
    ) -> tuple[Callable[[Floats, Floats], None], Floats]:
        """Draw features whose random sums have the kernel as covariance.

        Returns
        -------
        basis : callable
            Writes those of points (M, d) to (M, features).
        at_data : (N, features) array
            Those of its own points.
        """
        dim = self._z.shape[1]
        a, length, b, c, *_ = self._sizes
        # in turns, so that single precision, twenty times as fast, is good enough for the cosine
        frequency = rng.standard_normal((dim, FEATURES)) / np.sqrt(length)[:, None] / (2 * np.pi)
        phase = rng.random(FEATURES)
        size = np.sqrt(2 * a / FEATURES)

        def basis(z: Floats, into: Floats) -> None:
            linear, products = self._trends(z)
            split = 1 + linear.shape[1]
            into[:, 0] = OFFSET
            np.multiply(np.sqrt(b), linear, out=into[:, 1:split])
            np.multiply(np.sqrt(c), products, out=into[:, split:-FEATURES])
            turns = z @ frequency
            turns += phase
            turns -= np.rint(turns)
            turns *= 2 * np.pi
            np.multiply(size, np.cos(turns.astype(np.float32)), out=into[:, -FEATURES:])

        at_data = np.empty((len(self._y), 1 + sum(p.shape[1] for p in self._own) + FEATURES))
        basis(self._z, at_data)
        return basis, at_data

    def _jitter(self, count: int, rng: np.random.Generator) -> Floats:
        """Draw the noise of the values, (N, count), and what else sets them apart from the rest."""
        jitter = rng.standard_normal((len(self._y), count))
        jitter *= np.sqrt(self._scatter)[:, None]
        if self._drift:
            jitter += np.outer(np.sqrt(self._drift) * self._age, rng.standard_normal(count))
        if self._before is not None:
            sizes, linear = self._sizes, self._own[0]
            off = np.sqrt(sizes.shift) * rng.standard_normal(count)
            off = off + np.sqrt(sizes.tilt) * linear @ rng.standard_normal((linear.shape[1], count))
            jitter += self._before[:, None] * off
        return jitter

    def _update(self, prior: Floats, jitter: Floats) -> Floats:
        """Give the weights (N, S) of the kernels that bring functions to the data."""
        missing = self._y[:, None] - prior
        missing -= jitter
        return np.asarray(cho_solve(self._factor, missing, check_finite=False))

    # -- inside -------------------------------------------------------------------

    def _trends(self, z: Floats) -> tuple[Floats, Floats]:
        """Coordinates that have a trend, and their squares and mixed products."""
        linear = z if self._trend is None else z[:, self._trend]
        i, j = self._pairs
        products: Floats = linear[:, i] * linear[:, j] * self._weight
        return linear, products

    def _kernel(self, z: Floats, other: Floats) -> Floats:
        """Prior covariance of the values at two sets of points."""
        K = np.empty((len(z), len(other)))
        self._kernel_to(other)(z, K)
        return K

    def _kernel_to(self, other: Floats) -> Callable[[Floats, Floats], None]:
        """Prepare the prior covariance of any points (M, d) with these, to be written to (M, K)."""
        a, length, b, c, *_ = self._sizes
        v = other / np.sqrt(length)
        far, there, others = (v**2).sum(1)[None, :], *self._trends(other)

        def kernel(z: Floats, into: Floats) -> None:
            u = z / np.sqrt(length)
            here, products = self._trends(z)
            gap = (u**2).sum(1)[:, None] + far
            gap -= 2 * u @ v.T
            np.maximum(gap, 0.0, out=gap)
            gap *= -0.5
            np.exp(gap, out=gap)
            gap *= a
            np.matmul(b * here, there.T, out=into)
            into += OFFSET**2
            into += gap
            np.matmul(c * products, others.T, out=gap)
            into += gap

        return kernel
