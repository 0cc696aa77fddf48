"""Locks on files that end with the process; where the system has none, nobody is kept out."""

try:
    import fcntl
except ImportError:  # Windows, where one session at a time has to write
    fcntl = None  # type: ignore[assignment]


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
