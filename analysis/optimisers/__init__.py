"""The optimisers behind one contract, and the choice among them that a problem states."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.model import Problem
from ..problem.space import Space
from .book import Book
from .ranking import Window
from .recommend import Recommendation
from .settable import Settable
from .snobfit import Measured, Snobfit
from .sqsnobfit import SQSnobFit

Floats = NDArray[np.float64]


@runtime_checkable
class Engine(Protocol):
    """What an optimiser has to do; `snobfit.Snobfit` documents each verb.

    Any n from 1, any order of tells, failed rows, results of points never asked for, and the same
    asks for the same seed and results, also after a round trip through `state`.

    Attributes
    ----------
    book : Book
        What it was told, from which what is handed over is chosen.
    """

    book: Book

    def __init__(
        self,
        lower: ArrayLike,
        upper: ArrayLike,
        windows: Sequence[Window] | None = None,
        **stated: Any,
    ) -> None: ...

    def ask(self, n: int) -> Floats:
        """Choose exactly n points (n, d) inside the box."""
        ...

    def expect(self, x: ArrayLike) -> None:
        """Count points (n, d) that others have chosen as asked for."""
        ...

    def tell(
        self,
        x: ArrayLike,
        f: ArrayLike,
        F: ArrayLike | None = None,
        df: ArrayLike | None = None,
        dF: ArrayLike | None = None,
        y: ArrayLike | None = None,
        dy: ArrayLike | None = None,
    ) -> None:
        """Take in results; a row whose f is NaN is a failed experiment.

        y and dy are the measured quantities, for those that model them.
        """
        ...

    def withdraw(self, x: ArrayLike) -> None:
        """Take back a point asked for (d,), which nobody will measure."""
        ...

    def best(self, feasible: bool = False) -> Recommendation | None:
        """Give the best point so far, None while there is none."""
        ...

    def why(self, x: ArrayLike) -> str:
        """Say why a point was asked for."""
        ...

    def state(self) -> dict[str, Any]:
        """Give everything that the next ask depends on, for `json.dumps`."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, Any], measured: Measured) -> Self:
        """Go on from a `state`."""
        ...


ENGINES: dict[str, type[Engine]] = {"snobfit": Snobfit, "sqsnobfit": SQSnobFit}
"""By the name that a problem file gives in ``[optimiser]``."""


def engine_of(problem: Problem, space: Space, seed: int | None = None) -> Engine:
    """Build the optimiser that a problem asks for.

    Parameters
    ----------
    problem : Problem
        Its table ``[optimiser]`` names engine, model and p.
    space : Space
        The box to search.
    seed : int, optional

    Raises
    ------
    ValueError
        If the engine is not installed, or does not work with what is; the message says what to do.
    """
    stated, settable = problem.optimiser, settable_of(problem, space)
    windows = [(w.lower, w.upper, w.allowed) for w in problem.windows]
    common: dict[str, Any] = {
        "resolution": space.resolution,
        "p": stated.p,
        "seed": seed,
        "measured": composition(problem, space),
        "scales": space.scales,
    }
    if len(problem.aims) > 1:
        common["goals"] = len(problem.aims)
    if stated.engine == "snobfit":  # the only one with a choice of what it models
        common["model"] = stated.model
        if settable is not None:
            common["settable"] = settable
            if space.resolution is not None:  # two neighbouring values are two places
                common["resolution"] = space.resolution / 2
    return _sure(ENGINES[stated.engine](space.lower, space.upper, windows, **common), problem)


def _sure(engine: Engine, problem: Problem) -> Engine:
    """Have it hand over what is as likely to be inside the windows as the problem wants."""
    if problem.optimiser.confidence is not None:
        engine.book.confidence = problem.optimiser.confidence
    return engine


def composition(problem: Problem, space: Space) -> Measured:
    """Say what a problem measures, and how goal and windowed properties follow from it."""
    mentioned = {name for expression in problem.outcomes for name in expression.names}
    named = [name for name in problem.variables if name in mentioned]

    def compose(y: Floats, x: Floats) -> tuple[Floats, Floats]:
        columns = space.values(x) if named else {}
        return problem.compose(y, {name: columns[name] for name in named})

    count, kind = len(problem.measured), problem.kind or "real"
    if kind == "fractions" and count == 1:
        kind = "positive"  # one of the fractions alone does not add up to one
    return Measured(count, compose, kind)


def settable_of(problem: Problem, space: Space) -> Settable | None:
    """Say what an optimiser can ask for, where it is to search among that."""
    if not space.mixed or problem.optimiser.engine != "snobfit":
        return None
    if problem.optimiser.model != "composite":
        return None  # polynomials in numbers, rounded to what can be set
    span = space.upper - space.lower
    apart = np.zeros_like(span) if space.resolution is None else space.resolution / span
    return Settable(space.settle, apart, space.choices, space.every(), space.shared)


def restored(problem: Problem, state: Mapping[str, Any]) -> Engine:
    """Continue the optimiser of a problem from its `state`."""
    space = Space.of(problem)
    measured, settable = composition(problem, space), settable_of(problem, space)
    if settable is not None:
        return _sure(Snobfit.from_state(state, measured, settable), problem)
    return _sure(ENGINES[problem.optimiser.engine].from_state(state, measured), problem)
