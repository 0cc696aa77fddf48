"""Which flows follow from a problem's variables: solved exactly, or refused by name.

Every variable that is neither the temperature nor a choice is an expression in the flows of the
streams: a flow itself, the total flow, the residence time ``volume / (a + b + ...)``, or whatever
its ``of`` says.
Each is a ratio of sums, ``v = (n F + n0) / (d F + d0)``, and so for given values v a linear
equation in the flows F: ``(n - v d) F = v d0 - n0``. As many equations as flows give them by
Cramer's rule, as expressions in the variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .bounds import Limit
from .expression import Expression, ExpressionError, parse
from .grammar import Call, Name, Node, Number
from .messages import ProblemError
from .naming import Names, is_rigs_word, rigs_unit
from .tables import RigFacts
from .units import UnitError, unit
from .variables import Variable

FloatArray = NDArray[np.float64]

_SMALL = 1e-9  # relative size below which a combination is rounding


@dataclass(frozen=True)
class Region:
    """What may be tried, in quantities that limits tie together as ratios of sums.

    Attributes
    ----------
    variables : dict of str to Variable
    limits : dict of str to Limit
    fixed : dict of str to float
    held : dict of str to (Expression, float)
        What has one value only.
    """

    variables: dict[str, Variable]
    limits: dict[str, Limit]
    fixed: dict[str, float]
    held: dict[str, tuple[Expression, float]] = field(default_factory=dict)


class Following:
    """The flows that follow from the variables of a problem on a rig.

    Parameters
    ----------
    variables : mapping of str to Variable
    fixed : mapping of str to float
    names : Names
        With the rig's words in the rig's units.
    rig : RigFacts

    Attributes
    ----------
    constants : dict of str to float
        The fixed quantities, and what is fixed by the rig: volume and stocks.
    stated : dict of str to Expression
        Each variable but temperature and choices, in its unit, in flows [uL/min] and constants.
    words : dict of str to Expression
        Total flow and residence time likewise.
    flows : dict of str to Expression
        Each flow [uL/min], in variables and constants.

    Raises
    ------
    ProblemError
        If variables are not known to the rig, do not determine the flows, or contradict each other.
    """

    def __init__(
        self,
        variables: Mapping[str, Variable],
        fixed: Mapping[str, float],
        names: Names,
        rig: RigFacts,
    ) -> None:
        self._rig = rig
        self._streams = [f"flow_{name}" for name in rig.streams]
        self.constants = {
            "volume": rig.volume,
            **{f"stock_{name}": stream.stock for name, stream in rig.streams.items()},
            **fixed,
        }
        self._free = [flow for flow in self._streams if flow not in fixed]
        total = " + ".join(self._streams)
        self.words = {
            "total_flow": parse(total),
            "residence_time": parse(f"volume / ({total})"),
        }
        own = self.words | {flow: parse(flow) for flow in self._streams}
        self.stated = {
            name: self._of(name, variable, own, names)
            for name, variable in variables.items()
            if not _apart(name, variable)
        }
        self.held = {
            name: (own[name], fixed[name])
            for name in self.words
            if name in fixed and name not in variables
        }
        self._check_determined()
        self.flows = {flow: parse(flow) for flow in self._streams} | self._solved()

    def _of(
        self, name: str, variable: Variable, own: Mapping[str, Expression], names: Names
    ) -> Expression:
        """Say what a variable is, in flows and constants."""
        place = f"variables.{name}"
        if name in own and variable.of is not None:
            raise ProblemError([f"{place}.of: {name} is a word of the rig's own; leave of out"])
        if name not in own and variable.of is None:
            rigs = ", ".join(["temperature", *own])
            raise ProblemError(
                [
                    f"{place}: the rig has no such variable; it has {rigs}. Say what {name} is in "
                    f"these: {name} = {{ range = ..., of = "
                    f'"{self._streams[-1]} / {self._streams[0]}" }}'
                ]
            )
        try:
            expression = names.expression(variable.of or name, variable.unit).substituted(own)
        except UnitError as error:
            raise ProblemError([f"{place}.unit: {error}"]) from None
        for used in expression.names:
            if used not in self.constants and used not in self._streams:
                have = ", ".join([*own, *self.constants])
                raise ProblemError(
                    [f"{place}: {used!r} in {expression.text!r} is not what it can be made of: "
                     f"{have}"]
                )  # fmt: skip
        return Expression(name, expression.tree) if variable.of is None else expression

    def _rows(self) -> list[tuple[str, Node, FloatArray, FloatArray]]:
        """Name, value, numerator and denominator of each equation."""
        equations: dict[str, tuple[Expression, Node]] = {
            name: (expression, Name(name)) for name, expression in self.stated.items()
        }
        equations |= {name: (e, Number(value)) for name, (e, value) in self.held.items()}
        rows = []
        for name, (expression, value) in equations.items():
            try:
                rows.append((name, value, *expression.linear_ratio(self._free, self.constants)))
            except ExpressionError as error:
                raise ProblemError(
                    [f"variables.{name}: {error}; flows follow from no other form"]
                ) from None
        return rows

    def _check_determined(self) -> None:
        """Refuse variables of which some say the same, or from which no flow follows."""
        rows = self._rows()
        names = [name for name, *_ in rows]
        rng = np.random.default_rng(0)  # at conditions that are nothing special
        F = np.append(10 * (1 + rng.random(len(self._free))), 1.0)
        M = np.array([num - (num @ F) / (den @ F) * den for *_, num, den in rows])[:, :-1]
        M = M.reshape(len(names), len(self._free))
        size = np.linalg.norm(M, axis=1, keepdims=True)
        M = M / np.where(size > 0, size, 1.0)
        left, s, right = np.linalg.svd(M)
        rank = int((s > _SMALL).sum())
        if rank < len(names):
            same = np.abs(left[:, rank:]).max(axis=1) > 1e-6
            told = " and ".join(name for name, part in zip(names, same, strict=True) if part)
            raise ProblemError(
                [f"variables: {told} cannot each be chosen: one follows from what else is given; "
                 "leave one out"]
            )  # fmt: skip
        if rank < len(self._free):
            open_ = np.abs(right[rank:]).max(axis=0) > 1e-6
            told = " and ".join(f for f, part in zip(self._free, open_, strict=True) if part)
            given = ", ".join([*names, *(f for f in self._streams if f not in self._free)])
            raise ProblemError(
                [f"variables: {told} do not follow from {given or 'what is given'}: add a "
                 "variable, such as residence_time or a ratio of flows, or fix one of them"]
            )  # fmt: skip

    def _solved(self) -> dict[str, Expression]:
        """Solve for the flows by Cramer's rule."""
        matrix: list[list[Node | None]] = []
        right: list[Node | None] = []
        for _, value, num, den in self._rows():
            cells = [_minus(_number(n), _times(value, d)) for n, d in zip(num, den, strict=True)]
            matrix.append(cells[:-1])
            right.append(_minus(None, cells[-1]))
        whole = _determinant(matrix)
        flows = {}
        for j, flow in enumerate(self._free):
            replaced = [[*row[:j], b, *row[j + 1 :]] for row, b in zip(matrix, right, strict=True)]
            part = _determinant(replaced) or Number(0.0)
            assert whole is not None  # of full rank
            try:
                flows[flow] = Expression(flow, Call("/", (part, whole)))
            except ExpressionError:
                raise ProblemError(
                    [f"variables: {flow} follows from them by a formula too long to compute with; "
                     "state some of the flows themselves"]
                ) from None  # fmt: skip
        return flows

    @property
    def given(self) -> dict[str, Expression]:
        """What the rig's words stand for, in variables and fixed quantities."""
        numbers = {name: Expression(name, Number(value)) for name, value in self.constants.items()}
        flows = {flow: e.substituted(numbers) for flow, e in self.flows.items()}
        known = numbers | flows
        words = {name: e.substituted(known) for name, e in self.words.items()}
        return known | words

    def region(
        self,
        variables: Mapping[str, Variable],
        limits: Mapping[str, Limit],
        names: Names,
    ) -> Region:
        """Give what may be tried, in flows: the same, whatever the variables are.

        Parameters
        ----------
        variables : mapping of str to Variable
        limits : mapping of str to Limit
        names : Names
            With the variables in their own units.
        """
        meant = {
            name: names.expression(limit.of, limit.unit).substituted(self.words | self.stated)
            for name, limit in limits.items()
        }
        within = {name: limit.meaning(meant[name]) for name, limit in limits.items()}
        for name, expression in self.stated.items():
            limit = Limit(of=name, within=variables[name].range, unit=variables[name].unit)
            key = f"range of {name}" if name in limits else name
            within[key] = limit.meaning(Expression(name, expression.tree))
        flows = {
            flow: Variable(
                range=self._rig.streams[flow.removeprefix("flow_")].limits, unit="uL/min"
            )
            for flow in self._free
        }
        apart = {name: v for name, v in variables.items() if _apart(name, v)}
        return Region(apart | flows, within, self.constants, self.held)

    def outside(self, conditions: Mapping[str, float]) -> str | None:
        """Say which pump could not deliver at these conditions, or None if all can."""
        flows = self.of_conditions(conditions)
        for name, stream in self._rig.streams.items():
            flow = flows[f"flow_{name}"]
            low, high = stream.limits
            slack = _SMALL * high
            if not low - slack <= flow <= high + slack:
                return (
                    f"flow_{name} = {flow:.6g} uL/min, which follows, is outside what its pump "
                    f"allows, [{low:g}, {high:g}]"
                )
        return None

    def allowed(self, columns: Mapping[str, FloatArray]) -> NDArray[np.bool_]:
        """Whether all pumps could deliver, for conditions as columns (n,)."""
        values = {**{name: np.asarray(v) for name, v in self.constants.items()}, **columns}
        ok = np.ones(len(next(iter(columns.values()))), dtype=bool)
        for name, stream in self._rig.streams.items():
            flow = self.flows[f"flow_{name}"](values)
            low, high = stream.limits
            ok &= (low - _SMALL * high <= flow) & (flow <= high * (1 + _SMALL))
        return ok

    def of_conditions(self, conditions: Mapping[str, float]) -> dict[str, float]:
        """Give the flows [uL/min] that follow from values of the variables."""
        values = {**self.constants, **conditions}
        return {flow: expression(values) for flow, expression in self.flows.items()}


