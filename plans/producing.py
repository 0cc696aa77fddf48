"""The plan that makes a product: go to its conditions, check, collect, check again, park."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from time import time
from types import MappingProxyType
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator

from reactune.analysis.analytics import Analytics, to_start
from reactune.analysis.campaign.adaptive import Suggestion
from reactune.analysis.campaign.evaluation import Evaluation
from reactune.analysis.campaign.leader import Estimate, outcome_names
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.tables import Setting
from reactune.devices.instruments.interlock import FAILURES
from reactune.devices.rig.flow_rig import FlowRig, LedgerError, RigFaultError, Setpoints

from .attending import SPARE, Attendant, answered
from .campaign import CampaignError, settable
from .records import ExperimentRecord
from .stubs import act, lab_sleep, sample

LIMIT = 3.0
"""Times the scatter of a repeat by which a check may be off what was promised."""

_LOOK = 10.0  # lab s between looks at the flow while it is collected


@dataclass(frozen=True)
class Product:
    """What is to be made.

    Attributes
    ----------
    uid : str
        Of the run that found it.
    number : int
        Of its experiment there.
    problem : Problem
        Fitted to the rig.
    analytics : Analytics
        What checks it.
    conditions : dict of str to float or str
        In the problem's variables.
    expected : dict of str to Estimate
        What was promised, by the name of goal, windowed property or measured quantity.
    """

    uid: str
    number: int
    problem: Problem
    analytics: Analytics
    conditions: dict[str, Setting]
    expected: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Give what the start document says of it; no key of one is an expression."""
        keys = outcome_names(self.problem)
        return {
            "run": self.uid,
            "number": self.number,
            "problem": self.problem.to_dict(),
            "conditions": self.conditions,
            "expected": {keys[name]: told._asdict() for name, told in self.expected.items()},
        }

    def settings(self, rig: FlowRig) -> dict[str, Any]:
        """Give what the rig is set to."""
        return dict(settable(Suggestion(self.number, self.conditions, ""), self.problem, rig))


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
        Events in ``primary`` (the facts of both checks), ``check`` (what became of them) and
        ``collection`` (what flowed into the flask).

    Returns
    -------
    str
        How it ended.

    Raises
    ------
    NoProductError
        If a check fails and nobody says to go on, or nobody is there to put the flask.
    CampaignError
        If the rig has a fault, or reagent runs out.
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
        "versions": {name: version(name) for name in ("reactune", "bluesky", "numpy", "scipy")},
        **(md or {}),
    }

    def making() -> MsgGenerator[str]:
        yield from bps.open_run(metadata)
        made = bpp.stage_wrapper(_made(product, rig, volume, attendant), [rig])  # type: ignore[no-untyped-call]  # bluesky's own
        reason: str = yield from made
        yield from bps.close_run(exit_status="success", reason=reason)
        return reason

    return (yield from making())


def _made(product: Product, rig: FlowRig, volume: float, attendant: Attendant) -> MsgGenerator[str]:
    checks, collected = Checks(product, rig), Collection(rig)
    conditions = rig.setpoints(product.settings(rig))
    with _told(rig):
        yield from bps.checkpoint()
        yield from sample(rig, conditions)
    yield from checks.record(1)
    yield from _sure(checks, attendant)
    yield from bps.clear_checkpoint()  # what has flowed into a flask is not repeated
    target = replace(conditions, collect=volume)
    try:
        with _told(rig):
            if rig.collection is None:
                yield from _with_flask(rig, target, volume, attendant)
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
            yield from _event("collection", collected)
    yield from checks.record(2)
    told = checks.failure
    if told:
        raise NoProductError(f"{volume / 1000:g} mL were collected, but at the end {told}")
    return f"{volume / 1000:g} mL collected; both checks are what was promised"


def _sure(checks: "Checks", attendant: Attendant) -> MsgGenerator[None]:
    """Go on if the check is what was promised, or somebody says so."""
    told = checks.failure
    if told and not (yield from answered(lambda: attendant.doubtful(told))):
        raise NoProductError(f"nothing was made: {told}")


def _with_flask(
    rig: FlowRig, target: Setpoints, volume: float, attendant: Attendant
) -> MsgGenerator[None]:
    """Reach the steady state with somebody there who puts the flask under the outlet at once."""
    minutes = volume / target.total
    while True:
        yield from bps.abs_set(rig, target, wait=True)
        since = rig.clock.now()
        if not (yield from answered(lambda: attendant.flask(volume / 1000, minutes), rig)):
            raise NoProductError("nothing was made: nobody is there to put the flask")
        if rig.feed.since is not None and rig.clock.now() - since < SPARE + _LOOK:
            return  # else the flow has stopped meanwhile: once more


def _collected(
    rig: FlowRig, volume: float, target: Setpoints, collected: "Collection"
) -> MsgGenerator[None]:
    """Let a volume [uL] flow into the flask; a valve leads it there, and then to waste again."""
    if rig.collection is not None:
        yield from act(rig.collection.set, "collect")
    collected.begin()
    yield from _flowing(rig, volume, target, collected)
    if rig.collection is not None:
        yield from act(rig.collection.set, "waste")


