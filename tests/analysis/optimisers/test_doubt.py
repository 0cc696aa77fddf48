"""What noise, outliers, drift and failures do to what is asked and handed over."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reactune.analysis.optimisers.book import Book
from reactune.analysis.optimisers.failure import Works
from reactune.analysis.optimisers.recommend import hold, recommend
from reactune.analysis.optimisers.snobfit import Measured, Snobfit
from reactune.analysis.optimisers.surrogate.doubt import contradicted
from reactune.analysis.optimisers.surrogate.gp import GaussianProcess
from reactune.analysis.optimisers.surrogate.scales import Smooth

Floats = NDArray[np.float64]
BOX = [-1.0, -1.0], [1.0, 1.0]
WINDOWS = [(0.5, None, 0.2)]
SD = 0.02


def bowl(x: Floats) -> Floats:
    """A bowl, and a half-plane that cuts its bottom off: the optimum is (0.25, 0.25)."""
    return np.column_stack([(x**2).sum(axis=1), x.sum(axis=1)])


def plain(y: Floats, x: Floats) -> tuple[Floats, Floats]:
    return y[:, 0], y[:, 1:]


def tell(o: Snobfit | Book, x: Floats, y: Floats) -> None:
    sd = np.full(y.shape, SD)
    measured = {"y": y, "dy": sd} if (o if isinstance(o, Book) else o.book).measured else {}
    o.tell(x, y[:, 0], y[:, 1:], sd[:, 0], sd[:, 1:], **measured)


def noisy(count: int, seed: int = 3) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (count, 2))
    return x, bowl(x) + SD * rng.standard_normal((count, 2))


# -- outliers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("composed", [True, False])
@pytest.mark.parametrize("size", [10, 50])
def test_an_outlier_is_named_and_asked_for_again_once(composed: bool, size: int) -> None:
    o = Snobfit(*BOX, WINDOWS, seed=1, measured=Measured(2, plain) if composed else None)
    x, y = noisy(40)
    y[7, 1] += size * SD
    tell(o, x, y)
    (doubt,) = o.book.doubted()
    assert (doubt.row, doubt.quantity) == (7, 1)
    assert "contradict" not in doubt.sentence()
    assert doubt.sentence(("cost", "purity")).startswith("purity is ")
    asked = o.ask(3)
    np.testing.assert_array_equal(asked[0], x[7])
    assert o.why(asked[0]).startswith("repeat: experiment 8 is doubted")
    assert not (o.ask(3) == x[7]).all(axis=1).any()
    # the repeat says otherwise: it is believed, and nobody asks a third time
    tell(o, x[7:8], bowl(x[7:8]))
    assert [doubt.row for doubt in o.book.doubted()] == [7]
    assert o.book.points().F[7, 0] == pytest.approx(x[7].sum())
    assert not (o.ask(2) == x[7]).all(axis=1).any()


@pytest.mark.parametrize("seed", range(6))
def test_a_wild_result_does_not_hide_in_the_scatter_that_it_makes(seed: int) -> None:
    """Of twenty results none can be off by more than four and a half of their own SD."""

    def book() -> Book:
        told = Book(*BOX, measured=Measured(1, lambda y, x: (y[:, 0], y[:, :0])))
        told.tell(x, y, y=y[:, None])
        return told

    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (20, 2))
    y = -np.exp(-0.75 * ((x - [0.2, -0.2]) ** 2).sum(axis=1)) + SD * rng.standard_normal(20)
    assert not book().doubted()
    y[10] = -3.0
    wild = book()
    assert [doubt.row for doubt in wild.doubted()] == [10]
    best = recommend(wild)
    assert best is not None
    assert best.f > -1.1


def test_a_repeat_confirms_what_was_doubted() -> None:
    o = Snobfit(*BOX, WINDOWS, seed=1, measured=Measured(2, plain))
    x, y = noisy(40)
    y[7, 1] += 20 * SD
    tell(o, x, y)
    assert o.book.doubted()
    tell(o, x[7:8], y[7:8])
    assert not o.book.doubted()


@pytest.mark.parametrize("composed", [True, False])
def test_nothing_is_doubted_once_repeats_have_shown_that_nothing_scatters(composed: bool) -> None:
    """A computed function may have a peak that no model expects."""
    o = Snobfit(*BOX, WINDOWS, seed=1, measured=Measured(2, plain) if composed else None)
    x, _ = noisy(40)
    y = bowl(x)
    y[7, 1] += 1.0
    measured = {"y": y} if composed else {}
    o.tell(x, y[:, 0], y[:, 1:], **measured)
    assert [doubt.row for doubt in o.book.doubted()] == [7]
    for row in (3, 4):
        assert not o.book.table.reproducible
        measured = {"y": y[row]} if composed else {}
        o.tell(x[row], y[row, 0], y[row, 1:], **measured)
    assert o.book.table.reproducible
    assert not o.book.doubted()
    assert not [why for point in o.ask(6) if "repeat" in (why := o.why(point))]


def test_repeats_that_differ_show_that_something_scatters() -> None:
    book = Book(*BOX, WINDOWS)
    x, y = noisy(5)
    for _ in range(2):
        book.tell(x, y[:, 0], y[:, 1:])
    assert book.table.reproducible
    book.tell(x[0], y[0, 0] + 1e-3, y[0, 1:])
    assert not book.table.reproducible


def test_where_many_are_off_the_models_are_wrong_and_not_the_results() -> None:
    """A surface that bends as no model does; what is off by far more than those is doubted."""
    rng = np.random.default_rng(0)
    z, surprise = rng.uniform(-1, 1, (60, 2)), rng.standard_normal((60, 1))
    surprise[::5] = 7
    assert contradicted(z, surprise, surprise) == []
    surprise[7] = 70
    assert [row for row, _, _ in contradicted(z, surprise, surprise)] == [7]


def test_noise_alone_is_not_doubted() -> None:
    doubted = 0
    for seed in range(4):
        book = Book(*BOX, WINDOWS, measured=Measured(2, plain))
        tell(book, *noisy(40, seed))
        doubted += len(book.doubted())
    assert doubted == 0


# -- noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [0.5, 1.0, 2.0])
def test_noise_told_wrongly_is_put_right(told: float) -> None:
    x, y = noisy(60)
    model = GaussianProcess(x, y[:, 0], np.full(60, told * SD))
    assert model.noise[0] == pytest.approx(SD, rel=0.25)


def test_waves_are_not_taken_for_noise() -> None:
    """Uncertainties told from 0.02 to 0.5, as of logarithms of small values."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 2))
    sd = 0.02 * 10 ** rng.uniform(0, 1.4, 60)
    y = np.sin(5 * x[:, 0]) * np.cos(3 * x[:, 1]) + sd * rng.standard_normal(60)
    model = GaussianProcess(x, y, sd)
    assert np.median(model.noise / sd) < 1.6


