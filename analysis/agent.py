"""The agent: event document -> fractions -> properties -> merit -> tell; ask -> conditions.

It knows documents and the problem, no device: the same agent runs beside a
RunEngine, replays a stored run and continues one that was interrupted.
"""

import hashlib
import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import merit
from .chromatogram import Method, analyse
from .problem import Problem
from .snobfit import Best, Measured, Snobfit, Verdict
from .space import Space

FAILURES_IN_A_ROW = 3
"""A campaign ends after so many failed experiments in a row: the rig needs a look."""


@dataclass(frozen=True)
class Suggestion:
    """One experiment asked for.

    Attributes
    ----------
    number : int
        Its number in the campaign, from 1.
    conditions : dict of str to float
        The problem's variables, in the units of the problem file.
    why : str
        Why this point: the optimiser's class of point, in words.
    """

    number: int
    conditions: dict[str, float]
    why: str


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


@dataclass(frozen=True)
class Standing:
    """How a campaign stands: every experiment's merit by today's ``f0`` and ``Delta``.

    Attributes
    ----------
    f_soft, p, f_star : ndarray, shape (n,)
        Merit and its parts (`reactune.analysis.merit`).
    feasibility : list of str
        ``feasible``, ``semi-feasible``, ``infeasible`` or ``failed``.
    best, best_feasible : int or None
        Index of the lowest merit, and of the lowest goal among the feasible.
    """

    f_soft: np.ndarray
    p: np.ndarray
    f_star: np.ndarray
    feasibility: list[str]
    best: int | None
    best_feasible: int | None


