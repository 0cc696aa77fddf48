"""What each window costs: how much better the goal could be were it a little wider.

In each function drawn from the posterior the best reachable point is sought anew with one edge
moved by a small step. How the answers differ from function to function is what the experiments do
not tell.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..one_thread import on_one_thread
from ..optimisers.surrogate.composite import Surrogate
from ..problem.merit import Windows
from .drawn import SHARP, Drawn, edges_of, interval

Floats = NDArray[np.float64]

FUNCTIONS = 24
"""Functions drawn."""

STEP = 0.1
"""How far an edge is moved, in tolerances of its window."""


@dataclass(frozen=True)
class Price:
    """What one edge of a window costs.

    Attributes
    ----------
    window : int
        Which, from 0.
    edge : float
    side : {"lower", "upper"}
    gain : float
        How much better the goal gets per unit that the edge is loosened by: the median over the
        functions, from 0. NaN if the windows can be met in none.
    low, high : float
        Its 90 % interval (`drawn.interval`).
    binding : float
        Share of the functions in which the edge holds the best reachable point back.
    """

    window: int
    edge: float
    side: str
    gain: float
    low: float
    high: float
    binding: float


@on_one_thread
def prices(surrogate: Surrogate, windows: Windows) -> list[Price]:
    """Give the price of every edge of every window.

    Parameters
    ----------
    surrogate : Surrogate
        What is known of goal and properties.
    windows : Windows
        Its windows, as the problem states them.
    """
    rng = np.random.default_rng(0)
    paid = np.array([_paid(surrogate, rng) for _ in range(FUNCTIONS)])
    found = []
    for column, (k, side) in zip(paid.T, edges_of(windows), strict=True):
        known = column[np.isfinite(column)]
        low, middle, high = interval(known)
        edge = float(getattr(windows, side)[k])
        binding = float((known > 0).mean()) if known.size else math.nan
        found.append(Price(k, edge, side, middle, max(low, 0.0), high, binding))
    return found


def _paid(surrogate: Surrogate, rng: np.random.Generator) -> list[float]:
    """Give what each edge costs in one function drawn; NaN where its windows cannot be met."""
    edges = list(edges_of(surrogate.windows))
    function = Drawn(surrogate, edges, rng)
    held = np.zeros(len(edges))
    best = function.best(function.start(held), held)
    if best is None:
        return [math.nan] * len(edges)
    room = function.room(best[0])
    gains = []
    for i, slack in enumerate(room.tolist()):
        moved = None
        if slack < SHARP:
            moved = function.best(best[0], held + STEP * (np.arange(len(edges)) == i))
        gain = best[1] - moved[1] if moved is not None else 0.0
        gains.append(max(gain, 0.0) / (STEP * function.tolerances[i]))
    return gains
