import json
import math
import threading

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import FailedStatus
from event_model import DocumentNames, schema_validators
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError

from reactune import devices
from reactune.devices.clock import EmulationToken, SimulatedClock
from reactune.devices.emulation.build import emulate
from reactune.devices.opening import emulated
from reactune.devices.protocols.transport import InstrumentError, TransportError
from reactune.devices.rig.flow_rig import (
    ConditionsError,
    InterruptedFlowError,
    LedgerError,
    NotSettledError,
    RigError,
    RigFaultError,
    Setpoints,
    load,
)
from reactune.devices.rig.hardware import Bench
from reactune.devices.rig.lines import Lines
from reactune.devices.rigfile import parse

WARM = {"temperature": 60.0, "flow_c60": 100.0, "flow_sultine": 200.0}
SHORT = {"heater.settle": 10, "chromatogram.duration": 30}
WALL = 20  # s of wall time anything here may take


def go(rig, status):
    rig.clock.wait(status, timeout=WALL)


def experiment(rig, conditions):
    go(rig, rig.set(conditions))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    go(rig, rig.trigger())
    return {key: reading["value"] for key, reading in rig.read().items()}


def exchanges(rig):
    return sum(line.exchanges for line in rig._bench.transports.values())


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
    assert rig.residence_time(setpoints) == pytest.approx(10.0, rel=1e-5)
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


# -- one experiment


def test_experiment(open_rig, line):
    rig = open_rig(line, {"emulation.noise": False})
    event = experiment(rig, WARM)
    assert set(event) == set(rig.describe())
    assert event["temperature"] == pytest.approx(60.0, abs=0.5)
    assert event["temperature_setpoint"] == 60.0
    assert event["flow_c60"] == pytest.approx(100.0, rel=1e-6)
    assert event["flow_sultine_setpoint"] == 200.0
    assert event["residence_time"] == pytest.approx(931 / 300, rel=1e-6)
    assert event["used_sultine"] == pytest.approx((2 * 931 + 50) * 2 / 3, abs=1.0)
    assert event["remaining_sultine"] == pytest.approx(10000 - event["used_sultine"], abs=1e-6)
    assert event["late_samples"] == 0.0
    assert all(isinstance(v, float) for key, v in event.items() if key != "trace")
    assert event["trace"].shape == (780,)
    assert event["trace"].min() < 10.47  # there is a peak
    sample = rig.emulation.world.last_sample
    assert sample.filled == pytest.approx(1.0)
    assert sample.residence_time == pytest.approx(931 / 300, rel=1e-3)
    assert sample.temperature == pytest.approx(60.0, abs=0.5)
    assert rig.fault is None


def test_trace_is_aligned_with_the_injection(open_rig):
    rig = open_rig(changes={"emulation.noise": False})
    trace = experiment(rig, {**WARM, "temperature": 40.0})["trace"]  # nearly pure C60
    peak = next(p for p in rig.config.chromatogram.peaks if p.name == "X0")
    apex = np.argmin(trace[600:]) + 600
    assert 60 * peak.time <= apex <= 60 * (peak.time + peak.tail) + 1


def test_before_any_injection_there_is_nothing_to_read(open_rig):
    rig = open_rig(changes=SHORT)
    reading = rig.read()
    assert all(np.isnan(r["value"]).all() for key, r in reading.items() if key != "late_samples")
    assert reading["trace"]["value"].shape == (30,)
    with pytest.raises(InstrumentError, match="nothing has been injected"):
        rig.trigger()


