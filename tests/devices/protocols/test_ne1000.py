import contextlib
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reactune.devices.protocols.ne1000 import Answer, NewEra, decode, encode, frames
from reactune.devices.protocols.roles import PumpError
from reactune.devices.protocols.transport import (
    BusyError,
    GarbledError,
    InstrumentError,
    NoReplyError,
)
from tests.devices.protocols.transcript import Transcript

# -- codec


def test_the_manuals_packet():
    assert encode("SAF0", 0, safe=True) == bytes.fromhex("02 08 53 41 46 30 55 43 03")


@pytest.mark.parametrize(
    ("command", "address", "raw"),
    [("RUN", 0, b"RUN\r"), ("RAT50.00UM", 7, b"7RAT50.00UM\r"), ("", 12, b"12\r")],
)
def test_encode(command, address, raw):
    assert encode(command, address, safe=False) == raw


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"00S", Answer("idle")),
        (b"00I", Answer("infusing")),
        (b"00W", Answer("withdrawing")),
        (b"00P", Answer("idle")),
        (b"00SNE1000V3.61", Answer("idle", "NE1000V3.61")),
        (b"00II1.250W0.000ML", Answer("infusing", "I1.250W0.000ML")),
        (b"00S?OOR", Answer("idle", "?OOR")),
        (b"00A?S", Answer("idle", alarm="S")),
        (b"00A?R", Answer("idle", alarm="R")),
    ],
)
@pytest.mark.parametrize("safe", [False, True])
def test_decode(said, answer, safe):
    raw = encode(said.decode(), 0, safe=True) if safe else b"\x02" + said + b"\x03"
    assert frames(raw, safe) == [said]
    assert decode(raw, 0, safe) == answer


@pytest.mark.parametrize("raw", [b"", b"00S", b"\x0200S", b"\x0201S\x03", b"\x0200Z\x03"])
def test_decode_refuses(raw):
    with pytest.raises(GarbledError):
        decode(raw, 0, safe=False)


words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@settings(derandomize=True, max_examples=200)
@given(st.integers(0, 99), words, st.booleans(), st.data())
def test_round_trip_and_every_flipped_bit_of_a_packet_is_found(address, text, safe, data):
    said = f"{address:02d}S{text}"
    raw = encode(said, 0, safe=True) if safe else b"\x02" + said.encode() + b"\x03"
    assert decode(raw, address, safe) == Answer("idle", text)
    assert not any(frames(raw[:k], safe) for k in range(len(raw)))
    if safe:
        place = data.draw(st.integers(2, len(raw) - 2))
        wrong = bytearray(raw)
        wrong[place] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(GarbledError):
            decode(bytes(wrong), address, safe)


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=40), st.integers(0, 3), st.booleans())
def test_decode_of_noise_is_refused_not_crashed(raw, address, safe):
    with contextlib.suppress(GarbledError):
        decode(raw, address, safe)


# -- numbers of four digits


@pytest.mark.parametrize(
    ("flow", "limits", "sent"),
    [
        (50.0, (10, 207), 50.0),
        (123.456, (10, 207), 123.5),
        (206.96, (10, 206.98), 206.9),  # 207.0 would be outside
        (10.0049, (10.004, 207), 10.01),  # 10.00 would be outside
        (0.73214, (0.001, 1.0), 0.732),
    ],
)
def test_achievable(flow, limits, sent):
    assert NewEra.achievable(flow, limits) == sent


@settings(derandomize=True, max_examples=300)
@given(st.floats(0.01, 9999), st.floats(0.5, 1.0), st.floats(1.0, 2.0))
def test_what_is_inside_the_limits_is_sent_inside(flow, below, above):
    sent = NewEra.achievable(flow, (flow * below * 0.9, flow * above * 1.1))
    assert flow * below * 0.9 <= sent <= flow * above * 1.1


@settings(derandomize=True, max_examples=200)
@given(st.floats(0, 5e5))
def test_a_target_is_never_more_than_what_was_asked_for(volume):
    target = NewEra.achievable_volume(volume)
    assert volume - max(1, volume / 1000) < target <= volume
    assert NewEra.achievable_volume(target) == target


