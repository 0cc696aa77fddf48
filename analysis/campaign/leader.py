"""The experiment that is called best, and what a repeat of it is expected to give.

This is the home of the keys of a ``decision`` that tell of it: `Leader.to_data` writes them,
`Leader.from_data` reads them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from ..optimisers.recommend import Recommendation
from ..problem.model import Problem

ROLES = "best", "best_feasible"
"""Best by merit, and best goal among those likely inside all windows: prefixes of the keys."""


_NUMBERS = "", "_probability", "_merit", "_regret", "_assumed"


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


def property_keys(problem: Problem) -> list[str]:
    """Keys of the windowed properties, and of a second goal."""
    windows = [f"F_{k}" for k, _ in enumerate(problem.windows, 1)]
    return [*windows, *(["goal_2"] if len(problem.aims) > 1 else [])]


def goal_keys(problem: Problem) -> list[str]:
    """Keys of the goals: one, or two."""
    return ["goal", "goal_2"][: len(problem.aims)]


def outcome_keys(problem: Problem) -> list[str]:
    """Keys of what an experiment comes to: goal, properties, measured quantities."""
    return ["goal", *property_keys(problem), *problem.measured]


def outcome_names(problem: Problem) -> dict[str, str]:
    """Give the key of each outcome by its name: a measured quantity, or an expression as written.

    What a goal or window says of a single quantity is that quantity's.
    """
    names = {name: name for name in problem.measured}
    for key, aim in zip(goal_keys(problem), problem.aims, strict=True):
        names.setdefault(aim.text, key)
    for k, window in enumerate(problem.windows, 1):
        names.setdefault(window.of, f"F_{k}")
    return names


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

    @staticmethod
    def keys(role: str, problem: Problem) -> list[str]:
        """Keys of the numbers that tell of a role."""
        estimates = [
            key
            for name in outcome_keys(problem)
            for key in (f"{role}_{name}", f"{role}_{name}_sd", f"{role}_{name}_repeat_sd")
        ]
        return [*(f"{role}{end}" for end in _NUMBERS), *estimates]

    @classmethod
    def to_data(cls, role: str, leader: Self | None, problem: Problem) -> dict[str, float]:
        """Write the numbers that tell of a role; NaN for what nobody has."""
        data = dict.fromkeys(cls.keys(role, problem), math.nan)
        if leader is None:
            return data
        told = [leader.number, leader.probability, leader.merit, leader.regret, leader.assumed]
        for name in outcome_keys(problem):
            told += leader.expected.get(name, (math.nan,) * 3)
        return dict(zip(data, map(float, told), strict=True))

    @classmethod
    def from_data(cls, role: str, data: Mapping[str, Any], problem: Problem) -> Self | None:
        """Read what `to_data` wrote; an earlier version told less."""
        told = [float(data.get(key, math.nan)) for key in cls.keys(role, problem)]
        if math.isnan(told[0]):
            return None
        names = outcome_keys(problem)
        first = len(_NUMBERS)
        estimates = [Estimate(*told[i : i + 3]) for i in range(first, len(told), 3)]
        known = {n: e for n, e in zip(names, estimates, strict=True) if not math.isnan(e.value)}
        return cls(int(told[0]), told[1], told[2], known, told[3], told[4] == 1)
