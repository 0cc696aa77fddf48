"""What is handed over: by what the models expect of it, not by the luckiest noise.

It asks a book alone, so that the points of every optimiser are judged alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..one_thread import on_one_thread
from .book import Book
from .ranking import probability_feasible, within
from .surrogate.expected import Expected, certain
from .surrogate.front import unbeaten
from .surrogate.judge import TURNS, decided
from .surrogate.judging import LIKELY, Judging
from .surrogate.shaping import with_room
from .surrogate.verdict import Verdict, give
from .table import Points

__all__ = ["Expected", "Recommendation", "Verdict", "front", "hold", "recommend", "verdict"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recommendation:
    """The best point so far.

    Attributes
    ----------
    x : (d,) array
        Where, in the user's units.
    f : float
        Goal measured there, the mean of its repeats.
    F : (m,) array
        Windowed properties measured there.
    merit : float
        What ranks the points now, as expected where a model judges: the goal without windows; else
        the penalty p while no point is feasible (for at most 50 experiments), then the soft merit.
    feasible : bool
        Whether it is inside all windows: as measured, or with the composite model if that is more
        likely than not. A window without room (an equality) counts as wider by half its tolerance.
    probability_feasible : float
        Probability that it truly is inside all windows, noise apart.
    expected : Expected
        What a repeat would give, by all experiments.
    regret : float
        By how much the best of the experiments made is expected to be better, in the goal (of the
        lowest merit among windows: in the merit, since farther outside there are better goals that
        nobody wants): what not knowing which one that is costs. NaN where no model judges.
    """

    x: Floats
    f: float
    F: Floats
    merit: float
    feasible: bool
    probability_feasible: float
    expected: Expected
    regret: float = math.nan


@on_one_thread
def recommend(book: Book, feasible: bool = False) -> Recommendation | None:
    """Choose the point that is handed over, one told from outside the box included.

    Where there is noise, goal, merit and windows are those that the models of the book expect, not
    those that were measured. Inside windows, the point that was handed over at the last ask stays
    until another is better by more than is in doubt, or it has become unlikely to be inside.

    Parameters
    ----------
    book : Book
        Of any optimiser.
    feasible : bool
        False: the lowest merit. True: the lowest goal among the points inside all windows. Without
        windows both are the same.

    Returns
    -------
    Recommendation or None
        None while there is no such point.
    """
    found = book.once(f"best, feasible: {feasible}", lambda: _best(book, feasible))
    return found and replace(found, x=found.x.copy(), F=found.F.copy())


def _best(book: Book, feasible: bool) -> Recommendation | None:
    """Do what `recommend` does."""
    points = book.points()
    merit, scale = book.rank(points)[0], book.scale
    judge, windows = book.judge(), with_room(book.windows)
    goal, score = points.f.copy(), merit.copy()
    chance = probability_feasible(windows, points.F, points.dF)
    modelled = np.zeros(len(goal), dtype=bool)
    models: list[Judging] = []  # that were asked, in this order

    def learn(model: Judging) -> None:
        models.append(model)
        new = ~modelled[model.rows]
        rows, outcomes = model.rows[new], model.judged
        chance[rows], goal[rows] = outcomes.inside[new], model.mean_losses[new]
        score[rows] = model.merits(scale)[new] if len(windows) else goal[rows]
        modelled[rows] = True

    if judge is None:
        inside = points.measured & within(windows, points.F)
    else:
        learn(judge)
        if not (feasible and len(windows)):
            # a point whose neighbours nobody has judged may be the luckiest noise: judge them
            for _ in range(TURNS):
                lowest = int(np.where(points.measured, score, np.inf).argmin())
                if modelled[lowest] or judge.composed:
                    break
                learn(book.judges().around(lowest))
            score[~modelled] = np.inf
        inside = points.measured & (chance >= LIKELY)
        if (inside & modelled).any():
            inside &= modelled
    allowed = _sure(inside, chance, book) if feasible else points.measured
    if not allowed.any():
        return None
    # without windows the merit is the goal
    value = goal if feasible and len(windows) else score
    i = int(np.lexsort((goal, np.where(allowed, value, np.inf)))[0])
    if feasible and judge is not None and len(windows):
        i = _held(book, judge, i, allowed)
    regret = math.nan
    if judge is not None:
        by_goal = feasible or not len(windows)
        by = judge.losses if by_goal else judge.judged.merits(scale)
        regret = _regret(judge.rows, by, i, allowed)
    if not models and (explains := book.expects()) is not None:
        models.append(explains)
    expected = _expected(points, i, models)
    return Recommendation(
        points.x[i].copy(),
        float(points.f[i]),
        points.F[i].copy(),
        float(score[i]),
        bool(inside[i]),
        _said(float(chance[i]), expected),
        expected,
        regret,
    )


def _sure(inside: NDArray[np.bool_], chance: Floats, book: Book) -> NDArray[np.bool_]:
    """Give those inside that are as likely so as the book wants; where none is, the likeliest."""
    if not inside.any():
        return inside
    least = min(certain(book.confidence), float(chance[inside].max()))
    return np.asarray(inside & (chance >= least))


def _said(chance: float, expected: Expected) -> float:
    """Say how likely a point is to be inside: by what is expected, on its side of `LIKELY`."""
    if math.isnan(expected.inside):
        return chance
    return (max if chance >= LIKELY else min)(expected.inside, LIKELY)


def _regret(
    rows: NDArray[np.intp], losses: Floats, chosen: int, allowed: NDArray[np.bool_]
) -> float:
    """Give by how much another one allowed is better in each function, on average.

    `losses` are what they are chosen by, of the points `rows` in each function.
    """
    this = rows == chosen
    if not this.any():
        return math.nan
    gain = losses[this][0] - losses[allowed[rows] | this].min(axis=0)
    return float(gain.mean())


def _held(book: Book, judge: Judging, best: int, allowed: NDArray[np.bool_]) -> int:
    """Keep the point that was handed over last, unless the evidence is against it."""
    known = judge.rows.tolist()
    if book.held is None or book.held not in known or best not in known:
        return best
    if book.confidence > LIKELY and not allowed[book.held]:
        return best
    held = known.index(book.held)
    return best if decided(judge, held, known.index(best)) else book.held


@on_one_thread
def hold(book: Book) -> None:
    """Let the point that is handed over now be the one that others have to beat.

    For the optimiser to call before it asks, so that looking does not change the answer.
    """
    if (
        book.goals == 1
        and book.composite
        and len(book.windows)
        and (best := recommend(book, feasible=True))
    ):
        book.held = int((book.table.places == best.x).all(axis=1).argmax())


@on_one_thread
def front(book: Book) -> list[Recommendation]:
    """Give the points that no other is expected to beat in both of two goals, by the first goal.

    Of those likely inside all windows, and as likely as the book wants if any is; of those measured
    inside while nothing is modelled.

    Parameters
    ----------
    book : Book
        Of two goals.
    """
    points, surrogate = book.points(), book.surrogate()
    if surrogate is None:
        rows = np.flatnonzero(points.measured & within(book.windows, points.F))
        goals = np.column_stack([points.f, points.F[:, -1]])[rows]
        chance = probability_feasible(with_room(book.windows), points.F, points.dF)[rows]
        merit = np.zeros(len(rows))
    else:
        judged = surrogate.judged
        likely = judged.inside >= LIKELY
        if (sure := judged.inside >= certain(book.confidence)).any():
            likely &= sure
        rows, goals = surrogate.rows[likely], judged.middle[likely]
        chance, merit = judged.inside[likely], surrogate.merits(None)[likely]
    model = surrogate or book.expects()
    models = [] if model is None else [model]
    best = [(k, int(rows[k])) for k in unbeaten(goals)]
    expected = [_expected(points, i, models) for _, i in best]
    return [
        Recommendation(
            points.x[i].copy(), float(points.f[i]), points.F[i].copy(),
            float(merit[k]), True, _said(float(chance[k]), found), found,
        )
        for (k, i), found in zip(best, expected, strict=True)
    ]  # fmt: skip


def _expected(points: Points, i: int, models: Sequence[Judging]) -> Expected:
    """Say what a repeat of the i-th point would give, by the first model that knows it."""
    for model in models:
        if (where := np.flatnonzero(model.rows == i)).size:
            return model.expected(int(where[0]))
    values, errors = points.columns
    return Expected.measured(np.r_[values[i], points.y[i]], np.r_[errors[i], points.dy[i]])


@on_one_thread
def verdict(book: Book) -> Verdict | None:
    """Say whether going on is worth it: see `Verdict`; None while nothing is certain."""
    surrogate, done = book.surrogate(), len(book.table)
    if book.before is not None and done >= book.lower.size + 2:  # enough to see that it helps
        done += len(book.before.points.x)
    return None if surrogate is None else give(surrogate, done)
