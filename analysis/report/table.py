"""A stored run read once: one table of experiments, ranked as a whole."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from ..analytics import Analytics, from_start
from ..campaign.evaluation import Decision, asked_of
from ..campaign.keys import number_keys, text_keys
from ..campaign.known import evaluation_of, from_start_document
from ..campaign.leader import Leader
from ..campaign.standing import stand
from ..problem.merit import PENALTY_ALONE
from ..problem.model import Problem
from ..storage.lineage import check_campaign
from ..written import harmless


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


NOT_EVALUATED = "not evaluated"
"""Feasibility of an experiment that a run ended on before the agent had judged it."""


@dataclass(frozen=True, eq=False)
class Campaign:
    """A stored run read once: what every figure and the report draw from.

    Merits, and what is inside which window, are computed anew by the ``f0`` and ``Delta`` of the
    last decision: the stored ones are each by the scale of their own moment, and cannot be compared
    with one another; windows were judged by other edges in earlier versions, by which nothing may
    have been inside, so that goals did not count. Which
    experiments are best was decided while it ran, by all that was known; the last decision stands,
    unless its experiment is lost whole, by damaged lines: then the last one before.

    Attributes
    ----------
    run : StoredRun
    problem : Problem
        What was asked, with the kind of what was measured.
    analytics : Analytics
        What measured it.
    table : DataFrame
        Indexed by experiment number; the columns of ``primary`` and ``decision`` (where both have
        one, that of ``decision``), with ``f_soft``, ``p`` and ``f_star`` by the final scale.
    best, best_feasible : int or None
        Experiment numbers.
    front : tuple of int
        Of two goals: numbers of the experiments that no other is expected to beat in both.
    leaders : dict of int to Leader
        What is expected of all of these.
    """

    run: StoredRun
    problem: Problem
    analytics: Analytics
    table: pd.DataFrame
    best: int | None
    best_feasible: int | None
    front: tuple[int, ...]
    leaders: dict[int, Leader]

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
        check_campaign({"uid": run.uid, **run.start})
        analytics = from_start(run.start)
        problem = Problem.load(harmless(run.start["problem"])).resolved(analytics.kind)
        facts, decided = _by_number(run.table("primary")), _by_number(run.table("decision"))
        facts, decided = _with_known(facts, decided, run.start, problem)
        table = _join(facts, decided, problem)
        facts = facts.reindex(table.index)
        judged = table.index[table["feasibility"] != NOT_EVALUATED]
        decisions = [
            Decision.from_data(
                {"number": n, **decided.loc[n].to_dict()}, facts.loc[n].to_dict(), problem
            )
            for n in judged
        ]
        seen = [decision.evaluation for decision in decisions]
        standing = stand(seen, problem.soft, _scale(decisions) if "merit_f0" in decided else None)
        if _nothing_was_inside(decisions) and "feasible" in standing.feasibility:
            standing = stand(seen, problem.soft)
        for name in ("f_soft", "p", "f_star", "feasibility"):
            table.loc[judged, name] = getattr(standing, name)
        # earlier versions judged by other edges: where a result is and why are told by the same
        table.loc[judged, "violated"] = [problem.violated(e.F) if e.valid else "" for e in seen]
        for n in table.index.difference(judged):
            fact = facts.loc[n].to_dict()
            found = analytics.measure(fact)
            table.loc[n, [*found.values]] = [*found.values.values()]
            table.loc[n, "reason"] = _unjudged(fact, found.reason, problem, run.start)
        numbers = table.select_dtypes("float").columns
        table[numbers] += 0.0  # nobody measures -0, which earlier versions stored
        table = table.copy()  # in one piece
        best = _latest([decision.best for decision in decisions], table)
        feasible = _latest([decision.best_feasible for decision in decisions], table)
        front = decisions[-1].front if decisions else ()
        front = tuple(found for found in front if found.number in table.index)
        return cls(
            run,
            problem,
            analytics,
            table,
            best.number if best else None,
            feasible.number if feasible else None,
            tuple(found.number for found in front),
            {found.number: found for found in (best, feasible, *front) if found},
        )

    @property
    def simulated(self) -> bool:
        """Whether anything but real hardware was measured."""
        return bool(self.run.start["simulated"])

    @property
    def mark(self) -> str:
        """What stands on everything that is said of it: where the numbers come from."""
        return mark_of(self.run.start)

    @property
    def disturbed(self) -> dict[int, str]:
        """The faults that experiments got over, by number; earlier versions told none."""
        if "disturbances" not in self.table:
            return {}
        told = self.table["disturbances"].fillna("")
        return {int(str(number)): str(text) for number, text in told[told != ""].items()}

    @property
    def unjudged(self) -> dict[int, str]:
        """Why experiments were not evaluated, by number."""
        table = self.table[self.table["feasibility"] == NOT_EVALUATED]
        return {int(str(number)): str(why) for number, why in table["reason"].items()}

    @property
    def doubted(self) -> dict[int, str]:
        """The experiments whose results all others contradict, by number, as decided last."""
        judged = self.table[self.table["feasibility"] != NOT_EVALUATED]
        if "doubted" not in judged or judged.empty:
            return {}
        return {int(n): why for n, why in json.loads(judged["doubted"].iloc[-1] or "{}").items()}

    @property
    def lost(self) -> set[int]:
        """Experiments whose facts are lost: only what was decided of them is known."""
        asked = [f"asked_{name}" for name in self.problem.variables]
        return set(self.table.index[self.table[asked].isna().all(axis=1)])

    @property
    def known(self) -> int:
        """How many experiments were known when the campaign began."""
        return len((self.run.start.get("known") or {}).get("experiments", ()))

    @property
    def best_measured(self) -> int | None:
        """The experiment of best goal that was measured inside every window; of one goal."""
        if len(self.problem.aims) > 1:
            return None
        goals = self.table["goal"][self.table["feasibility"] == "feasible"]
        goals = (self.problem.sign * goals).dropna()
        return None if goals.empty else int(str(goals.idxmin()))

    @property
    def lab_hours(self) -> float:
        """From the start to the end of the last recording, or failure, of each run [h]."""
        facts = self.table.dropna(subset="lab_time")
        if facts.empty:
            return math.nan
        recorded = facts["residence_time"].notna()  # a failed one has none
        last = facts[recorded].tail(1)
        recording = self.analytics.duration(dict(last.iloc[0])) if len(last) else 0.0
        facts = facts.assign(ended=facts["lab_time"] + recording * recorded)
        if "run" not in facts:
            facts = facts.assign(run="", began=self.run.start["lab_time"])
        # each run has a clock of its own, and what passed between two runs was no lab time
        runs = facts.groupby("run")
        return float((runs["ended"].max() - runs["began"].min()).sum()) / 3600

    @property
    def title(self) -> str:
        """The problem's title, or else its goal."""
        return self.problem.title or self.goal

    @property
    def goal(self) -> str:
        """Such as ``minimise X3``."""
        return self.problem.goal_words

    @property
    def bests(self) -> list[tuple[str, int]]:
        """Name and number of the best feasible and the best, one entry if they are the same.

        Of two goals the two ends of the front.
        """
        if self.front:
            first, second = (
                f"{'lowest' if aim.sign > 0 else 'highest'} {aim.text}" for aim in self.problem.aims
            )
            return [(first, self.front[0]), (second, self.front[-1])][: len(self.front)]
        if self.best is not None and self.best == self.best_feasible:
            return [("best feasible and best" if self.problem.windows else "best", self.best)]
        pair = (("best feasible", self.best_feasible), ("best", self.best))
        return [(name, number) for name, number in pair if number is not None]


