"""What a repeat of a point is expected to give, by all experiments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ...problem.merit import Windows
from .gp import GaussianProcess

Floats = NDArray[np.float64]

MIDDLE = 0.158655, 0.5, 0.841345
"""Quantiles that are one standard deviation below the mean, the mean and one above of a normal
distribution; of another they are not moved by a few wild draws, as those of a ratio are."""

UNSURE = 1.25
"""How much larger the doubt is than the models say, which take their most likely scales and noise
for certain, at a point that was chosen for looking good. Measured: with it the truth is within one
and two sd as often as it should be (`python -m tests.benchmarks.coverage`)."""


def doubted(probability: float) -> float:
    """Say how likely it is to be on one side of an edge, by how likely the models hold it."""
    return float(ndtr(ndtri(probability) / UNSURE))


def certain(probability: float) -> float:
    """Say how likely the models have to hold it for it to be so likely: `doubted`, backwards."""
    return float(ndtr(ndtri(probability) * UNSURE))


@dataclass(frozen=True)
class Expected:
    """Goal, windowed properties and measured quantities of one point, in this order.

    Attributes
    ----------
    value : (1 + m + q,) array
        The noise-free values.
    sd : (1 + m + q,) array
        How much these are in doubt.
    repeat_sd : (1 + m + q,) array
        How far a single further experiment there may be from them: the doubt and its scatter.
    assumed : bool
        Whether that scatter is for the most part what is usual, since no results tell of it yet.
    inside : float
        Probability that the noise-free properties are inside all windows, with the doubt of `sd`;
        NaN where no model tells.
    """

    value: Floats
    sd: Floats
    repeat_sd: Floats
    assumed: bool = False
    inside: float = math.nan

    @classmethod
    def drawn(
        cls,
        drawn: Floats,
        models: Sequence[GaussianProcess],
        k: int,
        told: Callable[[Floats], Floats],
        windows: Windows,
        true: Callable[[Floats], Floats] | None = None,
    ) -> Self:
        """Sum up what models say of their k-th point.

        Parameters
        ----------
        drawn : (S, q) array
            Values there, in functions drawn from their posteriors.
        models : sequence of GaussianProcess
        k : int
        told : callable
            Of values of the models (S, q) those of goal, properties and quantities (S, n).
        windows : Windows
        true : callable, optional
            As `told`, but the true values where results differ from these on average.
        """
        rng = np.random.default_rng(0)
        noise = np.array([model.noise[k] for model in models])
        hidden = np.array([model.hidden for model in models])
        scatter = np.hypot(noise, hidden) * rng.standard_normal(drawn.shape)
        # a single result is off by as much as its repeats will be, unless others make up for it
        share = np.minimum(drawn.std(axis=0) / np.maximum(noise, 1e-300), 1.0)
        drawn = drawn + share * hidden * rng.standard_normal(drawn.shape)
        values = (true or told)(drawn)
        return replace(
            cls.of(values, told(drawn), told(drawn + scatter)),
            assumed=bool((hidden > noise).any()),
            inside=_inside(values[:, 1 : 1 + len(windows)], windows),
        )

    @classmethod
    def of(cls, true: Floats, draws: Floats, repeats: Floats) -> Self:
        """Sum up values drawn (S, n): true ones, means of results, and single further results.

        True values that are cut off are as much in doubt as the means that they come from.
        """
        parts = (
            np.nan_to_num(drawn, nan=1e300, posinf=1e300, neginf=-1e300)
            for drawn in (true, draws, repeats)
        )
        (low, middle, high), *others = (np.quantile(part, MIDDLE, axis=0) for part in parts)
        mean, repeated = ((above - below) / 2 for below, _, above in others)
        scatter = np.sqrt(np.maximum(repeated**2 - mean**2, 0.0))
        sd = UNSURE * np.maximum((high - low) / 2, mean)
        return cls(middle, sd, np.hypot(sd, scatter))

    @classmethod
    def measured(cls, values: Floats, errors: Floats) -> Self:
        """Take results (n,) for what they are where no model knows better."""
        return cls(values, errors, np.sqrt(2) * errors)


def _inside(F: Floats, windows: Windows) -> float:
    """Say how likely properties drawn (S, m) are inside, doubted; what is no number is outside."""
    known = F[np.isfinite(F).all(axis=1)]
    if not len(known):
        return 0.0
    middle = np.median(known, axis=0)
    outside = windows.violation(middle + UNSURE * (known - middle)) > 0
    return float((~outside.any(axis=1)).sum() / len(F))
