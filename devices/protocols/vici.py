"""VICI valve actuators, of two positions and of many; codec and drivers.

Source: VICI manual of the universal actuators EUT, EUD and EUH/EUA, p. 14-19: commands GO, CP, AM,
NP, IFM, ID; lines end with CR. Requests and answers may carry the device ID that the actuator was
given; `*` in its place speaks to all.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from .framing import Framing
from .roles import Identity
from .transport import GarbledError, InstrumentError, NoReplyError, Transport

_Answer = TypeVar("_Answer")

_POSITION = re.compile(rb'([0-9A-Za-z])??(?:CP|[^"\r]*= ?)?"?([AB])"?\r\n?')
_OF_MANY = re.compile(rb'([0-9A-Za-z])??(?:CP|[^"\r]*= ?)"?0*(\d{1,2})"?\r\n?')
_SETTING = re.compile(rb"[0-9A-Za-z]??(AM|NP) ?=? ?0*(\d{1,2})\r\n?")
_ACTION = re.compile(  # some give it back
    rb"(?:[0-9A-Za-z*]??(?:GO(?:[AB]|\d{1,2})?|CW|CC|IFM\d?)\r\n?)*"
)


def _position(reply: bytes, form: re.Pattern[bytes] = _POSITION) -> re.Match[bytes] | None:
    """Match a position, behind what the actuator gives back of commands before."""
    return form.fullmatch(reply, _ACTION.match(reply).end())  # type: ignore[union-attr]


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


def decode_number(reply: bytes) -> int:
    r"""Return the position of many in `CP03\r` or `Position is = 3\r`, with or without an ID.

    Raises
    ------
    GarbledError
        If it is none.
    """
    match = _position(reply, _OF_MANY)
    if match is None:
        raise GarbledError(f"{reply!r} is not the number of a valve position")
    return int(match[2])


class _Actuator:
    """What actuators of two and of many positions share.

    Parameters
    ----------
    transport : Transport
        The line.
    id_ : str
        Its device ID, a digit or letter; empty if it was given none.
    """

    _what = "valve"

    def __init__(self, transport: Transport, id_: str = ""):
        self.transport = transport
        name = f"{self._what} {id_}" if id_ else self._what
        self.name = f"{name} on {transport.url}"
        self._id = id_

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

    def _ask(self, query: str, decode: Callable[[bytes], _Answer]) -> _Answer:
        request = f"{query}\r".encode("ascii")
        return self.transport.exchange(request, _FRAMING, decode, repeat=True)


class ViciValve(_Actuator):
    """A two-position actuator."""

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
                    f'{self.name} has the device ID {found}: add id = "{found}" to its table of '
                    "the rig file"
                ) from None
            raise
        self.transport.send(f"{self._id}IFM0\r".encode("ascii"))
        return Identity(self._version(), {"device ID": self._id or "none"})

    def position(self) -> str:
        """Return `A` or `B`."""
        return self._ask(f"{self._id}CP", decode_position)

    def go(self, position: str) -> None:
        """Start turning to `A` or `B`; harmless if it is there. Never the toggle command."""
        self.transport.send(f"{self._id}GO{position}\r".encode("ascii"))


class ViciSelector(_Actuator):
    """A multiposition actuator: mode AM3 of the manual, `NP` positions from 1 on."""

    _what = "selector"

    def connect(self) -> Identity:
        """Switch off unsolicited replies, check that it answers, and return what it is.

        Raises
        ------
        TransportError
            If it does not answer.
        InstrumentError
            If it is a two-position actuator.
        """
        mode = self._setting("AM")  # first: a read tells, too, whether the line echoes
        if mode != 3:
            raise InstrumentError(
                f"{self.name} is set to mode AM{mode}, of two positions: send it AM3 and NP with "
                "the number of its positions, or name the line of the multiposition valve"
            )
        self.transport.send(f"{self._id}IFM0\r".encode("ascii"))
        facts = {"positions": str(self.positions()), "device ID": self._id or "none"}
        return Identity(self._version(), facts)

    def positions(self) -> int:
        """Return how many there are."""
        return self._setting("NP")

    def position(self) -> int:
        """Return where it is, from 1 on."""
        return self._ask(f"{self._id}CP", decode_number)

    def _setting(self, name: str) -> int:
        def decode(reply: bytes) -> int:
            match = _position(reply, _SETTING)
            if match is None or match[1] != name.encode():
                raise GarbledError(f"{reply!r} is no answer to {name}")
            return int(match[2])

        return self._ask(f"{self._id}{name}", decode)

    def go(self, position: int) -> None:
        """Start turning to a position; harmless if it is there. Never `GO` alone, a step on."""
        self.transport.send(f"{self._id}GO{position:02d}\r".encode("ascii"))
