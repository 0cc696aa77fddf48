"""The emulated instruments, byte by byte, on pseudo-terminals and on TCP."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import Literal

import pytest
import serial

from reactune.devices.clock import EmulationToken
from reactune.devices.emulation.eurotherm import EmulatedEurotherm3216
from reactune.devices.emulation.harvard11 import EmulatedHarvardChain
from reactune.devices.emulation.layout import FeedStream, layout_of
from reactune.devices.emulation.ports import Emulation
from reactune.devices.emulation.reactions.walker2017 import Walker2017
from reactune.devices.emulation.scpi import EmulatedVoltmeter
from reactune.devices.emulation.vici import EmulatedVici
from reactune.devices.emulation.world import World
from reactune.devices.rigfile import load

XON = b"\x11"
QUIET = 0.15  # wall time after which nobody answers any more [s]
SMALL = replace(
    layout_of(load("walker"), Walker2017()),
    streams=(FeedStream("c60", 2.775, 1000), FeedStream("sultine", 8.323, 1000)),
)


class Line:
    """A raw client: no driver, no pyserial."""

    def __init__(self, url: str):
        self._socket: socket.socket | None = None
        if url.startswith("socket://"):
            host, port = url.removeprefix("socket://").split(":")
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.fd = self._socket.fileno()
        else:
            self.fd = os.open(url, os.O_RDWR | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def read(self, wait: float = 2.0) -> bytes:
        """What comes next; b"" if nothing does."""
        return os.read(self.fd, 4096) if select.select([self.fd], [], [], wait)[0] else b""

    def ask(self, data: bytes, end: bytes | int) -> bytes:
        """Exchange; `end` is what the answer ends with, or its length."""
        self.write(data)
        answer = b""
        while len(answer) != end if isinstance(end, int) else not answer.endswith(end):
            piece = self.read()
            assert piece, f"{data!r} got only {answer!r}"
            answer += piece
        return answer

    def silent(self, data: bytes) -> bool:
        """Whether nothing comes back."""
        self.write(data)
        return self.read(QUIET) == b""

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        else:
            os.close(self.fd)


class Lab:
    """Emulation, hand-driven clock, raw lines."""

    def __init__(self, transport: Literal["pty", "tcp"]):
        self.time = 0.0
        self.world = World(lambda: self.time, SMALL, Walker2017(), noise=None)
        instruments = {
            "pumps": EmulatedHarvardChain(self.world, {0: 0, 1: 1}),
            "heater": EmulatedEurotherm3216(self.world),
            "valve": EmulatedVici(self.world),
            "detector": EmulatedVoltmeter(self.world),
        }
        self.emulation = Emulation(self.world, instruments, transport)
        self.lines: list[Line] = []

    def line(self, name: str) -> Line:
        self.lines.append(Line(self.emulation.urls[name]))
        return self.lines[-1]

    def pumps(self) -> "Pumps":
        return Pumps(self.line("pumps"))

    def wait(self, minutes: float) -> None:
        self.time += 60 * minutes


class Pumps:
    """A line of pumps in poll mode."""

    def __init__(self, line: Line):
        self.line = line
        for address in (0, 1):
            self(f"{address}:poll on")

    def __call__(self, command: str) -> str:
        return self.line.ask(command.encode() + b"\r", XON).decode().removesuffix("\x11")


@pytest.fixture(params=["pty", "tcp"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(request.param)
    yield lab
    for line in lab.lines:
        line.close()
    lab.emulation.close()


# -- pumps: Harvard Protocol 11 -------------------------------------------------------------------


def test_pump_grammar(lab: Lab) -> None:
    line = lab.line("pumps")
    # Without poll mode a prompt looks like the head of a line: one has to know what comes.
    for command, answer in (
        (b"\r", b"\n00:"),
        (b"ver\r", b"\n00:11 ELITE I/W Single 3.0.4 EMULATED\r\n00:"),
        (b"01:diameter 10.5 mm\r\n", b"\n01:"),
        (b"1diam\r", b"\n01:10.5000 mm\r\n01:"),
        (b"1:poll on\r", b"\n01:\x11"),
        (b"01diameter\r", b"\n01:10.5000 mm\r\n01:\x11"),
        (b"poll on\r", b"\n00:\x11"),
        (b"DIAMETER\r", b"\n00:14.5670 mm\r\n00:\x11"),
        (b"poll\r", b"\n00:ON\r\n00:\x11"),
        (b"0:poll off\r", b"\n00:"),
        (b"nvram none\r1:nvram none\r", b"\n00:\n01:\x11"),
    ):
        assert line.ask(command, len(answer)) == answer
    assert line.silent(b"12:irat 3.2 ul/min\r")  # no such pump
    assert line.silent(b"ver")
    answer = b"\n00:11 ELITE I/W Single 3.0.4 EMULATED\r\n00:"
    assert line.ask(b"\r", len(answer)) == answer  # a command in two pieces


def test_pump_settings(lab: Lab) -> None:
    pumps = lab.pumps()
    assert pumps("irate 100 u/m") == pumps("irat 6 ml/h") == "\n00:"
    assert pumps("irate") == "\n00:6 ml/hr\r\n00:"
    assert pumps("1:wrate 0.0125 m/s") == "\n01:"
    assert pumps("1:wrate") == "\n01:0.0125 ml/sec\r\n01:"
    assert pumps("svolume 2.5 ml") == "\n00:"
    assert pumps("svol") == "\n00:2.5 ml\r\n00:"
    assert pumps("force 45") == "\n00:"
    assert pumps("forc") == "\n00:45%\r\n00:"
    assert pumps("tvolume") == "\n00:Target volume not set\r\n00:"
    assert pumps("tvol 1500 ul") == "\n00:"
    assert pumps("tvolume") == "\n00:1.5 ml\r\n00:"
    assert pumps("ctvo") == "\n00:"
    assert pumps("tvolume") == "\n00:Target volume not set\r\n00:"
    assert pumps("crate") == "\n00:"


def test_pump_limits_follow_the_syringe(lab: Lab) -> None:
    pumps = lab.pumps()
    wide = pumps("irate lim")
    assert wide == "\n00:29.9987 nl/min to 26.4989 ml/min\r\n00:"
    assert pumps("irate 26.4 m/m") == "\n00:"
    too_fast = "\n00:Argument error: 26.6 m/m\r\n00:Out of range\r\n00:"
    assert pumps("irate 26.6 m/m") == too_fast
    assert pumps("irate") == "\n00:26.4 ml/min\r\n00:"  # neither taken nor clamped
    assert pumps("diameter 4.61") == "\n00:"
    assert pumps("irate lim") != wide
    assert "Out of range" in pumps("irun")  # with this syringe it is too fast


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("flow 3", "Command error: flow\r\n00:Unknown command"),
        ("ira 3 u/m", "Command error: ira\r\n00:Unknown command"),
        ("irate 1e2 u/m", "Argument error: 1e2 u/m"),
        ("irate 5", "Argument error: 5"),
        ("irate 5 ul", "Argument error: 5 ul"),
        ("irate -5 u/m", "Argument error: -5 u/m"),
        ("tvolume 0 ul", "Argument error: 0 ul\r\n00:Out of range"),
        ("diameter 40", "Argument error: 40\r\n00:Out of range"),
        ("diameter wide", "Argument error: wide"),
        ("force 0", "Argument error: 0\r\n00:Out of range"),
        ("poll maybe", "Argument error: maybe"),
        ("irun", "Argument error: rate\r\n00:Out of range"),
    ],
)
def test_pump_refuses(command: str, answer: str) -> None:
    lab = Lab("pty")
    try:
        assert lab.pumps()(command) == f"\n00:{answer}\r\n00:"
        assert lab.world.flow() == (0, 0)
    finally:
        for line in lab.lines:
            line.close()
        lab.emulation.close()


def test_pumps_pump(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    pumps("1:irate 0.05 m/m")
    assert pumps("irun") == "\n00>"
    assert pumps("1:irun") == "\n01>"
    assert pumps("crate") == "\n00:Infusing at 100 ul/min\r\n00>"
    assert lab.world.flow() == (100, 50)
    lab.wait(2)
    assert pumps("ivolume") == "\n00:200 ul\r\n00>"
    assert pumps("1:ivol") == "\n01:100 ul\r\n01>"
    # rate [fL/s], time, volume [fL], flags
    assert pumps("status") == "\n00:1666666667 120000 200000000000 I...I.\r\n00>"
    assert pumps("irate 40 u/m") == "\n00>"  # while it runs
    assert lab.world.flow() == (40, 50)
    lab.wait(1)
    assert pumps("stp") == "\n00:"
    lab.wait(5)
    assert pumps("ivolume") == "\n00:240 ul\r\n00:"
    assert pumps("status") == "\n00:0 0 240000000000 i...I.\r\n00:"
    assert lab.world.flow() == (0, 50)
    assert pumps("civolume") == "\n00:"
    assert pumps("ivolume") == "\n00:0 ul\r\n00:"
    assert pumps("1:cvolume") == "\n01>"
    lab.wait(1)
    assert pumps("1:ivolume") == "\n01:50 ul\r\n01>"
    assert pumps("1:stop") == "\n01:"
    assert pumps("1:diameter 10") == "\n01:"


def test_pump_does_not_change_its_syringe_while_it_runs(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    pumps("run")
    assert pumps("diameter 10") == "\n00:Command error: diameter\r\n00>"


def test_target_volume_stops_the_pump(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    pumps("tvolume 150 ul")
    assert pumps("irun") == "\n00>"
    lab.wait(1)
    assert pumps("") == "\n00>"
    lab.wait(30)
    assert pumps("") == "\n00T*"
    assert lab.world.flow() == (0, 0)
    assert pumps("ivolume") == "\n00:150 ul\r\n00T*"
    assert pumps("status") == "\n00:0 90000 150000000000 i...IT\r\n00T*"
    assert pumps("irun") == "\n00T*"  # the counter has it already
    assert lab.world.flow() == (0, 0)
    assert pumps("civolume") == "\n00:"
    assert pumps("irun") == "\n00>"
    assert pumps("tvolume 250 ul") == "\n00>"  # a later one, on the way
    lab.wait(2)
    assert pumps("") == "\n00>"
    assert pumps("ctvolume") == "\n00>"
    lab.wait(1)
    assert pumps("ivolume") == "\n00:300 ul\r\n00>"


def test_syringe_ends_and_refill(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    pumps("wrate 2 m/m")
    pumps("irun")
    lab.wait(20)
    assert pumps("status") == "\n00:0 600000 1000000000000 iI..I.\r\n00:"
    assert lab.world.flow() == (0, 0)
    assert pumps("irun") == "\n00:"  # goes nowhere
    assert pumps("wrun") == "\n00<"
    assert lab.world.flow() == (0, 0)
    lab.wait(0.25)
    assert pumps("status").startswith("\n00:33333333333 15000 500000000000 W...I.")
    lab.wait(1)
    assert pumps("wvolume") == "\n00:1 ml\r\n00:"
    assert pumps("status").endswith("wW..I.\r\n00:")
    assert pumps("irun") == "\n00>"
    assert lab.world.pump(0)[2] == 1000


def test_stall(lab: Lab) -> None:
    pumps = lab.pumps()
    pumps("irate 100 u/m")
    pumps("irun")
    lab.wait(1)
    lab.world.stall(0)
    lab.wait(1)
    assert pumps("") == "\n00*"
    assert pumps("status") == "\n00:0 60000 100000000000 i.S.I.\r\n00*"
    assert pumps("stp") == "\n00*"
    assert pumps("irun") == "\n00*"
    assert pumps("ivolume") == "\n00:100 ul\r\n00*"
    lab.world.stall(0, False)
    assert pumps("") == "\n00:"
    assert pumps("irun") == "\n00>"
    assert lab.world.flow() == (100, 0)


# -- heater: Eurotherm 3216, Modbus RTU -----------------------------------------------------------


def crc(frame: bytes) -> bytes:
    """Bit by bit, unlike the emulator's."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 * (value & 1))
    return frame + value.to_bytes(2, "little")


