"""Somebody is asked, who may take all night; the rig does not wait hot and flowing."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from reactune.devices.rig.flow_rig import FlowRig

from .stubs import act

SPARE = 120.0
"""Lab s that the flow goes on while somebody is asked."""

_GLANCE = 0.1  # wall s between looks at whether somebody has answered
_AGAIN = 5.0  # wall s between attempts at a safe state that is not confirmed

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


def answered(ask: Callable[[], _Answer], rig: FlowRig, waiting: str) -> MsgGenerator[_Answer]:
    """Ask somebody in a thread of its own, and wait for the answer.

    What flows pauses after `SPARE`; after the `pause_limit` of the rig file the rig is made safe.

    Parameters
    ----------
    ask : callable
        May take long. What it raises is raised here.
    rig : FlowRig
    waiting : str
        What waits for whom, for the log.
    """
    answer: Future[_Answer] = Future()
    began, due = rig.clock.now(), time.monotonic() + rig.config.pause_limit
    threading.Thread(target=_ask, args=(ask, answer), name="asking", daemon=True).start()
    while not answer.done():
        yield from bps.sleep(_GLANCE)  # an abort comes here
        if rig.feed.since is not None and rig.clock.now() - began > SPARE:
            yield from act(rig.pause_flow)
        late = time.monotonic() > due
        if late and not rig.interlock.at_rest and not rig.interlock.held:
            _log.warning("%s: the rig goes to its safe state", waiting)
            rig.safe()
            due = time.monotonic() + _AGAIN
    return answer.result()


def _ask(ask: Callable[[], _Answer], answer: Future[_Answer]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - whatever it is, the plan hears of it
        answer.set_exception(error)
