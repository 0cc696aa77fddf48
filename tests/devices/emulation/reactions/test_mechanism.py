"""Mechanisms of reaction files against closed forms, other solvers and their own balances."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from reactune.devices.emulation.reactions.mechanism import Mechanism
from reactune.devices.emulation.reactions.walker2017 import Kinetics, Walker2017
from reactune.devices.reactionfile import ReactionFile, load_reaction

Array = NDArray[np.float64]


def mechanism(*steps: dict[str, Any], species: str, **streams: dict[str, float]) -> Mechanism:
    """A mechanism in mM and minutes at 25 degC that shows every species."""
    file = ReactionFile.model_validate(
        {
            "species": species.split(),
            "steps": steps,
            "streams": streams or {"a": {species.split()[0]: 1.0}},
            "peaks": {name: {"of": name} for name in species.split()},
        }
    )
    return Mechanism(file)


def step(equation: str, k: float, unit: str = "1/min", **more: Any) -> dict[str, Any]:
    return {"equation": equation, "k": k, "unit": unit, **more}


@pytest.mark.parametrize(
    ("made", "inlet", "expected"),
    [
        (mechanism(step("A -> B", 0.3), species="A B"), [2, 0], lambda t: 2 * np.exp(-0.3 * t)),
        (mechanism(step("2 A -> B", 0.1, "1/(mM min)"), species="A B"),
         [2, 0], lambda t: 2 / (1 + 2 * 2 * 0.1 * t)),
        (mechanism(step("A <-> B", 0.3, reverse={"k": 0.1, "unit": "1/min"}), species="A B"),
         [4, 0], lambda t: 1 + 3 * np.exp(-0.4 * t)),
        (mechanism(step("A -> B", 0.3, "mM^0.5/min", orders={"A": 0.5}), species="A B"),
         [1, 0], lambda t: np.maximum(1 - 0.15 * t, 0) ** 2),
        (mechanism(step("A -> B", 0.3, "mM/min", orders={"A": 0}), species="A B"),
         [1, 0], lambda t: np.maximum(1 - 0.3 * t, 0)),
        (mechanism(step("A -> B", 0.3, "1/(mM^0.5 min)", orders={"cat": 0.5}), species="A B cat"),
         [1, 0, 0.04], lambda t: np.exp(-0.06 * t)),
        (mechanism(step("A + P -> 2 P", 0.5, "1/(mM min)"), species="A P"),
         [0.9, 0.1], lambda t: 0.9 / (0.9 + 0.1 * np.exp(0.5 * t))),
    ],
    ids=["first", "second", "reversible", "half", "zero", "catalyst", "autocatalysis"],
)  # fmt: skip
def test_agrees_with_closed_forms(made: Mechanism, inlet: Any, expected: Any) -> None:
    times = np.array([0.0, 0.2, 1.0, 3.0, 5.0, 20.0])
    outlet = made.outlet(inlet, times, 25.0)
    assert outlet[:, 0] == pytest.approx(expected(times), abs=1e-6)
    assert outlet[0].tolist() == inlet


def test_arrhenius_by_reference_temperature_and_by_factor() -> None:
    cold = step("A -> B", 0.01, at=25, energy=80)
    A = 0.01 * np.exp(80 / (8.314462618e-3 * 298.15))
    factor = {"equation": "A -> B", "A": A / 60, "unit": "1/s", "energy": 80}
    hot = 0.01 * np.exp(-80 / 8.314462618e-3 * (1 / 363.15 - 1 / 298.15))
    for stated in (cold, factor):
        left = mechanism(stated, species="A B").outlet([1, 0], 0.5, [25.0, 90.0])[:, 0]
        assert left == pytest.approx(np.exp([-0.005, -0.5 * hot]), abs=1e-9)


RATES = st.floats(-4, 4).map(lambda x: 10**x)
CONCENTRATIONS = st.floats(0, 3000)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    rates=st.lists(RATES, min_size=5, max_size=5),
    inlet=st.lists(CONCENTRATIONS, min_size=3, max_size=3),
    minutes=st.lists(st.floats(0, 60), min_size=1, max_size=4),
    order=st.sampled_from([0, 0.5, 1, 2]),
)
def test_mass_is_kept(
    rates: list[float], inlet: list[float], minutes: list[float], order: float
) -> None:
    """A, B and C are shared out among six species in five steps, stiff or not."""
    k1, k2, k3, k4, k5 = rates
    made = mechanism(
        step("A + B <-> AB", k1 / 1e3, "1/(mM min)", reverse={"k": k2, "unit": "1/min"}),
        step("AB + C -> ABC", k3 / 1e3, "1/(mM min)"),
        step("2 A -> A2", k4 / 1e3, "1/(mM min)"),
        step("AB -> A + B", k5, f"mM**{1 - order:g}/min", orders={"AB": order}),
        species="A B C AB ABC A2",
    )
    holds = np.array([[1, 0, 0, 1, 1, 2], [0, 1, 0, 1, 1, 0], [0, 0, 1, 0, 1, 0]], float)
    start = np.array([*inlet, 0, 0, 0])
    end = made.outlet(start, minutes, 60.0)
    assert (end >= 0).all()
    assert end @ holds.T == pytest.approx(
        np.broadcast_to(holds @ start, (len(minutes), 3)), abs=1e-9 * max(start.sum(), 1e-9)
    )


def by_another_solver(feed: Array, tau: float, celsius: float) -> Array:
    """Hone's mechanism written by hand, with an explicit method [mM]."""
    k = np.array([0.579, 0.027, 0.00865, 0.0163]) * 60 / 1000
    energies = np.array([33.3, 35.3, 38.9, 44.8])
    k = k * np.exp(-energies / 8.314462618e-3 * (1 / (celsius + 273.15) - 1 / 363.15))

    def slope(_: float, y: Array) -> list[float]:
        a, b, o, p, _bis = y
        r = k * np.array([a * b, a * b, o * b, p * b])
        return [-r[0] - r[1], -r.sum(), r[0] - r[2], r[1] - r[3], r[2] + r[3]]

    return solve_ivp(slope, (0, tau), [*feed, 0, 0, 0], "DOP853", rtol=1e-11, atol=1e-10).y[:, -1]


