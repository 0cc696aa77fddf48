"""What a journal holds and will hold, kept small: a long run stays in memory until it ends."""

import zlib

BLOCK = 2**16
"""Bytes that are packed together."""


class Content:
    """Bytes that only grow; all but the last of them are compressed.

    Journal lines repeat each other's keys, so they take about a sixth of their length.

    Parameters
    ----------
    first : bytes
        What it begins with.
    """

    def __init__(self, first: bytes) -> None:
        self._packed: list[bytes] = []
        self._packed_length = 0
        self._tail = bytearray()
        self.append(first)

    def __len__(self) -> int:
        return self._packed_length + len(self._tail)

    def append(self, more: bytes) -> None:
        """Add bytes at the end."""
        self._tail += more
        if len(self._tail) >= BLOCK:
            self._packed.append(zlib.compress(self._tail, 1))
            self._packed_length += len(self._tail)
            self._tail = bytearray()

    def since(self, start: int) -> bytes:
        """Give the bytes from position `start` to the end."""
        if start >= self._packed_length:
            return bytes(self._tail[start - self._packed_length :])
        return b"".join((*map(zlib.decompress, self._packed), self._tail))[start:]
