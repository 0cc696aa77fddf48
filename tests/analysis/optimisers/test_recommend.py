"""What is handed over follows from the book alone, whoever proposed the points."""

import importlib.util

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.optimisers.book import Book
from reactune.analysis.optimisers.recommend import front, recommend, verdict
from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.optimisers.surrogate.scales import Measured
from tests.benchmarks.lab import HPLC, Lab, stated

OLD_NUMPY = np.lib.NumpyVersion(np.__version__) < "2.4.0"
HAS_SQSNOBFIT = OLD_NUMPY and importlib.util.find_spec("SQSnobFit") is not None

BOX = [-1.0, -1.0], [1.0, 1.0]
WINDOWS = [(0.5, None, 0.2)]


def noisy(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of nobody's choice: a bowl, and a half-plane that cuts its bottom off."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (count, 2))
    f = (x**2).sum(axis=1) + 0.05 * rng.standard_normal(count)
    return x, f, x.sum(axis=1) + 0.02 * rng.standard_normal(count)


def test_every_optimiser_is_judged_alike() -> None:
    x, f, F = noisy(40)
    mine, anybodys = Snobfit(*BOX, WINDOWS, seed=1), Book(*BOX, WINDOWS)
    mine.tell(x, f, F, df=0.05, dF=0.02)
    anybodys.tell(x, f, F, df=0.05, dF=0.02)
    for feasible in (False, True):
        a, b = mine.best(feasible), recommend(anybodys, feasible)
        assert a is not None
        assert b is not None
        assert (a.f, a.merit, a.probability_feasible) == (b.f, b.merit, b.probability_feasible)
        np.testing.assert_array_equal(a.x, b.x)
    given = recommend(anybodys, feasible=True)
    assert given is not None
    assert given.feasible
    # the optimum is (0.25, 0.25), goal 0.125; the luckiest measurement would lie elsewhere
    assert (given.x**2).sum() < 0.35
    assert given.x.sum() > 0.4


def test_what_is_handed_over_is_as_sure_as_it_is_asked_to_be() -> None:
    rng = np.random.default_rng(5)
    x = np.repeat(np.linspace(0.22, 0.32, 30)[:, None], 2, axis=1)  # across the edge, at 0.25
    f, F = (x**2).sum(axis=1), x.sum(axis=1) + 0.02 * rng.standard_normal(30)
    given = {}
    for confidence in (0.5, 0.95, 0.999999):
        book = Book(*BOX, WINDOWS)
        book.confidence = confidence
        book.tell(x, f, F, df=1e-4, dF=0.02)
        given[confidence] = best = recommend(book, feasible=True)
        assert best is not None
        assert best.feasible
    likely, sure, surest = given.values()
    assert likely.probability_feasible < 0.95 <= sure.probability_feasible
    assert likely.expected.value[0] <= sure.expected.value[0]
    assert surest.probability_feasible >= sure.probability_feasible  # the surest that there is


def test_who_wants_to_be_sure_is_asked_for_points_that_are() -> None:
    """Every second one of those asked one by one; nobody else is."""
    x, f, F = noisy(30)
    safe = {}
    for confidence in (0.5, 0.95):
        optimiser = Snobfit(
            *BOX, WINDOWS, seed=1, measured=Measured(2, lambda y, x: (y[:, 0], y[:, 1:]))
        )
        optimiser.book.confidence = confidence
        y = np.column_stack([f, F])
        optimiser.tell(x, f, F, df=0.05, dF=0.02, y=y, dy=np.full(y.shape, 0.02))
        asked = [optimiser.ask(1)[0] for _ in range(4)]
        safe[confidence] = ["safely inside" in optimiser.why(place) for place in asked]
    assert safe == {0.5: [False] * 4, 0.95: [False, True, False, True]}


def test_a_front_is_as_sure_as_it_is_asked_to_be() -> None:
    rng = np.random.default_rng(5)
    t = np.linspace(0.45, 0.55, 30)  # across the edge, at 0.5
    y = np.column_stack([t, 1 - t, t + 0.02 * rng.standard_normal(30)])  # two goals, and a window's
    measured = Measured(3, lambda y, _: (y[:, 0], y[:, [2, 1]]), "real")
    given = {}
    for confidence in (0.5, 0.95, 0.999999):
        book = Book([0.0], [1.0], WINDOWS, measured=measured, goals=2)
        book.confidence = confidence
        F, error = y[:, [2, 1]], np.full((30, 3), 0.02)
        book.tell(t[:, None], t, F, df=1e-4, dF=0.02, y=y, dy=error)
        given[confidence] = [found.probability_feasible for found in front(book)]
    assert min(given[0.5]) < 0.95 <= min(given[0.95])
    assert given[0.999999]  # where nothing is as sure, the likely ones


def test_a_verdict_needs_no_optimiser() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    book = Book(*BOX, [(5.0, None, 0.5)])
    assert verdict(book) is None
    assert recommend(book) is None
    book.tell(x, (x**2).sum(axis=1), x.sum(axis=1))
    given = verdict(book)
    assert given is not None
    assert given.kind == "unsatisfiable"
    assert recommend(book, feasible=True) is None


def test_the_papers_protocol_judges_as_measured() -> None:
    x, f, F = noisy(40)
    book = Book(*BOX, WINDOWS, model="merit")
    book.tell(x, f, F, df=0.05, dF=0.02)
    given = recommend(book, feasible=True)
    assert given is not None
    assert given.f == f[F >= 0.5].min()
    assert verdict(book) is None


@pytest.mark.skipif(
    not HAS_SQSNOBFIT, reason="the extra sqsnobfit is not installed (it needs numpy < 2.4)"
)
def test_a_campaign_of_another_engine_ends_by_the_verdict_too() -> None:
    problem = stated("walker-iv", optimiser={"engine": "sqsnobfit", "model": "merit"})
    agent = Agent(problem, HPLC, seed=1)
    Lab(1).campaign(agent, 84)
    stop, reason = agent.should_stop()
    assert stop
    assert str(reason).startswith("unsatisfiable: ")
    assert Agent.from_state(agent.state()).should_stop() == (stop, reason)