def _apart(name: str, variable: Variable) -> bool:
    """Whether no flow follows from a variable."""
    return name == "temperature" or variable.choices is not None


def _number(value: float) -> Node | None:
    """Give a number of an equation, nothing for 0."""
    return Number(float(value)) if value else None


def _times(node: Node | None, factor: float) -> Node | None:
    if node is None or factor == 0:
        return None
    if factor == 1:
        return node
    return Call("*", (node, Number(float(factor))))


def _minus(a: Node | None, b: Node | None) -> Node | None:
    if b is None:
        return a
    return Call("neg", (b,)) if a is None else Call("-", (a, b))


def _determinant(matrix: Sequence[Sequence[Node | None]]) -> Node | None:
    """Expand along the row that has most zeros; None for 0."""
    if not matrix:
        return Number(1.0)
    i = min(range(len(matrix)), key=lambda k: sum(cell is not None for cell in matrix[k]))
    rest = [row for k, row in enumerate(matrix) if k != i]
    terms: list[Node] = []
    for j, cell in enumerate(matrix[i]):
        if cell is None:
            continue
        minor = _determinant([[c for k, c in enumerate(row) if k != j] for row in rest])
        if minor is not None:
            term = cell if minor == Number(1.0) else Call("*", (cell, minor))
            terms.append(term if (i + j) % 2 == 0 else Call("neg", (term,)))
    return reduce(lambda a, b: Call("+", (a, b)), terms) if terms else None


def is_plain(variables: Mapping[str, Variable]) -> bool:
    """Whether all variables are setpoints of a rig in a rig's units, or words of no rig."""
    return not any(
        variable.of is not None
        or name in ("total_flow", "residence_time")
        or (is_rigs_word(name) and _another_unit(name, variable.unit))
        for name, variable in variables.items()
    )


def _another_unit(name: str, stated: str) -> bool:
    if stated in ("", rigs_unit(name)):
        return False
    own, other = unit(rigs_unit(name)), unit(stated)
    return other is None or own is None or not own.same_size(other)
