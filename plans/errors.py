"""What keeps a campaign from being run, in one sentence for the user."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


class RigTroubleError(Exception):
    """The hardware cannot be worked with; the text says which instrument and why."""


@contextlib.contextmanager
def told(*kinds: type[Exception]) -> Iterator[None]:
    """Hand errors whose text is a sentence for the user on as such."""
    try:
        yield
    except kinds as error:
        raise UserError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    """Say what is wrong; of what the system refused, without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename} cannot be used ({error.strerror}); name another place"
    return str(error)
