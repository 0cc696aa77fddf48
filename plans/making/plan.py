"""The plan that makes a product: go to its conditions, check, collect, check, wash, park."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator

from reactune.analysis.analytics import to_start
from reactune.devices.instruments.interlock import FAILURES
from reactune.devices.rig.flow_rig import FlowRig, LedgerError, RigFaultError, Setpoints

from ..asking import SPARE, answered
from ..campaign import CampaignError
from ..session.stating import own, versions
from ..stubs import act, event, lab_sleep, sample
from .attending import Attendant
from .product import Checks, Collection, Product
from .washing import wash

_LOOK = 10.0  # lab s between looks at the flow while it is collected


class NoProductError(CampaignError):
    """The product is not what was promised, or nobody is there to put a flask."""


def make(
    product: Product,
    rig: FlowRig,
    volume: float,
    attendant: Attendant,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Make a product, and leave the rig safe.

    Parameters
    ----------
    product : Product
    rig : FlowRig
    volume : float
        How much of it [uL].
    attendant : Attendant
        Who puts the flask under the outlet, where no valve leads to it.
    md : mapping, optional
        Further metadata for the start document.

    Yields
    ------
    Msg
        Events in ``primary`` (the facts of both checks), ``check`` (what became of them),
        ``collection`` (what flowed into the flask) and ``wash`` (what washed the rig).

    Returns
    -------
    str
        How it ended.

    Raises
    ------
    NoProductError
        If a check fails and nobody says to go on, or nobody is there to put the flask.
    CampaignError
        If the rig has a fault, reagent runs out, or it cannot be washed.
    """
    if rig.fault is not None:
        raise CampaignError(
            f"nothing moves after a fault until rig.acknowledge() takes it back: {rig.fault}"
        )
    metadata = {
        "plan_name": "make",
        "hints": {"dimensions": [(["number"], "primary")]},
        "title": f"{volume / 1000:g} mL of experiment {product.number} of run {product.uid[:8]}",
        "makes": product.uid,
        "product": product.to_dict(),
        "volume": volume,
        **to_start(product.analytics),
        "rig": rig.description(),
        "simulated": rig.simulated,
        "lab_time": rig.clock.now(),
        "versions": versions(),
        **own(md),
    }

    def making() -> MsgGenerator[str]:
        yield from bps.open_run(metadata)
        made = bpp.stage_wrapper(_and_washed(product, rig, volume, attendant), [rig])  # type: ignore[no-untyped-call]  # bluesky's own
        reason: str = yield from made
        yield from bps.close_run(exit_status="success", reason=reason)
        return reason

    return (yield from making())


def _and_washed(
    product: Product, rig: FlowRig, volume: float, attendant: Attendant
) -> MsgGenerator[str]:
    """Make it, and wash the rig whatever came of that, unless it has a fault or is stopped."""
    collected = Collection(rig)
    try:
        reason: str = yield from _made(product, rig, volume, attendant, collected)
    except NoProductError as error:
        if rig.config.washes:
            yield from _washed(rig, attendant, collected, str(error))
        raise
    if rig.config.washes:
        yield from _washed(rig, attendant, collected, reason)
    return reason


def _washed(
    rig: FlowRig, attendant: Attendant, collected: Collection, before: str
) -> MsgGenerator[None]:
    """Wash the rig; what keeps it from that is said after what was `before`."""
    yield from bps.clear_checkpoint()
    try:
        with _told(rig):
            if collected.by_hand:
                rig.washing.cool()  # while somebody is looked for
                waiting = "the flask still waits to be taken away"
                if not (yield from answered(attendant.waste, rig, waiting)):
                    raise CampaignError("nobody has taken the flask away")
            yield from wash(rig)
    except CampaignError as error:
        raise CampaignError(f"{before}. The rig is not washed: {error}") from error


