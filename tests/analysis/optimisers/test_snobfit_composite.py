"""The composite model: what it promises, and how few experiments the twin needs with it."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reactune.analysis.optimisers.ranking import as_windows
from reactune.analysis.optimisers.recommend import verdict
from reactune.analysis.optimisers.snobfit import Measured, Snobfit
from reactune.analysis.optimisers.surrogate import judge
from reactune.analysis.optimisers.surrogate.gp import GaussianProcess
from reactune.analysis.optimisers.surrogate.judge import Judges
from reactune.analysis.optimisers.surrogate.local import AIM, constrained_minima
from reactune.analysis.optimisers.surrogate.nearness import LEAST, Neighbourhood
from reactune.analysis.optimisers.surrogate.scales import Coordinates, Smooth
from reactune.analysis.optimisers.surrogate.shaping import CURBED, tamed
from reactune.analysis.optimisers.table import Points
from reactune.analysis.problem.merit import Windows
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from reactune.devices.emulation.reactions.walker2017 import mole_fractions
from tests.benchmarks.tasks import HOCK, OTHERS, Task

Floats = NDArray[np.float64]

LOWER, UPPER = np.array([30.0, 1 / 3, 100.0]), np.array([310.3, 2 / 3, 150.0])
SCALES = ("log", "logit", "celsius")


class Twin:
    """Walker's runs on the twin, with the noise of its paper."""

    def __init__(self, run: str, seed: int, **settings: Any) -> None:
        self.problem = Problem.load(f"walker-{run}")
        windows = [(w.lower, w.upper, w.tolerance) for w in self.problem.windows]
        self.measured = Measured(4, self.compose, "fractions")
        self.optimiser = Snobfit(
            LOWER, UPPER, windows, p=0.3, seed=seed, **settings,
            **({"measured": self.measured, "scales": SCALES} if "model" not in settings else {}),
        )  # fmt: skip
        self._rng = np.random.default_rng(1000 + seed)

    def compose(self, y: Floats, x: Floats) -> tuple[Floats, Floats]:
        return self.problem.compose(y, {})

    def true(self, x: Floats, factor: Floats | float = 1.0) -> Floats:
        x = np.atleast_2d(x)
        ratio = x[:, 1] * 8.323 / ((1 - x[:, 1]) * 2.775)
        return mole_fractions(931 / x[:, 0], ratio, x[:, 2], theta_factor=factor)

    def experiment(self, x: Floats, optimiser: Snobfit) -> None:
        factor = np.exp(0.03 * self._rng.standard_normal(len(x)))
        y = self.true(x, factor)
        sd = 0.001 + 0.005 * y
        y = y + sd * self._rng.standard_normal(y.shape)
        f, F = self.compose(y, x)
        optimiser.tell(x, f, F, y=y, dy=sd)

    def batches(self, count: int) -> None:
        for _ in range(count):
            self.experiment(self.optimiser.ask(7), self.optimiser)


