"""What keeps a campaign from being run, in one sentence for the user."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


class RigTroubleError(Exception):
    """The hardware cannot be worked with; the text says which instrument and why."""


@contextlib.contextmanager
def told(*kinds: type[Exception]) -> Iterator[None]:
    """Hand errors whose text is a sentence for the user on as such.

    A key or an index that is not there is none, though it is a `LookupError`: the mistake is ours.
    """
    try:
        yield
    except kinds as error:
        if type(error) in (KeyError, IndexError):
            raise
        raise UserError(in_words(error)) from error


def in_words(error: Exception) -> str:
    """Say what is wrong; of a call of the system, with which file."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename} cannot be used ({error.strerror}): look at its path and rights"
    return str(error)
