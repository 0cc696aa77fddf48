"""Functions to minimise, and the loop that asks an optimiser and tells it their values."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.optimisers.snobfit import Snobfit

Floats = NDArray[np.float64]
Function = Callable[[Floats], float]


def bowl(x: Floats) -> float:
    return float(((x - 0.3) ** 2).sum())


def values(function: Function, x: Floats) -> Floats:
    return np.array([function(row) for row in x])


def run(optimiser: Snobfit, function: Function, batches: int, n: int) -> Floats:
    asked = []
    for _ in range(batches):
        x = optimiser.ask(n)
        optimiser.tell(x, values(function, x))
        asked.append(x)
    return np.vstack(asked)


def undated(x: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Places and ages of points that are all distinct and all of today."""
    return np.arange(len(x)), np.zeros(len(x))