def _made(
    product: Product, rig: FlowRig, volume: float, attendant: Attendant, collected: Collection
) -> MsgGenerator[str]:
    checks = Checks(product, rig)
    conditions = rig.setpoints(product.settings(rig))
    with _told(rig):
        yield from bps.checkpoint()
        yield from sample(rig, conditions)
    yield from checks.record(1)
    yield from _sure(checks, rig, attendant)
    yield from bps.clear_checkpoint()  # what has flowed into a flask is not repeated
    target = replace(conditions, collect=volume)
    try:
        with _told(rig):
            if rig.collection is None:
                yield from _with_flask(rig, target, volume, attendant, collected)
            else:
                yield from bps.abs_set(rig, target, wait=True)
            yield from _collected(rig, volume, target, collected)
            yield from act(rig.fill_loop)
            yield from act(rig.inject)
            trace = yield from bps.trigger(rig, group="trace")
            yield from act(rig.pause_flow)  # nothing more comes into the flask
            yield from bps.wait("trace")
            if trace is not None and not trace.success:
                raise FailedStatus(trace)
    finally:
        if collected.began:
            yield from event("collection", collected)
    yield from checks.record(2)
    told = checks.failure
    if told:
        raise NoProductError(f"{volume / 1000:g} mL were collected, but at the end {told}")
    return f"{volume / 1000:g} mL collected; both checks are what was promised"


def _sure(checks: Checks, rig: FlowRig, attendant: Attendant) -> MsgGenerator[None]:
    """Go on if the check is what was promised, or somebody says so."""
    if not (told := checks.failure):
        return
    waiting = "the product still waits for somebody who says whether to make it"
    if not (yield from answered(lambda: attendant.doubtful(told), rig, waiting)):
        raise NoProductError(f"nothing was made: {told}")


def _with_flask(
    rig: FlowRig,
    target: Setpoints,
    volume: float,
    attendant: Attendant,
    collected: Collection,
) -> MsgGenerator[None]:
    """Reach the steady state with somebody there who puts the flask under the outlet at once."""
    minutes = volume / target.total
    waiting = "the product still waits for its flask"
    while True:
        yield from bps.abs_set(rig, target, wait=True)
        since = rig.clock.now()
        there = yield from answered(lambda: attendant.flask(volume / 1000, minutes), rig, waiting)
        if not there:
            raise NoProductError("nothing was made: nobody has put the flask there")
        collected.by_hand = True
        if rig.feed.since is not None and rig.clock.now() - since < SPARE + _LOOK:
            return
        yield from _without_flask(rig, attendant, collected)


def _without_flask(rig: FlowRig, attendant: Attendant, collected: Collection) -> MsgGenerator[None]:
    """Have the flask taken away: what flows until it is steady again is no product."""
    if rig.fault is not None:
        raise CampaignError(rig.fault)
    yield from act(rig.pause_flow)
    waiting = "the flask still waits to be taken away until the flow is steady"
    if not (yield from answered(attendant.away, rig, waiting)):
        raise NoProductError("nothing was made: nobody has taken the flask away meanwhile")
    collected.by_hand = False


def _collected(
    rig: FlowRig, volume: float, target: Setpoints, collected: Collection
) -> MsgGenerator[None]:
    """Let a volume [uL] flow into the flask; a valve leads it there, and then to waste again."""
    if rig.collection is not None:
        yield from act(rig.collection.set, "collect")
    collected.begin()
    yield from _flowing(rig, volume, target, collected)
    if rig.collection is not None:
        yield from act(rig.collection.set, "waste")


def _flowing(
    rig: FlowRig, volume: float, target: Setpoints, collected: Collection
) -> MsgGenerator[None]:
    """Let a volume [uL] flow, and look that it does."""
    left, since = 60 * volume / target.total, rig.feed.since
    try:
        while left > 0:
            step = min(left, _LOOK)
            yield from lab_sleep(rig, step)
            left -= step
            rig.feed.look()
            stopped = rig.feed.since != since
            rig.interlock.check()  # after that: who ends the plan shuts it before the flow stops
            if stopped:
                raise CampaignError("the flow has stopped")
    finally:  # whoever ends it, and when: so much is in the flask
        with contextlib.suppress(*FAILURES):
            rig.feed.look()
        collected.look()


@contextlib.contextmanager
def _told(rig: FlowRig) -> Iterator[None]:
    """Say what has gone wrong in a sentence, by the fault behind it."""
    try:
        yield
    except FailedStatus as error:
        (status,) = error.args
        if rig.fault is None and rig.interlock.ending:  # what was under way gave way to that
            raise RigFaultError(rig.interlock.ending) from error
        raise CampaignError(rig.fault or str(status.exception())) from error
    except (RigFaultError, LedgerError, *FAILURES) as error:
        if isinstance(error, FAILURES):  # seen by a look of the plan's own, before the watch saw it
            rig.interlock.latch(error)
        if rig.fault is None and rig.interlock.ending:  # no fault: somebody ends the plan
            raise RigFaultError(rig.interlock.ending) from error
        raise CampaignError(rig.fault or str(error)) from error
