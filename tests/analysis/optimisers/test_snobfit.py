"""SNOBFIT: what ask, tell, best, why and state promise."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.problem.merit import Windows, reference, soft_merit
from tests.analysis.optimisers.asking import bowl, run, values
from tests.benchmarks.tasks import branin

Floats = NDArray[np.float64]


def closest(x: Floats, resolution: Floats) -> float:
    """Smallest distance of two rows in units of the resolution; 1 is just allowed."""
    gap = np.abs(x[:, None, :] - x[None, :, :]) / resolution
    distance = gap.max(axis=2)
    np.fill_diagonal(distance, math.inf)
    return float(distance.min())


def copy(optimiser: Snobfit) -> Snobfit:
    return Snobfit.from_state(json.loads(json.dumps(optimiser.state(), allow_nan=False)))


# -- the contract -----------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    dim=st.integers(1, 9),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    resolution=st.sampled_from([None, 1e-3, 0.02]),
    p=st.sampled_from([0.0, 0.3, 1.0]),
    fails=st.sampled_from([0.0, 0.3, 1.0]),
    answered=st.sampled_from([0.0, 0.6, 1.0]),
    windowed=st.booleans(),
    level=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_any_history_gives_exactly_n_distinct_points_inside(
    dim: int,
    sizes: list[int],
    resolution: float | None,
    p: float,
    fails: float,
    answered: float,
    windowed: bool,
    level: float,
    seed: int,
) -> None:
    """Answers come late, shuffled, piecewise, failed or all equal; strangers come too."""
    rng = np.random.default_rng(seed)
    lower, upper = -np.arange(1.0, dim + 1), np.linspace(0.5, 200.0, dim)
    gap = (upper - lower) * (resolution or 1e-5)
    windows = [(0.2, 0.6, 0.3)] if windowed else None
    o = Snobfit(
        lower, upper, windows, p=p, seed=seed, resolution=None if resolution is None else gap
    )
    asked: list[Floats] = []
    waiting: list[Floats] = []
    told: list[Floats] = []
    for n in sizes:
        x = o.ask(n)
        assert x.shape == (n, dim)
        assert (x >= lower).all()
        assert (x <= upper).all()
        assert all(o.why(row).startswith("class ") for row in x)
        others = np.vstack([*asked, *told]) if asked or told else np.zeros((0, dim))
        apart = np.abs(x[:, None, :] - others) / gap
        assert (apart.max(axis=2) >= 1.0).all()
        assert n == 1 or closest(x, gap) >= 1.0
        asked.append(x)
        waiting += list(x)
        rng.shuffle(waiting)
        batch, waiting = (
            waiting[: round(answered * len(waiting))],
            waiting[round(answered * len(waiting)) :],
        )
        stranger = lower + (upper - lower) * rng.random(dim)
        # within the resolution of a pending point it would count as that point's answer
        if all((np.abs(stranger - row) / gap).max() >= 1.0 for row in waiting):
            batch.append(stranger)
        told.append(np.array(batch).reshape(-1, dim))
        for row in batch:
            u = (row - lower) / (upper - lower)
            f = math.nan if rng.random() < fails else level * bowl(u)
            o.tell(row[None], [f], [[float(u[0])]] if windowed else None)
    best = o.best()
    if fails == 1.0:
        assert best is None
        assert o.best(feasible=True) is None
    elif best is not None:
        assert math.isfinite(best.merit)


def test_first_ask_is_a_latin_hypercube() -> None:
    x = Snobfit([10.0, -1.0, 100.0], [20.0, 1.0, 150.0], seed=1).ask(7)
    strata = np.floor(7 * (x - [10.0, -1.0, 100.0]) / [10.0, 2.0, 50.0])
    np.testing.assert_array_equal(np.sort(strata, axis=0), np.arange(7)[:, None] * np.ones(3))


def test_batches_asked_before_any_answer_stay_apart() -> None:
    o = Snobfit([0, 0], [1, 1], seed=2)
    x = np.vstack([o.ask(4) for _ in range(5)])
    assert closest(x, np.array([0.05, 0.05])) >= 1.0  # space-filling, not merely distinct
    o.tell(x, values(bowl, x))
    y = np.vstack([o.ask(8) for _ in range(4)])  # the same data four times: still all different
    assert closest(np.vstack([x, y]), np.full(2, 1e-5)) >= 1.0


def test_order_and_grouping_of_tells_do_not_matter() -> None:
    """Four tells in reverse order give the models, and so the classes 1, of one."""
    x = np.random.default_rng(3).random((40, 3))
    f = values(bowl, x)
    one, four = Snobfit([0] * 3, [1] * 3, seed=4, p=0.0), Snobfit([0] * 3, [1] * 3, seed=4, p=0.0)
    one.tell(x, f)
    for part in np.array_split(np.arange(40)[::-1], 4):
        four.tell(x[part], f[part])
    np.testing.assert_allclose(one.ask(9), four.ask(9), atol=1e-9)


def test_start_from_given_points() -> None:
    """Points told before the first ask are used: the bowl is exactly quadratic, so class 1 hits."""
    x = np.random.default_rng(5).random((12, 2))
    o = Snobfit([0, 0], [1, 1], seed=6)
    o.tell(x, values(bowl, x))
    y = o.ask(6)
    assert o.why(y[0]).startswith("class 1")
    np.testing.assert_allclose(y[0], 0.3, atol=1e-6)
    assert o.why(x[0]).startswith("given")


def test_classes_appear_and_p_shares_them() -> None:
    counts = {}
    for p in (0.0, 0.5, 1.0):
        o = Snobfit([-5, 0], [10, 15], seed=7, p=p)
        x = run(o, branin, 8, 8)
        kinds = [o.why(row).split(":")[0] for row in x[8:]]
        counts[p] = {kind: kinds.count(kind) for kind in set(kinds)}
    assert set(counts[0.5]) >= {"class 1", "class 2", "class 3", "class 4"}
    assert counts[0.0]["class 3"] > counts[0.5]["class 3"] > counts[1.0].get("class 3", 0)
    assert counts[1.0]["class 4"] > counts[0.5]["class 4"]


def test_failures_repel_and_never_enter_the_models() -> None:
    """The minimum lies in a corner where everything fails: the search stays around it."""

    def hidden(x: Floats) -> float:
        return math.nan if x.min() > 0.6 else float(((x - 0.8) ** 2).sum())

    o = Snobfit([0, 0], [1, 1], seed=8)
    x = run(o, hidden, 12, 8)
    best = o.best()
    assert best is not None
    assert best.f < 0.042  # 0.04 on the edge
    late = values(hidden, x[-48:])
    assert np.isnan(late).mean() < 0.35
    # a failure changes no value: with and without failed rows the models are the same
    good = np.isfinite(values(hidden, x))
    with_failed, without = (Snobfit([0, 0], [1, 1], seed=9, p=0.0) for _ in range(2))
    with_failed.tell(x, values(hidden, x))
    without.tell(x[good], values(hidden, x[good]))
    assert with_failed.best() is not None
    np.testing.assert_array_equal(with_failed.best().x, without.best().x)  # type: ignore[union-attr]


def test_a_repeat_after_a_failure_counts() -> None:
    o = Snobfit([0], [1], seed=0)
    o.tell([[0.5]], [math.nan])
    assert o.best() is None
    o.tell([[0.5]], [2.0])
    best = o.best()
    assert best is not None
    assert (best.x, best.f, best.merit, best.feasible, best.probability_feasible) == (
        pytest.approx([0.5]), 2.0, 2.0, True, 1.0,
    )  # fmt: skip
    assert best.expected.value == pytest.approx([2.0])


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e9, 1e300])
def test_values_of_any_size(size: float) -> None:
    """Only the shape of a function matters, also where its squares overflow."""
    o = Snobfit([0, 0], [1, 1], seed=8)
    run(o, lambda x: size * (bowl(x) - 0.5), 6, 8)
    if size > 1e-300:  # far below the uncertainty that a value has at the least
        np.testing.assert_allclose(o.best().x, 0.3, atol=1e-3)  # type: ignore[union-attr]


def test_repeats_are_averaged_with_their_uncertainties() -> None:
    o = Snobfit([0], [1], [(0, 1, 0.5)], seed=0)
    o.tell([[0.5], [0.5], [0.5 + 1e-7]], [1.0, 4.0, 4.0], [0.1, 0.2, 0.2], [0.1, 0.2, 0.2], 0.1)
    best = o.best()
    assert best is not None
    assert best.f == pytest.approx((100 * 1 + 25 * 4 + 25 * 4) / 150)  # weights 1 / df^2
    assert pytest.approx([0.5 / 3]) == best.F
    points = o.book.table.points()
    # chi^2 / 2 = (100 * 1 + 50 * 4) / 2 = 150 widens 1 / sqrt(150)
    assert points.df == pytest.approx([1.0])
    assert points.dF[0] == pytest.approx([0.1 / math.sqrt(3)])  # consistent repeats: no widening


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_box_that_is_full_is_replicated(dim: int) -> None:
    """Resolution 0.4 leaves 3 places an axis at the very most."""
    o = Snobfit([0.0] * dim, [1.0] * dim, seed=1, resolution=0.4)
    x = o.ask(3**dim + 4)
    assert len(x) == 3**dim + 4
    assert o.why(x[-1]).startswith("replicate")
    new = np.unique(x, axis=0)
    assert 2**dim <= len(new) <= 3**dim
    assert closest(new, np.full(dim, 0.4)) >= 1.0
    # and truly full: no free place on a fine grid
    axes = np.meshgrid(*[np.linspace(0, 1, 81)] * dim, indexing="ij")
    grid = np.stack(axes, axis=-1).reshape(-1, dim)
    gap = np.abs(grid[:, None, :] - new).max(axis=2).min(axis=1)
    assert (gap < 0.4 + 1e-6).all()
    o.tell(new, values(bowl, new))
    again = o.ask(2)
    assert all(o.why(row).startswith("replicate") for row in again)
    np.testing.assert_array_equal(again[0], o.best().x)  # type: ignore[union-attr]
    assert Snobfit([0.0], [1.0], seed=1, resolution=5.0).ask(3).shape == (3, 1)


def test_a_box_that_one_point_outside_fills_is_still_asked_in() -> None:
    o = Snobfit([0], [1], resolution=5, seed=0)
    o.tell([[1.5]], [1.0])
    x = o.ask(2)
    assert ((x >= 0) & (x <= 1)).all()
    assert o.why(x[0]).startswith("replicate")


def test_a_repeat_told_beside_its_point_is_kept_away_from_too() -> None:
    """Rows within the resolution are one point, but not at one place."""
    o = Snobfit([0], [1], resolution=0.3, seed=0)
    o.tell([[0.0], [0.29]], [1.0, 2.0])
    for x in o.ask(2):
        assert x[0] >= 0.59 or o.why(x).startswith("replicate")


def test_a_place_of_class_1_asked_again_in_the_same_batch_is_a_replicate() -> None:
    o = Snobfit([0], [1], [(0, 1, 0.1)], resolution=0.3, seed=0)
    x = np.array([[0.0], [0.35], [1.0]])
    o.tell(x, [1.0, 2.0, 0.0], x)
    asked = o.ask(5)
    assert len(np.unique(asked)) < 5
    assert all(o.why(row).startswith("replicate") for row in asked)  # what it was asked for last


def test_rounding_far_from_zero_brings_no_two_points_within_the_resolution() -> None:
    lower, resolution = 1e9, 1e-6
    o = Snobfit([lower], [lower + 1e-4], resolution=resolution, seed=0)
    asked = run(o, lambda x: float((x[0] - lower - 3e-5) ** 2), 8, 6)
    assert closest(asked, np.array([resolution])) >= 1.0


def test_points_outside_the_box_are_used_but_never_asked() -> None:
    """A read-back may lie just beyond a limit, an old campaign far beyond."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 2.0, (30, 2))
    o = Snobfit([0, 0], [1, 1], seed=3)
    o.tell(x, values(lambda r: float(((r - 1.2) ** 2).sum()), x))
    y = np.vstack([o.ask(8) for _ in range(3)])
    assert (y >= 0).all()
    assert (y <= 1).all()
    np.testing.assert_allclose(y[0], 1.0, atol=1e-6)  # the nearest allowed to the minimum


