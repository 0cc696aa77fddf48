import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.protocols.harvard11 import (
    Harvard11,
    Reply,
    decode,
    encode,
    parse_status,
    quantity,
)
from reactune.devices.protocols.roles import PumpError
from reactune.devices.protocols.transport import (
    GarbledError,
    InstrumentError,
    NoReplyError,
)
from tests.devices.protocols.transcript import Transcript

# -- codec


@pytest.mark.parametrize(
    ("command", "address", "colon", "raw"),
    [
        ("irate 3.2 u/m", 0, True, b"irate 3.2 u/m\r"),
        ("irate 3.2 u/m", 12, True, b"12:irate 3.2 u/m\r"),
        ("irun", 3, False, b"3irun\r"),
    ],
)
def test_encode(command, address, colon, raw):
    assert encode(command, address, colon) == raw


@pytest.mark.parametrize(
    ("raw", "address", "reply"),
    [
        (b"\n00:\x11", 0, Reply((), "idle")),
        (b"\n:", 0, Reply((), "idle")),
        (b"\n01>\x11", 1, Reply((), "infusing")),
        (b"\n01<\x11", 1, Reply((), "withdrawing")),
        (b"\n00*\x11", 0, Reply((), "stalled")),
        (b"\n00T*\x11", 0, Reply((), "target")),
        (b"\n00:T*\x11", 0, Reply((), "target")),
        (b"\n00:*\x11", 0, Reply((), "stalled")),
        (b"\n>*", 0, Reply((), "stalled")),  # at a limit switch
        (b"\n12<*\x11", 12, Reply((), "stalled")),
        (b"\n>\x11", 0, Reply((), "infusing")),
        (b"\n1.69023 ul\r\n>\x11", 0, Reply(("1.69023 ul",), "infusing")),
        (b"\n2.28205 ul\r\n<", 0, Reply(("2.28205 ul",), "withdrawing")),  # without poll mode
        (b"\nPump address set to 2\r\n02:\x11", 2, Reply(("Pump address set to 2",), "idle")),
        (b"\r\nT*\n10.0011 ul\r\nT*", 0, Reply(("10.0011 ul",), "target")),  # unasked, before
        (b"\n19.988 seconds\r\n>\r\nT*", 0, Reply(("19.988 seconds",), "target")),  # and behind
        (
            b"\nArgument error: 2\r\n   Target volume out of range\r\n:\x11",
            0,
            Reply(("Argument error: 2", "Target volume out of range"), "idle"),
        ),
        (
            b"\nFirmware:      v3.0.6\r\nPump address:  0\r\nSerial number: D101754\r\n:\x11",
            0,
            Reply(("Firmware:      v3.0.6", "Pump address:  0", "Serial number: D101754"), "idle"),
        ),
        (b"\n00:12.5 ul\r\n00:\x11", 0, Reply(("12.5 ul",), "idle")),
        (b"\n100.25 ul\r\n:\x11", 0, Reply(("100.25 ul",), "idle")),  # no address, but digits
        (b"\n00:T*12.5 ul\r\n00T*\x11", 0, Reply(("12.5 ul",), "target")),
        (
            b"\n02:Argument error: x\r\n02:Out of range\r\n02:\x11",
            2,
            Reply(("Argument error: x", "Out of range"), "idle"),
        ),
    ],
)
def test_decode(raw, address, reply):
    assert decode(raw, address) == reply


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (b"", 0),
        (b"\x11", 0),
        (b"\n00", 0),
        (b"12.5 ul\r\n00:\x11", 0),
        (b"\n00:12.5 ul\n00:\x11", 0),
        (b"\n00:12\xff5 ul\r\n00:\x11", 0),
        (b"\n01:\x11", 0),  # another pump
        (b"\n:\x11", 1),  # nobody in particular, in a chain
        (b"\n00:5 ul\r\n01:\x11", 1),
        (b"\n00:1 ul\r\n00:\x11\n00:\x11", 0),  # two replies
        (b"\n00:1 ul\r\n00:\n00>", 0),
        (b"\n00::", 0),
    ],
)
def test_decode_refuses(raw, address):
    with pytest.raises(GarbledError):
        decode(raw, address)


body = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":*"))


@settings(derandomize=True, max_examples=200)
@given(st.lists(body.filter(bool), max_size=3), st.integers(0, 99), st.sampled_from(":><"))
def test_decode_finds_every_line(lines, address, prompt):
    raw = "".join(f"\n{address:02d}:{line}\r" for line in lines) + f"\n{address:02d}{prompt}\x11"
    reply = decode(raw.encode(), address)
    assert reply.lines == tuple(lines)
    assert reply.state == {":": "idle", ">": "infusing", "<": "withdrawing"}[prompt]


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=40), st.integers(0, 3))
def test_decode_of_noise_is_refused_not_crashed(raw, address):
    with contextlib.suppress(GarbledError):
        decode(raw, address)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5 ul", 12.5),
        ("0.1 ml", 100.0),
        ("250 nl", 0.25),
        ("1.5 ml/min", 1500.0),
        ("60 ul/hr", 1.0),
        ("0.25 m/m", 250.0),
        ("2 ul/sec", 120.0),
        ("5e2 nl/min", 0.5),
        (".0404 nl/min", 0.0000404),  # as recorded
        ("26.0035 ml/min", 26003.5),
        ("199.49 ul/min", 199.49),
    ],
)
def test_quantity(text, value):
    assert quantity(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "12.5", "ul", "12,5 ul", "12 kl", "-3 ul", "1 ul 2 ul"])
