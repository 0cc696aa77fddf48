"""The agent: event document -> fractions -> properties -> merit -> tell; ask -> conditions.

It knows documents and the problem, no device: the same agent runs beside a
RunEngine, replays a stored run and continues one that was interrupted. It also
speaks the protocols of bluesky-adaptive 1.0 (`bluesky_adaptive.protocols`), so
that ``bluesky_adaptive.optimize`` can run it.
"""

import hashlib
import json
import math
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..analytics.hplc.chromatogram import Method, analyse
from ..optimisers import engine_of, restored
from ..optimisers.recommend import Recommendation, Verdict, verdict
from ..problem import merit
from ..problem.model import Problem
from ..problem.space import Space
from .decision import OWN_KEYS
from .evaluation import Conclusion, Standing, stand

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
    file : Path, optional
        Where `checkpoint` writes.

    Raises
    ------
    ValueError
        If the method does not measure everything the problem names, the problem measures something
        under a name that decisions use, or one of the first conditions is outside a range or limit.
    """

    problem: Problem
    method: Method
    seed: int = 0
    first: Sequence[Mapping[str, float]] = ()
    file: Path | None = None
    conclusions: list[Conclusion] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        measured = [peak.name for peak in self.method.peaks]
        missing = [name for name in self.problem.measured if name not in measured]
        if missing:
            raise ValueError(
                f"measured: {', '.join(missing)} is not a peak of the HPLC method, which has "
                f"{', '.join(measured)}; add the peak to the rig file or leave it out"
            )
        if clash := [n for n in self.problem.measured if n in OWN_KEYS or n.startswith("F_")]:
            raise ValueError(
                f"measured: {', '.join(clash)} is a name that decisions use themselves; "
                "call it otherwise in problem and rig file"
            )
        self.space = Space.of(self.problem)
        self.windows = merit.Windows.of(
            [(w.lower, w.upper, w.tolerance) for w in self.problem.windows]
        )
        self.optimiser = engine_of(self.problem, self.space, self.seed)
        for conditions in self.first:
            self.space.to_box(conditions)
        self._first = deque(dict(c) for c in self.first[: self.problem.budget])
        self._queue: deque[Suggestion] = deque()
        self._asked: dict[int, Suggestion] = {}
        self._primary: str | None = None
        self._improved = 0  # conclusions until the last one that was the best so far

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
        n = len(self._first) or min(self.problem.batch, self.problem.budget - done)
        if n > 0:
            self._queue.extend(self._draw(n))

    def _draw(self, n: int) -> list[Suggestion]:
        """Draw the next n points: what is left of the first ones, then the optimiser's."""
        points = [self._first.popleft() for _ in range(min(n, len(self._first)))]
        whys = ["given: chosen from an earlier campaign"] * len(points)
        if n > len(points):
            x = self.optimiser.ask(n - len(points))
            points += self.space.to_conditions(x)
            whys += [self.optimiser.why(row) for row in x]
        start = len(self._asked) + len(self._queue) + 1
        return [
            Suggestion(start + i, conditions, why)
            for i, (conditions, why) in enumerate(zip(points, whys, strict=True))
        ]

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
        if (before := next((c for c in self.conclusions if c.number == number), None)) is not None:
            return before
        conditions = {v: float(data[f"asked_{v}"]) for v in self.problem.variables}
        recorded = bool(data["valid"])
        if not recorded:
            return self._take(number, conditions, None, str(data["reason"]), recorded=False)
        found = analyse(np.asarray(data["trace"], float), self.method)
        if not found.valid:
            return self._take(number, conditions, None, found.reason, found.flags)
        return self._take(number, conditions, (found.fractions, found.sd), flags=found.flags)

    def _take(
        self,
        number: int,
        conditions: dict[str, float],
        measured: tuple[Mapping[str, float], Mapping[str, float]] | None,
        reason: str = "",
        flags: tuple[str, ...] = (),
        recorded: bool = True,
    ) -> Conclusion:
        """Compute the properties, keep the conclusion and tell it; a failure stays a failure."""
        names = self.problem.measured
        nothing = dict.fromkeys(names, math.nan)
        fractions, sd = measured or (nothing, nothing)
        fractions, sd = ({name: values[name] for name in names} for values in (fractions, sd))
        found = self.problem.properties(fractions, sd, conditions)
        if measured and found.failure:
            measured, reason = None, found.failure
        asked = self._asked.get(number)
        conclusion = Conclusion(
            number, conditions, recorded, measured is not None, reason, fractions, sd,
            found.f if measured else math.nan, found.f_sd, found.F, found.F_sd, flags,
            asked.why if asked else "given",
        )  # fmt: skip
        y, dy = (
            [[values[name] for name in names]] for values in (conclusion.fractions, conclusion.sd)
        )
        self.optimiser.tell(
            self.space.to_box(conditions)[None, :],
            [conclusion.f],
            conclusion.F[None, :],
            [conclusion.f_sd],
            conclusion.F_sd[None, :],
            y,
            dy,
        )
        self.conclusions.append(conclusion)
        if self.problem.stop.patience is not None and (best := self.leader()) is not None:
            self._improved = max(self._improved, best[0] + 1)
        return conclusion

    # -- the protocols of bluesky-adaptive ------------------------------------

    def suggest(self, num_points: int | None = None) -> list[dict[str, float]]:
        """Give the next experiments, as many as asked for (one unless told otherwise).

        Returns
        -------
        list of dict
            The problem's variables, with the experiment's number as ``_id``.
        """
        n = 1 if num_points is None else num_points
        waiting = [self._queue.popleft() for _ in range(min(n, len(self._queue)))]
        self._asked |= {s.number: s for s in waiting}  # before others are numbered
        drawn = self._draw(n - len(waiting))
        self._asked |= {s.number: s for s in drawn}
        return [{"_id": s.number, **s.conditions} for s in waiting + drawn]

    def register_suggestions(
        self, suggestions: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Give numbers to conditions that somebody else chose, so that they can be ingested.

        Raises
        ------
        ValueError
            If one is outside a range or limit; then none is registered.
        """
        numbered = []
        for conditions in [self._chosen(point) for point in suggestions]:
            number = len(self._asked) + len(self._queue) + 1
            self._asked[number] = Suggestion(number, conditions, "given")
            numbered.append({"_id": number, **conditions})
        return numbered

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Take in outcomes, in any order.

        Parameters
        ----------
        points : sequence of mapping
            The measured quantities, and under ``<name>_sd`` their standard deviations where known;
            NaN for a failed experiment. With the ``_id`` of a suggestion, or with the variables.

        Raises
        ------
        ValueError
            If a point is nobody's: no such ``_id`` and no conditions, or concluded before; or if
            one of its values is missing or no number. Then none is taken in.
        """
        done = {c.number for c in self.conclusions}
        outcomes = []
        for point in points:
            asked = self._meant(point)
            if asked is None:
                self._chosen(point)
            elif asked.number in done:
                raise ValueError(f"suggestion {asked.number} has its outcome already")
            else:
                done.add(asked.number)
            outcomes.append((asked, point, *_outcome(point, self.problem.measured)))
        for asked, point, values, sd in outcomes:
            if asked is None:
                (named,) = self.register_suggestions([point])
                asked = self._asked[named["_id"]]
            if all(math.isfinite(value) for value in values.values()):
                self._take(asked.number, asked.conditions, (values, sd))
            else:
                self._take(asked.number, asked.conditions, None, "no outcome")

    def _meant(self, point: Mapping[str, Any]) -> Suggestion | None:
        """Give the suggestion that an outcome belongs to; None if it brings its own conditions."""
        number: Any = point.get("_id")
        if isinstance(number, Hashable) and number in self._asked:
            return self._asked[number]
        if missing := [v for v in self.problem.variables if v not in point]:
            raise ValueError(
                f"_id {number!r} is no suggestion of this agent; to ingest "
                f"another point give its conditions too ({', '.join(missing)} missing)"
            )
        return None

    def register_failures(self, suggestions: Sequence[Mapping[str, Any]]) -> None:
        """Take in that these suggestions could not be measured.

        Raises
        ------
        ValueError
            If one is no suggestion of this agent; then none is taken in.
        """
        numbers: list[int] = []
        for number in (suggestion.get("_id") for suggestion in suggestions):
            if not isinstance(number, Hashable) or number not in self._asked:
                raise ValueError(f"_id {number!r} is no suggestion of this agent")
            numbers.append(number)
        done = {c.number for c in self.conclusions}
        for number in sorted(set(numbers) - done):
            asked = self._asked[number]
            self._take(asked.number, asked.conditions, None, "not acquired", recorded=False)

    def _chosen(self, point: Mapping[str, Any]) -> dict[str, float]:
        """Give the conditions that somebody else chose, if they are inside all limits."""
        conditions = {v: _number(point, v) for v in self.problem.variables}
        self.space.to_box(conditions)
        return conditions

    def get_best_points(self) -> list[tuple[int, dict[str, float], dict[str, float]]]:
        """Give the best feasible experiment, or the best by merit while none is feasible.

        Returns
        -------
        list of (number, conditions, fractions)
            One, or none while nothing has been measured.
        """
        best = self.leader()
        if best is None:
            return []
        found = self.conclusions[best[0]]
        return [(found.number, dict(found.conditions), dict(found.fractions))]

    def checkpoint(self) -> None:
        """Write the state to `file`, whole or not at all.

        Raises
        ------
        ValueError
            If the agent was made without a file.
        """
        if self.file is None:
            raise ValueError("the agent has no file to write to: Agent(..., file=PATH)")
        part = self.file.with_name(self.file.name + ".part")
        part.write_text(json.dumps(self.state()))
        part.replace(self.file)

    def state(self) -> dict[str, Any]:
        """Give everything that the next suggestion depends on, for `json.dumps`."""
        return {
            "schema": 1,
            "problem": self.problem.to_dict(),
            "method": self.method.to_dict(),
            "seed": self.seed,
            "first": [dict(c) for c in self.first],
            "left": list(self._first),
            "queue": [asdict(s) for s in self._queue],
            "asked": [asdict(s) for s in self._asked.values()],
            "conclusions": [
                asdict(c) | {"F": c.F.tolist(), "F_sd": c.F_sd.tolist()} for c in self.conclusions
            ],
            "improved": self._improved,
            "optimiser": self.optimiser.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], file: Path | None = None) -> Self:
        """Continue from a `state`: the next suggestions are those the original would give."""
        self = cls(
            Problem.load(state["problem"]),
            Method.from_dict(state["method"]),
            state["seed"],
            state["first"],
            file,
        )
        self._first = deque(state["left"])
        self._queue = deque(Suggestion(**s) for s in state["queue"])
        self._asked = {s["number"]: Suggestion(**s) for s in state["asked"]}
        self.conclusions += [Conclusion.from_dict(c) for c in state["conclusions"]]
        self._improved = state["improved"]
        self.optimiser = restored(self.problem, state["optimiser"])
        return self

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
        tail = self.conclusions[-FAILURES_IN_A_ROW:]
        if len(tail) == FAILURES_IN_A_ROW and not any(c.valid for c in tail):
            return f"{FAILURES_IN_A_ROW} experiments in a row failed; the last: {tail[-1].reason}"
        return self.finished()

    def finished(self) -> str | None:
        """Say why the problem needs no further experiment, or None.

        Failed experiments are no such reason: once the rig is mended the campaign can go on.
        """
        done, budget = len(self.conclusions), self.problem.budget
        stop = self.problem.stop
        best = self.best(feasible=True)
        if stop.goal is not None and best is not None:
            found = self.conclusions[best[0]]
            reached = self.problem.sign * found.f
            if self.problem.sign * (reached - stop.goal) <= 0:
                return (
                    f"goal reached: {self.problem.goal.text} = {reached:.4g} in experiment "
                    f"{found.number} (asked for {stop.goal:g})"
                )
        waiting = self._queue or done < len(self._asked)
        if stop.verdict and not waiting and (given := self.verdict()) is not None:
            return given.sentence([window.text for window in self.problem.windows])
        if stop.patience is not None:
            since = done - self._improved
            if since >= stop.patience:
                last = self.conclusions[self._improved - 1].number if self._improved else None
                which = f" since experiment {last}, the last to be the best" if last else ""
                return f"no improvement in {since} experiment{'s' * (since > 1)}{which}"
        if done >= budget:
            return f"budget: {done} of {budget} experiments done"
        return None

    def verdict(self) -> Verdict | None:
        """Give the verdict on whether going on is of use, with its evidence."""
        return verdict(self.optimiser.book)

    def leader(self) -> tuple[int, Recommendation] | None:
        """Give the best feasible experiment, or the best by merit while none is feasible."""
        return self.best(feasible=True) or self.best()

    def best(self, feasible: bool = False) -> tuple[int, Recommendation] | None:
        """Give the best experiment so far, as the optimiser judges: not the luckiest noise.

        Parameters
        ----------
        feasible : bool
            False: the best by merit. True: the best goal among those likely inside all windows,
            which is the one to hand over.

        Returns
        -------
        (int, Recommendation) or None
            Index of its first valid experiment, and what is known of it; None while there is none.
        """
        best = self.optimiser.best(feasible)
        if best is None:
            return None
        span = self.space.upper - self.space.lower
        valid = [i for i, c in enumerate(self.conclusions) if c.valid]
        x = np.array([self.space.to_box(self.conclusions[i].conditions) for i in valid])
        return valid[int((np.abs(x - best.x) / span).max(axis=1).argmin())], best

    def digest(self) -> str:
        """Short fingerprint of the optimiser's state (16 hex digits of SHA-256)."""
        state = json.dumps(self.optimiser.state(), sort_keys=True)
        return hashlib.sha256(state.encode()).hexdigest()[:16]


def _outcome(
    point: Mapping[str, Any], names: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Read the measured quantities that somebody else gave, and their standard deviations."""
    values = {name: _number(point, name) for name in names}
    sd = {n: _number(point, f"{n}_sd") if f"{n}_sd" in point else math.nan for n in names}
    if wrong := [name for name in names if sd[name] < 0 or math.isinf(sd[name])]:
        raise ValueError(
            f"{wrong[0]}_sd = {sd[wrong[0]]:g} is no standard deviation; give a number "
            "from 0 up, or leave it out if unknown"
        )
    return values, sd


def _number(point: Mapping[str, Any], name: str) -> float:
    """Read a number that somebody else gave."""
    try:
        return float(point[name])
    except KeyError:
        raise ValueError(f"{name} is missing; give it a number, NaN if it failed") from None
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {point[name]!r} is no number") from None