class Line:
    """Takes everything, and keeps what it was sent; a flow reads back as it was set."""

    url = "line"

    def __init__(self):
        self.sent = []

    def overhear(self, call):
        pass

    def exchange(self, request, framing, parse, *, repeat):
        command = request.decode().strip()
        if command != "RAT":
            self.sent.append(command)
        told = self.sent[-1].removeprefix("RAT") if command == "RAT" else ""
        return parse(basic(b"00S" + told.encode()))


def written(command, head):
    """What a pump makes of a number: in uL."""
    (number, unit) = re.fullmatch(head + r"(\d*\.?\d*)([UM]?)M?", command).groups()
    assert len(number.replace(".", "")) <= 4
    return float(number) * {"U": 1, "M": 1e3, "": 1e3}[unit]


@settings(derandomize=True, max_examples=300)
@given(st.floats(0.01, 5e5))
@example(12345.0)
@example(99996.0)
@example(123456.0)
def test_what_is_achievable_is_what_is_sent(flow):
    line = Line()
    NewEra(line).set_flow(sent := NewEra.achievable(flow))
    assert written(line.sent[-1], "RAT") == pytest.approx(sent, rel=1e-12)
    assert sent == pytest.approx(flow, rel=6e-4, abs=6e-4)


@settings(derandomize=True, max_examples=200)
@given(st.floats(1, 5e5))
@example(123456.0)
def test_the_target_that_is_achievable_is_what_is_sent(volume):
    line = Line()
    pump = NewEra(line)
    pump._litres = "M"  # a syringe of more than 10 mL
    pump.set_target(volume)
    target = NewEra.achievable_volume(volume)
    assert written(line.sent[-1], "VOL") == pytest.approx(target, rel=1e-12)


# -- driver: transcripts, as the manual has them


def basic(said):
    return b"\x02" + said + b"\x03"


def safe(text):
    """A packet to or from the pump in safe mode."""
    return encode(text, 0, safe=True)


GREETING = [
    (b"VER\r", basic(b"00A?R")),  # switched on since
    (b"VER\r", basic(b"00SNE1000V3.928")),
]
SYRINGE = [
    (b"SAF30\r", basic(b"00S")),
    (safe("DIA14.57"), safe("00S")),
    (safe("VOLML"), safe("00S")),
]
START = [
    (safe("DIRINF"), safe("00S")),
    (safe("RAT50.00UM"), safe("00S")),
    (safe("RAT"), safe("00S50.00UM")),
    (safe("VOL0.800"), safe("00S")),
    (safe("RUN"), safe("00I")),
]


def driven(*exchanges):
    line = Transcript([*GREETING, *SYRINGE, *exchanges])
    pump = NewEra(line, 0)
    assert pump.connect().name == "NE1000V3.928"
    pump.configure(14.57, 10000)
    return pump, line


def start(pump):
    pump.set_flow(50.0)
    pump.set_target(800.7)
    pump.run()


def test_a_motion_from_greeting_to_rest():
    pump, line = driven(
        *START,
        (safe("DIS"), safe("00II0.400W0.000ML")),
        (safe("RAT"), safe("00I50.00UM")),
        (safe("DIS"), safe("00SI0.800W0.000ML")),
        (safe("STP"), safe("00S?NA")),
        (safe("CLDINF"), safe("00S")),
        (safe("CLDWDR"), safe("00S")),
    )
    start(pump)
    moving = pump.status()
    assert (moving.state, moving.flow, moving.volume) == ("infusing", 50.0, 400.0)
    done = pump.status()
    assert (done.state, done.flow, done.volume) == ("target", 0.0, 800.0)
    pump.stop()
    pump.clear_volumes()
    assert line.left == []


@pytest.mark.parametrize("ahead", [True, False])
def test_the_answer_to_the_watchdog_comes_in_either_mode(ahead):
    answer = safe("00S") if ahead else basic(b"00S")
    line = Transcript([*GREETING, (b"SAF30\r", answer), *SYRINGE[1:]])
    pump = NewEra(line, 0)
    pump.connect()
    pump.configure(14.57, 10000)
    assert line.left == []


