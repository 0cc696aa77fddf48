"""The reactions that an emulated rig can have, one file each."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches

from ...rigfile import EmulationSpec, RigError
from ..reaction import Reaction
from .walker2017 import Walker2017

REACTIONS: dict[str, Callable[[Mapping[str, float]], Reaction]] = {
    "walker2017": Walker2017.of,
}
"""By the name that a rig file gives: what makes it of the file's `kinetics`.

It raises ValueError, with one sentence, if it cannot use these.
"""


def reaction_of(spec: EmulationSpec) -> Reaction:
    """Make the reaction that an ``[emulation]`` table asks for.

    Raises
    ------
    RigError
        If there is no such reaction, or it cannot use the kinetics.
    """
    if spec.reaction not in REACTIONS:
        near = get_close_matches(spec.reaction, REACTIONS, 1)
        cure = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(REACTIONS)}"
        raise RigError(f"emulation.reaction = {spec.reaction!r} is not known: {cure}")
    try:
        return REACTIONS[spec.reaction](spec.kinetics)
    except ValueError as error:
        raise RigError(f"emulation.kinetics of {spec.reaction}: {error}") from error
