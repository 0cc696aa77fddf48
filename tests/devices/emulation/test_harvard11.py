"""Emulated Harvard pumps, byte by byte."""

import pytest

from tests.devices.emulation.lines import Lab


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
    assert wide == "\n00:29.9988 nl/min to 26.4988 ml/min\r\n00:"
    assert pumps("irate 26.4 m/m") == "\n00:"
    too_fast = "\n00:Argument error: 26.6 m/m\r\n00:   Out of range\r\n00:"
    assert pumps("irate 26.6 m/m") == too_fast
    assert pumps("irate") == "\n00:26.4 ml/min\r\n00:"  # neither taken nor clamped
    assert pumps("diameter 4.61") == "\n00:"
    assert pumps("irate lim") != wide
    assert "Out of range" in pumps("irun")  # with this syringe it is too fast


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("flow 3", "Command error: flow\r\n00:   Unknown command"),
        ("ira 3 u/m", "Command error: ira\r\n00:   Unknown command"),
        ("irate 1e2 u/m", "Argument error: 1e2 u/m"),
        ("irate 5", "Argument error: 5"),
        ("irate 5 ul", "Argument error: 5 ul"),
        ("irate -5 u/m", "Argument error: -5 u/m"),
        ("tvolume 0 ul", "Argument error: 0 ul\r\n00:   Target volume out of range"),
        ("diameter 40", "Argument error: 40\r\n00:   Out of range"),
        ("diameter wide", "Argument error: wide"),
        ("force 0", "Argument error: 0\r\n00:   Out of range"),
        ("poll maybe", "Argument error: maybe"),
        ("irun", "Argument error: rate\r\n00:   Out of range"),
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
    assert pumps("status") == "\n00:0 600000 1000000000000 iI..I.\r\n00>*"
    assert lab.world.flow() == (0, 0)
    assert pumps("irun") == "\n00>*"  # goes nowhere
    assert pumps("wrun") == "\n00<"
    assert lab.world.flow() == (0, 0)
    lab.wait(0.25)
    assert pumps("status").startswith("\n00:33333333333 15000 500000000000 W...I.")
    lab.wait(1)
    assert pumps("wvolume") == "\n00:1 ml\r\n00<*"  # at its limit switch
    assert pumps("status").endswith("wW..I.\r\n00<*")
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
