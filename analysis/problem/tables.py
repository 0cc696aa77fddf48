"""The tables of a problem file: variables, limits, windows, optimiser and stop."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from ..written import check_text, exact
from . import messages
from .expression import Expression, parse

Text = Annotated[str, AfterValidator(check_text)]
"""What goes to terminals and into pages."""

Kind = Literal["fractions", "positive", "real"]
"""What measured quantities are: fractions of a whole, which add up to 1; positive; any numbers."""


class Part(BaseModel):
    """A table of the problem file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(Part):
    """One quantity that the optimiser may set.

    Attributes
    ----------
    range : (float, float)
        Lowest and highest value [`unit`].
    unit : str
    resolution : float, optional
        Two settings closer than this are one and the same [`unit`].
    """

    range: tuple[float, float]
    unit: Text = ""
    resolution: float | None = Field(default=None, strict=True, gt=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        return {"range": value} if isinstance(value, list | tuple) else value

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


class _Bounded(Part):
    """An expression and the interval it should be in."""

    of: str
    within: tuple[float | None, float | None]

    @property
    def lower(self) -> float:
        """Lowest allowed value, or -inf."""
        return -math.inf if self.within[0] is None else self.within[0]

    @property
    def upper(self) -> float:
        """Highest allowed value, or inf."""
        return math.inf if self.within[1] is None else self.within[1]

    @property
    def expression(self) -> Expression:
        """The bounded quantity."""
        return parse(self.of)


class Limit(_Bounded):
    """A hard bound on what may be tried.

    Attributes
    ----------
    of : str
        An expression in variables and fixed quantities.
    within : (float or None, float or None)
        Lowest and highest allowed value [`unit`]; None on an open side.
    unit : str
    """

    unit: Text = ""

    @field_validator("within", mode="before")
    @classmethod
    def _check_within(cls, value: Any) -> tuple[float | None, float | None]:
        lower, upper = messages.pair(value, "within")
        if lower == upper:
            raise ValueError(f"both bounds are {exact(lower)}; a limit needs room between them")
        return _closed(lower, upper)


class Window(_Bounded):
    """A soft bound on what is measured.

    Attributes
    ----------
    of : str
        An expression in measured quantities, and possibly variables and fixed ones.
    within : (float or None, float or None)
        The preferred window; None on an open side.
    tolerance : (float, float)
        How far below and how far above the window a value is still acceptable.
    """

    tolerance: tuple[float, float]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return messages.read_window(value) if isinstance(value, str) else value

    @field_validator("within", mode="before")
    @classmethod
    def _check_within(cls, value: Any) -> tuple[float | None, float | None]:
        return _closed(*messages.pair(value, "within"))

    @field_validator("tolerance", mode="before")
    @classmethod
    def _check_tolerance(cls, value: Any) -> tuple[float, float]:
        pair = value if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2:
            raise ValueError(f"tolerance must be one number or [below, above]; got {len(pair)}")
        for number in pair:
            if not messages.is_usable(number, infinite=True):
                raise ValueError(f"tolerance must be a number; {messages.what(number)}")
            if number < 0:
                raise ValueError(
                    "tolerance is how far outside the window you would still accept, "
                    f"so it cannot be negative ({exact(number)})"
                )
            if not 0 < number < math.inf:
                raise ValueError(
                    f"tolerance cannot be {exact(number)}: the search follows the slope that it "
                    "gives; for an edge that is nearly hard take a small one such as 0.01"
                )
        return float(pair[0]), float(pair[1])

    @property
    def text(self) -> str:
        """The window as one would write it, tolerances left out."""
        if self.within[0] is None:
            return f"{self.of} <= {exact(self.upper)}"
        if self.within[1] is None:
            return f"{self.of} >= {exact(self.lower)}"
        return f"{self.of} in [{exact(self.lower)}, {exact(self.upper)}]"


class Optimiser(Part):
    """What chooses the points.

    Attributes
    ----------
    engine : {"snobfit", "sqsnobfit"}
    model : {"composite", "merit"}
        What is modelled: goal and windows apart, from what is measured, or the merit. Unless told
        otherwise the first; engine "sqsnobfit" has only the second.
    p : float
        Share of the points that explore instead of following the model.
    """

    engine: Literal["snobfit", "sqsnobfit"] = "snobfit"
    model: Literal["composite", "merit"] = "composite"
    p: float = Field(default=0.5, strict=True, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _one_that_the_engine_has(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("engine") == "sqsnobfit":
            if value.get("model") == "composite":
                raise ValueError(
                    "has model 'composite', but engine 'sqsnobfit' only models the merit: "
                    "leave model out, or take engine 'snobfit'"
                )
            return {"model": "merit", **value}
        return value


class Stop(Part):
    """When to stop before the budget is spent.

    Attributes
    ----------
    goal : float, optional
        Stop at a feasible point whose goal, as the user states it, is at least this good.
    patience : int, optional
        Stop after so many experiments since the last that was the best so far.
    verdict : bool
        Stop when the optimiser is sure that going on is of no use: the windows cannot all be met,
        or no improvement beyond the noise is to be expected.
    """

    goal: float | None = Field(default=None, strict=True, allow_inf_nan=False)
    patience: int | None = Field(default=None, strict=True, ge=1, le=1_000_000)
    verdict: bool = Field(default=True, strict=True)


def _closed(lower: float, upper: float) -> tuple[float | None, float | None]:
    """Write an open side as None, which JSON can carry and inf it cannot."""
    if math.isinf(lower) and math.isinf(upper):
        raise ValueError("is open on both sides and so bounds nothing")
    return None if math.isinf(lower) else lower, None if math.isinf(upper) else upper
