"""Files as every system has them.

Windows knows no pread, opens no folder, and keeps the name of a file for as long as it is open.
"""

import os

try:
    import msvcrt
except ImportError:  # everywhere else
    msvcrt = None  # type: ignore[assignment]

__all__ = ["OPEN_KEEPS_NAME", "msvcrt", "open_file", "read_at", "sync_folder", "write_at"]

OPEN_KEEPS_NAME = msvcrt is not None
"""Whether a file that is open can be neither renamed nor removed."""

_BYTES: int = getattr(os, "O_BINARY", 0)


def open_file(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file to read and write bytes, made if the further `flags` say so."""
    return os.open(path, os.O_RDWR | _BYTES | flags, 0o644)


def read_at(fd: int, count: int, start: int) -> bytes:
    """Read so many bytes from a place on, or fewer; the next ones are then read from their end."""
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, count)


def write_at(fd: int, data: bytes | bytearray | memoryview, start: int) -> int:
    """Write bytes from a place on; how many of them the disk took."""
    os.lseek(fd, start, os.SEEK_SET)
    return os.write(fd, data)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Have the names in a folder survive a power cut as well, where a system can be asked to."""
    if OPEN_KEEPS_NAME:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
