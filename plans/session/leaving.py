"""How a plan leaves the rig: safe when it fails, and when it has measured."""

from collections.abc import Callable
from typing import Any

import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from reactune.devices.rig.flow_rig import FlowRig


def leaving_safe(rig: FlowRig) -> Callable[[MsgGenerator[Any]], MsgGenerator[Any]]:
    """Make a preprocessor of a RunEngine that has plans leave a rig safe, staged or not.

    A plan that is aborted or fails leaves it so, whatever else it leaves, and one that has moved or
    sampled something of the rig for a run. What moves after the last run is meant to stay, and so
    is what a plan without runs has moved.
    """

    def leaving(plan: MsgGenerator[Any]) -> MsgGenerator[Any]:
        touched = due = False
        running = 0

        def note(msg: Msg) -> Msg:
            nonlocal touched, due, running
            if _moves(msg, rig):
                touched, due = True, due and msg.command != "set"
            elif msg.command == "open_run":
                running += 1
            elif msg.command == "close_run":
                running, due = running - 1, touched
            return msg

        def rest(_: Exception | None = None) -> MsgGenerator[None]:
            if not rig.interlock.at_rest:
                rig.safe()
            yield from ()

        noted = bpp.msg_mutator(plan, note)  # type: ignore[no-untyped-call]  # bluesky's own
        result = yield from bpp.contingency_wrapper(noted, except_plan=rest)  # type: ignore[no-untyped-call]  # too
        if due or (touched and running):
            yield from rest()
        return result

    return leaving


def _moves(msg: Msg, rig: FlowRig) -> bool:
    """Whether a message moves something of the rig, or has it take a sample."""
    device = msg.obj
    while (parent := getattr(device, "parent", None)) is not None:
        device = parent
    if msg.command == "trigger":  # an instrument by itself is only read
        return device is rig
    return msg.command == "set" and getattr(device, "interlock", None) is rig.interlock
