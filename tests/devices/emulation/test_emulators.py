"""The lines of the emulated instruments, on pseudo-terminals and on TCP."""

import os
import subprocess
import sys
import threading
import time
from math import inf

import pytest
import serial

from reactune.devices.clock import EmulationToken
from tests.devices.emulation.lines import QUIET, Lab, Line


def test_line_faults(lab: Lab) -> None:
    line, faults = lab.line("detector"), lab.world.links["detector"]
    line.write(b"SYST:REM\n")
    good = line.ask(b"READ?\n", b"\n")
    faults.silent = 2
    assert line.silent(b"READ?\n")
    assert line.silent(b"READ?\n")
    assert line.ask(b"READ?\n", b"\n") == good
    faults.garble = 1
    garbled = line.ask(b"READ?\n", b"\n")
    assert len(garbled) == len(good)
    assert not garbled.isascii()
    faults.split = 1
    line.write(b"READ?\n")
    assert [line.read(), line.read()] == [good[:9], good[9:]]
    faults.late, faults.delay = 1, 0.2
    start = time.monotonic()
    assert line.ask(b"READ?\n", b"\n") == good
    assert time.monotonic() - start >= 0.2
    faults.silent = inf
    assert line.silent(b"READ?\n")
    faults.silent = 0
    assert line.ask(b"READ?\n", b"\n") == good


def test_a_lost_answer_is_not_a_lost_command(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    for fault, flow in (("silent", 0), ("lost", 100)):
        setattr(lab.world.links["pumps"], fault, 1)
        assert pumps.line.silent(b"irun\r")
        assert lab.world.flow() == (flow, 0)


def insist(line: Line) -> None:
    """Talk until the line breaks: reading may only tell that there is no more."""
    for _ in range(10):
        line.write(b"stp\r")
        line.read(QUIET)


def test_an_unplugged_instrument_goes_on(lab: Lab) -> None:
    pumps, valve = lab.pumps(), lab.line("valve")
    pumps("irate 100 u/m")
    pumps("irun")
    lab.world.links["pumps"].unplug()
    with pytest.raises(OSError, match=r"Input/output|Broken pipe|reset"):
        insist(pumps.line)
    assert lab.world.flow() == (100, 0)
    assert valve.ask(b"CP\r", b"\r") == b"CPA\r"
    with pytest.raises(OSError, match=r"refused|No such file|Input/output"):
        lab.line("pumps")


def test_drivers_come_and_go(lab: Lab) -> None:
    for _ in range(3):
        line = Line(lab.emulation.urls["valve"])
        assert line.ask(b"CP\r", b"\r") == b"CPA\r"
        line.close()


def test_pyserial_reads_it(lab: Lab) -> None:
    url = lab.emulation.urls["detector"]
    with serial.serial_for_url(url, 9600, timeout=2, stopbits=2) as port:
        port.write(b"SYST:REM\n")
        for _ in range(20):
            port.write(b"READ?\n")
            assert port.read_until(b"\n") == b"+1.04800000E+01\r\n"


def test_nothing_is_left_behind() -> None:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for transport in ("pty", "tcp"):
        lab = Lab(transport)
        lines = [lab.line(name) for name in lab.emulation.urls]
        lines[0].write(b"\r")
        assert lab.emulation.token.urls == set(lab.emulation.urls.values())
        assert isinstance(lab.emulation.token, EmulationToken)
        if transport == "pty":  # answers that nobody reads must not block the end
            lines[3].write(1000 * b"*IDN?\n")
        lab.emulation.close()
        lab.emulation.close()
        for line in lines:
            line.close()
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == files


def test_it_is_quick(lab: Lab) -> None:
    """80 000 readings of a campaign must not be what it waits for: CPU of both ends."""
    line = lab.line("detector")
    line.write(b"SYST:REM\n")
    costs = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(500):
            line.ask(b"READ?\n", b"\n")
        costs.append((time.process_time() - start) / 500)
    assert min(costs) < 0.5e-3  # a fifth of that on a quiet machine


def test_it_runs_in_a_plain_script() -> None:
    script = """
from reactune.devices import load
from reactune.devices.emulation import emulate
emulation, clock, urls = emulate(load("walker").emulating(clock="real", transport="tcp"))
with emulation:
    print(urls["valve"], flush=True)
    input()
clock.close()
"""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = Line(process.stdout.readline().strip())
        assert line.ask(b"CP\r", b"\r") == b"CPA\r"
        line.close()
        _, errors = process.communicate("\n", timeout=20)
    assert process.returncode == 0
    assert errors == ""
