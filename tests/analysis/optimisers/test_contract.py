"""What every optimiser has to do, whichever it is."""

import importlib.util
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reactune.analysis import optimisers as engines
from reactune.analysis.optimisers import Engine
from reactune.analysis.optimisers import sqsnobfit as sqsnobfit_engine
from reactune.analysis.optimisers.settable import Settable
from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.analysis.optimisers.sqsnobfit import SQSnobFit
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from tests.benchmarks.baselines import DifferentialEvolution, NelderMead, Sobol

Make = Callable[..., Engine]

LOWER, UPPER = np.array([-5.0, 0.0]), np.array([10.0, 15.0])
WINDOWS = [(None, 2.0, 0.5)]

OLD_NUMPY = np.lib.NumpyVersion(np.__version__) < "2.4.0"
HAS_SQSNOBFIT = OLD_NUMPY and importlib.util.find_spec("SQSnobFit") is not None
needs_sqsnobfit = pytest.mark.skipif(
    not HAS_SQSNOBFIT, reason="the extra sqsnobfit is not installed (it needs numpy < 2.4)"
)


def snobfit(model: str) -> Make:
    return lambda *args, **kwargs: Snobfit(*args, model=model, **kwargs)


class Stepped(Snobfit):
    """Ours where only the points of a grid can be set: in two dimensions each is looked at."""

    def __init__(self, lower: Any, upper: Any, windows: Any = None, **more: Any) -> None:
        more.setdefault("settable", self.of(lower, upper))
        super().__init__(lower, upper, windows, **more)

    @classmethod
    def of(cls, lower: Any, upper: Any) -> Settable:
        low, span = np.array(lower), np.array(upper) - np.array(lower)
        steps = 10 if len(low) == 2 else 63 if len(low) == 1 else 3
        axes = [np.arange(steps + 1)] * len(low)
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low))

        def settle(x: np.ndarray) -> np.ndarray:
            return low + np.rint((x - low) / span * steps) / steps * span

        every = settle(low + mesh / steps * span) if len(mesh) < 2000 else None
        return Settable(settle, np.full(len(low), 1 / steps), every=every)

    @classmethod
    def from_state(cls, state: Any, *_: Any) -> Any:
        return super().from_state(state, None, cls.of(state["lower"], state["upper"]))


def restore(make: Make, state: dict[str, Any]) -> Engine:
    kind = make if isinstance(make, type) else Snobfit
    return kind.from_state(json.loads(json.dumps(state)))


def goal(x: np.ndarray) -> np.ndarray:
    """Branin: every optimiser has to survive it."""
    a, b = np.atleast_2d(x).T
    valley = b - 5.1 * a**2 / (4 * math.pi**2) + 5 * a / math.pi - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * np.cos(a) + 10


def properties(x: np.ndarray) -> np.ndarray:
    return np.atleast_2d(x)[:, :1]


def told(o: Engine, x: np.ndarray, f: np.ndarray | None = None) -> None:
    o.tell(x, goal(x) if f is None else f, properties(x))


def check(x: np.ndarray, n: int) -> None:
    assert x.shape == (n, 2)
    assert np.isfinite(x).all()
    assert (x >= LOWER).all()
    assert (x <= UPPER).all()


def campaign(o: Engine, batches: int, n: int, lost: Callable[[int], bool] = lambda i: False) -> Any:
    """Ask and tell; every experiment for which `lost` fails. Gives all asks."""
    asked, count = [], itertools.count()
    for _ in range(batches):
        x = o.ask(n)
        check(x, n)
        asked.append(x)
        told(o, x, np.array([math.nan if lost(next(count)) else v for v in goal(x)]))
    return np.vstack(asked)


MODELS = ("merit", "composite")


@pytest.mark.parametrize(
    "make",
    [
        *(pytest.param(snobfit(model), id=f"snobfit-{model}") for model in MODELS),
        Stepped,
        pytest.param(SQSnobFit, id="sqsnobfit", marks=needs_sqsnobfit),
    ],
)
def test_what_is_asked_for_while_nothing_is_known_fills_no_gap(make: Make) -> None:
    o = make(LOWER, UPPER, seed=16)
    first = o.ask(6)
    assert {o.why(x) for x in first} == {"class 5: spread over all that is allowed"}
    assert "spread" not in json.dumps(o.state())  # or the digests of stored runs were others
    o.tell(first, goal(first))
    assert not any("spread over" in o.why(x) for x in o.ask(8))