# -- scales --------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_coordinates_are_inverted_and_fill_the_cube(seed: int) -> None:
    space = Coordinates(LOWER, UPPER, SCALES)
    x = LOWER + (UPPER - LOWER) * np.random.default_rng(seed).random((20, 3))
    z = space.to_cube(x)
    assert np.abs(z).max() <= 1 + 1e-12
    np.testing.assert_allclose(space.to_box(z), x, rtol=1e-12)
    corners = space.to_cube(np.vstack([LOWER, UPPER]))
    np.testing.assert_allclose(np.abs(corners), 1.0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["fractions", "positive", "real"]),
    chained=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_smooth_scales_are_inverted_down_to_zero(kind: str, chained: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.dirichlet([0.3, 1.0, 1.0, 0.3], 20)
    error = np.full_like(y, 1e-3)
    back = Smooth(y, error, kind, chained)
    # a value below a thousandth of its uncertainty comes back as that
    np.testing.assert_allclose(back.measured(back.values), y, rtol=1e-6, atol=2e-6)
    assert np.isfinite(back.errors).all()
    if kind == "fractions":
        assert back.values.shape == (20, 3)
        anywhere = back.measured(back.values[rng.permutation(20)] + rng.normal(size=(20, 3)))
        np.testing.assert_allclose(anywhere.sum(axis=1), 1.0)
        assert (anywhere > 0).all()


def test_noise_below_zero_is_a_value_too() -> None:
    y = np.array([[-0.002, 1.002], [0.0, 1.0], [0.001, 0.999], [0.5, 0.5]])
    smooth = Smooth(y, np.full_like(y, 1e-3), "fractions", chained=False)
    assert np.isfinite(smooth.values).all()
    assert (np.diff(np.abs(smooth.values[:, 0])) < 0).all()
    assert smooth.errors[0, 0] > 0.3 > 0.02 > smooth.errors[3, 0]


def test_the_space_offers_smooth_scales() -> None:
    space = Space.of(Problem.load("walker-v"))
    assert dict(zip(space.names, space.scales, strict=True)) == {
        "flow_c60 + flow_sultine": "log",
        "flow_sultine / (flow_c60 + flow_sultine)": "logit",
        "temperature": "celsius",
    }


# -- models ----------------------------------------------------------------------------------


def test_a_process_knows_quadratics_exactly_and_doubts_elsewhere() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, (30, 3))
    far = rng.uniform(-1, 1, (50, 3))

    def quadratic(z: Floats) -> Floats:
        return np.asarray(3 + z @ [1.0, -2, 0.5] + z[:, 0] * z[:, 1] - 2 * z[:, 2] ** 2)

    gp = GaussianProcess(z, quadratic(z), np.full(30, 1e-8))
    mean, sd = gp.predict(far)
    np.testing.assert_allclose(mean, quadratic(far), atol=0.02)
    draws = gp.sample(400, rng)(far)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=5 * sd.max() / 20 + 1e-3)
    np.testing.assert_allclose(draws.std(axis=1), sd, rtol=0.5, atol=1e-3)


def test_a_process_finds_the_noise_nobody_stated() -> None:
    rng = np.random.default_rng(1)
    z = rng.uniform(-1, 1, (60, 2))
    y = np.sin(2 * z[:, 0]) + z[:, 1] + 0.1 * rng.standard_normal(60)
    gp = GaussianProcess(z, y, np.full(60, 1e-8))
    assert ((gp.noise > 0.07) & (gp.noise < 0.14)).all()
    truth = np.sin(2 * z[:, 0]) + z[:, 1]
    mean, sd = gp.predict(z)
    assert np.abs(mean - truth).mean() < 0.05
    assert 0.5 < np.sqrt((((mean - truth) / sd) ** 2).mean()) < 1.6


def test_local_quadratics_solve_a_quadratic_problem_in_one_step() -> None:
    """Minimise |x|^2 with x1 + x2 >= 1: the minimum is (0.5, 0.5), or a hair inside of it."""
    x = np.random.default_rng(2).random((14, 2))
    error = np.full(14, 1e-8)
    f, F = (x**2).sum(axis=1), x.sum(axis=1, keepdims=True)
    nothing = np.zeros((14, 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, exact=True)
    windows = Windows.of([(1.0, math.inf, 0.01)])
    place = constrained_minima(x, points, [int(f.argmin())], windows, np.full(2, 1e-5))[0]
    np.testing.assert_allclose(place, 0.5 + AIM * 0.01 / 2, atol=1e-6)


def test_with_noise_a_minimum_is_where_the_edge_is_expected() -> None:
    """Minimise x1 where it is above 0.5: the best point measured 0.2 too much by chance."""
    x = np.vstack([[0.45, 0.5], np.random.default_rng(2).random((40, 2))])
    F = x[:, :1].copy()
    F[0] += 0.2
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(x, x[:, 0], error, F, np.full(F.shape, 0.1), nothing, nothing, exact=False)
    windows = Windows.of([(0.5, math.inf, 0.1)])
    place = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))[0]
    assert place[0] == pytest.approx(0.5, abs=0.05)


