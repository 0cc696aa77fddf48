import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.emulation import World
from reactune.devices.emulation.eurotherm import EmulatedEurotherm
from reactune.devices.emulation.layout import layout_of
from reactune.devices.emulation.reactions.walker2017 import Walker2017
from reactune.devices.emulation.variants import EurothermVariant
from reactune.devices.protocols.eurotherm import (
    Eurotherm,
    complete,
    crc16,
    decode,
    encode_read,
    encode_write,
)
from reactune.devices.protocols.transport import GarbledError, InstrumentError
from reactune.devices.rigfile import load
from tests.devices.protocols.transcript import Transcript


@pytest.mark.parametrize(
    ("frame", "text"),
    [  # by hand from the Modbus specification and the controller's manual
        (encode_read(1, 1, 2), "01 03 00 01 00 02 95 cb"),
        (encode_read(1, 525), "01 03 02 0d 00 01 14 71"),
        (encode_read(1, 75), "01 03 00 4b 00 01 f4 1c"),
        (encode_write(1, 2, 850), "01 10 00 02 00 01 02 03 52 26 bf"),
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
def test_a_write_is_confirmed_by_its_answer_and_never_by_its_echo(address, value):
    request = encode_write(address, 2, value)
    confirmed = reply(address, 16, 0, 2, 0, 1)
    assert complete(confirmed)
    assert decode(confirmed, request) == []
    with pytest.raises(GarbledError):
        decode(request, request)


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


def test_the_confirmation_of_another_write_is_refused():
    with pytest.raises(GarbledError, match="another write"):
        decode(reply(1, 16, 0, 26, 0, 1), encode_write(1, 2, 850))


def test_exception_reply():
    raw = reply(1, 0x83, 2)
    assert complete(raw)
    with pytest.raises(InstrumentError, match=r"exception 2 \(illegal register\)"):
        decode(raw, encode_read(1, 9999))


# -- driver: transcripts, as the specification has them


def frames(*pairs):
    return [tuple(bytes.fromhex(frame) for frame in pair) for pair in pairs]


def read(register, *words, count=1):
    """One exchange that reads registers, as hexadecimal; no words: it does not have them."""
    head = f"01 03 {register:04x} {count:04x}"
    said = f"01 03 {2 * len(words):02x} " + " ".join(f"{word & 0xFFFF:04x}" for word in words)
    return tuple(
        (frame + crc16(frame)).hex(" ")
        for frame in map(bytes.fromhex, (head, said if words else "01 83 02"))
    )


GREETING = (read(122, 0x3216), read(107, 0x0207), read(516, 0), read(525, 1))
RANGES = (read(11, 0), read(12, 3000), read(112, 0), read(111, 2000), read(13, 2500))
MODE = (read(75, 0), read(276, 0))
SP_85 = ("01 10 00 02 00 01 02 03 52 26 bf", "01 10 00 02 00 01 a0 09")


def greeted(*exchanges):
    line = Transcript(frames(*GREETING, *RANGES, *MODE, *exchanges))
    heater = Eurotherm(line, 1)
    identity = heater.connect()
    assert identity.name == "Eurotherm 3216 V2.07"
    assert identity.facts["decimals"] == "1, read from register 525"
    assert identity.facts["own high alarm"] == "250 degC"
    assert identity.look == ()
    return heater, line


def test_a_reading():
    heater, line = greeted(
        ("01 03 00 01 00 04 15 c9", "01 03 08 03 4d 03 52 00 00 01 2c f1 74"),
        ("01 03 00 4b 00 01 f4 1c", "01 03 02 00 00 b8 44"),
    )
    reading = heater.read()
    assert (reading.temperature, reading.setpoint, reading.output) == (84.5, 85.0, 30.0)
    assert not reading.sensor_break
    assert line.left == []


def test_a_setpoint_is_written_once_and_read_back():
    heater, line = greeted(read(2, 250), SP_85, read(2, 850), read(2, 850))
    heater.write_setpoint(85.0)
    heater.write_setpoint(85.0)  # the register survives 100 000 writes
    assert line.left == []


def test_a_setpoint_that_is_not_taken_over_is_said():
    heater, _ = greeted(read(2, 250), SP_85, read(2, 250))
    with pytest.raises(InstrumentError, match="was set to 85 degC but reports 25 degC"):
        heater.write_setpoint(85.0)


def test_what_a_human_has_to_look_at():
    manual = (read(75, 1 << 4), read(276, 1))
    look = Eurotherm(Transcript(frames(*GREETING, *RANGES, *manual))).connect().look
    assert "put to automatic" in look[0]
    assert "remote setpoint is switched off" in look[1]


# -- driver: the scale of what is written


class Direct:
    """A line without a port: the emulated controller is asked at once."""

    url = "direct"

    def __init__(self, variant, temperature=22.0):
        self.time = 0.0
        layout = layout_of(load("walker"), Walker2017())
        self.world = World(lambda: self.time, layout, Walker2017(), noise=None)
        self.controller = EmulatedEurotherm(self.world, 1, variant)
        self.refused = 0

    def exchange(self, request, framing, parse, *, repeat):
        return parse(self.controller.receive(request))

    def ask(self, register, value=None):
        request = encode_read(1, register) if value is None else encode_write(1, register, value)
        return decode(self.controller.receive(request), request)


LIMITS, MAXIMUM, SAFE = (25.0, 150.0), 165.0, 25.0
decimals = st.sampled_from([0, 1, 2])


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    shown=decimals,
    stated=st.none() | decimals,
    tells=st.booleans(),
    asked=st.floats(*LIMITS),
    highest=st.sampled_from([None, 180, 300]),
)
def test_no_setpoint_off_by_a_power_of_ten_reaches_the_oven(shown, stated, tells, asked, highest):
    line = Direct(EurothermVariant(decimals=shown, tells=tells))
    if highest is not None:
        line.ask(111, highest * 10**shown)
    driver = Eurotherm(line, 1, stated)
    right = (tells and stated in (None, shown)) or (not tells and stated == shown)
    if not right:
        with pytest.raises(InstrumentError, match="decimals"):
            opened(driver)
        assert line.ask(2) == [25 * 10**shown]  # as it was
        driver.cool(40.0)
        assert line.ask(2)[0] <= 40 * 10**shown
        return
    opened(driver)
    setpoint = driver.achievable(asked, LIMITS, driver.decimals)
    assert abs(setpoint - asked) <= 10.0**-shown
    driver.write_setpoint(setpoint)
    assert line.ask(2)[0] / 10**shown == pytest.approx(setpoint, abs=1e-9)
    line.time = 4 * 3600.0
    assert line.world.temperature() == pytest.approx(setpoint, abs=0.2)


def test_it_cools_to_what_its_display_shows_and_no_higher():
    line = Direct(EurothermVariant())
    driver = Eurotherm(line, 1)
    driver.connect()
    driver.cool(24.97)
    assert line.ask(2) == [249]


def opened(driver):
    """As `Heater.connect` does."""
    driver.connect()
    driver.check(LIMITS, MAXIMUM, SAFE)
    driver.arm(MAXIMUM)


@pytest.mark.parametrize(
    ("register", "degrees", "words"),
    [
        (2, 180, "its setpoint is 180 degC"),
        (111, 120, "its setpoints end at 120 degC"),
        (112, 30, "its setpoints begin at 30 degC"),
    ],
)
def test_what_makes_no_sense_in_degrees_is_refused_before_anything_is_written(
    register, degrees, words
):
    line = Direct(EurothermVariant())
    line.ask(register, 10 * degrees)
    driver = Eurotherm(line, 1)
    driver.connect()
    with pytest.raises(InstrumentError, match=words):
        driver.check(LIMITS, MAXIMUM, SAFE)


def test_a_maximum_that_its_alarm_cannot_watch_over_is_refused_at_once():
    """Set above the range it would be refused when the rig is opened the next time."""
    line = Direct(EurothermVariant())
    (top,) = line.ask(12)
    driver = Eurotherm(line, 1)
    driver.connect()
    with pytest.raises(InstrumentError, match=r"range ends at .*, and its alarm is to be at max"):
        driver.check(LIMITS, top / 10 + 20, SAFE)


def test_a_maximum_that_no_register_holds_is_refused_with_the_cure():
    driver = Eurotherm(Direct(EurothermVariant(decimals=2)), 1)
    driver.connect()
    with pytest.raises(InstrumentError, match=r"no more than 327\.67 degC .* one decimal fewer"):
        driver.check(LIMITS, 330.0, SAFE)


@pytest.mark.parametrize(("unit", "name"), [("degF", "degF"), ("K", "K")])
def test_another_unit_is_refused(unit, name):
    with pytest.raises(InstrumentError, match=f"shows {name}: set it to degC"):
        Eurotherm(Direct(EurothermVariant(unit=unit)), 1).connect()


@pytest.mark.parametrize("model", ["3216", "2416"])
def test_its_own_alarm_is_armed_where_it_is_one_for_too_much(model):
    line = Direct(EurothermVariant(model=model))
    driver = Eurotherm(line, 1)
    driver.connect()
    assert driver.arm(MAXIMUM) == ""
    assert line.ask(13) == [1650]
    line = Direct(EurothermVariant(model=model, alarm=False))
    driver = Eurotherm(line, 1)
    driver.connect()
    assert "alarm 1 is not set up" in driver.arm(MAXIMUM)
    assert line.ask(13) == [2500]