def test_agrees_with_another_solver_for_one_and_for_many() -> None:
    made = Mechanism(load_reaction("snar"))
    assert made.reagents == ("dfnb", "pyrrolidine")
    rng = np.random.default_rng(1)
    feed, tau = rng.uniform(10, 1000, (12, 2)), rng.uniform(0.5, 20, 12)
    celsius = rng.uniform(30, 140, 12)
    many = made.composition(feed, tau, celsius)
    for i in range(len(tau)):
        end = by_another_solver(feed[i], tau[i], celsius[i])[[0, 2, 3, 4]]
        assert many.total[i] == pytest.approx(end.sum(), rel=1e-6)
        assert many.fractions[i] == pytest.approx(end / end.sum(), abs=1e-6)
    one = made.composition(feed[3], tau[3], celsius[3])
    assert np.shape(one.total) == ()
    assert one.fractions == pytest.approx(many.fractions[3], abs=1e-8)


def walkers_mechanism() -> ReactionFile:
    """The paper's mechanism, step by step, with Q so short-lived that it is a steady state."""
    k, fast = Kinetics(), 1e7  # of Q and C60 [1/(mM min)]

    def of_q(equation: str, relative: float, energy: float = 0.0) -> dict[str, Any]:
        return step(equation, relative * fast, "1/(mM min)", energy=energy)

    return ReactionFile.model_validate(
        {
            "temperature": k.T0,
            "species": ["S", "Q", "SO2", "X0", "X1", "fast", "slow", "X3", "lost"],
            "steps": [
                step("S <-> Q + SO2", k.ks, energy=k.Es,
                     reverse={"k": k.beta * fast, "unit": "1/(mM min)"}),
                of_q("Q + X0 -> X1", 1.0),
                of_q("Q + X1 -> fast", k.w * k.a2, k.E2),
                of_q("Q + X1 -> slow", (1 - k.w) * k.a2, k.E2),
                of_q("Q + fast -> X3", k.a_fast, k.E3),
                of_q("Q + slow -> X3", k.a_slow, k.E3),
                of_q("Q + SO2 -> lost", k.kappa),
            ],
            "streams": {"c60": {"X0": 2.775}, "sultine": {"S": 8.323}},
            "peaks": {"X0": {"of": "X0"}, "X1": {"of": "X1"}, "X2": {"of": ["fast", "slow"]},
                      "X3": {"of": "X3"}},
        }
    )  # fmt: skip


