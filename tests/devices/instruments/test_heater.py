import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError

from reactune.devices import load, open_rig
from reactune.devices.instruments.heater import HeaterError, NotSettledError
from reactune.devices.protocols.eurotherm import encode_write
from reactune.devices.protocols.transport import InstrumentError, NoReplyError
from reactune.devices.rig.safety import make_safe


@pytest.fixture
def rig(open_rig):
    return open_rig()


def record(heater, monkeypatch):
    sent, line = [], heater.driver.transport
    write = line._write
    monkeypatch.setattr(line, "_write", lambda request: (sent.append(request), write(request)))
    return sent


def test_settles_within_tolerance_for_the_settling_time(open_rig, line):
    rig = open_rig(line)
    clock, heater, begin = rig.clock, rig.heater, rig.clock.now()
    status = heater.set(120.0)
    while not status.done:
        clock.wait(clock.timer(1.0), timeout=10)
        if abs(rig.emulation.world.temperature() - 120.0) > 0.55:
            begin = clock.now()
    assert status.success
    assert clock.now() - begin >= 60.0 - 5.0  # last seen outside; the reading has 0.1 degC
    assert heater.settled_since == pytest.approx(clock.now(), abs=1.0)
    assert heater.temperature.get() == pytest.approx(120.0, abs=0.5)
    assert heater.setpoint.get() == 120.0


def test_setpoint_is_written_only_when_it_changes(rig, monkeypatch):
    sent = record(rig.heater, monkeypatch)
    for temperature in (60.0, 60.04, 60.0, 65.0, 65.0):
        rig.clock.wait(rig.heater.set(temperature), timeout=10)
    writes = [request for request in sent if request[1] in (6, 16)]
    assert writes == [encode_write(1, 2, 600), encode_write(1, 2, 650)]


def test_same_temperature_again_is_done_at_once(rig):
    rig.clock.wait(rig.heater.set(60.0), timeout=10)
    before = rig.heater.driver.transport.exchanges
    assert rig.heater.set(60.0).done
    assert rig.heater.driver.transport.exchanges == before


def test_later_set_takes_over(rig):
    first = rig.heater.set(100.0)
    rig.clock.wait(rig.clock.timer(20.0), timeout=10)
    second = rig.heater.set(60.0)
    third = rig.heater.set(60.0)
    rig.clock.wait(second, timeout=10)
    assert first.success
    assert third.success
    assert rig.heater.temperature.get() == pytest.approx(60.0, abs=0.5)


def test_never_settles(open_rig):
    rig = open_rig(changes={"heater.timeout": 120})
    with pytest.raises(NotSettledError, match=r"within 0\.5 degC of 150 degC in 120 s"):
        rig.clock.wait(rig.heater.set(150.0), timeout=10)
    rig.clock.wait(rig.heater.set(50.0), timeout=10)  # it is not stuck with the failure


def test_leaving_the_band_is_noticed(rig):
    rig.clock.wait(rig.heater.set(60.0), timeout=10)
    rig.emulation.world.run_away(0.05)
    rig.clock.wait(rig.clock.timer(30.0), timeout=10)
    rig.heater.poll()
    assert rig.heater.settled_since is None


def test_over_temperature(rig):
    rig.emulation.world.run_away(5.0)
    with pytest.raises(HeaterError, match="above its maximum of 165 degC"):
        rig.clock.wait(rig.heater.set(150.0), timeout=10)


def test_broken_sensor(rig):
    rig.emulation.world.break_sensor()
    with pytest.raises(HeaterError, match="sensor of the heater is broken"):
        rig.heater.poll()
    assert math.isnan(rig.heater.temperature.get())


def test_silent_controller(open_rig):
    rig = open_rig(changes={"transports.heater": {"timeout": 0.03}})
    rig.emulation.world.links["heater"].silent = math.inf
    with pytest.raises(NoReplyError):
        rig.clock.wait(rig.heater.set(60.0), timeout=10)
    rig.emulation.world.links["heater"].silent = 0


@pytest.mark.parametrize("fault", ["garble", "lost", "split"])
def test_single_line_faults_are_overcome(open_rig, fault):
    rig = open_rig(changes={"transports.heater": {"timeout": 0.1}})
    setattr(line := rig.emulation.world.links["heater"], fault, 1)
    rig.clock.wait(rig.heater.set(60.0), timeout=10)
    assert getattr(line, fault) == 0  # it has struck


def test_refusal_of_the_controller(rig):
    with pytest.raises(InstrumentError, match="illegal value"):
        rig.heater.driver.write_setpoint(2500.0)


@pytest.fixture(scope="module")
def module_rig():
    with open_rig(load("walker")) as rig:
        yield rig


@settings(derandomize=True, max_examples=60)
@given(temperature=st.floats(allow_nan=True, allow_infinity=True))
def test_temperature_outside_limits_sends_no_byte(module_rig, temperature):
    heater = module_rig.heater
    low, high = heater.limits
    if not math.isfinite(temperature) or not low <= heater.driver.achievable(temperature) <= high:
        before = heater.driver.transport.exchanges
        with pytest.raises(LimitError, match=r"25 to 150 degC|= nan is no number"):
            heater.set(temperature)
        assert heater.driver.transport.exchanges == before


def test_what_it_reads_is_described_with_units_and_limits(module_rig):
    keys = module_rig.heater.describe()
    assert keys["heater_temperature"]["units"] == "degC"
    assert keys["heater_temperature"]["upper_ctrl_limit"] == 150.0
    assert set(module_rig.heater.read()) == set(keys)
    assert module_rig.heater.hints == {"fields": ["heater_temperature"]}
    assert module_rig.heater.read_configuration()["heater_tolerance"]["value"] == 0.5


def test_safe_setpoint_ends_the_approach(rig):
    status = rig.heater.set(150.0)
    rig.clock.wait(rig.clock.timer(30.0), timeout=10)
    make_safe(rig.pumps.values(), rig.heater, [rig.valve], RuntimeError("enough"))
    with pytest.raises(RuntimeError, match="enough"):
        rig.clock.wait(status, timeout=10)
    rig.clock.wait(rig.clock.timer(60.0), timeout=10)
    assert rig.heater.driver.read().setpoint == 25.0


def test_pending_status_survives_a_quiet_safe_state(rig):
    """A failing status would disturb the clean-up of the plan that made the rig safe."""
    status = rig.heater.set(150.0)
    rig.safe()
    assert not status.done
    rig.clock.wait(rig.heater.set(40.0), timeout=10)
    assert status.success
