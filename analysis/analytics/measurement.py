"""What every analytics gives, whatever its detector: a `Measurement`, and what can be drawn."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..problem.tables import Kind

__all__ = ["Analytics", "Kind", "Measurement", "Trace", "no_fractions"]

_MOST_IN_ALL, _LEAST = 1.5, -0.5
"""Fractions of a whole add up to one, and none is below zero: a little more and less by errors."""


@dataclass(frozen=True)
class Measurement:
    """What an analytics made of one experiment.

    Attributes
    ----------
    values, sd : dict of str to float
        Each quantity and its standard uncertainty, in the unit that the analytics names for it
        (`Analytics.units`). NaN where there is none: all of them when not valid, and the
        uncertainty where nothing is known of it.
    flags : tuple of str
        What a chemist should know of it, as ``code`` or ``code:what``, without semicolons.
    valid : bool
        Whether the values may be used.
    reason : str
        One sentence on why not; empty when valid.
    """

    values: dict[str, float]
    sd: dict[str, float]
    flags: tuple[str, ...] = ()
    valid: bool = True
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What was measured."""
        return tuple(self.values)

    @classmethod
    def failed(cls, names: tuple[str, ...], reason: str, flags: tuple[str, ...] = ()) -> Self:
        """Make one that gives nothing, for a reason."""
        nothing = dict.fromkeys(names, float("nan"))
        return cls(nothing, dict(nothing), flags, valid=False, reason=reason)


def no_fractions(values: Mapping[str, float]) -> str:
    """Say why values are no fractions of one whole, such as percentages; "" if they may be."""
    if (whole := sum(values.values())) > _MOST_IN_ALL:
        return f"{', '.join(values)} add up to {whole:.4g}, and fractions of a whole to 1"
    for name, value in values.items():
        if value < _LEAST:
            return f"{name} is {value:.4g}, and no fraction of a whole is below 0"
    return ""


@dataclass(frozen=True, eq=False)
class Trace:
    """The signal behind a measurement, as a figure draws it.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
    x_label, y_label : str
        What they are, with their units: ``time [min]``.
    marks : dict of str to (float, float)
        Where to write the name of a quantity: x, and the height of the signal there.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_label: str
    y_label: str
    marks: dict[str, tuple[float, float]] = field(default_factory=dict)


class Analytics(Protocol):
    """How the data of one ``primary`` event become a measurement.

    A pure function of event and method, so that a stored run can be read again. Subclass it: then
    `names`, `trace` and `duration` need not be written where these defaults are right.

    Attributes
    ----------
    key : str
        Its row in `reactune.analysis.analytics.ANALYTICS`; stored in the start document.
    """

    key: ClassVar[str]

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What its quantities are, unless the problem says otherwise."""

    @property
    def label(self) -> str:
        """What they are called together, as on an axis."""
        return "measured"

    @property
    @abstractmethod
    def units(self) -> Mapping[str, str]:
        """Every quantity that it measures, with its unit; ``1`` for a pure number."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it measures."""
        return tuple(self.units)

    @abstractmethod
    def measure(self, data: Mapping[str, Any]) -> Measurement:
        """Measure the quantities.

        Parameters
        ----------
        data : mapping
            Of a ``primary`` event that recorded something. A bad signal never raises: it gives a
            measurement that is not valid.
        """

    def trace(self, data: Mapping[str, Any]) -> Trace | None:
        """Give the signal of an event as it is best looked at; None if there is nothing to draw."""
        return None

    def duration(self, data: Mapping[str, Any]) -> float:
        """Give how long the recording took, from the event's ``lab_time`` on [s]."""
        return 0.0

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return its method as a JSON-able dict for the start document."""

    @classmethod
    @abstractmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        """Build it again from `to_dict` output.

        Raises
        ------
        ValueError
            A key is unknown or missing, or a value makes no sense.
        """
