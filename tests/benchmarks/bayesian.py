"""Batch Bayesian optimisation with constrained expected improvement, on scikit-learn's GPs.

One Gaussian process (Matern 5/2, a length scale a variable, a noise term) each of the goal and of
every window's property; expected improvement times the probability of being inside all windows
(Gardner et al., ICML 2014); a batch by kriging believer (Ginsbourger et al. 2010): a point chosen
is taken to give what the model expects of it. Needs the extra ``benchmark``.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm, qmc
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from .baselines import Baseline

Floats = NDArray[np.float64]

NEWEST = 250
"""Most points that a process is fitted to: the best half of them and the newest."""


class Bayesian(Baseline):
    """Gaussian processes and constrained expected improvement."""

    name = "batch GP"

    def next(self, n: int) -> list[Floats]:
        """Maximise the acquisition, n times over."""
        dim = self.lower.size
        rows = [(y, row) for y, row in self.told if np.isfinite(row).all()]
        if len(rows) < dim + 2:
            return []  # Sobol points
        x = np.array([y for y, _ in rows])
        f, F = (part := np.array([row for _, row in rows]))[:, 0], part[:, 1:]
        low, high = self._edges()
        columns = [_tame(f, np.median(f), _spread(f))]
        sides: list[tuple[float, float]] = []
        for k in range(len(low)):
            centre = low[k] if np.isfinite(low[k]) else high[k]
            unit = self.windows.below[k] if np.isfinite(low[k]) else self.windows.above[k]
            columns.append(_tame(F[:, k], centre, unit))
            sides.append((_tame(low[k], centre, unit), _tame(high[k], centre, unit)))
        keep = self._kept(f, F)
        x, values = x[keep], np.array(columns).T[keep]
        models = [_fit(x, column) for column in values.T]
        rng = np.random.default_rng([self.seed, len(self.told), len(self.asked)])
        pending = [y for y in self.asked if y not in {z for z, _ in self.told}]
        for y in pending:
            x, values = self._believe(models, x, values, np.array(y))
        places: list[Floats] = []
        for _ in range(n):
            y = self._best(models, x, values, sides, rng)
            places.append(y)
            x, values = self._believe(models, x, values, y)
        return places

    def _edges(self) -> tuple[Floats, Floats]:
        """Windows to be inside of; one of no width is as wide as its tolerance."""
        w = self.windows
        thin = w.upper - w.lower < 0.1 * np.minimum(w.below, w.above)
        return np.where(thin, w.lower - w.below / 2, w.lower), np.where(
            thin, w.upper + w.above / 2, w.upper
        )

    def _kept(self, f: Floats, F: Floats) -> NDArray[np.intp]:
        if len(f) <= NEWEST:
            return np.arange(len(f))
        worst = self.windows.violation(F).max(axis=1, initial=0.0)
        good = np.lexsort((f, worst))[: NEWEST // 2]
        rest = np.setdiff1d(np.arange(len(f)), good)
        return np.sort(np.r_[good, rest[-(NEWEST - len(good)) :]])

    def _believe(
        self, models: list[GaussianProcessRegressor], x: Floats, values: Floats, y: Floats
    ) -> tuple[Floats, Floats]:
        """Take it that y gives what the models expect."""
        expected = np.array([model.predict(y[None, :])[0] for model in models])
        x, values = np.vstack([x, y]), np.vstack([values, expected])
        for model, column in zip(models, values.T, strict=True):
            optimizer, model.optimizer = model.optimizer, None  # the kernel stays
            kernel, model.kernel = model.kernel, model.kernel_
            model.fit(x, column)
            model.optimizer, model.kernel = optimizer, kernel
        return x, values

    def _best(
        self,
        models: list[GaussianProcessRegressor],
        x: Floats,
        values: Floats,
        sides: list[tuple[float, float]],
        rng: np.random.Generator,
    ) -> Floats:
        """Give the place of the highest acquisition: many candidates, the best three polished."""
        inside = np.all(
            [(values[:, k + 1] >= a) & (values[:, k + 1] <= b) for k, (a, b) in enumerate(sides)],
            axis=0,
        )
        inside = np.broadcast_to(inside, len(x))
        target = values[inside, 0].min() if inside.any() else None

        def score(places: Floats) -> Floats:
            """Log of the acquisition (n,)."""
            total = np.zeros(len(places))
            for model, (a, b) in zip(models[1:], sides, strict=True):
                mean, sd = model.predict(places, return_std=True)
                sd = np.maximum(sd, 1e-9)
                probability = norm.cdf((b - mean) / sd) - norm.cdf((a - mean) / sd)
                total += np.log(np.maximum(probability, 1e-300))
            if target is not None:
                mean, sd = models[0].predict(places, return_std=True)
                sd = np.maximum(sd, 1e-9)
                z = (target - mean) / sd
                gain = sd * (z * norm.cdf(z) + norm.pdf(z))
                total += np.log(np.maximum(gain, 1e-300))
            return total

        dim = x.shape[1]
        spread = qmc.Sobol(dim, seed=rng).random(512)
        leaders = x[np.argsort(np.where(inside, values[:, 0], np.inf))[:4]]
        near = [leaders + s * rng.standard_normal((32, *leaders.shape)) for s in (0.01, 0.1)]
        places = np.vstack([spread, np.clip(np.reshape(near, (-1, dim)), 0, 1)])
        scores = score(places)
        best, top = places[scores.argmax()], float(scores.max())
        for start in places[np.argsort(-scores)[:2]]:
            found = minimize(
                lambda y: -float(score(y[None, :])[0]),
                start,
                method="L-BFGS-B",
                bounds=[(0, 1)] * dim,
                options={"maxiter": 20},
            )
            if -found.fun > top:
                best, top = np.clip(found.x, 0, 1), -float(found.fun)
        return best


def _tame(value: Floats | float, centre: float, unit: float) -> Floats:
    """Keep the order and the neighbourhood of the centre, flatten what is far from it."""
    return np.arcsinh((value - centre) / unit)


def _spread(f: Floats) -> float:
    low, high = np.quantile(f, [0.25, 0.75])
    return float(high - low) or 1.0


def _fit(x: Floats, y: Floats) -> GaussianProcessRegressor:
    dim = x.shape[1]
    kernel = ConstantKernel(1.0, (1e-3, 1e3)) * Matern(
        np.full(dim, 0.5), (1e-2, 1e2), nu=2.5
    ) + WhiteKernel(1e-4, (1e-10, 1.0))
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length scale at its bound is an answer, too
        return model.fit(x, y)