def test_a_running_pump_is_stopped_by_two_commands_and_a_look():
    pump, line = driven(
        *START,
        (safe("STP"), safe("00P")),
        (safe("STP"), safe("00S")),
        (safe(""), safe("00S")),
    )
    start(pump)
    pump.stop()
    assert line.left == []


def test_a_pump_that_runs_on_is_said():
    pump, _ = driven(
        *START, (safe("STP"), safe("00I")), (safe("STP"), safe("00I")), (safe(""), safe("00I"))
    )
    start(pump)
    with pytest.raises(PumpError, match="told to stop but is infusing: switch it off"):
        pump.stop()


def test_a_stall_is_a_state_and_stays_until_it_is_greeted_again():
    rest = (safe("DIS"), safe("00SI0.100W0.000ML"))
    pump, line = driven(*START, (safe("DIS"), safe("00A?S")), rest, rest)
    start(pump)
    assert pump.status().state == "stalled"
    assert pump.status().state == "stalled"
    line.left = [(safe("VER"), safe("00SNE1000V3.928")), rest]
    pump.connect()
    assert pump.status().state == "idle"


def test_an_alarm_that_comes_unasked_is_kept():
    pump, line = driven(*START, (safe("DIS"), safe("00SI0.100W0.000ML")))
    start(pump)
    line.hear(safe("01A?S"))  # of another pump
    line.hear(safe("00A?T"))
    with pytest.raises(PumpError, match="has heard nobody for too long: look at the pump"):
        pump.status()


def test_an_alarm_that_comes_unasked_and_garbled_is_none():
    pump, line = driven((safe("DIS"), safe("00SI0.000W0.000ML")))
    line.hear(safe("00A?P"))
    assert pump.status().state == "idle"


def test_an_alarm_of_another_pump_that_comes_with_a_reply_is_handed_on():
    pump, line = driven((safe("DIS"), safe("03A?S") + safe("00SI0.000W0.000ML")))
    other = NewEra(line, 3)
    other._safe = True  # as after its greeting
    assert pump.status().state == "idle"
    line.left = [(encode("DIS", 3, safe=True), safe("03SI0.000W0.000ML"))]
    assert other.status().state == "stalled"


def test_a_pump_left_in_safe_mode_is_found():
    class Deaf(Transcript):
        """Hears packets only."""

        def exchange(self, request, framing, parse, *, repeat):
            if request.endswith(b"\r"):
                raise NoReplyError("no reply")
            return super().exchange(request, framing, parse, repeat=repeat)

    line = Deaf([(safe("VER"), safe("00SNE500V3.6"))])
    assert NewEra(line, 0).connect().name == "NE500V3.6"


@pytest.mark.parametrize(
    ("data", "words"),
    [("?", "command not known"), ("?NA", "not applicable now"), ("?OOR", "out of range")],
)
def test_refusals_in_words(data, words):
    pump, _ = driven((safe("DIRINF"), safe(f"00S{data}")))
    with pytest.raises(InstrumentError) as refused:
        pump.set_flow(50.0)
    assert str(refused.value) == f"pump 0 on transcript refused 'DIRINF': {data} ({words})"


@pytest.mark.parametrize("data", ["?COM", "?IGN"])
def test_what_it_did_not_take_for_the_moment_is_to_be_sent_again(data):
    pump, _ = driven((safe("DIRINF"), safe(f"00S{data}")))
    with pytest.raises(BusyError, match="the pump calls 'DIRINF'"):
        pump.set_flow(50.0)


def test_another_instrument_is_not_taken_for_a_pump():
    line = Transcript([(b"VER\r", basic(b"00SX100"))])
    with pytest.raises(InstrumentError, match="is no New Era pump: it calls itself 'X100'"):
        NewEra(line, 0).connect()


def test_a_target_of_nothing_is_refused():
    pump, _ = driven()
    with pytest.raises(InstrumentError, match="cannot stop by itself after"):
        pump.set_target(0.4)


def test_flows_that_the_syringe_allows():
    pump, _ = driven()
    low, high = pump.flow_range()
    area = math.pi / 4 * 1.457**2
    assert low == pytest.approx(0.004205 / 60 * area * 1e3)
    assert high == pytest.approx(5.1005 * area * 1e3)
