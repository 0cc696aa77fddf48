"""What a search among drawn functions looks for: the lowest goal, or the trade-off of two."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .front import gained, unbeaten
from .outcomes import Outcomes, slabs

Floats = NDArray[np.float64]

GUIDES = 64
"""As many of the functions drawn lead the search for candidates."""


FAR = 10.0
"""How many times as far from the best as half of the points are, the worst known still counts."""

DECADES = 1.5
"""How much larger or smaller the weight of one goal is than that of the other, at most."""


class Sought(Protocol):
    """What further points are worth, function by function.

    Attributes
    ----------
    unit : float
        In which gains are told.
    name : str
        What is gained, in words.
    """

    unit: float
    name: str

    def values(self, outcomes: Outcomes) -> Floats:
        """Give what counts of points in each function, (M, S, ...)."""
        ...

    def lead(self, values: Floats) -> Floats:
        """Give what the guiding functions look for the lowest of, (M, GUIDES)."""
        ...

    def gain(self, values: Floats) -> Floats:
        """Give the mean gain of each point over the functions, in units, (M,)."""
        ...

    def take(self, values: Floats) -> None:
        """Count points as chosen: what they gain is no gain any more."""
        ...


class Lowest:
    """The lowest goal inside all windows.

    Every function s has its own best point known so far, of value r_s. What a further point is
    worth is the mean of the improvements ``max(r_s - v_s, 0)`` over the functions; once it is
    chosen (or pending) it lowers the r_s.

    Parameters
    ----------
    known : Outcomes
        Of the points measured.
    """

    name = "expected improvement"

    def __init__(self, known: Outcomes) -> None:
        goal = np.minimum(known.f.mean(axis=1), 1e300)
        self.top, self.unit = float(goal.max()), float(goal.std()) or 1.0
        self._incumbent: Floats = self.values(known).min(axis=0)

    def values(self, outcomes: Outcomes) -> Floats:
        """Give the goal inside, above all goals the violation."""
        outside = self.top + self.unit * outcomes.violation
        goal = np.minimum(outcomes.f, self.top)
        return np.where(outcomes.violation == 0, goal, outside)

    def lead(self, values: Floats) -> Floats:
        """Give the values themselves."""
        return values[:, :GUIDES]

    def gain(self, values: Floats) -> Floats:
        """Give the mean improvement, in units of the spread of the goal."""
        gain = np.empty(len(values))
        for rows in slabs(*values.shape):
            gain[rows] = np.maximum(self._incumbent - values[rows], 0.0).mean(axis=1)
        return gain / self.unit

    def take(self, values: Floats) -> None:
        """Lower what is to be improved on."""
        self._incumbent = np.minimum(self._incumbent, values.reshape(-1, values.shape[-1]).min(0))


class TradeOff:
    """The hypervolume of two goals inside all windows.

    Every function has its own front of points known so far. What a further point is worth is the
    mean of the areas that it adds over the functions, up to the worst that is known of both goals,
    inside the windows or not (but for what lies far beyond all others, as ratios do); where no
    known point is inside, how much less it is outside counts, too. So this is the expected
    hypervolume improvement of noisy results (Daulton, Balandat & Bakshy, NeurIPS 2021), by draws.

    Parameters
    ----------
    known : Outcomes
        Of the points measured.
    rng : Generator
        Draws the weights by which the guiding functions trade the goals off.
    """

    name = "expected hypervolume gain"

    def __init__(self, known: Outcomes, rng: np.random.Generator) -> None:
        middle = known.middle
        self._best, usual = middle.min(axis=0), np.median(middle, axis=0)
        worst = np.minimum(middle.max(axis=0), usual + FAR * (usual - self._best))
        span = worst - self._best
        self._span = np.where(span > 0, span, 1.0)
        self.unit = float(self._span.prod())
        values = self.values(known)
        self._fronts = [_front(values[:, s]) for s in range(values.shape[1])]
        self._least: Floats = values[..., 2].min(axis=0)
        # of any size: the front may be a small part of the range of either goal
        self._weights = 10.0 ** rng.uniform(-DECADES, DECADES, GUIDES)

    def values(self, outcomes: Outcomes) -> Floats:
        """Give both goals, from 0 at the best to 1 at the worst known, and the violation."""
        assert outcomes.g is not None
        both = np.stack([outcomes.f, outcomes.g], axis=-1)
        return np.dstack([(both - self._best) / self._span, outcomes.violation])

    def lead(self, values: Floats) -> Floats:
        """Give the larger of both goals by each function's weights; above all, the violation."""
        told = values[:, :GUIDES]
        # from below the best known, so that nothing is below 0
        f, g = np.moveaxis(np.clip(told[..., :2], -1.0, 1e3) + 1.0, -1, 0)
        g = self._weights * g
        lead = np.maximum(f, g) + 0.05 * (f + g)
        return np.where(told[..., 2] == 0, lead, 1e6 + told[..., 2])

    def gain(self, values: Floats) -> Floats:
        """Give the mean area added, in units of that between the best and the worst known."""
        total = np.maximum(self._least - values[..., 2], 0.0).sum(axis=1)
        for s, front in enumerate(self._fronts):
            inside = np.flatnonzero(values[:, s, 2] == 0)
            total[inside] += gained(values[inside, s, :2], front, _REFERENCE)
        return np.asarray(total / len(self._fronts))

    def take(self, values: Floats) -> None:
        """Add points to the front of each function."""
        values = values.reshape(-1, len(self._fronts), 3)
        for s, front in enumerate(self._fronts):
            self._fronts[s] = _front(values[:, s], front)
        self._least = np.minimum(self._least, values[..., 2].min(axis=0))


_REFERENCE = np.ones(2)


def _front(values: Floats, before: Floats | None = None) -> Floats:
    """Give the front of those inside (M, 3), together with one before."""
    goals = values[values[:, 2] == 0, :2]
    if before is not None:
        goals = np.vstack([before, goals])
    return np.asarray(goals[unbeaten(goals)])
