"""What a fault, a pause or an empty flask does to the experiment that is under way."""

import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted

from reactune.plans.campaign import CampaignError


def at(lab, verb, number, delay, do):
    """Do something `delay` lab seconds after the rig has begun an action for the n-th time."""
    act, calls = getattr(lab.rig, verb), []

    def begin(*arguments):
        status = act(*arguments)
        calls.append(verb)
        if len(calls) == number:
            lab.rig.clock.call_later(delay, do)
        return status

    setattr(lab.rig, verb, begin)


def pause(lab):
    """Ask for a pause from a clock callback, and hold lab time until it has been heard."""
    threading.Thread(target=lab.RE.request_pause, daemon=True).start()
    threading.Event().wait(0.2)


@pytest.mark.parametrize(
    "break_", [lambda world: world.stall(0), lambda world: world.break_sensor()]
)
def test_a_fault_while_recording_keeps_the_trace(lab, break_):
    at(lab, "trigger", 2, 50.0, lambda: break_(lab.world))
    with pytest.raises(CampaignError):
        lab.campaign()
    last = lab.events("primary")[-1]
    assert (last["number"], last["valid"], last["reason"]) == (2, 1.0, "")
    assert np.isfinite(last["trace"]).all()
    assert np.isfinite(lab.events("decision")[-1]["X3"])
    assert lab.only("stop")["exit_status"] == "fail"
    assert lab.only("stop")["reason"] == lab.rig.fault
    assert lab.world.flow() == (0.0, 0.0)
    assert lab.rig.heater.driver.read().setpoint == 25.0


def test_a_trace_that_broke_off_is_never_valid(lab):
    at(lab, "trigger", 2, 50.0, lambda: lab.world.links["detector"].unplug())
    with pytest.raises(CampaignError):
        lab.campaign()
    last = lab.events("primary")[-1]
    assert (last["number"], last["valid"]) == (2, 0.0)
    assert "the port is gone" in last["reason"]
    assert np.isnan(last["trace"]).all()
    lab.assert_safe()


@pytest.mark.parametrize(
    ("verb", "delay"),
    [("fill_loop", 1.0), ("inject", 0.0), ("trigger", 50.0), ("flow", 0.0), ("trigger", 779.0)],
)
def test_a_pause_stops_the_pumps_and_loses_no_experiment(lab, verb, delay):
    at(lab, verb, 2, delay, lambda: pause(lab))
    with pytest.raises(RunEngineInterrupted):
        lab.campaign(lab.agent(budget=4))
    assert lab.world.flow() == (0.0, 0.0)
    lab.RE.resume()
    assert [e["number"] for e in lab.events("primary")] == [1, 2, 3, 4]
    assert [e["number"] for e in lab.events("decision")] == [1, 2, 3, 4]
    assert all(np.isfinite(e["trace"]).all() for e in lab.events("primary"))
    assert lab.only("stop")["exit_status"] == "success"


def test_a_pause_while_an_event_is_told_does_not_measure_it_again(lab):
    agent = lab.agent(budget=4)
    evaluate = agent.evaluate

    def pause_at_the_second(data):
        if data["number"] == 2:
            pause(lab)
        return evaluate(data)

    agent.evaluate = pause_at_the_second
    with pytest.raises(RunEngineInterrupted):
        lab.campaign(agent)
    lab.RE.resume()
    assert [e["number"] for e in lab.events("primary")] == [1, 2, 3, 4]


def test_empty_flasks_end_the_campaign_after_the_sample_on_the_column(lab):
    def spill():
        pump = lab.rig.pumps["c60"]
        pump.ledger._flask = 0.0
        pump.ledger._content -= pump.ledger.deliverable - 50.0

    at(lab, "inject", 2, 0.0, spill)  # before the flow of the third has been started
    with pytest.raises(CampaignError, match=r"stream c60 needs .* refill them"):
        lab.campaign()
    assert [e["number"] for e in lab.events("primary")] == [1, 2]
    assert np.isfinite(lab.events("primary")[-1]["trace"]).all()
    assert "stream c60 needs" in lab.only("stop")["reason"]
    lab.assert_safe()