def mark_of(start: Mapping[str, Any]) -> str:
    """Say where the numbers of a run come from, by its start document."""
    if "simulated" not in start:  # by a RunEngine that knows no rig of ours
        return "UNMARKED"
    if start["simulated"]:
        return "SIMULATED"
    return "FROM A TABLE" if "table" in start else "REAL HARDWARE"


def _unjudged(
    fact: Mapping[Any, Any], unmeasured: str, problem: Problem, start: Mapping[str, Any]
) -> str:
    """Say why an experiment was not evaluated: as was said of it when it failed, first of all."""
    if (said := fact.get("reason")) and isinstance(said, str):
        return said
    ended = "the run ended before it was evaluated"
    rest = "outside today's limits" if "table" in start else ended
    return unmeasured or problem.outside_limits(asked_of(fact, problem)) or rest


def _scale(decisions: list[Decision]) -> tuple[float, float]:
    """Give the f0 and delta that ranked the experiments last."""
    return (decisions[-1].scale if decisions else None) or PENALTY_ALONE


def _nothing_was_inside(decisions: list[Decision]) -> bool:
    """Whether goals did not count while a campaign ran, since nothing was inside its windows."""
    outside = all(decision.feasibility != "feasible" for decision in decisions)
    return outside and _scale(decisions) == PENALTY_ALONE