@pytest.mark.parametrize(
    "make",
    [
        *(pytest.param(snobfit(model), id=f"snobfit-{model}") for model in MODELS),
        Stepped,
        pytest.param(SQSnobFit, id="sqsnobfit", marks=needs_sqsnobfit),
        Sobol,
        NelderMead,
        DifferentialEvolution,
    ],
)
class TestContract:
    """Every optimiser passes all of it."""

    @pytest.mark.parametrize("windows", [None, WINDOWS])
    @pytest.mark.parametrize("n", [1, 2, 7, 23])
    def test_exactly_n_points_inside_the_box(self, make: Make, n: int, windows: Any) -> None:
        o = make(LOWER, UPPER, windows, seed=1)
        for _ in range(max(3, 40 // n)):
            x = o.ask(n)
            check(x, n)
            o.tell(x, goal(x), properties(x) if windows else None)

    @pytest.mark.parametrize("n", [0, -1])
    def test_no_points_cannot_be_asked_for(self, make: Make, n: int) -> None:
        with pytest.raises(ValueError, match=f"at least 1 point, not {n}"):
            make(LOWER, UPPER).ask(n)

    def test_changing_batch_sizes(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=2)
        for n in (1, 9, 2, 16, 1, 5, 30, 3):
            x = o.ask(n)
            check(x, n)
            told(o, x)

    def test_same_seed_same_asks_another_seed_others(self, make: Make) -> None:
        runs = [campaign(make(LOWER, UPPER, WINDOWS, seed=s), 6, 8) for s in (3, 3, 4)]
        np.testing.assert_array_equal(runs[0], runs[1])
        assert not np.array_equal(runs[0], runs[2])

    def test_two_at_once_do_not_disturb_each_other(self, make: Make) -> None:
        alone = campaign(make(LOWER, UPPER, WINDOWS, seed=3), 6, 8)
        pair = [make(LOWER, UPPER, WINDOWS, seed=s) for s in (3, 5)]
        together = [np.vstack([campaign(o, 1, 8) for o in pair]) for _ in range(6)]
        np.testing.assert_array_equal(np.vstack([both[:8] for both in together]), alone)

    def test_results_come_in_any_order_and_late(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=6)
        pending = [o.ask(8), o.ask(5)]
        told(o, pending[1][::-1])
        pending.append(o.ask(8))
        for x in pending[2][[7, 0, 3]]:
            told(o, x[None, :])
        told(o, np.vstack([pending[0], pending[2][[1, 2, 4, 5, 6]]]))
        x = np.vstack([*pending, campaign(o, 3, 8)])
        assert len(np.unique(x, axis=0)) == len(x)
        assert o.best() is not None

    def test_several_asks_may_wait(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=7)
        campaign(o, 3, 8)
        x = np.vstack([o.ask(4) for _ in range(4)])
        check(x, 16)
        assert len(np.unique(x, axis=0)) == 16

    def test_failed_experiments_are_no_trouble(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=8)
        campaign(o, 8, 7, lost=lambda i: i % 3 == 0)
        best = o.best()
        assert best is not None
        assert math.isfinite(best.f)

    def test_a_whole_batch_may_fail(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=9)
        campaign(o, 8, 9, lost=lambda i: 27 <= i < 36)
        assert o.best() is not None

    @pytest.mark.parametrize("windows", [None, WINDOWS])
    def test_all_failed(self, make: Make, windows: Any) -> None:
        o = make(LOWER, UPPER, windows, seed=10)
        for _ in range(5):
            x = o.ask(6)
            check(x, 6)
            o.tell(x, np.full(6, math.nan), np.full((6, 1), math.nan) if windows else None)
        assert o.best() is None
        assert o.best(feasible=True) is None

    def test_only_a_property_is_missing(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=10)
        x = o.ask(9)
        F = properties(x).copy()
        F[goal(x).argmin()] = math.nan
        o.tell(x, goal(x), F)
        best = o.best()
        assert best is not None
        assert best.f > goal(x).min()
        check(o.ask(4), 4)

    def test_a_masked_goal_is_a_failure_and_uncertainties_may_be_a_column(self, make: Make) -> None:
        o = make(LOWER, UPPER, seed=10)
        x = o.ask(9)
        lowest = goal(x).argmin()
        o.tell(x, np.ma.array(goal(x), mask=np.arange(9) == lowest), df=np.full((9, 1), 0.1))
        best = o.best()
        assert best is not None
        assert not np.array_equal(best.x, x[lowest])
        check(o.ask(4), 4)

    @pytest.mark.parametrize("windows", [None, WINDOWS])
    def test_all_equal(self, make: Make, windows: Any) -> None:
        o = make(LOWER, UPPER, windows, seed=11)
        for _ in range(6):
            x = o.ask(7)
            check(x, 7)
            o.tell(x, np.ones(7), np.ones((7, 1)) if windows else None)
        best = o.best()
        assert best is not None
        assert best.f == 1.0

    @pytest.mark.parametrize("count", [1, 5, 40])
    def test_given_points_first(self, make: Make, count: int) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=12)
        given = LOWER + np.random.default_rng(0).random((count, 2)) * (UPPER - LOWER)
        told(o, given)
        best = o.best()
        assert best is not None
        assert any(np.array_equal(best.x, x) for x in given)
        campaign(o, 4, 7)

    def test_given_points_outside_the_box_and_repeats(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=13)
        x = campaign(o, 4, 8)
        told(o, UPPER + np.array([[1.0, 2.0], [30.0, -40.0]]))
        best = o.best()
        assert best is not None
        told(o, np.repeat(best.x[None, :], 3, axis=0))
        told(o, x[:8])
        campaign(o, 3, 8)

    def test_state_round_trip_at_every_stage(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=14)
        for stage in range(7):
            twin = restore(make, o.state())
            x = o.ask(6)
            np.testing.assert_array_equal(twin.ask(6), x)
            assert twin.why(x[0]) == o.why(x[0])
            twin = restore(make, o.state())
            f = np.where(np.arange(6) == stage, math.nan, goal(x))
            for one in (o, twin):
                told(one, x[:5], f[:5])
            left, right = o.best(), twin.best()
            assert left is not None
            assert right is not None
            assert left.f == right.f
            assert json.dumps(twin.state()) == json.dumps(o.state())

    def test_best_and_best_feasible(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=15)
        x = campaign(o, 5, 8)
        best = o.best(feasible=True)
        assert best is not None
        assert best.feasible
        assert best.F[0] <= 2.0
        assert best.f >= goal(x)[x[:, 0] <= 2.0].min()

    def test_why_is_a_sentence_for_every_point(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=16)
        for x in campaign(o, 4, 8):
            assert len(o.why(x).split()) > 2

    @pytest.mark.parametrize("dim", [1, 6])
    def test_other_dimensions(self, make: Make, dim: int) -> None:
        o = make([0.0] * dim, [1.0] * dim, seed=17)
        for _ in range(5):
            x = o.ask(dim + 6)
            assert x.shape == (dim + 6, dim)
            o.tell(x, ((x - 0.3) ** 2).sum(axis=1))

    def test_what_makes_no_sense_is_refused_and_changes_nothing(self, make: Make) -> None:
        o = make(LOWER, UPPER, WINDOWS, seed=18)
        campaign(o, 3, 8)
        before = json.dumps(o.state())
        for args in (([[0.5, 0.5]], [1.0]), ([[0.5]], [1.0], [[0.5]])):
            with pytest.raises(ValueError, match=r"F is missing|x must have shape"):
                o.tell(*args)
        assert json.dumps(o.state()) == before


# -- the choice among them ----------------------------------------------------------------


def problem(**optimiser: Any) -> Problem:
    return Problem.load(Problem.load("walker-iii").to_dict() | {"optimiser": optimiser})


def test_a_problem_gets_the_engine_it_names() -> None:
    stated = problem(engine="snobfit", model="merit")
    space = Space.of(stated)
    o = engines.engine_of(stated, space, seed=1)
    assert isinstance(o, Snobfit)
    x = o.ask(7)
    assert space.to_conditions(x)
    np.testing.assert_array_equal(engines.engine_of(stated, space, seed=1).ask(7), x)
    np.testing.assert_array_equal(engines.restored(stated, o.state()).ask(3), o.ask(3))


@needs_sqsnobfit
def test_a_problem_gets_sqsnobfit() -> None:
    stated = problem(engine="sqsnobfit")
    o = engines.engine_of(stated, Space.of(stated), seed=1)
    assert isinstance(o, SQSnobFit)
    o.ask(7)
    np.testing.assert_array_equal(engines.restored(stated, o.state()).ask(3), o.ask(3))


def test_sqsnobfit_that_cannot_work_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stated = problem(engine="sqsnobfit")
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(ValueError, match=r"does not work with NumPy 2.4.6, which must be below 2"):
        engines.engine_of(stated, Space.of(stated))
    monkeypatch.setattr(np, "__version__", "2.3.5")
    monkeypatch.setitem(__import__("sys").modules, "SQSnobFit", None)
    with pytest.raises(ValueError, match=r"engine 'sqsnobfit' is not installed .* engine = 'snob"):
        engines.engine_of(stated, Space.of(stated))


# -- SQSnobFit's own faults ---------------------------------------------------------------


@needs_sqsnobfit
class TestSQSnobFit:
    """What the package itself cannot do, its adapter does."""

    def test_its_models_are_used(self) -> None:
        o = SQSnobFit(LOWER, UPPER, seed=1)
        whys = []
        for _ in range(8):
            x = o.ask(8)
            whys += [o.why(row) for row in x]
            o.tell(x, goal(x))
        assert sum(why == sqsnobfit_engine.FILLED for why in whys[8:]) <= 8
        assert {why.split(":")[0] for why in whys} >= {"class 1", "class 3", "class 4"}
        assert o.best().f < 0.41  # type: ignore[union-attr]

    def test_a_crash_inside_is_survived_and_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        package = pytest.importorskip("SQSnobFit")
        o = SQSnobFit(LOWER, UPPER, seed=1)
        for _ in range(3):
            told_x = o.ask(8)
            o.tell(told_x, goal(told_x))

        def broken(*args: Any) -> Any:
            raise IndexError("index 9 is out of bounds for axis 0 with size 9")

        with monkeypatch.context() as patch:
            patch.setattr(package._snobfit, "snobqfit", broken)
            x = o.ask(8)
            check(x, 8)
            assert {o.why(row) for row in x} == {sqsnobfit_engine.FILLED}
            o.tell(x, goal(x))
        after = o.ask(8)
        assert sum(o.why(row) != sqsnobfit_engine.FILLED for row in after) >= 5

    def test_its_global_state_is_left_alone(self) -> None:
        package = pytest.importorskip("SQSnobFit")
        inner, tools = package._snobfit, package._gen_utils
        before = inner._im_storage, tools._randstate, tools._randstate.get_state()[1].copy()
        campaign(SQSnobFit(LOWER, UPPER, WINDOWS, seed=1), 4, 8)
        assert inner._im_storage is before[0]
        assert tools._randstate is before[1]
        np.testing.assert_array_equal(tools._randstate.get_state()[1], before[2])

    @pytest.mark.parametrize("resolution", [3.0, 0.5, 1e-9])
    def test_any_resolution(self, resolution: float) -> None:
        """No two places are nearer than it; where a box has no place left, points are repeated."""
        o = SQSnobFit(LOWER, UPPER, WINDOWS, resolution=resolution, seed=1)
        places, repeats = np.zeros((0, 2)), 0
        for _ in range(5):
            x = o.ask(8)
            for row in x:
                near = (np.abs(places - row) < resolution * (1 - 1e-9)).all(axis=1).any()
                repeats += int(near)
                assert not near or any(o.why(row) == sqsnobfit_engine.REPEATED for row in x)
                places = np.vstack([places, row])
            told(o, x)
        assert (repeats > 0) == (resolution == 3.0)

    def test_many_points_at_once_are_modelled(self) -> None:
        x = LOWER + np.random.default_rng(1).random((60, 2)) * (UPPER - LOWER)
        o = SQSnobFit(LOWER, UPPER, seed=1)
        o.tell(x, goal(x))
        assert sum(o.why(row) != sqsnobfit_engine.FILLED for row in o.ask(8)) >= 5

    def test_the_merit_is_told_anew_when_its_scale_is_fixed(self) -> None:
        """Penalties first; with a feasible point and enough others, the soft merit of all."""
        o = SQSnobFit(LOWER, UPPER, [(None, -4.9, 0.5)], seed=1)
        x = np.column_stack([np.linspace(-4, 9, 20), np.linspace(1, 14, 20)])
        told(o, x)
        o.ask(3)
        assert (o._fed[:, -2] >= 0).all()
        told(o, np.array([[-4.95, 10.0]]))
        o.ask(3)
        assert o._fed[-1, -2] == 0.0  # the best feasible point is the merit's zero
        assert o._job is not None
