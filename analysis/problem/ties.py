"""How hard limits tie variables together: each limit as linear rows, tied ones as a polytope."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .expression import ExpressionError
from .follow import Region
from .messages import ProblemError
from .polytope import EmptyError, Polytope
from .units import same

FloatArray = NDArray[np.float64]

ROOM = 1e-9  # relative width below which a coordinate has no room to search


class TiedStreams:
    """Variables tied by limits, as their total and the fractions of all but the first."""

    def __init__(self, streams: Sequence[str], ranges: FloatArray, rows: FloatArray) -> None:
        """Find the polytope.

        `ranges` has shape (m, 2); each of the `rows`, shape (r, m + 1), says
        ``row[:m] @ flows + row[m] <= 0``.
        """
        m = len(streams)
        self.streams = list(streams)
        total = " + ".join(streams)
        self.names = [total, *(f"{name} / ({total})" for name in streams[1:])]
        identity = np.eye(m)
        own = [
            np.column_stack([identity, -ranges[:, 1]]),
            np.column_stack([-identity, ranges[:, 0]]),
        ]
        self._rows = np.concatenate([*own, rows])
        # unknowns: m - 1 fractions, then scale / total, which is of order 1
        self._scale = ranges[:, 1].sum()
        self._polytope = Polytope.of(*self._homogeneous(self._rows))
        self._chain = self._polytope.chain(range(m))
        spans = [self._polytope.chain([j, *(i for i in range(m) if i != j)])[0] for j in range(m)]
        nothing = np.zeros((1, 0))
        fractions = [tuple(float(edge[0]) for edge in span.given(nothing)) for span in spans]
        nearest, farthest = fractions.pop()
        if not np.isfinite(farthest):
            raise refusal(f"{total} can be 0, where there is nothing to divide: give it a limit")
        self.bounds = [(self._scale / farthest, self._scale / nearest), *fractions]

    def units(self, region: Region) -> list[str]:
        """Give the unit of the total and of each fraction."""
        return [region.variables[self.streams[0]].unit, *("" for _ in self.streams[1:])]

    def spans(self) -> dict[str, tuple[float, float]]:
        """Give the lowest and highest flow of each stream."""
        from scipy.optimize import linprog  # few problems ask

        A, b = self._rows[:, :-1], -self._rows[:, -1]
        spans = {}
        for name, along in zip(self.streams, np.eye(len(self.streams)), strict=True):
            least, most = (linprog(sign * along, A, b, bounds=(None, None)) for sign in (1, -1))
            spans[name] = (float(least.fun or 0), -float(most.fun or 0))
        return spans

    def allows(self, row: FloatArray) -> bool:
        """Whether some point has ``row[:m] @ flows + row[m] <= 0``."""
        A, b = self._homogeneous(row[None])
        try:
            self._polytope.also(A, b).chain(range(len(self.streams)))
        except EmptyError:
            return False
        return True

    def to_flows(self, points: FloatArray) -> FloatArray:
        """Flows of box points, both of shape (n, m)."""
        shares = np.divide(
            points - self._floor,
            self._width,
            out=np.full(points.shape, 0.5),
            where=self._width > 0,  # not so of a total that is held
        )
        fractions = np.empty((len(points), 0))
        for level, share in zip(self._chain[:-1], shares[:, 1:].T, strict=True):
            low, high = level.given(fractions)
            fractions = np.column_stack([fractions, low + share * (high - low)])
        low, high = self._totals(fractions)
        total = low + shares[:, 0] * (high - low)
        first = 1 - fractions.sum(axis=1, keepdims=True)
        flows: FloatArray = np.column_stack([first, fractions]) * total[:, None]
        return flows

    def to_box(self, flows: FloatArray, anywhere: bool = False) -> FloatArray:
        """Box point of flows, both of shape (m,); of any flows, beyond the box where they are."""
        total = flows.sum()
        fractions = flows[None, 1:] / total
        intervals = [level.given(fractions[:, :j]) for j, level in enumerate(self._chain[:-1])]
        low, high = np.array([self._totals(fractions), *intervals])[:, :, 0].T
        wide = high - low > ROOM * self._width
        # on an edge where the interval shrinks to a point, all of the box's edge means that point
        share = np.divide(
            np.array([total, *fractions[0]]) - low,
            high - low,
            out=np.full(len(low), 0.5),
            where=wide,
        )
        point: FloatArray = (
            self._floor + (share if anywhere else np.clip(share, 0, 1)) * self._width
        )
        return point

    def _totals(self, fractions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest total for given fractions (n, m - 1)."""
        nearest, farthest = self._chain[-1].given(fractions)
        return self._scale / farthest, self._scale / nearest

    def _homogeneous(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Divide rows in the flows by the total: ``A @ (fractions, scale / total) <= b``."""
        first, others, constant = rows[:, :1], rows[:, 1:-1], rows[:, -1:]
        return np.column_stack([others - first, constant / self._scale]), -first[:, 0]

    @property
    def _floor(self) -> FloatArray:
        return np.array(self.bounds)[:, 0]

    @property
    def _width(self) -> FloatArray:
        return np.array(self.bounds)[:, 1] - self._floor


@dataclass(frozen=True)
class Tie:
    """One limit as rows ``row[:k] @ x + row[k] <= 0``, valid where its denominator is positive."""

    limit: str
    of: str
    names: tuple[str, ...]  # the variables that it depends on
    rows: FloatArray  # (r, k + 1)
    den: FloatArray  # (k + 1,)


def _zero_refusal(tie: Tie) -> ProblemError:
    return ProblemError(
        [
            f"limits.{tie.limit}: {tie.of!r} divides by 0 at conditions that nothing else "
            "excludes; give the range of what it divides by a lower bound above 0"
        ]
    )


def refusal(reason: str) -> ProblemError:
    """Say what is wrong with the limits as a whole."""
    return ProblemError([f"limits: {reason}"])


def ties_of(region: Region) -> list[Tie]:
    """Write every limit as linear rows, or refuse it."""
    names = list(region.variables)
    ties = []
    for key, limit in region.limits.items():
        try:
            num, den = limit.expression.linear_ratio(names, region.fixed)
        except ExpressionError as error:
            raise ProblemError(
                [
                    f"limits.{key}: {error}; other forms do not map exactly: as a wish put it "
                    "under constraints, where any form may stand"
                ]
            ) from None
        num, den = _positive(num, den, region, f"limits.{key}: {limit.of!r}")
        rows = [num - limit.upper * den] if limit.within[1] is not None else []
        rows += [limit.lower * den - num] if limit.within[0] is not None else []
        used = tuple(name for i, name in enumerate(names) if num[i] or den[i])
        ties.append(Tie(key, limit.of, used, np.array(rows), den))
    for key, (expression, value) in region.held.items():
        num, den = expression.linear_ratio(names, region.fixed)
        row = num - value * den
        used = tuple(name for i, name in enumerate(names) if row[i])
        ties.append(Tie(key, expression.text, used, np.array([row, -row]), den))
    return ties


def _positive(
    num: FloatArray, den: FloatArray, region: Region, place: str
) -> tuple[FloatArray, FloatArray]:
    """Return numerator and denominator with the denominator's sign made positive."""
    ranges = np.array([variable.range for variable in region.variables.values()])
    ends = den[:-1, None] * ranges
    low, high = ends.min(axis=1).sum() + den[-1], ends.max(axis=1).sum() + den[-1]
    if low >= 0 < high:
        return num, den
    if high <= 0 > low:
        return -num, -den
    raise ProblemError([f"{place} divides by something that passes through 0 within the ranges"])


def groups_of(region: Region, ties: Sequence[Tie]) -> list[TiedStreams]:
    """Gather the variables that limits tie together, directly or through others."""
    clusters: list[set[str]] = []
    for tie in ties:
        if len(tie.names) > 1:
            touching = [cluster for cluster in clusters if cluster & set(tie.names)]
            clusters = [cluster for cluster in clusters if cluster not in touching]
            clusters.append(set(tie.names).union(*touching))
    order = list(region.variables)
    streams = [sorted(cluster, key=order.index) for cluster in clusters]
    return [
        _group(region, ties, names) for names in sorted(streams, key=lambda s: order.index(s[0]))
    ]


def _group(region: Region, ties: Sequence[Tie], streams: Sequence[str]) -> TiedStreams:
    """Build one group of streams from the limits on it, or refuse what cannot be mapped."""
    order = list(region.variables)
    columns = [*(order.index(name) for name in streams), len(order)]
    mine = [tie for tie in ties if set(tie.names) & set(streams)]
    for tie in mine:
        units = {name: region.variables[name].unit for name in tie.names}
        first = units[tie.names[0]] if tie.names else ""
        if not all(same(first, other) for other in units.values()):
            told = " and ".join(f"{name} is in {unit or 'no unit'}" for name, unit in units.items())
            raise ProblemError(
                [
                    f"limits.{tie.limit}: {tie.of!r} ties quantities of different units together: "
                    f"{told}; give them in one unit"
                ]
            )
    ranges = np.array([region.variables[name].range for name in streams])
    for name, (lower, _) in zip(streams, ranges, strict=True):
        if lower < 0:
            raise refusal(f"{name} can be negative, and so cannot be part of a total or ratio")
    try:
        group = TiedStreams(streams, ranges, np.concatenate([tie.rows for tie in mine])[:, columns])
    except EmptyError:
        keys = ", ".join(tie.limit for tie in mine)
        raise refusal(f"nothing can satisfy all of {keys} with the ranges given") from None
    for tie in mine:
        if group.allows(tie.den[columns]):
            raise _zero_refusal(tie)
    return group


def free_bounds(name: str, region: Region, ties: Sequence[Tie]) -> tuple[float, float]:
    """Range of a variable that is tied to no other, cut by the limits on it alone."""
    column = list(region.variables).index(name)
    lower, upper = region.variables[name].range
    for tie in ties:
        if tie.names != (name,):
            continue
        for row in tie.rows:
            slope, constant = row[column], row[-1]
            if slope > 0:
                upper = min(upper, -constant / slope)
            elif slope < 0:
                lower = max(lower, -constant / slope)
        if lower > upper:
            raise refusal(f"nothing can satisfy {tie.limit} and what else limits {name}")
        if tie.den[-1] + tie.den[column] * (lower if tie.den[column] > 0 else upper) <= 0:
            raise _zero_refusal(tie)
    return lower, upper
