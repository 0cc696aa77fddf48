"""What emulated instruments share."""

from abc import ABC, abstractmethod
from typing import Protocol


class EmulatedLine(ABC):
    """An instrument whose commands end with one byte."""

    END: bytes

    def __init__(self) -> None:
        self._rest = b""

    def receive(self, data: bytes) -> bytes:
        """Take what has arrived, whole commands or pieces; return the answers to whole ones."""
        *lines, self._rest = (self._rest + data).split(self.END)
        return b"".join([self.answer(line.decode("ascii", "backslashreplace")) for line in lines])

    @abstractmethod
    def answer(self, line: str) -> bytes:
        """Do one command; return what is sent back, if anything."""


class EmulatedInstrument(Protocol):
    """An instrument as its line sees it."""

    def receive(self, data: bytes) -> bytes:
        """Take what has arrived, whole commands or pieces; return what is answered, if any."""
        ...
