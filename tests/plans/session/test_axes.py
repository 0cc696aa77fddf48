"""The rig's axes under bluesky's own plans: what is set, measured, refused, and left behind."""

import json
from collections.abc import Iterator

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky.simulators import check_limits
from bluesky.utils import FailedStatus, RunEngineInterrupted
from cycler import cycler
from ophyd.utils import LimitError

from reactune.analysis.analytics import Told, from_start
from reactune.devices.protocols.errors import TransportError
from reactune.devices.rig.flow_rig import ConditionsError, LedgerError, RigFaultError
from reactune.plans.session.detectors import OnlineAnalysis
from reactune.plans.session.foresight import foreseeing, in_words
from tests.devices.rig.driving import WARM, exchanges
from tests.plans.conftest import Lab, opened


@pytest.fixture(scope="module")
def open_once() -> Iterator[Lab]:
    with opened("pty", seed=1) as it:
        it.RE.md_validator = foreseeing(it.rig, it.RE.md_validator)
        it.RE.preprocessors.append(in_words)
        yield it


@pytest.fixture
def lab(open_once: Lab) -> Lab:
    """An open rig whose axes stand somewhere; what it emitted until now is forgotten."""
    open_once.documents.clear()
    rig = open_once.rig
    rig.axes.held = {"temperature": 110.0, "flow_c60": 100.0, "flow_sultine": 100.0}
    return open_once


def column(lab: Lab, key: str) -> list[float]:
    return [data[key] for data in lab.events("primary")]


@pytest.mark.parametrize("name", ["lab_time", "temperature", "run", "number", "time"])
def test_a_quantity_called_like_something_else_in_an_event_is_refused(lab, name):
    with pytest.raises(ValueError, match=f"the rig file calls a quantity {name}, which is someth"):
        OnlineAnalysis(lab.rig, Told(("X3", name)))


def test_a_scan_over_the_temperature_samples_every_point_at_its_steady_state(lab):
    rig, hplc = lab.rig, OnlineAnalysis(lab.rig)
    lab.RE(bp.scan([hplc], rig.temperature, 100, 150, 3))
    assert column(lab, "rig_temperature_setpoint") == [100, 125, 150]
    assert column(lab, "rig_temperature") == column(lab, "temperature")
    assert column(lab, "temperature") == pytest.approx([100, 125, 150], abs=0.5)
    assert column(lab, "flow_c60_setpoint") == [100, 100, 100]
    assert np.diff(column(lab, "X3")).min() > 0  # the hotter the more of the last adduct
    assert np.diff(column(lab, "lab_time")).min() > 60 * 2 * 931 / 200
    (descriptor,) = [doc for name, doc in lab.documents if name == "descriptor"]
    assert descriptor["data_keys"]["X3_sd"]["units"] == "1"
    assert descriptor["data_keys"]["rig_temperature"]["units"] == "degC"
    assert descriptor["data_keys"]["trace"]["shape"] == [rig.config.chromatogram.samples]
    kept = descriptor["configuration"]["hplc"]["data"]
    method = from_start(json.loads(kept["method"]))
    for data in lab.events("primary"):  # the stored method makes the same of the stored trace
        assert method.measure(data).values["X3"] == data["X3"]
    assert len(kept["method_digest"]) == 16
    lab.assert_safe()


def test_instruments_say_after_a_plan_what_they_do_and_not_what_they_did(lab, monkeypatch):
    rig, pump = lab.rig, lab.rig.pumps["c60"]
    instruments = [*rig.pumps.values(), rig.heater, rig.valve]
    lab.RE(bp.count([rig.hplc]))
    lab.documents.clear()
    lab.RE(bp.count(instruments))
    (told,) = lab.events("primary")
    assert (told["c60_flow"], told["c60_state"]) == (0.0, "idle")
    assert (told["heater_setpoint"], told["valve_place"]) == (25.0, "load")

    def silent() -> None:
        raise TransportError("no reply")

    pump.flow.fill(90.0)
    with monkeypatch.context() as patched:
        patched.setattr(pump.driver, "stop", silent)
        assert not rig.safe().confirmed
        assert pump.flow.get() == 90.0  # nobody knows better
    rig.safe()
    assert pump.flow.get() == 0.0


