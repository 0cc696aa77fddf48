"""Plan stubs: what happens on the rig, in lab time, during one experiment."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, RunEngineControlException
from ophyd.status import Status

from reactune.devices.rig.flow_rig import (
    Conditions,
    FlowRig,
    LedgerError,
    RigFaultError,
    Setpoints,
)
from reactune.devices.rig.setpoints import stabilisation

_log = logging.getLogger(__name__)

_LOOK = 5.0  # lab s between looks at whether the temperature is there
_SPARE = 120.0  # lab s that a steady state is kept up for a file that does not come


@dataclass(frozen=True)
class _Act:
    """An act of the rig in the shape that a RunEngine can ask for and wait on."""

    name: str
    call: Callable[..., Status]
    parent: None = None

    def set(self, *arguments: Any) -> Status:
        return self.call(*arguments)


def act(call: Callable[..., Status], *arguments: Any) -> MsgGenerator[None]:
    """Have the rig do something, and wait until it is done.

    Parameters
    ----------
    call : callable
        A method of the rig that returns a Status, such as ``rig.fill_loop``.
    *arguments
        Its arguments.
    """
    # not bps.abs_set: each plan of bluesky's own writes out the stack it is called from, for 0.5 ms
    group = object()
    yield Msg("set", _Act(call.__name__, call), *arguments, group=group)  # type: ignore[no-untyped-call]  # bluesky's own
    yield Msg("wait", None, group=group)  # type: ignore[no-untyped-call]  # too


def event(stream: str, record: Any) -> MsgGenerator[None]:
    """Emit an event that is not repeated: what it tells of is over.

    Whole, also if the plan is ended meanwhile, or something that nobody waits for fails: the
    RunEngine throws that in, and would drop an event that is begun. It cuts off a first reading
    while it asks what that consists of, which cannot be told from one that is done: the event is
    begun anew. What is saved is never cut off.
    """
    thrown: Exception | None = None
    while True:
        try:
            yield from bps.create(stream)
            yield from bps.read(record)
            break
        except (RunEngineControlException, FailedStatus) as error:
            thrown = error
            yield from bps.drop()
    yield from bps.save()
    if thrown is not None:
        raise thrown


def lab_sleep(rig: FlowRig, seconds: float) -> MsgGenerator[None]:
    """Wait in lab time [s]; ``bps.sleep`` would wait in wall time."""
    yield from act(rig.clock.timer, seconds)


def sample(
    rig: FlowRig, conditions: Conditions, following: Conditions | None = None
) -> MsgGenerator[None]:
    """Measure one set of conditions: stabilise, flush the loop, inject, record.

    A fault while the trace is being recorded does not end the recording, unless it is the
    detector's: look at ``rig.fault`` afterwards.

    Parameters
    ----------
    rig : FlowRig
    conditions : mapping or Setpoints
        What to measure at. If the rig is on its way there already it just goes on.
    following : mapping or Setpoints, optional
        What will be measured next: it is stabilised while the trace is being recorded, its flows
        starting one stabilisation before the recording ends (Walker et al. 2017), but never before
        its temperature is there: until then they would be spent for nothing.

    Raises
    ------
    FailedStatus
        If the rig does not get there, or a device fails.
    RigFaultError, LedgerError
        If the rig refuses to begin.
    """
    # Not an act: a pause stops what the RunEngine has itself set, and that must be the rig.
    yield from bps.abs_set(rig, conditions, wait=True)
    yield from act(rig.fill_loop)
    yield from act(rig.inject)
    trace = yield from bps.trigger(rig, group="trace")
    # The loop holds the sample now: what leaves the reactor from here on is only spent.
    with suppress(FailedStatus):  # a fault; the trace goes on
        yield from act(rig.pause_flow)
    if following is not None:
        yield from _get_ahead(rig, following, trace)
    yield from bps.wait("trace")
    if trace is not None and not trace.success:  # _get_ahead may have been told of it, and passed
        raise FailedStatus(trace)


def _get_ahead(rig: FlowRig, following: Conditions, trace: Status | None) -> MsgGenerator[None]:
    """Heat for the next experiment now, and start its flows so that nobody waits for them."""
    try:
        hot = rig.heat(following)
        spare = rig.config.analysis_duration - rig.stabilisation(rig.setpoints(following))
        yield from lab_sleep(rig, max(spare, 0.0))
        while not hot.done and trace is not None and not trace.done:
            yield from lab_sleep(rig, min(_LOOK, _left(rig) or _LOOK))
        if hot.done and hot.success:
            # not an act: a refill may outlast the trace, whose event must not wait for it
            rig.flow(following)
            if rig.config.analytics is not None and trace is not None:
                _save_reagent(rig, rig.setpoints(following), trace)
    except (FailedStatus, RigFaultError, LedgerError):
        # The sample on the column is worth finishing; the next experiment meets the fault itself.
        return


def _left(rig: FlowRig) -> float:
    """Return how long the analysis of the last injection goes on [s]; 0 if it is late."""
    injected: float = rig.read()["lab_time"]["value"]
    return max(0.0, injected + rig.config.analysis_duration - rig.clock.now())


def _save_reagent(rig: FlowRig, setpoints: Setpoints, trace: Status) -> None:
    """Have the flows pause if other software lets the next experiment wait too long for its file.

    Parameters
    ----------
    rig : FlowRig
    setpoints : Setpoints
        What flows, or will once syringes have been refilled and lines rinsed.
    trace : Status
        Of what is waited for.
    """
    injected = rig.read()["lab_time"]["value"]
    enough = stabilisation(setpoints, rig.config) + _SPARE

    def look() -> None:
        if trace.done or rig.read()["lab_time"]["value"] != injected:  # or given up since
            return
        now, since = rig.clock.now(), rig.feed.since
        due = (now if since is None else since) + enough
        if now < due:
            rig.clock.call_at(due, look, background=True)
        else:
            _log.info("the next experiment waits for a file: its flows pause")
            rig.pause_flow()

    rig.clock.call_later(enough, look, background=True)
