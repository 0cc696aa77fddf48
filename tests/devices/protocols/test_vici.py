import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactune.devices.protocols.transport import GarbledError, InstrumentError, NoReplyError
from reactune.devices.protocols.vici import ViciValve, decode_position
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
