"""SNOBFIT by merit: how many evaluations it needs, with windows and without."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from reactune.analysis.optimisers.snobfit import Snobfit
from reactune.devices.emulation.reactions.walker2017 import mole_fractions
from tests.analysis.optimisers.asking import Function, bowl, run, values
from tests.benchmarks.tasks import OTHERS, UNCONSTRAINED, camel

Floats = NDArray[np.float64]


def evaluations(o: Snobfit, function: Function, target: float, n: int, budget: int) -> float:
    done = 0
    while done < budget:
        x = o.ask(n)
        f = values(function, x)
        hit = np.flatnonzero(f <= target)
        if hit.size:
            return done + float(hit[0]) + 1
        o.tell(x, f)
        done += n
    return math.inf


@pytest.mark.parametrize(
    ("name", "median"),
    [
        # evaluations of the authors' version 2.1 to a relative error of 1e-4
        ("branin", 77),
        ("camel", 89),
        ("goldstein-price", 177),
        ("hartman3", 118),
        ("rosenbrock", 477),
        # not of the published set, to 1 %
        ("ill-scaled", 100),
        ("beale", 300),
        ("wells", 200),
    ],
)
def test_converges_as_fast_as_the_original(name: str, median: int) -> None:
    task = next(task for task in (*UNCONSTRAINED, *OTHERS) if task.name == name)
    counts = [
        evaluations(
            Snobfit(task.lower, task.upper, seed=s),
            task.goal,
            task.best + task.within,
            task.dim + 6,
            500,
        )
        for s in range(5)
    ]
    assert np.median(counts) <= median, counts
    assert sum(map(math.isfinite, counts)) >= 4, counts


@pytest.mark.parametrize("n", [1, 2, 25])
def test_converges_with_any_batch_size(n: int) -> None:
    counts = [
        evaluations(Snobfit([-3, -2], [3, 2], seed=s), camel, -1.0315, n, 350) for s in range(5)
    ]
    assert np.median(counts) <= 250, counts


@pytest.mark.parametrize("dim", [1, 5, 9])
def test_converges_in_one_to_nine_dimensions(dim: int) -> None:
    o = Snobfit([0] * dim, [1] * dim, seed=2)
    run(o, bowl, 12, dim + 6)
    assert o.best().f < 1e-6  # type: ignore[union-attr]


def test_stated_noise_is_not_fitted() -> None:
    """A bowl with noise of 0.05 in a range of 1: the point found is truly good."""
    true = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        o = Snobfit([0, 0], [1, 1], seed=seed, resolution=0.02)
        for _ in range(10):
            x = o.ask(8)
            o.tell(x, values(bowl, x) + 0.05 * rng.standard_normal(8), df=0.05)
        true.append(bowl(o.best().x))  # type: ignore[union-attr]
    assert np.median(true) < 0.05


def test_a_resolved_basin_is_left() -> None:
    """Two narrow wells: once both minima are known, neither models nor batches stay there."""

    def two(x: Floats) -> float:
        deep, shallow = (math.exp(-((x - c) ** 2).sum() / 0.02) for c in (0.75, 0.25))
        return -deep - 0.7 * shallow

    for seed in range(3):
        o = Snobfit([0, 0], [1, 1], seed=seed)
        x = run(o, two, 40, 8)
        assert two(o.best().x) < -0.999999  # type: ignore[union-attr]
        assert (np.abs(x - 0.25).max(axis=1) < 0.01).any()  # the shallow one was looked into
        late = [o.why(row)[:7] for row in x[-80:]]
        assert "class 2" not in late  # there is no other well to follow
        assert late.count("class 1") <= 8


# -- with windows -------------------------------------------------------------------------


def soft(o: Snobfit, problem: Callable[[Floats], tuple[float, list[float]]], n: int) -> None:
    for _ in range(n):
        x = o.ask(8)
        rows = [problem(row) for row in x]
        o.tell(x, [f for f, _ in rows], [F for _, F in rows])


@pytest.mark.parametrize("seed", range(3))
def test_soft_constrained_circle(seed: int) -> None:
    """Minimise x + y within x^2 + y^2 <= 2: -2 at (-1, -1)."""
    o = Snobfit([-2, -2], [2, 2], [(None, 2.0, 0.02)], seed=seed)
    soft(o, lambda x: (float(x.sum()), [float((x**2).sum())]), 13)
    best, feasible = o.best(), o.best(feasible=True)
    assert best is not None
    assert feasible is not None
    assert (best.F <= 2.02).all()
    assert best.f < -1.98
    assert feasible.f < -1.9


@pytest.mark.parametrize("seed", range(3))
def test_hock_schittkowski_30(seed: int) -> None:
    """HS30: minimise |x|^2 with x1^2 + x2^2 >= 1 and x1 >= 1, soft by 1 %: 1 at (1, 0, 0)."""
    o = Snobfit([1, -10, -10], [10, 10, 10], [(1.0, None, 0.01)], seed=seed)
    soft(o, lambda x: (float(x @ x), [float(x[0] ** 2 + x[1] ** 2)]), 10)
    best = o.best()
    assert best is not None
    assert (best.F >= 0.99).all()
    assert best.f < 1.01


def test_tuning_the_twin_within_its_noise() -> None:
    """Walker's run V, 105 experiments, merit alone: the optimum is 0.0723, random 0.084."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        o = Snobfit(
            [30, 1 / 3, 100],
            [310.3, 2 / 3, 150],
            [(0.9, 1.0, 0.3), (0.0, 1.5, 0.3)],
            model="merit",
            p=0.3,
            seed=seed,
        )
        true_best = math.inf
        for _ in range(15):
            x = o.ask(7)
            ratio = x[:, 1] * 8.323 / ((1 - x[:, 1]) * 2.775)
            noise = np.exp(0.03 * rng.standard_normal(7))
            for factor in (noise, 1.0):
                X = mole_fractions(931 / x[:, 0], ratio, x[:, 2], theta_factor=factor)
                F = np.column_stack([X[:, 1] + X[:, 2], X[:, 1] / X[:, 2]])
                if factor is noise:
                    o.tell(x, X[:, 3], F)
            ok = (F[:, 0] >= 0.9) & (F[:, 1] <= 1.5)
            true_best = min(true_best, X[ok, 3].min(initial=math.inf))
        found.append(true_best)
    assert np.median(found) < 0.0836
    assert min(found) > 0.0721