def test_a_slope_is_read_from_as_many_points_as_noise_explains() -> None:
    """Among the nearest points, within 0.01, all that the goal differs by is noise."""
    downhill = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        crowd = 0.5 + 0.01 * rng.uniform(-1, 1, (12, 2))
        x = np.vstack([[[0.5, 0.5]], crowd, rng.random((100, 2))])
        df, nothing = np.full(len(x), 0.1), np.zeros((len(x), 0))
        f = x[:, 0] + df * rng.standard_normal(len(x))
        F, dF = x[:, 1:], np.full((len(x), 1), 1e-3)
        points = Points(x, f, df, F, dF, nothing, nothing, exact=False)
        windows = Windows.of([(0.2, math.inf, 0.01)])
        places = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))
        downhill += all(place[0] < 0.5 for place in places[:3])
    assert downhill >= 18


def test_more_points_are_taken_as_long_as_noise_explains_what_quadratics_do_not() -> None:
    """A line and an exponential, the same whether much or little of it is noise."""
    x = np.random.default_rng(0).random((100, 2))
    nothing, windows = np.zeros((100, 0)), Windows.of([(-math.inf, 1.0, 0.1)])

    def known(noise: float, exact: bool = False) -> Neighbourhood:
        df, dF = np.full(100, noise), np.full((100, 1), noise)
        f, F = (
            values + noise * np.random.default_rng(1).standard_normal(values.shape)
            for values in (x[:, 0], np.exp(5 * x[:, 1:]))
        )
        return Neighbourhood(x, Points(x, f, df, F, dF, nothing, nothing, exact), 0, windows)

    little, much = known(0.01), known(30.0)
    assert (little.level(0), little.level(1)) == (4, 0)
    assert (much.level(0), much.level(1)) == (4, 4)
    assert [len(much.rows(i)) for i in range(5)] == [11, 22, 44, 88, 100]
    assert known(0.01, exact=True).level(0) == 0


@given(unit=st.floats(1e-6, 1e6), lower=st.booleans())
def test_compression_does_not_depend_on_the_unit_of_a_property(unit: float, lower: bool) -> None:
    F = np.exp(np.random.default_rng(0).uniform(-5, 9, (40, 1)))
    x, error, nothing = np.zeros((40, 1)), np.full(40, 1e-8), np.zeros((40, 0))

    def compressed(unit: float) -> Floats:
        points = Points(x, x[:, 0], error, unit * F, error[:, None], nothing, nothing, exact=True)
        edges = (2 * unit, None) if lower else (None, 2 * unit)
        return tamed(points, as_windows([(*edges, 100 * unit)]), *CURBED).F / unit

    np.testing.assert_allclose(compressed(unit), compressed(1.0), rtol=1e-9)
    assert compressed(1.0).max() < F.max() / 10


@given(seed=st.integers(0, 10**6))
def test_near_is_what_goal_and_properties_see(seed: int) -> None:
    """One coordinate has a thirtieth of the other's effect, and the third has none."""
    x = np.random.default_rng(seed).random((40, 3))
    error, nothing = np.full(40, 1e-8), np.zeros((40, 0))
    f, F = x @ [10.0, 0.3, 0.0], x @ [[1.0], [-0.03], [0.0]]
    points = Points(x, f, error, F, error[:, None], nothing, nothing, exact=True)
    windows = Windows.of([(0.0, math.inf, 0.01)])
    near = Neighbourhood(x, points, 0, windows)
    np.testing.assert_allclose(near.weights, [1.0, 0.03, LEAST], rtol=1e-3)
    assert near.close[0] == 0
    assert len(near.close) - 1 == 8
    # among the neighbours, what has an effect differs the least
    assert np.ptp(x[near.close, 0]) < np.ptp(x[:, 0]) / 2


def test_local_models_follow_a_curved_edge_from_beside_it() -> None:
    """The only point inside is far along the edge; one slightly outside is a better centre."""
    rng = np.random.default_rng(0)
    good, best = np.array([0.75, 0.5]), np.array([0.3, 0.1])
    x = np.vstack([best, best + 0.02 * rng.random((8, 2)), good + 0.02 * rng.random((8, 2))])
    x[1:9, 1] -= 0.04
    f, F = -x[:, 0], (x[:, 1] - x[:, 0] ** 2)[:, None]
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, exact=True)
    assert F[0, 0] >= 0
    assert (F[1:] < 0).all()
    windows = Windows.of([(0.0, math.inf, 0.01)])
    places = constrained_minima(x, points, [0], windows, np.full(2, 1e-5))
    assert min(np.abs(place - good).max() for place in places) < 0.1


