"""The goals of a problem file, and what their names stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from .expression import Expression
from .tables import Definition, Text


class Goal(Definition):
    """What is to be tuned.

    Attributes
    ----------
    of : str
        An expression in what is measured, and possibly in other quantities.
    name : str, optional
        What it is called in figures and tables.
    unit : str
        The unit that it comes out in; as measured quantities have none, what it is called alone.
    """

    name: Text | None = None


def _form_of_goal(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "list"
    return "table" if isinstance(value, Mapping | Goal) else "text"


GoalText = Annotated[
    Annotated[str, Tag("text")] | Annotated[Goal, Tag("table")], Discriminator(_form_of_goal)
]
"""A goal as it is written: its expression, or a table with its name and unit."""

GoalTexts = Annotated[
    Annotated[str, Tag("text")]
    | Annotated[Goal, Tag("table")]
    | Annotated[tuple[GoalText, ...], Field(min_length=1), Tag("list")],
    Discriminator(_form_of_goal),
]
"""One goal, or a list of two to trade off."""


@dataclass(frozen=True)
class Aim:
    """A goal with what its names stand for.

    Attributes
    ----------
    verb : {"minimise", "maximise"}
    expression : Expression
        Its text is its name, if it has one.
    unit : str
        Its own, or that of what it is; "" if none is known.
    of : str
        The expression as it was written.
    """

    verb: str
    expression: Expression
    unit: str
    of: str

    @property
    def text(self) -> str:
        """What it is called."""
        return self.expression.text

    @property
    def where(self) -> str:
        """Say what its name stands for, ``STY = P / tau``; "" if it has none."""
        return "" if self.text == self.of else f"{self.text} = {self.of}"

    @property
    def sign(self) -> int:
        """+1 if it is minimised, -1 if it is maximised; an optimiser minimises sign * goal."""
        return 1 if self.verb == "minimise" else -1
