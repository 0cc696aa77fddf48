"""The reaction file: what happens in an emulated reactor, and what its detector sees of it.

Species, steps with their rate constants, what is in which stream, which peak shows what. Times are
minutes, concentrations mM, temperatures degC, energies kJ/mol.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from .chemistry import NAME, Equation, elements, rate_unit
from .reading import SpecError, table, text_of, validated
from .specs import Name, Positive, Table, Text
from .written import quoted

NotNegative = Annotated[float, Field(ge=0)]
Celsius = Annotated[float, Field(gt=-273.15, le=1000)]
Energy = Annotated[float, Field(ge=-1000, le=1000)]


class ReactionError(SpecError):
    """The reaction file cannot be used; the text names key, value and cure."""


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


class ReactionPeak(Table):
    """A peak, by the name that the rig's HPLC method has for it.

    Attributes
    ----------
    of : str
        The species in it; several, as a list, elute together.
    time : float
        Where it really elutes [min]; like what follows, by default as the method says.
    width : float
        SD of its Gaussian [min].
    tail : float
        Time constant of its exponential [min].
    response : float
        Area [AU min] per mM.
    """

    of: tuple[SpeciesName, ...]
    time: Positive | None = None
    width: Positive | None = None
    tail: Positive | None = None
    response: Positive | None = None

    @field_validator("of", mode="before")
    @classmethod
    def _one_or_more(cls, of: Any) -> Any:
        return (of,) if isinstance(of, str) else of


class ReactionNoise(Table):
    """What makes two equal experiments differ.

    Attributes
    ----------
    extent : float
        SD of ln(time that the reaction had), an experiment each.
    fraction : float
        The HPLC's SD of a share X of all that it sees is `fraction` + `relative` X.
    relative : float
        See `fraction`.
    """

    extent: NotNegative = 0.03
    fraction: NotNegative = 0.001
    relative: NotNegative = 0.005


class ReactionFile(Table):
    """A reaction for an emulated rig: a file, or the table ``[emulation.reaction]`` of a rig file.

    Attributes
    ----------
    title : str
        What it is called.
    source : str
        Where its kinetics are from.
    temperature : float
        Reference temperature of the rate constants [degC].
    species : table
        Each by its name; a list of names where no formula is known.
    steps : list of tables
        The mechanism.
    streams : table
        By stream of the rig what is in it [mM]: the stock of the rig file is the concentration of
        the first. ``{}`` for a solvent.
    peaks : table
        By peak of the HPLC method what it shows.
    noise : table
        Of one experiment.
    """

    title: Text = ""
    source: Text = ""
    temperature: Celsius = 25.0
    species: Annotated[dict[SpeciesName, Species], Field(min_length=1)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    streams: Annotated[dict[Name, dict[SpeciesName, Positive]], Field(min_length=1)]
    peaks: Annotated[dict[Text, ReactionPeak], Field(min_length=1)]
    noise: ReactionNoise = ReactionNoise()

    def deviating(self, kinetics: Mapping[str, float]) -> Self:
        """Return it with other rate constants, in the units of the file.

        Parameters
        ----------
        kinetics : mapping of str to float
            ``k1`` (``A1``) and ``E1`` of the first step, ``k1_reverse`` and ``E1_reverse`` of its
            way back, and so on.

        Raises
        ------
        ValueError
            If there is no such constant, or it is negative.
        """
        steps = list(self.steps)
        places: dict[str, tuple[int, str, str]] = {}
        for i, step in enumerate(steps):
            for way, rate in (("", step), ("_reverse", step.reverse)):
                if rate is not None:
                    key = "A" if rate.k is None else "k"
                    places[f"{key}{i + 1}{way}"] = (i, way, key)
                    places[f"E{i + 1}{way}"] = (i, way, "energy")
        for name, value in kinetics.items():
            if name not in places:
                raise ValueError(
                    f"{name} = {value:g} is no parameter of this reaction: it has "
                    f"{', '.join(places)}"
                )
            i, way, key = places[name]
            if value < 0 and key != "energy":
                raise ValueError(f"{name} = {value:g} is negative: give a rate constant")
            change: dict[str, Any] = {key: value}
            if way and (reverse := steps[i].reverse) is not None:
                change = {"reverse": reverse.model_copy(update=change)}
            steps[i] = steps[i].model_copy(update=change)
        return self.model_copy(update={"steps": tuple(steps)})

    @field_validator("species", mode="before")
    @classmethod
    def _list_or_table(cls, species: Any) -> Any:
        plain = isinstance(species, list) and all(isinstance(name, str) for name in species)
        return {name: {} for name in species} if plain else species

    @model_validator(mode="after")
    def _known_species(self) -> Self:
        said = [(f"step {i}", n) for i, s in enumerate(self.steps, 1) for n in s.read.species]
        said += [
            (f"step {i}: orders", name)
            for i, step in enumerate(self.steps, 1)
            for rate, _ in step.ways
            for name in rate.orders
        ]
        said += [(f"streams.{key}", name) for key, held in self.streams.items() for name in held]
        said += [(f"peaks.{key}", name) for key, peak in self.peaks.items() for name in peak.of]
        for place, name in said:
            if name not in self.species:
                near = get_close_matches(name, self.species, 1)
                cure = f"did you mean {near[0]!r}?" if near else "add it to species"
                raise ValueError(
                    f"{place}: {name!r} is none of the species {', '.join(self.species)}: {cure}"
                )
        for name in self.species:
            if not any(name == one for _, one in said):
                raise ValueError(f"species.{name} is used by nothing: delete it")
        return self

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        formulae = {n: s.formula for n, s in self.species.items() if s.formula is not None}
        weights = {n: s.weight for n, s in self.species.items() if s.weight is not None}
        for number, step in enumerate(self.steps, 1):
            if wrong := step.read.imbalance(formulae, weights):
                raise ValueError(
                    f"step {number}: {step.equation!r} does not balance, with {wrong}: correct the "
                    "equation or the species"
                )
        return self

    @model_validator(mode="after")
    def _fed_and_seen(self) -> Self:
        if not any(self.streams.values()):
            raise ValueError("streams: all of them are empty: say what is in one")
        owners: dict[str, str] = {}
        for key, peak in self.peaks.items():
            for name in peak.of:
                if (other := owners.setdefault(name, key)) != key:
                    raise ValueError(
                        f"peaks.{other} and peaks.{key} both show {name!r}: it elutes once"
                    )
        return self


def built_in() -> list[str]:
    """Names of the reaction files that come with the package."""
    folder = files("reactune.devices") / "reactions"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir())


def load_reaction(reaction: str | Path, folder: Path = Path()) -> ReactionFile:
    """Read a reaction file.

    Parameters
    ----------
    reaction : str or Path
        Name of a built-in one (`snar`), or path of a TOML file.
    folder : Path, optional
        What a path is relative to.

    Raises
    ------
    ReactionError
        If there is no such file, or what it says cannot be used.
    """
    text = text_of(reaction, "reaction", ReactionError, folder)
    data = table(text, str(reaction), ReactionError)
    return _read(data, lambda sentence: f"{reaction}: {sentence}")


def as_stated(stated: Any, folder: Path) -> Any:
    """Give what a rig file states as its reaction: read, if it is a file or a table.

    Any other name is one of a reaction that is no file, and stays.

    Raises
    ------
    ReactionError
        If the file cannot be read or the table cannot be used.
    """
    if isinstance(stated, dict):
        return _read(stated, str)
    if isinstance(stated, str) and (stated.endswith(".toml") or stated in built_in()):
        return load_reaction(stated, folder)
    if isinstance(stated, str | ReactionFile):
        return stated
    raise ReactionError(f"{quoted(stated)} is no reaction: give the name of one, or a .toml file")


def _read(data: dict[str, Any], whose: Any) -> ReactionFile:
    return validated(ReactionFile, data, "reaction", ReactionError, whose)
