"""Species and steps of a mechanism, as a reaction file states them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from .chemistry import NAME, Equation, elements, rate_unit
from .tables import Positive, Table, Text
from .written import quoted

NotNegative = Annotated[float, Field(ge=0)]
Celsius = Annotated[float, Field(gt=-273.15, le=1000)]
Energy = Annotated[float, Field(ge=-1000, le=1000)]


def _species(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{quoted(name)} is no name of a species: take letters, digits and _, a letter first"
        )
    return name


SpeciesName = Annotated[Text, AfterValidator(_species)]


class Species(Table):
    """What is known of a species; where all of a step have one, the step has to balance.

    Attributes
    ----------
    formula : str
        Such as ``C6H3F2NO2``.
    weight : float
        Molar mass [g/mol].
    """

    formula: Text | None = None
    weight: Positive | None = None

    @field_validator("formula")
    @classmethod
    def _counted(cls, formula: str | None) -> str | None:
        if formula is not None:
            elements(formula)
        return formula


class Rate(Table):
    """A rate constant: k at a temperature, or A, and the activation energy.

    Attributes
    ----------
    k : float
        Rate constant at the temperature `at`, in `unit`.
    A : float
        In place of `k`: the pre-exponential factor, in `unit`.
    unit : str
        Such as ``1/min`` or ``L/(mol s)``, by the order of the step; M is mol/L.
    energy : float
        Activation energy [kJ/mol].
    at : float
        Temperature of `k` [degC]; by default that of the file.
    orders : table
        Order in each species in place of its stoichiometric number, such as 0.5 in a catalyst.
    """

    k: NotNegative | None = None
    A: NotNegative | None = None
    unit: Text
    energy: Energy = 0.0
    at: Celsius | None = None
    orders: dict[SpeciesName, Annotated[float, Field(ge=0, le=5)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_constant(self) -> Self:
        if (self.k is None) == (self.A is None):
            raise ValueError("a rate needs k, or A in its place, and not both")
        if self.A is not None and self.at is not None:
            raise ValueError("at is the temperature of k, and A has none: delete it")
        return self

    def order(self, consumed: Mapping[str, float]) -> dict[str, float]:
        """Give the order in each species, for what the equation consumes.

        That may be 0; the rate is then the same until none of it is left.
        """
        orders = {**consumed, **self.orders}
        return {name: n for name, n in orders.items() if n or name in consumed}

    def constant(self, order: float) -> float:
        """Give k or A in mM and minutes, for an order in all.

        Raises
        ------
        ValueError
            If the unit is not one of such a rate constant.
        """
        value = self.A if self.k is None else self.k
        assert value is not None  # by the validator
        return value * rate_unit(self.unit, order)


class Step(Rate):
    """A step of the mechanism.

    Attributes
    ----------
    equation : str
        Such as ``A + 2 B -> P``; ``<->`` or ``=`` for a reversible one.
    reverse : table
        The rate of the way back, with the keys of a rate.
    """

    equation: Text
    reverse: Rate | None = None

    @property
    def read(self) -> Equation:
        """What the equation says."""
        return Equation.parse(self.equation)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        equation = self.read
        if equation.reversible and self.reverse is None:
            raise ValueError(
                f"{self.equation!r} is reversible: add reverse = {{ k = ..., unit = ... }}, or "
                "write '->'"
            )
        if self.reverse is not None and not equation.reversible:
            raise ValueError(f"{self.equation!r} has a reverse rate: write '<->', or delete it")
        for rate, side in self.ways:
            rate.constant(sum(rate.order(side).values()))
        return self

    @property
    def ways(self) -> Iterator[tuple[Rate, Mapping[str, float]]]:
        """The rate, and what is consumed, forwards and backwards."""
        equation = self.read
        yield self, equation.left
        if self.reverse is not None:
            yield self.reverse, equation.right