def refilled_while_the_first_is_recorded(lab):
    """Empty a syringe whose pump takes 50 min for a stroke."""
    pump = lab.rig.pumps["c60"]
    pump.spec = pump.spec.model_copy(update={"refill_rate": 200.0})

    def empty():
        pump.ledger._content = lab.world._plungers[0].content = 150.0 + pump.ledger._counted[0]

    at(lab, "trigger", 1, 1.0, empty)
    return pump


def test_an_event_does_not_wait_for_the_refill_of_the_next_experiment(open_lab):
    """Its trace is over: who ends the campaign now must not lose it."""
    with open_lab(seed=1) as lab:
        pump = refilled_while_the_first_is_recorded(lab)
        stored, refilling = [], []

        def hear(name, document):
            if name == "event" and "trace" in document["data"]:
                stored.append(lab.rig.clock.now() - document["data"]["lab_time"])
                refilling.append(pump._refilling.under_way)

        lab.RE.subscribe(hear)
        lab.campaign(lab.agent(budget=3))
    assert stored == pytest.approx(3 * [lab.rig.config.analysis_duration], abs=2)
    assert refilling == [True, False, False]
    assert all(fact["reason"] == "" for fact in lab.events("primary"))


def test_a_campaign_that_ends_while_a_syringe_is_refilled_knows_what_is_in_it(lab):
    pump = refilled_while_the_first_is_recorded(lab)
    agent = lab.agent(budget=3)
    agent.should_stop = lambda: (pump.refilling, "enough")
    lab.campaign(agent)
    assert len(lab.events("primary")) == 1
    assert pump.ledger.content == pytest.approx(lab.world.pump(0)[2], abs=0.1)
    assert 1000 < pump.ledger.content < 9000


def test_a_steady_state_that_is_lost_again_and_again_is_given_up(lab):
    there = lab.world.temperature
    lab.world.temperature = lambda: there() + (8 if lab.rig.clock.now() % 300 > 200 else 0)
    lab.campaign()
    reasons = [e["reason"] for e in lab.events("primary")]
    assert reasons == ["the steady state was lost 3 times: look at heater and pumps"] * 3
    assert lab.only("stop")["reason"].startswith("3 experiments in a row failed")


def test_no_second_campaign_before_the_fault_is_acknowledged(lab):
    at(lab, "fill_loop", 1, 1.0, lambda: lab.world.stall(1))
    with pytest.raises(CampaignError, match="stall"):
        lab.campaign()
    lab.world.stall(1, stalled=False)
    lab.documents.clear()
    with pytest.raises(CampaignError, match=r"until rig\.acknowledge\(\) takes it back: .*stall"):
        lab.campaign()
    assert lab.documents == []
    lab.rig.acknowledge()
    lab.campaign(lab.agent(budget=2))
    assert [e["valid"] for e in lab.events("primary")] == [1.0, 1.0]


def test_a_heater_that_hears_but_cannot_be_heard_is_cooled(lab):
    for line in lab.rig._bench.transports.values():
        line.timeout = 0.05
    at(lab, "fill_loop", 1, 1.0, lambda: setattr(lab.world.links["heater"], "lost", math.inf))
    with pytest.raises(CampaignError, match="no reply"):
        lab.campaign()
    lab.world.links["heater"].lost = 0
    assert lab.rig.heater.driver.read().setpoint == 25.0
    assert not lab.rig.last_report.confirmed


def test_a_reader_that_goes_away_does_not_end_the_campaign(tmp_path):
    command = [sys.executable, "-u", "-m", "reactune.plans.cli", "demo", "--seed", "1"]
    command += ["--budget", "2", "--catalogue", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    process.stderr.close()
    try:
        out = process.stdout.read()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert "budget: 2 of 2 experiments done" in out
