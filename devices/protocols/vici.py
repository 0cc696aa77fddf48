"""VICI two-position valve actuators; codec and driver.

Source: VICI manual EUH/EUA p. 14-19: commands GOA, GOB, CP, IFM, ID; lines end with CR. Requests
and answers may carry the device ID that the actuator was given; `*` in its place speaks to all.
"""

import re
from collections.abc import Callable

from .framing import Framing
from .roles import Identity
from .transport import GarbledError, InstrumentError, NoReplyError, Transport

_POSITION = re.compile(rb'([0-9A-Za-z])??(?:CP|[^"\r]*= ?)?"?([AB])"?\r\n?')
_ACTION = re.compile(rb"(?:[0-9A-Za-z*]??(?:GO[AB]?|CW|CC|IFM\d?)\r\n?)*")  # some give it back


def _position(reply: bytes) -> re.Match[bytes] | None:
    """Match a position, behind what the actuator gives back of commands before."""
    return _POSITION.fullmatch(reply, _ACTION.match(reply).end())  # type: ignore[union-attr]


def complete(buffer: bytes) -> bool:
    """Whether `buffer` ends with a line that is more than a command given back."""
    return buffer.endswith((b"\r", b"\r\n")) and _ACTION.fullmatch(buffer) is None


_FRAMING = Framing(complete)
_UNTIL_SILENCE = Framing(lambda _: False, or_silence=True)


def decode_position(reply: bytes) -> str:
    r"""Return `A` or `B` from `CPA\r`, `A\r` or `Position is = "A"\r`, with or without an ID.

    Raises
    ------
    GarbledError
        If it is no position.
    """
    match = _position(reply)
    if match is None:
        raise GarbledError(f"{reply!r} is not a valve position")
    return match[2].decode()


def decode_id(reply: bytes) -> str:
    r"""Return the ID in front of a position such as `3CPA\r`; empty if there is none."""
    decode_position(reply)
    match = re.match(rb"([0-9A-Za-z])CP", reply)
    return match[1].decode() if match else ""


class ViciValve:
    """A two-position actuator.

    Parameters
    ----------
    transport : Transport
        The line.
    id_ : str
        Its device ID, a digit or letter; empty if it was given none.
    """

    def __init__(self, transport: Transport, id_: str = ""):
        self.transport = transport
        self.name = f"valve {id_} on {transport.url}" if id_ else f"valve on {transport.url}"
        self._id = id_

    def connect(self) -> Identity:
        """Switch off unsolicited replies, check that it answers, and return what it is.

        Raises
        ------
        TransportError
            If it does not answer.
        InstrumentError
            If it answers only by an ID that the rig file does not give.
        """
        try:
            self.position()  # first: a read tells, too, whether the line echoes
        except NoReplyError:
            if not self._id and (found := self._ask("*CP", decode_id)):
                raise InstrumentError(
                    f'{self.name} has the device ID {found}: add id = "{found}" to [valve] of the '
                    "rig file"
                ) from None
            raise
        self.transport.send(f"{self._id}IFM0\r".encode("ascii"))
        return Identity(self._version(), {"device ID": self._id or "none"})

    def position(self) -> str:
        """Return `A` or `B`."""
        return self._ask(f"{self._id}CP", decode_position)

    def _version(self) -> str:
        """Return what it says to `VR`: firmware, in one line or two; empty if it does not know."""

        def decode(reply: bytes) -> str:
            text = " ".join(reply.decode("ascii", "replace").split())
            return "" if "Bad command" in text else text

        request = f"{self._id}VR\r".encode("ascii")
        try:
            return self.transport.exchange(request, _UNTIL_SILENCE, decode, repeat=False)
        except (NoReplyError, GarbledError):
            return ""

    def _ask(self, query: str, decode: Callable[[bytes], str]) -> str:
        request = f"{query}\r".encode("ascii")
        return self.transport.exchange(request, _FRAMING, decode, repeat=True)

    def go(self, position: str) -> None:
        """Start turning to `A` or `B`; harmless if it is there. Never the toggle command."""
        self.transport.send(f"{self._id}GO{position}\r".encode("ascii"))
