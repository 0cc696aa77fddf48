"""What expressions stay within: hard limits of what is tried, soft windows of what is measured."""

import math
from typing import Any, Self

from pydantic import PrivateAttr, field_validator, model_validator

from ..written import exact
from . import messages
from .edges import reckoned, widening
from .expression import Expression, parse
from .tables import Part, Text
from .windows import read_window


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


def _closed(lower: float, upper: float) -> tuple[float | None, float | None]:
    """Write an open side as None, which JSON can carry and inf it cannot."""
    if math.isinf(lower) and math.isinf(upper):
        raise ValueError("is open on both sides and so bounds nothing")
    return None if math.isinf(lower) else lower, None if math.isinf(upper) else upper
