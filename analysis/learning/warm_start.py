"""Where a new campaign should begin when there is an old one of the same variables.

The reactor may have changed since, and the best *measured* point was lucky in part. So the old
measurements are smoothed, and the new campaign begins with points along the smoothed trade-off
between goal and safety: if the reaction has become slower or faster, one of them is right.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.stats import qmc

from ..campaign.evaluation import Evaluation
from ..campaign.standing import stand
from ..problem.merit import Windows, f_star, reference, soft_merit
from ..problem.space import Space
from ..problem.tables import Setting

Floats = NDArray[np.float64]

SMOOTHING = 1e-4, 1e-3, 1e-2, 1e-1
"""Smoothing of the thin-plate splines to choose among by cross-validation."""

STEP = 0.5
"""Margin between one start and the next, in units of the scatter that the splines leave."""

DRIFT = 0.03
"""Least scatter to reckon with, in tolerances: a reaction drifts by more than its noise."""

APART = 0.05
"""Share of the box that keeps measured starts apart."""


def promising(
    evaluations: Sequence[Evaluation], space: Space, windows: Windows, n: int
) -> list[dict[str, Setting]]:
    """Choose the conditions that a new campaign should measure first.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        The old campaign.
    space : Space
    windows : Windows
    n : int
        How many at most.

    Returns
    -------
    list of dict
        First the lowest modelled goal within the windows, then those with more and less and more
        margin to the windows in turn. Where there are no windows, too few measurements to model, or
        choices, of which there is nothing in between, measured points take their place: the
        feasible by their goal, then the others by their merit, each a twentieth of the box away
        from those before it.
    """
    done = [e for e in evaluations if e.valid]
    modelled = len(windows) > 0 and not space.choices
    points = _modelled(done, space, windows, n) if modelled else []
    return (points + _measured(done, space, windows))[:n]


def _modelled(
    done: Sequence[Evaluation], space: Space, windows: Windows, n: int
) -> list[dict[str, Setting]]:
    """Give the lowest modelled goal for each of several margins to the windows."""
    span = space.upper - space.lower
    x = np.array([(space.to_box(e.conditions) - space.lower) / span for e in done])
    if len(done) < 4 * (space.dim + 1) or np.linalg.matrix_rank(x - x.mean(axis=0)) < space.dim:
        return []
    f, F = np.array([e.f for e in done]), np.array([e.F for e in done])
    f0, delta = reference(f, F, windows)
    room = np.minimum((F - windows.lower) / windows.below, (windows.upper - F) / windows.above)
    room /= 1 + np.abs(room)  # far from the edge it need not be known well
    goal, _ = _smooth(x, f_star(f, f0, delta))
    margins, misses = zip(*(_smooth(x, column) for column in room.T), strict=True)
    tight = np.abs(room).argmin(axis=1)
    rows = np.arange(len(x))
    near = np.argsort(np.abs(room[rows, tight]))[: len(x) // 2]
    scatter = max(1.4826 * np.median(np.abs(np.array(misses).T[near, tight[near]])), DRIFT)
    places = _candidates(x, soft_merit(f, F, windows, f0, delta))
    margin = np.min([spline(places) for spline in margins], axis=0)
    modelled = goal(places)
    points: list[dict[str, Setting]] = []
    for k in range(2 * n):
        inside = margin >= STEP * scatter * ((k + 1) // 2) * (1 if k % 2 else -1)
        if inside.any():
            i = int(np.where(inside, modelled, np.inf).argmin())
            (conditions,) = space.to_conditions((space.lower + span * places[i])[None, :])
            if conditions not in points:
                points.append(conditions)
    return points


def _smooth(x: Floats, y: Floats) -> tuple[RBFInterpolator, Floats]:
    """Fit a thin-plate spline (with its residuals when left out), smoothed by cross-validation."""
    fold = np.arange(len(x)) % 7

    def left_out(smoothing: float) -> Floats:
        residual = np.empty(len(x))
        for k in range(7):
            kept = fold != k
            residual[~kept] = RBFInterpolator(x[kept], y[kept], smoothing=smoothing)(x[~kept])
        return residual - y

    residuals = {s: left_out(s) for s in SMOOTHING}
    best = min(residuals, key=lambda s: float(np.median(np.abs(residuals[s]))))
    return RBFInterpolator(x, y, smoothing=best), residuals[best]


def _candidates(x: Floats, merit: Floats) -> Floats:
    """Spread places over the unit box, and more of them around the best measured points."""
    rng = np.random.default_rng(0)
    top = x[np.argsort(merit)[:20]]
    around = [top + s * rng.standard_normal((50, *top.shape)) for s in (0.02, 0.1)]
    spread = qmc.Sobol(x.shape[1], seed=0).random(4096)
    return np.vstack([spread, np.clip(np.reshape(around, (-1, x.shape[1])), 0.0, 1.0)])


def _measured(
    done: Sequence[Evaluation], space: Space, windows: Windows
) -> list[dict[str, Setting]]:
    """Order the measured points, without those near a better one."""
    standing = stand(done, windows)
    feasible = np.array([c == "feasible" for c in standing.feasibility], dtype=bool)
    goal = np.where(feasible, [e.f for e in done], 0.0)
    scale = space.upper - space.lower
    chosen: list[Floats] = []
    points: list[dict[str, Setting]] = []
    for i in np.lexsort((standing.f_soft, goal, ~feasible)):
        x = space.to_box(done[i].conditions) / scale
        if all(np.max(np.abs(x - other)) >= APART for other in chosen):
            chosen.append(x)
            points.append(done[i].conditions)
    return points
