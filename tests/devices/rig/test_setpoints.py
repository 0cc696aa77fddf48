import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError

from reactune import devices
from reactune.devices.rig.flow_rig import (
    ConditionsError,
    Setpoints,
    load,
)
from reactune.devices.rig.setpoints import residence_time
from tests.devices.rig.driving import WARM, exchanges


@pytest.fixture(scope="module")
def module_rig():
    with devices.open_rig(load("walker")) as rig:
        yield rig


# -- conditions and limits


def test_setpoints_from_residence_time_and_ratio(module_rig):
    rig = module_rig
    setpoints = rig.setpoints({"temperature": 120.04, "residence_time": 10.0, "ratio": 2.0})
    assert setpoints.temperature == 120.0
    assert setpoints.flows == {"c60": 31.0333, "sultine": 62.0667}
    assert residence_time(setpoints.total, rig.config) == pytest.approx(10.0, rel=1e-5)
    assert rig.stabilisation(setpoints) == pytest.approx(1200.0, rel=1e-5)
    assert setpoints == rig.setpoints(setpoints.conditions) == rig.setpoints(setpoints)


def test_needed_is_two_residence_times_and_ten_loops(module_rig):
    needed = module_rig.needed(module_rig.setpoints(WARM))
    assert sum(needed.values()) == pytest.approx(2 * 931 + 50, rel=1e-9)
    assert needed["sultine"] == pytest.approx(2 * needed["c60"], rel=1e-9)


def test_limits_and_description(module_rig):
    assert module_rig.limits() == {
        "temperature": (25.0, 150.0, "degC"),
        "flow_c60": (10.0, 207.0, "uL/min"),
        "flow_sultine": (10.0, 207.0, "uL/min"),
    }
    description = module_rig.description()
    assert json.loads(json.dumps(description)) == description
    assert description["simulated"] is True
    assert description["clock"] == "simulated"
    assert description["file"]["chromatogram"]["duration"] == 780.0
    assert [peak["name"] for peak in description["file"]["chromatogram"]["peaks"]] == [
        "X3",
        "X2",
        "X1",
        "X0",
    ]


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ({"temperature": 120.0}, "conditions temperature do not fit this rig: give flow_c60"),
        ({**WARM, "pressure": 1.0}, "pressure"),
        ({}, r"\(none\)"),
        ({"temperature": 120.0, "residence_time": 0.0, "ratio": 1.0}, "residence_time = 0.0 must"),
        ({"temperature": 120.0, "residence_time": 9.0, "ratio": math.nan}, "ratio = nan must"),
    ],
)
def test_conditions_that_do_not_fit(module_rig, conditions, match):
    before = exchanges(module_rig)
    with pytest.raises(ConditionsError, match=match):
        module_rig.set(conditions)
    assert exchanges(module_rig) == before


number = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-10, 400)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.tuples(number, number, number), st.sampled_from(["set", "heat", "flow"]))
def test_nothing_outside_the_limits_sends_a_byte(module_rig, values, verb):
    limits = module_rig.limits()
    conditions = dict(zip(limits, values, strict=True))
    steps = {"temperature": 0.05, "flow_c60": 5e-5, "flow_sultine": 5e-5}  # of what is sent
    if all(lo - steps[k] < conditions[k] < hi + steps[k] for k, (lo, hi, _) in limits.items()):
        return
    before = exchanges(module_rig)
    with pytest.raises(LimitError, match="outside its limits of"):
        getattr(module_rig, verb)(conditions)
    assert exchanges(module_rig) == before


@settings(derandomize=True, max_examples=100)
@given(st.floats(25, 150), st.floats(10, 207), st.floats(10, 207))
def test_setpoints_stay_close_and_inside(module_rig, temperature, c60, sultine):
    asked = {"temperature": temperature, "flow_c60": c60, "flow_sultine": sultine}
    sent = module_rig.setpoints(asked).conditions
    for key, (low, high, _) in module_rig.limits().items():
        assert low <= sent[key] <= high
        assert sent[key] == pytest.approx(asked[key], abs=0.0501 if key == "temperature" else 6e-5)


# -- the rig file


def test_setpoints_are_values():
    one = Setpoints(60.0, {"a": 1.0})
    assert one == Setpoints(60.0, {"a": 1.0}) != Setpoints(60.0, {"a": 2.0})
    assert one.total == 1.0
