"""The emulated voltmeter, byte by byte."""

from tests.devices.emulation.lines import Lab, Line


def test_voltmeter(lab: Lab) -> None:
    line = lab.line("detector")
    assert line.ask(b"*IDN?\n", b"\n") == b"REACTUNE EMULATED,34401A,0,11-5-2\r\n"
    assert line.silent(b"READ?\n")
    assert line.ask(b"SYST:ERR?\n", b"\n") == b'+550,"Command not allowed in local"\r\n'
    line.write(b"SYST:REM\n*CLS\nCONF:VOLT:DC 10\nVOLT:DC:NPLC 1\n")
    assert line.ask(b"SYST:ERR?\n", b"\n") == b'+0,"No error"\r\n'
    assert line.ask(b"READ?\n", b"\n") == b"+1.04800000E+01\r\n"
    assert line.ask(b":read?\n", b"\n") == b"+1.04800000E+01\r\n"
    assert line.ask(b"sense:volt:dc:nplc?;*OPC?\n", b"\n") == b"+1.00000000E+00;1\r\n"
    assert line.ask(b"CONFIGURE:VOLTAGE:DC 5,1E-5;CONF?\n", b"\n").startswith(
        b'"VOLT +1.000000E+01'
    )
    lab.world.lamp_off = True
    assert line.ask(b"READ?\r\n", b"\n") == b"+2.00000000E-03\r\n"


def test_voltmeter_overload(lab: Lab) -> None:
    line = lab.line("detector")
    line.write(b"SYST:REM\nCONF:VOLT:DC 1\n")
    assert line.ask(b"READ?\n", b"\n") == b"+9.90000000E+37\r\n"
    assert line.ask(b"MEAS:VOLT:DC?\n", b"\n") == b"+1.04800000E+01\r\n"  # finds its range


def test_voltmeter_errors(lab: Lab) -> None:
    line = lab.line("detector")
    line.write(b"SYST:REM\nVOLT:AC:FOO\nCONF:VOLT:DC 2000\nVOLT:DC:NPLC slow\n")
    for error in (b'-113,"Undefined header"', b'-222,"Data out of range"', b'-102,"Syntax error"'):
        assert line.ask(b"SYST:ERR?\n", b"\n") == error + b"\r\n"
    line.write(25 * b"WHAT\n")
    errors = [line.ask(b"SYST:ERR?\n", b"\n") for _ in range(21)]
    assert errors[18:] == [
        b'-113,"Undefined header"\r\n', b'-350,"Too many errors"\r\n', b'+0,"No error"\r\n',
    ]  # fmt: skip


def test_a_burst_behind_a_slow_command_is_lost_beyond_100_bytes(lab: Lab) -> None:
    line = lab.line("detector")
    assert line.silent(b"SYST:REM\nCONF:VOLT:DC 10\n" + 20 * b"VOLT:DC:NPLC 1\n")
    assert line.ask(b"\nSYST:ERR?\n", b"\n") == b'+521,"Input buffer overflow"\r\n'


def test_what_other_software_asks_for(lab: Lab) -> None:
    line = lab.line("detector")
    line.write(b"SYST:REM\n")
    for query, answer in (
        (b"FUNC?", b'"VOLT"'),
        (b"VOLT:NPLC 10;VOLT:NPLC?", b"+1.00000000E+01"),
        (b"TRIG:SOUR IMM;TRIG:SOUR?", b"IMM"),
        (b"VOLT:RANG:AUTO?", b"1"),
        (b"INIT;FETC?", b"+1.04800000E+01"),
        (b"SYST:VERS?", b"1991.0"),
        (b"SYST:ERR?", b'+0,"No error"'),
    ):
        assert line.ask(query + b"\n", b"\n") == answer + b"\r\n"


def begun(lab: Lab, count: int = 3) -> Line:
    """Have it take readings by itself, one a second: 20 ms of that is the integration."""
    line = lab.line("detector")
    line.write(b"SYST:REM\nCONF:VOLT:DC 10\nVOLT:DC:NPLC 1\nZERO:AUTO ONCE\n")
    line.write(b"TRIG:DEL 0.98;:SAMP:COUN %d\n" % count)
    assert line.ask(b"SYST:ERR?;:INIT\n", b"\n") == b'+0,"No error"\r\n'
    return line


def test_it_takes_readings_by_itself_each_at_its_time(lab: Lab) -> None:
    line = begun(lab)
    lab.time = 1.5
    lab.world.lamp_off = True  # between the first and the second
    lab.time = 2.5
    assert line.silent(b"FETC?\n")  # it obeys nothing until it has all of them
    lab.time = 3.0
    assert line.ask(b"DATA:POIN?\n", b"+3\r\n").startswith(b"+1.0")
    taken = b"+1.04800000E+01,+2.00000000E-03,+2.00000000E-03\r\n"
    assert line.ask(b"FETC?\n", b"\n") == taken
    lab.world.lamp_off = False
    assert line.ask(b"FETC?;:TRIG:DEL 0;:SAMP:COUN 1\n", b"\n") == taken  # it keeps them
    assert line.ask(b"READ?\n", b"\n") == b"+1.04800000E+01\r\n"


def test_device_clear_ends_that_and_forgets_what_waits(lab: Lab) -> None:
    line = begun(lab, 400)
    assert line.silent(b"*IDN?\n")
    assert line.ask(b"\x03SYST:ERR?\n", b"\n") == b'+0,"No error"\r\n'
    assert line.ask(b"SAMP:COUN?;:DATA:POIN?\n", b"\n") == b"+4.00000000E+02;+0\r\n"
    assert line.silent(b"FETC?\n")
    assert line.ask(b"SYST:ERR?\n", b"\n") == b'-230,"Data stale"\r\n'


def test_its_memory_and_its_input_buffer_have_an_end(lab: Lab) -> None:
    line = begun(lab, 512)
    assert line.silent(101 * b" ")
    assert line.ask(b"\x03SYST:ERR?\n", b"\n") == b'+521,"Input buffer overflow"\r\n'
    assert line.ask(b"SAMP:COUN 513;:INIT;:SYST:ERR?\n", b"\n") == b'+531,"Insufficient memory"\r\n'
    assert line.ask(b"SAMP:COUN? MAX\n", b"\n") == b"+5.00000000E+04\r\n"
    assert line.ask(b"SAMP:COUN 0;:SYST:ERR?\n", b"\n") == b'-222,"Data out of range"\r\n'
