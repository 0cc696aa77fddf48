"""Verdicts: when going on is not worth an experiment, and the evidence for saying so."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .composite import GUIDES, Search, Surrogate, judge

AGREE = 0.05
"""The drawn functions agree when their least penalties are within so much of each other."""


@dataclass(frozen=True)
class Verdict:
    """Why to stop.

    Attributes
    ----------
    kind : {"unsatisfiable", "converged"}
    text : str
        One sentence.
    evidence : dict of str to float or list
        What it rests on.
    """

    kind: Literal["unsatisfiable", "converged"]
    text: str
    evidence: dict[str, float | list[float] | list[int]] = field(default_factory=dict)


def give(surrogate: Surrogate, experiments: int) -> Verdict | None:
    """Judge from functions drawn from the posterior; None while nothing is certain.

    Unsatisfiable: three times as many experiments as a quadratic has coefficients, and yet not one
    of the drawn functions is inside all windows anywhere, all agree on the least penalty, and a
    point already measured has it. Converged: a further experiment is expected to improve the goal
    by less than a tenth of its noise.
    """
    dim = surrogate.z.shape[1]
    if experiments < 3 * (dim + 1) * (dim + 2) // 2:
        return None
    search = Search(surrogate, np.zeros((0, dim)), np.random.default_rng(0))
    known = judge(surrogate)
    if len(surrogate.windows) and not (known.inside > 0).any():
        worst = np.minimum(
            search.violation[:, :GUIDES].min(axis=0), known.violation[:, :GUIDES].min(axis=0)
        )
        penalty = 2 * worst**2 / (1 + worst**2)
        low, middle, high = np.quantile(penalty, [0.05, 0.5, 0.95])
        expected = known.merit(None)
        nearest = int(expected.argmin())
        sure = penalty.min() > 0 and high - low <= AGREE
        if sure and expected[nearest] - middle <= AGREE:
            binding = surrogate.violated(surrogate.z[nearest])
            windows = " and ".join(str(i + 1) for i in binding)
            return Verdict(
                "unsatisfiable",
                f"unsatisfiable: the windows cannot all be met; least penalty {middle:.3f} "
                f"(90 %: {low:.3f} to {high:.3f}), window {windows} is violated at the best place",
                {
                    "least_penalty": float(middle),
                    "least_penalty_90": [float(low), float(high)],
                    "violated_windows": binding,
                    "probability_satisfiable": 0.0,
                    "point": int(surrogate.rows[nearest]),
                },
            )
    return None
