import math

import pytest

from reactune.devices.protocols.scpi import decode_volts
from reactune.devices.protocols.transport import GarbledError


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
