"""What the tables of a problem file are made of, and those of rig, optimiser and stop."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..written import check_text

Text = Annotated[str, AfterValidator(check_text)]
"""What goes to terminals and into pages."""

Setting = float | str
"""What a variable is set to: a number, or one of its choices."""

Kind = Literal["fractions", "positive", "real"]
"""What measured quantities are: fractions of a whole, which add up to 1; positive; any numbers."""


class Part(BaseModel):
    """A table of the problem file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
