"""Who is at the rig while a product is made, and how a plan asks them."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from reactune.analysis.written import quoted
from reactune.devices.rig.flow_rig import FlowRig

from ..saying import say
from ..stubs import act

SPARE = 120.0
"""Lab s that the flow goes on while somebody is looked for."""

_GLANCE = 0.1  # wall s between looks at whether somebody has answered


class Attendant(Protocol):
    """Who is at the rig; asked in a thread of its own, and may take long. False: nobody answers."""

    def flask(self, volume: float, minutes: float) -> bool:
        """Ask for a flask under the outlet, now: for so much [mL], in so many minutes."""

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
        print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - a prompt has no line
        line = sys.stdin.readline()
        if not line:
            say("nobody answers: the input has ended", to=sys.stderr)
            return False
        answer = line.strip().lower()
        if not wanted and answer not in ("", "stop"):
            return self._asked(f"{quoted(line.strip())}? Enter alone goes on, stop ends it: ")
        return answer == wanted


def answered(ask: Callable[[], bool], rig: FlowRig | None = None) -> MsgGenerator[bool]:
    """Ask somebody; the flow of a rig is paused if that takes long."""
    answer: Future[bool] = Future()
    threading.Thread(target=_ask, args=(ask, answer), name="attendant", daemon=True).start()
    began = rig.clock.now() if rig is not None else 0.0
    while not answer.done():
        yield from bps.sleep(_GLANCE)  # an abort comes here
        flowing = rig is not None and rig.feed.since is not None
        if rig is not None and flowing and rig.clock.now() - began > SPARE:
            yield from act(rig.pause_flow)
    return answer.result()


def _ask(ask: Callable[[], bool], answer: Future[bool]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - whatever it is, the plan hears of it
        answer.set_exception(error)
