"""What the user states, and what the names in it mean; see `model`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, ValidationError, field_validator

from ..written import exact
from . import messages
from .bounds import Limit, Window
from .expression import Expression, parse
from .follow import Following, Region
from .goals import Aim, Goal, GoalTexts
from .merit import Windows
from .messages import ProblemError
from .naming import Names, name_problems, named, rigs_unit
from .tables import Definition, Kind, Optimiser, Part, RigFacts, Stop, Text
from .units import UnitError, converted, unit
from .variables import Variable

_IF_ANY = ("define", "shared")  # younger than the stored problems, which have none of them


class Stated(Part):
    """The keys of a problem file, checked, and every expression with what its names stand for.

    `Problem` documents them.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    title: Text = ""
    minimise: GoalTexts | None = None
    maximise: GoalTexts | None = None
    measured: tuple[str, ...] = Field(min_length=1)
    kind: Kind | None = None
    constraints: tuple[Window, ...] = ()
    budget: int = Field(default=100, strict=True, ge=1, le=1_000_000)
    batch: int = Field(default=1, strict=True, ge=1, le=10_000)
    optimiser: Optimiser = Optimiser()
    stop: Stop = Stop()
    variables: dict[str, Variable] = Field(min_length=1)
    fixed: dict[str, float] = Field(default_factory=dict)
    define: dict[str, Definition] = Field(default_factory=dict)
    limits: dict[str, Limit] = Field(default_factory=dict)
    shared: tuple[str, ...] = ()
    rig: RigFacts | None = None
    _following: Following | None = PrivateAttr(None)
    _region: Region | None = PrivateAttr(None)
    _names: Names = PrivateAttr()
    _aims: tuple[Aim, ...] = PrivateAttr()

    def __init__(self, **stated: Any) -> None:
        data = messages.canonical(stated)
        if slipped := list(messages.slipped(data, type(self).model_fields)):
            raise ProblemError(slipped)
        problems: list[str] = []
        try:
            super().__init__(**data)
        except ValidationError as error:
            problems += [messages.sentence(dict(item), _ALLOWED) for item in error.errors()]
        problems += name_problems(data)
        if not problems:
            problems += self._give_meaning(data) or [
                *self._empty_limits(),
                *self._of_one_goal(),
                *self._of_windows(),
                *self.out_of_reach(),
            ]
        if problems:
            raise ProblemError(list(dict.fromkeys(problems)))

    def __eq__(self, other: object) -> bool:
        """Whether the same is stated; what follows from that is not looked at."""
        if not isinstance(other, Stated):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in type(self).model_fields)

    __hash__ = None  # type: ignore[assignment]  # made of dicts

    def _give_meaning(self, data: Mapping[str, Any]) -> list[str]:
        """Put behind every name what it stands for; say which units do not fit."""
        units = {name: rigs_unit(name) for name in self.fixed}
        units |= {name: v.unit or rigs_unit(name) for name, v in self.variables.items()}
        wrong = list(self._other_units())
        if wrong:
            return wrong

        def meant(place: str, of: str, to: str = "") -> Expression:
            try:
                return self._names.expression(of, to)
            except UnitError as error:
                wrong.append(f"{place}{'.unit' * bool(to)}: {error}")
                return parse(of)

        try:
            self._names = Names(named(data), units)
            if self.rig is not None:
                given = self._follow(named(data))
                self._names = Names(named(data), units, given)
        except UnitError as error:
            name = re.split("[.:]", str(error))[0]
            table = "define" if name in self.define else "limits"
            return [f"{table}.{error}"]
        except ProblemError as error:
            return error.problems
        self._aims = tuple(
            Aim(
                verb,
                self._called(goal, meant("goal" if goal.unit else verb, goal.of, goal.unit)),
                self._unit(goal),
                goal.of,
            )
            for verb, goal in self._stated_goals()
        )
        self.__dict__["constraints"] = tuple(
            window.meaning(meant(f"constraints[{i}]", window.of))
            for i, window in enumerate(self.constraints, start=1)
        )
        self.__dict__["limits"] = {
            name: limit.meaning(meant(f"limits.{name}", limit.of, limit.unit))
            for name, limit in self.limits.items()
        }
        return wrong

    def _other_units(self) -> Iterator[str]:
        """Say which variables are called like a rig's setpoint, but measure something else."""
        for name, variable in self.variables.items():
            if unit(variable.unit) is None:
                continue  # a label, until a rig has to make something of it
            try:
                converted(1.0, variable.unit, rigs_unit(name))
            except UnitError as error:
                yield f"variables.{name}.unit: {error}"

    def _follow(self, definitions: Mapping[str, tuple[str, str]]) -> dict[str, Expression]:
        """Find out which flows follow on the rig; return what its words stand for."""
        assert self.rig is not None
        rigs = Names(definitions, {name: rigs_unit(name) for name in self.fixed})
        self._following = Following(self.variables, self.fixed, rigs, self.rig)
        self._region = self._following.region(self.variables, self.limits, self._names)
        known = self._following.given
        return {n: e for n, e in known.items() if n not in self.variables and n not in self.fixed}

    def _stated_goals(self) -> Iterator[tuple[str, Goal]]:
        """Give the goals as tables, each with what is done to it: those to minimise first."""
        for verb, stated in (("minimise", self.minimise), ("maximise", self.maximise)):
            if stated is not None:
                for goal in stated if isinstance(stated, tuple) else (stated,):
                    yield verb, goal if isinstance(goal, Goal) else Goal(of=goal)

    @staticmethod
    def _called(goal: Goal, meaning: Expression) -> Expression:
        """Call a goal by its name, if it has one."""
        return Expression(goal.name, meaning.tree) if goal.name else meaning

    def _unit(self, goal: Goal) -> str:
        """Give the unit of a goal: its own, or that of what it is; "" if none is known."""
        return goal.unit or self.unit_of(goal.of)

    def _of_one_goal(self) -> Iterator[str]:
        """Say what is asked for that two goals cannot have."""
        if len(self.aims) == 1:
            return
        if self.aims[0].text == self.aims[1].text:
            yield f"goal: {self.goal.text!r} is stated twice; two goals to trade off have to differ"
        if self.optimiser.model != "composite":
            yield (
                "optimiser: model 'merit' ranks by one goal, and two are stated; leave engine and "
                "model out"
            )
        if self.stop.goal is not None:
            yield (
                "stop.goal: is the value of one goal, and two are stated; leave it out, or put one "
                "of them under constraints"
            )

    def _of_windows(self) -> Iterator[str]:
        """Say what is asked for that is about windows, where there are none."""
        if self.optimiser.confidence is not None and not self.constraints:
            yield (
                f"optimiser.confidence = {exact(self.optimiser.confidence)}: is about windows, and "
                "there are none; leave it out, or put some under constraints"
            )

    @field_validator("fixed", mode="before")
    @classmethod
    def _check_fixed(cls, value: Any) -> Any:
        for name, number in value.items() if isinstance(value, Mapping) else ():
            if not messages.is_usable(number):
                raise ValueError(f"{name} must be a finite number; {messages.what(number)}")
        return value

    def _empty_limits(self) -> Iterator[str]:
        """One sentence for each limit that no point within the ranges can satisfy."""
        for name, limit in self.limits.items():
            if any(inner not in self.ranges for inner in limit.expression.names):
                continue  # only a rig can tell
            lowest, highest = limit.expression.bounds(self.ranges)
            if lowest <= limit.upper and limit.lower <= highest:
                continue
            span = messages.show_span(lowest, highest)
            unit = f" {limit.unit}" if limit.unit else ""
            if limit.within[0] is None:
                asked = f"at most {limit.upper}"
            elif limit.within[1] is None:
                asked = f"at least {limit.lower}"
            else:
                asked = f"[{limit.lower}, {limit.upper}]"
            yield (
                f"limits.{name}: nothing can satisfy it: with the ranges given, {limit.of} "
                f"{span}{unit}, but you ask for {asked}"
            )

    def out_of_reach(self) -> Iterator[str]:
        """One sentence for each window that no fractions of a whole can be in."""
        ranges = self.ranges | dict.fromkeys(self.measured, (0.0, 1.0))
        for number, window in enumerate(self.constraints, start=1):
            if self.kind != "fractions" or not set(window.expression.names) <= set(ranges):
                continue  # only a rig can tell
            lowest, highest = window.expression.bounds(ranges)
            below, above = window.allowed
            if lowest <= window.upper + above and window.lower - below <= highest:
                continue
            span = messages.show_span(lowest, highest)
            yield (
                f"constraints[{number}]: nothing can come near it: of fractions, which are from 0 "
                f"to 1, {window.of} {span}, but you ask for {window.text}; 80 of a hundred are "
                "0.8, or 80%"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the resolved problem as plain JSON-able data.

        Defaults are spelt out, an open side is None, keys hold no dot, and
        ``Problem.load(problem.to_dict()) == problem``.
        """
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in data.items() if value or key not in _IF_ANY}

    def unit_of(self, of: str) -> str:
        """Give the unit of a variable, limit, definition or word of the rig; "" of what is none."""
        known = {name: variable.unit for name, variable in self.variables.items()}
        known |= {name: limit.unit for name, limit in self.limits.items()}
        known |= {name: part.unit for name, part in self.define.items()}
        return known.get(of.strip()) or rigs_unit(of.strip())

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The goals: one, or two to trade off, those to minimise first."""
        return self._aims

    @property
    def goal(self) -> Expression:
        """The lead property, as the user states it; its text is its name, if it has one.

        Of two goals the first, as `sign`.
        """
        return self.aims[0].expression

    @property
    def sign(self) -> int:
        """+1 if the goal is minimised, -1 if it is maximised; the optimiser's f is sign * goal."""
        return self.aims[0].sign

    @property
    def goal_words(self) -> str:
        """Such as ``minimise X3``, ``minimise X3 and X1 / X2`` or ``minimise X3, maximise X1``."""
        first, *others = self.aims
        words = f"{first.verb} {first.text}"
        for aim in others:
            joined = " and" if aim.verb == first.verb else f", {aim.verb}"
            words += f"{joined} {aim.text}"
        return words

    @property
    def outcomes(self) -> tuple[Expression, ...]:
        """What an experiment comes to: the goal, the property of each window, a second goal."""
        windows = (window.expression for window in self.windows)
        return (self.goal, *windows, *(aim.expression for aim in self.aims[1:]))

    @property
    def signs(self) -> NDArray[np.float64]:
        """What makes `outcomes` goals to be minimised, and properties as they are."""
        first, *others = (float(aim.sign) for aim in self.aims)
        return np.array([first, *[1.0] * len(self.windows), *others])

    @property
    def soft(self) -> Windows:
        """The soft windows as arrays, and one that is open for a second goal."""
        windows = Windows.of([(w.lower, w.upper, w.allowed) for w in self.windows])
        return windows.opened(len(self.aims) - 1)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The soft windows; another name for `constraints`."""
        return self.constraints

    @property
    def region(self) -> Region:
        """What may be tried: in the variables, or on a rig in the flows that follow from them."""
        return self._region or Region(self.variables, self.limits, self.fixed)

    @property
    def unmet(self) -> list[str]:
        """The names in goal, windows and limits that only a rig gives a meaning."""
        parts = [*self.outcomes, *(limit.expression for limit in self.limits.values())]
        known = {*self.variables, *self.fixed, *self.measured}
        return list(dict.fromkeys(n for e in parts for n in e.names if n not in known))

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """What each variable and each fixed quantity can be, for `Expression.bounds`."""
        fixed = {name: (number, number) for name, number in self.fixed.items()}
        return {name: variable.range for name, variable in self.variables.items()} | fixed


_ALLOWED = {
    "": [field.alias or name for name, field in Stated.model_fields.items() if name != "rig"],
    "variables": list(Variable.model_fields),
    "minimise": list(Goal.model_fields),
    "maximise": list(Goal.model_fields),
    "define": list(Definition.model_fields),
    "constraints": list(Window.model_fields),
    "limits": list(Limit.model_fields),
    "optimiser": list(Optimiser.model_fields),
    "stop": list(Stop.model_fields),
}
