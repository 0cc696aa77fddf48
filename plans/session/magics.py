"""bluesky's IPython magics on a rig: ``%wa``, ``%mov``, ``%movr``, ``%ct``.

bluesky's own take its progress bar for the RunEngine's ``waiting_hook`` and leave none behind: the
lab clock, which moves by that hook, would stand still. So these do the same with the session's.
Importing this makes the RunEngine that bluesky's magics bring along: do so in a session only.
"""

import math
from collections.abc import Callable
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
from bluesky import RunEngine
from bluesky.magics import BlueskyMagics, get_labeled_devices
from bluesky.utils import MsgGenerator, RunEngineInterrupted
from IPython.core.magic import Magics, line_magic, magics_class

from reactune.devices.rig.axes import Axis
from reactune.devices.rig.flow_rig import FlowRig

from ..saying import say

_ROW = "{:<20} {:>10} {:>10} {:>10} {:>10}  {}"


@magics_class
class RigMagics(Magics):
    """The magics of a session.

    Parameters
    ----------
    shell : InteractiveShell
    RE : RunEngine
        The session's.
    rig : FlowRig
    """

    def __init__(self, shell: Any, RE: RunEngine, rig: FlowRig) -> None:
        super().__init__(shell)
        self._names, self._RE, self._rig = shell.user_ns, RE, rig
        self._theirs: Any = BlueskyMagics(shell)

    @line_magic
    def mov(self, line: str) -> None:
        """Move: ``%mov rig.temperature 120 rig.flow_c60 100``."""
        self._move(bps.mv, line)

    @line_magic
    def movr(self, line: str) -> None:
        """Move by so much: ``%movr rig.temperature 5``."""
        self._move(bps.mvr, line)

    def _move(self, plan: Callable[..., MsgGenerator[Any]], line: str) -> None:
        words = line.split()
        if not words or len(words) % 2:
            say("say what is to move, and where to: %mov rig.temperature 120")
            return
        self._run(plan(*(eval(word, self._names) for word in words)))

    @line_magic
    def ct(self, line: str) -> None:
        """Read what is labelled so (by default ``detectors``); the run is stored like any other."""
        labelled = self._labelled()
        labels = line.split() or ["detectors"]
        devices = [device for label in labels for _, device in labelled.get(label, [])]
        if devices:
            self._run(bp.count(devices))
        else:
            say(f"nothing is labelled {' or '.join(labels)}; there are {', '.join(labelled)}")

    @line_magic
    def wa(self, line: str) -> None:
        """Say where all axes are: what they were set to, and what is there now."""
        labelled, axes = self._labelled(), self._rig.axes.named.values()
        if not line.strip() or "axes" in line.split():
            say(_ROW.format("axis", "set", "now", "low", "high", "unit"))
            for axis in axes:
                say(_row(axis))
        known = (self._rig, *axes)
        for label in line.split() or labelled:  # the lab's own motors, as bluesky shows them
            if any(device not in known for _, device in labelled.get(label, [])):
                self._theirs.wa(label)

    def _labelled(self) -> dict[str, list[tuple[str, Any]]]:
        found: dict[str, list[tuple[str, Any]]] = get_labeled_devices(self._names)  # type: ignore[no-untyped-call]  # bluesky's own
        return found

    def _run(self, plan: MsgGenerator[Any]) -> None:
        try:
            self._RE(plan)
        except RunEngineInterrupted:
            say("what a magic runs cannot be resumed: it is aborted")
            self._RE.abort()  # type: ignore[no-untyped-call]  # bluesky's own


def _row(axis: Axis) -> str:
    values = (axis.position, axis.readback, *axis.limits)
    cells = [_cell(value, axis.precision) for value in values]
    return _ROW.format(str(axis), *cells, "" if axis.egu == "1" else axis.egu).rstrip()


def _cell(value: float | str, decimals: int) -> str:
    if isinstance(value, str):
        return value or "-"
    return f"{value:.{min(decimals, 2)}f}" if math.isfinite(value) else "-"
