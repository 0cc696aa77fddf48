"""The agent: event document -> measurement -> properties -> merit -> tell; ask -> conditions.

It knows documents and the problem, no device: the same agent runs beside a RunEngine, replays a
stored run, continues one that was interrupted, and is told outcomes by who has no rig (`Adaptive`).
"""

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..analytics import Analytics, Measurement, from_start, to_start
from ..one_thread import on_one_thread
from ..optimisers import engine_of, restored
from ..optimisers.recommend import Verdict, verdict
from ..problem import merit
from ..problem.model import Problem
from ..problem.space import Space
from ..problem.tables import Setting
from . import stopping
from .evaluation import Decision, Evaluation, as_set, asked_of, check_measured, in_words
from .judged import Judged
from .keys import clashes
from .standing import Standing, stand
from .suggestion import Suggestion

SCHEMA = 3
"""Version of the form of `Agent.state`."""


@dataclass(eq=False)  # listens to documents, so it must be hashable
class Agent(Judged):
    """Reads event documents, or is told outcomes, and asks for experiments.

    Parameters
    ----------
    problem : Problem
        What the user asks, or what `Problem.load` takes for it.
    analytics : Analytics, optional
        How the data of an event become measured quantities. Without it the agent only takes
        outcomes in (`ingest`).
    seed : int
        Seed of the optimiser; the same documents and seed give the same asks.
    first : sequence of mapping, optional
        Conditions to measure first, in place of a space-filling first batch: see rediscovery.
    file : Path, optional
        Where `checkpoint` writes.

    Raises
    ------
    ValueError
        If the analytics does not measure everything the problem names, the problem measures
        something under a name that decisions use, or one of the first conditions is outside a range
        or limit.
    """

    problem: Problem
    analytics: Analytics | None = None
    seed: int = 0
    first: Sequence[Mapping[str, Setting]] = ()
    file: Path | None = None
    evaluations: list[Evaluation] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.problem = Problem.load(self.problem)  # a file's name does as well
        if self.analytics is not None:
            check_measured(self.problem, self.analytics)
        self.problem = self.problem.resolved(self.analytics.kind if self.analytics else "real")
        if clash := clashes(self.problem):
            also = " in problem and rig file" if self.analytics is not None else ""
            raise ValueError(
                f"measured: stored runs use {', '.join(clash)} for something else; call it "
                f"otherwise{also}, for example {clash[0]}_1"
            )
        self.space = Space.of(self.problem)
        self.windows = self.problem.soft
        self.optimiser = engine_of(self.problem, self.space, self.seed)
        for conditions in self.first:
            self.space.to_box(conditions)
        self.first = [as_set(conditions) for conditions in self.first]
        self._first = deque(dict(c) for c in self.first[: self.problem.budget])
        self._queue: deque[Suggestion] = deque()
        self._asked: dict[int, Suggestion] = {}
        # whether the queue was drawn while a result was outstanding; whether it was looked at
        self._ahead = self._settled = False
        self._primary: str | None = None
        self._improved = 0  # evaluations until the last one that was the best so far

    # -- asking ---------------------------------------------------------------

    def ask(self) -> Suggestion | None:
        """Give the next experiment, or None while there is none to give.

        A batch is asked for at once; while its last results are outstanding the
        answer is None, and so it is once the budget is spent.
        """
        self._fill_queue()
        if not self._queue:
            return None
        suggestion = self._queue.popleft()
        self._asked[suggestion.number] = suggestion
        return suggestion

    def ahead(self, draw: bool = True) -> Suggestion | None:
        """Say what `ask` will give next, while the experiment before it is being measured.

        The composite model imagines that one's result, so that a batch is asked for before the last
        one has been answered whole. If that one then cannot be made at all, nothing is under way to
        what comes next, and it is asked for again. A model of the merit waits.

        Parameters
        ----------
        draw : bool
            Whether a batch may be asked for: not before somebody has looked at it.

        Returns
        -------
        Suggestion or None
            None while there is nothing to say; it is not given out.
        """
        if draw and self.problem.optimiser.model == "composite":
            self._fill_queue(outstanding=1)
        return self._queue[0] if self._queue else None

    def _fill_queue(self, outstanding: int = 0) -> None:
        """Ask the optimiser for a batch, if no more than so many results are outstanding."""
        asked, done = len(self._asked), len(self.evaluations)
        if self._queue or done + outstanding < asked:
            return
        size = self.problem.batch if asked else self.problem.first_batch
        n = len(self._first) or int(min(size, self.problem.budget - asked, self.untried()))
        if n > 0:
            self._queue.extend(self.draw(n))
            self._ahead, self._settled = done < asked, False

    def draw(self, n: int) -> list[Suggestion]:
        """Draw the next n points: what is left of the first ones, then the optimiser's."""
        points = [self._first.popleft() for _ in range(min(n, len(self._first)))]
        whys = ["given: to be measured first"] * len(points)
        if n > len(points):
            x = self.optimiser.ask(n - len(points))
            points += self.space.to_conditions(x)
            whys += [in_words(self.optimiser.why(row), self.problem, self.evaluations) for row in x]
        start = self._next() + len(self._queue)
        return [
            Suggestion(start + i, conditions, why)
            for i, (conditions, why) in enumerate(zip(points, whys, strict=True))
        ]

    # -- listening ------------------------------------------------------------

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Listen to a run's documents: evaluate each event of ``primary``."""
        if name == "descriptor" and doc["name"] == "primary":
            self._primary = doc["uid"]
        elif name == "event" and doc["descriptor"] == self._primary:
            self.evaluate(doc["data"])

    @on_one_thread  # analytics are anybody's
    def evaluate(self, data: Mapping[str, Any]) -> Evaluation:
        """Measure and evaluate one ``primary`` event, and tell the optimiser.

        Parameters
        ----------
        data : mapping
            ``number``, ``asked_<variable>``, ``valid``, ``reason``, and what the analytics needs.

        Returns
        -------
        Evaluation
            Also appended to `evaluations`; that of an event of before is given, and not told twice.

        Raises
        ------
        ValueError
            If the agent was made without an analytics.
        """
        if self.analytics is None:
            raise ValueError(
                "the agent cannot read events: give it an analytics, Agent(problem, analytics=...)"
            )
        number = int(data["number"])
        if (before := next((e for e in self.evaluations if e.number == number), None)) is not None:
            return before
        conditions = asked_of(data, self.problem)
        asked = self._asked.get(number)
        told = Suggestion(number, conditions, asked.why if asked else "given")
        if not data["valid"]:
            nothing = Measurement.failed(self.problem.measured, str(data["reason"]))
            return self.take(told, nothing, recorded=False)
        return self.take(told, self.analytics.measure(data))

    def take(
        self, asked: Suggestion, measurement: Measurement, recorded: bool = True
    ) -> Evaluation:
        """Evaluate what was measured of a suggestion, keep it and tell it."""
        number, conditions, why = asked.number, asked.conditions, asked.why
        found = Evaluation.of(number, conditions, measurement, self.problem, why, recorded)
        self._tell([(found, self.space.to_box(conditions))])
        self.evaluations.append(found)
        if self._ahead and not recorded:
            self._withdraw()
        self._ahead = False
        if self.problem.stop.patience is not None:
            self._improved = max([self._improved, *(i + 1 for i, _ in self.leaders())])
        return found

    def _tell(self, told: Sequence[tuple[Evaluation, np.ndarray]]) -> None:
        """Tell the optimiser of experiments, and where in its box they were made."""
        if told:
            self.optimiser.tell(
                np.array([place for _, place in told]),
                [found.f for found, _ in told],
                np.array([found.F for found, _ in told]).reshape(len(told), len(self.windows)),
                [found.f_sd for found, _ in told],
                np.array([found.F_sd for found, _ in told]).reshape(len(told), len(self.windows)),
                [list(found.measurement.values.values()) for found, _ in told],
                [list(found.measurement.sd.values()) for found, _ in told],
            )

    def allow(self, budget: int) -> None:
        """Change how many experiments there are at most, those done included."""
        if budget != self.problem.budget:
            self.problem = Problem.load({**self.problem.to_dict(), "budget": budget})

    def _withdraw(self) -> None:
        """Take back what was drawn ahead of a result that will never come."""
        for waiting in self._queue:
            self.optimiser.withdraw(self.space.to_box(waiting.conditions))
        self._queue.clear()

    # -- where it stands ------------------------------------------------------

    def standing(self) -> Standing:
        """Rank all experiments so far as measured, by the merit that ranks them now."""
        return stand(
            self.evaluations, self.windows, self.optimiser.book.scale or merit.PENALTY_ALONE
        )

    def decision(self) -> Decision:
        """Give what is stored of the latest evaluation: how the campaign stands after it."""
        standing, i, front = self.standing(), len(self.evaluations) - 1, self.front()
        return Decision(
            self.evaluations[i],
            f_soft=float(standing.f_soft[i]),
            p=float(standing.p[i]),
            f_star=float(standing.f_star[i]),
            scale=self.optimiser.book.scale,
            feasibility=standing.feasibility[i],
            best=None if front else self.told(self.best()),
            best_feasible=self.told(self.best(feasible=True)),
            doubted=self.doubted(),
            digest=self.digest(),
            front=tuple(self.tell_of(*found) for found in front),
        )

    def should_stop(self) -> tuple[bool, str | None]:
        """Say whether the campaign is over, and why.

        Returns
        -------
        stop : bool
        reason : str or None
            The sentence that goes into the stop document.
        """
        reason = stopping.stuck(self.evaluations) or self.finished()
        return reason is not None, reason

    def finished(self) -> str | None:
        """Say why the problem needs no further experiment, or None.

        Failed experiments are no such reason: once the rig is mended the campaign can go on.
        """
        # between two batches the next one may have been drawn ahead
        within = 0 < len(self._queue) < self.problem.batch
        waiting = within or len(self.evaluations) < len(self._asked)
        return stopping.finished(
            self.problem,
            self.evaluations,
            self.told(self.best(feasible=True)),
            lambda: None if waiting else self.verdict(),
            self._improved,
        ) or (None if self._queue else stopping.exhausted(self.optimiser.book))

    def verdict(self) -> Verdict | None:
        """Give the verdict on whether going on is of use, with its evidence."""
        return verdict(self.optimiser.book)

    # -- its state ------------------------------------------------------------

    def digest(self) -> str:
        """Short fingerprint of the optimiser's state (16 hex digits of SHA-256)."""
        state = json.dumps(self.optimiser.state(), sort_keys=True)
        return hashlib.sha256(state.encode()).hexdigest()[:16]

    def state(self) -> dict[str, Any]:
        """Give everything that the next suggestion depends on, as strict JSON has it."""
        return {
            "schema": SCHEMA,
            "problem": self.problem.to_dict(),
            **(to_start(self.analytics) if self.analytics else {}),
            "seed": int(self.seed),
            "first": [dict(c) for c in self.first],
            "left": list(self._first),
            "ahead": self._ahead,
            "settled": self._settled,
            "queue": [asdict(s) for s in self._queue],
            "asked": [asdict(s) for s in self._asked.values()],
            "evaluations": [e.to_dict() for e in self.evaluations],
            "improved": self._improved,
            "optimiser": self.optimiser.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], file: Path | None = None) -> Self:
        """Continue from a `state`: the next suggestions are those the original would give.

        Raises
        ------
        ValueError
            If another version wrote it.
        """
        if state["schema"] != SCHEMA:
            raise ValueError(
                f"the agent's state has schema {state['schema']}, this version reads {SCHEMA}; "
                "begin anew, and ingest the outcomes known so far"
            )
        self = cls(
            Problem.load(state["problem"]),
            from_start(state) if "method" in state else None,
            state["seed"],
            state["first"],
            file,
        )
        self._first = deque(state["left"])
        self._ahead, self._settled = bool(state["ahead"]), bool(state.get("settled"))
        self._queue = deque(Suggestion(**s) for s in state["queue"])
        self._asked = {s["number"]: Suggestion(**s) for s in state["asked"]}
        self.evaluations += [Evaluation.from_dict(e) for e in state["evaluations"]]
        self._improved = state["improved"]
        self.optimiser = restored(self.problem, state["optimiser"])
        return self
