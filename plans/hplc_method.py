"""From what a method file states to the method that `analyse` follows."""

from collections.abc import Iterator

from reactune.analysis.analytics.hplc.method import Method, Peak
from reactune.analysis.written import exact
from reactune.devices.methodfile import MethodFile, OtherPeak, PeakSpec, Shape

_OVER = 10.0  # times the lamp that no light reads, where no meter's range says so


def method_of(stated: MethodFile, full_scale: float | None = None) -> Method:
    """Turn a method file, or a rig file's table, into the method that reads its chromatograms.

    The tail of the solvent front reaches under the first peak: it is fitted along with it.

    Parameters
    ----------
    stated : MethodFile
    full_scale : float, optional
        What the meter reads up to, in the unit of the signal.
    """
    fronts, end = stated.solvent_front, stated.evaluated_from
    tails = [
        Peak(f"solvent {i}", f.time, (f.time - 3 * f.width, f.time + 7 * f.tail), f.width, f.tail)
        for i, f in enumerate(fronts, 1)
        if f.time + 7 * f.tail > end
    ]
    light = {}
    if stated.scale is None and stated.lamp is not None:
        # a lamp is dead at a hundredth of what it gives: 0.1 V for the paper's 10.48 V
        light = {
            "min_volts": float(f"{stated.lamp / 100:.1g}"),
            "max_volts": full_scale or _OVER * stated.lamp,
        }
    standard = stated.standard
    return Method(
        rate=stated.rate,
        peaks=tuple(_measured(p) for p in stated.peaks),
        solvent_front=(
            min(max(min((f.time - 7 * f.width for f in fronts), default=0.0), 0.0), end),
            end,
        ),
        others=(*tails, *(_other(p) for p in stated.others)),
        max_shift=stated.max_shift,
        tolerance=stated.tolerance,
        max_absorbance=stated.max_absorbance,
        scale=stated.scale,
        amounts=stated.amounts or "",
        standard=standard.peak if standard else "",
        standard_amount=standard.amount if standard else 1.0,
        **light,
    )


def unrecorded(stated: MethodFile, duration: float) -> Iterator[str]:
    """Say which windows end after a trace [s] does, so that it could never be measured by them."""
    end = duration / 60
    for peak in stated.peaks:
        widest = max(shape.width for shape in (peak, *peak.components))
        if peak.window[1] - widest > end:  # what `analyse` lets a window lack
            yield (
                f"chromatogram: the window of {peak.name!r} ends at {exact(peak.window[1])} min, "
                f"but the trace at {end:.4g} min (duration = {exact(duration)} s): lengthen "
                "duration, or correct the window"
            )


def _other(p: OtherPeak) -> Peak:
    return Peak(p.name, p.time, p.window, p.width, p.tail, components=_shapes(p.components))


def _measured(p: PeakSpec) -> Peak:
    return Peak(
        p.name,
        p.time,
        p.window,
        p.width,
        p.tail,
        p.response,
        p.response_sd,
        _shapes(p.components),
        p.intercept,
        p.curvature,
        p.curve_sd,
    )


def _shapes(components: tuple[Shape, ...]) -> tuple[tuple[float, float, float], ...]:
    return tuple((c.time, c.width, c.tail) for c in components)