# -- determinism and state ----------------------------------------------------------------


def test_same_seed_same_asks_whatever_numpy_s_global_state() -> None:
    first = run(Snobfit([-5, 0], [10, 15], seed=11), branin, 6, 7)
    np.random.default_rng(0).random(5)
    second = run(Snobfit([-5, 0], [10, 15], seed=11), branin, 6, 7)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, run(Snobfit([-5, 0], [10, 15], seed=12), branin, 6, 7))


def test_state_round_trip_at_every_stage() -> None:
    """Fresh, asked, half told, failed, feasible, late: the copy asks what the original asks."""
    o = Snobfit(
        [-5, 0], [10, 15], [(-math.inf, 9.0, (None, 0.5))], seed=13, resolution=[0.01, 0.02]
    )
    rng = np.random.default_rng(0)
    for _ in range(10):
        twin = copy(o)
        assert twin.state() == o.state()
        x = o.ask(5)
        np.testing.assert_array_equal(twin.ask(5), x)
        twin = copy(o)
        assert [twin.why(row) for row in x] == [o.why(row) for row in x]
        answered = x[:-1]
        f = np.where(rng.random(len(answered)) < 0.2, math.nan, values(branin, answered))
        for one in (o, twin):
            one.tell(answered, f, answered[:, :1] + 1.0, 0.1, np.full((len(answered), 1), 0.01))
        assert twin.state() == o.state()
        left, right = twin.best(feasible=True), o.best(feasible=True)
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            assert left.f == right.f
    np.testing.assert_array_equal(copy(o).ask(6), o.ask(6))