class Heater:
    def __init__(self, line: Line):
        self.line = line

    def read(self, register: int, count: int = 1, function: int = 3) -> list[int]:
        request = crc(bytes([1, function, *register.to_bytes(2), *count.to_bytes(2)]))
        answer = self.line.ask(request, 5 + 2 * count)
        assert answer == crc(answer[:-2])
        assert answer[:3] == bytes([1, function, 2 * count])
        return [int.from_bytes(answer[i : i + 2], signed=True) for i in range(3, 3 + 2 * count, 2)]

    def write(self, register: int, value: int) -> int:
        """Exception code, 0 if all is well."""
        request = crc(bytes([1, 6, *register.to_bytes(2), *value.to_bytes(2, signed=True)]))
        self.line.write(request)
        answer = self.line.read()
        if answer[1] == 0x86:
            assert answer == crc(answer[:3])
            return answer[2]
        assert answer == request
        return 0


def test_heater_fixtures(lab: Lab) -> None:
    line = lab.line("heater")
    assert line.ask(bytes.fromhex("01 03 00 01 00 02 95 CB"), 9) == crc(
        bytes.fromhex("01 03 04 00 DC 00 FA")
    )  # 22.0 and 25.0 degC
    echo = bytes.fromhex("01 06 00 1A 03 52 29 00")
    assert line.ask(echo, 8) == echo
    many = bytes.fromhex("01 10 00 02 00 01 02 03 52 26 BF")
    assert line.ask(many, 8) == crc(many[:6])
    assert Heater(line).read(2) == [850]
    assert Heater(line).read(24, 3) == [850, 250, 850]


