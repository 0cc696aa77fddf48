"""An experiment asked for."""

from dataclasses import dataclass

from ..problem.tables import Setting


@dataclass(frozen=True)
class Suggestion:
    """One experiment asked for.

    Attributes
    ----------
    number : int
        Its number in the campaign, from 1.
    conditions : dict of str to float or str
        The problem's variables, in the units of the problem file; a choice is a word.
    why : str
        Why this point: the optimiser's class of point, in words.
    """

    number: int
    conditions: dict[str, Setting]
    why: str
