"""What the serial devices publish: ophyd signals that the last poll has filled."""

from collections.abc import Callable
from math import isnan
from typing import Any

from ophyd import Kind, Signal
from ophyd.utils import LimitError, ReadOnlyError

from ..written import quoted

__all__ = ["Kind", "LimitError", "Reading", "check_limits"]


def check_limits(name: str, value: Any, limits: tuple[float, float], unit: str) -> None:
    """Refuse a setpoint outside its limits, before any byte is sent.

    Raises
    ------
    LimitError
        If `value` is not a number within `limits`.
    """
    of = "" if unit == "1" else f" {unit}"
    try:
        number = None if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise LimitError(
            f"{name} = {quoted(value)} is no number; nothing was sent: give one, without quotes"
            f"{f', in {unit}' if of else ''}"
        )
    if isnan(number):
        raise LimitError(
            f"{name} = nan is no number; nothing was sent: give one{f', in {unit}' if of else ''} "
            "(a relative move begins at what was set, and may have found nothing set yet)"
        )
    low, high = limits
    if not low <= number <= high:
        raise LimitError(
            f"{name} = {number:g}{of} is outside its limits of {low:g} to {high:g}{of}; "
            "nothing was sent: ask for a value inside"
        )


class Reading(Signal):  # type: ignore[misc]  # ophyd ships no types
    """A value read from an instrument; its device fills it, nobody else sets it.

    Reading it costs no byte on the line: it holds what the last poll saw.

    Parameters
    ----------
    units : str
        As in the event descriptor.
    precision : int, optional
        Decimals worth showing.
    value : float, str or ndarray
        Before the first poll.
    """

    def __init__(
        self,
        *,
        name: str,
        units: str = "",
        precision: int | None = None,
        value: Any = float("nan"),
        **kwargs: Any,
    ):
        super().__init__(name=name, value=value, **kwargs)
        self._units, self._precision = units, precision
        self._metadata["write_access"] = False

    def fill(self, value: Any) -> None:
        """Take over what the instrument said."""
        Signal.put(self, value, force=True)

    def put(self, value: Any, **kwargs: Any) -> None:
        """Refuse: instruments are set through their device."""
        raise ReadOnlyError(f"{self.name} is what the instrument reports: set its device instead")

    set: Callable[..., Any] = put

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with units, precision and limits."""
        key = super().describe()[self.name]
        key["source"] = getattr(self.parent, "source", "serial")
        if self._units:
            key["units"] = self._units
        if self._precision is not None:
            key["precision"] = self._precision
        limits = getattr(self.parent, "limits", None)
        if self.kind & Kind.hinted == Kind.hinted and limits is not None:
            key["lower_ctrl_limit"], key["upper_ctrl_limit"] = limits
        return {self.name: key}
