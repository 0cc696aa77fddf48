"""One writer per folder."""

import fcntl
import os
from pathlib import Path

_NAME = "writer.lock"


class CatalogueBusy(RuntimeError):  # noqa: N818 - says what is, and may be waited for
    """Another process writes this catalogue."""


class WriterLock:
    """Makes its holder the one writer of `folder`; ends with the process, however that ends.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    CatalogueBusy
        When another process writes there, or this one already.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self._fd, 32).decode() or "unknown"
            os.close(self._fd)
            who = "this process" if pid == str(os.getpid()) else f"process {pid}"
            raise CatalogueBusy(
                f"The catalogue {folder} is being written by {who}: wait until it ends, "
                f"close it there, or choose another folder."
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Let others write."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def writer_lives(folder: Path) -> bool:
    """Whether the process named in the lock file is alive."""
    try:
        os.kill(int((folder / _NAME).read_text()), 0)
    except PermissionError:
        return True  # somebody else's, but there
    except (OSError, ValueError):
        return False
    return True
