"""Signals while a plan is busy: the rig does not wait for the plan."""

import os
import signal
import threading
import time
from contextlib import suppress

import bluesky.plan_stubs as bps
import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.protocols.transport import GaveWayError
from reactune.plans.campaign import optimise
from reactune.plans.session import Session
from reactune.plans.signals import StopSignals

WARM = {"temperature": 120.0, "flow_c60": 100.0, "flow_sultine": 100.0}
SLOW = 3.0  # s of wall time that the plan thinks


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_the_rig_is_safe_at_once_though_the_plan_thinks(open_lab, tmp_path, number):
    seen = {}

    def watch(world):
        """Note how long after the signal nothing flows and the oven is to be cold."""
        start, pause = time.monotonic(), threading.Event()
        os.kill(os.getpid(), number)
        while time.monotonic() - start < SLOW:
            with suppress(GaveWayError):
                if world.flow() == (0.0, 0.0) and rig.heater.driver.read().setpoint == 25.0:
                    seen["safe"] = time.monotonic() - start
                    return
            pause.wait(0.02)

    def plan():
        yield from bps.mv(rig.heater, 120.0)
        yield from bps.abs_set(rig, WARM)
        yield from bps.sleep(0.1)
        threading.Thread(target=watch, args=(rig.emulation.world,)).start()
        threading.Event().wait(SLOW)  # as an agent that is asked
        seen["thought"] = True
        yield from bps.mv(rig.pumps["c60"], 50.0)
        seen["moved"] = True

    with open_lab() as lab, Catalogue(tmp_path, writing=True) as catalogue:
        rig = lab.rig
        session = Session(rig, catalogue, [StopSignals])
        assert session.run(plan()) is True
        assert seen.pop("safe") < 2.0
        assert seen == {"thought": True}
        lab.assert_safe()
        assert rig.interlock.held == ""  # another plan may move it
        rig.pumps["c60"].set(50.0)


def test_a_campaign_that_is_ended_while_it_asks_says_why(open_lab, tmp_path):
    with open_lab(seed=1) as lab, Catalogue(tmp_path, writing=True) as catalogue:
        agent = lab.agent()
        ask = agent.ask

        def slow():
            if len(agent.evaluations) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(1.0)
            return ask()

        agent.ask = slow
        session = Session(lab.rig, catalogue, [StopSignals])
        assert session.run(optimise(agent.problem, lab.rig, agent=agent)) is True
        (run,) = catalogue.runs()
        assert run.exit_status == "abort"
        assert run.reason == "terminated from outside (SIGTERM)"
        lab.assert_safe()


def test_no_experiment_is_recorded_as_failed_because_the_campaign_was_ended(open_lab, tmp_path):
    """The rig is safe before the plan hears of it: its next motion is refused."""
    with open_lab(seed=1) as lab, Catalogue(tmp_path, writing=True) as catalogue:
        agent = lab.agent()

        class Late(StopSignals):
            """The abort comes late."""

            def _abort(self):
                threading.Event().wait(1.0)
                super()._abort()

        def stop(name, doc):
            if name == "event" and len(agent.evaluations) == 2 and not sent:
                sent.append(True)
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(0.3)

        sent = []
        session = Session(lab.rig, catalogue, [Late])
        session.RE.subscribe(stop)
        assert session.run(optimise(agent.problem, lab.rig, agent=agent)) is True
        (listed,) = catalogue.runs()
        assert (listed.exit_status, listed.reason) == ("abort", "terminated from outside (SIGTERM)")
        run = catalogue[listed.uid]
        assert all(event["valid"] for event in run.events("primary"))
