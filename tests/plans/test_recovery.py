"""A fault of communication ends no night: safe, greeted again, the experiment repeated."""

import math
import threading

import numpy as np
import pytest

from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.run import Run
from reactune.plans.campaign import CampaignError
from tests.plans.test_faults import at


@pytest.fixture
def brisk(lab):
    """A lab whose lines give an instrument up soon."""
    for line in lab.rig._bench.transports.values():
        line.timeout = 0.03
    return lab


def numbers(lab):
    return [(e["number"], e["valid"]) for e in lab.events("primary")]


@pytest.mark.parametrize(
    ("role", "verb", "delay"),
    [("pumps", "fill_loop", 1.0), ("heater", "set", 5.0), ("detector", "trigger", 50.0)],
)
def test_a_line_that_was_silent_for_a_while(brisk, role, verb, delay):
    retries = brisk.rig.heater.driver.transport.retries
    at(brisk, verb, 2, delay, lambda: setattr(brisk.world.links[role], "silent", 3 + 2 * retries))
    brisk.campaign(brisk.agent(budget=3))
    assert numbers(brisk) == [(1, 1.0), (2, 1.0), (3, 1.0)]
    lost = [int(np.isnan(e["trace"]).sum()) for e in brisk.events("primary")]
    if role == "detector":  # samples that were asked for in vain
        assert 1 <= max(lost) <= 3
    else:
        assert lost == [0, 0, 0]
    assert all(np.isfinite(e["X3"]) for e in brisk.events("decision"))
    said = [e["disturbances"] for e in brisk.events("primary")]
    met = [text for text in said if text]
    assert len(met) == (role != "detector")
    assert all("no reply" in text for text in met)
    assert brisk.only("stop")["exit_status"] == "success"
    brisk.assert_safe()


def test_while_it_lasts_the_rig_is_safe_and_nothing_is_dosed(brisk):
    seen = []

    def fall_silent():
        brisk.world.links["valve"].silent = 9
        brisk.rig.clock.call_later(0.0, look)

    def look():
        recover = brisk.rig.recover
        brisk.rig.recover = lambda: (
            seen.append((brisk.world.flow(), brisk.world.demand)) or recover()
        )

    at(brisk, "inject", 2, 0.0, fall_silent)
    brisk.campaign(brisk.agent(budget=2))
    assert seen
    assert all(each == ((0.0, 0.0), 25.0) for each in seen)
    assert numbers(brisk) == [(1, 1.0), (2, 1.0)]


def test_a_finished_experiment_is_stored_before_the_instruments_are_greeted(brisk):
    """That may take more than a minute, in which somebody may end the campaign."""
    order, recover = [], brisk.rig.recover
    brisk.rig.recover = lambda: order.append("greeted") or recover()

    def hear(name, document):
        if name == "event" and "trace" in document["data"]:
            order.append((document["data"]["number"], bool(document["data"]["disturbances"])))

    brisk.RE.subscribe(hear)
    at(brisk, "trigger", 2, 50.0, lambda: setattr(brisk.world.links["heater"], "silent", 9))
    brisk.campaign(brisk.agent(budget=3))
    assert order == [(1, False), (2, True), "greeted", (3, False)]
    assert numbers(brisk) == [(1, 1.0), (2, 1.0), (3, 1.0)]
    assert brisk.only("stop")["exit_status"] == "success"


def test_the_third_time_it_ends_with_its_reason(brisk):
    begun = []

    def again():
        begun.append(1)
        brisk.world.links["valve"].silent = 9

    act = brisk.rig.inject
    brisk.rig.inject = lambda: again() or act()
    with pytest.raises(CampaignError, match="no reply"):
        brisk.campaign(brisk.agent(budget=3))
    assert len(begun) == 3
    assert numbers(brisk) == [(1, 0.0)]
    assert brisk.events("primary")[0]["disturbances"].count("no reply") == 2
    assert "no reply" in brisk.only("stop")["reason"]


def test_one_that_never_answers_again_ends_it(brisk):
    at(brisk, "fill_loop", 2, 1.0, lambda: setattr(brisk.world.links["pumps"], "silent", math.inf))
    with pytest.raises(CampaignError, match="no reply"):
        brisk.campaign()
    assert numbers(brisk) == [(1, 1.0), (2, 0.0)]
    assert brisk.rig.fault is not None
    assert any("stop pump c60 by hand" in line for line in brisk.rig.last_report.unconfirmed)


def test_what_is_wrong_with_an_instrument_waits_for_a_human(brisk):
    at(brisk, "fill_loop", 2, 1.0, lambda: brisk.world.stall(0))
    with pytest.raises(CampaignError, match="stalled"):
        brisk.campaign()
    assert not brisk.rig.interlock.passing


def test_a_silent_line_does_not_hide_what_is_wrong(brisk):
    """Found while the instruments are greeted: it latches."""

    def both():
        brisk.world.links["valve"].silent = 9
        brisk.world.break_sensor()

    at(brisk, "inject", 2, 0.0, both)
    with pytest.raises(CampaignError, match="sensor"):
        brisk.campaign()
    assert not brisk.rig.interlock.passing
    assert brisk.world.flow() == (0.0, 0.0)


def test_it_waits_for_who_makes_the_rig_safe_meanwhile(brisk):
    """As the supervisor does, which tries again and again what has not confirmed."""
    held, over = threading.Event(), threading.Event()

    def make_safe():
        with brisk.rig.interlock.holding("the rig is being made safe"):
            held.set()
            over.wait(0.3)

    def begin():
        if not held.is_set():
            threading.Thread(target=make_safe).start()
            held.wait()
            brisk.world.links["valve"].silent = 3  # this one fails
        return recover()

    recover, brisk.rig.recover = brisk.rig.recover, begin
    at(brisk, "inject", 2, 0.0, lambda: setattr(brisk.world.links["valve"], "silent", 9))
    brisk.campaign(brisk.agent(budget=2))
    assert held.is_set()
    assert numbers(brisk) == [(1, 1.0), (2, 1.0)]


def test_the_summary_says_what_was_got_over(brisk):
    at(brisk, "inject", 2, 0.0, lambda: setattr(brisk.world.links["valve"], "silent", 9))
    brisk.campaign(brisk.agent(budget=2))
    text = summarise(Run("x", lambda: brisk.documents)).to_text()
    assert "Got over  2 (" in text
    assert "0 failed" in text