def test_the_place_of_a_point_outside_is_left_for_one_farther_inside() -> None:
    """Minimise |x|^2 with x1 + x2 >= 1: (0.5, 0.5) is known, and outside by less than is seen."""
    x = np.vstack([[0.4999, 0.4999], 0.3 + 0.5 * np.random.default_rng(2).random((13, 2))])
    f, F = (x**2).sum(axis=1), x.sum(axis=1, keepdims=True)
    error, nothing = np.full(14, 1e-8), np.zeros((14, 0))
    points = Points(x, f, error, F, error[:, None], nothing, nothing, exact=True)
    windows, resolution = Windows.of([(1.0, math.inf, 0.001)]), np.full(2, 1e-3)
    assert (F[0] < 1).all()
    best = int(np.where(F[:, 0] >= 1, f, np.inf).argmin())
    for place in constrained_minima(x, points, [best], windows, resolution)[:3]:
        assert place.sum() >= 1
        assert np.abs(place - x[0]).max() >= resolution[0]


def test_once_the_best_basin_is_known_the_next_one_has_its_turn() -> None:
    """The lower minimum is a point already; the other basin's is not."""
    rng = np.random.default_rng(3)
    low, high = np.array([0.2, 0.2]), np.array([0.8, 0.7])
    cloud = 0.05 * rng.uniform(-1, 1, (14, 2))
    x = np.vstack([low, low + cloud, high + cloud])
    f = np.minimum(((x - low) ** 2).sum(axis=1), 0.01 + ((x - high) ** 2).sum(axis=1))
    error, nothing = np.full(len(x), 1e-8), np.zeros((len(x), 0))
    points = Points(x, f, error, x[:, :1], error[:, None], nothing, nothing, exact=True)
    windows = Windows.of([(0.0, math.inf, 0.01)])
    places = constrained_minima(x, points, [0], windows, np.full(2, 1e-3))
    np.testing.assert_allclose(places[:3], np.tile(low, (3, 1)), atol=1e-3)
    np.testing.assert_allclose(places[3], high, atol=1e-3)


# -- the optimiser -----------------------------------------------------------------------------


def evaluations(o: Snobfit, task: Task, budget: int) -> int:
    """Experiments until a point visited solves the task."""
    done = 0
    while done < budget:
        x = o.ask(task.dim + 6)
        f, F = task.truth(x)
        hit = task.solved(f, F)
        if hit.any():
            return done + int(hit.argmax()) + 1
        o.tell(x, f, F)
        done += len(x)
    return budget + 1


def handed_over(task: Task, seed: int, budget: int) -> int:
    """Experiments until the point handed over solves the task."""
    o = Snobfit(task.lower, task.upper, task.windows, seed=seed)
    rng = np.random.default_rng([seed, 1])
    for done in range(task.dim + 6, budget + 1, task.dim + 6):
        x = o.ask(task.dim + 6)
        f, F = task.truth(x)
        df, dF = task.noise * np.abs(f), task.noise * np.abs(F)
        o.tell(
            x, f + df * rng.standard_normal(f.shape), F + dF * rng.standard_normal(F.shape), df, dF
        )
        best = o.best(feasible=True)
        if best is not None and task.solved(*task.truth(best.x[None]))[0]:
            return done
    return budget + 1


@pytest.mark.parametrize(("noise", "most"), [(False, 80), (True, 120)])
def test_what_is_visited_is_soon_handed_over(noise: bool, most: int) -> None:
    """HS23: both edges at the optimum are curved; properties range over 10^4 tolerances."""
    task = next(task for task in HOCK if task.name == "HS23")
    counts = [handed_over(task.noisy() if noise else task, seed, most) for seed in range(2)]
    assert max(counts) <= most, counts


