import math

import pytest

from reactune.devices.protocols.scpi import ScpiVoltmeter, decode_block, decode_volts
from reactune.devices.protocols.transport import GarbledError, InstrumentError
from tests.devices.protocols.transcript import Transcript


def test_volts():
    assert decode_volts(b"+1.04967906E+01\n") == 10.4967906
    assert decode_volts(b"-2.5E-04\r\n") == -2.5e-4
    assert decode_volts(b"+9.90000000E+37\n") == math.inf


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"+1.0",
        b"+1.0E\n",
        b"nan\n",
        b"inf\n",
        b"+1.0\xb4\n",
        b"1\n2\n",
        b"+1.04967906\n",
        b"+1.04967906E+0\n",
        b"+1.04967906E01\n",
        b"+104967906E+01\n",
        b"1\n",
    ],
)
def test_volts_refuses(raw):
    with pytest.raises(GarbledError):
        decode_volts(raw)


@pytest.mark.parametrize("damaged", [b"+1.0967906E+01\r\n", b"2.50000000E-04\r\n"])
def test_a_reading_that_has_lost_a_byte_is_none(damaged):
    whole, below = b"+1.04967906E+01\r\n", b"-2.50000000E-04\r\n"
    said = [(b"READ?\n", reply) for reply in (whole, below, damaged, whole)]
    meter = ScpiVoltmeter(Transcript(said))
    assert [meter.read(), meter.read()] == [10.4967906, -2.5e-4]
    with pytest.raises(GarbledError, match="shorter than the readings before it"):
        meter.read()
    assert meter.read() == 10.4967906


def test_a_meter_may_leave_out_the_sign_of_what_is_above_zero():
    replies = b"1.04967906E+01\n", b"-2.50000000E-04\n", b"1.04967906E+01\n"
    meter = ScpiVoltmeter(Transcript([(b"READ?\n", reply) for reply in replies]))
    assert [meter.read() for _ in replies] == [10.4967906, -2.5e-4, 10.4967906]


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


def test_a_block_of_readings_is_decoded_and_an_overload_is_infinite():
    assert decode_block(b"+1.04967906E+01,-9.90000000E+37\r\n", 2) == [10.4967906, math.inf]
    assert decode_block(b"+1.04967906E+01,+1.04967913E+01,\n", 2) == [10.4967906, 10.4967913]


@pytest.mark.parametrize(
    "raw",
    [
        b"+1.04967906E+01,+1.04967913E+01\n",  # one is missing
        b"+1.04967906E+01,+1.04967913E+01,+1.04967906E+01,+1.04967913E+01\n",  # one is doubled
        b"+1.04967906E+01,+1.0496791E+01,+1.04967906E+01\n",  # a digit is missing
        b"+1.04967906E+01,+1.04967913E+01,+1.04967906\xb401\n",
        b"+1.04967906E+01,,+1.04967906E+01\n",
        b"\n",
    ],
)
def test_a_block_that_is_not_whole_is_refused(raw):
    with pytest.raises(GarbledError):
        decode_block(raw, 3)


TRY = (b"*CLS;:SAMP:COUN 27;:TRIG:DEL 0.98;:ZERO:AUTO ONCE;"
       b":TRIG:DEL 0;:SAMP:COUN 1;:SYST:ERR?\n")  # fmt: skip


def test_readings_that_it_takes_by_itself():
    line = Transcript(
        [
            (TRY, b'+0,"No error"\r\n'),
            (b"READ?;:TRIG:DEL 0.98;:SAMP:COUN 2;:INIT\n", b"+1.04967906E+01\r\n"),
            (b"FETC?;:TRIG:DEL 0;:SAMP:COUN 1\n", b"+1.04967906E+01,+1.04967913E+01\r\n"),
            # not two again: the two that it still holds must not pass for the next
            (b"READ?;:TRIG:DEL 0.98;:SAMP:COUN 1;:INIT\n", b"+1.04967906E+01\r\n"),
            (b"\x03ABOR\nTRIG:DEL 0;:SAMP:COUN 1\n*CLS\n", b""),
            (b"READ?\n", b"+1.04967906E+01\r\n"),
        ]
    )
    meter = ScpiVoltmeter(line)
    assert meter.prepare(1.0) == 27  # they come within half a second at 9600 baud
    assert meter.begin(2, 1.0) == (10.4967906, 2)
    assert meter.fetch(2) == [10.4967906, 10.4967913]
    assert meter.begin(2, 1.0) == (10.4967906, 1)
    meter.halt()
    assert meter.begin(1, 1.0) == (10.4967906, 0)
    assert line.left == []
    assert len(TRY) <= 100  # the meter's room


def test_a_meter_that_cannot_is_asked_for_each():
    line = Transcript(
        [
            (TRY, b'-222,"Data out of range"\r\n'),
            (b"TRIG:DEL 0;:SAMP:COUN 1;*CLS;*OPC?\n", b"1\r\n"),
        ]
    )
    assert ScpiVoltmeter(line).prepare(1.0) == 0
    assert ScpiVoltmeter(line).prepare(0.1) == 0  # it would take too long over beginning
    assert line.left == []
