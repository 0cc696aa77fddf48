"""A campaign that is interrupted: by Ctrl-C, by SIGTERM, by kill -9."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import bluesky.plan_stubs as bps
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RequestAbort, RunEngineInterrupted

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage
from reactune.devices.clock.status import conclude
from reactune.devices.instruments.interlock import RigFaultError
from reactune.plans.cli import main
from reactune.plans.stubs import event


def interrupted(folder, number, experiments, budget=16):
    """Start a campaign, and send it a signal once so many experiments are told of."""
    command = [sys.executable, "-u", "-m", "reactune.plans.cli", "optimise", "walker-ii"]
    command += ["--seed", "4", "--budget", str(budget), "--json", "--catalogue", str(folder)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite under nohup hands down that a hang-up is ignored
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if f" {experiments}/{budget}" in line:
            process.send_signal(number)
            break
    out, err = process.communicate(timeout=60)
    return process.returncode, out, "".join(said) + err


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGINT, "stopped by the user (Ctrl-C)"),
        (signal.SIGTERM, "terminated from outside"),
        (signal.SIGHUP, "the terminal was closed"),
    ],
)
def test_a_signal_ends_the_campaign_safely_with_its_reason(tmp_path, number, reason):
    code, out, err = interrupted(tmp_path, number, 3)
    assert code == 1
    assert "Traceback" not in err
    for line in ("pump c60 stopped", "heater setpoint 25 degC", "valve in load"):
        assert line in err
    result = json.loads(out)
    assert 3 <= result["n"] < 16
    assert reason in result["stop_reason"]
    resuming = f"reactune optimise --resume {result['uid'][:8]} --catalogue {tmp_path}"
    assert f"To go on: {resuming}\n" in err
    with Catalogue(tmp_path) as catalogue:
        (run,) = catalogue.runs()
        assert run.exit_status == "abort"
        assert reason in run.reason


def test_kill_9_loses_no_experiment_and_resuming_asks_the_same(tmp_path, monkeypatch, capsys):
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    undisturbed = ["optimise", "walker-ii", "--seed", "4", "--budget", "8", "--json"]
    assert main([*undisturbed, "--catalogue", whole]) == 0
    monkeypatch.delenv("REACTUNE_STORE")  # what is killed stores in Tiled, as users do
    capsys.readouterr()
    code, _, err = interrupted(killed, signal.SIGKILL, 5, budget=8)
    assert code == -signal.SIGKILL
    told = err.count("/8 ")
    assert main(["runs", "--catalogue", killed]) == 0
    uid = capsys.readouterr().out.split()[0]

    assert main(["optimise", "--resume", uid, "--json", "--catalogue", killed]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["n"] == 8
    with Catalogue(killed) as after, Catalogue(whole) as before:
        crashed, resumed = after[uid], after[result["uid"]]
        assert resumed.start["resumes"] == crashed.uid
        assert len(crashed.events("primary")) >= told
        assert crashed.stop["exit_status"] == "fail"
        assert len(after.broker[crashed.uid]["primary"].read()["number"]) == len(
            crashed.events("primary")
        )
        expected = before[-1].events("primary")
        got = lineage(after, result["uid"]).events("primary")
        for one, other in zip(expected, got, strict=True):
            for key in ("number", "asked_temperature", "asked_flow_c60", "asked_flow_sultine"):
                assert one[key] == other[key]
            assert np.array_equal(one["trace"], other["trace"])
    assert main(["replay", result["uid"], "--catalogue", killed]) == 0
    assert capsys.readouterr().out == "8 of 8 asks identical\n"
    assert main(["optimise", "--resume", result["uid"], "--catalogue", killed]) == 2
    assert "needs no resuming: budget: 8 of 8 experiments done" in capsys.readouterr().err


def test_an_abort_that_the_run_engine_forgets_ends_the_campaign_all_the_same(lab):
    """It does now and then, where the safe state fails all statuses in the same moment."""
    began = []

    async def end():
        task, lab.RE._task = lab.RE._task, SimpleNamespace(cancel=lambda: None)
        await lab.RE._abort_coro("stopped by the user")
        lab.RE._task = task
        lab.rig.end("stopped by the user")
        for status in lab.rig.clock._unfinished():  # what waits for the heater alone, too
            conclude(status, RigFaultError("nothing moves now: stopped by the user"))

    def look():
        if sum(lab.world.flow()) > 0:
            began.append(time.monotonic())
            asyncio.run_coroutine_threadsafe(end(), lab.RE.loop)
        else:
            lab.rig.clock.call_later(10, look, background=True)

    lab.rig.clock.call_later(10, look, background=True)
    with pytest.raises(RunEngineInterrupted):
        lab.campaign()
    assert time.monotonic() - began[0] < 10
    stop = lab.only("stop")
    assert (stop["exit_status"], stop["reason"]) == ("abort", "stopped by the user")
    lab.assert_safe()


class Cut:
    """A reading during which the plan is ended: while it is described, read, or never."""

    name, parent, hints = "cut", None, {"fields": []}

    def __init__(self, RE, at):
        self._RE, self._at = RE, at
        self.ended = threading.Event()

    def end(self):
        self._at = "never again"

        def abort():
            self._RE.abort("somebody ends it")
            self.ended.set()

        threading.Thread(target=abort).start()

    def read(self):
        if self._at == "read":
            self.end()
        return {"seen": {"value": 1.0, "timestamp": 0.0}}

    async def describe(self):
        if self._at == "describe":
            self.end()
            await asyncio.sleep(30)  # cut off
        return {"seen": {"source": "test", "dtype": "number", "shape": []}}


@pytest.mark.parametrize("at", ["before", "describe", "read"])
def test_an_event_that_is_begun_is_emitted_although_the_plan_is_ended(at):
    """What it tells of is over."""
    RE, emitted = RunEngine({}, context_managers=[]), []
    cut = Cut(RE, at)

    def plan():
        yield from bps.open_run()
        try:
            if at == "before":
                cut.end()
                yield from bps.sleep(30)
        finally:
            yield from event("collection", cut)
        yield from bps.sleep(30)  # it may come only now

    with pytest.raises(RunEngineInterrupted):
        RE(plan(), lambda name, document: emitted.append((name, document)))
    assert cut.ended.wait(5)
    assert [name for name, _ in emitted] == ["start", "descriptor", "event", "stop"]
    assert emitted[2][1]["data"] == {"seen": 1.0}
    assert emitted[3][1]["exit_status"] == "abort"


@pytest.mark.parametrize("error", [RequestAbort(), FailedStatus("a heater that nobody waits for")])
@pytest.mark.parametrize("at", ["create", "read", "save"])
def test_an_event_is_whole_whatever_is_thrown_in(at, error):
    seen, plan, ended = [], event("collection", object()), False
    message = next(plan)
    while True:
        seen.append(message.command)
        try:
            if message.command == at and not ended:
                ended = True
                message = plan.throw(error)
            else:
                message = plan.send(None)
        except type(error):
            break
    assert seen[-3:] == ["create", "read", "save"]
    begun = {"create": ["create", "drop"], "read": ["create", "read", "drop"], "save": []}
    assert seen[:-3] == begun[at]
