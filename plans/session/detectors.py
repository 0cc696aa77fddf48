"""The on-line analysis as a detector: the raw trace, and beside it what was measured."""

import hashlib
import json
from collections.abc import Collection
from time import time
from typing import Any

from reactune.analysis.analytics import Analytics, Measurement, to_start
from reactune.devices.clock import LabStatus
from reactune.devices.rig.flow_rig import FlowRig

from ..compatibility import analytics_of
from ..records import trace_in_file, trace_in_file_described

_BESIDE = {"number", "valid", "reason", "flags", "time", "run", "began"}
"""What events and the tables of them tell besides."""


class OnlineAnalysis:
    """Samples what the axes are set to, and measures it; Triggerable, Readable, Pausable.

    Its events hold what ``rig.hplc`` gives, and by name every quantity with its standard
    uncertainty (``X3``, ``X3_sd``), `valid`, `reason` and `flags`. Which method made them is in its
    configuration, whole and as a digest, so that a stored trace can be read by another.

    Parameters
    ----------
    rig : FlowRig
    analytics : Analytics, optional
        By default what the rig file says.

    Raises
    ------
    ValueError
        If it calls a quantity as something else is called in the same event.
    """

    component_names: tuple[str, ...] = ()
    read_attrs: tuple[str, ...] = ()
    _ophyd_labels_ = frozenset({"detectors"})  # bluesky's magics look for it

    def __init__(self, rig: FlowRig, analytics: Analytics | None = None) -> None:
        self.parent, self.name = rig, rig.hplc.name
        self.analytics = analytics_of(rig.config) if analytics is None else analytics
        check_apart(self.analytics, rig.hplc.describe())

    def __repr__(self) -> str:
        return self.name

    def trigger(self) -> LabStatus:
        """Measure the conditions of the axes; see `SampledHplc.trigger`."""
        return self.parent.hplc.trigger()

    def stop(self, *, success: bool = True) -> None:
        """Stop pumps and recording; see `FlowRig.stop`."""
        self.parent.stop(success=success)

    def pause(self) -> None:
        """Stop: the RunEngine repeats what it had begun."""
        self.parent.hplc.pause()

    def resume(self) -> None:
        """Do nothing: what the RunEngine repeats starts anew."""

    @property
    def hints(self) -> dict[str, Any]:
        """What a live table shows: the quantities."""
        return {"fields": list(self.analytics.names)}

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what was recorded, and what it measures; NaN before the first sample."""
        recorded = self.parent.hplc.read()
        facts = {key: reading["value"] for key, reading in recorded.items()}
        own = trace_in_file(self.analytics, self.parent, facts)
        found = self.analytics.measure(facts)
        own |= measured(found)
        own |= {
            "valid": float(found.valid),
            "reason": found.reason,
            "flags": "; ".join(found.flags),
        }
        now = time()
        return {**recorded, **{key: {"value": v, "timestamp": now} for key, v in own.items()}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`, with units."""
        common = {"source": __name__, "shape": []}
        described = measured_described(self.analytics) | {"valid": _number("1")}
        texts = {key: common | {"dtype": "string"} for key in ("reason", "flags")}
        trace = trace_in_file_described(self.analytics, self.parent)
        return {**self.parent.hplc.describe(), **trace, **described, **texts}

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Return what does not change during a run: volumes, and the method with its digest."""
        method = json.dumps(to_start(self.analytics), sort_keys=True)
        digest = hashlib.sha256(method.encode()).hexdigest()[:16]
        own = {"method": method, "method_digest": digest}
        now = time()
        return self.parent.hplc.read_configuration() | {
            key: {"value": value, "timestamp": now} for key, value in own.items()
        }

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read_configuration`."""
        text = {"source": "rig file", "dtype": "string", "shape": []}
        return self.parent.hplc.describe_configuration() | {"method": text, "method_digest": text}


def check_apart(analytics: Analytics, facts: Collection[str]) -> None:
    """Refuse a quantity that would take the place of a fact, or of what is told besides."""
    if clash := [name for name in analytics.names if name in facts or name in _BESIDE]:
        raise ValueError(
            f"the rig file calls a quantity {clash[0]}, which is something else in the events of a "
            "scan: call it otherwise there"
        )


def measured(found: Measurement) -> dict[str, float]:
    """Give every quantity by name, with its standard uncertainty (``X3``, ``X3_sd``)."""
    data: dict[str, float] = {}
    for name, value in found.values.items():
        data |= {name: value, f"{name}_sd": found.sd[name]}
    return data


def measured_described(analytics: Analytics) -> dict[str, dict[str, Any]]:
    """Describe `measured`, with units."""
    described: dict[str, dict[str, Any]] = {}
    for name in analytics.names:
        key = _number(analytics.units.get(name, "1"))
        described |= {name: key, f"{name}_sd": dict(key)}
    return described


def _number(unit: str) -> dict[str, Any]:
    number = {"dtype": "number", "dtype_numpy": "<f8", "units": unit, "precision": 4}
    return {"source": __name__, "shape": [], **number}