@pytest.mark.parametrize(("name", "most"), [("HS43", 60), ("HS71", 100)])
def test_constrained_problems_need_few_evaluations(name: str, most: int) -> None:
    """HS71 has an equality; HS43 is of no list that anything was tuned on."""
    task = next(task for task in (*HOCK, *OTHERS) if task.name == name)
    counts = [
        evaluations(Snobfit(task.lower, task.upper, task.windows, seed=s), task, most)
        for s in range(2)
    ]
    assert max(counts) <= most, counts


@pytest.mark.parametrize(
    ("run", "optimum", "within"), [("ii", 0.00871, 0.0005), ("v", 0.0723, 0.005)]
)
def test_the_twin_is_tuned_in_few_experiments(run: str, optimum: float, within: float) -> None:
    """49 experiments, where the merit alone needs more than 105 in most campaigns."""
    for seed in range(2):
        twin = Twin(run, seed)
        twin.batches(7)
        best = twin.optimiser.best(feasible=True)
        assert best is not None
        assert best.probability_feasible >= 0.5
        f, F = twin.compose(twin.true(best.x), best.x[None])
        # one standard deviation of a repeat
        noise = [0.008] if run == "ii" else [0.006, 0.06]
        lower, upper = twin.optimiser.book.windows.lower, twin.optimiser.book.windows.upper
        assert (F[0] >= lower - noise).all()
        assert (F[0] <= upper + noise).all()
        assert f[0] <= optimum + within


def test_windows_that_cannot_be_met_are_named() -> None:
    """Run IV: the least penalty of the twin is 0.2132; in run V the windows can be met."""
    twin = Twin("iv", 0)
    twin.batches(4)
    early = verdict(twin.optimiser.book)
    assert early is None or early.kind == "unsatisfiable"
    twin.batches(2)
    given = verdict(twin.optimiser.book)
    assert given is not None
    assert given.kind == "unsatisfiable"
    assert given.evidence["least_penalty"] == pytest.approx(0.2132, abs=0.02)
    assert given.evidence["violated_windows"] == [0, 1]
    assert given.sentence().endswith("where these are violated: window 1 and window 2")
    json.dumps(given.evidence)
    assert twin.optimiser.best(feasible=True) is None
    possible = Twin("v", 0)
    for _ in range(6):
        possible.batches(1)
        given = verdict(possible.optimiser.book)
        assert given is None or given.kind == "converged"


def test_what_is_expected_to_be_the_best_is_the_centre_not_the_luckiest() -> None:
    """The lowest value measured is that of a point far up the slope, again and again."""
    lucky, settled = [], []
    windows = Windows.of([(0.0, math.inf, 0.1)])
    coordinates = Coordinates(np.zeros(2), np.ones(2), None)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.random((60, 2))
        df, nothing = np.full(60, 0.3), np.zeros((60, 0))
        f = x[:, 0] + df * rng.standard_normal(60)
        points = Points(x, f, df, x[:, 1:], np.full((60, 1), 1e-3), nothing, nothing, exact=False)
        lucky.append(x[f.argmin(), 0])
        settled.append(x[Judges(points, coordinates, windows).expected.around, 0])
    assert np.mean(settled) < np.mean(lucky) / 2