@dataclass(eq=False)  # listens to documents, so it must be hashable
class Agent:
    """Reads event documents and asks for experiments.

    Parameters
    ----------
    problem : Problem
        What the user asks.
    method : Method
        How a trace becomes mole fractions.
    seed : int
        Seed of the optimiser; the same documents and seed give the same asks.
    first : sequence of mapping, optional
        Conditions to measure first, in place of a space-filling first batch
        (rediscovery starts from the best points of an earlier campaign).

    Raises
    ------
    ValueError
        If the method does not measure everything the problem names.
    """

    problem: Problem
    method: Method
    seed: int = 0
    first: Sequence[Mapping[str, float]] = ()
    conclusions: list[Conclusion] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        measured = [peak.name for peak in self.method.peaks]
        missing = [name for name in self.problem.measured if name not in measured]
        if missing:
            raise ValueError(
                f"measured: {', '.join(missing)} is not a peak of the HPLC method, which has "
                f"{', '.join(measured)}; add the peak to the rig file or leave it out"
            )
        self.space = Space.of(self.problem)
        self.windows = merit.Windows.of(
            [(w.lower, w.upper, w.tolerance) for w in self.problem.windows]
        )
        self.optimiser = Snobfit(
            self.space.lower,
            self.space.upper,
            [(w.lower, w.upper, w.tolerance) for w in self.problem.windows],
            resolution=self.space.resolution,
            p=self.problem.optimiser.p,
            model=self.problem.optimiser.model,
            seed=self.seed,
            measured=Measured(
                len(self.problem.measured),
                self._compose,
                # fractions are of all peaks together
                "fractions" if set(self.problem.measured) == set(measured) else "positive",
            ),
            scales=self.space.scales,
        )
        self._verdict: Verdict | None = None
        self._queue: deque[Suggestion] = deque()
        self._asked: dict[int, Suggestion] = {}
        self._primary: str | None = None

    def _compose(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Goal and properties of measured fractions y at points x of the box."""
        named = {name for name in self.problem.variables if name in self._mentioned}
        rows = self.space.to_conditions(x) if named else []
        conditions = {name: np.array([row[name] for row in rows]) for name in named}
        return self.problem.compose(y, conditions)

    @property
    def _mentioned(self) -> set[str]:
        """Names that goal and windows depend on."""
        expressions = [self.problem.goal, *(w.expression for w in self.problem.windows)]
        return {name for expression in expressions for name in expression.names}

    # -- asking ---------------------------------------------------------------

    def ask(self) -> Suggestion | None:
        """Give the next experiment, or None while there is none to give.

        A batch is asked for at once; while its last results are outstanding the
        answer is None, and so it is once the budget is spent.
        """
        if not self._queue:
            self._fill_queue()
        if not self._queue:
            return None
        suggestion = self._queue.popleft()
        self._asked[suggestion.number] = suggestion
        return suggestion

    def _fill_queue(self) -> None:
        """Ask the optimiser for a batch, if the last one has been answered whole."""
        done = len(self.conclusions)
        if done < len(self._asked):
            return
        n = min(self.problem.batch, self.problem.budget - done)
        if n <= 0:
            return
        if done == 0 and self.first:
            points = [dict(conditions) for conditions in self.first[: self.problem.budget]]
            whys = ["measured again: one of the best of an earlier campaign"] * len(points)
        else:
            x = self.optimiser.ask(n)
            points = self.space.to_conditions(x)
            whys = [self.optimiser.why(row) for row in x]
        for i, (conditions, why) in enumerate(zip(points, whys, strict=True)):
            self._queue.append(Suggestion(done + 1 + i, conditions, why))

    # -- listening ------------------------------------------------------------

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Listen to a run's documents: conclude from each event of ``primary``."""
        if name == "descriptor" and doc["name"] == "primary":
            self._primary = doc["uid"]
        elif name == "event" and doc["descriptor"] == self._primary:
            self.conclude(doc["data"])

    def conclude(self, data: Mapping[str, Any]) -> Conclusion:
        """Conclude from the data of one ``primary`` event, and tell the optimiser.

        Parameters
        ----------
        data : mapping
            ``number``, ``asked_<variable>``, ``trace`` [V], ``valid``, ``reason``.

        Returns
        -------
        Conclusion
            Also appended to `conclusions`. An event that was concluded before
            (a resumed pause replays from its checkpoint) is not told twice.
        """
        number = int(data["number"])
        if number <= len(self.conclusions):
            return self.conclusions[number - 1]
        conditions = {v: float(data[f"asked_{v}"]) for v in self.problem.variables}
        asked = self._asked.get(number)
        conclusion = self._measure(number, conditions, data, asked.why if asked else "given")
        self.conclusions.append(conclusion)
        self.optimiser.tell(
            self.space.to_box(conditions)[None, :],
            [conclusion.f],
            conclusion.F[None, :],
            [conclusion.f_sd],
            conclusion.F_sd[None, :],
            np.array([[conclusion.fractions[name] for name in self.problem.measured]]),
            np.array([[conclusion.sd[name] for name in self.problem.measured]]),
        )
        return conclusion

    def _measure(
        self, number: int, conditions: dict[str, float], data: Mapping[str, Any], why: str
    ) -> Conclusion:
        """Integrate the trace and compute the properties; a failure stays a failure."""
        valid, reason, flags = bool(data["valid"]), str(data["reason"]), ()
        names = self.problem.measured
        fractions = sd = dict.fromkeys(names, math.nan)
        if valid:
            chromatogram = analyse(np.asarray(data["trace"], float), self.method)
            valid, reason, flags = chromatogram.valid, chromatogram.reason, chromatogram.flags
        if valid:
            fractions = {name: chromatogram.fractions[name] for name in names}
            sd = {name: chromatogram.sd[name] for name in names}
        found = self.problem.properties(fractions, sd, conditions)
        if valid and found.failure:
            valid, reason = False, found.failure
        f = found.f if valid else math.nan
        return Conclusion(
            number, conditions, bool(data["valid"]), valid, reason, fractions, sd,
            f, found.f_sd, found.F, found.F_sd, flags, why,
        )  # fmt: skip

    # -- standing -------------------------------------------------------------

    def standing(self) -> Standing:
        """Rank all experiments so far by the soft merit."""
        return stand(self.conclusions, self.windows)

    def should_stop(self) -> tuple[bool, str | None]:
        """Say whether the campaign is over, and why.

        Returns
        -------
        stop : bool
        reason : str or None
            The sentence that goes into the stop document.
        """
        reason = self._stop_reason()
        return reason is not None, reason

    def _stop_reason(self) -> str | None:
        done, budget = len(self.conclusions), self.problem.budget
        tail = self.conclusions[-FAILURES_IN_A_ROW:]
        if len(tail) == FAILURES_IN_A_ROW and not any(c.valid for c in tail):
            return f"{FAILURES_IN_A_ROW} experiments in a row failed; the last: {tail[-1].reason}"
        standing = self.standing()
        stop = self.problem.stop
        best = standing.best_feasible
        if stop.goal is not None and best is not None:
            reached = self.problem.sign * self.conclusions[best].f
            if self.problem.sign * (reached - stop.goal) <= 0:
                return (
                    f"goal reached: {self.problem.goal.text} = {reached:.4g} in experiment "
                    f"{best + 1} (asked for {stop.goal:g})"
                )
        if stop.verdict and done >= len(self._asked) and not self._queue:
            self._verdict = self.optimiser.verdict()
            if self._verdict is not None:
                return self._verdict.text
        if stop.patience is not None:
            leader = best if best is not None else standing.best
            since = done - (leader + 1 if leader is not None else 0)
            if since >= stop.patience:
                return f"no improvement in {since} experiments"
        if done >= budget:
            return f"budget: {done} of {budget} experiments done"
        return None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that stopped the campaign, with its evidence."""
        return self._verdict

    def handed_over(self) -> tuple[int, Best] | None:
        """Give the point to hand over: lowest expected goal among those likely feasible.

        Returns
        -------
        (int, Best) or None
            Index of its first experiment, and what is known of it; None while there is none.
        """
        best = self.optimiser.best(feasible=True)
        if best is None:
            return None
        gaps = [np.abs(self.space.to_box(c.conditions) - best.x).max() for c in self.conclusions]
        return int(np.argmin(gaps)), best

    def digest(self) -> str:
        """Short fingerprint of the optimiser's state (16 hex digits of SHA-256)."""
        state = json.dumps(self.optimiser.state(), sort_keys=True)
        return hashlib.sha256(state.encode()).hexdigest()[:16]

    # -- the decision stream ----------------------------------------------------

    def decision(self) -> dict[str, float | str]:
        """Give the data of a ``decision`` event for the latest conclusion."""
        last, standing = self.conclusions[-1], self.standing()
        i = len(self.conclusions) - 1
        sign = self.problem.sign
        handed = self.handed_over()
        data: dict[str, float | str] = {
            "number": float(last.number),
            "valid": float(last.valid),
            "reason": last.reason,
            "goal": sign * last.f,
            "goal_sd": last.f_sd,
            "f": last.f,
            "p": float(standing.p[i]),
            "f_star": float(standing.f_star[i]),
            "f_soft": float(standing.f_soft[i]),
            "feasibility": standing.feasibility[i],
            "violated": self.problem.violated(last.F) if last.valid else "",
            "why": last.why,
            "flags": "; ".join(last.flags),
            "best": _number(standing.best),
            "best_feasible": _number(standing.best_feasible),
            "handed_over": _number(handed and handed[0]),
            "probability_feasible": handed[1].probability_feasible if handed else math.nan,
            "digest": self.digest(),
        }
        for name in self.problem.measured:
            data[name] = last.fractions[name]
            data[f"{name}_sd"] = last.sd[name]
        for k in range(len(self.problem.windows)):
            data[f"F_{k + 1}"] = float(last.F[k])
            data[f"F_{k + 1}_sd"] = float(last.F_sd[k])
        return data

    def describe_decision(self) -> dict[str, dict[str, Any]]:
        """Describe the keys of `decision`: all numbers are dimensionless floats."""
        texts = {"reason", "feasibility", "violated", "why", "flags", "digest"}
        numbers = ["number", "valid", "goal", "goal_sd", "f", "p", "f_star", "f_soft"]
        numbers += ["best", "best_feasible", "handed_over", "probability_feasible"]
        numbers += [key for name in self.problem.measured for key in (name, f"{name}_sd")]
        for k in range(len(self.problem.windows)):
            numbers += [f"F_{k + 1}", f"F_{k + 1}_sd"]
        common = {"source": "reactune.analysis.agent", "shape": []}
        return {
            **{key: {**common, "dtype": "number", "units": "1"} for key in numbers},
            **{key: {**common, "dtype": "string"} for key in sorted(texts)},
        }


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
        return Standing(np.full(n, 3.0), nothing, nothing, ["failed"] * n, None, None)
    f0, delta = merit.reference(f[ok], F[ok], windows)
    f_soft = merit.soft_merit(f, F, windows, f0, delta)
    p = np.where(ok, windows.penalty(F), math.nan)
    f_star = np.where(ok, merit.f_star(f, f0, delta), math.nan)
    classes = windows.feasibility(F)
    feasibility = [str(c) if good else "failed" for c, good in zip(classes, ok, strict=True)]
    feasible = np.array([c == "feasible" for c in feasibility])
    best_feasible = int(np.argmin(np.where(feasible, f, np.inf))) if feasible.any() else None
    best = int(np.argmin(np.where(ok, f_soft, np.inf)))
    return Standing(f_soft, p, f_star, feasibility, best, best_feasible)


def _number(index: int | None) -> float:
    """Experiment number (from 1) of an index, NaN for none."""
    return math.nan if index is None else float(index + 1)
