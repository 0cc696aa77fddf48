"""Fit of overlapping exponentially modified Gaussians (EMG) on a polynomial baseline."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import erfc, erfcx

from .method import Peak

__all__ = ["FLOOR", "Integral", "effective_sd", "emg", "fit", "limits", "trapezoids"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DEGREE = 3  # of the baseline under a cluster
FLOOR = 1e-7  # smallest noise believed [absorbance]; a 6.5-digit voltmeter resolves 4e-7
# Prior sd of a peak's shift (in its own sd), ln(width) and ln(tail): wide enough for an ageing
# column, tight enough that a peak lost in noise does not chase it.
PRIOR = (0.3, 0.1, 0.3)
LOG_BOUND = (0.5, 1.2)
STARTS = (0.0, -0.3, 0.3, -0.6, 0.6)  # common shifts tried first, in units of the largest


@dataclass(frozen=True)
class Integral:
    """An integrated cluster of k peaks.

    Attributes
    ----------
    area : ndarray, shape (k,)
        Areas [absorbance min].
    cov : ndarray, shape (k, k)
        Their covariance.
    shift : ndarray, shape (k,)
        Retention shifts [min]; NaN from `trapezoids`, which fit no shape.
    base, curve : ndarray, shape (n,)
        Baseline and sum of the fitted peaks at all times asked for.
    """

    area: Floats
    cov: Floats
    shift: Floats
    base: Floats
    curve: Floats


def emg(t: Floats, time: Floats, sd: Floats, tail: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """EMG of unit area, and its derivatives by `time`, ln(`sd`) and ln(`tail`).

    Parameters
    ----------
    t, time, sd, tail : ndarray
        Times, centre and SD of the Gaussian, time constant of the exponential [min]; they are
        broadcast against each other.

    Returns
    -------
    tuple of ndarray
        Value [1/min] and the three derivatives.

    Notes
    -----
    On either side the form is taken that neither overflows nor cancels there (Kalambet et al.,
    J. Chemometrics 25 (2011) 352). The derivatives follow from what defines the EMG f of a
    Gaussian g: tail f' + f = g, and df/d(sd^2) = f'' / 2.
    """
    z = (t - time) / sd
    a = np.broadcast_to(sd / tail, z.shape)
    gauss = np.exp(-0.5 * z * z)
    u = (a - z) / math.sqrt(2)
    front = u > 0
    f = np.empty_like(z)
    f[front] = gauss[front] * erfcx(u[front])
    f[~front] = np.exp((0.5 * a * a - a * z)[~front]) * erfc(u[~front])
    f /= 2 * tail
    gauss /= sd * math.sqrt(2 * math.pi)
    slope = (gauss - f) / tail
    bend = -(z / sd * gauss + slope) / tail
    return f, -slope, sd * sd * bend, a * (a * gauss - (a - z) * f) - f


def fit(
    t: Floats, y: Floats, use: Mask, peaks: Sequence[Peak], noise: float, max_shift: float
) -> Integral:
    """Fit a cluster of peaks and its baseline by variable projection.

    Areas and baseline are linear and eliminated exactly [1]_, with Kaufman's Jacobian [2]_; only
    shift, width and tail of each peak are searched, within bounds and held by weak priors. The
    covariance is that of all parameters together, enlarged where the misfit exceeds the noise.

    Parameters
    ----------
    t, y : ndarray, shape (n,)
        Times [min] and absorbance; where not `use`, y may be NaN.
    use : ndarray of bool, shape (n,)
        The samples to fit.
    peaks : sequence of Peak
        The cluster.
    noise : float
        SD of the noise in y, as of `effective_sd`.
    max_shift : float
        Bound of the shifts [min].

    Returns
    -------
    Integral
        Baseline and curve are given at all t.

    References
    ----------
    .. [1] G. H. Golub, V. Pereyra, Inverse Problems 19 (2003) R1.
    .. [2] L. Kaufman, BIT 15 (1975) 49.
    """
    model = _Model(t[use], y[use], peaks, noise, max_shift)
    return model.integral(model.best(), t)


def trapezoids(t: Floats, y: Floats, use: Mask, peaks: Sequence[Peak], noise: float) -> Integral:
    """Integrate a cluster in its fixed windows above a straight line; arguments as in `fit`.

    The line is laid through the samples beside the windows (see `limits`). The covariance is
    enlarged where these miss it by more than the noise.
    """
    t_used = t[use]
    ends = limits(peaks)
    inside = (t_used >= ends[:, :1]) & (t_used <= ends[:, 1:])
    weights = np.where(inside, np.gradient(t_used), 0.0)
    beside: Mask = np.logical_not(inside.any(axis=0))
    beside[[0, -1]] = True
    line = np.column_stack([np.ones_like(t), t])
    through = np.zeros((2, len(t_used)))
    through[:, beside] = np.linalg.pinv(line[use][beside])
    operator = weights - (weights @ line[use]) @ through  # areas are linear in the samples
    base = line @ (through @ y[use])
    missed = (y - base)[use][beside]
    scatter = max(effective_sd(missed, len(missed) - 2), noise)
    return Integral(
        area=operator @ y[use],
        cov=scatter**2 * operator @ operator.T,
        shift=np.full(len(peaks), np.nan),
        base=base,
        curve=np.zeros_like(t),
    )


def limits(peaks: Sequence[Peak]) -> Floats:
    """Give the windows as (k, 2), cut in the middle where they overlap [min]."""
    ends = np.array([p.window for p in peaks])
    order = np.argsort(ends[:, 0])
    for i, j in itertools.pairwise(order):
        if ends[i, 1] > ends[j, 0]:
            ends[i, 1] = ends[j, 0] = (ends[i, 1] + ends[j, 0]) / 2
    return ends


class _Columns(NamedTuple):
    """Linear columns, the slopes of the EMGs among them, and an orthonormal basis."""

    phi: Floats
    slopes: Floats
    q: Floats


class _Model:
    """EMGs and baseline against samples, the linear part eliminated.

    The vector u holds, for each peak, shift / sd, ln(width) and ln(tail) before they are squashed
    into their bounds; 0 is the nominal shape.
    """

    def __init__(
        self, t: Floats, y: Floats, peaks: Sequence[Peak], noise: float, max_shift: float
    ) -> None:
        self.t, self.y, self.noise = t, y, noise
        self.time, self.sd, self.tail = np.array([s for p in peaks for s in p.shapes]).T
        owner = np.repeat(np.arange(len(peaks)), [len(p.shapes) for p in peaks])
        self.member = (owner[:, None] == np.arange(len(peaks))).astype(float)
        self.unit = np.array([p.sd for p in peaks])
        self.bound = np.array([(max_shift / unit, *LOG_BOUND) for unit in self.unit])
        self.prior = np.tile(PRIOR, len(peaks))
        self.last: tuple[Floats, _Columns] | None = None

    def shape(self, u: Floats) -> tuple[Floats, Floats]:
        """Shift / sd, ln(width) and ln(tail) of each peak, and their derivatives by u."""
        squash = np.tanh(u.reshape(-1, 3) / self.bound)
        return self.bound * squash, 1 - squash**2

    def columns(self, u: Floats, t: Floats) -> tuple[Floats, Floats]:
        """Linear columns, EMGs first, and the derivatives of the EMGs (3, m, components)."""
        shape, inner = self.shape(u)
        shift, width, tail = (self.member @ shape).T
        unit = self.member @ self.unit
        value, *slopes = emg(
            t[:, None],
            self.time + shift * unit,
            self.sd * np.exp(width),
            self.tail * np.exp(tail),
        )
        slopes[0] = slopes[0] * unit
        x = (2 * t - self.t[0] - self.t[-1]) / (self.t[-1] - self.t[0])
        baseline = (x**k for k in range(DEGREE + 1))
        return np.column_stack([value, *baseline]), (self.member @ inner).T[:, None, :] * slopes

    def linear(self, phi: Floats) -> Floats:
        """Areas and baseline that fit best with these columns."""
        return np.asarray(np.linalg.lstsq(phi, self.y)[0], dtype=float)

    def moved(self, slopes: Floats, linear: Floats) -> Floats:
        """d(model)/du (m, 3 peaks) with the linear coefficients held."""
        by_peak: Floats = (slopes * linear[: len(self.time)]) @ self.member
        return by_peak.transpose(1, 2, 0).reshape(len(self.t), -1)

    def at(self, u: Floats) -> "_Columns":
        """Columns at the samples; the Jacobian is asked for where the residual just was."""
        if self.last is None or not np.array_equal(self.last[0], u):
            phi, slopes = self.columns(u, self.t)
            self.last = u.copy(), _Columns(phi, slopes, np.linalg.qr(phi)[0])
        return self.last[1]

    def residual(self, u: Floats) -> Floats:
        """Misfit of the best areas and baseline in units of the noise; then the prior's pull."""
        q = self.at(u).q
        return np.concatenate([(self.y - q @ (q.T @ self.y)) / self.noise, u / self.prior])

    def jacobian(self, u: Floats) -> Floats:
        """Kaufman's: that part of d(model)/du which the linear columns cannot take up."""
        phi, slopes, q = self.at(u)
        moved = self.moved(slopes, self.linear(phi))
        return np.vstack([(q @ (q.T @ moved) - moved) / self.noise, np.diag(1 / self.prior)])

    def best(self) -> Floats:
        """Best u, searched from the best of a few common shifts."""
        starts = np.zeros((len(STARTS), *self.bound.shape))
        starts[:, :, 0] = np.outer(STARTS, self.bound[:, 0])
        start = min(
            starts.reshape(len(STARTS), -1), key=lambda u: float(np.sum(self.residual(u) ** 2))
        )
        found = least_squares(
            self.residual, start, self.jacobian, method="lm", ftol=1e-6, xtol=1e-6, max_nfev=50
        )
        return np.asarray(found.x)

    def integral(self, u: Floats, t: Floats) -> Integral:
        """Areas with their covariance, and the curves at all times t."""
        phi, slopes, _ = self.at(u)
        linear = self.linear(phi)
        full = np.hstack([phi, self.moved(slopes, linear)])
        weight = full.T @ full / self.noise**2
        searched = np.arange(phi.shape[1], full.shape[1])
        weight[searched, searched] += self.prior**-2
        scale = np.sqrt(np.maximum(np.diag(weight), np.finfo(float).tiny))
        weight /= np.outer(scale, scale)
        weight += 1e-12 * np.eye(len(weight))  # two equal isomers are singular, their sum is not
        cov = np.linalg.inv(weight)
        misfit = effective_sd(self.y - phi @ linear, len(self.y) - phi.shape[1])
        cov *= max(misfit / self.noise, 1.0) ** 2 / np.outer(scale, scale)
        n = len(self.time)
        curves = self.columns(u, t)[0] * linear
        return Integral(
            area=self.member.T @ linear[:n],
            cov=self.member.T @ cov[:n, :n] @ self.member,
            shift=self.shape(u)[0][:, 0] * self.unit,
            base=curves[:, n:].sum(axis=1),
            curve=curves[:, :n].sum(axis=1),
        )


def effective_sd(rest: Floats, dof: int) -> float:
    """SD of the white noise that would blur an average as much as these residuals do.

    Their variance is taken times 1 + 2 x the sum of the autocorrelation up to where it first
    vanishes (Geyer's initial positive sequence, Statistical Science 7 (1992) 473): slow wander and
    misfit tell less than as many independent samples.

    Parameters
    ----------
    rest : ndarray, shape (n,)
        Residuals at equally spaced times.
    dof : int
        Degrees of freedom left in them.
    """
    power = rest @ rest + len(rest) * FLOOR**2
    echo = np.correlate(rest, rest, mode="full")[len(rest) :] / power
    until = int(np.argmax(echo <= 0)) if (echo <= 0).any() else len(echo)
    return math.sqrt(power / max(dof, 1) * (1 + 2 * echo[:until].sum()))