def test_the_raw_trace_is_read_without_any_analysis(lab):
    lab.RE(bp.count([lab.rig.hplc], num=2))
    assert [np.isfinite(data["trace"]).all() for data in lab.events("primary")] == [True, True]
    assert not any("X3" in data for data in lab.events("primary"))
    lab.assert_safe()


def test_axes_that_follow_from_flows_keep_what_is_not_moved(lab):
    rig = lab.rig
    grid = (rig.residence_time, 5, 10, 2, rig.ratio, 0.5, 2, 2)
    lab.RE(bp.grid_scan([rig.hplc], *grid))
    assert column(lab, "residence_time") == pytest.approx([5, 5, 10, 10], rel=1e-3)
    assert column(lab, "rig_ratio") == pytest.approx([0.5, 2, 0.5, 2], rel=1e-3)
    assert column(lab, "temperature_setpoint") == [110] * 4
    lab.assert_safe()


def test_flows_are_scanned_by_stream_from_a_list(lab):
    rig = lab.rig
    lab.RE(bp.list_scan([rig.hplc], rig.flow_c60, [50, 150], rig.flow_sultine, [150, 50]))
    assert column(lab, "flow_c60_setpoint") == [50, 150]
    assert column(lab, "flow_sultine_setpoint") == [150, 50]


def test_a_relative_scan_ends_safe_with_the_axes_where_they_were(lab):
    rig = lab.rig
    lab.RE(bp.rel_scan([rig.hplc], rig.residence_time, -1, 1, 2))
    assert column(lab, "residence_time") == pytest.approx([931 / 200 - 1, 931 / 200 + 1], rel=1e-3)
    assert rig.residence_time.position == pytest.approx(931 / 200)
    lab.assert_safe()
    lab.RE(bps.mv(rig.temperature, 110.0))  # where it stands already, but the rig is cold
    assert rig.heater.temperature.get() == pytest.approx(110, abs=0.5)


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (lambda r: bp.log_scan([r.hplc], r.temperature, 2, np.log10(120), 2), [100, 120]),
        (lambda r: bp.x2x_scan([r.hplc], r.temperature, r.residence_time, -2, 2, 2), [108, 112]),
    ],
)
def test_a_scan_is_foreseen_where_it_goes(lab, plan, asked):
    lab.RE(plan(lab.rig))
    assert column(lab, "rig_temperature_setpoint") == pytest.approx(asked)
    lab.assert_safe()


def test_nothing_is_relative_to_where_an_axis_never_was(lab):
    lab.rig.axes.held = {}
    with pytest.raises(ConditionsError, match="temperature was never set on this rig, so that"):
        lab.RE(bp.rel_scan([lab.rig.hplc], lab.rig.temperature, -5, 5, 2))


def test_the_rig_as_an_axis_names_its_axes(lab):
    with pytest.raises(ConditionsError, match=r"by name, not to 100: move one of its axes"):
        lab.RE(bp.scan([lab.rig.hplc], lab.rig, 100, 110, 2))


def test_an_adaptive_scan_takes_smaller_steps_where_more_happens(lab):
    hplc = OnlineAnalysis(lab.rig)
    axis = lab.rig.temperature
    lab.RE(bp.adaptive_scan([hplc], "X3", axis, 100, 150, 5, 30, 0.04, backstep=False))
    steps = np.diff(column(lab, "rig_temperature_setpoint"))
    assert len(steps) > 1
    assert steps[-1] < steps.max()
    lab.assert_safe()


