"""An experiment that a campaign hands over: what is expected of it, and what was measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..campaign.evaluation import asked_of
from ..campaign.keys import outcome_names
from ..campaign.leader import Leader
from ..optimisers.surrogate.judging import LIKELY
from ..problem.model import Problem
from ..problem.tables import Setting
from ..written import chance, exact
from .numbers import ANYWHERE, Within, estimated, uncertain
from .table import Campaign

ASSUMED = (
    "of a repeat: what is usual (a twentieth of the spread of the results); these few experiments "
    "do not tell it"
)
"""What is said where `Candidate.scatter_assumed`."""

CLOSE = 2.0
"""A property so many standard deviations from its window's edge may well lie outside."""


@dataclass(frozen=True)
class Candidate:
    """One experiment, as all of them let it be seen.

    Values are mappings by the names of the measured quantities and by goal and windowed properties
    as the problem writes them, such as ``X3`` and ``X1 + X2``.

    Attributes
    ----------
    number : int
        Of the experiment, from 1.
    conditions : dict of str to float or str
        As asked, in the units of the problem's variables.
    residence_time : float
        [min]
    expected : dict of str to float
        The noise-free values, by all experiments; empty in runs stored before these were told, and
        of an experiment that is no best.
    expected_sd : dict of str to float
        How much they are in doubt.
    repeat_sd : dict of str to float
        How far a single further experiment may be from them.
    scatter_assumed : bool
        Whether that is for the most part what is usual, since the results do not tell of it yet.
    measured, measured_sds : dict of str to float
        The single result and its standard deviations, in the units of the analytics.
    goal, goal_sd : float
        As measured, as the user states it (not negated when maximised).
    merit : float
        What ranked it when it was chosen, as expected; as measured and by the final ``f0`` and
        ``Delta`` where that was not told.
    feasible : bool
        Whether it is more likely inside every window than not.
    probability_feasible : float
        That it truly is inside every window; NaN where this was not judged.
    feasibility : str
        As measured: ``feasible``, ``semi-feasible`` or ``infeasible``.
    violated : str
        The windows that it is expected to violate, in words; empty if there is none.
    regret : float
        By how much the best of the experiments made is expected to be better in the goal (of the
        best by merit: in the merit); NaN where this was not judged.
    within : dict of str to (float, float)
        Between what windowed properties should be.
    close : tuple of str
        Windows that it is inside of by less than two standard deviations, in words.
    outside : str
        Which of today's ranges and limits it is outside of, in words, as an old result can be;
        empty if it may be set.
    """

    number: int
    conditions: dict[str, Setting]
    residence_time: float
    expected: dict[str, float]
    expected_sd: dict[str, float]
    repeat_sd: dict[str, float]
    scatter_assumed: bool
    measured: dict[str, float]
    measured_sds: dict[str, float]
    goal: float
    goal_sd: float
    merit: float
    feasible: bool
    probability_feasible: float
    feasibility: str
    violated: str
    regret: float
    within: dict[str, Within]
    close: tuple[str, ...]
    outside: str

    def condition(self, name: str) -> Setting:
        """Return what was asked for of a variable."""
        return self.conditions[name]

    def repeat(self, name: str, plus_minus: str = "+/-") -> str:
        """Write what a repeat is expected to give, with its scatter."""
        if name not in self.expected:
            return "-"
        within = self.within.get(name, ANYWHERE)
        return estimated(self.expected[name], self.repeat_sd[name], plus_minus, within)

    def result(self, name: str, plus_minus: str = "+/-") -> str:
        """Write what was measured."""
        within = self.within.get(name, ANYWHERE)
        return uncertain(self.measured[name], self.measured_sds[name], plus_minus, within)

    def sentence(self, goals: Mapping[str, str], windows: bool) -> str:
        """Say in half a sentence what it is expected to give, and what it gave, goals in units."""
        if len(goals) > 1 and self.expected:
            told = ((f"{goal} = {self.repeat(goal)}", unit) for goal, unit in goals.items())
            said = ", ".join(f"{value} {unit}".rstrip() for value, unit in told)
            said += " expected of a repeat"
        else:
            said = "; ".join(f"{goal} = {self._given(goal, unit)}" for goal, unit in goals.items())
        if windows:
            said += f", {chance(self.probability_feasible)} likely inside every window"
        return f"experiment {self.number}: {said}".replace("+/-", "\u00b1")

    def _given(self, goal: str, unit: str) -> str:
        """Say what is expected of a goal, and what was measured."""
        unit = f" {unit}" if unit else ""
        said = f"{self.result(goal)}{unit} measured"
        return f"{self.repeat(goal)}{unit} expected of a repeat, {said}" if self.expected else said


def candidate(campaign: Campaign, number: int | None) -> Candidate | None:
    """Gather everything about one experiment."""
    if number is None:
        return None
    row: dict[Any, Any] = campaign.table.loc[number].to_dict()
    problem, names = campaign.problem, outcome_names(campaign.problem)
    leader = campaign.leaders.get(number, Leader(number))
    told = {name: leader.expected[key] for name, key in names.items() if leader.expected}
    measured = {name: float(row[key]) for name, key in names.items()}
    sds = {name: float(row[f"{key}_sd"]) for name, key in names.items()}
    expected = {name: estimate.value for name, estimate in told.items()}
    doubt = {name: estimate.sd for name, estimate in told.items()}
    best = expected or measured
    likely, conditions = leader.probability, asked_of(row, problem)
    return Candidate(
        number=number,
        conditions=conditions,
        residence_time=float(row["residence_time"]),
        expected=expected,
        expected_sd=doubt,
        repeat_sd={name: estimate.repeat_sd for name, estimate in told.items()},
        scatter_assumed=leader.assumed,
        measured=measured,
        measured_sds=sds,
        goal=float(row["goal"]),
        goal_sd=float(row["goal_sd"]),
        merit=float(row["f_soft"]) if math.isnan(leader.merit) else leader.merit,
        feasible=number == campaign.best_feasible if math.isnan(likely) else likely >= LIKELY,
        probability_feasible=likely,
        feasibility=str(row["feasibility"]),
        violated=problem.violated([best[window.of] for window in problem.windows]),
        regret=leader.regret,
        within=edges_of(problem),
        close=tuple(_close(problem, best, doubt or sds)),
        outside=problem.outside_limits(conditions) or "",
    )


def edges_of(problem: Problem) -> dict[str, Within]:
    """Give between what each windowed property should be, by all windows on it."""
    edges: dict[str, Within] = {}
    for window in problem.windows:
        lower, upper = edges.get(window.of, ANYWHERE)
        edges[window.of] = max(lower, window.lower), min(upper, window.upper)
    return edges


def _close(problem: Problem, values: dict[str, float], sds: dict[str, float]) -> list[str]:
    """Name the edges that a point may well be on the other side of."""
    return [
        f"{window.of} = {uncertain(values[window.of], sds[window.of])} is within "
        f"{CLOSE:g} sd of its edge {exact(edge)} {problem.unit_of(window.of)}".rstrip()
        for window in problem.windows
        for edge in (window.lower, window.upper)
        if abs(values[window.of] - edge) < CLOSE * sds[window.of]
    ]
