"""The emulated valve, byte by byte."""

from tests.devices.emulation.lines import Lab


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