@pytest.mark.parametrize(
    ("plan", "error", "words"),
    [
        (lambda r: bp.scan([r.hplc], r.temperature, 100, 300, 3), LimitError, "200 degC"),
        (lambda r: bp.list_scan([r.hplc], r.flow_c60, [50, 5000]), LimitError, "5000 uL/min"),
        (lambda r: bp.grid_scan([], r.ratio, 1, 99, 2, r.temperature, 90, 99, 2), LimitError, "99"),
        (  # each axis is inside its limits, and both together ask too much of a pump
            lambda r: bp.grid_scan([r.hplc], r.residence_time, 2.3, 5, 2, r.ratio, 1, 8, 2),
            LimitError,
            "flow_sultine",
        ),
        (lambda r: bp.rel_scan([r.hplc], r.temperature, -5, 200, 3), LimitError, "207.5 degC"),
        (
            lambda r: bp.adaptive_scan([r.hplc], "X3", r.temperature, 90, 400, 1, 9, 1, False),
            LimitError,
            "400 degC",
        ),
        (
            lambda r: bp.spiral([r.hplc], r.temperature, r.ratio, 145, 2, 20, 1, 3, 4),
            LimitError,
            "151 degC",
        ),
        (
            lambda r: bp.spiral_fermat([r.hplc], r.temperature, r.ratio, 145, 2, 20, 2, 0.5, 1),
            LimitError,
            r"150\.216 degC",
        ),
        (
            lambda r: bp.rel_spiral_square([r.hplc], r.temperature, r.ratio, 90, 1, 3, 3),
            LimitError,
            "155 degC",
        ),
        (
            lambda r: bp.scan_nd([r.hplc], cycler(r.temperature, [100, 110, 300])),
            LimitError,
            "300 degC",
        ),
        (
            lambda r: bp.scan_nd(
                [r.hplc],
                (cycler(r.temperature, np.linspace(90, 99, 2)) + cycler(r.flow_c60, [50, 60]))
                * cycler(r.flow_sultine, [50, 5000]),
            ),
            LimitError,
            "5000 uL/min",
        ),
        (
            lambda r: bp.scan_nd([r.hplc], cycler(r.temperature, [100, np.nan])),
            LimitError,
            "nan",
        ),
        (lambda r: bp.scan([r.hplc], r.temperature, "a", "b", 3), LimitError, "'a' is no number"),
        (lambda r: bp.list_scan([r.hplc], r.temperature, ["90"]), LimitError, "'90' is no number"),
        (lambda r: bp.list_scan([r.hplc], r.temperature, 90), ConditionsError, "give a list"),
        (lambda r: bp.log_scan([r.hplc], r.temperature, 2, 2.4, 2), LimitError, "251.189 degC"),
        (lambda r: bp.scan([r.hplc], r.ratio, -1, 1, 2), LimitError, r"= -1 is outside .* 20\.7;"),
        (lambda r: bp.scan([r.hplc], r.heater, 90, 99, 2), ConditionsError, "rig.heater goes back"),
        (
            lambda r: bp.scan([r.hplc], r.pumps["c60"], 50, 60, 2),
            ConditionsError,
            "move .*flow_c60",
        ),
        (lambda r: bp.count([r.hplc], 1000), LedgerError, r"do not last for sample \d+ of"),
    ],
)
def test_a_scan_that_goes_too_far_is_refused_before_anything_moves(lab, plan, error, words):
    before = exchanges(lab.rig)
    with pytest.raises(error, match=words):
        lab.RE(plan(lab.rig))
    sent = exchanges(lab.rig) - before
    assert not any(name == "start" for name, _ in lab.documents)
    assert lab.world.flow() == (0.0, 0.0)
    assert lab.rig.heater.poll().setpoint == 25.0
    assert sent <= 20  # what making it safe takes


def test_what_fills_the_dead_volume_of_an_empty_syringe_lasts_for_no_sample(lab, monkeypatch):
    rig, pump = lab.rig, lab.rig.pumps["c60"]
    each = rig.needed(rig.axes.setpoints({}))["c60"]
    monkeypatch.setattr(pump.ledger, "_content", 0.0)
    monkeypatch.setattr(pump.ledger, "_flask", 2 * each + pump.spec.dead_volume / 2)
    with pytest.raises(LedgerError, match="do not last for sample 2 of"):
        lab.RE(bp.count([rig.hplc], 2))


def test_bluesky_checks_the_limits_of_any_plan_beforehand(lab):
    with pytest.raises(LimitError, match="temperature = 200"):
        check_limits(bp.scan([lab.rig.hplc], lab.rig.temperature, 100, 300, 3))


