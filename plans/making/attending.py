"""Who is at the rig while a product is made."""

import sys
from typing import Protocol

from reactune.analysis.written import quoted

from ..saying import say


class Attendant(Protocol):
    """Who is at the rig; asked in a thread of its own, and may take long. False: nobody answers."""

    def flask(self, volume: float, minutes: float) -> bool:
        """Ask for a flask under the outlet, now: for so much [mL], in so many minutes."""

    def away(self) -> bool:
        """Ask to take the flask away for a while: the flow has paused, and is to be steady anew."""

    def waste(self) -> bool:
        """Ask to take the flask away, since what comes next is solvent."""

    def doubtful(self, told: str) -> bool:
        """Ask whether to go on although the product is not what was promised."""


class AtTerminal:
    """Asks who sits at the terminal; a line that is empty says yes, no line at all nobody.

    Any other line but ``stop`` is asked again: it ends nothing that the reactor has worked for.
    """

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
        say(question, to=sys.stderr, end="")
        line = sys.stdin.readline()
        if not line:
            say("nobody answers: the input has ended", to=sys.stderr)
            return False
        answer = line.strip().lower()
        if not wanted and answer not in ("", "stop"):
            return self._asked(f"{quoted(line.strip())}? Enter alone goes on, stop ends it: ")
        return answer == wanted