def _flowing(
    rig: FlowRig, volume: float, target: Setpoints, collected: "Collection"
) -> MsgGenerator[None]:
    """Let a volume [uL] flow, and look that it does."""
    left, since = 60 * volume / target.total, rig.feed.since
    while left > 0:
        step = min(left, _LOOK)
        yield from lab_sleep(rig, step)
        left -= step
        rig.feed.look()
        collected.look()
        stopped = rig.feed.since != since
        rig.interlock.check()  # after that: who ends the plan shuts it before the flow stops
        if stopped:
            raise CampaignError("the flow has stopped")


@contextlib.contextmanager
def _told(rig: FlowRig) -> Iterator[None]:
    """Say what has gone wrong in a sentence, by the fault behind it."""
    try:
        yield
    except FailedStatus as error:
        (status,) = error.args
        raise CampaignError(rig.fault or str(status.exception())) from error
    except (RigFaultError, LedgerError, *FAILURES) as error:
        if isinstance(error, FAILURES):  # seen by a look of the plan's own, before the watch saw it
            rig.interlock.latch(error)
        if rig.fault is None and rig.interlock.ending:  # no fault: somebody ends the plan
            raise RigFaultError(rig.interlock.ending) from error
        raise CampaignError(rig.fault or str(error)) from error


class Checks:
    """The injections that show whether the product is what was promised: ``primary``, ``check``.

    Parameters
    ----------
    product : Product
    rig : FlowRig

    Attributes
    ----------
    failure : str
        What of the latest is not as promised; empty if all is.
    """

    name = "check"
    parent = None
    hints: Mapping[str, Any] = MappingProxyType({"fields": []})

    def __init__(self, product: Product, rig: FlowRig) -> None:
        self._product = product
        self._facts = ExperimentRecord(product.problem, rig, product.analytics)
        self._data: dict[str, float | str] = {}
        self.failure = ""

    def record(self, number: int) -> MsgGenerator[None]:
        """Record an injection that has been made, and judge it."""
        product = self._product
        self._facts.note(Suggestion(number, product.conditions, "check"), "")
        data = {key: reading["value"] for key, reading in self._facts.read().items()}
        yield from _event("primary", self._facts)
        found = Evaluation.of(
            number, product.conditions, product.analytics.measure(data), product.problem
        )
        told = dict(self._compared(found)) if found.valid else {}
        self.failure = found.reason and f"the check has no result: {found.reason}"
        wrong = [
            f"{name} is {one['measured']:.4g}, and {one['expected']:.4g} +/- "
            f"{one['repeat_sd']:.2g} was promised"
            for name, one in told.items()
            if not one["passed"]
        ]
        self.failure = self.failure or "; ".join(wrong)
        self._data = {
            "number": float(number),
            "passed": float(not self.failure),
            "failure": self.failure,
            "told": json.dumps(told),
        }
        yield from _event("check", self)

    def _compared(self, found: Evaluation) -> Iterator[tuple[str, dict[str, float | bool]]]:
        """Set goal, properties and quantities beside what was promised; the former two decide."""
        problem = self._product.problem
        values = {
            "goal": problem.sign * found.f,
            **{f"F_{k}": float(value) for k, value in enumerate(found.F, 1)},
            **found.measurement.values,
        }
        for name, key in outcome_names(problem).items():
            promised = self._product.expected[name]
            decides = name not in problem.measured or key == "goal" or name in self._windowed()
            off = abs(values[key] - promised.value) / promised.repeat_sd
            yield (
                name,
                {
                    "expected": promised.value,
                    "repeat_sd": promised.repeat_sd,
                    "measured": values[key],
                    "passed": bool(off <= LIMIT or not decides),
                },
            )

    def _windowed(self) -> set[str]:
        problem = self._product.problem
        return {problem.goal.text, *(window.of for window in problem.windows)}

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        return {key: {"value": value, "timestamp": time()} for key, value in self._data.items()}

    @staticmethod
    def describe() -> dict[str, dict[str, Any]]:
        """Describe the event's data: ``told`` is JSON."""
        common = {"source": __name__, "shape": []}
        numbers = {k: {**common, "dtype": "number", "units": "1"} for k in ("number", "passed")}
        return numbers | {key: {**common, "dtype": "string"} for key in ("failure", "told")}


class Collection:
    """What flowed into the flask, by the pumps' own counters: ``collection``.

    Parameters
    ----------
    rig : FlowRig

    Attributes
    ----------
    began : bool
    """

    name = "collection"
    parent = None
    hints: Mapping[str, Any] = MappingProxyType({"fields": ["collected"]})

    def __init__(self, rig: FlowRig) -> None:
        self._rig, self.began = rig, False
        self._before = self._now = 0.0
        self._since = 0.0

    def _pumped(self) -> float:
        return sum(pump.total_infused for pump in self._rig.pumps.values())

    def begin(self) -> None:
        """Begin to count."""
        self._rig.feed.look()
        self.began, self._since = True, self._rig.clock.now()
        self._before = self._now = self._pumped()

    def look(self) -> None:
        """Take note of what has flowed so far."""
        self._now = self._pumped()

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        values = {"collected": self._now - self._before, "collecting_since": self._since}
        return {key: {"value": value, "timestamp": time()} for key, value in values.items()}

    @staticmethod
    def describe() -> dict[str, dict[str, Any]]:
        """Describe the event's data."""
        units = {"collected": "uL", "collecting_since": "s"}
        common = {"source": __name__, "shape": [], "dtype": "number"}
        return {key: {**common, "units": unit} for key, unit in units.items()}


def _event(stream: str, record: Any) -> MsgGenerator[None]:
    yield from bps.create(stream)
    yield from bps.read(record)
    yield from bps.save()