def test_a_move_too_far_in_a_plan_of_ones_own_is_refused_before_it_is_sent(lab):
    with pytest.raises(LimitError, match="nothing was sent"):
        lab.RE(bps.mv(lab.rig.flow_c60, 1e6))
    with pytest.raises(FailedStatus, match=r"^ratio to 1: .*: leave one out$") as failed:
        lab.RE(bps.mv(lab.rig.flow_c60, 100, lab.rig.flow_sultine, 50, lab.rig.ratio, 1))
    (status,) = failed.value.args
    assert isinstance(status.exception(), ConditionsError)
    assert lab.world.flow() == (0.0, 0.0)


def test_a_fresh_rig_says_what_it_has_to_be_told_first(lab):
    rig = lab.rig
    rig.axes.held = {}
    assert np.isnan(rig.flow_c60.position)
    with pytest.raises(LimitError, match=r"temperature = nan is no number; .* found nothing set"):
        lab.RE(bps.mvr(rig.temperature, 2))
    with pytest.raises(ConditionsError, match=r"flow_c60, flow_sultine were never set .*bps\.mv"):
        lab.RE(bp.scan([rig.hplc], rig.temperature, 100, 120, 2))
    with pytest.raises(FailedStatus) as failed:
        lab.RE(bps.mv(rig.flow_c60, 100))
    told = str(failed.value.args[0].exception())
    cure = "rig.temperature, ..., rig.flow_sultine, ..., rig.flow_c60, ..."  # no less is a way out
    assert f"in one move, RE(bps.mv({cure}))" in told
    lab.RE(eval(told.split("RE")[-1].replace("...", "100"), {"bps": bps, "rig": rig}))
    rig.axes.held = {}
    lab.RE(bps.mv(rig.temperature, 40))  # the heater needs no flow
    lab.RE(bps.mv(rig.residence_time, 10, rig.ratio, 2))
    lab.RE(bp.count([rig.hplc]))
    assert column(lab, "residence_time") == pytest.approx([10], rel=1e-3)
    assert column(lab, "temperature_setpoint") == [40]
    lab.assert_safe()


def test_a_pause_starts_the_sample_anew(lab):
    rig = lab.rig

    def pause() -> None:
        if rig.detector.recording:
            lab.RE.request_pause()
        else:
            rig.clock.call_later(30, pause, background=True)

    rig.clock.call_later(30, pause, background=True)
    with pytest.raises(RunEngineInterrupted):
        lab.RE(bp.count([rig.hplc]))
    assert lab.world.flow() == (0.0, 0.0)
    assert not rig.detector.recording
    lab.RE.resume()
    assert len(lab.events("primary")) == 1
    assert np.isfinite(lab.events("primary")[0]["trace"]).all()
    lab.assert_safe()


def test_what_was_aborted_does_not_go_on_by_itself(lab):
    rig = lab.rig
    rig.clock.call_later(120, lab.RE.abort, background=True)  # while it becomes steady
    with pytest.raises(RunEngineInterrupted):
        lab.RE(bp.count([rig.hplc]))
    lab.assert_safe()
    rig.clock.wait(rig.set(WARM), timeout=20)  # steady, and no sample of the run before is taken
    rig.clock.wait(rig.clock.timer(3600), timeout=20)
    assert np.isnan(rig.read()["lab_time"]["value"])
    assert rig.valve.poll() == "load"
    rig.stop()


def test_axes_work_over_the_network():
    with opened("tcp", seed=1) as lab:
        lab.RE(bps.mv(lab.rig.temperature, 50, lab.rig.residence_time, 5, lab.rig.ratio, 1))
        lab.RE(bp.scan([lab.rig.hplc], lab.rig.ratio, 0.5, 2, 2))
        assert column(lab, "rig_ratio") == pytest.approx([0.5, 2], rel=1e-3)
        lab.assert_safe()


def test_nothing_moves_while_a_fault_is_latched():
    with opened(seed=1) as lab:
        lab.rig.interlock.latch(OSError("the heater is on fire"))
        for plan in (bps.mv(lab.rig.temperature, 100), bp.count([lab.rig.hplc])):
            with pytest.raises(RigFaultError, match="on fire"):
                lab.RE(plan)
        lab.assert_safe()
