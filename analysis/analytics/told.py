"""What somebody says was measured: results of a table, with no signal behind them."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from ..problem.tables import Kind
from .measurement import Analytics, Measurement

PREFIX = "told_"
"""Of the keys in an event: ``told_X3``, ``told_X3_sd``."""


class Told(Analytics):
    """Takes the quantities as an event tells them.

    Parameters
    ----------
    names : sequence of str
        The quantities.

    Raises
    ------
    ValueError
        If there is none.
    """

    key: ClassVar[str] = "told"
    kind: ClassVar[Kind] = "real"

    def __init__(self, names: tuple[str, ...]) -> None:
        if not names:
            raise ValueError("method: names is empty; name what was measured")
        self._units = dict.fromkeys(names, "1")

    @property
    def units(self) -> Mapping[str, str]:
        """Every quantity; nothing is known of units."""
        return self._units

    @staticmethod
    def to_data(measurement: Measurement) -> dict[str, float]:
        """Give what an event tells of a measurement; `measure` reads it."""
        data = {f"{PREFIX}{name}": value for name, value in measurement.values.items()}
        return data | {f"{PREFIX}{name}_sd": sd for name, sd in measurement.sd.items()}

    def measure(self, data: Mapping[str, Any]) -> Measurement:
        """Read what is told; see `Analytics.measure`."""
        values, sd = (
            {name: float(data.get(f"{PREFIX}{name}{end}", math.nan)) for name in self.names}
            for end in ("", "_sd")
        )
        if all(map(math.isfinite, values.values())):
            return Measurement(values, sd)
        return Measurement.failed(self.names, "no result is told")

    def to_dict(self) -> dict[str, Any]:
        """Return its method."""
        return {"names": list(self.names)}

    @classmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        """Build it again; see `Analytics.from_dict`."""
        names = method.get("names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"method: names must be a list of names, not {names!r}")
        return cls(tuple(names))
