"""How a table comes onto the disk: whole or not at all, and by one at a time."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from ..files import OPEN_KEEPS_NAME, replace_file
from ..storage.journals.locking import lock
from ..written import check_text

PATIENCE = 20.0
"""How long another is waited for [s]; an ask takes seconds."""

_AGAIN = 0.05  # s
_HELD: ContextVar[frozenset[Path]] = ContextVar("_HELD", default=frozenset())


class SheetError(ValueError):
    """A table cannot be read or written; one sentence with file, reason and cure."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other process and thread from adding to a table; within it again is harmless.

    The lock is on a hidden file beside the table, which itself is replaced when something is added.
    It ends with the process, however that ends; where there are no locks nobody is kept out.

    Raises
    ------
    SheetError
        If another is at it for longer than is waited.
    """
    try:
        target = Path(os.path.realpath(path))  # two links may name one table
    except (OSError, ValueError):  # told when it is read
        target = path
    mark = target.with_name(f".{target.name}.lock") if target.name else target
    if mark in _HELD.get():
        yield
        return
    fd = _taken(path, mark)
    token = _HELD.set(_HELD.get() | {mark})
    try:
        yield
    finally:
        _HELD.reset(token)
        if fd is not None:
            _give_back(fd, mark)


def _taken(path: Path, mark: Path) -> int | None:
    """Wait for the lock, and give its file; None where locks are not to be had."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while True:
        try:
            fd = _opened(mark)
        except (OSError, ValueError):  # the folder is read-only or missing: told when it is written
            return None
        try:
            lock(fd)
            if os.path.samestat(os.fstat(fd), mark.stat()):
                return fd
        except (BlockingIOError, FileNotFoundError):
            pass  # another has it, or has just removed it
        except OSError:  # a network folder, perhaps
            _give_back(fd, mark)
            return None
        os.close(fd)
        if time.monotonic() > end:
            raise SheetError(
                f"{path} is in use by another reactune, and nothing is added to it; ask again when "
                "that is done"
            )
        pause.wait(_AGAIN)


def _opened(mark: Path) -> int:
    try:
        return os.open(mark, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # left behind by somebody else
        return os.open(mark, os.O_RDONLY)


def _give_back(fd: int, mark: Path) -> None:
    """Remove the file while it is locked, or after that where an open one cannot be removed."""
    with suppress(OSError):
        mark.unlink()
    os.close(fd)
    if OPEN_KEEPS_NAME:
        with suppress(OSError):
            mark.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of another, whole or not at all.

    Raises
    ------
    SheetError
        If it is open in a spreadsheet, or cannot be written; then nothing is changed.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    for one in (path, target):
        for sign in (f".~lock.{one.name}#", f"~${one.name}"):
            if one.with_name(sign).exists():
                raise SheetError(
                    f"{path} is open in a spreadsheet ({sign} is beside it), which would overwrite "
                    "what is added; save and close it there, and ask again"
                )
    there = target.exists()
    if there and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        raise SheetError(
            f"{path} is read-only, and nothing is added to it; see to its rights, or ask with a "
            "copy of it"
        )
    try:
        check_text(path.name)
        replace_file(target, content)
    except FileNotFoundError:
        raise SheetError(
            f"{path} cannot be written: there is no folder {target.parent}; make it, or name a "
            "file elsewhere"
        ) from None
    except PermissionError as error:
        raise SheetError(
            f"{path} cannot be written ({error.strerror}): close it if a spreadsheet has it open, "
            "and see to the rights of its folder"
        ) from None
    except OSError as error:
        raise SheetError(f"{path} cannot be written: {error.strerror}") from None
