"""The face of an agent towards bluesky-adaptive 1.0 (`bluesky_adaptive.protocols`).

`Agent` has it, so that ``bluesky_adaptive.optimize`` can run ours; and who has no rig at all tells
outcomes through it.
"""

import json
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analytics.failing import FAILED, failure
from ..analytics.measurement import Measurement, no_fractions
from ..cells import number as number_of
from ..files import replace_file
from ..optimisers import Engine
from ..problem.meaning import no_share
from ..problem.model import Problem
from ..problem.space import Space
from ..problem.tables import Setting
from ..written import quoted
from .evaluation import Evaluation
from .suggestion import Suggestion

if TYPE_CHECKING:
    import pandas as pd


class Adaptive(ABC):
    """Suggests, and takes in outcomes, by numbered suggestions.

    Attributes
    ----------
    problem : Problem
    space : Space
    file : Path or None
        Where `checkpoint` writes.
    evaluations : list of Evaluation
        What became of the experiments so far.
    """

    problem: Problem
    space: Space
    file: Path | None
    evaluations: list[Evaluation]
    optimiser: Engine
    _queue: deque[Suggestion]  # drawn, not yet given out
    _asked: dict[int, Suggestion]  # given out, by number
    _improved: int  # evaluations until the last one that was the best so far

    @abstractmethod
    def draw(self, n: int) -> list[Suggestion]:
        """Draw the next n points, numbered after those asked for or waiting."""

    @abstractmethod
    def take(
        self, asked: Suggestion, measurement: Measurement, recorded: bool = True
    ) -> Evaluation:
        """Take in what was measured of a suggestion."""

    @abstractmethod
    def _tell(self, told: Sequence[tuple[Evaluation, np.ndarray]]) -> None:
        """Tell the optimiser of experiments, and where in its box they were made."""

    @abstractmethod
    def bests(self) -> list[Evaluation]:
        """Give the best experiment, or of two goals the front."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Give everything that the next suggestion depends on, for `json.dumps`."""

    def _next(self) -> int:
        """Give the number after all that were given out."""
        return max(self._asked, default=0) + 1

    def suggest(self, num_points: int | None = None) -> list[dict[str, Setting]]:
        """Give the next experiments, as many as asked for (one unless told otherwise).

        Returns
        -------
        list of dict
            The problem's variables, with the experiment's number as ``_id``.

        Raises
        ------
        ValueError
            If it is no whole number from 0.
        """
        n = 1 if num_points is None else num_points
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 0:
            raise ValueError(f"suggest({quoted(n)}): ask for a whole number of points, as in 5")
        waiting = [self._queue.popleft() for _ in range(min(n, len(self._queue)))]
        self._asked |= {s.number: s for s in waiting}  # before others are numbered
        drawn = self.draw(n - len(waiting))
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
            number = self._next() + len(self._queue)
            self._asked[number] = Suggestion(number, conditions, "given")
            numbered.append({"_id": number, **conditions})
        return numbered

    def ingest(self, points: "Sequence[Mapping[str, Any]] | pd.DataFrame") -> None:
        """Take in outcomes, in any order.

        Parameters
        ----------
        points : sequence of mapping, or DataFrame
            The measured quantities, and under ``<name>_sd`` their standard deviations where known;
            NaN for a failed experiment. With the ``_id`` of a suggestion, or with the variables, or
            both: what was set counts, where it is other than what was asked for.

        Raises
        ------
        ValueError
            If a point is nobody's: no such ``_id`` and no conditions, or evaluated before; or if
            one of its values is missing, no number or no fraction. Then none is taken in.
        """
        told = _records(points)
        done = {e.number for e in self.evaluations}
        outcomes = []
        for point in told:
            asked = self._meant(point)
            if asked is None:
                self._chosen(point)
            elif asked.number in done:
                raise ValueError(f"suggestion {asked.number} has its outcome already")
            else:
                self._set(asked, point)
                done.add(asked.number)
            outcomes.append((asked, point, _outcome(point, self.problem)))
        for asked, point, measurement in outcomes:
            if asked is None:
                (named,) = self.register_suggestions([point])
                asked = self._asked[named["_id"]]
            elif (was_set := self._set(asked, point)) != asked.conditions:
                self.optimiser.withdraw(self.space.to_box(asked.conditions))
                asked = replace(asked, conditions=was_set)
            self.take(asked, measurement)

    def know(
        self, old: Sequence[tuple[Suggestion, Measurement]], before: bool = False
    ) -> list[int]:
        """Take in what is known already, all at once; it counts as experiments of this campaign.

        Parameters
        ----------
        old : sequence of (Suggestion, Measurement)
            In the order they were made. They may be outside today's ranges and limits.
        before : bool
            Whether they were made before this campaign, which has all its patience then.

        Returns
        -------
        list of int
            Numbers of those that have no place in the optimiser's box: they are not known here, and
            not counted.
        """
        told: list[tuple[Evaluation, np.ndarray]] = []
        lost = []
        for asked, measurement in old:
            place = self.space.place(asked.conditions)
            if place is None:  # nobody waits for what became of it
                lost.append(asked.number)
                continue
            self._asked[asked.number] = asked
            seen = asked.number, asked.conditions, measurement, self.problem, asked.why
            told.append((Evaluation.of(*seen), place))
        self.evaluations += [found for found, _ in told]
        self._tell(told)
        self._improved = len(self.evaluations)
        if not before and self.problem.stop.patience is not None:
            best = {found.number for found in self.bests()}
            improved = [i for i, found in enumerate(self.evaluations, 1) if found.number in best]
            self._improved = max(improved, default=0)
        return lost

    def expect(self, pending: Sequence[Suggestion]) -> None:
        """Count experiments that somebody else has begun: nothing near them is asked for."""
        self._asked |= {asked.number: asked for asked in pending}
        places = [self.space.place(asked.conditions) for asked in pending]
        if known := [place for place in places if place is not None]:
            self.optimiser.expect(np.array(known))

    def untried(self) -> float:
        """Count the points that can be set and were never asked for; inf if they have no end."""
        book, done = self.optimiser.book, {e.number for e in self.evaluations}
        if book.settable is None or book.settable.every is None:
            return math.inf
        out = [s.conditions for s in (*self._asked.values(), *self._queue) if s.number not in done]
        places = [place for c in out if (place := self.space.place(c)) is not None]
        taken = np.vstack([book.table.places, *places])
        return len(book.settable.left(taken, book.resolution))

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
        nothing = Measurement.failed(self.problem.measured, "not acquired")
        for number in sorted(set(numbers) - {e.number for e in self.evaluations}):
            self.take(self._asked[number], nothing, recorded=False)

    def best_points(self) -> list[tuple[int, dict[str, Setting], dict[str, float]]]:
        """Give `get_best_points`, which is what bluesky-adaptive calls it."""
        return self.get_best_points()

    def get_best_points(self) -> list[tuple[int, dict[str, Setting], dict[str, float]]]:
        """Give the best feasible experiment, or the best by merit while none is feasible.

        Returns
        -------
        list of (number, conditions, values)
            One, of two goals all on the front; none while nothing has been measured.
        """
        return [
            (best.number, dict(best.conditions), dict(best.measurement.values))
            for best in self.bests()
        ]

    def checkpoint(self) -> None:
        """Write the state to `file`, whole or not at all.

        Raises
        ------
        ValueError
            If the agent was made without a file.
        """
        if self.file is None:
            raise ValueError("the agent has no file to write to: Agent(..., file=PATH)")
        replace_file(self.file, json.dumps(self.state(), allow_nan=False).encode())

    def _meant(self, point: Mapping[str, Any]) -> Suggestion | None:
        """Give the suggestion that an outcome belongs to; None if it brings its own conditions."""
        number: Any = point.get("_id")
        if isinstance(number, Hashable) and number in self._asked:
            return self._asked[number]
        if missing := [v for v in self.problem.variables if v not in point]:
            if "_id" not in point:
                raise ValueError(
                    f"{', '.join(missing)} is missing, and so is the _id of a suggestion; give one "
                    f"or the other, under these names (there are {', '.join(map(str, point))})"
                )
            raise ValueError(
                f"_id {number!r} is no suggestion of this agent; to ingest "
                f"another point give its conditions too ({', '.join(missing)} missing)"
            )
        return None

    def _set(self, asked: Suggestion, point: Mapping[str, Any]) -> dict[str, Setting]:
        """Give what was set when a suggestion was measured: as asked for, but for what is told."""
        stated = {name: point.get(name) for name in self.problem.variables}
        told = {name: v for name, v in stated.items() if v is not None and v == v}  # nan says none
        if all(told[name] == asked.conditions[name] for name in told):
            return asked.conditions
        return self._chosen({**asked.conditions, **told})

    def _chosen(self, point: Mapping[str, Any]) -> dict[str, Setting]:
        """Give the conditions that somebody else chose, if they are inside all limits."""
        conditions: dict[str, Setting] = {
            name: _word(point, name) if variable.choices else _number(point, name)
            for name, variable in self.problem.variables.items()
        }
        self.space.to_box(conditions)
        return conditions


