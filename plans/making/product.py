"""A product: what was promised of it, and what is recorded while it is made."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import numpy as np
from bluesky.utils import MsgGenerator

from reactune.analysis.analytics import Analytics
from reactune.analysis.campaign.evaluation import Evaluation
from reactune.analysis.campaign.keys import outcome_names
from reactune.analysis.campaign.leader import Estimate
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.tables import Setting
from reactune.devices.rig.flow_rig import FlowRig

from ..campaign import settable
from ..records import ExperimentRecord
from ..stubs import event

LIMIT = 3.0
"""Times the scatter of a repeat by which a check may be off what was promised.

Where that scatter is assumed, the check's own standard uncertainty is added to it.
"""


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
    scatter_assumed : bool
        Whether the scatter of that is for the most part what is usual: see `Leader`.
    """

    uid: str
    number: int
    problem: Problem
    analytics: Analytics
    conditions: dict[str, Setting]
    expected: dict[str, Estimate]
    scatter_assumed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give what the start document says of it; no key of one is an expression."""
        keys = outcome_names(self.problem)
        return {
            "run": self.uid,
            "number": self.number,
            "problem": self.problem.to_dict(),
            "conditions": self.conditions,
            "expected": {keys[name]: told._asdict() for name, told in self.expected.items()},
            "scatter_assumed": self.scatter_assumed,
        }

    def settings(self, rig: FlowRig) -> dict[str, Any]:
        """Give what the rig is set to."""
        return dict(settable(Suggestion(self.number, self.conditions, ""), self.problem, rig))


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
    outside : str
        Which windows the latest was measured outside of, as promised or not; empty if none.
    """

    name = "check"
    parent = None

    def __init__(self, product: Product, rig: FlowRig) -> None:
        self._product = product
        self._facts = ExperimentRecord(product.problem, rig, product.analytics)
        self.hints: dict[str, Any] = {"fields": []}
        self._data: dict[str, float | str] = {}
        self.failure = self.outside = ""

    def record(self, number: int) -> MsgGenerator[None]:
        """Record an injection that has been made, and judge it."""
        product = self._product
        self._facts.note(Suggestion(number, product.conditions, "check"), "")
        data = {key: reading["value"] for key, reading in self._facts.read().items()}
        yield from event("primary", self._facts)
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
        self.outside = product.problem.violated(found.F) if found.valid else ""
        self._data = {
            "number": float(number),
            "passed": float(not self.failure),
            "failure": self.failure,
            "outside": self.outside,
            "told": json.dumps(told),
        }
        yield from event("check", self)

    def _compared(self, found: Evaluation) -> Iterator[tuple[str, dict[str, float | bool]]]:
        """Set goal, properties and quantities beside what was promised; the former two decide."""
        problem = self._product.problem
        values = _by_key(problem.sign * found.f, found.F, found.measurement.values)
        own = _by_key(found.f_sd, found.F_sd, found.measurement.sd)
        for name, key in outcome_names(problem).items():
            promised = self._product.expected[name]
            decides = name not in problem.measured or key == "goal" or name in self._windowed()
            scatter = promised.repeat_sd
            if self._product.scatter_assumed:
                scatter = math.hypot(scatter, np.nan_to_num(own[key]))
            off = abs(values[key] - promised.value) / scatter
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
        texts = "failure", "outside", "told"
        return numbers | {key: {**common, "dtype": "string"} for key in texts}


def _by_key(
    goal: float, properties: Iterable[float], quantities: Mapping[str, float]
) -> dict[str, float]:
    numbered = {f"F_{k}": float(value) for k, value in enumerate(properties, 1)}
    return {"goal": goal, **numbered, **quantities}


class Collection:
    """What flowed into the flask, by the pumps' own counters: ``collection``.

    Parameters
    ----------
    rig : FlowRig

    Attributes
    ----------
    began : bool
    by_hand : bool
        Whether somebody has put the flask under the outlet.
    """

    name = "collection"
    parent = None

    def __init__(self, rig: FlowRig) -> None:
        self._rig, self.began, self.by_hand = rig, False, False
        self.hints: dict[str, Any] = {"fields": ["collected"]}
        self._before = self._now = 0.0
        self._since = 0.0

    def _pumped(self) -> float:
        return sum(pump.ledger.infused for pump in self._rig.pumps.values())

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
