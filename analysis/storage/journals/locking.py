"""Locks on files that end with the process; where the system has none, nobody is kept out."""

import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ...files import msvcrt

_BEYOND = 1 << 30
"""Where Windows locks a byte: it keeps readers from what it locks, and no such file is as long."""


def lock(fd: int, *, shared: bool = False) -> None:
    """Lock an open file against every other process, or with `shared` against who writes it.

    Raises
    ------
    BlockingIOError
        If another has it locked.
    OSError
        Where the file system knows no locks.
    """
    if fcntl is not None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    elif msvcrt is not None:  # which has no shared locks: who only looks is alone for that long
        os.lseek(fd, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None
