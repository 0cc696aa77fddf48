import pytest

from reactune.devices.protocols.transport import GarbledError
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


def test_a_turn():
    line = Transcript(
        [
            (b"IFM0\r", b""),
            (b"CP\r", b"CPA\r"),
            (b"GOB\r", b""),
            (b"CP\r", b"CPA\r"),  # it still turns
            (b"CP\r", b"CPB\r"),
        ]
    )
    valve = ViciValve(line)
    valve.connect()
    valve.go("B")
    assert [valve.position(), valve.position()] == ["A", "B"]
    assert line.left == []
