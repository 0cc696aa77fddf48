"""What keeps a campaign from being run, in one sentence for the user."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class UserError(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


class RigTroubleError(Exception):
    """The hardware cannot be worked with; the text says which instrument and why."""


@contextlib.contextmanager
def told(*kinds: type[Exception], file: Path | None = None) -> Iterator[None]:
    """Hand errors whose text is a sentence for the user on as such.

    A key or an index that is not there is none, though it is a `LookupError`: the mistake is ours.

    Parameters
    ----------
    kinds : type
    file : Path, optional
        File or folder that is written to: the system does not say which one a full disk kept from
        growing.
    """
    try:
        yield
    except kinds as error:
        if type(error) in (KeyError, IndexError):
            raise
        raise UserError(in_words(error, file)) from error


def in_words(error: Exception, file: Path | None = None) -> str:
    """Say what is wrong; of a call of the system, with which file, and what to do about it."""
    if isinstance(error, OSError) and error.strerror and (name := error.filename or file):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = "free space on its disk" if full else "look at its path and rights"
        return f"{name} cannot be used ({error.strerror}): {cure}"
    return str(error)
