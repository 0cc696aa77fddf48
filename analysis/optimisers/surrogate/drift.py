"""Does what an earlier campaign found still hold? New results beside what its models foretell.

Three explanations of the difference are weighed by how likely each makes the new results: nothing
has changed; everything is off by a shift, a scale and a gentle trend, as after new reagents or a
service; the reaction is another, of which the old results say nothing (Kass & Raftery, J. Am. Stat.
Assoc. 1995, 90, 773). All three allow for the scatter of single experiments, the first two for what
the old models do not know. How large these are the old models have from few results themselves, the
fewer the less surely. Between the first two that is averaged over, which makes a t-distribution of
each normal one (Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 3.2); another reaction
is told from both without, since a doubt that may be of any size explains whatever comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import gammaincinv

from .before import Compared
from .gp import TOLD

Floats = NDArray[np.float64]
Kind = Literal["holds", "shifted", "another"]

PRIOR: dict[Kind, float] = {"holds": 0.68, "shifted": 0.3, "another": 0.02}
"""How likely each is before anything was measured."""

SURE = 1.2
"""By how much what the old models foretell, and the scatter that they tell of, are too sure: with
few repeats noise is estimated a little too small (20 % on the emulated rig)."""

ASSUMED, PARTS = 3.0, 8
"""How many values more seem to have told how large doubt and scatter are, which are expected to be
about usual; and how many sizes, equally likely, they may have. Measured: of the verdicts held to be
95 % likely no more are wrong than should be (`python -m tests.benchmarks.drifted --old 12`)."""

SIZES = 0.03, 0.1, 0.3
"""Sizes of a drift that are reckoned with, in units of how far what the old models
foretell varies all over the box."""

TREND, REST = 0.5, 0.5
"""A drift's trend along the variables and its smooth rest, in units of the size of the drift."""

FINEST = 1e-3
"""Scatter of a single experiment that is always reckoned with, in units of how far what the old
models foretell varies: exact old results, as a simulation gives, do not say that today's are."""

LEFT = 2.5
"""Mean squared difference, in units of what is expected, that no shift and scale explain; from
there on the old results are weighted down."""

DRAWS = 512


@dataclass(frozen=True)
class Drift:
    """What new results say of old ones.

    Attributes
    ----------
    kind : {"holds", "shifted", "another"}
        The likeliest explanation.
    probability : dict of str to float
        Of each.
    left : float
        Mean squared difference that shift and scale leave, in units of what is expected; at
        least 1.
    was, was_sd : (q,) array
        Measured quantities, noise apart, at the point of reference by the old results alone.
    now, now_sd : (q,) array
        The same by the old and the new results together, a drift allowed for.
    """

    kind: Kind
    probability: dict[Kind, float]
    left: float
    was: Floats
    was_sd: Floats
    now: Floats
    now_sd: Floats


def drift(new: Compared, z: Floats) -> Drift:
    """Judge new results, of which the last row is the point of reference, not measured.

    Parameters
    ----------
    new : Compared
    z : (n + 1, d) array
        Where they are, in the cube.
    """
    n, logs, doubted = len(z) - 1, np.zeros(3), np.zeros(2)
    was, now, rest, free = [], [], 0.0, 0.0
    for k in range(new.values.shape[1]):
        one = _One(new, z, k)
        likely = np.array([one.drifted(size) for size in SIZES])  # by size and how unsure
        logs += one.unchanged()[0], _log_mean(likely[:, 0]), one.anew()
        doubted += _log_mean(one.unchanged()[1:]), _log_mean(likely[:, 1:])
        best = int(np.argmax([_log_mean(each[1:]) for each in likely]))
        size, unsure = SIZES[best], one.unsure(likely[best])
        left, spent = one.left(size)
        was.append((one.foretold, unsure * one.doubt[n, n]))
        now.append(one.now(size, unsure))
        rest, free = rest + left, free + n - spent
    prior = np.log(list(PRIOR.values()))
    another = _shares(logs + prior)[2]
    alike = (1 - another) * _shares(doubted + prior[:2])
    probability = dict(zip(PRIOR, map(float, (*alike, another)), strict=True))
    return Drift(
        max(probability, key=lambda kind: probability[kind]),
        probability,
        max(rest / max(free, 1.0), 1.0),
        *_measured(new, *np.transpose(was)),
        *_measured(new, *np.transpose(now)),
    )