def test_the_papers_mechanism_as_a_file_is_its_closed_form() -> None:
    file, closed = Mechanism(walkers_mechanism()), Walker2017()
    assert (file.reagents, file.products) == (closed.reagents, closed.products)
    rng = np.random.default_rng(2)
    c60 = rng.uniform(0.5, 2, 20)
    feed = np.column_stack([c60, c60 * rng.uniform(1.5, 6, 20)])
    active = feed * [1.0, Kinetics().eta]
    tau, celsius = rng.uniform(3, 31, 20), rng.uniform(100, 150, 20)
    found = file.composition(active, tau, celsius)
    expected = closed.composition(feed, tau, celsius)
    assert found.total == pytest.approx(expected.total, rel=1e-9)
    assert found.fractions == pytest.approx(expected.fractions, abs=1e-6)


def test_a_reaction_that_has_drifted() -> None:
    file = load_reaction("snar")
    faster = file.deviating({"k1": 2 * 0.579, "E1": 50.0})
    assert (faster.steps[0].k, faster.steps[0].energy) == (2 * 0.579, 50.0)
    assert faster.steps[1:] == file.steps[1:]
    back = walkers_mechanism().deviating({"k1_reverse": 0.0})
    assert back.steps[0].reverse is not None
    assert back.steps[0].reverse.k == 0.0
    with pytest.raises(ValueError, match="k5 = 1 is no parameter of this reaction: it has k1, E1"):
        file.deviating({"k5": 1.0})
    with pytest.raises(ValueError, match="k1 = -1 is negative"):
        file.deviating({"k1": -1.0})


def test_shapes_and_nothing_at_all() -> None:
    made = Mechanism(load_reaction("snar"))
    total, fractions = made.composition([[0, 0], [0, 300], [300, 0]], 5.0, 90.0)
    assert total.tolist() == [0.0, 0.0, 300.0]
    assert fractions.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    grid = made.composition([200, 500], np.ones((2, 1)), [60.0, 70.0, 80.0], [1.0, 0.5, 0.0])
    assert grid.fractions.shape == (2, 3, 4)
    assert grid.fractions[1, 2].tolist() == [1, 0, 0, 0]
    assert made.composition(np.zeros((0, 2)), 1.0, 90.0).fractions.shape == (0, 4)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (([1, 1], -1.0, 90.0), "residence time"),
        (([1, np.nan], 1.0, 90.0), "inlet"),
        (([1, 1], 1.0, -300.0), "temperature"),
    ],
)
def test_impossible_conditions(conditions: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Mechanism(load_reaction("snar")).composition(*conditions)


def test_what_cannot_be_integrated_is_said() -> None:
    absurd = mechanism(step("A -> B", 1e200, energy=-900), species="A B")
    with pytest.raises(ValueError, match="cannot be integrated to 5 min at 150 degC: look at its"):
        absurd.composition([1.0], 5.0, 150.0)


@pytest.mark.parametrize("k", [0.0, 1e-30, 1e9, 1e15, 1e30])
def test_any_speed_can(k: float) -> None:
    made = mechanism(step("A + B -> C", k, "1/(M s)"), species="A B C", a={"A": 1}, b={"B": 1})
    end = made.outlet([300.0, 500.0, 0.0], 10.0, 60.0)
    assert end[0] == pytest.approx(300 if k < 1 else 0, abs=1e-4)
    assert end[:2] + end[2] == pytest.approx([300, 500], abs=1e-6)


@pytest.mark.parametrize("stiff", [False, True])
def test_at_most_five_milliseconds_a_point(stiff: bool) -> None:
    made = Mechanism(walkers_mechanism() if stiff else load_reaction("snar"))
    rng = np.random.default_rng(3)
    feed, tau, celsius = (
        rng.uniform(1, 5, (30, 2)),
        rng.uniform(1, 30, 30),
        rng.uniform(90, 150, 30),
    )
    costs = []
    for _ in range(5):  # the least of a few: the machine has other things to do
        start = time.thread_time()
        made.composition(feed, tau, celsius)
        costs.append(time.thread_time() - start)
    assert min(costs) <= 5e-3 * 30
