"""The process of a campaign is killed, stopped, or ends well: what its guard does."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
import tomli_w

from reactune.devices import load
from reactune.devices.emulation.build import emulate
from reactune.devices.rigfile import EmulationSpec
from reactune.plans import guard as module
from reactune.plans.guard import Guard, guarded

PROMPT = 10.0  # s from the end of a process to a rig that is safe

CHILD = """
import sys
from contextlib import ExitStack
from pathlib import Path
from bluesky import RunEngine
from reactune.devices import load, open_rig
from reactune.plans import guard as module
from reactune.plans.supervisor import Supervisor

module._SILENCE = float(sys.argv[3])
config = load(sys.argv[1])
with module.guarded(config, Path(sys.argv[2])) as guard, ExitStack() as last:
    with open_rig(config) as rig:  # safe before its supervisor says how it was left
        last.enter_context(Supervisor(RunEngine({}, context_managers=[]), rig, guard))
        rig.heater.set(120.0)
        rig.flow({"temperature": 120.0, "flow_c60": 100.0, "flow_sultine": 100.0})
        rig.valve.set("inject")
        print("moving", flush=True)
        sys.stdin.readline()
"""


@contextmanager
def hardware(tmp_path, transport="tcp"):
    """Emulators in this process, in real time, and the file of a rig that has them as hardware."""
    spec = EmulationSpec(transport=transport, clock="real")
    rig = load("walker").model_copy(update={"emulation": spec})
    emulation, clock, urls = emulate(rig)
    stated = rig.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"emulation"})
    for name, port in stated["transports"].items():
        port["url"] = urls[name]
    file = tmp_path / "rig.toml"
    file.write_text(tomli_w.dumps(stated), "utf-8")
    with closing(clock), emulation:
        yield emulation.world, file


def until(condition, patience=30.0):
    """Seconds until it is so."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < patience
        threading.Event().wait(0.05)
    return time.monotonic() - start


def moving(world):
    return all(world.flow()) and world.demand == 120.0 and world.position == "inject"


def safe(world):
    return not any(world.flow()) and world.demand == 25.0 and world.position == "load"


@contextmanager
def child(file, folder, silence=2.0):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file), str(folder), str(silence)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "moving\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "transport", "why"),
    [
        (signal.SIGKILL, "tcp", "is gone"),
        (signal.SIGKILL, "pty", "is gone"),
        (signal.SIGSTOP, "tcp", "hung or was stopped"),
    ],
)
def test_a_process_that_is_no_more_leaves_the_rig_safe(tmp_path, number, transport, why):
    with hardware(tmp_path, transport) as (world, file), child(file, tmp_path) as process:
        until(lambda: moving(world))
        os.kill(process.pid, number)
        assert until(lambda: safe(world)) < PROMPT
        assert process.wait(10) == -signal.SIGKILL  # one that was stopped was ended
        log = tmp_path / "guard.log"
        # a port may stay locked until the system is done with the process: then once more
        until(lambda: log.exists() and "pump c60 stopped" in log.read_text("utf-8"))
        text = log.read_text("utf-8")
        assert f"process {process.pid} {why}" in text
        assert "heater setpoint 25 degC" in text


def test_a_process_that_ends_well_dismisses_it(tmp_path):
    with hardware(tmp_path) as (world, file), child(file, tmp_path) as process:
        until(lambda: moving(world))
        _, said = process.communicate("\n", timeout=30)  # once its guard, too, is gone
        assert process.returncode == 0
        assert safe(world)
        assert said == ""
        assert not (tmp_path / "guard.log").exists()


def test_it_goes_on_until_every_instrument_has_confirmed(tmp_path):
    with hardware(tmp_path) as (world, file):
        with child(file, tmp_path) as process:
            until(lambda: moving(world))
            world.links["pumps"].unplug()
            process.kill()
        until(lambda: world.demand == 25.0)
        log = tmp_path / "guard.log"
        until(lambda: log.exists() and "NOT CONFIRMED, stop pump c60 by hand" in log.read_text())
        assert any(world.flow())
        assert "is gone; NOT ALL OF THE RIG IS SAFE" in log.read_text()
        assert "made safe" not in log.read_text()
        world.links["pumps"].plug()
        until(lambda: safe(world))
        until(lambda: "pump c60 stopped" in log.read_text())
        assert "is gone; the rig was made safe" in log.read_text()


def test_one_that_was_stopped_keeps_no_campaign_from_ending(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ENDING", 0.2)
    with hardware(tmp_path) as (_, file), guarded(load(file), tmp_path) as guard:
        os.kill(guard._process.pid, signal.SIGSTOP)
        watchdog = threading.Timer(10.0, guard._process.kill)
        watchdog.start()
    assert watchdog.is_alive()
    watchdog.cancel()


@pytest.mark.parametrize("moved", [False, True])
def test_a_process_that_had_nothing_to_move_leaves_the_rig_to_others(moved):
    orders, campaign = os.pipe()
    if moved:
        os.write(campaign, module._MOVING + module._RESTING)
    os.close(campaign)
    with open(orders, "rb"):
        why = module._until_something_is_wrong(orders, os.getpid(), 15.0)
    assert why == ("is gone" if moved else None)


def test_a_file_of_the_users_that_is_named_like_a_module_is_not_taken_for_it(tmp_path, monkeypatch):
    (tmp_path / "signal.py").write_text("raise SystemExit('an analysis of the user')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with hardware(tmp_path) as (_, file), guarded(load(file), tmp_path) as guard:
        assert guard.beat(moving=False)


def test_an_emulated_rig_has_none_nor_one_that_is_not_wanted(tmp_path):
    with guarded(load("walker"), tmp_path) as guard:
        assert guard is None
    with hardware(tmp_path) as (_, file), guarded(load(file), tmp_path, wanted=False) as guard:
        assert guard is None


def test_what_rests_may_be_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE", 0.2)
    with hardware(tmp_path) as (_, file), Guard(load(file), tmp_path / "guard.log") as guard:
        assert guard.beat(moving=False)
        threading.Event().wait(1.5)
        assert guard.beat(moving=True)  # and this process still lives
        assert guard.beat(moving=False)


def test_a_rig_that_was_left_unconfirmed_is_seen_to(tmp_path):
    with hardware(tmp_path) as (world, file):
        world.start(0, 100.0)
        with Guard(load(file), tmp_path / "guard.log") as guard:
            assert guard.beat(moving=True)  # the last that it hears
        until(lambda: safe_flow(world))
        log = tmp_path / "guard.log"
        until(log.exists)
        assert "has left the rig without all of it confirmed" in log.read_text("utf-8")


def test_numbers_that_safety_does_not_need_are_nothing_to_it(tmp_path):
    with hardware(tmp_path) as (_, file):
        rig = load(file)
        hot = {"heater": rig.heater.model_copy(update={"tolerance": 8.0, "settle": 1e6})}
        with guarded(rig.model_copy(update=hot), tmp_path) as guard:
            assert guard.beat(moving=False)


def safe_flow(world):
    return not any(world.flow())
