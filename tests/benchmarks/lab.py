"""Campaigns on the twin without instruments: the agent, the reaction and its noise, no bytes.

A campaign of 105 experiments costs about as much as its asks, so that many seeds can be run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.devices.emulation.layout import Noise
from reactune.devices.emulation.reactions.walker2017 import Kinetics, mole_fractions
from reactune.devices.rig.flow_rig import load
from reactune.plans.compatibility import analytics_of

Floats = NDArray[np.float64]
Conditions = Mapping[str, float]

RIG = load("walker")
HPLC = analytics_of(RIG)
PER_FLOW = RIG.streams["sultine"].stock / RIG.streams["c60"].stock
SPECIES = ("X0", "X1", "X2", "X3")


def true_fractions(
    conditions: Sequence[Conditions],
    kinetics: Kinetics = Kinetics(),  # noqa: B008 - frozen
    theta_factor: Floats | float = 1.0,
) -> Floats:
    """Noise-free fractions (n, 4) at conditions of the paper's problems."""
    names = ("temperature", "flow_c60", "flow_sultine")
    celsius, c60, sultine = np.array([[c[name] for name in names] for c in conditions]).T
    return mole_fractions(
        931 / (c60 + sultine),
        PER_FLOW * sultine / c60,
        celsius,
        kinetics=kinetics,
        theta_factor=theta_factor,
    )


@dataclass
class Lab:
    """Measures what an agent suggests.

    Parameters
    ----------
    seed : int or sequence of int
        Of the noise.
    kinetics : Kinetics
        The reaction as it is today.
    noise : Noise
        The reaction's and the HPLC's.
    """

    seed: int | Sequence[int] = 0
    kinetics: Kinetics = Kinetics()  # noqa: RUF009 - frozen
    noise: Noise = Noise()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def measure(self, suggestions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Give outcomes as the analysis of the chromatograms would: normalised, with sd."""
        theta, *errors = self._rng.standard_normal((5, len(suggestions)))
        factor = np.exp(self.noise.extent * theta)
        true = true_fractions(suggestions, self.kinetics, factor)
        sd = self.noise.fraction + self.noise.relative * true
        found = np.maximum(true + sd * np.array(errors).T, 0.0)
        outcomes = []
        for suggestion, moles, error in zip(suggestions, found, sd, strict=True):
            x = moles / moles.sum()
            slope = (np.eye(4) - x[:, None]) / moles.sum()
            spread = np.sqrt((slope**2) @ error**2)
            outcomes.append(
                {"_id": suggestion["_id"]}
                | dict(zip(SPECIES, x.tolist(), strict=True))
                | {f"{name}_sd": float(s) for name, s in zip(SPECIES, spread, strict=True)}
            )
        return outcomes

    def experiments(
        self, agent: Agent, ahead: bool = True, schedule: "Schedule | None" = None
    ) -> Iterator[float]:
        """Measure what an agent asks for, as the plan does, until it asks for nothing.

        Parameters
        ----------
        agent : Agent
        ahead : bool
            Whether a batch is asked for while the last one of the batch before is under way.
        schedule : Schedule, optional
            How long each takes.

        Yields
        ------
        float
            Lab time after each experiment [h].
        """
        schedule = schedule or Schedule()
        while (asked := agent.ask()) is not None:
            within = asked.number % agent.problem.batch
            following = agent.ahead() if ahead or within else None
            agent.ingest(self.measure([{"_id": asked.number, **asked.conditions}]))
            yield schedule.measured(asked.conditions, following is not None)

    def campaign(self, agent: Agent, budget: int) -> "Trial":
        """Run an agent until it has made as many experiments, or its own budget is spent."""
        for _ in self.experiments(agent):
            if len(agent.evaluations) == budget:
                break
        return Trial(agent, self.kinetics)


class Schedule:
    """How long the experiments of a campaign on the paper's rig take, without the rig.

    The rig heats up by 15 and cools down by 8 K/min, 2.5 min more until that has settled; is steady
    two residence times after; fills the loop and records. If the next conditions are known when it
    injects, it heats for them at once, and starts their flows so that it is steady when the trace
    ends (`reactune.plans.stubs.sample`).

    Parameters
    ----------
    settles : float
        How long the heater takes to settle [min].
    """

    def __init__(self, settles: float = 2.5) -> None:
        self._settles = settles
        self._celsius = 22.0
        self._end = self._injection = 0.0  # of the last trace [min]
        self._ahead = False

    def measured(self, conditions: Conditions, ahead: bool) -> float:
        """Count an experiment.

        Parameters
        ----------
        conditions : mapping
        ahead : bool
            Whether the next one is known while this one's trace is being recorded.

        Returns
        -------
        float
            Lab time at its end [h].
        """
        total = conditions["flow_c60"] + conditions["flow_sultine"]
        steady, fill, trace = 2 * 931 / total, 50 / total, RIG.chromatogram.duration / 60
        change = conditions["temperature"] - self._celsius
        heat = abs(change) / (15 if change > 0 else 8) + self._settles if abs(change) > 0.5 else 0.0
        ready = self._end + heat + steady
        if self._ahead:
            ready = max(self._end, self._injection + max(trace - steady, heat) + steady)
        self._injection, self._celsius = ready + fill, conditions["temperature"]
        self._end, self._ahead = self._injection + trace, ahead
        return self._end / 60


@dataclass(frozen=True, eq=False)
class Trial:
    """A finished campaign, and what is true of it.

    Attributes
    ----------
    agent : Agent
    kinetics : Kinetics
    """

    agent: Agent
    kinetics: Kinetics

    @cached_property
    def truth(self) -> tuple[Floats, Floats]:
        """Noise-free goal (n,) and violation (n,) of every point visited; see `judge`."""
        return self.judge([e.conditions for e in self.agent.evaluations])

    def judge(self, conditions: Sequence[Conditions]) -> tuple[Floats, Floats]:
        """Noise-free goal as minimised, and how far the worst window is missed [property's unit].

        With an open or zero tolerance nothing is allowed for: 0 means inside all windows.
        """
        problem = self.agent.problem
        goals, worst = [], []
        for point, x in zip(conditions, true_fractions(conditions, self.kinetics), strict=True):
            found = problem.properties(dict(zip(SPECIES, x, strict=True)), conditions=point)
            outside = [
                max(w.lower - F, F - w.upper, 0.0)
                for w, F in zip(problem.windows, found.F, strict=True)
            ]
            goals.append(found.f)
            worst.append(max(outside, default=0.0))
        return np.array(goals), np.array(worst)

    @cached_property
    def handed_over(self) -> tuple[float, float]:
        """Noise-free goal and violation of the point that the optimiser hands over."""
        optimiser = self.agent.optimiser
        best = optimiser.best(feasible=True) or optimiser.best()
        assert best is not None
        f, violation = self.judge(self.agent.space.to_conditions(best.x[None, :]))
        return float(f[0]), float(violation[0])

    def first(self, reached: NDArray[np.bool_]) -> float:
        """Number of the first experiment of which this is true, infinite for none."""
        hits = np.flatnonzero(reached)
        return float(hits[0] + 1) if hits.size else np.inf


def stated(name: str, **changes: Any) -> Problem:
    """Give a built-in problem with some of its tables or values changed."""
    plain = Problem.load(name).to_dict()
    for key, value in changes.items():
        plain[key] = plain.get(key, {}) | value if isinstance(value, Mapping) else value
    return Problem.load(plain)
