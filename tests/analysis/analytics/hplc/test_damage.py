"""What no chemistry does to a trace: found, taken out, and the rest right or refused."""

import numpy as np
import pytest

from reactune.analysis.analytics.hplc.chromatogram import analyse
from reactune.analysis.analytics.hplc.damage import damage
from tests import damage as damaged
from tests.analysis.analytics.hplc.traces import METHOD, TYPICAL, codes, errors, trace

ALL = np.ones(780, bool)


def test_a_sound_trace_has_none():
    for seed in range(20):
        assert not damage(trace(seed=seed), ALL).any[160:].any()


def test_a_meter_that_freezes_gives_no_more_measurements():
    volts = trace()
    volts[600:] = volts[600]
    found = analyse(volts, METHOD)
    assert not found.valid
    assert found.reason.startswith("X0 not measured")
    assert "frozen:179" in found.flags
    volts = trace()
    volts[540:590] = volts[540]  # between X1 and X0: nothing is lost
    found = analyse(volts, METHOD)
    assert found.valid
    assert "frozen:49" in found.flags
    assert abs(errors([found], TYPICAL)[0]).max() < 0.002


@pytest.mark.parametrize("height", [1.5, -1.5, 0.005])  # the last is lost in the peak
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_spike_moves_nothing(height, width):
    volts = trace()
    volts[450 : 450 + width] += height  # on top of X1
    found = analyse(volts, METHOD)
    assert (f"spike:{width}" in found.flags) is (abs(height) > 1)
    wrong, pull = errors([found], TYPICAL)
    assert abs(wrong).max() < 0.003 or abs(pull).max() < 3


def test_a_clipped_baseline_is_no_baseline():
    volts = trace()
    found = analyse(np.minimum(volts, np.quantile(volts, 0.5)), METHOD)
    assert "clipped" in codes(found)
    assert not found.valid


def test_a_coarse_converter_and_a_detector_without_noise_are_neither():
    for volts in (np.round(trace() / 0.001) * 0.001, trace(noise=0.0, drift=0.0)):
        assert codes(analyse(volts, METHOD)) == set()


def test_what_lies_under_a_peak_makes_its_area_uncertain():
    sound = analyse(trace(), METHOD)
    hidden = analyse(
        trace(extra=6e-5 * np.sin(np.arange(780) / 6.0) * (np.arange(780) > 400)), METHOD
    )
    assert not hidden.valid or hidden.sd["X1"] > 3 * sound.sd["X1"]


def test_damaged_traces_are_refused_or_right(capsys, monkeypatch):
    """A fixed part of what `python -m tests.damage` tries; of made-up traces."""
    monkeypatch.setattr(damaged, "grid", lambda: (_ for _ in ()).throw(FileNotFoundError))
    damaged.main(["--traces", "225", "--sound", "25", "--seed", "5"])
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("225 damaged traces, ")
    assert int(last.split()[3]) <= 4  # measured; bubbles under a peak, all of them
    assert last.endswith("0 of 25 undamaged ones refused")
