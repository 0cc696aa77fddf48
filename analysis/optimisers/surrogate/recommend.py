"""Which point is handed over: by what the models expect of it, not by the luckiest noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...problem.merit import Windows
from ..ranking import probability_feasible, within
from ..table import Points
from .composite import LIKELY, Surrogate
from .judge import TURNS, Judge, with_doubt
from .shaping import with_room

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Best:
    """The best point so far.

    Attributes
    ----------
    x : (d,) array
        Where, in the user's units.
    f : float
        Goal measured there, the mean of its repeats.
    F : (m,) array
        Windowed properties measured there.
    merit : float
        What ranks the points now: f itself without windows; else the penalty p while no point is
        feasible (for at most 50 experiments), then the soft merit.
    feasible : bool
        Whether it is inside all windows: as measured, or with the composite model if that is more
        likely than not. A window without room (an equality) counts as wider by half its tolerance.
    probability_feasible : float
        Probability that it truly is inside all windows, noise apart.
    """

    x: Floats
    f: float
    F: Floats
    merit: float
    feasible: bool
    probability_feasible: float


def choose(
    points: Points,
    merit: Floats,
    windows: Windows,
    scale: tuple[float, float] | None,
    judge: Judge | Surrogate | None,
    around: Callable[[int], Judge],
    feasible: bool,
) -> Best | None:
    """Choose the point that is handed over; None while there is none.

    Parameters
    ----------
    points : Points
    merit : (N,) array
        As measured.
    windows : Windows
    scale : (f0, delta), optional
        Of the merit.
    judge : Judge or Surrogate, optional
        What is known of some of the points; None: what was measured is all there is.
    around : callable
        Makes a judge of the neighbourhood of a point.
    feasible : bool
        Whether to choose by the goal among those inside, or by the merit.
    """
    windows = with_room(windows)
    goal, score = points.f.copy(), merit.copy()
    chance = probability_feasible(windows, points.F, points.dF)
    modelled = np.zeros(len(goal), dtype=bool)

    def learn(model: Judge | Surrogate) -> None:
        new = ~modelled[model.rows]
        rows, outcomes = model.rows[new], model.judged
        chance[rows], goal[rows] = outcomes.inside[new], with_doubt(model)[new]
        score[rows] = outcomes.merit(scale)[new] if len(windows) else goal[rows]
        modelled[rows] = True

    if judge is None:
        inside = points.measured & within(windows, points.F)
    else:
        learn(judge)
        if not (feasible and len(windows)):
            # a point whose neighbours nobody has judged may be the luckiest noise: judge them
            for _ in range(TURNS):
                lowest = int(np.where(points.measured, score, np.inf).argmin())
                if modelled[lowest] or judge.composed:
                    break
                learn(around(lowest))
            score[~modelled] = np.inf
        inside = points.measured & (chance >= LIKELY)
        if (inside & modelled).any():
            inside &= modelled
    allowed = inside if feasible else points.measured
    if not allowed.any():
        return None
    # without windows the merit is the goal
    value = goal if feasible and len(windows) else score
    i = int(np.where(allowed, value, np.inf).argmin())
    return Best(
        points.x[i].copy(),
        float(points.f[i]),
        points.F[i].copy(),
        float(merit[i]),
        bool(inside[i]),
        float(chance[i]),
    )
