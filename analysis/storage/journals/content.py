"""What a journal holds and will hold, kept small: a long run is at hand until it ends."""

import tempfile
import weakref

from ...files import read_at, write_at

BLOCK = 2**16
"""Bytes that are put into the file together."""


class Content:
    """Bytes that only grow; all but the last of them in a nameless file of this process.

    The file is in the system's place for temporary ones, and gone with the process whatever becomes
    of it. What that disk does not take stays in memory.

    Parameters
    ----------
    first : bytes
        What it begins with.
    """

    def __init__(self, first: bytes) -> None:
        self._fd: int | None = None
        self._filed = 0
        self._tail = bytearray()
        try:
            file = tempfile.TemporaryFile(prefix="reactune-", buffering=0)  # noqa: SIM115
        except OSError:
            pass  # then it stays in memory
        else:
            self._fd = file.fileno()
            self._end = weakref.finalize(self, file.close)
        self.append(first)

    def __len__(self) -> int:
        return self._filed + len(self._tail)

    @property
    def closed(self) -> bool:
        """Whether it can be read no more."""
        return self._fd == -1

    def close(self) -> None:
        """Give up what is in the file; nothing can be read or added any more."""
        if self._fd is not None:
            self._end()
            self._fd = -1

    def append(self, more: bytes) -> None:
        """Add bytes at the end."""
        self._tail += more
        if self._fd is not None and len(self._tail) >= BLOCK:
            try:
                written = write_at(self._fd, self._tail, self._filed)
            except OSError:
                return  # with the next ones, perhaps
            self._filed += written
            del self._tail[:written]

    def since(self, start: int) -> bytes:
        """Give the bytes from position `start` to the end.

        Raises
        ------
        OSError
            When the disk does not give back what it has taken.
        """
        if start >= self._filed:
            return bytes(self._tail[start - self._filed :])
        parts = []
        while self._fd is not None and start < self._filed:
            if not (part := read_at(self._fd, self._filed - start, start)):
                raise OSError("a temporary file of this process has lost what was written")
            parts.append(part)
            start += len(part)
        return b"".join((*parts, self._tail))
