import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.protocols.eurotherm import (
    Eurotherm3216,
    complete,
    crc16,
    decode,
    encode_read,
    encode_write,
)
from reactune.devices.protocols.transport import GarbledError, InstrumentError
from tests.devices.protocols.transcript import Transcript


@pytest.mark.parametrize(
    ("frame", "text"),
    [  # by hand from the Modbus specification and the controller's manual
        (encode_read(1, 1, 2), "01 03 00 01 00 02 95 cb"),
        (encode_write(1, 26, 850), "01 06 00 1a 03 52 29 00"),
    ],
)
def test_frames(frame, text):
    assert frame.hex(" ") == text


def reply(*body):
    return bytes(body) + crc16(bytes(body))


@settings(derandomize=True)
@given(st.integers(1, 247), st.lists(st.integers(-32768, 32767), min_size=1, max_size=20))
def test_registers_round_trip(address, values):
    data = b"".join(v.to_bytes(2, "big", signed=True) for v in values)
    raw = reply(address, 3, len(data), *data)
    assert complete(raw)
    assert not any(complete(raw[:k]) for k in range(len(raw)))
    assert decode(raw, encode_read(address, 1, len(values))) == values


@settings(derandomize=True)
@given(st.integers(0, 10), st.integers(0, 7))
def test_any_flipped_bit_is_found(byte, bit):
    raw = bytearray(reply(1, 3, 6, 4, 0xB0, 3, 0x52, 0, 0))
    raw[byte] ^= 1 << bit
    with pytest.raises(GarbledError):
        decode(bytes(raw), encode_read(1, 1, 3))


@settings(derandomize=True)
@given(st.integers(1, 247), st.integers(-32768, 32767))
def test_writes_round_trip(address, value):
    request = encode_write(address, 2, value)
    assert complete(request)
    assert decode(request, request) == []  # a write is echoed


@pytest.mark.parametrize(
    "raw",
    [
        reply(2, 3, 2, 0, 1),  # another address
        reply(1, 4, 2, 0, 1),  # another function
        reply(1, 3, 4, 0, 1, 0, 2),  # more registers
        reply(1, 3, 2, 0, 1)[:-1] + b"\0",  # CRC
    ],
)
def test_decode_refuses(raw):
    with pytest.raises(GarbledError):
        decode(raw, encode_read(1, 1))


def test_write_that_is_not_echoed_is_refused():
    with pytest.raises(GarbledError, match="another write"):
        decode(encode_write(1, 2, 851), encode_write(1, 2, 850))


def test_exception_reply():
    raw = reply(1, 0x83, 2)
    assert complete(raw)
    with pytest.raises(InstrumentError, match=r"exception 2 \(illegal register\)"):
        decode(raw, encode_read(1, 9999))


# -- driver: transcripts, as the specification has them


def frames(*pairs):
    return [tuple(bytes.fromhex(frame) for frame in pair) for pair in pairs]


READ_SP = "01 03 00 02 00 01 25 ca"
WRITE_85 = "01 06 00 02 03 52 a9 07"


def test_a_reading():
    line = Transcript(
        frames(
            ("01 03 00 01 00 04 15 c9", "01 03 08 03 4d 03 52 00 00 01 2c f1 74"),
            ("01 03 00 4b 00 01 f4 1c", "01 03 02 00 00 b8 44"),
        )
    )
    reading = Eurotherm3216(line, 1).read()
    assert (reading.temperature, reading.setpoint, reading.output) == (84.5, 85.0, 30.0)
    assert not reading.sensor_break


def test_a_setpoint_is_written_once_and_read_back():
    line = Transcript(
        frames(
            (READ_SP, "01 03 02 00 fa 38 07"),
            (WRITE_85, WRITE_85),
            (READ_SP, "01 03 02 03 52 39 49"),
            (READ_SP, "01 03 02 03 52 39 49"),
        )
    )
    heater = Eurotherm3216(line, 1)
    heater.write_setpoint(85.0)
    heater.write_setpoint(85.0)  # the register survives 100 000 writes
    assert line.left == []


def test_a_setpoint_that_is_not_taken_over_is_said():
    line = Transcript(
        frames(
            (READ_SP, "01 03 02 00 fa 38 07"),
            (WRITE_85, WRITE_85),
            (READ_SP, "01 03 02 00 fa 38 07"),
        )
    )
    with pytest.raises(InstrumentError, match="was set to 85 degC but reports 25 degC"):
        Eurotherm3216(line, 1).write_setpoint(85.0)
