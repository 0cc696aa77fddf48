"""Smooth scales: of the variables (ln tau, ln ratio, 1/T) and of what is measured (log-ratios).

A model learns fastest where nature is nearly linear. Every scale is inverted exactly, so nothing
but the shape of the models depends on it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex, get_args

import numpy as np
from numpy.typing import NDArray

from ...problem.tables import Kind
from ..settable import Settable
from ..table import EXACT

Floats = NDArray[np.float64]

KELVIN = 273.15

UNTOLD = 1e-3
"""Least uncertainty of a quantity whose uncertainty nobody tells, in units of its largest value."""

INCOMPLETE = 0.005
"""Fractions whose sum differs from 1 by more, and by four of its errors, are not all there are."""

BELOW = 0.1
"""Positive quantities are never below 0 by more than this, in units of the largest value, and by
five of their errors: others are not positive, whatever was said of them."""

ROUNDING = 1e-12
"""What is smaller, in units of the largest of all values, is what reckoning leaves of 0."""


class Scale(NamedTuple):
    """A monotonic change of one variable, and between which values it exists."""

    forward: Callable[[Floats], Floats]
    backward: Callable[[Floats], Floats]
    above: float = 0.0
    below: float = np.inf


SCALES = {
    "linear": Scale(lambda x: x, lambda u: u, above=-np.inf),
    "log": Scale(np.log, np.exp),
    "logit": Scale(lambda x: np.log(x / (1 - x)), lambda u: 1 / (1 + np.exp(-u)), below=1.0),
    "reciprocal": Scale(lambda x: 1 / x, lambda u: 1 / u),
    "celsius": Scale(lambda x: 1 / (x + KELVIN), lambda u: 1 / u - KELVIN, above=-KELVIN),
}

BRINK = 0.01
"""How near to where its scale ends a value from outside the box may come, in units of the box's own
distance from there."""


class Coordinates:
    """The map between the user's box and the models' cube [-1, 1]^d.

    A choice takes as many axes of the cube as its positions have, one after the other in its place.

    Parameters
    ----------
    lower, upper : (d,) array
        The box.
    scales : sequence of str
        One of `SCALES` for each variable; a variable must stay finite on it all over the box.
    settable : Settable, optional
        What of the box can be set, if that is not all of it; it says which variables are choices.

    Attributes
    ----------
    dim : int
        Number of variables, d; the cube has more axes where some are choices.
    trend : (k,) int array or None
        The axes of the cube along which there may be a trend, if these are not all: no trend leads
        from one choice to another but along what describes them.
    """

    def __init__(
        self,
        lower: Floats,
        upper: Floats,
        scales: Sequence[str] | None,
        settable: Settable | None = None,
    ) -> None:
        self.settable, self.dim = settable, lower.size
        self._choices = settable.choices if settable else {}
        self.trend = self._trend()
        names = ("linear",) * lower.size if scales is None else scales
        self.scales = tuple(map(str, names)) if isinstance(names, Iterable) else (names,)
        if len(self.scales) != lower.size or not set(self.scales) <= set(SCALES):
            raise ValueError(
                f"scales must name one of {', '.join(SCALES)} for each of the {lower.size} "
                f"variables, not {self.scales}"
            )
        self._lower, self._upper = lower, upper
        above = np.array([SCALES[name].above for name in self.scales])
        below = np.array([SCALES[name].below for name in self.scales])
        for i, name in enumerate(self.scales):
            if not above[i] < lower[i] or not upper[i] < below[i]:
                raise ValueError(
                    f"scale {name!r} does not exist all over [{lower[i]:g}, {upper[i]:g}]; "
                    'take "linear"'
                )
        low, high = self._apply(lower[None])[0], self._apply(upper[None])[0]
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._brink = [
            (1 - BRINK) * end + BRINK * edge for end, edge in ((above, lower), (below, upper))
        ]

    def _trend(self) -> NDArray[np.intp] | None:
        """Give the axes that have a trend: not a choice's own where descriptors have axes, too."""
        axes: list[bool] = []
        for i in range(self.dim):
            own, width = self._choices[i].shape if i in self._choices else (0, 1)
            axes += [True] * (width - own) + [width == own] * own
        return None if all(axes) else np.flatnonzero(axes)

    def to_cube(self, x: Floats) -> Floats:
        """Map points (n, d) of the box to the cube, those beyond as far as the scales exist."""
        cube: Floats = (self._apply(np.clip(x, *self._brink)) - self._middle) / self._half
        if not self._choices:
            return cube
        parts = []
        for i in range(cube.shape[1]):
            if i in self._choices:
                number = np.clip(np.rint(x[:, i]), self._lower[i], self._upper[i]).astype(int)
                parts.append(self._choices[i][number])
            else:
                parts.append(cube[:, i : i + 1])
        return np.hstack(parts)

    def to_box(self, z: Floats) -> Floats:
        """Map points (n, d) of the cube to the box, those beyond to where they came from.

        Of choices to the nearest.
        """
        if self._choices:
            return self._nearest(z)
        return self._plain(z)

    def _nearest(self, z: Floats) -> Floats:
        """Map points of the cube to the box, each choice to the nearest position."""
        flat, start, numbers = np.zeros((len(z), self._lower.size)), 0, {}
        for i in range(self._lower.size):
            if i not in self._choices:
                flat[:, i], start = z[:, start], start + 1
                continue
            placed = self._choices[i]
            part = z[:, start : start + placed.shape[1]]
            gap = ((part[:, None] - placed[None]) ** 2).sum(axis=2)
            numbers[i], start = gap.argmin(axis=1), start + placed.shape[1]
        x = self._plain(flat)
        for i, number in numbers.items():
            x[:, i] = number
        return x

    def evenly(self, u: Floats) -> Floats:
        """Map points (n, d) of the unit box to the user's, evenly on the scales and by choices."""
        x = self._plain(2 * u - 1)
        for i, placed in self._choices.items():
            x[:, i] = np.minimum(np.floor(u[:, i] * len(placed)), len(placed) - 1)
        return x

    def even(self, x: Floats) -> Floats:
        """Map points (n, d) of the user's box to where `evenly` has them."""
        cube = (self._apply(np.clip(x, *self._brink)) - self._middle) / self._half
        u: Floats = (cube + 1) / 2
        for i, placed in self._choices.items():
            u[:, i] = (x[:, i] + 0.5) / len(placed)
        return u

    def _plain(self, z: Floats) -> Floats:
        u = self._middle + z * self._half
        columns = [SCALES[name].backward(u[:, i]) for i, name in enumerate(self.scales)]
        x = np.stack(columns, axis=1)
        return np.where(np.abs(z) <= 1.0, np.clip(x, self._lower, self._upper), x)

    def _apply(self, x: Floats) -> Floats:
        columns = [SCALES[name].forward(x[:, i]) for i, name in enumerate(self.scales)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Measured:
    """What an experiment measures, and how goal and windowed properties follow from it.

    Attributes
    ----------
    count : int
        Number of measured quantities, q.
    compose : callable
        ``compose(y, x)``: measured values (n, q) at points (n, d) to goal (n,) and windowed
        properties (n, m).
    kind : {"fractions", "positive", "real"}
        Fractions of a whole (which add up to 1), positive quantities, or anything.
    """

    count: int
    compose: Callable[[Floats, Floats], tuple[Floats, Floats]]
    kind: Kind = "real"

    def __post_init__(self) -> None:
        whole = isinstance(self.count, SupportsIndex) and self.count >= 1
        if self.kind not in get_args(Kind) or not whole:
            raise ValueError(
                'measured needs a count above 0 and a kind "fractions", "positive" or "real", '
                f"not {self.count!r} and {self.kind!r}"
            )
        if not callable(self.compose):
            raise ValueError(
                "compose must be a function of measured values and points that gives goal and "
                f"windowed properties, not {self.compose!r}"
            )
        if self.kind == "fractions" and self.count < 2:
            raise ValueError("one fraction alone is always 1; measure at least two")

    def outcome(self, y: Floats, x: Floats, windows: int) -> tuple[Floats, Floats]:
        """Compose goal (n,) and windowed properties (n, windows) of y (n, q) at x (n, d)."""
        with np.errstate(all="ignore"):
            f, F = self.compose(y, x)
        if np.shape(f) != (len(y),) or np.shape(F) != (len(y), windows):
            raise ValueError(
                f"compose must give goals of shape {(len(y),)} and properties of shape "
                f"{(len(y), windows)}, not {np.shape(f)} and {np.shape(F)}"
            )
        return f, F


class Smooth:
    """Measured values on scales that a model likes, and back.

    Fractions become log-ratios to the largest of them, if they add up to 1; positive values their
    logarithms; real ones stay as they are. For values near 0, where noise may even make them
    negative, the logarithm is the one of Durbin et al. (Bioinformatics 2002, 18, S105),
    ``asinh(y / 2 s) + ln s`` with s the least uncertainty of the quantity: ln y far above s, finite
    below. Its error is ``dy / sqrt(y^2 + 4 s^2)``.

    The scales are then chained: what the more precise ones predict linearly is subtracted from
    each. The remainders are small and smooth, and the noise that all share (of the extent of a
    reaction, say) is mostly gone from them.

    Fractions that are not all there are stay below 1, or below the largest that was measured.

    Parameters
    ----------
    y, error : (N, q) array
        Measured values and their standard uncertainties.
    kind : {"fractions", "positive", "real"}
        See `Measured`.
    chained : bool
        Whether to chain.
    """

    def __init__(self, y: Floats, error: Floats, kind: Kind, chained: bool) -> None:
        self._kind: Kind = kind
        self._count = y.shape[1]
        self.values: Floats
        self.errors: Floats
        self._restore: Floats
        self._columns = np.arange(self._count)
        self._most: Floats | None = None
        largest = np.abs(y).max(axis=0)
        # of positive quantities those that are not, or nothing but noise about 0
        self._real = far_below_zero(y, error).any(axis=0) & (kind == "positive")
        if self._kind != "real":
            told = error.min(axis=0)
            untold = told <= 2 * EXACT * largest
            self._floor = np.maximum(np.where(untold, UNTOLD * largest, told), 1e-300)
            missing = np.abs(y.sum(axis=1) - 1) - 4 * np.linalg.norm(error, axis=1)
            if kind == "fractions" and missing.max() > INCOMPLETE:
                self._kind = "positive"
                self._most = np.maximum(largest, 1.0)
            if self._kind == "fractions":
                self._whole = int(np.median(self._logarithms(y), axis=0).argmax())
                self._columns = np.delete(self._columns, self._whole)
        values, errors = self._bent(y, error)
        if not chained:
            self._restore = np.eye(len(self._columns))
            self.values, self.errors = values, errors
            return
        order = np.argsort(np.median(errors / _spread(values), axis=0), kind="stable")
        self._columns = self._columns[order]
        values, errors = values[:, order], errors[:, order]
        self._chain = _chain(values, errors)
        unchain = np.eye(len(order)) - self._chain
        self._restore = np.asarray(np.linalg.inv(unchain), dtype=float)
        self.values = values @ unchain.T
        self.errors = np.asarray(np.sqrt(errors**2 @ (unchain**2).T))

    def scaled(self, y: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Give further measured values (n, q) and their uncertainties on these scales, (n, k)."""
        values, errors = self._bent(y, error)
        unchain = np.linalg.inv(self._restore)
        return values @ unchain.T, np.asarray(np.sqrt(errors**2 @ (unchain**2).T))

    def _logarithms(self, y: Floats) -> Floats:
        return np.asarray(np.arcsinh(y / (2 * self._floor)) + np.log(self._floor))

    def _bent(self, y: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Give values and uncertainties as logarithms or log-ratios, not chained."""
        if self._kind == "real":
            return y[:, self._columns], error[:, self._columns]
        values = self._logarithms(y)
        errors = error / np.hypot(y, 2 * self._floor)
        values[:, self._real], errors[:, self._real] = y[:, self._real], error[:, self._real]
        if self._kind == "fractions":
            whole = [self._whole]
            errors = np.hypot(errors[:, self._columns], errors[:, whole])
            return values[:, self._columns] - values[:, whole], errors
        return values[:, self._columns], errors[:, self._columns]

    def measured(self, values: Floats) -> Floats:
        """Return the measured quantities (..., q) for values on the smooth scales (..., k)."""
        return np.moveaxis(self.quantities(np.moveaxis(values, -1, 0)), 0, -1)

    def quantities(self, values: Floats | Sequence[Floats]) -> Floats:
        """Return the measured quantities (q, ...) for values on the smooth scales (k, ...).

        Quantity by quantity: a sum over the few that are the last axis takes ten times as long.
        """
        u = np.zeros((self._count, *np.shape(values[0])))
        for column, row in zip(self._columns, self._restore, strict=True):
            for weight, value in zip(row, values, strict=True):
                if weight:
                    u[column] += weight * value
        return self._back(u)

    def _back(self, u: Floats) -> Floats:
        """Return the measured quantities (q, ...) for their smooth values, in place of these."""
        if self._kind == "real":
            return u
        real = u[self._real].copy()
        np.clip(u, -300.0, 300.0, out=u)
        for column in self._columns:  # for the others, which are the whole, 1 = exp(0)
            np.exp(u[column], out=u[column])
        floor = self._floor.reshape(-1, *[1] * (u.ndim - 1))
        if self._kind != "fractions":
            u -= floor**2 / u
            np.maximum(u, 1e-3 * floor, out=u)
            if self._most is not None:
                np.minimum(u, self._most.reshape(floor.shape), out=u)
            u[self._real] = real
            return u
        u[self._whole] = 1.0
        below = floor**2 / u
        # the common factor that makes them add up to 1
        a, b = u.sum(axis=0), below.sum(axis=0)
        common = (1 + np.sqrt(1 + 4 * a * b)) / (2 * a)
        u *= common
        below /= common
        u -= below
        np.maximum(u, 1e-3 * floor, out=u)
        # what was cut off below 0 is no longer missing
        u /= u.sum(axis=0)
        return u


def far_below_zero(y: Floats, error: Floats) -> NDArray[np.bool_]:
    """Which measured values (N, q) are below 0 by more than the errors of positive ones."""
    size = np.abs(y)
    least = np.maximum(BELOW * size.max(axis=0, initial=0.0), ROUNDING * size.max(initial=0.0))
    return np.asarray(y < -np.fmax(least, 5 * error))


def _spread(values: Floats) -> Floats:
    """Range of each column; where nothing varies its size, or 1."""
    spread: Floats = np.ptp(values, axis=0)
    size = np.abs(values).max(axis=0, initial=0.0)
    return np.where(spread > 0, spread, np.where(size > 0, size, 1.0))


def _chain(values: Floats, errors: Floats) -> Floats:
    """Coefficients by which each column follows from the ones before it, strictly lower."""
    count = values.shape[1]
    chain = np.zeros((count, count))
    unit = _spread(values)
    for j in range(1, count):
        weight = 1 / np.hypot(errors[:, j] / unit[j], 0.05)
        design = np.column_stack([np.ones(len(values)), values[:, :j] / unit[:j]])
        # a little shrinkage: few points must not tie what is not tied
        design = np.vstack([design * weight[:, None], np.diag([0.0] + [1.0] * j)])
        aim = np.r_[values[:, j] / unit[j] * weight, np.zeros(j + 1)]
        chain[j, :j] = np.linalg.lstsq(design, aim, rcond=None)[0][1:] * unit[j] / unit[:j]
    return chain
