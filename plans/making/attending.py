"""Who is at the rig while a product is made."""

import io
import select
import sys
from typing import Any, ClassVar, Protocol

from reactune.analysis.written import quoted

from ..errors import UserError
from ..saying import say

_TRIES = 10  # a person has found Enter or stop by then


class Attendant(Protocol):
    """Who is at the rig; asked in a thread of its own, and may take long. False: nobody answers."""

    def there(self) -> bool:
        """Say beforehand whether anybody can be asked at all."""

    def flask(self, volume: float, minutes: float) -> bool:
        """Ask for a flask under the outlet, now: for so much [mL], in so many minutes."""

    def away(self) -> bool:
        """Ask to take the flask away for a while: the flow has paused, and is to be steady anew."""

    def waste(self) -> bool:
        """Ask to take the flask away, since what comes next is solvent."""

    def doubtful(self, told: str) -> bool:
        """Ask whether to go on although the product is not what was promised."""


def check_attended(attendant: Attendant, *, valve: bool) -> None:
    """Refuse to make what needs a flask by hand, with nobody to put it there.

    Parameters
    ----------
    attendant : Attendant
    valve : bool
        Whether a collection valve leads the product into its flask.

    Raises
    ------
    UserError
    """
    if not valve and not attendant.there():
        raise UserError(
            "make: nobody can be asked to put a flask under the outlet, since there is no input or "
            "it has ended: make it at a terminal, or have a collection valve lead the product into "
            "the flask ([collection] in the rig file)"
        )


class AtTerminal:
    """Asks who sits at the terminal; a line that is empty says yes, no line at all nobody.

    Any other line but ``stop`` is asked again: it ends nothing that the reactor has worked for.

    Parameters
    ----------
    shared : bool
        Whether what is typed is also read by a session, which may be ahead of what it has done: an
        input that has ended then says nothing.
    """

    _ahead: ClassVar[tuple[Any, str]] = None, ""  # whose, and the line that was looked at

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared

    def there(self) -> bool:
        """See `Attendant`."""
        if sys.stdin is None or sys.stdin.closed:
            return False
        try:
            if sys.stdin.seekable():  # a file, or nothing: /dev/null
                here = sys.stdin.tell()
                ahead = sys.stdin.read(1)
                sys.stdin.seek(here)
                return bool(ahead)
            if self._shared or not select.select([sys.stdin], [], [], 0)[0]:
                return True  # nobody has typed anything yet
            pipe = sys.stdin.buffer
            if not isinstance(pipe, io.BufferedReader) or pipe.peek(1):
                return True
            return not sys.stdin.isatty() and bool(self._look_ahead())
        except (OSError, ValueError):  # no input of the system's: it will show
            return True

    @classmethod
    def _look_ahead(cls) -> str:
        """Read what the program has still kept of a pipe that has ended; it is the next answer.

        Who has read a line before, by `input`, was given that one alone: the lines after it have
        left the pipe, too. Nothing shows them but reading, which waits for nobody at its end.
        """
        cls._ahead = sys.stdin, cls._next_line()
        return cls._ahead[1]

    @classmethod
    def _next_line(cls) -> str:
        (whose, line), cls._ahead = cls._ahead, (None, "")
        return (line if whose is sys.stdin else "") or sys.stdin.readline()

    def flask(self, volume: float, minutes: float) -> bool:
        """See `Attendant`."""
        return self._asked(
            f"Steady. Put the flask under the outlet now, for {volume:g} mL in {minutes:.0f} min; "
            "Enter when it is there (stop to end): "
        )

    def away(self) -> bool:
        """See `Attendant`."""
        return self._asked(
            "In the meantime the flow has paused, and what flows at first is not the product. Take "
            "the flask away until you are asked for it again; Enter when it is away (stop to end): "
        )

    def waste(self) -> bool:
        """See `Attendant`."""
        return self._asked(
            "Take the flask away, and lead the outlet to waste for washing; Enter when that is "
            "done (stop to end): "
        )

    def doubtful(self, told: str) -> bool:
        """See `Attendant`."""
        return self._asked(f"NOT as promised: {told}.\nType yes to make it all the same: ", "yes")

    def _asked(self, question: str, wanted: str = "") -> bool:
        for _ in range(_TRIES):
            say(question, to=sys.stderr, end="")
            line = self._next_line()
            if not line:
                say("nobody answers: the input has ended", to=sys.stderr)
                return False
            answer = line.strip().lower()
            if wanted or answer in ("", "stop"):
                return answer == wanted
            question = f"{quoted(line.strip())}? Enter alone goes on, stop ends it: "
        say("nobody answers: something else was typed each time", to=sys.stderr)
        return False
