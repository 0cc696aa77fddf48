"""An IPython session, and a rig whose instruments are emulated by another process."""

import signal
import subprocess
import sys

import pytest

from reactune.devices import load, open_rig
from reactune.plans.cli import main


def test_a_shell_says_simulated_runs_a_campaign_and_ends(tmp_path):
    typed = """\
RE(optimise({**Problem.load("walker-v").to_dict(), "budget": 2}, seed=3))
summary()
print(replay(cat, last().uid).identical, "identical")
safe()
%wa
%mov rig.temperature 110 rig.flow_c60 100 rig.flow_sultine 100
%mov rig.ratio 20 rig.residence_time 3
%movr rig.temperature 10
%ct
%wa
print("hook", RE.waiting_hook is not None, len(cat), "runs", cat[2].start["plan_name"])
%ct nothing
"""
    done = subprocess.run(
        [sys.executable, "-m", "reactune.plans.cli", "shell", "--catalogue", str(tmp_path)],
        input=typed,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "reactune  SIMULATED" in done.stdout
    assert "sim In [1]" in done.stdout
    assert "2/2" in done.stdout
    assert "BEST FEASIBLE" in done.stdout
    assert "2 identical" in done.stdout
    assert "heater setpoint 25 degC" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    before, after = (
        line.removeprefix("rig.temperature").split()
        for line in done.stdout.splitlines()
        if line.startswith("rig.temperature ")
    )
    assert before[2:] == after[2:] == ["25.0", "150.0", "degC"]
    assert after[0] == "120.0"
    (flow,) = [line for line in done.stdout.splitlines()[-20:] if line.startswith("rig.flow_c60")]
    assert flow.split()[1:3] == ["100.00", "0.00"]  # set, and what flows now
    refused = "residence_time to 3: flow_sultine = 295.556 uL/min is outside its limits"
    assert refused in done.stdout  # of the two moves that contradict each other
    assert "hook True 2 runs count" in done.stdout
    assert "nothing is labelled nothing; there are" in done.stdout


@pytest.fixture
def emulated(tmp_path):
    """A rig file that points to emulators in another process."""
    file = tmp_path / "rig.toml"
    process = subprocess.Popen(
        [sys.executable, "-m", "reactune.plans.cli", "emulate", "--write", str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "Ctrl-C ends it" in line:
            break
    yield file
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()


def test_a_rig_on_emulators_of_another_process_runs_in_real_time_and_says_simulated(emulated):
    with open_rig(load(emulated)) as rig:
        assert not rig.clock.simulated
        assert rig.simulated
        rig.clock.wait(rig.flow({"temperature": 30, "flow_c60": 50, "flow_sultine": 25}), 10)
        assert rig.pumps["sultine"].flow.get() == pytest.approx(25)
    assert rig.last_report.confirmed


def test_safe_brings_a_rig_to_its_safe_state(emulated, capsys):
    assert main(["safe", "--rig", str(emulated)]) == 0
    lines = capsys.readouterr().out
    for line in ("pump c60 stopped", "pump sultine stopped", "heater setpoint", "valve in load"):
        assert line in lines


@pytest.mark.parametrize(
    ("was", "stated", "setpoint"),
    [
        ("tolerance = 0.5", "tolerance = 8.0", "25"),
        ("safe = 25.0", "safe = 60.0", "60"),  # hot, but better than 150
        ("diameter = 14.57", "diameter = 7.0", "25"),
        ("settle = 60.0", "settle = 1e6", "25"),
    ],
)
def test_numbers_that_safety_does_not_need_keep_no_rig_from_it(
    emulated, capsys, was, stated, setpoint
):
    text = emulated.read_text()
    assert was in text
    emulated.write_text(text.replace(was, stated))
    assert main(["check", "walker-i", "--rig", str(emulated)]) == 2  # nothing else is done with it
    told = capsys.readouterr().err
    assert main(["safe", "--rig", str(emulated)]) == 0
    out, err = capsys.readouterr()
    assert f"heater setpoint {setpoint} degC" in out
    assert "pump c60 stopped" in out
    for line in err.splitlines():
        assert line.removeprefix("warning: ") in told


def test_one_dead_instrument_keeps_no_other_from_being_made_safe(emulated, capsys, tmp_path):
    text = emulated.read_text()
    port = text.split("[transports.pumps]")[1].split('url = "')[1].split('"')[0]
    away = tmp_path / "away.toml"
    away.write_text(text.replace(port, "socket://127.0.0.1:1"))
    assert main(["safe", "--rig", str(away)]) == 1
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    lines = out.replace("\n  ", " ").splitlines()
    assert lines[0].startswith("NOT CONFIRMED, stop pump c60 by hand: socket://127.0.0.1:1")
    assert lines[1].startswith("NOT CONFIRMED, stop pump sultine by hand: socket://127.0.0.1:1")
    assert lines[2:] == ["heater setpoint 25 degC", "valve in load"]
    assert "Ctrl-C there" in err
    assert "by hand" not in err  # each is said once
    assert "Traceback" not in err


def test_a_campaign_names_the_instrument_that_is_not_there(emulated, capsys, tmp_path):
    text = emulated.read_text()
    port = text.split("[transports.heater]")[1].split('url = "')[1].split('"')[0]
    away = tmp_path / "away.toml"
    away.write_text(text.replace(port, "socket://127.0.0.1:1"))
    assert main(["optimise", "walker-ii", "--rig", str(away), "--catalogue", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "socket://127.0.0.1:1" in err
    assert "Traceback" not in err
