"""How the experiments of a campaign rank together, as measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..problem import merit
from .evaluation import Evaluation


@dataclass(frozen=True)
class Standing:
    """How a campaign stands: every experiment's merit by one ``f0`` and ``Delta``, as measured.

    Attributes
    ----------
    f_soft, p, f_star : ndarray, shape (n,)
        Merit and its parts (`reactune.analysis.problem.merit`).
    feasibility : list of str
        ``feasible``, ``semi-feasible``, ``infeasible`` or ``failed``.
    """

    f_soft: np.ndarray
    p: np.ndarray
    f_star: np.ndarray
    feasibility: list[str]


def stand(
    evaluations: Sequence[Evaluation],
    windows: merit.Windows,
    scale: tuple[float, float] | None = None,
) -> Standing:
    """Rank experiments by the soft merit (Walker et al. 2017, eqn 1).

    Parameters
    ----------
    evaluations : sequence of Evaluation
        All experiments of a campaign, failed ones included.
    windows : merit.Windows
        The constraints.
    scale : (f0, Delta), optional
        By default those that follow from all experiments.
    """
    n = len(evaluations)
    f = np.array([e.f for e in evaluations])
    F = np.array([e.F for e in evaluations]).reshape(n, len(windows))
    ok = np.array([e.valid for e in evaluations], dtype=bool)
    if not ok.any():
        nothing = np.full(n, math.nan)
        return Standing(np.full(n, 3.0), nothing, nothing, ["failed"] * n)
    f0, delta = scale or merit.reference(f[ok], F[ok], windows)
    f_soft = merit.soft_merit(f, F, windows, f0, delta)
    p = np.where(ok, windows.penalty(F), math.nan)
    f_star = np.where(ok, merit.f_star(f, f0, delta), math.nan)
    classes = windows.feasibility(F)
    feasibility = [str(c) if good else "failed" for c, good in zip(classes, ok, strict=True)]
    return Standing(f_soft, p, f_star, feasibility)