def test_small_amounts_without_uncertainty_do_not_scatter_by_decades() -> None:
    """What is used up in half of the box is noise around 0 there; its logarithm must be finite."""
    rng = np.random.default_rng(1)
    y = np.exp(-14 * np.linspace(0, 1, 40))[:, None] + 1e-3 * rng.standard_normal((40, 1))
    assert (y < 0).any()
    values = Smooth(y, np.full(y.shape, 1e-12), "positive", chained=True).values
    assert values.std() < 3.0
    assert np.ptp(values[30:]) < 3.0


# -- drift ---------------------------------------------------------------------------------------


def test_a_drift_is_seen_and_judged_today() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (60, 2))
    age = np.arange(60.0)[::-1]
    today = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    y = today - 0.3 * age / 50 + SD * rng.standard_normal(60)
    error = np.full(60, SD)
    seeing, blind = GaussianProcess(x, y, error, age=age), GaussianProcess(x, y, error)
    off = [np.abs(model.predict(x)[0] - today).mean() for model in (seeing, blind)]
    assert off[0] < 0.03 < 0.1 < off[1]
    draws = seeing.sample_here(200, np.random.default_rng(0)).mean(axis=1)
    np.testing.assert_allclose(draws, seeing.predict(x)[0], atol=0.02)


