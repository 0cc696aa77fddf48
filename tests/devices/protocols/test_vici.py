import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactune.devices.protocols.transport import GarbledError, InstrumentError, NoReplyError
from reactune.devices.protocols.vici import (
    ViciSelector,
    ViciValve,
    decode_number,
    decode_position,
)
from tests.devices.protocols.transcript import Transcript


@pytest.mark.parametrize(
    ("raw", "position"),
    [
        (b"CPA\r", "A"),
        (b"CPB\r", "B"),
        (b"A\r", "A"),
        (b'Position is = "B"\r', "B"),
        (b'Position is  = "A"\r\n', "A"),
    ],
)
def test_position(raw, position):
    assert decode_position(raw) == position


@pytest.mark.parametrize("raw", [b"", b"\r", b"CPC\r", b"CPAB\r", b'"CP" = Bad command\r', b"CPA"])
def test_position_refuses(raw):
    with pytest.raises(GarbledError):
        decode_position(raw)


GREETING = [
    (b"CP\r", b"CPA\r"),
    (b"IFM0\r", b""),
    (b"VR\r", b"I-PD-AMHX88RD1\r"),
]


def test_a_turn():
    line = Transcript(
        [
            *GREETING,
            (b"GOB\r", b""),
            (b"CP\r", b"CPA\r"),  # it still turns
            (b"CP\r", b"GOB\rCPB\r"),  # some give back what they are told
        ]
    )
    valve = ViciValve(line)
    assert valve.connect().name == "I-PD-AMHX88RD1"
    valve.go("B")
    assert [valve.position(), valve.position()] == ["A", "B"]
    assert line.left == []


def test_a_valve_with_a_device_id():
    line = Transcript(
        [(b"3" + sent, b"3" + received if received else b"") for sent, received in GREETING]
    )
    valve = ViciValve(line, "3")
    assert valve.connect().facts == {"device ID": "3"}
    assert line.left == []


def test_a_device_id_that_the_rig_file_does_not_give_is_named():
    class Shy(Transcript):
        """Hears only its own ID, and what is for all."""

        def exchange(self, request, framing, parse, *, repeat):
            if request == b"CP\r":
                raise NoReplyError("no reply")
            return super().exchange(request, framing, parse, repeat=repeat)

    with pytest.raises(InstrumentError, match='add id = "3" to '):
        ViciValve(Shy([(b"*CP\r", b"3CPB\r")])).connect()


@given(
    id_=st.sampled_from(["", "3", "B"]),
    letter=st.sampled_from("AB"),
    form=st.sampled_from(["CP{}", "{}", 'Position is = "{}"', 'Position is  = "{}"']),
    before=st.lists(st.sampled_from(["GOA", "GOB", "CW", "IFM0"]), max_size=2),
    end=st.sampled_from(["\r", "\r\n"]),
)
def test_positions_in_every_form_are_read(id_, letter, form, before, end):
    reply = "".join(f"{id_}{told}{end}" for told in before) + id_ + form.format(letter) + end
    assert decode_position(reply.encode()) == letter


# ---- of many positions ---------------------------------------------------------------------------


@given(
    id_=st.sampled_from(["", "3", "B"]),
    number=st.integers(1, 40),
    form=st.sampled_from(["CP{:02d}", "CP{}", "Position is = {}", 'Position is  = "{}"']),
    before=st.lists(st.sampled_from(["GO3", "GO12", "CW", "IFM0"]), max_size=2),
    end=st.sampled_from(["\r", "\r\n"]),
)
def test_numbers_in_every_form_are_read(id_, number, form, before, end):
    reply = "".join(f"{id_}{said}{end}" for said in before) + id_ + form.format(number) + end
    assert decode_number(reply.encode()) == number


@pytest.mark.parametrize(
    "raw", [b"", b"\r", b"12\r", b"CPA\r", b"CP123\r", b'"CP" = Bad command\r', b"CP3"]
)
def test_a_number_is_refused(raw):
    with pytest.raises(GarbledError):
        decode_number(raw)


MANY = [(b"AM\r", b"AM3\r"), (b"IFM0\r", b""), (b"NP\r", b"NP08\r"), (b"VR\r", b"I-PD\r")]


def test_a_turn_to_one_of_many():
    line = Transcript([*MANY, (b"GO05\r", b""), (b"CP\r", b"CP01\r"), (b"CP\r", b"CP05\r")])
    valve = ViciSelector(line)
    greeted = valve.connect()
    assert (greeted.name, greeted.facts["positions"]) == ("I-PD", "8")
    valve.go(5)
    assert [valve.position(), valve.position()] == [1, 5]
    assert line.left == []


def test_an_actuator_of_two_positions_is_no_selector():
    with pytest.raises(InstrumentError, match="set to mode AM1, of two positions: send it AM3"):
        ViciSelector(Transcript([(b"AM\r", b"AM1\r")])).connect()
