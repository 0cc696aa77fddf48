"""How tight each window can be, and the windows to ask for next where those asked have no point.

In each function drawn from the posterior an edge is pulled in as far as any reachable point allows,
while the other windows hold as stated, or a little wider. What the functions agree on is known; how
they differ is what the experiments cannot tell.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..one_thread import on_one_thread
from ..optimisers.surrogate.composite import Surrogate
from ..optimisers.surrogate.judging import LIKELY
from ..problem.merit import Windows
from .drawn import SHARP, Drawn, edges_of, interval
from .price import FUNCTIONS

Floats = NDArray[np.float64]

LEVELS = 0.0, 0.5, 1.0
"""How much wider the other windows are, in their tolerances."""

ROUNDED = 0.02
"""Share of an edge by which one that is proposed is rounded at most."""


@dataclass(frozen=True)
class Limit:
    """The tightest edge of a window that any reachable point is inside of.

    Attributes
    ----------
    window : int
        Which, from 0.
    side : {"lower", "upper"}
    level : float
        How much wider the other windows are than stated, in their tolerances.
    value, low, high : float
        The edge: median over the functions and its 90 % interval (`drawn.interval`); NaN if the
        other windows alone cannot be met in any.
    met : float
        Share of the functions in which the edge as stated can be met.
    """

    window: int
    side: str
    level: float
    value: float
    low: float
    high: float
    met: float


def _functions(surrogate: Surrogate) -> list[Drawn]:
    rng = np.random.default_rng(0)
    edges = list(edges_of(surrogate.windows))
    return [Drawn(surrogate, edges, rng) for _ in range(FUNCTIONS)]


@on_one_thread
def limits(surrogate: Surrogate, levels: Sequence[float] = LEVELS) -> list[Limit]:
    """Give the tightest reachable edges, the other windows as stated and a little wider."""
    functions, edges = _functions(surrogate), list(edges_of(surrogate.windows))
    return [
        _limit(surrogate.windows, functions, i, np.full(len(edges), level), level)
        for i in range(len(edges))
        for level in levels
    ]


def _limit(
    windows: Windows, functions: Sequence[Drawn], aim: int, loose: Floats, level: float = 0.0
) -> Limit:
    """Pull one edge in, in every function; it does not count itself."""
    k, side = list(edges_of(windows))[aim]
    loose = np.where(np.arange(len(loose)) == aim, np.inf, loose)
    room = []
    for function in functions:
        found = function.best(function.start(loose, aim), loose, aim)
        room.append(math.nan if found is None else found[1])
    known = np.array(room)[np.isfinite(room)]
    sign = 1.0 if side == "lower" else -1.0
    edge, tolerance = float(getattr(windows, side)[k]), functions[0].tolerances[aim]
    values = edge + sign * known * tolerance
    low, middle, high = interval(values)
    met = float((np.array(room) >= -SHARP).mean())
    return Limit(k, side, level, middle, low, high, met)


@on_one_thread
def proposed(surrogate: Surrogate, first: Sequence[int] = ()) -> list[Limit]:
    """Give the edges to loosen, and where to, so that all windows can be met together.

    Windows are kept in turn: one that likely cannot be met together with those before it is
    loosened until it can, to the end of the interval that is sure to be reached.

    Parameters
    ----------
    surrogate : Surrogate
    first : sequence of int
        Windows to keep before all others; these follow as the problem states them.
    """
    functions, edges = _functions(surrogate), list(edges_of(surrogate.windows))
    loose, moved = np.full(len(edges), np.inf), list[Limit]()
    windows = [*first, *(k for k in range(len(surrogate.windows)) if k not in first)]
    for window in windows:
        mine = [i for i, (k, _) in enumerate(edges) if k == window]
        found = {i: _limit(surrogate.windows, functions, i, loose) for i in mine}
        for i, limit in found.items():
            loose[i] = 0.0
            if limit.met < LIKELY and math.isfinite(limit.value):
                edge = _outwards(limit)
                stated = float(getattr(surrogate.windows, limit.side)[window])
                loose[i] = abs(edge - stated) / functions[0].tolerances[i]
                moved.append(replace(limit, value=edge))
    return moved


def _outwards(limit: Limit) -> float:
    """Round the cautious end of a limit away from what cannot be reached, by 2 % at most."""
    cautious = limit.low if limit.side == "lower" else limit.high
    if not cautious:
        return 0.0
    finest = ROUNDED * abs(cautious)
    digits = -math.floor(math.log10(finest))
    step = next((n for n in (5, 2) if n <= finest * 10**digits), 1)
    rounded = math.floor if limit.side == "lower" else math.ceil
    return float(rounded(cautious * 10**digits / step) * step / 10**digits)
