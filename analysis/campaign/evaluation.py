"""What became of the experiments: a conclusion each, and how they rank together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..problem import merit


@dataclass(frozen=True)
class Conclusion:
    """What the agent made of one experiment.

    Attributes
    ----------
    number : int
        The experiment's number in the campaign, from 1.
    conditions : dict of str to float
        The conditions it was told to the optimiser with.
    recorded : bool
        Whether a trace was recorded at all.
    valid : bool
        False for a failed experiment; then the numbers are NaN.
    reason : str
        Why it failed; empty otherwise.
    fractions, sd : dict of str to float
        Mole fractions and their standard deviations.
    f, f_sd : float
        The goal as minimised (the negative of a maximised one).
    F, F_sd : ndarray, shape (n_windows,)
        The property of each window.
    flags : tuple of str
        Quality flags of the chromatogram.
    why : str
        Why the point had been asked for.
    """

    number: int
    conditions: dict[str, float]
    recorded: bool
    valid: bool
    reason: str
    fractions: dict[str, float]
    sd: dict[str, float]
    f: float
    f_sd: float
    F: np.ndarray
    F_sd: np.ndarray
    flags: tuple[str, ...] = ()
    why: str = ""

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Rebuild one from what JSON made of it."""
        arrays = {name: np.array(plain[name], dtype=float) for name in ("F", "F_sd")}
        return cls(**{**plain, **arrays, "flags": tuple(plain["flags"])})


@dataclass(frozen=True)
class Standing:
    """How a campaign stands: every experiment's merit by today's ``f0`` and ``Delta``, as measured.

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


def stand(conclusions: Sequence[Conclusion], windows: merit.Windows) -> Standing:
    """Rank conclusions by the soft merit (Walker et al. 2017, eqn 1).

    Parameters
    ----------
    conclusions : sequence of Conclusion
        All experiments of a campaign, failed ones included.
    windows : merit.Windows
        The constraints.
    """
    n = len(conclusions)
    f = np.array([c.f for c in conclusions])
    F = np.array([c.F for c in conclusions]).reshape(n, len(windows))
    ok = np.array([c.valid for c in conclusions], dtype=bool)
    if not ok.any():
        nothing = np.full(n, math.nan)
        return Standing(np.full(n, 3.0), nothing, nothing, ["failed"] * n)
    f0, delta = merit.reference(f[ok], F[ok], windows)
    f_soft = merit.soft_merit(f, F, windows, f0, delta)
    p = np.where(ok, windows.penalty(F), math.nan)
    f_star = np.where(ok, merit.f_star(f, f0, delta), math.nan)
    classes = windows.feasibility(F)
    feasibility = [str(c) if good else "failed" for c, good in zip(classes, ok, strict=True)]
    return Standing(f_soft, p, f_star, feasibility)
