"""A stored run read once: one table of experiments, ranked as a whole."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ..campaign.evaluation import Conclusion, stand
from ..problem.merit import Windows
from ..problem.model import Problem


class StoredRun(Protocol):
    """What a summary, a figure or a report needs of a stored run.

    Attributes
    ----------
    uid : str
    start : mapping
        The start document.
    stop : mapping or None
        The stop document; None for a run that crashed or is still going.
    """

    @property
    def uid(self) -> str: ...  # noqa: D102 - documented by the class
    @property
    def start(self) -> Mapping[str, Any]: ...  # noqa: D102 - likewise
    @property
    def stop(self) -> Mapping[str, Any] | None: ...  # noqa: D102 - likewise

    def table(self, stream: str) -> pd.DataFrame:
        """Return a stream as a table, one row per event in order."""
        ...


BESTS = "best", "best_feasible"
"""Columns that name the best experiments so far."""

NOT_EVALUATED = "not evaluated"
"""Feasibility of an experiment that a run ended on before the agent had judged it."""


@dataclass(frozen=True, eq=False)
class Campaign:
    """A stored run read once: what every figure and the report draw from.

    Merits are computed anew by the final ``f0`` and ``Delta``: those in the stored decisions are
    each by the scale of their own moment, and cannot be compared with one another. Which
    experiments are best was decided while it ran, by all that was known; the last decision stands.

    Attributes
    ----------
    run : StoredRun
    problem : Problem
        What was asked.
    table : DataFrame
        Indexed by experiment number; the columns of ``primary`` and ``decision`` (where both have
        one, that of ``decision``), with ``f_soft``, ``p`` and ``f_star`` by the final scale.
    best, best_feasible : int or None
        Experiment numbers.
    probabilities : dict of int to float
        That these two truly are inside all windows.
    """

    run: StoredRun
    problem: Problem
    table: pd.DataFrame
    best: int | None
    best_feasible: int | None
    probabilities: dict[int, float]

    @classmethod
    def of(cls, run: "StoredRun | Campaign") -> "Campaign":
        """Read a stored run; a campaign is handed back as it is.

        Raises
        ------
        ValueError
            If the run is not a campaign.
        """
        if isinstance(run, Campaign):
            return run
        if "problem" not in run.start:
            raise ValueError(
                f"run {run.uid[:8]} is not a campaign: its plan is "
                f"'{run.start.get('plan_name', 'unknown')}', not 'optimise'"
            )
        problem = Problem.load(run.start["problem"])
        table = _join(run.table("primary"), run.table("decision"), problem)
        judged = table.index[table["feasibility"] != NOT_EVALUATED]
        standing = stand(
            [_conclusion(int(n), table.loc[n].to_dict(), problem) for n in judged],
            Windows.of([(w.lower, w.upper, w.tolerance) for w in problem.windows]),
        )
        for name in ("f_soft", "p", "f_star", "feasibility"):
            table.loc[judged, name] = getattr(standing, name)
        last = table.loc[judged[-1]].to_dict() if len(judged) else {}
        best, feasible = (last.get(name, math.nan) for name in BESTS)
        probabilities = {
            int(last[name]): float(last[f"{name}_probability"])
            for name in BESTS
            if not math.isnan(last.get(name, math.nan))
        }
        return cls(run, problem, table, _number(best), _number(feasible), probabilities)

    @property
    def simulated(self) -> bool:
        """Whether anything but real hardware was measured."""
        return bool(self.run.start["simulated"])

    @property
    def title(self) -> str:
        """The problem's title, or else its goal."""
        return self.problem.title or self.goal

    @property
    def goal(self) -> str:
        """Such as ``minimise X3``."""
        return f"{self.problem.verb} {self.problem.goal.text}"

    @property
    def bests(self) -> list[tuple[str, int]]:
        """Name and number of the best feasible and the best, one entry if they are the same."""
        if self.best is not None and self.best == self.best_feasible:
            return [("best feasible and best" if self.problem.windows else "best", self.best)]
        pair = (("best feasible", self.best_feasible), ("best", self.best))
        return [(name, number) for name, number in pair if number is not None]


def _number(value: float) -> int | None:
    """Experiment number of a column's value, None for NaN."""
    return None if math.isnan(value) else int(value)


def _join(primary: pd.DataFrame, decision: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """One row per experiment with what both streams say; what a cut-off run lacks is blank."""
    facts, conclusions = _by_number(primary), _by_number(decision)
    conclusions = conclusions.drop(
        columns=["run", "began"], errors="ignore"
    )  # a last one may come later
    table = facts.drop(columns=conclusions.columns, errors="ignore").join(conclusions)
    properties = [f"F_{k}" for k in range(1, len(problem.windows) + 1)]
    measured = ["goal", *problem.measured, *properties]
    numbers = ["f", "p", "f_star", "f_soft", "valid", "residence_time", "lab_time"]
    numbers += [key for name in BESTS for key in (name, f"{name}_probability")]
    numbers += [*measured, *(f"{name}_sd" for name in measured)]
    numbers += [f"asked_{name}" for name in problem.variables]
    texts = {"feasibility": NOT_EVALUATED, "reason": "", "violated": "", "why": "", "flags": ""}
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *numbers, *texts])))
    table[numbers] = table[numbers].astype(float)
    for name, blank in texts.items():
        table[name] = table[name].astype(object).where(table[name].notna(), blank)
    return table


def _by_number(table: pd.DataFrame) -> pd.DataFrame:
    """Index a stream's table by experiment number."""
    if table.empty:
        return pd.DataFrame(index=pd.Index([], dtype=int, name="number"))
    # a paused run goes on from its checkpoint, so an experiment can be recorded twice:
    # the agent has told its optimiser the first
    table = table.drop_duplicates("number").set_index("number")
    return table.set_axis(table.index.astype(int))


def _conclusion(number: int, row: Mapping[str, Any], problem: Problem) -> Conclusion:
    """Rebuild the agent's conclusion, as far as ranking needs it."""
    F = np.array([row[f"F_{k}"] for k in range(1, len(problem.windows) + 1)], float)
    return Conclusion(
        number=number,
        conditions={},
        recorded=True,
        valid=bool(row["valid"]),
        reason=row["reason"],
        fractions={},
        sd={},
        f=float(row["f"]),
        f_sd=math.nan,
        F=F,
        F_sd=np.full_like(F, math.nan),
    )
