"""What the shipped reactions really give, and how near campaigns come to their optima."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution, minimize

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from reactune.devices.emulation import Reaction
from reactune.devices.emulation.reactions import reaction_of
from reactune.devices.rigfile import RigFile, load
from reactune.plans.compatibility import fitted, settings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A problem on an emulated rig without noise and instruments.

    Parameters
    ----------
    problem : Problem
        Fitted to the rig.
    rig : RigFile
    """

    problem: Problem
    rig: RigFile

    @classmethod
    def of(cls, problem: str, rig: str, **choices: str) -> Self:
        """Give that of a built-in problem on a built-in rig, for what is chosen on it."""
        stated, config = Problem.load(problem).to_dict(), load(rig)
        for name in choices:
            del stated["variables"][name]
        if choices:
            config = config.emulating(choices=choices)
        return cls(fitted(Problem.load(stated), config), config)

    @cached_property
    def space(self) -> Space:
        return Space.of(self.problem)

    @cached_property
    def reaction(self) -> Reaction:
        return reaction_of(self.rig.emulation)

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Goal to minimise (n,) and constrained properties (n, m) at points (n, d) of the box."""
        conditions = self.space.to_conditions(points)
        set_to = [settings(one, self.problem, self.rig) for one in conditions]
        reaction = self.reaction
        flows = {
            name: np.array([one[f"flow_{name}"] for one in set_to]) for name in self.rig.streams
        }
        total = np.sum(list(flows.values()), axis=0)
        feed = np.stack(
            [self.rig.streams[name].stock * flows[name] / total for name in reaction.reagents], -1
        )
        made = reaction.composition(
            feed,
            self.rig.reactor.heated_volume / total,
            np.array([one["temperature"] for one in set_to]),
        ).fractions
        columns = [reaction.products.index(name) for name in self.problem.measured]
        variables = {
            name: np.array([one[name] for one in conditions]) for name in self.problem.variables
        }
        return self.problem.compose(made[:, columns], variables)

    def optimum(self) -> tuple[Floats, float]:
        """Best point of the box inside all windows, and its goal, to 0.2 %: evolved, then polished."""
        lower, upper = self.space.lower, self.space.upper

        def penalised(u: Floats) -> Floats:
            f, F = self.at(lower + u.T * (upper - lower))
            return f + 100 * abs(f) * np.sqrt(self.misses(F))

        @lru_cache(maxsize=4)
        def known(u: bytes) -> tuple[Floats, Floats]:
            return self.slopes(np.frombuffer(u))

        box = [(0.0, 1.0)] * len(lower)
        start = differential_evolution(
            penalised, box, vectorized=True, updating="deferred", polish=False, seed=0, maxiter=60
        ).x
        rooms = {
            "type": "ineq",
            "fun": lambda u: known(u.tobytes())[0][1:],
            "jac": lambda u: known(u.tobytes())[1][1:],
        }
        size = abs(known(start.tobytes())[0][0])
        found = minimize(
            lambda u: known(u.tobytes())[0][0] / size, start, method="SLSQP",
            jac=lambda u: known(u.tobytes())[1][0] / size,
            constraints=rooms, bounds=box, options={"ftol": 1e-8, "maxiter": 60},
        )  # fmt: skip
        for u in (np.clip(found.x, 0, 1), start):  # unpolished where that went astray
            goal, *left = known(u.tobytes())[0]
            if min(left, default=0.0) >= -1e-6 and goal <= known(start.tobytes())[0][0]:
                return lower + u * (upper - lower), float(goal)
        raise ArithmeticError(f"{self.problem.title}: nothing is inside all windows")

    def slopes(self, u: Floats) -> tuple[Floats, Floats]:
        """Goal and rooms (1 + r,) at a point of the unit box, and their slopes (1 + r, d)."""
        step = np.where(u > 0.5, -1e-5, 1e-5)
        points = np.vstack([u, u + np.diag(step)])
        scale = self.space.upper - self.space.lower
        f, F = self.at(self.space.lower + points * scale)
        values = np.column_stack([f, self.rooms(F)])
        return values[0], (values[1:] - values[0]).T / step

    def rooms(self, F: Floats) -> Floats:
        """How far inside its windows each point is (n, 2 m); negative outside."""
        edges = [(w.lower, w.upper) for w in self.problem.windows]
        lower, upper = np.array(edges, float).reshape(-1, 2).T
        rooms = np.concatenate([F - lower, upper - F], axis=1)
        return rooms[:, np.isfinite(rooms).all(axis=0)]

    def misses(self, F: Floats) -> Floats:
        """How far outside its windows each point is, squared and summed (n,)."""
        missed: Floats = (np.minimum(self.rooms(F), 0) ** 2).sum(axis=1)
        return missed
