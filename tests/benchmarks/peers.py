"""Other optimisers on the made-up reaction of `hard`, with the face that it asks of ours.

``gp`` is `bayesian.Bayesian`, which models goal and properties; it needs the extra ``benchmark``.
``botorch`` does as ours does: a Gaussian process of the logarithm of each quantity measured, goal
and windows composed of their samples, BoTorch's qLogNoisyExpectedImprovement with its defaults; it
needs the extra ``benchmark-botorch``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from reactune.analysis.optimisers.snobfit import Measured, Snobfit

Floats = NDArray[np.float64]

LEAST = 1e-4
"""What a fraction counts as that was measured at or below 0."""

SAMPLES = 256
"""Of the posterior, by which the point handed over is chosen."""


@dataclass(frozen=True)
class Choice:
    """The point handed over."""

    x: Floats


class CompositeBotorch:
    """Noisy expected improvement of the cost, composed of the fractions measured, by BoTorch."""

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        windows: Sequence[tuple[float | None, float | None, float]],
        *,
        seed: int,
        measured: Measured | None,
        scales: Sequence[str] | None = None,
    ) -> None:
        import torch

        torch.manual_seed(seed)
        self.lower, self.span = np.array(lower), np.subtract(upper, lower)
        self.most = [w[1] for w in windows]  # of A and S, the first and the third fraction
        self._sobol = qmc.Sobol(len(lower), seed=seed)
        self.places, self.fractions = np.zeros((0, len(lower))), np.zeros((0, 3))
        self._model: Any = None

    def tell(self, x: Floats, **told: Any) -> None:
        """Take in results; what failed is left out."""
        works = np.isfinite(told["f"])
        self.places = np.vstack([self.places, (x[works] - self.lower) / self.span])
        self.fractions = np.vstack([self.fractions, np.maximum(told["y"][works], LEAST)])
        self._model = None

    def ask(self, n: int) -> Floats:
        """Choose n points: at first by Sobol, as many as ours begins with."""
        if len(self.places) < len(self.lower) + 3:
            return self.lower + self._sobol.random(n) * self.span
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.optim import optimize_acqf

        box = torch.tensor([[0.0] * len(self.lower), [1.0] * len(self.lower)], dtype=torch.double)
        gain = qLogNoisyExpectedImprovement(
            model=self.model(),
            X_baseline=torch.tensor(self.places),
            objective=GenericMCObjective(lambda y, X: -self.cost(y, X)),
            constraints=[
                lambda y, k=k, most=most: y[..., k].exp() / most - 1
                for k, most in zip((0, 2), self.most, strict=True)
            ],
            prune_baseline=True,
        )
        found, _ = optimize_acqf(gain, box, q=n, num_restarts=8, raw_samples=256)
        return self.lower + found.numpy() * self.span

    def cost(self, y: Any, X: Any) -> Any:
        """Compose the cost of the product, as `hard.costs` does, of tensors."""
        import torch

        x = torch.tensor(self.lower) + X * torch.tensor(self.span)
        return (x[..., 1] + 4 * x[..., 2]) / y[..., 1].exp().clamp_min(0.05)

    def model(self) -> Any:
        """Fit the processes, once for each state of the table."""
        if self._model is None:
            import torch
            from botorch import fit_gpytorch_mll
            from botorch.models import ModelListGP, SingleTaskGP
            from gpytorch.mlls import SumMarginalLogLikelihood

            x, y = torch.tensor(self.places), torch.tensor(np.log(self.fractions))
            self._model = ModelListGP(*(SingleTaskGP(x, y[:, [k]]) for k in range(y.shape[1])))
            fit_gpytorch_mll(SumMarginalLogLikelihood(self._model.likelihood, self._model))
        return self._model

    def best(self, feasible: bool = False) -> Choice | None:
        """Give the lowest expected cost among the points that are likely inside, if any is."""
        import torch

        if len(self.places) < len(self.lower) + 2:
            return None
        x = torch.tensor(self.places)
        # not without gradients: the model would keep what it worked out so, and `ask` needs them
        y = self.model().posterior(x).rsample(torch.Size([SAMPLES])).detach()
        cost = self.cost(y, x).mean(0).numpy()
        inside = (y[..., [0, 2]].exp() <= torch.tensor(self.most)).all(-1).double().mean(0)
        likely = inside.numpy() >= 0.5
        if not likely.any():
            return None
        return Choice(self.lower + self.places[np.where(likely, cost, np.inf).argmin()] * self.span)


def _gp(*args: Any, measured: Measured | None, scales: Any, **options: Any) -> Any:
    """Make one that models goal and properties, on the ranges as they are."""
    from .bayesian import Bayesian

    return Bayesian(*args, **options)


ENGINES: dict[str, Callable[..., Any]] = {
    "snobfit": Snobfit,
    "gp": _gp,
    "botorch": CompositeBotorch,
}