def _latest(leaders: list[Leader | None], table: pd.DataFrame) -> Leader | None:
    """Give what was decided last, of experiments that are not lost whole."""
    known = (found for found in reversed(leaders) if found is None or found.number in table.index)
    return next(known, None)


def _join(facts: pd.DataFrame, decided: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """One row per experiment with what both streams say; what a cut-off run lacks is blank."""
    # of a lineage both streams say which run it was, and a last decision may come in a later one
    decided = decided.drop(columns=["run", "began"], errors="ignore")
    both = facts.columns.intersection(decided.columns)
    alone = facts.loc[facts.index.difference(decided.index), both]  # nothing was decided of these
    # the facts of an experiment may be lost, too
    table = facts.drop(columns=both).join(pd.concat([decided, alone]), how="outer")
    numbers = [key for key in number_keys(problem) if key != "number"]
    asked = {f"asked_{name}": v for name, v in problem.variables.items()}
    numbers += ["residence_time", "lab_time", *(key for key, v in asked.items() if not v.choices)]
    texts = dict.fromkeys(text_keys(problem), "") | {"feasibility": NOT_EVALUATED}
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *asked, *numbers, *texts])))
    table[numbers] = table[numbers].astype(float)
    for name, blank in texts.items():
        table[name] = table[name].astype(object).where(table[name].notna(), blank)
    return table.copy()  # in one piece, which columns set one by one are not


def _with_known(
    facts: pd.DataFrame, decided: pd.DataFrame, start: Mapping[str, Any], problem: Problem
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put before facts and decisions the experiments that were known when the campaign began."""
    known = [evaluation_of(old, problem) for old in from_start_document(start)]
    if not known:
        return facts, decided
    own = [e for e in known if e.number not in decided.index]
    told = {e.number: Decision.undecided(e).to_data(problem) for e in own}
    made = {
        e.number: {**{f"asked_{k}": v for k, v in e.conditions.items()}, "valid": float(e.valid)}
        for e in known
    }
    return _above(made, facts), _above(told, decided)


def _above(rows: Mapping[int, Mapping[str, Any]], table: pd.DataFrame) -> pd.DataFrame:
    """Put rows before those of a table."""
    numbers = pd.Index(rows, name="number")
    first = pd.DataFrame([dict(row) for row in rows.values()], index=numbers)
    first = first.drop(columns="number", errors="ignore")
    return pd.concat([first, table]) if len(table) else first


def _by_number(table: pd.DataFrame) -> pd.DataFrame:
    """Index a stream's table by experiment number."""
    if table.empty:
        return pd.DataFrame(index=pd.Index([], dtype=int, name="number"))
    # a paused run goes on from its checkpoint, so an experiment can be recorded twice:
    # the agent has told its optimiser the first
    table = table.drop_duplicates("number").set_index("number")
    return table.set_axis(table.index.astype(int))
