"""Verdicts: when going on is not worth an experiment, and the evidence for saying so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .composite import Surrogate
from .front import unbeaten
from .judging import LIKELY
from .outcomes import Outcomes
from .search import DRAWS, Search
from .sought import GUIDES

AGREE = 0.05
"""The drawn functions agree when their least violations are within so many tolerances of each
other, or within this share of the violation where that is above 1. (Penalties saturate: far outside
they are all near 2, whatever the functions say.)"""

SHARE = 0.05
"""Improvement, in units of the noise that the models find, that is not worth an experiment."""


@dataclass(frozen=True)
class Verdict:
    """Why to stop.

    Attributes
    ----------
    kind : {"unsatisfiable", "converged"}
    text : str
        One sentence with the evidence; what follows it, of the unsatisfiable, is which windows
        are violated.
    evidence : dict of str to float or list
        What it rests on: "least_penalty", "least_penalty_90" (its 5 and 95 % quantiles) and
        "violated_windows" (from 0), or "expected_improvement" and "noise"; and the number of
        "functions" drawn.
    """

    kind: Literal["unsatisfiable", "converged"]
    text: str
    evidence: dict[str, float | list[float] | list[int]]

    def sentence(self, windows: Sequence[str] | None = None) -> str:
        """Say it with the names of the windows; by default their numbers, from 1."""
        violated = self.evidence.get("violated_windows")
        if not isinstance(violated, list):
            return self.text
        names = [windows[int(i)] if windows else f"window {int(i) + 1}" for i in violated]
        return f"{self.text} {' and '.join(names)}"


def give(surrogate: Surrogate, experiments: int) -> Verdict | None:
    """Judge from functions drawn from the posterior; None while nothing is certain.

    Unsatisfiable: three times as many experiments as a quadratic has coefficients, and yet not one
    of the drawn functions is inside all windows anywhere, all agree on the least violation, a point
    already measured has it, and not all points have the same. Converged: a further experiment is
    expected to improve the goal by less than a twentieth of the noise that the models find; of two
    goals, the hypervolume by less than a twentieth of what shifting the whole front by that would.
    That noise has nothing assumed in it: what is expected of a repeat may scatter by more.
    """
    dim = surrogate.coordinates.dim
    if experiments < 3 * (dim + 1) * (dim + 2) // 2:
        return None
    search = Search(surrogate, surrogate.z[:0], np.random.default_rng(0))
    known = surrogate.judged
    if len(surrogate.windows) and not (known.inside > 0).any():
        return _unsatisfiable(surrogate, search, known)
    inside = known.inside >= LIKELY
    gain = float(search.gain().max()) * search.unit
    if not inside.any():
        return None
    if surrogate.goals > 1:
        noise = _shifted(surrogate, known, inside)
        told = (
            f"add {gain:.2g} to the hypervolume, to which the noise that the models find adds "
            f"{noise:.2g}"
        )
    else:
        best = int(np.where(inside, known.f.mean(axis=1), np.inf).argmin())
        noise = float(surrogate.scatter(best)[0])
        told = f"improve the goal by {gain:.2g}; the noise that the models find is {noise:.2g}"
    if gain > max(SHARE * noise, 1e-6 * search.unit):
        return None
    return Verdict(
        "converged",
        f"converged: a further experiment is expected to {told}",
        {"expected_improvement": gain, "noise": noise, "functions": DRAWS},
    )


def _shifted(surrogate: Surrogate, known: Outcomes, inside: NDArray[np.bool_]) -> float:
    """Give the area between the front of two goals and itself, shifted by a repeat's scatter."""
    goals, rows = known.middle, np.flatnonzero(inside)
    rows = rows[unbeaten(goals[rows])]
    scatter = np.median([surrogate.scatter(int(k))[[0, -1]] for k in rows], axis=0)
    span = np.ptp(goals[rows], axis=0)
    return float(scatter[0] * span[1] + scatter[1] * span[0] + scatter.prod())


def _unsatisfiable(surrogate: Surrogate, search: Search, known: Outcomes) -> Verdict | None:
    """Judge whether the windows can be met at all."""
    # the candidates surround the minima of the guiding functions only
    least = search.violation[:, :GUIDES].min(axis=0)
    quantiles = np.quantile(least, [0.05, 0.5, 0.95])
    expected = known.violation.mean(axis=1)
    nearest = int(expected.argmin())
    much = AGREE * max(1.0, float(quantiles[1]))
    apart = max(quantiles[2] - quantiles[0], expected[nearest] - quantiles[1])
    flat = np.ptp(expected) <= much  # no point has told where the windows are nearer
    if least.min() == 0 or apart > much or flat:
        return None
    low, middle, high = (float(p) for p in 2 * quantiles**2 / (1 + quantiles**2))
    binding = surrogate.violated(surrogate.z[nearest])
    return Verdict(
        "unsatisfiable",
        f"unsatisfiable: none of {GUIDES} functions that agree with the experiments meets all "
        f"windows anywhere; the least penalty is {middle:.3f} (90 %: {low:.3f} to {high:.3f}), "
        f"where these are violated:",
        {
            "least_penalty": middle,
            "least_penalty_90": [low, high],
            "violated_windows": binding,
            "functions": GUIDES,
        },
    )
