import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.analytics.hplc.calibration import calibrate
from tests.analysis.analytics.hplc.traces import METHOD, NAMES, TYPICAL, rms


@given(responses=st.lists(st.floats(0.1, 10), min_size=4, max_size=4), seed=st.integers(0, 99))
@settings(derandomize=True, max_examples=25)
def test_calibration_recovers_the_responses_whatever_the_amounts(responses, seed):
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(4), 12)
    x[0, 0] = 0.0
    x /= x.sum(axis=1, keepdims=True)
    areas = x * responses * rng.uniform(0.2, 3, (12, 1))
    rows = [[dict(zip(NAMES, row, strict=True)) for row in table] for table in (areas, x)]
    found = np.array([p.response for p in calibrate(METHOD, *rows).peaks])
    assert found / found[0] == pytest.approx(np.array(responses) / responses[0], rel=1e-5)


def test_calibration_states_its_uncertainty():
    rng = np.random.default_rng(2)
    true = np.array([p.response for p in METHOD.peaks])
    pulls = []
    for _ in range(60):
        x = rng.dirichlet(np.ones(4), 20)
        areas = (x + rng.normal(0, 0.003, x.shape)) * true
        rows = [[dict(zip(NAMES, row, strict=True)) for row in table] for table in (areas, x)]
        peaks = calibrate(METHOD, *rows).peaks
        fixed = next(i for i, p in enumerate(peaks) if p.response_sd == 0)
        assert peaks[fixed].response == pytest.approx(true[fixed])
        pulls += [
            (p.response - r) / p.response_sd
            for p, r in zip(peaks, true, strict=True)
            if p.response_sd
        ]
    assert 0.7 < rms(pulls) < 1.3


def test_calibration_refuses_what_it_cannot_use():
    good = dict(zip(NAMES, TYPICAL, strict=True))
    without = good | {"X0": 0.0}
    with pytest.raises(ValueError, match="two or more pairs"):
        calibrate(METHOD, [good], [good])
    with pytest.raises(ValueError, match="leave failed traces out"):
        calibrate(METHOD, [good, dict.fromkeys(NAMES, math.nan)], [good, good])
    with pytest.raises(ValueError, match=r"\['X0'\] never appear"):
        calibrate(METHOD, [good, good], [without, without])
    with pytest.raises(ValueError, match="alone is always 1"):
        calibrate(replace(METHOD, peaks=METHOD.peaks[:1]), [good, good], [good, good])
