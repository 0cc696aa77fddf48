"""Locks on files that end with the process; where the system has none, nobody is kept out."""

try:
    import fcntl
except ImportError:  # Windows, where one session at a time has to write
    fcntl = None  # type: ignore[assignment]


def lock(fd: int, *, shared: bool = False, wait: bool = False) -> None:
    """Lock an open file against every other process, or with `shared` against who writes it.

    With `wait` as soon as nobody else has it: for what takes no time.

    Raises
    ------
    BlockingIOError
        If another has it locked.
    OSError
        Where the file system knows no locks.
    """
    if fcntl is not None:
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(fd, how if wait else how | fcntl.LOCK_NB)
