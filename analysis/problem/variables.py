"""What the optimiser may set: ranges, steps, values and choices."""

import math
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ..written import exact
from . import messages
from .choices import check_choices, described
from .grid import Grid
from .tables import Part, Text

_FINEST = 2**53  # values of a range that a double can tell apart


class Variable(Part):
    """One quantity that the optimiser may set: a range, or the values or choices there are.

    Attributes
    ----------
    range : (float, float)
        Lowest and highest value [`unit`]; of values the first and the last, of choices their
        numbers.
    unit : str
        The unit that all its numbers are in.
    of : str, optional
        What it is, in setpoints of the rig, as in ``"flow_sultine / flow_c60"``. Without a rig it
        is a word and nothing more.
    step : float, optional
        Only the lower end of the range and what lies whole steps above it is set [`unit`].
    resolution : float, optional
        Only whole multiples of it are set: what can be dialled [`unit`].
    values : tuple of float, optional
        Only these are set [`unit`].
    choices : tuple of str, optional
        What there is to choose from, in place of numbers.
    descriptors : mapping of str to list of float, or str, optional
        Numbers that describe the choices, in their order, by name; or the CSV file that has them,
        beside the problem file: its first column names the choices, one row each.
    """

    range: tuple[float, float]
    unit: Text = ""
    of: str | None = None
    step: float | None = Field(default=None, strict=True, gt=0, allow_inf_nan=False)
    resolution: float | None = Field(default=None, strict=True, gt=0, allow_inf_nan=False)
    values: tuple[float, ...] | None = None
    choices: tuple[Text, ...] | None = None
    descriptors: dict[Text, tuple[float, ...]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_what_there_is(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"range": value}
        if not isinstance(value, Mapping):
            return value
        span: tuple[float, float] | None = None
        if (values := value.get("values")) is not None:
            value = {**value, "values": _listed(values)}
            span = value["values"][0], value["values"][-1]
        if (choices := value.get("choices")) is not None:
            if value.keys() - {"choices", "descriptors", "range", "unit"} or value.get("unit"):
                raise ValueError("choices are words: give nothing but descriptors with them")
            value = {**value, "choices": check_choices(choices)}
            span = 0.0, len(choices) - 1.0
            if (stated := value.get("descriptors")) is not None:
                value["descriptors"] = described(stated, choices)
        elif value.get("descriptors") is not None:
            raise ValueError("descriptors describe choices: give these, too")
        if span is None:
            return value
        bounds = value.get("range", span)
        if bounds not in (span, list(span)) or None not in (values, choices):
            raise ValueError("give one of range, values and choices")
        return {**value, "range": span}

    @field_validator("range", mode="before")
    @classmethod
    def _check_range(cls, value: Any) -> tuple[float, float]:
        lower, upper = messages.pair(value, "range")
        if not (math.isfinite(lower) and math.isfinite(upper)):
            raise ValueError(
                "a variable needs two finite bounds: the pump or heater must have limits"
            )
        if lower == upper:
            raise ValueError(
                f"both bounds are {exact(lower)}; put a constant under [fixed] instead"
            )
        return lower, upper

    @model_validator(mode="after")
    def _two_at_least(self) -> Self:
        stated = [key for key in ("step", "resolution", "values") if getattr(self, key) is not None]
        if len(stated) > 1:
            raise ValueError(f"give one of {' and '.join(stated)}: each says what can be set")
        apart = self.step or self.resolution
        if apart and (self.range[1] - self.range[0]) / apart > _FINEST:
            raise ValueError(
                f"{stated[0]} = {exact(getattr(self, stated[0]))} is finer than numbers within "
                f"[{exact(self.range[0])}, {exact(self.range[1])}] can tell apart; make it larger"
            )
        if stated and self.grid is not None and len(self.grid) < 2:
            raise ValueError(
                f"{stated[0]} = {exact(getattr(self, stated[0]))} leaves "
                f"{'one value' if len(self.grid) else 'no value'} within "
                f"[{exact(self.range[0])}, {exact(self.range[1])}]; make it smaller"
            )
        return self

    @property
    def spacing(self) -> float | None:
        """How far what it can be set to lies apart, at least; choices by their numbers."""
        if self.choices is not None:
            return 1.0
        if self.values is not None:
            return min(b - a for a, b in zip(self.values, self.values[1:], strict=False))
        return self.step or self.resolution

    @property
    def grid(self) -> Grid | None:
        """What it can be set to, if that is not all of its range; choices by their numbers."""
        if self.choices is not None:
            return Grid.of_step(*self.range, 1.0, 0.0)
        if self.values is not None:
            return Grid.of_values(self.values)
        if self.step is not None:
            return Grid.of_step(*self.range, self.step, self.range[0])
        if self.resolution is not None:
            return Grid.of_step(*self.range, self.resolution, 0.0)
        return None


def _listed(values: Any) -> tuple[float, ...]:
    """Check values, and put them in order."""
    if not isinstance(values, list | tuple) or len(values) < 2:
        raise ValueError("values must be two numbers or more; put a constant under [fixed] instead")
    for number in values:
        if not messages.is_usable(number):
            raise ValueError(f"values must be numbers; {messages.what(number)}")
    found = tuple(sorted(float(number) for number in values))
    if len(set(found)) < len(found):
        raise ValueError("values has the same number twice")
    return found