# -- soft windows -------------------------------------------------------------------------


def test_penalty_first_then_the_soft_merit() -> None:
    windows = [(0.5, None, 0.2)]
    o = Snobfit([0, 0], [1, 1], windows, seed=1)
    x = np.random.default_rng(0).random((10, 2)) * 0.4
    o.tell(x, x.sum(axis=1), x[:, :1])
    best = o.best()
    assert best is not None
    assert not best.feasible
    assert best.F[0] == x[:, 0].max()  # least violation, whatever the goal
    assert o.best(feasible=True) is None
    inside = np.array([[0.6, 0.9], [0.9, 0.2]])
    o.tell(inside, inside.sum(axis=1), inside[:, :1])
    feasible = o.best(feasible=True)
    assert feasible is not None
    assert feasible.f == pytest.approx(1.1)
    everything = np.vstack([x, inside])
    w = Windows.of([(0.5, math.inf, 0.2)])
    f0, delta = reference(everything.sum(axis=1), everything[:, :1], w)
    merit = soft_merit(everything.sum(axis=1), everything[:, :1], w, f0, delta)
    best = o.best()
    assert best is not None
    assert best.merit == pytest.approx(merit.min(), abs=1e-7)  # sqrt(eps) is in doubt


def test_without_a_feasible_point_the_goal_counts_after_fifty() -> None:
    o = Snobfit([0, 0], [1, 1], [(5.0, 6.0, 1.0)], seed=1)
    x = np.random.default_rng(0).random((50, 2))
    o.tell(x[:49], x[:49, 1], x[:49, :1])
    assert o.best().F[0] == x[:49, 0].max()  # type: ignore[union-attr]
    o.tell(x[49:], x[49:, 1], x[49:, :1])
    w = Windows.of([(5.0, 6.0, 1.0)])
    f0, delta = reference(x[:, 1], x[:, :1], w)
    assert f0 == pytest.approx(2 * x[:, 1].max() - x[:, 1].min())
    expected = soft_merit(x[:, 1], x[:, :1], w, f0, delta).min()
    assert o.best().merit == pytest.approx(expected)  # type: ignore[union-attr]


def test_a_property_that_is_not_finite_is_a_failure() -> None:
    o = Snobfit([0], [1], [(0, 1, 0.1)], seed=1)
    o.tell([[0.1], [0.2]], [1.0, 2.0], [[math.nan], [0.5]])
    assert o.best().f == 2.0  # type: ignore[union-attr]
