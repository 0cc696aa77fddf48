"""The tables of a problem file: variables, limits, windows, optimiser and stop."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from ..written import check_text, exact
from . import messages
from .choices import check_choices, described
from .edges import reckoned, widening
from .expression import Expression, parse
from .grid import Grid
from .windows import read_window

Text = Annotated[str, AfterValidator(check_text)]
"""What goes to terminals and into pages."""

Setting = float | str
"""What a variable is set to: a number, or one of its choices."""

Kind = Literal["fractions", "positive", "real"]
"""What measured quantities are: fractions of a whole, which add up to 1; positive; any numbers."""

_FINEST = 2**53  # values of a range that a double can tell apart


class Part(BaseModel):
    """A table of the problem file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Definition(Part):
    """A quantity that follows from others.

    Attributes
    ----------
    of : str
        An expression in variables, fixed and measured quantities, and other definitions.
    unit : str
        The unit that it comes out in.
    """

    of: str
    unit: Text = ""


class _Bounded(Part):
    """An expression and the interval it should be in."""

    of: str
    within: tuple[float | None, float | None]
    _meaning: Expression | None = PrivateAttr(None)

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
        """The bounded quantity; in a problem, with what its names stand for."""
        return self._meaning or parse(self.of)

    def meaning(self, expression: Expression) -> Self:
        """Return it with another expression behind the same text."""
        other = self.model_copy()
        other.__pydantic_private__ = {"_meaning": expression}
        return other


class Limit(_Bounded):
    """A hard bound on what may be tried.

    Attributes
    ----------
    of : str
        An expression in variables and fixed quantities.
    within : (float or None, float or None)
        Lowest and highest allowed value [`unit`]; None on an open side.
    unit : str
        The unit that it comes out in.
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
    percent : bool, optional
        Whether the numbers were written in percent, as text may have them: what is bounded is a
        fraction of 1 then, as the numbers here are.
    lower, upper : float
        The edges that results are judged by, or infinite. No result is ever equal to a number: of
        an equality half the tolerance to both sides counts as equal. A window narrower than a
        twentieth of its two tolerances together is judged as wide as an equality is: of
        ``[3.99, 4.01] +/- 0.3`` what is from 3.85 to 4.15 counts as inside. Others are judged as
        they are stated.
    allowed : (float, float)
        How far outside these edges a value is still acceptable.
    widened : bool
        Whether these edges are further apart than those stated.
    """

    tolerance: tuple[float, float]
    percent: bool | None = None

    @property
    def lower(self) -> float:
        """See `Window`."""
        lower, under = super().lower, self._room[0]
        return reckoned(lower - under) if under else lower

    @property
    def upper(self) -> float:
        """See `Window`."""
        upper, over = super().upper, self._room[1]
        return reckoned(upper + over) if over else upper

    @property
    def allowed(self) -> tuple[float, float]:
        """See `Window`."""
        (below, above), (under, over) = self.tolerance, self._room
        return (reckoned(below - under), reckoned(above - over)) if self.widened else (below, above)

    @property
    def widened(self) -> bool:
        """See `Window`."""
        return any(self._room)

    @property
    def _room(self) -> tuple[float, float]:
        """What it is widened by, below and above."""
        below, above = self.tolerance
        share = float(widening(super().upper - super().lower, below, above))
        return share * below, share * above

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return read_window(value) if isinstance(value, str) else value

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


class StreamFacts(Part):
    """A stream of a rig: what its pump allows [uL/min], and its stock solution [mM]."""

    limits: tuple[float, float]
    stock: float


class RigFacts(Part):
    """What of a rig decides which flows follow from the variables of a problem.

    Attributes
    ----------
    volume : float
        Heated volume of the reactor [uL].
    streams : dict of str to StreamFacts
    """

    volume: float
    streams: dict[str, StreamFacts]


class Optimiser(Part):
    """What chooses the points.

    Attributes
    ----------
    engine : {"snobfit", "sqsnobfit"}
        Which algorithm.
    model : {"composite", "merit"}
        What is modelled: goal and windows apart, from what is measured, or the merit. Unless told
        otherwise the first; engine "sqsnobfit" has only the second.
    p : float
        Share of the points that explore instead of following the model.
    confidence : float, optional
        How likely a point has to be inside all windows to be handed over, or the likeliest is where
        none is so likely; points that would be are asked for, too. Unless told otherwise more
        likely than not. Only with windows.
    """

    engine: Literal["snobfit", "sqsnobfit"] = "snobfit"
    model: Literal["composite", "merit"] = "composite"
    p: float = Field(default=0.5, strict=True, ge=0, le=1)
    confidence: float | None = Field(default=None, strict=True, ge=0.5, lt=1)

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