def test_where_two_points_prefer_each_other_their_own_judges_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not how often one went from one to the other."""
    rng = np.random.default_rng(142)
    x = rng.random((30, 2))
    f = ((x - 0.4) ** 2).sum(axis=1) + 0.1 * rng.normal(size=30)
    F = x[:, :1] + 0.1 * rng.normal(size=(30, 1))
    windows = Windows.of([(0.3, math.inf, 0.1)])
    errors, nothing = np.full(30, 0.1), np.zeros((30, 0))
    points = Points(x, f, errors, F, errors[:, None], nothing, nothing, exact=False)
    found = []
    for turns in (7, 8):
        monkeypatch.setattr(judge, "TURNS", turns)
        judges = Judges(points, Coordinates(np.zeros(2), np.ones(2), None), windows)
        found.append(judges.expected.around)
    goal = judges.expected.judged.f.mean(axis=1)
    other = judges.around(int(judges.expected.rows[goal.argmin()]))
    assert other.around != found[0], "these two do not go in circles any more: choose others"
    assert goal[0] <= other.judged.f.mean(axis=1)[0]
    assert found[0] == found[1]


def test_the_luckiest_noise_is_not_handed_over() -> None:
    """A constant property just outside its window, measured with noise: never called feasible."""
    rng = np.random.default_rng(3)
    x = rng.random((40, 2))
    F = 0.9 + 0.1 * rng.standard_normal((40, 1))
    assert (F >= 1.0).any()
    o = Snobfit([0, 0], [1, 1], [(1.0, None, 0.3)], seed=1)
    o.tell(x, x.sum(axis=1), F, 0.01, 0.1)
    assert o.best(feasible=True) is None
    merit = Snobfit([0, 0], [1, 1], [(1.0, None, 0.3)], seed=1, model="merit")
    merit.tell(x, x.sum(axis=1), F, 0.01, 0.1)
    luckiest = merit.best(feasible=True)
    assert luckiest is not None
    assert 0.5 < luckiest.probability_feasible < 1.0  # as far as its own error bar knows


def test_without_windows_the_best_has_the_lowest_goal_however_many_are_known() -> None:
    """More points than a model is made of: all are compared by the same measure."""
    identity = Measured(1, lambda y, x: (y[:, 0], np.zeros((len(y), 0))))
    o = Snobfit([0, 0], [1, 1], measured=identity, seed=1)
    x = np.random.default_rng(1).random((130, 2))
    f = ((x - 0.3) ** 2).sum(axis=1) - 3
    o.tell(x, f, y=f[:, None])
    best, feasible = o.best(), o.best(feasible=True)
    assert best is not None
    assert feasible is not None
    assert best.f == feasible.f == f.min()


def test_state_goes_on_with_the_same_asks_and_needs_the_composition_again() -> None:
    twin = Twin("v", 4)
    twin.batches(3)
    state = json.loads(json.dumps(twin.optimiser.state(), allow_nan=False))
    copy = Snobfit.from_state(state, twin.measured)
    assert copy.state() == twin.optimiser.state()
    x = twin.optimiser.ask(7)
    np.testing.assert_array_equal(copy.ask(7), x)
    assert [copy.why(row) for row in x] == [twin.optimiser.why(row) for row in x]
    assert any("probes window" in copy.why(row) for row in x)
    assert copy.best(feasible=True).x.tolist() == twin.optimiser.best(feasible=True).x.tolist()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="4 measured quantities"):
        Snobfit.from_state(state)


def test_pending_points_and_failures_are_kept_away_from() -> None:
    twin = Twin("v", 5)
    twin.batches(2)
    first = twin.optimiser.ask(7)
    second = twin.optimiser.ask(7)
    gap = np.abs(first[:, None] - second[None]) / (UPPER - LOWER)
    assert gap.max(axis=2).min() > 1e-5
    nan = np.full((7, 2), np.nan)
    twin.optimiser.tell(first, nan[:, 0], nan, y=np.full((7, 4), np.nan))
    third = twin.optimiser.ask(7)
    assert np.isfinite(third).all()
    gap = np.abs(first[:, None] - third[None]) / (UPPER - LOWER)
    assert gap.max(axis=2).min() > 1e-5


def test_measured_quantities_must_be_told() -> None:
    twin = Twin("ii", 6)
    x = twin.optimiser.ask(2)
    with pytest.raises(ValueError, match="y is missing"):
        twin.optimiser.tell(x, [0.1, 0.2], [[0.9], [0.9]])
    with pytest.raises(ValueError, match="y must have shape"):
        twin.optimiser.tell(x, [0.1, 0.2], [[0.9], [0.9]], y=[[0.1] * 3] * 2)
    with pytest.raises(ValueError, match="without measured"):
        Snobfit([0], [1]).tell([[0.5]], [1.0], y=[[1.0]])
    with pytest.raises(ValueError, match="kind"):
        Measured(3, twin.compose, "shares")  # type: ignore[arg-type]