def test_event_is_what_was_latched_not_what_is_now(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    trace = rig.trigger()
    rig.heat({**WARM, "temperature": 90.0})
    rig.flow({**WARM, "flow_c60": 50.0})
    go(rig, trace)
    event = {key: reading["value"] for key, reading in rig.read().items()}
    assert event["temperature_setpoint"] == 60.0
    assert event["flow_c60"] == pytest.approx(100.0)
    assert rig.emulation.world.flow() == (50.0, 200.0)
    assert np.isfinite(event["trace"]).all()


def test_sample_is_never_read_for_another(open_rig):
    rig = open_rig(changes={**SHORT, "heater.timeout": 200})
    experiment(rig, WARM)
    with pytest.raises(NotSettledError):
        go(rig, rig.set({**WARM, "temperature": 150.0}))
    assert np.isnan(rig.read()["temperature"]["value"])
    assert np.isnan(rig.read()["trace"]["value"]).all()


def test_second_injection_does_not_spoil_a_trace(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    trace = rig.trigger()
    with pytest.raises(InstrumentError, match="a trace is being recorded"):
        rig.inject()
    go(rig, trace)


def test_two_runs_are_alike(open_rig):
    def run():
        rig = open_rig(changes=SHORT, seed=3)
        events = [experiment(rig, {**WARM, "flow_c60": flow}) for flow in (100.0, 60.0)]
        rig.close()
        return events, exchanges(rig)

    (first, count), (second, again) = run(), run()
    assert count == again
    for one, other in zip(first, second, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_options_of_the_emulation(open_rig, walker):
    rig = open_rig(changes=SHORT, seed=5, first_injection=7, kinetics={"ks": 1.63})
    emulation = rig.description()["file"]["emulation"]
    assert (emulation["seed"], emulation["first_injection"]) == (5, 7)
    assert emulation["kinetics"] == {"ks": 1.63}
    assert rig.emulation.world.reaction.kinetics.ks == 1.63
    with pytest.raises(RigError, match="kinetics"):
        devices.open_rig(walker(), kinetics={"k_wrong": 1.0})
    with pytest.raises(RigError, match="seed"):
        devices.open_rig(walker(), seed=-1)


def test_a_long_experiment_costs_few_exchanges(open_rig):
    rig = open_rig()
    before = exchanges(rig)
    experiment(rig, {"temperature": 130.0, "residence_time": 9.0, "ratio": 1.0})
    assert rig.clock.now() > 40 * 60 * 0.9
    assert exchanges(rig) - before < 1300


# -- steady states


def test_steady_means_two_residence_times_since_all_was_right(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    setpoints = rig.setpoints(WARM)
    since = max(rig.heater.settled_since, rig.feed.since)
    assert rig.clock.now() - since == pytest.approx(rig.stabilisation(setpoints), abs=0.01)
    assert rig.feed.since >= rig.heater.settled_since  # no reagent before it is warm


def test_set_again_is_done_without_waiting(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    now = rig.clock.now()
    go(rig, rig.set(WARM))
    assert rig.clock.now() == now


def test_what_heat_and_flow_have_begun_counts(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.heat(WARM))
    go(rig, rig.flow(WARM))
    begin = rig.clock.now()
    go(rig, rig.clock.timer(100.0))
    go(rig, rig.set(WARM))
    assert rig.clock.now() - begin == pytest.approx(rig.stabilisation(rig.setpoints(WARM)), abs=0.1)


def test_later_conditions_take_over(open_rig):
    rig = open_rig(changes=SHORT)
    first = rig.set(WARM)
    go(rig, rig.clock.timer(30.0))
    go(rig, rig.set({**WARM, "flow_c60": 150.0}))
    assert first.success
    assert rig.emulation.world.flow() == (150.0, 200.0)


def test_pause_of_flow_starts_the_steady_state_anew(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    go(rig, rig.pause_flow())
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.heater.driver.read().setpoint == 60.0
    assert rig.fault is None
    begin = rig.clock.now()
    go(rig, rig.set(WARM))
    assert rig.clock.now() - begin >= rig.stabilisation(rig.setpoints(WARM))


def test_pause_of_flow_is_told_to_who_waits(open_rig):
    rig = open_rig(changes=SHORT)
    status = rig.set(WARM)
    go(rig, rig.heat(WARM))
    go(rig, rig.flow(WARM))
    rig.pause_flow()
    with pytest.raises(InterruptedFlowError, match="paused"):
        go(rig, status)
    with pytest.raises(InterruptedFlowError, match="nothing flows"):
        go(rig, rig.fill_loop())
    assert rig.fault is None


def test_stop_is_no_fault_and_the_conditions_start_anew(open_rig):
    rig = open_rig(changes=SHORT)
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.stop(success=True)
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.fault is None
    assert not status.done  # the RunEngine would throw a failure into the resumed plan
    begin = rig.clock.now()
    go(rig, rig.set(WARM))
    assert status.success
    assert rig.clock.now() - begin >= rig.stabilisation(rig.setpoints(WARM))


def test_flow_that_ends_while_the_loop_fills(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    filling = rig.fill_loop()
    go(rig, rig.clock.timer(3.0))
    rig.pause_flow()
    with pytest.raises(InterruptedFlowError, match="changed while the loop"):
        go(rig, filling)


def test_used_up_budget_ends_the_flow_without_a_fault(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    go(rig, rig.clock.timer(3600.0))  # somebody went to lunch
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.fault is None
    assert rig.pumps["c60"].total_infused < 1.51 * rig.needed(rig.setpoints(WARM))["c60"]
    go(rig, rig.set(WARM))
    assert rig.emulation.world.flow() == (100.0, 200.0)


def test_lost_temperature_is_noticed_before_the_sample(open_rig):
    rig = open_rig(changes={**SHORT, "heater.timeout": 600, "heater.maximum": 160})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    go(rig, rig.heat(WARM))
    rig.emulation.world.run_away(0.02)
    with pytest.raises(NotSettledError):
        go(rig, status)


# -- ledger


def test_refill_when_the_syringe_cannot_finish(open_rig):
    rig = open_rig(changes=SHORT)
    for _ in range(9):
        go(rig, rig.set(WARM))
        go(rig, rig.pause_flow())
    pump = rig.pumps["sultine"]
    assert pump.flask < 250000
    assert pump.total_infused == pytest.approx(9 * 2 / 3 * 1862, rel=0.01)
    for index, key in enumerate(rig.pumps):
        assert rig.pumps[key].content == pytest.approx(rig.emulation.world.pump(index)[2], abs=0.5)


def test_ledger_refuses_what_cannot_be_finished(open_rig):
    rig = open_rig(changes={**SHORT, "streams.sultine.flask_volume": 0})
    for _ in range(7):
        go(rig, rig.set(WARM))
        go(rig, rig.pause_flow())
    before = exchanges(rig)
    with pytest.raises(LedgerError, match=r"sultine needs 1275 uL, but the syringe has 1\d\d\d uL"):
        rig.set(WARM)
    assert exchanges(rig) == before
    assert rig.fault is None
    go(rig, rig.set({**WARM, "flow_c60": 207.0, "flow_sultine": 103.5}))  # less of it is possible


def test_ledger_does_not_count_a_running_experiment_twice(open_rig):
    rig = open_rig(changes={**SHORT, "streams.sultine.flask_volume": 0})
    for _ in range(6):
        go(rig, rig.set(WARM))
        go(rig, rig.pause_flow())
    go(rig, rig.flow(WARM))
    go(rig, rig.clock.timer(420.0))
    need = rig.needed(rig.setpoints(WARM))["sultine"]
    with pytest.raises(LedgerError):
        rig.pumps["sultine"].check_volume(need)  # too late to begin such an experiment
    go(rig, rig.set(WARM))  # but this one goes on


# -- faults


def faulted(rig, status, match):
    with pytest.raises((RigFaultError, InstrumentError, TransportError), match=match):
        go(rig, status)
    assert rig.fault is not None
    with pytest.raises(RigFaultError, match="until it is acknowledged"):
        rig.set(WARM)
    for verb in (rig.heat, rig.flow):
        with pytest.raises(RigFaultError):
            verb(WARM)
    for verb in (rig.fill_loop, rig.inject, rig.trigger):
        with pytest.raises(RigFaultError):
            verb()


def test_stall_while_getting_steady(open_rig, line):
    rig = open_rig(line, SHORT)
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.stall(0)
    faulted(rig, status, "stream c60 has stalled")
    assert rig.emulation.world.flow() == (0.0, 0.0)  # all pumps: the ratio is wrong
    assert rig.last_report.confirmed
    rig.emulation.world.stall(0, False)
    rig.acknowledge()
    assert rig.fault is None
    go(rig, rig.set(WARM))


def test_over_temperature(open_rig):
    rig = open_rig(changes=SHORT)
    status = rig.set(WARM)
    go(rig, rig.clock.timer(100.0))
    rig.emulation.world.run_away(5.0)
    faulted(rig, status, "above its maximum of 165 degC")
    assert rig.heater.driver.read().setpoint == 25.0
    assert rig.emulation.world.flow() == (0.0, 0.0)


def test_broken_sensor_during_the_trace(open_rig):
    rig = open_rig(changes={"heater.settle": 10})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    status = rig.trigger()
    rig.emulation.world.break_sensor()
    go(rig, status)  # the sample is on the column: its trace is recorded to the end
    assert np.isfinite(rig.read()["trace"]["value"]).all()
    assert rig.fault == "the temperature sensor of the heater is broken: replace it"
    assert rig.heater.driver.read().setpoint == 25.0
    assert rig.emulation.world.flow() == (0.0, 0.0)


FAST = {
    "transports.pumps": {"timeout": 0.03},
    "transports.heater": {"timeout": 0.03},
    "transports.valve": {"timeout": 0.03},
    "transports.detector": {"timeout": 0.03},
}


@pytest.mark.parametrize("name", ["pumps", "heater"])
def test_instrument_that_falls_silent(open_rig, name):
    rig = open_rig(changes={**SHORT, **FAST})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.links[name].silent = math.inf
    faulted(rig, status, "no reply")
    rig.emulation.world.links[name].silent = 0
    rig.acknowledge()
    go(rig, rig.set(WARM))


def test_unplugged_pumps(open_rig, line):
    rig = open_rig(line, SHORT)
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    rig.emulation.world.links["pumps"].unplug()
    faulted(rig, status, "port")
    report = rig.last_report
    assert not report.confirmed
    assert report.lines[0].startswith("NOT CONFIRMED, stop pump c60 by hand")
    assert report.lines[1].startswith("NOT CONFIRMED, stop pump sultine by hand")
    assert report.lines[2:] == ("heater setpoint 25 degC", "valve in load")
    with pytest.raises(TransportError):
        rig.acknowledge()
    assert rig.fault is not None


def test_silent_detector_is_a_fault(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    rig.emulation.world.links["detector"].silent = math.inf
    faulted(rig, rig.trigger(), "left 10 samples unanswered")
    rig.emulation.world.links["detector"].silent = 0


def test_silent_valve_is_a_fault_and_said_aloud(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    rig.emulation.world.links["valve"].silent = math.inf
    faulted(rig, rig.fill_loop(), "no reply")
    assert rig.last_report.lines[:3] == (
        "pump c60 stopped",
        "pump sultine stopped",
        "heater setpoint 25 degC",
    )
    assert rig.last_report.lines[3].startswith("NOT CONFIRMED, turn the valve to load by hand")
    rig.emulation.world.links["valve"].silent = 0


@pytest.mark.parametrize("fault", ["garble", "lost", "split"])
def test_single_faults_of_a_line_go_unnoticed(open_rig, fault):
    rig = open_rig(changes={**SHORT, **FAST})
    status = rig.set(WARM)
    for _ in range(3):
        for link in rig.emulation.world.links.values():
            link.delay = 0.005
            setattr(link, fault, 1)
        go(rig, rig.clock.timer(100.0))
    go(rig, status)
    assert rig.fault is None


@pytest.mark.parametrize("dead", ["pumps", "heater", "valve"])
def test_safe_with_one_dead_instrument_makes_the_others_safe(open_rig, dead):
    rig = open_rig(changes={**SHORT, **FAST})
    go(rig, rig.set(WARM))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    rig.emulation.world.links[dead].silent = math.inf
    report = rig.safe()
    assert not report.confirmed
    bad = {"pumps": (0, 1), "heater": (2,), "valve": (3,)}[dead]
    for index, text in enumerate(report.lines):
        assert text.startswith("NOT CONFIRMED") == (index in bad)
    world = rig.emulation.world
    assert (world.flow() == (0.0, 0.0)) == (dead != "pumps")
    assert (world.position == "load") == (dead != "valve")
    rig.emulation.world.links[dead].silent = 0
    assert rig.safe().confirmed
    assert rig.fault is None


def test_unstage_and_stop_never_raise(open_rig):
    rig = open_rig(changes={**SHORT, **FAST})
    assert rig.stage() == [rig]
    for link in rig.emulation.world.links.values():
        link.silent = math.inf
    rig.stop()
    assert rig.unstage() == [rig]
    assert not rig.last_report.confirmed
    for link in rig.emulation.world.links.values():
        link.silent = 0


def test_safe_from_another_thread_while_the_rig_moves(open_rig):
    rig = open_rig(changes={"heater.settle": 10})
    status = rig.set(WARM)
    go(rig, rig.flow(WARM))
    thread = threading.Thread(target=rig.safe)
    thread.start()
    thread.join(WALL)
    assert not thread.is_alive()
    assert rig.emulation.world.flow() == (0.0, 0.0)
    go(rig, rig.clock.timer(600.0))
    assert rig.emulation.world.flow() == (0.0, 0.0)  # nothing starts behind its back
    assert rig.heater.driver.read().setpoint == 25.0
    assert not status.done


def test_closing_makes_safe(open_rig):
    rig = open_rig(changes=SHORT)
    go(rig, rig.set(WARM))
    rig.close()
    rig.close()
    assert rig.last_report.confirmed
    assert rig.emulation.world.flow() == (0.0, 0.0)


# -- the token rule


def test_simulated_clock_is_refused_before_other_ports(walker):
    config = walker()
    emulation, clock, urls = emulate(config)
    lines = Lines(config, urls)  # the same ports, but nobody vouches for them
    with pytest.raises(RigError, match=r"transports\.pumps = .* hardware runs on the real clock"):
        Bench(config, clock=clock, lines=lines)
    lines.close()
    other = SimulatedClock(EmulationToken(["socket://nowhere:1"]))
    lines = Lines(config, urls, emulation.token)
    with pytest.raises(RigError, match="was not opened by the emulator launcher"):
        Bench(config, clock=other, lines=lines)
    bench = Bench(config, clock=clock, lines=lines, emulation=emulation)
    assert bench.simulated
    bench.close()
    other.close()


def test_the_emulation_is_built_as_the_file_says(open_rig):
    world = open_rig(changes={"chromatogram.lamp": 9.5}).emulation.world
    layout = world.layout
    assert [(s.name, s.stock, s.syringe) for s in layout.streams] == [
        ("c60", 2.775, 10000),
        ("sultine", 8.323, 10000),
    ]
    assert (layout.heated_volume, layout.total_volume, layout.loop_volume) == (931, 1587, 5)
    assert world.reaction.products == ("X0", "X1", "X2", "X3")  # the file has X3 first
    assert [peak.position for peak in layout.peaks] == [11.40, 7.50, 5.40, 4.40]
    assert [peak.position for peak in layout.front] == [2.81, 2.99]
    assert layout.baseline == 9.5


def test_hardware_runs_on_the_real_clock(walker):
    """A rig file with urls - here of emulators, which it does not know - never simulates time."""
    with emulated(walker()) as hardware, devices.open_rig(hardware) as rig:
        assert not rig.clock.simulated
        assert rig.simulated  # the instruments say themselves that they are emulated
        assert rig.description()["simulated"] is True
        with pytest.raises(RigError, match="seed: only for an emulated rig"):
            devices.open_rig(rig.config, seed=1)


# -- the real clock


def test_on_the_real_clock(open_rig):
    rig = open_rig(
        changes={
            "emulation.clock": "real",
            "heater.limits": [20, 150],
            "heater.settle": 0,
            "reactor": {"heated_volume": 0.5, "total_volume": 0.8, "loop_volume": 0.05},
            "chromatogram.duration": 0.5,
            "chromatogram.rate": 10,
        }
    )
    begin = rig.clock.now()
    event = experiment(rig, {"temperature": 22.0, "flow_c60": 100.0, "flow_sultine": 100.0})
    assert 0.3 + 0.15 + 0.4 <= rig.clock.now() - begin < 10
    assert event["trace"].shape == (5,)
    assert event["late_samples"] <= 4.0
    assert rig.fault is None


# -- under the RunEngine


class Act:
    """A step of the rig as a Movable."""

    parent = None

    def __init__(self, name, call):
        self.name, self._call = name, call

    def set(self, _):
        return self._call()


def one_experiment(rig, conditions):
    yield from bps.checkpoint()
    yield from bps.abs_set(rig, conditions, wait=True)
    yield from bps.abs_set(Act("fill_loop", rig.fill_loop), 1, wait=True)
    yield from bps.abs_set(Act("inject", rig.inject), 1, wait=True)
    yield from bps.trigger(rig, group="trace")
    yield from bps.wait("trace")
    yield from bps.create("primary")
    yield from bps.read(rig)
    yield from bps.save()


@pytest.fixture
def engine():
    return RunEngine({})


def test_one_experiment_through_the_runengine(open_rig, line, engine):
    rig = open_rig(line)
    engine.waiting_hook = rig.clock.waiting
    documents = []
    engine.subscribe(lambda name, document: documents.append((name, document)))

    @bpp.stage_decorator([rig])
    @bpp.run_decorator(md={"rig": rig.description()})
    def plan():
        yield from one_experiment(rig, WARM)

    engine(plan())
    for name, document in documents:
        if name in ("descriptor", "event"):
            plain = json.loads(json.dumps(document, default=lambda v: v.tolist()))
            schema_validators[DocumentNames[name]].validate(plain)
    descriptor = next(d for name, d in documents if name == "descriptor")
    keys = descriptor["data_keys"]
    assert keys["temperature"]["units"] == "degC"
    assert keys["flow_c60"]["units"] == "uL/min"
    assert keys["trace"]["units"] == "V"
    assert keys["trace"]["shape"] == [780]
    assert keys["lab_time"]["units"] == "s"
    assert descriptor["configuration"]["rig"]["data"]["heated_volume"] == 931.0
    assert descriptor["hints"]["rig"]["fields"][0] == "temperature"
    (event,) = [d for name, d in documents if name == "event"]
    assert event["data"]["flow_sultine"] == pytest.approx(200.0)
    assert np.isfinite(event["data"]["trace"]).all()
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.last_report.confirmed  # unstaged


def test_stall_fails_the_plan_with_its_reason(open_rig, engine):
    rig = open_rig(changes=SHORT)
    engine.waiting_hook = rig.clock.waiting

    def plan():
        yield from bps.abs_set(rig, WARM, group="g")
        yield from bps.abs_set(Act("flow", lambda: rig.flow(WARM)), 1, wait=True)
        rig.emulation.world.stall(1)
        yield from bps.wait("g")

    with pytest.raises(FailedStatus) as caught:
        engine(bpp.stage_wrapper(plan(), [rig]))
    assert "sultine has stalled" in str(caught.value.__cause__)
    assert rig.fault is not None


def test_pause_and_resume_repeat_the_experiment(open_rig, engine):
    rig = open_rig(changes=SHORT)
    engine.waiting_hook = rig.clock.waiting
    events, paused = [], []
    engine.subscribe(lambda name, document: events.append(document), "event")

    def plan():
        yield from bps.open_run()
        yield from bps.checkpoint()
        yield from bps.abs_set(rig, WARM, wait=True)
        yield from bps.abs_set(Act("fill_loop", rig.fill_loop), 1, wait=True)
        if not paused:
            paused.append(rig.clock.now())
            yield from bps.pause()
        yield from bps.abs_set(Act("inject", rig.inject), 1, wait=True)
        yield from bps.trigger(rig, wait=True)
        yield from bps.create("primary")
        yield from bps.read(rig)
        yield from bps.save()
        yield from bps.close_run()

    from bluesky.utils import RunEngineInterrupted

    with pytest.raises(RunEngineInterrupted):
        engine(plan())
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.heater.driver.read().setpoint == 60.0
    engine.resume()
    (event,) = events
    assert event["data"]["lab_time"] - paused[0] >= rig.stabilisation(rig.setpoints(WARM))
    assert event["data"]["flow_c60"] == pytest.approx(100.0)
    assert rig.emulation.world.last_sample.filled == pytest.approx(1.0)


# -- the rig file


def text(**changes):
    from importlib.resources import files

    source = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    for old, new in changes.values():
        assert old in source
        source = source.replace(old, new, 1)
    return source


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("diameter       = 14.57", "", r"streams\.c60\.diameter is missing: add it"),
        ("diameter ", "diametre ", r"streams\.c60\.diametre = .*did you mean 'diameter'\?"),
        ("diameter       = 14.57", "diameter = -1", r"streams\.c60\.diameter = -1 cannot be used"),
        ("limits    = [25, 150]", "limits = [150, 25]", r"heater: limits = .*give \[lower, upper"),
        ("maximum   = 165", "maximum = 100", "heater: maximum = 100 degC trips inside limits"),
        ('load      = "A"', 'load = "C"', r"valve\.load = 'C' cannot be used"),
        ('transport = "valve"', 'transport = "vlave"', "valve.transport = 'vlave' is none of"),
        ("baudrate = 9600", 'url = "x"', r"transports\.heater\.url = 'x' contradicts"),
        ("address        = 1", "address = 0", "share transport 'pumps' and address 0"),
        (
            '"harvard11"',
            '"harvard12"',
            "c60.protocol: no pump that speaks 'harvard12'",
        ),
        (
            '"scpi"',
            '"vici"',
            r"detector\.protocol: .* 'vici' is known; known are scpi: n",
        ),
        ("stock          = 2.775", "stock = nan", r"streams\.c60\.stock = nan cannot be used"),
        ("window = [3.60, 4.87]", "window = [4.60, 4.87]", "does not enclose time = 4.4 min"),
        ("schema = 1", "schema = 2", r"schema = 2 cannot be used"),
        ("total_volume  = 1587", "total_volume = 100", "total_volume = 100 uL is below heated"),
        ("[reactor]", "[reactor", "not valid TOML"),
    ],
)
def test_rig_file_errors_name_key_value_and_cure(old, new, match):
    with pytest.raises(RigError, match=match) as caught:
        parse(text(change=(old, new)), "my.toml")
    assert str(caught.value).startswith("my.toml: ")


def test_rig_file_of_hardware_needs_urls():
    source = text().split("\n[emulation]\n")[0]
    with pytest.raises(RigError, match=r"transports\.pumps\.url is missing: .*'/dev/ttyUSB0'"):
        parse(source)


def test_a_rig_file_without_a_reaction_means_the_papers():
    older = "".join(line for line in text().splitlines(True) if not line.startswith("reaction "))
    assert older != text()
    assert parse(older) == load("walker")


def test_rig_file_by_name_and_path(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(text(), "utf-8")
    assert load(path) == load("walker")
    with pytest.raises(RigError, match="no built-in rig 'wakler'; built in: walker"):
        load("wakler")
    with pytest.raises(RigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(RigError, match="UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('name = "X3"', 'name = "Y3"', "gives the peaks X0, X1, X2, X3, but .* are Y3, X2, X1, X0"),
        ("[streams.c60]", "[streams.c70]", "does not flow from the streams c70, sultine, it needs"),
        ("walker2017", "walker2018", "not known: did you mean 'walker2017'"),
        ("walker2017", "snar", r"reaction = 'snar' is not known: .* walker2017"),
        ("= {}  ", "= { Ks = 2 }  ", "Ks = 2 is no parameter of this reaction: it has ks, Es, "),
        ("= {}  ", "= { ks = 0 }  ", "kinetics of walker2017: .*ks = 0.0 must be positive"),
        ("syringe_volume = 10000", "syringe_volume = 10000\nfilled = 500", "starts full"),
    ],
)
def test_rig_files_that_cannot_be_emulated(old, new, match):
    with pytest.raises(RigError, match=match):
        devices.open_rig(parse(text(change=(old, new))))


def test_setpoints_are_values():
    one = Setpoints(60.0, {"a": 1.0})
    assert one == Setpoints(60.0, {"a": 1.0}) != Setpoints(60.0, {"a": 2.0})
    assert one.total == 1.0
