"""The proof that nothing real moves behind a port."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class EmulationToken:
    """Proof that ports were opened by the emulator launcher; nothing else makes one.

    A simulated clock asks for it, because the look of an URL proves nothing: a terminal server
    and an emulator are both `socket://`.

    Attributes
    ----------
    urls : frozenset of str
        The ports behind which only emulators sit.
    """

    urls: frozenset[str]

    def __init__(self, urls: Iterable[str]):
        object.__setattr__(self, "urls", frozenset(urls))