def test_heater_heats(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    assert heater.write(2, 1205) == 0
    assert heater.read(1, 5) == [220, 1205, 0, 1000, 1205]
    lab.wait(30)
    assert heater.read(1, 5, function=4) == [1205, 1205, 0, 492, 1205]
    assert heater.write(273, 2) == 0  # off
    assert heater.read(4) == [0]
    assert heater.read(75) == [1 << 4]
    lab.wait(120)
    assert heater.read(1) == [220]
    assert heater.write(273, 0) == 0
    lab.wait(30)
    assert heater.read(1) == [1205]


def test_heater_modes(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    assert heater.write(26, 900) == 0
    assert heater.read(5) == [250]  # not selected yet
    assert heater.write(276, 1) == 0
    assert heater.read(5) == [900]
    assert heater.write(276, 0) == 0
    assert heater.write(25, 700) == 0
    assert heater.write(15, 1) == 0  # second setpoint
    assert heater.read(2) == [700]
    assert heater.write(2, 710) == 0
    assert heater.read(24, 2) == [250, 710]
    assert heater.write(3, 300) == 0
    assert heater.write(273, 1) == 0  # manual, 30 %
    lab.wait(60)
    assert heater.read(1) == [820]


def test_heater_refuses(lab: Lab) -> None:
    line = lab.line("heater")
    heater = Heater(line)
    assert heater.write(2, 2001) == 3  # above the setpoint limit
    assert heater.write(2, -10) == 3
    assert heater.write(111, 1500) == 0
    assert heater.write(2, 1501) == 3
    assert heater.write(2, 1500) == 0
    assert heater.write(1, 500) == 2  # read-only
    assert heater.write(999, 0) == 2
    assert line.ask(crc(bytes.fromhex("01 03 00 01 00 07")), 5) == crc(b"\x01\x83\x02")
    assert line.ask(crc(bytes.fromhex("01 03 00 01 00 00")), 5) == crc(b"\x01\x83\x03")
    assert line.ask(crc(bytes.fromhex("01 2B 0E 01 00")), 5) == crc(b"\x01\xab\x01")
    # Of several registers with one bad value, none is written.
    both = crc(bytes.fromhex("01 10 00 18 00 02 04 03 E8 7F FF"))
    assert line.ask(both, 5) == crc(b"\x01\x90\x03")
    assert heater.read(24) == [1500]


def test_heater_ignores_what_is_not_for_it(lab: Lab) -> None:
    line = lab.line("heater")
    heater = Heater(line)
    assert line.silent(crc(bytes.fromhex("02 03 00 01 00 01")))
    assert line.silent(bytes.fromhex("01 03 00 01 00 02 95 CC"))  # wrong CRC
    assert heater.read(1) == [220]  # in step again
    assert line.silent(crc(bytes.fromhex("00 06 00 02 02 58")))  # to all: done, not answered
    assert heater.read(2) == [600]
    assert line.silent(bytes.fromhex("01 03 00"))  # a frame that never ends
    assert heater.read(2) == [600]
    frame = crc(bytes.fromhex("01 03 00 02 00 01"))
    line.write(frame[:3])
    assert line.ask(frame[3:], 7) == crc(bytes.fromhex("01 03 02 02 58"))


def test_heater_faults(lab: Lab) -> None:
    heater = Heater(lab.line("heater"))
    heater.write(2, 1500)
    lab.wait(20)
    assert heater.read(75) == [0]
    lab.world.run_away(1.0)
    lab.wait(2)
    assert heater.read(1) == [2700]
    assert heater.read(75) == [1]  # alarm 1
    lab.wait(2)
    assert heater.read(75) == [1 | 1 << 10]
    lab.world.break_sensor()
    assert heater.read(1) == [-0x8000]
    assert heater.read(75) == [1 << 5]
    assert heater.read(4) == [0]


# -- valve: VICI ----------------------------------------------------------------------------------


def test_valve(lab: Lab) -> None:
    line = lab.line("valve")
    assert line.ask(b"CP\r", b"\r") == b"CPA\r"
    assert line.ask(b"GOB\r", b"\r") == b"CPB\r"  # as it is set from the start
    assert line.silent(b"IFM0\r")
    assert line.ask(b"IFM\r", b"\r") == b"IFM0\r"
    for command, letter in ((b"GOA", b"A"), (b"CC", b"B"), (b"CW", b"A"), (b"TO", b"B")):
        line.write(command + b"\r")
        assert line.ask(b"CP\r", b"\r") == b"CP" + letter + b"\r"
        assert lab.world.position == ("load" if letter == b"A" else "inject")
    line.write(b"GOB\r")  # there already
    assert lab.world.injections == 3
    assert line.ask(b"CNT\r", b"\r") == b"CNT5\r"
    line.write(b"LG1\r")
    assert line.ask(b"CP\r", b"\r") == b'Position is = "B"\r'
    assert line.ask(b"VR\r", b"\r").startswith(b"I-PD")
    assert line.ask(b"GOX\r", b"\r") == b'"GOX" = Bad command\r'
    assert line.ask(b"IFM7\r", b"\r") == b'"IFM7" = Bad command\r'


def test_valve_with_an_address(lab: Lab) -> None:
    line = lab.line("valve")
    assert line.silent(b"ID3\r")
    assert line.silent(b"CP\r")
    assert line.silent(b"2CP\r")
    assert line.ask(b"3CP\r", b"\r") == b"3CPA\r"
    assert line.ask(b"*CP\r", b"\r") == b"3CPA\r"
    assert line.silent(b"3ID*\r")
    assert line.ask(b"CP\r\n", b"\r") == b"CPA\r"
    assert line.ask(b"CP\r", b"\r") == b"CPA\r"


# -- detector: SCPI voltmeter ---------------------------------------------------------------------


def test_voltmeter(lab: Lab) -> None:
    line = lab.line("detector")
    assert line.ask(b"*IDN?\n", b"\n") == b"REACTUNE EMULATED,34401A,0,11-5-2\n"
    assert line.silent(b"READ?\n")
    assert line.ask(b"SYST:ERR?\n", b"\n") == b'+550,"Command not allowed in local"\n'
    line.write(b"SYST:REM\n*CLS\nCONF:VOLT:DC 10\nVOLT:DC:NPLC 1\n")
    assert line.ask(b"SYST:ERR?\n", b"\n") == b'+0,"No error"\n'
    assert line.ask(b"READ?\n", b"\n") == b"+1.04800000E+01\n"
    assert line.ask(b":read?\n", b"\n") == b"+1.04800000E+01\n"
    assert line.ask(b"sense:volt:dc:nplc?;*OPC?\n", b"1\n") == b"+1.00000000E+00\n1\n"
    assert line.ask(b"CONFIGURE:VOLTAGE:DC 5,1E-5;CONF?\n", b"\n").startswith(
        b'"VOLT +1.000000E+01'
    )
    lab.world.lamp_off = True
    assert line.ask(b"READ?\r\n", b"\n") == b"+2.00000000E-03\n"


def test_voltmeter_overload(lab: Lab) -> None:
    line = lab.line("detector")
    line.write(b"SYST:REM\nCONF:VOLT:DC 1\n")
    assert line.ask(b"READ?\n", b"\n") == b"+9.90000000E+37\n"
    assert line.ask(b"MEAS:VOLT:DC?\n", b"\n") == b"+1.04800000E+01\n"  # finds its range


def test_voltmeter_errors(lab: Lab) -> None:
    line = lab.line("detector")
    line.write(b"SYST:REM\nVOLT:AC:FOO\nCONF:VOLT:DC 2000\nVOLT:DC:NPLC slow\n")
    for error in (b'-113,"Undefined header"', b'-222,"Data out of range"', b'-102,"Syntax error"'):
        assert line.ask(b"SYST:ERR?\n", b"\n") == error + b"\n"
    line.write(25 * b"WHAT\n")
    errors = [line.ask(b"SYST:ERR?\n", b"\n") for _ in range(21)]
    assert errors[18:] == [
        b'-113,"Undefined header"\n', b'-350,"Too many errors"\n', b'+0,"No error"\n',
    ]  # fmt: skip


# -- lines ----------------------------------------------------------------------------------------


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
    assert [line.read(), line.read()] == [good[:8], good[8:]]
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
            assert port.read_until(b"\n") == b"+1.04800000E+01\n"


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
    """80 000 readings of a campaign must not be what it waits for."""
    line = lab.line("detector")
    line.write(b"SYST:REM\n")
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(500):
            line.ask(b"READ?\n", b"\n")
        rates.append(500 / (time.perf_counter() - start))
    assert max(rates) > 2000  # ten times that on a quiet machine


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