def test_what_was_good_once_is_not_handed_over_when_the_window_has_moved() -> None:
    """The property falls by 0.4 in fifty experiments; the best of the first day is outside now."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (80, 2))
    y = bowl(x) + SD * rng.standard_normal((80, 2))
    y[:, 1] -= 0.4 * np.arange(80) / 50
    book = Book(*BOX, WINDOWS, measured=Measured(2, plain))
    tell(book, x, y)
    best = recommend(book, feasible=True)
    assert best is not None
    assert best.x.sum() - 0.4 * 79 / 50 > 0.5 - SD


# -- failures ------------------------------------------------------------------------------------


def test_an_edge_of_failures_is_found() -> None:
    rng = np.random.default_rng(0)
    x, places = rng.random((30, 3)), rng.random((500, 3))
    works = Works(x, x[:, 2] > 0.8)
    assert ((works(places) > 0.5) == (places[:, 2] <= 0.8)).mean() > 0.9


def test_failures_by_chance_forbid_nothing() -> None:
    """The points nearest to the optimum failed, by chance, as a fifth of all did."""
    o = Snobfit(*BOX, WINDOWS, seed=1, measured=Measured(2, plain))
    x, y = noisy(60)
    near = np.argsort(((x - 0.25) ** 2).sum(axis=1))
    y[near[[0, 2, 5]]] = np.nan
    y[::6] = np.nan
    tell(o, x, y)
    asked = np.vstack([o.ask(2) for _ in range(3)])
    assert (np.abs(asked - 0.25).max(axis=1) < 0.2).any()


# -- what is held --------------------------------------------------------------------------------


def test_what_is_handed_over_stays_until_another_is_better_beyond_doubt() -> None:
    """The goal is nearly flat, so that every new result would make another point the best."""

    def changes(held: bool) -> int:
        book, rng = Book(*BOX, WINDOWS, measured=Measured(2, plain)), np.random.default_rng(4)
        found = []
        for count in (12, *[1] * 14):
            x = rng.uniform(-1, 1, (count, 2))
            y = np.column_stack([1 + 0.01 * x[:, 0], x.sum(axis=1)])
            tell(book, x, y + SD * rng.standard_normal(y.shape))
            if held:
                hold(book)
            best = recommend(book, feasible=True)
            assert best is not None
            assert best.feasible
            found.append(best.x)
        return int((np.diff(found, axis=0) != 0).any(axis=1).sum())

    assert changes(held=True) <= changes(held=False) / 2


def test_what_is_held_is_in_the_state() -> None:
    o = Snobfit(*BOX, WINDOWS, seed=1)
    tell(o, *noisy(30))
    o.ask(1)
    assert o.book.held is not None
    again = Snobfit.from_state(o.state())
    assert again.book.held == o.book.held
    with pytest.raises(ValueError, match="damaged"):
        Snobfit.from_state(o.state() | {"held": 1000})


# -- units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [-20, 10])
@pytest.mark.parametrize("composed", [True, False])
@pytest.mark.parametrize("noise", [0.0, SD])
def test_the_unit_of_the_goal_does_not_matter(power: int, composed: bool, noise: float) -> None:
    def asked(unit: float) -> Floats:
        o = Snobfit(*BOX, WINDOWS, seed=1, measured=Measured(2, plain) if composed else None)
        rng = np.random.default_rng(0)
        batches = []
        for _ in range(5):
            x = o.ask(4)
            y, sd = bowl(x) + noise * rng.standard_normal((4, 2)), np.full((4, 2), noise)
            y[:, 0] *= unit
            sd[:, 0] *= unit
            measured = {"y": y, "dy": sd} if composed else {}
            o.tell(x, y[:, 0], y[:, 1:], sd[:, 0], sd[:, 1:], **measured)
            batches.append(x)
        return np.vstack(batches)

    np.testing.assert_array_equal(asked(1.0), asked(2.0**power))
