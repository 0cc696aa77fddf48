"""The kinetic model against an ODE solver, the measured grid, and its known optima."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize

from reactune.devices.emulation.reactions.walker2017 import Kinetics, Walker2017, mole_fractions
from tests.data import grid, needs_data

Array = NDArray[np.float64]

VOLUME = 931.0  # heated [uL]
STOCKS = 8.323 / 2.775  # sultine to C60
LOW, HIGH = np.array([30.0, 1 / 3, 100.0]), np.array([310.3, 2 / 3, 150.0])


def product(total: float, share: float, celsius: float) -> Array:
    """Mole fractions at total flow [uL/min], sultine share of it, temperature [degC]."""
    return mole_fractions(VOLUME / total, share / (1 - share) * STOCKS, celsius)


def by_ode(tau: float, ratio: float, celsius: float, k: Kinetics) -> Array:
    """The mechanism, species by species, Q in quasi-steady state."""
    x = (1 / (celsius + 273.15) - 1 / (k.T0 + 273.15)) / 8.314462618e-3
    ks, a2 = k.ks * np.exp(-k.Es * x), k.a2 * np.exp(-k.E2 * x)
    fast, slow = (a * np.exp(-k.E3 * x) for a in (k.a_fast, k.a_slow))

    def rates(_: float, y: Array) -> list[float]:
        s, so2, x0, x1, xf, xs, _x3 = y
        q = ks * s / ((k.beta + k.kappa) * so2 + x0 + a2 * x1 + fast * xf + slow * xs)  # k1 [Q]
        r0, r1, rf, rs = q * x0, q * a2 * x1, q * fast * xf, q * slow * xs
        return [
            -ks * s + k.beta * q * so2,
            ks * s - (k.beta + k.kappa) * q * so2,
            *(-r0, r0 - r1, k.w * r1 - rf, (1 - k.w) * r1 - rs, rf + rs),
        ]

    start = [k.eta * ratio, 0, 1, 0, 0, 0, 0]
    end = solve_ivp(rates, (0, tau), start, "LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
    return np.array([end[2], end[3], end[4] + end[5], end[6]])


def test_agrees_with_an_ode_solver() -> None:
    rng = np.random.default_rng(1)
    conditions = [
        *np.array([3, 1.5, 100]) + rng.random((25, 3)) * [28, 4.5, 50],  # the paper's box
        *np.column_stack(  # and far beyond
            [
                10 ** rng.uniform(-2, 3, 10),
                10 ** rng.uniform(-1.5, 1.5, 10),
                rng.uniform(20, 200, 10),
            ]
        ),
        [20.0, 4.0, 126.35],  # where the third addition is as fast as the first
    ]
    for k in (Kinetics(), replace(Kinetics(), ks=0.9 * Kinetics().ks)):
        worst = max(
            np.abs(
                by_ode(tau, ratio, celsius, k) - mole_fractions(tau, ratio, celsius, kinetics=k)
            ).max()
            for tau, ratio, celsius in conditions
        )
        assert worst <= 1e-8  # required: 1e-5


@pytest.mark.parametrize(
    ("conditions", "expected", "tolerance"),
    [
        ((310, 1 / 3, 100), (0.5538, 0.4330, 0.0130, 0.0002), 1e-4),
        ((30, 2 / 3, 150), (0, 0.0668, 0.4187, 0.5145), 1e-4),
        ((30, 1 / 3, 100), (0.126, 0.770, 0.097, 0.006), 1e-3),
        ((30, 2 / 3, 100), (0, 0.407, 0.467, 0.126), 1e-3),
    ],
)
def test_corners(
    conditions: tuple[float, float, float], expected: Sequence[float], tolerance: float
) -> None:
    assert product(*conditions) == pytest.approx(expected, abs=tolerance)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    tau=st.floats(0, 1e4),
    ratio=st.floats(0, 1e3),
    celsius=st.floats(0, 250),
    factor=st.floats(0, 2),
)
def test_fractions_are_fractions(tau: float, ratio: float, celsius: float, factor: float) -> None:
    x = mole_fractions(tau, ratio, celsius, theta_factor=factor)
    assert abs(x.sum() - 1) <= 1e-12
    assert ((x >= 0) & (x <= 1)).all()
    longer = mole_fractions(1.1 * tau + 0.1, ratio, celsius, theta_factor=factor)
    assert longer[0] <= x[0] + 1e-12  # C60 is only consumed
    assert longer[3] >= x[3] - 1e-12  # nothing leaves the last adduct


def test_limits_and_shapes() -> None:
    untouched = [1.0, 0.0, 0.0, 0.0]
    assert mole_fractions(0, 3, 120).tolist() == untouched
    assert mole_fractions(5, 0, 120).tolist() == untouched
    assert mole_fractions(5, 3, 120, theta_factor=0).tolist() == untouched
    grid = mole_fractions(np.linspace(3, 31, 60)[:, None], np.linspace(1.5, 6, 50), 120)
    assert grid.shape == (60, 50, 4)  # more points than one chunk of the quadrature
    assert grid[7, 11] == pytest.approx(
        mole_fractions(np.linspace(3, 31, 60)[7], np.linspace(1.5, 6, 50)[11], 120), abs=1e-13
    )
    assert mole_fractions([], 3, 120).shape == (0, 4)


def test_as_a_reaction_of_a_rig() -> None:
    feed = [[1.5, 4.5], [0.5, 0.75], [2.0, 0.0], [0.0, 3.0]]
    total, fractions = Walker2017().composition(feed, 10, 120, [1.0, 1.1, 1.0, 1.0])
    assert total.tolist() == [1.5, 0.5, 2.0, 0.0]  # of C60, whatever has been added to it
    assert fractions[:2] == pytest.approx(
        mole_fractions(10, [3.0, 1.5], 120, theta_factor=[1.0, 1.1]), abs=1e-13
    )
    assert fractions[2].tolist() == [1.0, 0.0, 0.0, 0.0]
    slow = Walker2017.of({"ks": 0.9})
    assert slow.kinetics == Kinetics(ks=0.9)
    assert slow.composition([1.0, 3.0], 10, 120).fractions == pytest.approx(
        mole_fractions(10, 3, 120, kinetics=Kinetics(ks=0.9))
    )


def test_a_slower_reaction_has_come_less_far() -> None:
    slower = replace(Kinetics(), ks=0.9 * Kinetics().ks)
    # ks enters as ks tau only.
    assert mole_fractions(10, 3, 120, kinetics=slower) == pytest.approx(mole_fractions(9, 3, 120))


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ((-1.0, 3.0, 120.0), "residence time"),
        ((1.0, float("nan"), 120.0), "sultine per C60"),
        ((1.0, 3.0, -300.0), "temperature"),
    ],
)
def test_impossible_conditions(conditions: tuple[float, float, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mole_fractions(*conditions)


def test_impossible_kinetics() -> None:
    with pytest.raises(ValueError, match="ks = -1 must be positive"):
        Kinetics(ks=-1)
    with pytest.raises(ValueError, match="w from 0 to 1"):
        Kinetics(w=1.5)
    with pytest.raises(ValueError, match="must be finite"):
        Kinetics(Es=float("inf"))
    with pytest.raises(ValueError, match="same rate"):
        mole_fractions(5, 3, 120, kinetics=Kinetics(a_slow=0.10435))


def test_at_most_a_millisecond_a_point() -> None:
    """Many at once; one by one, where calls cost more than numbers, against the ODE it replaces."""
    points = [(5.0, 2.0, 100.0), (15.0, 3.0, 125.0), (31.0, 6.0, 150.0)]

    def cheapest(*calls: Callable[[], object]) -> list[float]:
        """CPU seconds, the least of a few, in turns: the machine has other things to do."""
        costs = np.full((20, len(calls)), np.inf)
        for turn in costs:
            for i, call in enumerate(calls):
                start = time.thread_time()
                call()
                turn[i] = time.thread_time() - start
        return list(costs.min(axis=0))

    many = np.array(points * 10).T
    assert cheapest(lambda: mole_fractions(*many))[0] <= 1e-3 * many.shape[1]
    single, solver = cheapest(
        lambda: [mole_fractions(*row) for row in points],
        lambda: [by_ode(*row, Kinetics()) for row in points],
    )
    assert single <= 0.4 * solver


@needs_data
def test_measured_grid() -> None:
    rows = grid()
    assert len(rows) == 164
    measured = np.array([[row[f"X{i}"] for i in range(4)] for row in rows])
    names = ("residence_time_min", "sultine_per_c60", "temperature_degC")
    model = mole_fractions(*([row[name] for row in rows] for name in names))
    difference = model - measured
    assert np.sqrt((difference**2).mean()) <= 0.021
    assert np.sqrt((difference[:, 1:3].sum(axis=1) ** 2).mean()) <= 0.025


def test_trade_off_that_makes_run_v_hard() -> None:
    """X3 where X1/X2 falls to 1.5, by residence time where the reactor allows it."""
    found = []
    for celsius in np.linspace(100, 150, 11):
        for ratio in (2.0, 3.0, 4.0, 6.0):

            def excess(log_tau: float, ratio: float = ratio, celsius: float = celsius) -> float:
                x = mole_fractions(np.exp(log_tau), ratio, celsius)
                return float(x[1] - 1.5 * x[2])

            if excess(np.log(200)) < 0:
                tau = np.exp(brentq(excess, np.log(1e-2), np.log(200)))
                found.append(float(mole_fractions(tau, ratio, celsius)[3]))
    assert len(found) > 10
    assert min(found) >= 0.070
    assert max(found) <= 0.095


# -- the true optima of the paper's six runs ------------------------------------------------------


Property = Callable[[Array], Array]  # of fractions (..., 4)


def x12(x: Array) -> Array:
    """Preferred: not negative."""
    return x[..., 1] + x[..., 2] - 0.9


def optimum(goal: Property, windows: Sequence[Property] = ()) -> tuple[float, Array]:
    """Least goal in the box with all windows not negative, from the best points of a grid."""
    axes = [np.linspace(0, 1, n) for n in (11, 11, 6)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def fractions(u: Array) -> Array:
        total, share, celsius = np.moveaxis(LOW + np.clip(u, 0, 1) * (HIGH - LOW), -1, 0)
        return mole_fractions(VOLUME / total, share / (1 - share) * STOCKS, celsius)

    x = fractions(grid)
    misses = sum((np.minimum(w(x), 0) ** 2 for w in windows), start=np.zeros(len(grid)))
    starts = grid[np.lexsort((goal(x), misses.round(6)))[[0, 1, 5]]]
    best = (np.inf, grid[0])
    for start in starts:
        constraints = [{"type": "ineq", "fun": lambda u, w=w: w(fractions(u))} for w in windows]
        result = minimize(
            lambda u: goal(fractions(u)), start, method="SLSQP", bounds=[(0, 1)] * 3,
            constraints=constraints, options={"ftol": 1e-12, "maxiter": 200},
        )  # fmt: skip
        u = np.clip(result.x, 0, 1)
        value = float(goal(fractions(u)))
        if value < best[0] and all(w(fractions(u)) >= -1e-6 for w in windows):
            best = (value, fractions(u))
    return best


def x3(x: Array) -> Array:
    return x[..., 3]


def ratio(x: Array) -> Array:
    return x[..., 1] / np.maximum(x[..., 2], 1e-12)


@pytest.mark.parametrize(
    ("goal", "windows", "expected", "tolerance"),
    [
        pytest.param(x3, [], 0.00025, 5e-6, id="I"),
        pytest.param(x3, [x12], 0.00871, 5e-5, id="II"),
        pytest.param(x3, [x12, lambda x: x[..., 1] - 4 * x[..., 2]], 0.00871, 5e-5, id="III"),
        pytest.param(x3, [x12, lambda x: 1.5 * x[..., 2] - x[..., 1]], 0.0723, 2e-4, id="V"),
        pytest.param(ratio, [x12], 1.109, 0.003, id="VI"),
    ],
)
def test_true_optima(
    goal: Property, windows: list[Property], expected: float, tolerance: float
) -> None:
    assert optimum(goal, windows)[0] == pytest.approx(expected, abs=tolerance)


def test_run_iv_cannot_be_satisfied() -> None:
    def penalty(x: Array) -> Array:
        d = (np.maximum(-x12(x), 0) / 0.3) ** 2 + (np.maximum(ratio(x) - 0.5, 0) / 0.3) ** 2
        return 2 * d / (1 + d)

    assert optimum(penalty)[0] == pytest.approx(0.2132, abs=0.001)
