"""One process at a time files runs in the store of a folder."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ..files import open_file, read_at, write_at
from .journals.locking import lock


class CatalogueBusy(RuntimeError):  # noqa: N818 - says what is, and may be waited for
    """Another process files runs in this catalogue."""


class StoreLock:
    """Makes its holder the one who files in `folder`; ends with the process, however that ends.

    It is held while there is something to file, and not by a session that waits. Journals need no
    such lock: each has its own.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    undisturbed : bool
        Whether nobody else has had it since it was last given back: what is open still is as it is
        on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "writer.lock"
        self._mark = f"{os.getpid()} {uuid4()}".encode()
        self._fd: int | None = None
        self.undisturbed = False

    @property
    def held(self) -> bool:
        """Whether this one holds it."""
        return self._fd is not None

    def take(self) -> bool:
        """Take it, unless another holds it; whether it is held then.

        Raises
        ------
        OSError
            When the folder cannot be written to.
        """
        if self._fd is not None:
            return True
        fd = open_file(self._path, os.O_CREAT)
        try:
            lock(fd)
            self.undisturbed = read_at(fd, 100, 0) == self._mark
            os.ftruncate(fd, 0)
            write_at(fd, self._mark, 0)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def holder(self) -> str:
        """Say which process holds it or did last."""
        with suppress(OSError, IndexError):
            return f"process {self._path.read_text('utf-8', 'replace').split()[0]}"
        return "another process"

    def give_back(self) -> None:
        """Let others file; again is harmless."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class NoLock:
    """In place of a `StoreLock` where any number may file at once: in a server's catalogue."""

    held = True
    undisturbed = True

    def take(self) -> bool:
        """Nobody is kept out."""
        return True

    def holder(self) -> str:
        """Nobody has it."""
        return "another process"

    def give_back(self) -> None:
        """Nothing is held."""
