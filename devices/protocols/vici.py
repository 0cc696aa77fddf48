"""VICI two-position valve actuators; codec and driver.

Source: VICI manual EUH/EUA: commands GOA, GOB, CP, IFM0, lines end with CR.
"""

import re

from .transport import GarbledError, Transport, ends_with

_CR = ends_with(b"\r")


def decode_position(reply: bytes) -> str:
    r"""Return `A` or `B` from `CPA\r`, `A\r` or `Position is = "A"\r`."""
    match = re.fullmatch(rb'(?:CP|[^"\r]*= ?)?"?([AB])"?\r\n?', reply)
    if match is None:
        raise GarbledError(f"{reply!r} is not a valve position")
    return match[1].decode()


class ViciValve:
    """A two-position actuator."""

    def __init__(self, transport: Transport):
        self.transport = transport
        self.name = f"valve on {transport.url}"

    def connect(self) -> None:
        """Switch off unsolicited replies and check that it answers."""
        self.transport.send(b"IFM0\r")
        self.position()

    def position(self) -> str:
        """Return `A` or `B`."""
        return self.transport.exchange(b"CP\r", _CR, decode_position, repeat=True)

    def go(self, position: str) -> None:
        """Start turning to `A` or `B`; harmless if it is there. Never the toggle command."""
        self.transport.send(f"GO{position}\r".encode("ascii"))
