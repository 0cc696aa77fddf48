import math

import numpy as np
import pytest

from reactune.analysis.analytics.hplc import baseline
from reactune.analysis.analytics.hplc.chromatogram import analyse
from tests.analysis.analytics.hplc.traces import (
    DEEP,
    METHOD,
    MINUTES,
    NAMES,
    TYPICAL,
    errors,
    shape,
    trace,
)

# -- flags ---------------------------------------------------------------------------------------


def test_a_good_trace_has_no_flags():
    assert analyse(trace(), METHOD).flags == ()


def test_low_snr_is_a_remark_and_no_failure():
    found = analyse(trace(DEEP), METHOD)
    assert found.flags == ("low-snr:X0",)
    assert found.valid
    assert not found.reason


def test_negative_area_is_flagged():
    dip = -4e-5 * shape(11.4, 0.17, 0.08)
    assert "negative-area:X0" in analyse(trace(DEEP, extra=dip), METHOD).flags


def test_retention_shift_is_measured_and_flagged():
    found = analyse(trace(shift=0.18), METHOD)
    assert {f"retention-shift:{name}" for name in NAMES} <= set(found.flags)
    assert list(found.shifts.values()) == pytest.approx([0.18] * 4, abs=0.03)
    assert found.fractions["X1"] == pytest.approx(0.6, abs=0.01)


def test_unknown_peak_is_flagged_where_it_stands_and_does_no_harm():
    found = analyse(trace(extra=2e-4 * shape(9.3, 0.1, 0.05)), METHOD)
    (flag,) = found.flags
    code, minute = flag.split(":")
    assert code == "unknown-peak"
    assert float(minute) == pytest.approx(9.33, abs=0.05)
    assert abs(errors([found], TYPICAL)[0]).max() < 0.002


def test_missing_samples_are_counted_and_bridged():
    volts = trace()
    volts[np.random.default_rng(5).choice(780, 60, replace=False)] = np.nan
    found = analyse(volts, METHOD)
    assert found.flags == ("missing-samples:60",)
    assert abs(errors([found], TYPICAL)[0]).max() < 0.003


def test_overload_readings_are_never_values():
    volts = trace()
    volts[[300, 452, 600]] = 9.9e37
    found = analyse(volts, METHOD)
    assert set(found.flags) == {"missing-samples:3", "overload:3"}
    assert abs(errors([found], TYPICAL)[0]).max() < 0.003


# -- traces that give no fractions ---------------------------------------------------------------


def with_gap(value):
    volts = trace()
    volts[440:470] = value
    return volts


FAILURES = [
    (np.full(780, 0.02) + 1e-4 * np.sin(np.arange(780)), "lamp is dead"),
    (np.full(780, -0.3), "lamp is dead"),
    (np.full(780, 10.48), "stuck"),
    (trace((0, 0, 0, 0)), "no peak"),
    (trace((0, 0, 0, 0), front=False), "no peak"),
    (trace((0, 0, 0, 0), noise=0.0, front=False), "no peak"),
    (np.full(780, np.nan), "lost"),
    (np.full(780, 9.9e37), "lost"),
    (np.array([]), "lost"),
    (trace()[:500], "X0 not measured"),
    (with_gap(np.nan), "X1 not measured"),
    (with_gap(9.9e37), "X1 not measured"),
    (with_gap(0.004), "X1 saturated"),
    (with_gap(-0.001), "X1 saturated"),
    (trace(shift=0.4), "no peak"),
    (trace(shift=-0.3), "elutes 0.25 min or more off"),
    (trace((0.3, 0.0, 0.6, 0.1), extra=-4e-4 * shape(7.5, 0.11, 0.05)), "X1 has a negative area"),
    (trace() * np.where(MINUTES < 7.6, 1.0, 0.9), "no peak"),  # the lamp jumps
]


@pytest.mark.parametrize(("volts", "reason"), FAILURES)
def test_useless_trace_is_refused_with_a_reason_and_without_numbers(volts, reason):
    found = analyse(volts, METHOD)
    assert not found.valid
    assert reason in found.reason
    assert "\n" not in found.reason
    assert all(map(math.isnan, [*found.fractions.values(), *found.sd.values()]))
    assert found.time.shape == found.absorbance.shape == found.fitted.shape == volts.shape


def test_every_other_sample_is_too_few_only_when_more_are_gone():
    volts = trace()
    volts[421:500:2] = np.nan
    assert analyse(volts, METHOD).valid
    volts[422:500:6] = np.nan
    assert "X1 not measured: only" in analyse(volts, METHOD).reason


def test_saturation_is_flagged():
    assert "saturated:X1" in analyse(with_gap(0.004), METHOD).flags


def test_arrays_of_the_wrong_shape_are_errors():
    with pytest.raises(ValueError, match=r"shape \(2, 780\)"):
        analyse(np.ones((2, 780)), METHOD)


def test_where_no_baseline_can_be_drawn_it_is_said(monkeypatch):
    """As rounding decides where windows leave a hundredth of a long trace."""

    def singular(*_):
        raise np.linalg.LinAlgError("not positive definite")

    monkeypatch.setattr(baseline, "solveh_banded", singular)
    found = analyse(trace(), METHOD)
    assert not found.valid
    assert found.reason.startswith("no baseline can be drawn: the peaks' windows leave ")
    assert all(map(math.isnan, found.fractions.values()))
