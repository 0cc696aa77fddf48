"""What a detector does to a trace that no chemistry does: frozen values, lone spikes, clipping.

Samples that cannot be are taken out, as if they were missing; whether enough are left is for the
analysis to say. Nothing is repaired.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CHANCE = 1e-4
"""Probability below which that many equal samples in a row, or at an end, are no coincidence."""

NOISELESS = 1e-7
"""Jitter from sample to sample, relative to the signal, that no detector is without: less is a
simulation without noise, in the digits of its meter."""

COARSE, HELD = 0.1, 0.2
"""Where more than this share of samples equals the one before, only a run of this share of the
trace counts as frozen: such a converter follows no drift."""

LONGEST_SPIKE = 3
"""Samples; what is broader may be a peak."""

ALONE = 12.0
"""How far a spike stands out, in units of the noise."""

_SIDE = 3  # samples on each side that a spike is compared with


class Damage(NamedTuple):
    """Samples that are no measurements, by what is wrong with them.

    Attributes
    ----------
    frozen, spike, clipped : ndarray of bool, shape (n,)
    """

    frozen: Mask
    spike: Mask
    clipped: Mask

    @property
    def any(self) -> Mask:
        """All of them."""
        return self.frozen | self.spike | self.clipped

    @property
    def flags(self) -> list[str]:
        """How many of each, for those that there are."""
        return [f"{kind}:{mask.sum()}" for kind, mask in self._asdict().items() if mask.any()]


def damage(volts: Floats, of_interest: Mask) -> Damage:
    """Find the samples of a trace that are no measurements.

    Parameters
    ----------
    volts : ndarray, shape (n,)
        Detector signal; NaN marks a missing sample.
    of_interest : ndarray of bool, shape (n,)
        Where to look for them; the solvent front rises faster than any peak.
    """
    if len(volts) < 3 * LONGEST_SPIKE + 2 * _SIDE or _smooth(volts):
        nothing = np.zeros(len(volts), bool)
        return Damage(nothing, nothing, nothing)
    frozen = _frozen(volts) & of_interest
    left = np.where(frozen, np.nan, volts)
    spike = _spikes(left) & of_interest
    left[spike] = np.nan
    return Damage(frozen, spike, _clipped(left) & of_interest)


def _smooth(v: Floats) -> bool:
    """Whether a trace has no noise, so that its baseline may well be flat."""
    jitter = np.abs(np.diff(v, 4))  # of it a smooth peak has next to nothing
    jitter = jitter[jitter > 0]
    return not jitter.size or bool(
        np.quantile(jitter, 0.25) < NOISELESS * np.nanmax(np.abs(v), initial=0.0)
    )


def _frozen(v: Floats) -> Mask:
    """Find runs of equal samples that are longer than a coarse converter makes by chance."""
    mask = np.zeros(len(v), bool)
    same = np.concatenate([[False], np.diff(v) == 0, [False]])
    edges = np.flatnonzero(np.diff(same.astype(np.int8))).reshape(-1, 2)
    for start, end in sorted(edges.tolist(), key=lambda run: run[0] - run[1]):  # the longest first
        length = end - start  # pairs of equal neighbours
        others = same[1:-1].sum() - mask[1:].sum() - length
        share = max(others, 0.5) / max(len(v) - length, 1)
        coarse = share > COARSE and length < HELD * len(v)
        if length < 3 or coarse or len(v) * share**length > CHANCE:
            break
        mask[start + 1 : end + 1] = True  # the first of them was measured
    return mask


def _spikes(v: Floats) -> Mask:
    """Find up to three samples in a row that stand farther out than all around them spread."""
    steps = np.abs(np.diff(v))
    noise = np.nan
    if np.isfinite(steps).any():
        noise = 1.4826 * np.nanmedian(steps) / np.sqrt(2)
        if COARSE < (steps == 0).mean() < 1:  # its noise is that of its steps
            noise = max(noise, np.median(steps[steps > 0]))
    mask = np.zeros(len(v), bool)
    for length in range(1, LONGEST_SPIKE + 1):
        padded = np.concatenate([np.full(_SIDE, np.nan), v, np.full(_SIDE, np.nan)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, length + 2 * _SIDE)
        inner = windows[:, _SIDE : _SIDE + length]
        around = np.delete(windows, np.s_[_SIDE : _SIDE + length], axis=1)
        sides = np.isfinite(around[:, :_SIDE]).any(axis=1) & np.isfinite(around[:, _SIDE:]).any(
            axis=1
        )
        known = sides & (np.isfinite(around).sum(axis=1) >= _SIDE) & np.isfinite(inner).all(axis=1)
        low, high = np.fmin.reduce(around, axis=1), np.fmax.reduce(around, axis=1)
        beyond = np.maximum(inner.min(axis=1) - high, low - inner.max(axis=1))
        for i in np.flatnonzero(known & (beyond > np.fmax(ALONE * noise, high - low))):
            mask[i : i + length] = True
    return mask


def _clipped(v: Floats) -> Mask:
    """Find samples at the highest or lowest value, where far more share it than its neighbour."""
    mask = np.zeros(len(v), bool)
    values, counts = np.unique(v[np.isfinite(v)], return_counts=True)
    if len(values) < 3:
        return mask
    for end, next_ in ((0, 1), (-1, -2)):
        if counts[end] >= 4 and counts[end] > 5 * max(counts[next_], np.median(counts)):
            mask |= v == values[end]
    return mask
