"""The reactions that an emulated rig can have: one module each, or a reaction file."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from ...reactionfile import built_in
from ...rigfile import EmulationSpec, RigError
from ..reaction import Reaction
from .mechanism import Mechanism
from .walker2017 import Walker2017

REACTIONS: dict[str, Callable[[Mapping[str, float]], Reaction]] = {
    "walker2017": Walker2017.of,
}
"""By the name that a rig file gives: what makes it of the file's `kinetics`.

It raises ValueError, with one sentence, if it cannot use these. No reaction file that comes along
has the same name.
"""


def names() -> str:
    """Say which reactions there are, those of files with them."""
    return ", ".join((*REACTIONS, *built_in()))


def name_of(spec: EmulationSpec) -> str:
    """Say what an ``[emulation]`` table calls its reaction."""
    reaction = spec.reaction
    return reaction if isinstance(reaction, str) else reaction.title or "a file"


def reaction_of(spec: EmulationSpec, chosen: Mapping[str, str] = MappingProxyType({})) -> Reaction:
    """Make the reaction that an ``[emulation]`` table asks for.

    Parameters
    ----------
    spec : EmulationSpec
    chosen : mapping of str to str, optional
        What a rig has chosen; what else there is to choose, the table says.

    Raises
    ------
    RigError
        If there is no such reaction, or it cannot use the kinetics.
    """
    stated = spec.reaction
    if twice := REACTIONS.keys() & set(built_in()):
        raise RigError(
            f"{', '.join(twice)}: both a reaction file that comes along and a reaction in code are "
            "called so, and nobody can tell them apart: rename one"
        )
    if isinstance(stated, str) and stated not in REACTIONS:
        near = get_close_matches(stated, [*REACTIONS, *built_in()], 1)
        cure = f"did you mean {near[0]!r}?" if near else f"give one of {names()}, or a .toml file"
        raise RigError(f"emulation.reaction = {stated!r} is not known: {cure}")
    try:
        if isinstance(stated, str) and spec.choices:
            raise ValueError("there is nothing to choose")
        file = None if isinstance(stated, str) else stated.chosen({**spec.choices, **chosen})
    except ValueError as error:
        raise RigError(f"emulation.choices of {name_of(spec)}: {error}") from error
    try:
        if file is not None:
            return Mechanism(file.deviating(spec.kinetics))
        return REACTIONS[str(stated)](spec.kinetics)
    except ValueError as error:
        raise RigError(f"emulation.kinetics of {name_of(spec)}: {error}") from error
