"""Peaks that are integrated together: by their shapes, or in their windows where these fail."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .emg import Integral, fit, limits, trapezoids
from .method import Method, Peak

__all__ = ["Part", "clusters", "integrate"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

JOIN = 0.3  # windows closer than this are fitted together [min]
REACH = 1.5  # baseline that a fit takes in on both sides, up to the neighbours [min]
SCATTER = 2.0  # a misfit of so many noise sd is no misfit
SHAKY = 2.0  # noise sd of misfit from which on a fit is described by more than noise
EDGE = 0.05  # min at the ends of a window that show what it cuts off
UNLIKE = 0.4  # share of an area that its shapes may miss; real doublets miss up to 0.21
SLIGHT = 0.02  # share of all areas that may be missed without harm
RUNAWAY = 0.95  # share of the largest shift from which on a peak is not where the method has it
FOREIGN = 1 / 3  # sd of an area by what its shape and its baseline miss: three sd is all of it


class Part(NamedTuple):
    """An integrated cluster, and how far to believe it.

    Attributes
    ----------
    peaks : sequence of k Peak
    integral : Integral
    doubts : ndarray, shape (k,)
        How many times more uncertain each area is than it knows.
    missed : ndarray, shape (k,)
        Area of each peak that its shape misses [absorbance min]; 0 where the shapes were taken.
    pull : ndarray, shape (k,)
        Shift at which a shape that was not taken would fit best [min]; 0 where it was.
    """

    peaks: Sequence[Peak]
    integral: Integral
    doubts: Floats
    missed: Floats
    pull: Floats

    @property
    def shaky(self) -> Mask:
        """Whose shapes describe the samples, but not to within the noise, shape (k,)."""
        return self.doubts > 1

    def trouble(self, method: Method, total: float) -> str:
        """One sentence on why trapezoids cannot be believed, or nothing.

        Parameters
        ----------
        method : Method
            Only its species count.
        total : float
            Area of all species of the trace [absorbance min].
        """
        mine = [i for i, p in enumerate(self.peaks) if p in method.peaks]
        names = ", ".join(self.peaks[i].name for i in mine)
        missed, area = self.missed[mine].sum(), self.integral.area[mine].sum()
        if missed <= SLIGHT * total:
            return ""
        for i in mine:
            if abs(self.pull[i]) > RUNAWAY * method.max_shift:
                return (
                    f"{self.peaks[i].name} is not described, and would elute "
                    f"{method.max_shift:g} min or more off: check eluent and method"
                )
        if missed > UNLIKE * area:
            return (
                f"{names} not described: the shapes of the method miss {missed:.2g} of {area:.2g} "
                "AU min; something lies over them, or the column is another"
            )
        return ""


def clusters(
    peaks: Sequence[Peak], front: float
) -> list[tuple[list[int], tuple[float, float], tuple[float, float]]]:
    """Peaks to be fitted together: their indices, hull of the windows, reach of the fit [min]."""
    found: list[tuple[list[int], float, float]] = []
    for i in sorted(range(len(peaks)), key=lambda i: peaks[i].window):
        start, end = peaks[i].window
        if found and start < found[-1][2] + JOIN:
            which, first, last = found.pop()
            found.append(([*which, i], first, max(last, end)))
        else:
            found.append(([i], start, end))
    low = [front, *(end for _, _, end in found[:-1])]
    high = [*(start for _, start, _ in found[1:]), math.inf]
    return [
        (which, (max(start, front), end), (max(start - REACH, lo), min(end + REACH, hi)))
        for (which, start, end), lo, hi in zip(found, low, high, strict=True)
    ]


def integrate(
    t: Floats, y: Floats, use: Mask, peaks: Sequence[Peak], noise: float, method: Method
) -> Part:
    """Fit a cluster; take trapezoids where the fit does not describe the samples.

    A single peak laid over an unresolved doublet misses something, yet the area in the window is
    there. But what the shape misses may be foreign, the fit's curved baseline truer than a straight
    one, and what stands at a window's edge the neighbour's: all three count as uncertainty.

    Parameters
    ----------
    t, y, use, peaks, noise
        As in `emg.fit`.
    method : Method
        Its `tolerance` and `max_shift` hold.
    """
    none = np.zeros(len(peaks))
    fitted = fit(t, y, use, peaks, noise, method.max_shift)
    windows = [(t >= p.window[0]) & (t <= p.window[1]) for p in peaks]
    rest = np.where(use, y - fitted.base - fitted.curve, 0.0)
    misfit = np.sqrt(np.mean(rest[use & np.any(windows, axis=0)] ** 2))
    if misfit <= math.hypot(method.tolerance * fitted.curve[use].max(), SCATTER * noise):
        # described, but not to within the noise: something else may be there, too
        squares = [rest[use & w] @ rest[use & w] / max((use & w).sum(), 1) for w in windows]
        own = np.sqrt(squares) / noise
        return Part(peaks, fitted, np.where(own > SHAKY, 3 * own, 1.0), none, none)
    plain = trapezoids(t, y, use, peaks, noise)
    per_minute = 60 * method.rate
    missed = np.array([np.abs(rest[w]).sum() for w in windows]) / per_minute
    bent = np.array([(fitted.base - plain.base)[w].sum() for w in windows]) / per_minute
    cut = _cut(t, y - plain.base, use, peaks)
    extra = (FOREIGN * missed) ** 2 + (FOREIGN * bent) ** 2 + cut**2
    plain = replace(plain, cov=plain.cov + np.diag(extra))
    return Part(peaks, plain, np.ones(len(peaks)), missed, fitted.shift)


def _cut(t: Floats, height: Floats, use: Mask, peaks: Sequence[Peak]) -> Floats:
    """Estimate the area that each window cuts off, or takes from its neighbours, at its edges."""
    areas = []
    for p, (start, end) in zip(peaks, limits(peaks), strict=True):
        edges = (use & (t >= start) & (t <= start + EDGE), use & (t >= end - EDGE) & (t <= end))
        heights = [float(height[edge].mean()) for edge in edges if edge.any()]
        areas.append(math.hypot(*heights) * (p.sd + p.tail))
    return np.array(areas)
