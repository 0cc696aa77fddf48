import numpy as np
import pytest

from reactune import devices
from reactune.devices.protocols.transport import InstrumentError
from reactune.devices.rig.flow_rig import (
    InterruptedFlowError,
    LedgerError,
    NotSettledError,
    RigError,
)
from tests.devices.rig.driving import SHORT, WARM, exchanges, experiment, go

# -- one experiment


def test_an_experiment_reads_what_was_set_and_what_happened(open_rig, line):
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
    assert rig.pumps["c60"].ledger.infused < 1.51 * rig.needed(rig.setpoints(WARM))["c60"]
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
    assert pump.ledger.flask < 250000
    assert pump.ledger.infused == pytest.approx(9 * 2 / 3 * 1862, rel=0.01)
    for index, key in enumerate(rig.pumps):
        assert rig.pumps[key].ledger.content == pytest.approx(
            rig.emulation.world.pump(index)[2], abs=0.5
        )


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
        rig.pumps["sultine"].ledger.check(need)  # too late to begin such an experiment
    go(rig, rig.set(WARM))  # but this one goes on
