"""From raw signals to quantities with errors: analytics, and the table of them.

The rest of the package knows a `Measurement` and this table, no detector.
"""

from collections.abc import Mapping
from typing import Any

from .hplc import Hplc
from .hplc.tracefile import TraceFile
from .measurement import Analytics, Kind, Measurement, Trace
from .resulttable import ResultTable
from .told import Told

__all__ = [
    "ANALYTICS",
    "Analytics",
    "Kind",
    "Measurement",
    "Told",
    "Trace",
    "from_start",
    "to_start",
]

ANALYTICS: dict[str, type[Analytics]] = {
    kind.key: kind for kind in (Hplc, TraceFile, ResultTable, Told)
}
"""The analytics by the key that start documents name them by."""


def to_start(analytics: Analytics) -> dict[str, Any]:
    """Give what a start document says of an analytics; `from_start` reads it."""
    return {"analytics": analytics.key, "method": analytics.to_dict()}


def from_start(start: Mapping[str, Any]) -> Analytics:
    """Build the analytics that a start document states.

    Parameters
    ----------
    start : mapping
        Of a campaign. One without the key ``analytics`` is from the time when HPLC was the only.

    Raises
    ------
    ValueError
        If nobody here knows the analytics, or its method makes no sense.
    """
    key = start.get("analytics", Hplc.key)
    if not isinstance(key, str) or key not in ANALYTICS:
        raise ValueError(
            f"analytics: {key!r} is not known here, only {', '.join(ANALYTICS)}; "
            "add it to reactune.analysis.analytics.ANALYTICS"
        )
    if "method" not in start:
        raise ValueError(f"analytics: {key!r} is stated without a method: name a run that has one")
    return ANALYTICS[key].from_dict(start["method"])
