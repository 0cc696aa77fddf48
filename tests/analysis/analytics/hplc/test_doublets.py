"""Doublets that the method states as single peaks: integrated, with an honest uncertainty.

    python -m tests.analysis.analytics.hplc.test_doublets

prints what docs/reference/damaged-traces.md says of the published traces.
"""

from dataclasses import replace

import numpy as np
import pytest

from reactune.analysis.analytics.hplc.calibration import calibrate
from reactune.analysis.analytics.hplc.chromatogram import analyse
from reactune.devices.methodfile import PeakSpec
from reactune.devices.rigfile import load
from reactune.plans.compatibility import analytics_of
from tests.analysis.analytics.hplc.test_published_traces import PUBLISHED
from tests.analysis.analytics.hplc.traces import (
    CONCENTRATION,
    METHOD,
    NAMES,
    TYPICAL,
    errors,
    rms,
    shape,
    trace,
)
from tests.data import grid, needs_data, walker2017


def stated_in_a_rig_file(peaks):
    """The method of the shipped rig with single peaks of these times and windows."""
    rig = load("walker")
    stated = tuple(
        PeakSpec(name=p.name, time=p.time, window=p.window, width=p.sd, tail=p.tail, response=1.0)
        for p in peaks
    )
    chromatogram = rig.chromatogram.model_copy(update={"peaks": stated})
    return analytics_of(rig.model_copy(update={"chromatogram": chromatogram})).method


METHODS = {
    "as shipped": lambda: analytics_of(load("walker")).method,
    "single peaks": lambda: stated_in_a_rig_file(PUBLISHED.peaks),
    "single peaks, others known": lambda: replace(
        PUBLISHED, peaks=tuple(replace(p, components=()) for p in PUBLISHED.peaks)
    ),
    "doublets": lambda: PUBLISHED,
}


def compared(method):
    """Chromatograms of all published traces; pulls of those that did not calibrate."""
    rows = grid()
    volts = [
        np.loadtxt(walker2017("hplc", f"{int(row['measurement']):03d}.txt"))[:, 1] for row in rows
    ]
    known = [{name: row[name] for name in NAMES} for row in rows]
    method = calibrate(method, [analyse(v, method).areas for v in volts[::4]], known[::4])
    found = [analyse(v, method) for v in volts]
    pulls = [
        [(c.fractions[name] - row[name]) / c.sd[name] for name in NAMES]
        for i, (c, row) in enumerate(zip(found, known, strict=True))
        if i % 4
    ]
    return found, np.array(pulls)


def main():
    """Print refusals, 2 sd coverage and median sd of each method."""
    for name, method in METHODS.items():
        found, pulls = compared(method())
        sd = np.array([[c.sd[species] for species in NAMES] for c in found if c.valid])
        print(f"{name:<28} refused {sum(not c.valid for c in found)} of {len(found)}")
        print("    within 2 sd [%]:", *np.round(100 * np.mean(abs(pulls) < 2, axis=0), 1))
        print("    median sd:", *np.round(np.median(sd, axis=0), 4))


@needs_data
@pytest.mark.parametrize("name", ["as shipped", "single peaks"])
def test_no_published_trace_is_refused_for_its_doublets(name):
    found, pulls = compared(METHODS[name]())
    assert [c.reason for c in found if not c.valid] == []
    assert sum("bad-fit:X2" in c.flags for c in found) > 100  # single peaks do not describe them
    assert (np.mean(abs(pulls) < 2, axis=0) >= 0.90).all()
    sd = np.array([[c.sd[name] for name in NAMES] for c in found])
    assert (np.median(sd, axis=0) < 0.025).all()  # and yet it says something


def doublet(apart, second, seed):
    """A trace of `TYPICAL` whose X2 is two peaks; `second` is the share of the later one."""
    x0, x1, x2, x3 = TYPICAL
    peak = METHOD.peaks[2]
    extra = sum(
        CONCENTRATION * x2 * peak.response * share * shape(peak.time + at, peak.sd / 2, peak.tail)
        for share, at in ((1 - second, -0.1), (second, apart - 0.1))
    )
    return trace((x0, x1, 0.0, x3), seed=seed, extra=extra)


@pytest.mark.parametrize(("apart", "second"), [(0.25, 0.3), (0.35, 0.2), (0.6, 0.3), (0.45, 0.3)])
def test_a_doublet_is_integrated_and_its_misfit_counts_as_uncertainty(apart, second):
    found = [analyse(doublet(apart, second, seed), METHOD) for seed in range(4)]
    wrong, pull = errors(found, TYPICAL)
    assert all("bad-fit:X2" in c.flags for c in found)
    assert rms(wrong) < 0.02
    assert rms(pull) < 1.5
    assert all(c.sd["X2"] > 3 * analyse(trace(), METHOD).sd["X2"] for c in found)


if __name__ == "__main__":
    main()
