"""Raw photodiode trace -> absorbance -> baseline -> areas -> mole fractions with uncertainty."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .baseline import Drift, NoBaselineError, drift
from .clusters import Part, clusters, integrate
from .damage import damage
from .emg import Integral
from .method import Method
from .quantities import quantities

__all__ = ["Chromatogram", "analyse"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLES = 2.5  # within the sd of the narrowest peak, from which on more tell nothing new
BASELINE = 10  # fewest samples that make a baseline
DETECTED = 3.0  # standard errors of the area from which on a peak is seen
SIGNIFICANT = 5.0  # ... and from which on a chromatogram is more than noise
UNREST = 12.0  # times the white noise that a sound baseline moves at most; real lamps: up to 6
RESTLESS = 1.6  # ... and that white noise does not reach by chance
WANDER = 1.75  # how much more such a lamp moves under a peak than beside it; measured on real ones
SURE = 10.0  # standard errors of an area from which on the place of its peak is known
APART = 0.10  # min that peaks of one injection move apart at most; real ones: up to 0.09
UNKNOWN = 0.02  # height of an unknown peak worth a flag, relative to the tallest peak


@dataclass(frozen=True, eq=False)
class Chromatogram:
    """What `analyse` found.

    Attributes
    ----------
    fractions, sd : dict of str to float
        Mole fractions and their standard uncertainties. They sum to 1; a species near its
        detection limit may come out slightly negative, since cutting at 0 would bias it.
        All NaN when not valid. Amounts instead, where the method gives their unit.
    areas, area_sd : dict of str to float
        Peak areas and standard errors [absorbance min].
    flags : tuple of str
        ``code`` or ``code:what``: ``low-snr``, ``negative-area``, ``bad-fit`` (trapezoids were
        used), ``retention-shift``, ``saturated``, ``unknown-peak`` (at that minute),
        ``missing-samples`` and ``overload`` (how many).
    valid : bool
        Whether the fractions may be used; `reason` says in one sentence why not.
    reason : str
        Empty when valid.
    time, absorbance, baseline, fitted : ndarray, shape (n,)
        Minutes, absorbance, its baseline, and baseline plus fitted peaks; as long as the trace.
    shifts : dict of str to float
        Fitted retention shifts [min]; NaN where trapezoids were used.
    """

    fractions: dict[str, float]
    sd: dict[str, float]
    areas: dict[str, float]
    area_sd: dict[str, float]
    flags: tuple[str, ...]
    valid: bool
    reason: str
    time: Floats
    absorbance: Floats
    baseline: Floats
    fitted: Floats
    shifts: dict[str, float]


def analyse(volts: ArrayLike, method: Method) -> Chromatogram:
    """Turn one raw trace into mole fractions.

    Absorbance is -log10(V / V0) with V0 the median of the samples between the peaks, so that the
    lamp's intensity cancels. Samples far closer together than the narrowest peak needs are averaged
    first. Each cluster of neighbouring peaks is fitted on its own (see
    `emg`); where the fit does not describe the samples, fixed windows above a straight base are
    integrated instead, flagged, and given an uncertainty to match.

    Parameters
    ----------
    volts : array_like, shape (n,)
        Photodiode signal [V], or one that rises with the absorbance (`Method.scale`); first sample
        at injection; NaN marks a missing sample.
    method : Method
        Rate, peaks and limits.

    Returns
    -------
    Chromatogram
        With ``valid`` False and a ``reason`` when the trace cannot give fractions; a bad trace
        never raises.

    Raises
    ------
    ValueError
        `volts` is not one-dimensional.
    """
    trace = _absorbance(volts, method)
    unknown = np.full(len(method.peaks), np.nan)
    nothing = dict.fromkeys(method.quantities, math.nan)
    blank = np.full_like(trace.time, np.nan)
    failed = Chromatogram(
        fractions=nothing,
        sd=nothing,
        areas=_named(method, unknown),
        area_sd=_named(method, unknown),
        shifts=_named(method, unknown),
        flags=trace.flags,
        valid=False,
        reason=trace.reason,
        time=trace.time,
        absorbance=trace.absorbance,
        baseline=blank,
        fitted=blank,
    )
    if trace.reason:
        return failed
    binned, coarse = _binned(trace, method)
    try:
        lamp = drift(binned.absorbance, binned.off, 60 * coarse.rate)
        measured = _measure(binned, coarse, lamp)
    except NoBaselineError as error:
        return replace(failed, reason=str(error))
    whole, doubts = measured.whole, measured.doubts
    area_sd = np.sqrt(np.diag(whole.cov))
    found = replace(
        failed,
        areas=_named(method, whole.area),
        area_sd=_named(method, area_sd),
        shifts=_named(method, whole.shift),
        flags=(
            *trace.flags,
            *_remarks(method, whole.area / area_sd, whole.shift),
            *_strangers(coarse, binned, whole, lamp.noise),
        ),
        baseline=np.interp(trace.time, binned.time, whole.base),
        fitted=np.interp(trace.time, binned.time, whole.base + whole.curve),
    )
    if reason := _refusal(method, measured, lamp.unrest):
        return replace(found, reason=reason)
    result = quantities(whole.area, whole.cov * np.outer(doubts, doubts), method)
    if isinstance(result, str):
        return replace(found, reason=result)
    values, sd = (dict(zip(method.quantities, map(float, each), strict=True)) for each in result)
    return replace(found, fractions=values, sd=sd, valid=True)


def _named(method: Method, values: Floats) -> dict[str, float]:
    """Plain floats by species."""
    return {p.name: float(v) for p, v in zip(method.peaks, values, strict=True)}


@dataclass(frozen=True)
class _Trace:
    """What `_absorbance` found: absorbance is NaN where unusable, `off` marks baseline samples."""

    time: Floats
    absorbance: Floats
    off: Mask
    flags: tuple[str, ...]
    reason: str


def _absorbance(volts: ArrayLike, method: Method) -> _Trace:
    """Volts to absorbance, and whether the trace can be evaluated at all."""
    v = np.array(volts, dtype=float)
    if v.ndim != 1:
        raise ValueError(f"volts has shape {v.shape}; give one trace, shape (n,)")
    time = np.arange(len(v)) / (60 * method.rate)
    light = method.scale is None
    overload = (v >= method.max_volts) & light
    read = np.isfinite(v) & ~overload
    wrong = damage(np.where(read, v, np.nan), time > method.solvent_front[1])
    good = read & ~wrong.any
    counts = {"missing-samples": int((~good).sum()), "overload": int(overload.sum())}
    flags = [f"{code}:{count}" for code, count in counts.items() if count] + wrong.flags

    windows = [(time >= p.window[0]) & (time <= p.window[1]) for p in method.peaks]
    others = [(time >= p.window[0]) & (time <= p.window[1]) for p in method.others]
    between = (time > method.solvent_front[1]) & ~np.any([*windows, *others], axis=0)
    off = good & between
    v0 = float(np.median(v[read & between])) if (read & between).any() else math.nan
    if method.scale is None:
        dark = read & (v <= v0 * 10**-method.max_absorbance)
    else:
        dark = read & (v >= method.max_absorbance * method.scale)
    absorbance = np.full_like(v, np.nan)
    if (read & between).sum() < BASELINE:
        reason = f"only {(read & between).sum()} usable baseline samples: the trace is lost"
    elif light and v0 < method.min_volts:
        reason = f"the lamp is dead: baseline {v0:.4g} V, at least {method.min_volts:g} V expected"
    elif np.ptp(v[read]) == 0:
        reason = f"the detector is stuck: every sample reads {v0:.6g}{' V' * light}"
    elif off.sum() < BASELINE:
        reason = f"only {off.sum()} usable baseline samples: the trace is lost"
    else:
        seen = v[good & ~dark]
        absorbance[good & ~dark] = (
            -np.log10(seen / v0) if method.scale is None else (seen - v0) / method.scale
        )
        saturated = [p.name for p, w in zip(method.peaks, windows, strict=True) if dark[w].any()]
        flags += [f"saturated:{name}" for name in saturated]
        reason = _gaps(method, good)
        if saturated:
            limit = f"absorbance above {method.max_absorbance:g}"
            reason = f"{', '.join(saturated)} saturated ({limit}): dilute, or look after the lamp"
    return _Trace(time, absorbance, off & ~dark, tuple(flags), reason)


def _binned(trace: _Trace, method: Method) -> tuple[_Trace, Method]:
    """Average samples that are closer together than peaks need; the method at their rate."""
    narrowest = min(sd for p in (*method.peaks, *method.others) for _, sd, _ in p.shapes)
    n = int(60 * method.rate * narrowest / SAMPLES)
    if n < 2:
        return trace, method
    count = -(-len(trace.time) // n)
    pad = (0, count * n - len(trace.time))
    known = np.pad(np.isfinite(trace.absorbance), pad).reshape(count, n)
    absorbance = np.pad(np.nan_to_num(trace.absorbance), pad).reshape(count, n)
    there = known.sum(axis=1)
    enough = 2 * there >= n
    mean = np.where(enough, absorbance.sum(axis=1) / np.maximum(there, 1), np.nan)
    off = np.pad(trace.off, pad).reshape(count, n)
    time = np.arange((n - 1) / 2, count * n, n) / (60 * method.rate)
    off_peaks = enough & (off | ~known).all(axis=1)
    return replace(trace, time=time, absorbance=mean, off=off_peaks), replace(
        method, rate=method.rate / n
    )


def _gaps(method: Method, good: Mask) -> str:
    """One sentence on the first peak that too many samples miss, or nothing."""
    for p in method.peaks:
        first = math.ceil(60 * method.rate * p.window[0])
        last = math.floor(60 * method.rate * p.window[1])
        present = first + np.flatnonzero(good[first : last + 1])
        gap = (np.diff([first - 1, *present, last + 1]).max() - 1) / (60 * method.rate)
        if gap > max(sd for _, sd, _ in p.shapes):
            return f"{p.name} not measured: {gap:.2f} min in one piece are missing in its window"
        if 2 * len(present) < last - first:
            return f"{p.name} not measured: only {len(present)} samples in its window are usable"
    return ""


class _Measured(NamedTuple):
    """All species of a trace in one Integral, and how far to believe it.

    Attributes
    ----------
    whole : Integral
    doubts : ndarray, shape (species,)
        How many times more uncertain each area is than it knows.
    loose : ndarray, shape (species,)
        How far a peak may lie from where its shape was laid [min].
    parts : list of Part
        The clusters.
    """

    whole: Integral
    doubts: Floats
    loose: Floats
    parts: list[Part]


def _measure(trace: _Trace, method: Method, lamp: Drift) -> _Measured:
    """Integrate all clusters of a trace."""
    time, absorbance = trace.time, trace.absorbance
    usable = np.isfinite(absorbance) & ~lamp.strange
    base, curve = lamp.baseline.copy(), np.zeros_like(time)
    peaks = (*method.peaks, *method.others)
    area, shift, cov = np.zeros(len(peaks)), np.zeros(len(peaks)), np.zeros((len(peaks),) * 2)
    doubts, loose = np.ones(len(peaks)), np.zeros(len(peaks))
    parts: list[Part] = []
    for which, hull, reach in clusters(peaks, method.solvent_front[1]):
        use = usable & (time >= reach[0]) & (time <= reach[1])
        within = (time >= hull[0]) & (time <= hull[1])
        if not (use & within).any():  # never a species: `_gaps` has seen to that
            continue
        # the tails of the clusters before are known by now
        part = integrate(
            time, absorbance - curve, use, [peaks[i] for i in which], lamp.noise, method
        )
        found = part.integral
        parts.append(part)
        doubts[which] = part.doubts
        loose[which] = np.where(part.shaky, [p.sd / 2 for p in part.peaks], 0.0)
        area[which], shift[which], cov[np.ix_(which, which)] = found.area, found.shift, found.cov
        base[within] = found.base[within]
        curve += found.curve
    if (
        lamp.unrest > RESTLESS
        and drift(absorbance - curve, trace.off, 60 * method.rate).unrest > RESTLESS
    ):
        doubts = np.where(np.isfinite(shift), np.maximum(doubts, WANDER), doubts)
    n = len(method.peaks)
    whole = Integral(area[:n], cov[:n, :n], shift[:n], base, curve)
    return _Measured(whole, doubts[:n], loose[:n], parts)


def _remarks(method: Method, significance: Floats, shift: Floats) -> list[str]:
    """Flag each peak by area / sd and retention shift [min]."""
    flags = []
    for p, s, d in zip(method.peaks, significance, shift, strict=True):
        if s < DETECTED:
            flags.append(f"{'negative-area' if s < -DETECTED else 'low-snr'}:{p.name}")
        if math.isnan(d):
            flags.append(f"bad-fit:{p.name}")
        elif abs(s) >= DETECTED and abs(d) > method.max_shift / 2:
            flags.append(f"retention-shift:{p.name}")
    return flags


def _refusal(method: Method, measured: _Measured, unrest: float) -> str:
    """One sentence on why the areas give no fractions, or nothing."""
    whole = measured.whole
    total, total_sd = whole.area.sum(), math.sqrt(whole.cov.sum())
    if total < SIGNIFICANT * total_sd:
        return f"no peak stands out: the areas sum to {total:.2g} +/- {total_sd:.1g} AU min"
    significance = whole.area / np.sqrt(np.diag(whole.cov))
    for p, area, s, d in zip(method.peaks, whole.area, significance, whole.shift, strict=True):
        if abs(s) > SIGNIFICANT and abs(d) > 0.95 * method.max_shift:
            return f"{p.name} elutes {method.max_shift:g} min or more off: check eluent and method"
        if s < -SIGNIFICANT and area < -UNKNOWN * total:
            return f"{p.name} has a negative area ({area / total:.0%}): its baseline is disturbed"
    if unrest > UNREST:
        return (
            f"the baseline is disturbed: it moves {unrest:.0f} times as much as the noise from one "
            "sample to the next; look for a bubble, a loose contact or a lamp that fails"
        )
    for part in measured.parts:
        if reason := part.trouble(method, total):
            return reason
    placed = (significance > SURE) & np.isfinite(whole.shift)
    early, late = (whole.shift + measured.loose)[placed], (whole.shift - measured.loose)[placed]
    if placed.any() and (apart := late.max() - early.min()) > APART:
        return f"the peaks have moved apart, by {apart:.2f} min: something lies over one of them"
    return ""


def _strangers(method: Method, trace: _Trace, whole: Integral, noise: float) -> list[str]:
    """Flag peaks that stand where the method knows none."""
    width = max(1, round(6 * method.rate))  # a peak is broader than 0.1 min, a spike is not
    rest = np.where(trace.off, trace.absorbance - whole.base - whole.curve, 0.0)
    smooth = np.convolve(rest, np.full(width, 1 / width), mode="same")
    high = trace.off & (smooth > max(SIGNIFICANT * noise, UNKNOWN * whole.curve.max()))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]])))
    tops = (lo + int(np.argmax(smooth[lo:hi])) for lo, hi in edges.reshape(-1, 2))
    return [f"unknown-peak:{trace.time[top]:.2f}" for top in tops]
