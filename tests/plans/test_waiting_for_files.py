"""While the file of an injection is waited for: pauses, ends, faults and silent lines."""

import math
import threading
import time

import pytest
from bluesky.utils import RunEngineInterrupted

from reactune.plans.campaign import CampaignError
from tests.plans.software import lab, tables, written


def test_a_pause_gives_the_injection_up_and_its_file_is_not_the_next_ones(tmp_path):
    """It comes while the next one is being prepared, or waited for."""
    with lab(written(tmp_path, tables())) as it:
        agent = it.agent(budget=3)
        paused = []

        def pause() -> None:
            if it.rig.detector.recording and not paused:
                paused.append(it.rig.clock.now())
                it.RE.request_pause(defer=False)

        def look() -> None:
            if it.world.injections == 2:
                pause()
            if not paused:
                it.rig.clock.call_later(50, look, background=True)

        it.rig.clock.call_later(50, look, background=True)
        with pytest.raises(RunEngineInterrupted):
            it.campaign(agent)
        assert it.RE.state == "paused"
        it.RE.resume()
        facts = it.events("primary")
    assert [int(fact["number"]) for fact in facts] == [1, 2, 3]
    assert [fact["file"] for fact in facts] == [
        "simulated-0001.csv", "simulated-0003.csv", "simulated-0004.csv",
    ]  # fmt: skip


def test_an_abort_while_waiting_is_fast_and_safe(tmp_path):
    """Though the file never comes, and the time-out is far away."""
    with lab(written(tmp_path, tables(timeout=1e9, emulated={"spoilt": {"1": "never"}}))) as it:
        began, nothing = [], threading.Event()

        def abort() -> None:
            while not (it.rig.detector.recording and it.rig.clock.now() > 20_000):
                nothing.wait(0.01)
            began.append(time.monotonic())
            it.RE.abort("enough")

        thread = threading.Thread(target=abort)
        thread.start()
        with pytest.raises(RunEngineInterrupted):
            it.campaign(it.agent(budget=3))
        thread.join()
        assert time.monotonic() - began[0] < 3
        it.assert_safe()
        assert it.only("stop")["exit_status"] == "abort"


def test_no_reagent_flows_while_a_file_is_late(tmp_path):
    """The next experiment is steady when the file should come, and kept up for two minutes."""
    rig = written(tmp_path, tables(timeout=8000, emulated={"spoilt": {"1": "late"}}))
    with lab(rig) as it:
        flows = {}

        def look() -> None:
            since = it.rig.clock.now() - it.rig.read()["lab_time"]["value"]
            if it.rig.detector.recording:
                flows[since] = sum(it.world.flow())
            it.rig.clock.call_later(30, look, background=True)

        it.rig.clock.call_later(30, look, background=True)
        with pytest.raises(CampaignError, match="no new file"):
            it.campaign(it.agent(budget=3))
    assert any(flow > 0 for since, flow in flows.items() if 500 < since < 900)
    assert all(
        flow == 0 for since, flow in flows.items() if since > 4000
    )  # the slowest is steady by then
    assert max(flows) > 7000


def test_a_fault_elsewhere_does_not_cost_the_file(tmp_path):
    """The sample is on the column by then."""
    with lab(written(tmp_path, tables())) as it:

        def stall() -> None:
            if it.world.injections == 2 and it.rig.detector.recording:
                it.world.stall(0)
            else:
                it.rig.clock.call_later(300, stall, background=True)

        it.rig.clock.call_later(300, stall, background=True)
        with pytest.raises(CampaignError, match="stall"):
            it.campaign(it.agent(budget=5))
        facts, decisions = it.events("primary"), it.events("decision")
        it.world.stall(0, stalled=False)
        it.assert_safe()
    assert [fact["file"] for fact in facts[:2]] == ["simulated-0001.csv", "simulated-0002.csv"]
    assert decisions[1]["valid"] == 1


def test_a_line_that_falls_silent_at_an_injection_costs_a_repeat_and_not_the_campaign(tmp_path):
    """As under load: the valve has turned, so a file comes, for which nobody waits any more.

    It comes while the experiment is repeated, and is not taken for the repeat's.
    """
    rig = tables(emulated={"delay": 600})
    rig["transports"]["valve"]["timeout"] = 0.2
    with lab(written(tmp_path, rig)) as it:
        valve, line = it.rig.valve.driver, it.world.links["valve"]
        turn, turned = valve.go, []

        def go(position: str) -> None:
            turned.append(position)
            line.lost = math.inf if turned.count("B") == 2 and position == "B" else 0
            turn(position)

        valve.go = go
        it.campaign(it.agent(budget=4))
        facts, decisions = it.events("primary"), it.events("decision")
        assert it.world.injections == 5
    assert [decision["valid"] for decision in decisions] == [1, 1, 1, 1]
    assert "no reply" in facts[1]["disturbances"]
    assert [fact["file"] for fact in facts] == [
        f"simulated-000{number}.csv" for number in (1, 3, 4, 5)
    ]
