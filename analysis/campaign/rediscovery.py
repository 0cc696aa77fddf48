"""An earlier campaign again, and how much of it may still be believed.

A few of its experiments are repeated first, the sentinels. What they give, and then every further
result, is set beside what the old results foretell; from that follows how the models take them in.
"""

import json
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..analytics.measurement import Measurement
from ..one_thread import on_one_thread
from ..optimisers import engine_of
from ..optimisers.surrogate.before import Before, Compared
from ..optimisers.surrogate.composite import Surrogate
from ..optimisers.surrogate.drift import LEFT, Drift, drift, informative
from ..optimisers.table import Points
from ..problem.model import Problem
from ..problem.tables import Setting
from .agent import Agent
from .evaluation import Evaluation
from .known import Old, numbered
from .suggestion import Suggestion

Floats = NDArray[np.float64]

SENTINELS = 3
"""Experiments of the earlier campaign that are repeated before anything else."""

SURELY = 0.9
"""Probability of another reaction at which no further sentinel is asked for."""

VERDICTS = {
    "holds": "they hold",
    "shifted": "they hold but for a shift",
    "another": "not the same any more",
    "unknown": "nothing is known of them yet",
}

FINDING_TEXTS = "verdict", "trust", "probability", "change", "compared"
"""Keys of an event of the stream ``rediscovery`` that are texts; the last three are JSON."""

_SENTINEL = "sentinel: an experiment of the earlier campaign again"

_ANEW = "as a campaign from nothing would begin: the earlier results are not believed"


class Earlier:
    """An earlier campaign as today's problem sees it.

    Parameters
    ----------
    problem : Problem
    old : sequence of (Suggestion, Measurement)
        Its experiments, in today's variables.

    Attributes
    ----------
    agent : Agent
        Who knows them.
    surrogate : Surrogate or None
        What they foretell; None if they are too few for a model.
    """

    def __init__(self, problem: Problem, old: Sequence[Old]) -> None:
        self.agent = Agent(problem)
        self.agent.know(numbered(self.agent, old), before=True)
        model = self.agent.optimiser.book.explain()
        self.surrogate = model if isinstance(model, Surrogate) else None

    @property
    def evaluations(self) -> list[Evaluation]:
        """Its experiments, numbered from 1."""
        return self.agent.evaluations

    def points(self) -> Points:
        """Give the results that were not doubted in their time."""
        book = self.agent.optimiser.book
        return book.table.experiments([doubt.row for doubt in book.doubted()])[1]

    def compared(self, found: Sequence[Evaluation]) -> tuple[Compared, np.ndarray]:
        """Set results beside what the models foretell; and where they are in the cube, (n, d)."""
        assert self.surrogate is not None
        places = [self.agent.space.place(e.conditions) for e in found]
        z = self.surrogate.coordinates.to_cube(np.array(places, dtype=float))
        y = np.array([list(e.measurement.values.values()) for e in found])
        error = np.array([list(e.measurement.sd.values()) for e in found])
        return self.surrogate.compared(z, y, np.nan_to_num(error)), z

    def sentinels(self, count: int = SENTINELS) -> list[dict[str, Setting]]:
        """Choose experiments to repeat: the one handed over, then what tells shift from scale.

        Only what can be set today. None where no model says what to expect of them.
        """
        best = self.agent.handed_over()
        if self.surrogate is None or best is None:
            return []
        allowed = [e for e in self._believed() if self._settable(e)]
        if best in allowed:
            allowed = [best, *(e for e in allowed if e is not best)]
        if not allowed:
            return []
        chosen = informative(self.compared(allowed)[0], 0, count)
        return [allowed[i].conditions for i in chosen]

    def _believed(self) -> Iterator[Evaluation]:
        doubted = self.agent.doubted()
        return (e for e in self.evaluations if e.valid and e.number not in doubted)

    def _settable(self, found: Evaluation) -> bool:
        try:
            self.agent.settable(found.conditions)
        except ValueError:
            return False
        return True