def _records(points: Any) -> list[Mapping[str, Any]]:
    """Give the rows of a frame, or of a sequence."""
    if isinstance(points, Sequence) and all(isinstance(point, Mapping) for point in points):
        return [{key: _or_nan(value) for key, value in point.items()} for point in points]
    titles = list(map(str, getattr(points, "columns", ())))
    if not titles and not hasattr(points, "columns"):
        raise ValueError(
            f"outcomes are a list of dicts, or a DataFrame; {type(points).__name__} is neither: "
            "put a single outcome into a list"
        )
    if twice := [title for title in titles if titles.count(title) > 1]:
        raise ValueError(f"the frame has two columns {twice[0]}; drop or rename one of them")
    rows = points.to_dict("records")  # in which what is missing may be None
    return [
        {str(key): math.nan if value is None else _or_nan(value) for key, value in row.items()}
        for row in rows
    ]


def _or_nan(value: Any) -> Any:
    """Give nan for what pandas has in its place where columns hold more than floats."""
    return math.nan if type(value).__name__ in ("NAType", "NaTType") else value


def _outcome(point: Mapping[str, Any], problem: Problem) -> Measurement:
    """Read the measured quantities that somebody else gave, and their standard deviations."""
    names = problem.measured
    values = {name: _number(point, name, ", NaN if it failed") for name in names}
    sd = {n: _number(point, f"{n}_sd") if f"{n}_sd" in point else math.nan for n in names}
    if wrong := [name for name in names if sd[name] < 0 or math.isinf(sd[name])]:
        raise ValueError(
            f"{wrong[0]}_sd = {sd[wrong[0]]:g} is no standard deviation; give a number "
            "from 0 up, or leave it out if unknown"
        )
    got = {name: value if math.isfinite(value) else None for name, value in values.items()}
    if FAILED not in (*names, *problem.variables) and (reason := _reason(point, got)):
        return Measurement.failed(names, reason)
    if not all(map(math.isfinite, values.values())):
        return Measurement.failed(names, "no outcome")
    if problem.kind == "fractions" and (why := no_fractions(values)):
        raise ValueError(f"{why}; correct them, and divide percentages by 100")
    if found := no_share(problem.windows, values):
        raise ValueError(f"{found[1]}; divide percentages by 100, or write the window without %")
    return Measurement(values, sd)


