"""The last step of making: solvent through the rig, where its file names one to wash with."""

from time import time
from typing import Any

from bluesky.utils import MsgGenerator

from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rig.washing import WARMTH
from reactune.devices.rigfile import RigFile

from ..stubs import act, event


def how(rig: RigFile) -> list[str]:
    """Say in lines how a rig is washed; none where it is not."""
    cold = rig.heater.safe + WARMTH
    return [
        f"{volume / 1000:.3g} mL of {name} at {rig.streams[name].limits[1]:g} uL/min, at the end "
        f"of reactune make, at {cold:g} degC or below"
        for name, volume in rig.washes.items()
    ]


def lacking(rig: RigFile) -> list[str]:
    """Say which solvents do not suffice, by what a rig file says is there; none if all do."""
    wrong = []
    for name, volume in rig.washes.items():
        if volume > (left := rig.streams[name].supply):
            wrong.append(
                f"stream {name}: washing needs {volume / 1000:.2f} mL, and {left / 1000:.2f} mL "
                f"are left: refill syringe and flask, or lower streams.{name}.wash_volume"
            )
    return wrong


def wash(rig: FlowRig) -> MsgGenerator[None]:
    """Let the reactor cool, and wash it with every solvent of the rig, one after the other.

    Yields
    ------
    Msg
        One event, in ``wash``: what has gone through, whether or not it was all.
    """
    record = Wash(rig)
    try:
        yield from act(rig.washing.wash)
    finally:
        yield from event("wash", record)


class Wash:
    """What has washed a rig, by the pumps' own counters: ``wash``.

    Parameters
    ----------
    rig : FlowRig
    """

    name = "wash"
    parent = None

    def __init__(self, rig: FlowRig) -> None:
        self._rig, self._before = rig, rig.washing.washed
        self.hints: dict[str, Any] = {"fields": []}

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        now = self._rig.washing.washed
        values = {f"washed_{name}": now[name] - before for name, before in self._before.items()}
        return {key: {"value": value, "timestamp": time()} for key, value in values.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the event's data."""
        common = {"source": __name__, "shape": [], "dtype": "number", "units": "uL"}
        return {f"washed_{name}": common for name in self._before}
