"""The shipped method of the published traces, on those that did not calibrate it."""

from dataclasses import replace

import numpy as np

from reactune.analysis.analytics.hplc.chromatogram import analyse
from reactune.devices.methodfile import load_method
from reactune.plans.hplc_method import method_of
from tests.benchmarks.traces import FAST, compared, fast, flips, path
from tests.data import grid, needs_data


@needs_data
def test_the_shipped_method_integrates_the_published_traces():
    method, rows = method_of(load_method("walker")), grid()[1::2]
    found = [analyse(np.loadtxt(path(row))[:, 1], method) for row in rows]
    assert all(c.valid for c in found)
    c = compared(found, rows)
    assert np.sqrt(np.mean(c["wrong"] ** 2)) <= 0.0059  # measured: 0.0055
    assert (np.sqrt(np.mean(c["wrong"] ** 2, axis=0)) <= 0.0072).all()  # measured: 0.0064
    within = np.mean(abs(c["wrong"]) < 2 * c["sd"], axis=0)
    assert ((within >= 0.85) & (within <= 0.99)).all()
    assert flips(c["x"], c["known"]) <= 0.02


@needs_data
def test_twenty_times_the_samples_tell_the_same():
    method, rows = method_of(load_method("walker")), grid()[1:40:4]
    rng = np.random.default_rng(0)
    for row in rows:
        volts = np.loadtxt(path(row))[:, 1]
        slow = analyse(volts, method)
        quick = analyse(fast(volts, rng), replace(method, rate=FAST * method.rate))
        assert quick.valid
        assert len(quick.time) == len(quick.fitted) == FAST * len(volts)
        for name, value in slow.fractions.items():
            assert abs(quick.fractions[name] - value) < max(slow.sd[name], 0.002)