def _reason(point: Mapping[str, Any], got: Mapping[str, float | None]) -> str:
    """Read what a column `failed` says, as of a table; empty if nothing."""
    told = point.get(FAILED)
    nothing = told is None or (isinstance(told, float) and math.isnan(told))
    return "" if nothing else failure("an outcome", str(told), got)


def _word(point: Mapping[str, Any], name: str) -> str:
    """Read a choice that somebody else made."""
    if name not in point:
        raise ValueError(f"{name} is missing; name one of its choices")
    return str(point[name])


def _number(point: Mapping[str, Any], name: str, failed: str = "") -> float:
    """Read a number that somebody else gave; `failed` says what to give where there is none."""
    if name not in point:
        raise ValueError(f"{name} is missing; give it a number{failed}")
    value = point[name]
    try:
        if isinstance(value, bool | np.bool_) or (isinstance(value, str) and _is_none(value)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        comma = isinstance(value, str) and "," in value
        cure = ": write it with a decimal point" if comma else f": give it one{failed}"
        shown = quoted(value) if isinstance(value, bool) else repr(value)
        raise ValueError(f"{name} = {shown} is no number{cure}") from None


def _is_none(text: str) -> bool:
    """Whether a text is no number, or one with a decimal comma."""
    return "," in text or (math.isnan(number_of(text)) and text.strip().lower() != "nan")