def _measured(new: Compared, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Give measured quantities and their standard deviations by those of the scales."""
    drawn = np.random.default_rng(0).standard_normal((DRAWS, len(mean))) * np.sqrt(variance)
    return new.measured(mean[None])[0], new.measured(mean + drawn).std(axis=0)


class _One:
    """New values of one scale beside those foretold."""

    def __init__(self, new: Compared, z: Floats, k: int) -> None:
        n = len(z) - 1
        centre, self._spread = map(float, new.level[k])
        self._z, self._n = z, n
        self._off = new.values[:n, k] - new.foretold[:n, k]
        self._level = (new.foretold[:, k] - centre) / self._spread
        scatter = np.hypot(SURE * new.scatter[:n, k], FINEST * self._spread)
        self._scatter = np.diag(scatter**2)
        self._away = self._off + new.foretold[:n, k] - centre
        self.foretold = float(new.foretold[n, k])
        self.doubt: Floats = SURE**2 * new.doubt[k]
        self._base = self.doubt[:n, :n] + self._scatter
        self._larger = np.r_[1.0, _larger(float(new.free[k]))]

    def drifting(self, size: float) -> Floats:
        """Covariance of a drift of a size (n + 1, n + 1)."""
        z, level = self._z, self._level
        regular = 1 + np.outer(level, level) + TREND**2 * z @ z.T + REST**2 * _near(z)
        return np.asarray((size * self._spread) ** 2 * regular)

    def unchanged(self) -> list[float]:
        """How likely the differences are if nothing has changed: as sure as told, and less so."""
        return [_log_normal(self._off, part * self._base) for part in self._larger]

    def drifted(self, size: float) -> list[float]:
        """How likely they are with a drift of a size, in the same way."""
        drifting = self.drifting(size)[: self._n, : self._n]
        return [_log_normal(self._off, part * self._base + drifting) for part in self._larger]

    def anew(self) -> float:
        """How likely the values are if nothing is known but their spread."""
        z = self._z[: self._n]
        return _log_normal(
            self._away, self._scatter + self._spread**2 * (1 + TREND**2 * z @ z.T + _near(z))
        )

    def unsure(self, logs: Floats) -> float:
        """Give by how much variances are larger than told, by how likely each makes the values."""
        return float(self._larger[1:] @ _shares(logs[1:]))

    def left(self, size: float) -> tuple[float, float]:
        """Give the squares that a drift of a size leaves, and the freedom that it spends."""
        drifting = self.drifting(size)[: self._n, : self._n]
        gain = np.linalg.solve(self._base + drifting, drifting)
        left = self._off - gain.T @ self._off
        return float(left @ np.linalg.solve(self._base, left)), float(np.trace(gain))

    def now(self, size: float, unsure: float) -> tuple[float, float]:
        """Give the value at the reference and its variance, by old and new results.

        What was measured today corrects what the old models foretell there, too.
        """
        n, off = self._n, unsure * self.doubt + self.drifting(size)
        gain = np.linalg.solve(off[:n, :n] + unsure * self._scatter, off[:n, n])
        variance = off[n, n] - gain @ off[:n, n]
        return float(self.foretold + gain @ self._off), max(float(variance), 0.0)


def _larger(free: float) -> Floats:
    """Give by how much variances may be larger than so many values tell, each equally likely."""
    untold = 1 - free / TOLD
    if untold <= 0:
        return np.ones(1)
    freedom, middles = (ASSUMED + free) / untold, (np.arange(PARTS) + 0.5) / PARTS
    return np.asarray(freedom / (2 * gammaincinv(freedom / 2, middles)))


def _near(z: Floats) -> Floats:
    gap = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-gap / 2))


def _log_normal(off: Floats, covariance: Floats) -> float:
    factor, lower = cho_factor(covariance, lower=True)
    within = off @ cho_solve((factor, lower), off)
    return float(-0.5 * within - np.log(np.diagonal(factor)).sum())


def _log_mean(logs: ArrayLike) -> float:
    most = float(np.max(logs))
    return most + float(np.log(np.mean(np.exp(np.asarray(logs) - most))))


def _shares(logs: Floats) -> Floats:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def informative(new: Compared, first: int, count: int) -> Iterator[int]:
    """Choose experiments whose repeats tell shift from scale best, after a first one.

    Greedily, by the determinant of the information on shift and scale of every quantity (D-optimal
    design), so that noisy results and those like others come last.

    Parameters
    ----------
    new : Compared
        The experiments of the earlier campaign beside what its models make of them.
    first : int
        Which is repeated in any case.
    count : int
        How many, the first one included.
    """
    centre, spread = new.level.T
    level = (new.foretold - centre) / spread
    features = np.stack([np.ones_like(level), level], axis=-1)  # (n, k, 2)
    sd = (new.scatter + np.sqrt(np.diagonal(new.doubt, axis1=1, axis2=2).T)) / spread
    told = features[..., :, None] * features[..., None, :] / sd[..., None, None] ** 2
    known = np.eye(2) / SIZES[1] ** 2 + told[first]
    chosen = [first]
    yield first
    while len(chosen) < min(count, len(level)):
        gain = np.linalg.slogdet(known + told)[1].sum(axis=1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        known = known + told[chosen[-1]]
        yield chosen[-1]
