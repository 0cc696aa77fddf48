import math

import pytest

from reactune.devices.protocols.scpi import ScpiVoltmeter, decode_volts
from reactune.devices.protocols.transport import GarbledError, InstrumentError
from tests.devices.protocols.transcript import Transcript


def test_volts():
    assert decode_volts(b"+1.04967906E+01\n") == 10.4967906
    assert decode_volts(b"-2.5E-04\r\n") == -2.5e-4
    assert decode_volts(b"+9.90000000E+37\n") == math.inf


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"+1.0", b"+1.0E\n", b"nan\n", b"inf\n", b"+1.0\xb4\n", b"1\n2\n"]
)
def test_volts_refuses(raw):
    with pytest.raises(GarbledError):
        decode_volts(raw)


IDENTITY = b"HEWLETT-PACKARD,34401A,0,11-5-2\r\n"
GREETING = [  # every command waits until it is done: the meter has room for 100 bytes
    (b"SYST:REM\n", b""),
    (b"*IDN?\n", IDENTITY),
    (b"*CLS;*OPC?\n", b"1\r\n"),
    (b"CONF:VOLT:DC 10;*OPC?\n", b"1\r\n"),
    (b"VOLT:DC:NPLC 1;*OPC?\n", b"1\r\n"),
]


def test_a_reading():
    line = Transcript(
        [
            *GREETING,
            (b"SYST:ERR?\n", b'+0,"No error"\r\n'),
            (b"READ?\n", b"+1.04967906E+01\r\n"),
        ]
    )
    meter = ScpiVoltmeter(line)
    assert meter.connect().name == IDENTITY.decode().strip()
    assert meter.read() == 10.4967906
    assert line.left == []


def test_a_meter_that_refuses_says_why():
    line = Transcript([*GREETING, (b"SYST:ERR?\n", b'-113,"Undefined header"\n')])
    with pytest.raises(InstrumentError, match="refused its configuration: -113"):
        ScpiVoltmeter(line).connect()
