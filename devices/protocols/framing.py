"""How the end of a reply is known."""

from collections.abc import Callable
from typing import NamedTuple


class Framing(NamedTuple):
    """How the end of a reply is known.

    Attributes
    ----------
    complete : callable
        Tells from the bytes so far whether the reply is whole.
    or_silence : bool
        Whether 0.1 s without a byte ends it, too.
    """

    complete: Callable[[bytes], bool]
    or_silence: bool = False


def begins(buffer: bytes) -> str:
    """Say how a buffer begins, in a length fit for a sentence."""
    return repr(buffer) if len(buffer) <= 60 else f"{buffer[:40]!r} and so on"


def ends_with(terminator: bytes, or_silence: bool = False) -> Framing:
    """Return the framing of replies that end with `terminator`."""
    return Framing(lambda buffer: buffer.endswith(terminator), or_silence)