class Change(NamedTuple):
    """A measured quantity, noise apart, at the best of before.

    Attributes
    ----------
    then, now : float
        By the old results alone, and by old and new ones.
    sd : float
        How much the change is in doubt.
    then_sd, now_sd : float
        How much each is in doubt; NaN in runs stored before these were told. There ``sd`` allows
        for no doubt about ``then``.
    """

    then: float
    now: float
    sd: float
    then_sd: float = math.nan
    now_sd: float = math.nan


@dataclass(frozen=True)
class Finding:
    """What is thought of an earlier campaign after so many experiments of this one.

    Attributes
    ----------
    number : int
        Of the latest experiment.
    verdict : str
        ``holds``, ``shifted`` or ``another``; ``unknown`` while nothing tells.
    trust : str
        How the old results enter the models, in words.
    probability : dict of str to float
        Of each of the three verdicts.
    change : dict of str to Change
        By measured quantity, at the best of before.
    compared : list of dict
        The evidence: of each experiment its number, and by quantity what was foretold, how far one
        experiment may be from that, and what was measured.
    """

    number: int
    verdict: str
    trust: str
    probability: dict[str, float] = field(default_factory=dict)
    change: dict[str, Change] = field(default_factory=dict)
    compared: list[dict[str, Any]] = field(default_factory=list)

    def to_data(self) -> dict[str, float | str]:
        """Give the data of an event of the stream ``rediscovery``."""
        plain = asdict(self)
        told = {key: json.dumps(plain.pop(key)) for key in FINDING_TEXTS[2:]}
        return {**plain, "number": float(self.number), **told}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read such an event."""
        return cls(
            int(data["number"]),
            str(data["verdict"]),
            str(data["trust"]),
            json.loads(data["probability"]),
            {name: Change(*told) for name, told in json.loads(data["change"]).items()},
            json.loads(data["compared"]),
        )


@dataclass(eq=False)
class Rediscoverer(Agent):
    """An agent that knows an earlier campaign of the same reaction, and finds out if it holds.

    Give it `Earlier.sentinels` as its first conditions.

    Parameters
    ----------
    earlier : Earlier
        Its experiments are none of this campaign's: none is handed over.

    Attributes
    ----------
    finding : Finding
        What is thought of them now.
    """

    earlier: Earlier | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._anew: deque[dict[str, Setting]] | None = None
        self.finding = self._look()

    def take(
        self, asked: Suggestion, measurement: Measurement, recorded: bool = True
    ) -> Evaluation:
        """Evaluate what was measured, and think again of what was before."""
        found = super().take(asked, measurement, recorded)
        self.finding = self._look()
        if self._anew is None and self.finding.probability.get("another", 0.0) > SURELY:
            self._withdraw()  # no further sentinel is worth an experiment
        return found

    def draw(self, n: int) -> list[Suggestion]:
        """Draw the next n points; where nothing is believed, first those of a cold start.

        Fewer where a batch shares settings and less than a batch of that start is left: the
        optimiser's own points have another value of these.
        """
        sentinels = len(self._first)
        if not sentinels and self.finding.verdict == "another":
            if self._anew is None:
                self._anew = self._from_nothing()
            self._first.extend(self._anew.popleft() for _ in range(min(n, len(self._anew))))
        given = len(self._first)
        if self.space.shared and self._anew is not None and given:
            n = min(n, given)
        why = _SENTINEL if sentinels else _ANEW
        drawn = super().draw(n)
        return [replace(s, why=why) for s in drawn[:given]] + drawn[given:]

    def _from_nothing(self) -> deque[dict[str, Setting]]:
        """Give the first batch that an agent that knows nothing would ask for.

        Without the points that are nearest to the sentinels, one for each of these, and those whose
        place a later result has taken.
        """
        engine = engine_of(self.problem, self.space, self.seed)
        left = engine.ask(self.problem.first_batch)
        span = self.space.upper - self.space.lower
        later = []
        for found in self.evaluations:
            here = self.space.place(found.conditions) if found.valid else None
            if here is None:
                continue
            if found.why != _SENTINEL:
                later.append(here)
            elif len(left):
                away = (((left - here) / span) ** 2).sum(axis=1)
                left = np.delete(left, away.argmin(), axis=0)
        told = np.array(later).reshape(-1, self.space.dim)
        known = taken(*((x - self.space.lower) / span for x in (left, told)))
        return deque(self.space.to_conditions(left[~known]))

    @on_one_thread
    def _look(self) -> Finding:
        """Judge the earlier campaign by all results so far, and let the models know."""
        book, valid = self.optimiser.book, [e for e in self.evaluations if e.valid]
        number, earlier = len(self.evaluations), self.earlier
        if earlier is None or earlier.surrogate is None:
            return Finding(number, "unknown", "not at all: they are too few for a model")
        reference = earlier.agent.handed_over()
        if not valid or reference is None:
            book.before = Before(earlier.points(), differs=True)
            return Finding(number, "unknown", "not yet: nothing has been measured again")
        new, z = earlier.compared([*valid, reference])
        found = drift(new, z)
        book.before, trust = _trusted(found, earlier.points())
        if not book.composite:
            trust = "for the first experiments only: the problem asks for a model of the merit"
        sd = np.hypot(found.was_sd, found.now_sd)
        change = zip(found.was, found.now, sd, found.was_sd, found.now_sd, strict=True)
        return Finding(
            number,
            found.kind,
            trust,
            {kind: float(p) for kind, p in found.probability.items()},
            {
                name: Change(*map(float, told))
                for name, told in zip(self.problem.measured, change, strict=True)
            },
            list(self._evidence(valid, new)),
        )

    def _evidence(self, valid: Sequence[Evaluation], new: Compared) -> Iterator[dict[str, Any]]:
        """Set what was measured beside what the old results foretell."""
        n = len(valid)
        doubt = np.sqrt(np.diagonal(new.doubt, axis1=1, axis2=2).T + new.scatter**2)[:n]
        drawn = np.random.default_rng(0).standard_normal((256, *doubt.shape))
        told = new.measured(new.foretold[:n])
        sd = new.measured(new.foretold[:n] + drawn * doubt).std(axis=0)
        for found, means, sds in zip(valid, told.tolist(), sd.tolist(), strict=True):
            names = found.measurement.values
            yield {
                "number": found.number,
                **{
                    name: [mean, spread, float(names[name])]
                    for name, mean, spread in zip(names, means, sds, strict=True)
                },
            }

    def state(self) -> dict[str, Any]:
        """Give everything that the next suggestion depends on, as strict JSON has it."""
        anew = None if self._anew is None else list(self._anew)
        return super().state() | {
            "before": [e.to_dict() for e in self.earlier.evaluations] if self.earlier else [],
            "anew": anew,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], file: Path | None = None) -> Self:
        """Continue from a `state`; see `Agent.from_state`."""
        self = super().from_state(state, file)
        old = map(Evaluation.from_dict, state["before"])
        before = [(Suggestion(e.number, e.conditions, e.why), e.measurement) for e in old]
        self.earlier = Earlier(self.problem, before)
        self._anew = None if state["anew"] is None else deque(state["anew"])
        self.finding = self._look()
        return self


def taken(points: Floats, told: Floats) -> NDArray[np.bool_]:
    """Say which points (n, d) are the nearest to a result (N, d), and near it.

    Nearer than points usually are to each other: a result far from all stands for none of them, and
    results that are all in one place stand for one.
    """
    known = np.zeros(len(points), dtype=bool)
    if len(points) > 1 and len(told):
        usual = np.median(np.sort(cdist(points, points), axis=1)[:, 1])
        away = cdist(told, points)
        known[away.argmin(axis=1)[away.min(axis=1) < usual]] = True
    return known


def _trusted(found: Drift, points: Points) -> tuple[Before | None, str]:
    """Say how the old results enter the models."""
    if found.kind == "another":
        return None, "not at all"
    if found.kind == "holds":
        return Before(points, differs=False), "as they are"
    if found.left < LEFT:
        return Before(points, differs=True), "with a fitted shift and trend"
    weaker = replace(points, dy=points.dy * np.sqrt(found.left))
    told = f"with a fitted shift and trend, errors {np.sqrt(found.left):.1f} times as large"
    return Before(weaker, differs=True), f"weighted down: {told}"
