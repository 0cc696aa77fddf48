"""The problems that optimisers are compared on, with their known optima.

Sets, as `python -m tests.benchmarks.optimisers --problems` takes them:

``unconstrained``
    The ten of W. Huyer and A. Neumaier, ACM Trans. Math. Softw. 2008, 35, 9: to a relative error
    of 1e-4 (Rosenbrock: to 1e-4) within 800 evaluations.
``hock``
    Fourteen of W. Hock and K. Schittkowski, *Test Examples for Nonlinear Programming Codes*,
    Springer 1981, their general constraints as soft windows. The tolerance is 1 % of the
    constraint's constant term, 0.01 where that is 0. Solved: no violation above its tolerance, and
    f at most 1 % of |f*| above f*. 300 evaluations.
``others``
    A dozen that no optimiser here was developed on, half of them constrained; to 1 %, 300.
``twin``
    The paper's runs II to VI on the twin, with its noise; 105 evaluations.

``hock-noisy``, ``others-noisy`` and ``unconstrained-noisy`` have normal noise of 1 % of the value
on f and each F, twice the evaluations, and a target of 1 %.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[float | None, float | None, float]
INF = math.inf


@dataclass(frozen=True)
class Task:
    """A problem in a box.

    Attributes
    ----------
    name : str
    lower, upper : tuple of float
    goal : callable
        f of a point (d,).
    best : float
        The known optimum f* within the windows.
    windows : tuple of (lower, upper, tolerance)
    properties : callable, optional
        F (m,) of a point (d,).
    within : float
        How far above `best` counts as solved.
    budget : int
        Evaluations after which a campaign is given up.
    noise : float
        SD of the measurement relative to the value.
    """

    name: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    goal: Callable[[Floats], float]
    best: float
    windows: tuple[Window, ...] = ()
    properties: Callable[[Floats], list[float]] | None = None
    within: float = 1e-4
    budget: int = 800
    noise: float = 0.0

    @property
    def dim(self) -> int:
        """Number of variables."""
        return len(self.lower)

    def truth(self, x: Floats) -> tuple[Floats, Floats]:
        """Give noise-free f (n,) and F (n, m) of points (n, d)."""
        f = np.array([self.goal(row) for row in x])
        F = [] if self.properties is None else [self.properties(row) for row in x]
        return f, np.array(F, dtype=float).reshape(len(x), len(self.windows))

    def violation(self, F: Floats) -> Floats:
        """Distance outside the worst window in units of its tolerance (n,), 0 inside all."""
        edges = [(-INF if a is None else a, INF if b is None else b, t) for a, b, t in self.windows]
        if not edges:
            return np.zeros(len(F))
        low, high, tolerance = np.array(edges).T
        outside = np.maximum(np.maximum(low - F, F - high), 0.0) / tolerance
        return np.asarray(outside.max(axis=1))

    def solved(self, f: Floats, F: Floats) -> NDArray[np.bool_]:
        """Say of each noise-free point whether it is the optimum as far as asked for."""
        return (self.violation(F) <= 1.0) & (f <= self.best + self.within)

    def noisy(self) -> "Task":
        """The same with 1 % noise."""
        within = max(self.within, 0.01 * abs(self.best) or 0.01)
        return replace(
            self, name=f"{self.name}~", noise=0.01, within=within, budget=2 * self.budget
        )


def _relative(best: float, share: float) -> float:
    """Turn a relative error into a distance; absolute where the optimum is 0."""
    return share * (abs(best) or 1.0)


# -- Huyer & Neumaier's ten ---------------------------------------------------------------


def branin(x: Floats) -> float:
    a, b = x
    valley = b - 5.1 * a**2 / (4 * math.pi**2) + 5 * a / math.pi - 6
    return float(valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10)


def camel(x: Floats) -> float:
    a, b = x
    return float((4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2)


def goldstein_price(x: Floats) -> float:
    a, b = x
    first = 19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2
    second = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return float((1 + (a + b + 1) ** 2 * first) * (30 + (2 * a - 3 * b) ** 2 * second))


def shubert(x: Floats) -> float:
    i = np.arange(1, 6)
    a, b = (float((i * np.cos((i + 1) * v + i)).sum()) for v in x)
    return a * b


def rosenbrock(x: Floats) -> float:
    return float(100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2)


_H3A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_H3P = 1e-4 * np.array([
    [3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381.5, 5743, 8828],
])  # fmt: skip
_H6A = np.array([
    [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14],
])  # fmt: skip
_H6P = 1e-4 * np.array([
    [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
])  # fmt: skip
_SHEKEL = np.array([
    [4, 4, 4, 4], [1, 1, 1, 1], [8, 8, 8, 8], [6, 6, 6, 6], [3, 7, 3, 7],
    [2, 9, 2, 9], [5, 5, 3, 3], [8, 1, 8, 1], [6, 2, 6, 2], [7, 3.6, 7, 3.6],
])  # fmt: skip
_SHEKEL_C = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5])
_HARTMAN_C = np.array([1, 1.2, 3, 3.2])


def hartman3(x: Floats) -> float:
    return -float(_HARTMAN_C @ np.exp(-(_H3A * (x - _H3P) ** 2).sum(axis=1)))


def hartman6(x: Floats) -> float:
    return -float(_HARTMAN_C @ np.exp(-(_H6A * (x - _H6P) ** 2).sum(axis=1)))


def shekel(wells: int) -> Callable[[Floats], float]:
    def function(x: Floats) -> float:
        return -float((1 / (((x - _SHEKEL) ** 2).sum(axis=1) + _SHEKEL_C))[:wells].sum())

    return function


def _ten(
    name: str, goal: Callable[[Floats], float], low: float, high: float, dim: int, best: float
) -> Task:
    return Task(name, (low,) * dim, (high,) * dim, goal, best, within=_relative(best, 1e-4))


UNCONSTRAINED = (
    replace(_ten("branin", branin, 0, 15, 2, 0.39788736), lower=(-5, 0), upper=(10, 15)),
    replace(_ten("camel", camel, -2, 2, 2, -1.03162845), lower=(-3, -2), upper=(3, 2)),
    _ten("goldstein-price", goldstein_price, -2, 2, 2, 3.0),
    _ten("shubert", shubert, -10, 10, 2, -186.730909),
    _ten("rosenbrock", rosenbrock, -5.12, 5.12, 2, 0.0),
    _ten("hartman3", hartman3, 0, 1, 3, -3.86277979),
    _ten("hartman6", hartman6, 0, 1, 6, -3.32236801),
    _ten("shekel5", shekel(5), 0, 10, 4, -10.1531997),
    _ten("shekel7", shekel(7), 0, 10, 4, -10.4029406),
    _ten("shekel10", shekel(10), 0, 10, 4, -10.5364098),
)


# -- Hock & Schittkowski's fourteen -------------------------------------------------------


def _soft(
    name: str,
    box: list[tuple[float, float]],
    goal: Callable[[Floats], float],
    best: float,
    properties: Callable[[Floats], list[float]],
    edges: list[tuple[float | None, float | None]],
) -> Task:
    """Constraints ``lower <= F <= upper`` with their constant terms as edges, soft by 1 %."""
    windows = []
    for low, high in edges:
        constant = max(abs(edge) for edge in (low, high) if edge is not None)
        windows.append((low, high, 0.01 * (constant or 1.0)))
    lower, upper = zip(*box, strict=True)
    return Task(
        name, lower, upper, goal, best, tuple(windows), properties, _relative(best, 0.01), 300
    )


def at_least(*constants: float) -> list[tuple[float | None, float | None]]:
    return [(c, None) for c in constants]


def equal(*constants: float) -> list[tuple[float | None, float | None]]:
    return [(c, c) for c in constants]


HOCK = (
    _soft(
        "HS18", [(2, 50), (0, 50)], lambda x: float(0.01 * x[0] ** 2 + x[1] ** 2), 5.0,
        lambda x: [x[0] * x[1], x[0] ** 2 + x[1] ** 2], at_least(25, 25),
    ),
    _soft(
        "HS19", [(13, 100), (0, 100)],
        lambda x: float((x[0] - 10) ** 3 + (x[1] - 20) ** 3), -6961.81388,
        lambda x: [(x[0] - 5) ** 2 + (x[1] - 5) ** 2, -((x[1] - 5) ** 2) - (x[0] - 6) ** 2],
        at_least(100, -82.81),
    ),
    _soft(
        "HS23", [(-50, 50)] * 2, lambda x: float(x @ x), 2.0,
        lambda x: [
            x[0] + x[1], float(x @ x), 9 * x[0] ** 2 + x[1] ** 2, x[0] ** 2 - x[1], x[1] ** 2 - x[0]
        ],
        at_least(1, 1, 9, 0, 0),
    ),
    _soft(
        "HS30", [(1, 10), (-10, 10), (-10, 10)], lambda x: float(x @ x), 1.0,
        lambda x: [x[0] ** 2 + x[1] ** 2], at_least(1),
    ),
    _soft(
        "HS31", [(-10, 10), (1, 10), (-10, 1)],
        lambda x: float(9 * x[0] ** 2 + x[1] ** 2 + 9 * x[2] ** 2), 6.0,
        lambda x: [x[0] * x[1]], at_least(1),
    ),
    _soft(
        "HS34", [(0, 100), (0, 100), (0, 10)], lambda x: -float(x[0]), -math.log(math.log(10)),
        lambda x: [x[1] - math.exp(x[0]), x[2] - math.exp(x[1])], at_least(0, 0),
    ),
    _soft(
        "HS36", [(0, 20), (0, 11), (0, 42)], lambda x: -float(x.prod()), -3300.0,
        lambda x: [-x[0] - 2 * x[1] - 2 * x[2]], at_least(-72),
    ),
    _soft(
        "HS37", [(0, 42)] * 3, lambda x: -float(x.prod()), -3456.0,
        lambda x: [-x[0] - 2 * x[1] - 2 * x[2], x[0] + 2 * x[1] + 2 * x[2]], at_least(-72, 0),
    ),
    _soft(
        "HS41", [(0, 1), (0, 1), (0, 1), (0, 2)], lambda x: 2 - float(x[:3].prod()), 52 / 27,
        lambda x: [x[0] + 2 * x[1] + 2 * x[2] - x[3]], equal(0),
    ),
    _soft(
        "HS53", [(-10, 10)] * 5,
        lambda x: float(
            (x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2 + (x[4] - 1) ** 2
        ),
        176 / 43,
        lambda x: [x[0] + 3 * x[1], x[2] + x[3] - 2 * x[4], x[1] - x[4]], equal(0, 0, 0),
    ),
    _soft(
        "HS60", [(-10, 10)] * 3,
        lambda x: float((x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4), 0.0325682003,
        lambda x: [x[0] * (1 + x[1] ** 2) + x[2] ** 4], equal(4 + 3 * math.sqrt(2)),
    ),
    _soft(
        "HS65", [(-4.5, 4.5), (-4.5, 4.5), (-5, 5)],
        lambda x: float((x[0] - x[1]) ** 2 + (x[0] + x[1] - 10) ** 2 / 9 + (x[2] - 5) ** 2),
        0.9535288567, lambda x: [-float(x @ x)], at_least(-48),
    ),
    _soft(
        "HS66", [(0, 100), (0, 100), (0, 10)], lambda x: float(0.2 * x[2] - 0.8 * x[0]),
        0.5181632741,
        lambda x: [x[1] - math.exp(x[0]), x[2] - math.exp(x[1])], at_least(0, 0),
    ),
    _soft(
        "HS71", [(1, 5)] * 4, lambda x: float(x[0] * x[3] * x[:3].sum() + x[2]), 17.0140173,
        lambda x: [float(x.prod()), float(x @ x)], [(25, None), (40, 40)],
    ),
)  # fmt: skip


# -- a dozen others -----------------------------------------------------------------------


def beale(x: Floats) -> float:
    a, b = x
    terms = (1.5 - a + a * b) ** 2, (2.25 - a + a * b**2) ** 2, (2.625 - a + a * b**3) ** 2
    return float(sum(terms))


def ill_scaled(x: Floats) -> float:
    """A valley in units of 1 and of 10^4, its minimum 0 at the wall."""
    a, b = x[0] / 3.0, x[1] / 2e4
    return float(math.expm1(a) + 5 * (b - 0.4 - 0.3 * a) ** 2)


def wells(x: Floats) -> float:
    """Three Gaussian wells, of which the deepest is narrow."""
    centres = np.array([[0.7] * 4, [0.2, 0.2, 0.8, 0.8], [0.2, 0.8, 0.2, 0.8]])
    depth, width = np.array([1.0, 0.7, 0.6]), np.array([0.25, 0.35, 0.35])
    return -float(depth @ np.exp(-((x - centres) ** 2).sum(axis=1) / width**2))


def styblinski_tang(x: Floats) -> float:
    return float((x**4 - 16 * x**2 + 5 * x).sum() / 2)


def mccormick(x: Floats) -> float:
    a, b = x
    return float(math.sin(a + b) + (a - b) ** 2 - 1.5 * a + 2.5 * b + 1)


def colville(x: Floats) -> float:
    a, b, c, d = x
    return float(
        100 * (a**2 - b) ** 2 + (a - 1) ** 2 + (c - 1) ** 2 + 90 * (c**2 - d) ** 2
        + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)
    )  # fmt: skip


def townsend(x: Floats) -> float:
    a, b = x
    return -float(math.cos((a - 0.1) * b) ** 2 + a * math.sin(3 * a + b))


def townsend_edge(x: Floats) -> list[float]:
    a, b = x
    t = math.atan2(a, b)
    reach = 2 * math.cos(t) - math.cos(2 * t) / 2 - math.cos(3 * t) / 4 - math.cos(4 * t) / 8
    return [a**2 + b**2 - reach**2 - (2 * math.sin(t)) ** 2]


def truss(x: Floats) -> float:
    return float(100 * (2 * math.sqrt(2) * x[0] + x[1]))


def truss_stress(x: Floats) -> list[float]:
    a, b = x
    root = math.sqrt(2)
    below = root * a**2 + 2 * a * b
    return [2 * (root * a + b) / below, 2 * b / below, 2 / (a + root * b)]


def rosen_suzuki(x: Floats) -> float:
    a, b, c, d = x
    return float(a**2 + b**2 + 2 * c**2 + d**2 - 5 * a - 5 * b - 21 * c + 7 * d)


def rosen_suzuki_edges(x: Floats) -> list[float]:
    a, b, c, d = x
    return [
        a**2 + b**2 + c**2 + d**2 + a - b + c - d,
        a**2 + 2 * b**2 + c**2 + 2 * d**2 - a - d,
        2 * a**2 + b**2 + c**2 + 2 * a - b - d,
    ]


def gomez_levy(x: Floats) -> list[float]:
    return [-math.sin(4 * math.pi * x[0]) + 2 * math.sin(2 * math.pi * x[1]) ** 2]


def _plain(
    name: str, goal: Callable[[Floats], float], box: list[tuple[float, float]], best: float
) -> Task:
    lower, upper = zip(*box, strict=True)
    return Task(name, lower, upper, goal, best, within=_relative(best, 0.01), budget=300)


def at_most(*constants: float) -> list[tuple[float | None, float | None]]:
    return [(None, c) for c in constants]


OTHERS = (
    _plain("beale", beale, [(-4.5, 4.5)] * 2, 0.0),
    _plain("ill-scaled", ill_scaled, [(0, 3), (0, 2e4)], 0.0),
    _plain("wells", wells, [(0, 1)] * 4, -1.01915468),
    _plain("styblinski-tang", styblinski_tang, [(-5, 5)] * 3, -117.498497),
    _plain("mccormick", mccormick, [(-1.5, 4), (-3, 4)], -1.91322295),
    _plain("colville", colville, [(-3, 3)] * 4, 0.0),
    _soft("gomez-levy", [(-1, 0.75), (-1, 1)], camel, -1.03162845, gomez_levy, at_most(1.5)),
    _soft(
        "townsend", [(-2.25, 2.5), (-2.5, 1.75)], townsend, -2.02398839, townsend_edge, at_most(0),
    ),
    _soft(
        "rosenbrock-disk", [(-1.5, 1.5)] * 2, lambda x: 1 + rosenbrock(x), 1.0,
        lambda x: [float(x @ x)], at_most(2),
    ),
    _soft("truss", [(0.05, 1), (0.05, 1)], truss, 263.895843, truss_stress, at_most(2, 2, 2)),
    _soft(
        "HS29", [(-7, 7), (-5, 5), (-4, 4)], lambda x: -float(x.prod()), -16 * math.sqrt(2),
        lambda x: [-(x[0] ** 2) - 2 * x[1] ** 2 - 4 * x[2] ** 2], at_least(-48),
    ),
    _soft("HS43", [(-3, 3)] * 4, rosen_suzuki, -44.0, rosen_suzuki_edges, at_most(8, 10, 5)),
)  # fmt: skip


SETS: dict[str, tuple[Task, ...]] = {
    "unconstrained": UNCONSTRAINED,
    "hock": HOCK,
    "others": OTHERS,
}
SETS |= {f"{name}-noisy": tuple(task.noisy() for task in tasks) for name, tasks in SETS.items()}
