"""Why and when a campaign stops, as sentences for the stop document."""

import math
from collections.abc import Callable, Sequence

from ..optimisers.book import Book
from ..optimisers.recommend import Verdict
from ..problem.edges import apart
from ..problem.model import Problem
from ..written import exact
from .evaluation import Evaluation
from .leader import Leader

FAILURES_IN_A_ROW = 3
"""A campaign ends after so many failed experiments in a row: the rig needs a look."""


def stuck(evaluations: Sequence[Evaluation]) -> str | None:
    """Say that the last experiments all failed, or None.

    That is no reason of the problem's: once the rig is mended the campaign can go on.
    """
    tail = evaluations[-FAILURES_IN_A_ROW:]
    if len(tail) == FAILURES_IN_A_ROW and not any(e.valid for e in tail):
        return f"{FAILURES_IN_A_ROW} experiments in a row failed; the last: {tail[-1].reason}"
    return None


def exhausted(book: Book) -> str | None:
    """Say that there is nothing left that has not been tried, or None."""
    settable = book.settable
    if settable is None or settable.every is None:
        return None
    if len(settable.left(book.table.places, book.resolution)):
        return None
    return f"all {len(settable.every)} points that the variables can be set to have been tried"


def finished(
    problem: Problem,
    evaluations: Sequence[Evaluation],
    feasible: Leader | None,
    verdict: Callable[[], Verdict | None],
    improved: int,
) -> str | None:
    """Say why a problem needs no further experiment, or None.

    Parameters
    ----------
    problem : Problem
        Its budget and its table ``[stop]`` decide.
    evaluations : sequence of Evaluation
        All experiments so far.
    feasible : Leader or None
        The best one likely inside all windows; what is expected of it counts, not a lucky result.
    verdict : callable
        Gives the verdict, which costs time: only asked if all else says to go on.
    improved : int
        How many experiments there were when one was the best so far for the last time.
    """
    stop, done = problem.stop, len(evaluations)
    if stop.goal is not None and feasible is not None:
        reached = feasible.expected["goal"].value
        if problem.sign * (reached - stop.goal) <= 0:
            good = (-math.inf, stop.goal) if problem.sign > 0 else (stop.goal, math.inf)
            return (
                f"goal reached: {problem.goal.text} = {apart(reached, good, 4)} is expected of "
                f"experiment {feasible.number} (asked for {exact(stop.goal)})"
            )
    if stop.verdict and (found := verdict()) is not None:
        return found.sentence([window.text for window in problem.windows])
    if stop.patience is not None and (since := done - improved) >= stop.patience:
        last = evaluations[improved - 1].number if improved else None
        best = "the best" if len(problem.aims) == 1 else "on the front"
        which = f" since experiment {last}, the last to be {best}" if last else ""
        return f"no improvement in {since} experiment{'s' * (since > 1)}{which}"
    if done > problem.budget:  # of a table, whose rows are anybody's
        return f"the budget of {problem.budget} experiments is spent ({done} done)"
    if done == problem.budget:
        return f"budget: {done} of {problem.budget} experiments done"
    return None
