"""The experiment that is called best, and what a repeat of it is expected to give."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from ..optimisers.recommend import Recommendation
from ..problem.model import Problem
from .keys import ROLE_NUMBERS, goal_keys, outcome_keys, role_keys


class Estimate(NamedTuple):
    """What is expected of one quantity.

    Attributes
    ----------
    value : float
        The noise-free value.
    sd : float
        How much that is in doubt.
    repeat_sd : float
        How far a single further experiment may be from it: the doubt and the scatter of one.
    """

    value: float
    sd: float
    repeat_sd: float


@dataclass(frozen=True)
class Leader:
    """An experiment called best.

    Attributes
    ----------
    number : int
        Of the experiment.
    probability : float
        That it truly is inside all windows; NaN in runs stored before this was judged.
    merit : float
        What ranked it, as expected; NaN in runs stored before this was told.
    expected : dict of str to Estimate
        By `outcome_keys`, the goal as the user states it; empty in runs stored before.
    regret : float
        By how much the best of the experiments made is expected to be better in the goal (of the
        best by merit: in the merit); NaN where nobody knows, and in runs stored before.
    assumed : bool
        Whether the scatter of a repeat is for the most part what is usual, since the results do not
        tell of it yet.
    """

    number: int
    probability: float = math.nan
    merit: float = math.nan
    expected: dict[str, Estimate] = field(default_factory=dict)
    regret: float = math.nan
    assumed: bool = False

    @classmethod
    def of(cls, number: int, found: Recommendation, problem: Problem) -> Self:
        """Tell of a recommended experiment in the words of the problem."""
        told = zip(found.expected.value, found.expected.sd, found.expected.repeat_sd, strict=True)
        keys = outcome_keys(problem)
        expected = {k: Estimate(*map(float, e)) for k, e in zip(keys, told, strict=True)}
        for key, aim in zip(goal_keys(problem), problem.aims, strict=True):
            expected[key] = expected[key]._replace(value=aim.sign * expected[key].value + 0.0)
        assumed = found.expected.assumed
        return cls(number, found.probability_feasible, found.merit, expected, found.regret, assumed)

    def to_plain(self) -> dict[str, Any]:
        """Return it for `json.dumps`; what is not known is left out."""
        numbers = {"merit": self.merit, "probability": self.probability, "regret": self.regret}
        told = {name: value for name, value in numbers.items() if not math.isnan(value)}
        told |= {"assumed": True} if self.assumed else {}
        return {"number": self.number, **told, "expected": self.expected}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what JSON made of `to_plain`."""
        expected = {key: Estimate(*told) for key, told in plain["expected"].items()}
        return cls(**{**plain, "expected": expected})

    @classmethod
    def to_data(cls, role: str, leader: Self | None, problem: Problem) -> dict[str, float]:
        """Write the numbers that tell of a role; NaN for what nobody has."""
        data = dict.fromkeys(role_keys(role, problem), math.nan)
        if leader is None:
            return data
        told = [leader.number, leader.probability, leader.merit, leader.regret, leader.assumed]
        for name in outcome_keys(problem):
            told += leader.expected.get(name, (math.nan,) * 3)
        return dict(zip(data, map(float, told), strict=True))

    @classmethod
    def from_data(cls, role: str, data: Mapping[str, Any], problem: Problem) -> Self | None:
        """Read what `to_data` wrote; an earlier version told less."""
        told = [float(data.get(key, math.nan)) for key in role_keys(role, problem)]
        if math.isnan(told[0]):
            return None
        names = outcome_keys(problem)
        first = len(ROLE_NUMBERS)
        estimates = [Estimate(*told[i : i + 3]) for i in range(first, len(told), 3)]
        known = {n: e for n, e in zip(names, estimates, strict=True) if not math.isnan(e.value)}
        return cls(int(told[0]), told[1], told[2], known, told[3], told[4] == 1)
