"""Files as every system has them.

Windows knows no pread, opens no folder, and keeps the name of a file for as long as it is open.
"""

import os
import tempfile
from pathlib import Path

try:
    import msvcrt
except ImportError:  # everywhere else
    msvcrt = None  # type: ignore[assignment]

__all__ = [
    "OPEN_KEEPS_NAME",
    "msvcrt",
    "open_file",
    "read_at",
    "replace_file",
    "sync_folder",
    "write_at",
]

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


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of another, whole or not at all, and so that a power cut keeps one.

    Raises
    ------
    OSError
        If it cannot be written; then the other is as it was.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Have the names in a folder survive a power cut as well, where a system can be asked to."""
    if OPEN_KEEPS_NAME:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
