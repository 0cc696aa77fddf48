"""The reaction file: what happens in an emulated reactor, and what its detector sees of it.

Species, steps with their rate constants, what is in which stream, which peak shows what. Times are
minutes, concentrations mM, temperatures degC, energies kJ/mol.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from .reading import SpecError, table, text_of, validated
from .steps import Celsius, NotNegative, Species, SpeciesName, Step
from .tables import Name, Paired, Positive, Table, Text
from .written import quoted


class ReactionError(SpecError):
    """The reaction file cannot be used; the text names key, value and cure."""


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


Options = Annotated[dict[Text, dict[str, float]], Field(min_length=1), Paired]


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
        the first. ``{}`` for a solvent. Streams that the rig chooses from are one, by the name of
        the choice.
    peaks : table
        By peak of the HPLC method what it shows.
    noise : table
        Of one experiment.
    choices : table
        By what can be chosen, such as the catalyst, what there is to choose from, and each time
        the rate constants that deviate: ``k1`` (or ``A1``) and ``E1`` are those of the first step,
        ``k1_reverse`` and ``E1_reverse`` of its way back.
    """

    title: Text = ""
    source: Text = ""
    temperature: Celsius = 25.0
    species: Annotated[dict[SpeciesName, Species], Field(min_length=1)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    streams: Annotated[dict[Name, dict[SpeciesName, Positive]], Field(min_length=1)]
    peaks: Annotated[dict[Text, ReactionPeak], Field(min_length=1), Paired]
    noise: ReactionNoise = ReactionNoise()
    choices: Annotated[dict[Text, Options], Paired] = Field(default_factory=dict)

    def chosen(self, choices: Mapping[str, str]) -> Self:
        """Return it with the rate constants of what is chosen, by default the first of each.

        Raises
        ------
        ValueError
            If there is no such choice.
        """
        for name, option in choices.items():
            if name not in self.choices:
                there = f"it has {', '.join(self.choices)}" if self.choices else "it has none"
                raise ValueError(f"{name} = {option!r} is no choice of this reaction: {there}")
            if option not in self.choices[name]:
                raise ValueError(
                    f"{name} = {option!r} is none of {', '.join(self.choices[name])}: name one"
                )
        made = self
        for name, options in self.choices.items():
            made = made.deviating(options[choices.get(name, next(iter(options)))])
        return made

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
    def _chosen(self) -> Self:
        for name, options in self.choices.items():
            for option, kinetics in options.items():
                try:
                    self.deviating(kinetics)
                except ValueError as error:
                    raise ValueError(f"choices.{name}.{option}: {error}") from error
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