def test_quantity_refuses(text):
    with pytest.raises(GarbledError):
        quantity(text)


def test_status_line():
    running = parse_status(Reply(("1666666667 30000 50000000000 I...I.",), "infusing"))
    assert running.flow == pytest.approx(100.0, rel=1e-9)
    assert running.volume == pytest.approx(50.0)
    assert (running.state, running.limit) == ("infusing", False)
    stalled = parse_status(Reply(("0 0 0 i.S.I",), "idle"))
    assert (stalled.state, stalled.flow) == ("stalled", 0.0)
    assert parse_status(Reply(("0 0 0 wW..I",), "idle")).limit
    with pytest.raises(GarbledError):
        parse_status(Reply(("0 0 i...I",), "idle"))


@settings(derandomize=True)
@given(st.floats(1e-4, 1e4))
def test_achievable_is_what_the_line_carries(flow):
    assert Harvard11.achievable(flow) == float(f"{flow:.4f}")


# -- driver: transcripts, as the manual and recorded sessions have them

QUICK_START = (b"load\r", b"\nQuick Start - Infuse/Withdraw (qs iw)\r\n:\x11")
LIMITS = (b"irate lim\r", b"\n25.0404 nl/min to 26.0035 ml/min\r\n:\x11")
GREETING = [
    (b"poll on\r", b"\n:\x11"),
    (b"ver\r", b"\n11 ELITE 3.0.6\r\n:\x11"),
    (b"nvram none\r", b"\n:\x11"),
    QUICK_START,
    LIMITS,
]


def driven(*exchanges):
    line = Transcript([*GREETING, *exchanges])
    pump = Harvard11(line, 0)
    assert pump.connect().name == "11 ELITE 3.0.6"
    return pump, line


def test_a_motion_from_greeting_to_rest():
    pump, line = driven(
        QUICK_START,
        (b"diameter 7.2620\r", b"\n:\x11"),
        (b"svolume 1000.0000 ul\r", b"\n:\x11"),
        LIMITS,
        (b"ctvolume\r", b"\n:\x11"),
        (b"cvolume\r", b"\n:\x11"),
        (b"irate 199.4900 u/m\r", b"\n:\x11"),
        (b"irate\r", b"\n199.49 ul/min\r\n:\x11"),
        (b"tvolume 800.0000 ul\r", b"\n:\x11"),
        (b"irun\r", b"\n>\x11"),
        (b"status\r", b"\n3324833333 500 1690230000 I...I\r\n>\x11"),
        (b"ivolume\r", b"\n1.69023 ul\r\n>\x11"),
        (b"wvolume\r", b"\n0 ul\r\n>\x11"),
        (b"stp\r", b"\n:\x11"),
    )
    pump.configure(7.262, 1000)
    assert pump.flow_range() == (0.0250404, 26003.5)
    pump.clear_volumes()
    pump.set_flow(199.49)
    pump.set_target(800)
    pump.run()
    moving = pump.status()
    assert moving.flow == pytest.approx(199.49, rel=1e-6)
    assert (moving.volume, moving.state) == (pytest.approx(1.69023), "infusing")
    assert pump.volumes() == (1.69023, 0.0)
    pump.stop()
    assert line.left == []


def test_a_refusal_is_said_in_the_words_of_the_pump():
    refusal = b"\nArgument error: 5000.0000\r\n   Target volume out of range\r\n:\x11"
    pump, _ = driven((b"tvolume 5000.0000 ul\r", refusal))
    with pytest.raises(InstrumentError, match=r"error: 5000\.0000 Target volume out of range"):
        pump.set_target(5000)


def test_a_pump_that_does_not_run_or_runs_on_is_said():
    pump, _ = driven((b"irun\r", b"\n*\x11"), (b"stp\r", b"\n>\x11"))
    with pytest.raises(PumpError, match="told to run but is stalled: look at the pump"):
        pump.run()
    with pytest.raises(PumpError, match="told to stop but is infusing: switch it off"):
        pump.stop()


# -- firmware that does things otherwise


class OldFirmware:
    """A transport to a pump without `poll` that wants its address without a colon."""

    url = "old"

    def __init__(self):
        self.seen = []

    def exchange(self, request, framing, parse, *, repeat):
        self.seen.append((request, framing.or_silence))
        if b":" in request:
            raise NoReplyError("no reply")
        command = request.removeprefix(b"3").rstrip(b"\r")
        if command.startswith((b"poll", b"cmd", b"load", b"nvram")):
            return parse(b"\n03:Command error\r\n03:")
        said = {b"ver": b"11 ELITE 1.0", b"irate lim": b"1 nl/min to 2 ml/min"}.get(command)
        return parse(b"\n03:" + (said + b"\r\n03:" if said else b""))


def test_fallbacks_of_old_firmware():
    line = OldFirmware()
    driver = Harvard11(line, 3)
    identity = driver.connect()
    assert identity.name == "11 ELITE 1.0"
    assert "silence" in identity.facts["end of replies"]
    assert "does not write each setting to its memory" in identity.look[0]
    driver.stop()
    assert line.seen[-1] == (b"3stp\r", True)  # silence ends its replies


def test_set_flow_is_read_back():
    class Deaf(OldFirmware):
        def exchange(self, request, framing, parse, *, repeat):
            return parse(b"\n5 ul/min\r\n:" if request == b"irate\r" else b"\n:")

    with pytest.raises(InstrumentError, match="set to 10 uL/min but reports 5 uL/min"):
        Harvard11(Deaf(), 0).set_flow(10.0)
