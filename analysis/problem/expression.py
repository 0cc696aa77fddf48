"""Expressions in named quantities, as written in a problem file; parsed, never executed as code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from .algebra import INTERVALS, NUMBERS, Dual, Interval, NotLinearError, Ratio, derivatives, ratios
from .grammar import Call, ExpressionError, Name, Node, depth, is_name, read, walk

__all__ = ["Expression", "ExpressionError", "is_name", "parse"]

FloatArray = NDArray[np.float64]

_LARGEST = 5_000  # numbers, names and operators, once names have been replaced
_DEEPEST = 200  # operators in each other, far below what Python can evaluate


@dataclass(frozen=True)
class Expression:
    """An expression of names, numbers, ``+ - * / ^ ( )`` and functions; see `grammar`.

    Parameters
    ----------
    text : str
        For example ``"X1 / (X1 + X2)"``.

    Attributes
    ----------
    tree : Node
        What it says. After `substituted` this is more than `text`, which stays as it was written.
    names : tuple of str
        The names it uses, in order of appearance.

    Raises
    ------
    ExpressionError
        If the text is none; the message names the text and the offence.
    """

    text: str
    tree: Node = field(default=None, compare=False, repr=False)  # type: ignore[assignment]  # None is only until the text is read
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.tree is None:
            object.__setattr__(self, "tree", read(self.text))
        nodes = list(walk(self.tree))
        if len(nodes) > _LARGEST or depth(self.tree) > _DEEPEST:
            raise ExpressionError(
                f"{self.text!r} becomes too long with what its names stand for; make it simpler"
            )
        names = (node.name for node in nodes if isinstance(node, Name))
        object.__setattr__(self, "names", tuple(dict.fromkeys(names)))

    @overload
    def __call__(self, values: Mapping[str, float]) -> float: ...
    @overload
    def __call__(self, values: Mapping[str, FloatArray]) -> FloatArray: ...
    def __call__(self, values: Mapping[str, Any]) -> float | FloatArray:
        """Evaluate on numbers or on arrays of one shape.

        Parameters
        ----------
        values : mapping of str to float or ndarray
            One entry for each of `names`; further entries are not looked at.

        Returns
        -------
        float or ndarray
            Division by zero, and what is not defined, give inf or nan, as in IEEE arithmetic; it
            never raises.

        Raises
        ------
        ExpressionError
            If a name has no value.
        """
        self._check_values(values)
        numbers = {name: np.asarray(values[name], dtype=np.float64) for name in self.names}
        with np.errstate(all="ignore"):
            result = np.asarray(NUMBERS.evaluate(self.tree, numbers))
        return float(result) if result.ndim == 0 else result

    def bounds(self, ranges: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """Bounds of the value while each name runs over its range, by interval arithmetic.

        They are exact when every name occurs once, and otherwise may be too wide, never too
        narrow.

        Parameters
        ----------
        ranges : mapping of str to (float, float)
            Lower and upper value of each of `names`.
        """
        self._check_values(ranges)
        operands = {name: Interval(*map(float, ranges[name])) for name in self.names}
        result = INTERVALS.evaluate(self.tree, operands)
        return result.lower, result.upper

    def gradient(
        self, values: Mapping[str, float], with_respect_to: Sequence[str]
    ) -> tuple[float, FloatArray]:
        """Return the value and its partial derivatives, by forward differentiation.

        Parameters
        ----------
        values : mapping of str to float
            One entry for each of `names`.
        with_respect_to : sequence of str
            The names to differentiate by; the others are constants.

        Returns
        -------
        value : float
        slopes : ndarray, shape (len(with_respect_to),)
        """
        self._check_values(values)
        unit = dict(zip(with_respect_to, np.eye(len(with_respect_to)), strict=True))
        zero = np.zeros(len(with_respect_to))
        operands = {
            name: Dual(np.float64(values[name]), unit.get(name, zero)) for name in self.names
        }
        with np.errstate(all="ignore"):
            result = derivatives(len(zero)).evaluate(self.tree, operands)
        return float(result.value), result.slopes

    def linear_ratio(
        self, variables: Sequence[str], constants: Mapping[str, float]
    ) -> tuple[FloatArray, FloatArray]:
        """Write the expression as a ratio of two linear expressions.

        Parameters
        ----------
        variables : sequence of str, length k
        constants : mapping of str to float

        Returns
        -------
        num, den : ndarray, shape (k + 1,)
            Coefficients of the variables, the constant term last.

        Raises
        ------
        ExpressionError
            If it is not such a ratio, or a name is neither a variable nor a constant.
        """
        unit = np.eye(len(variables) + 1)
        operands = {
            name: Ratio(row, unit[-1]) for name, row in zip(variables, unit[:-1], strict=True)
        }
        operands |= {name: Ratio(value * unit[-1], unit[-1]) for name, value in constants.items()}
        self._check_values(operands)
        try:
            with np.errstate(all="ignore"):
                ratio = ratios(len(unit)).evaluate(self.tree, operands)
        except NotLinearError:
            raise ExpressionError(
                f"{self.text!r} is not a ratio of sums, as in 'b / a', 'volume / (a + b)' or "
                "'a - b'"
            ) from None
        return ratio.num, ratio.den

    def substituted(self, meanings: Mapping[str, "Expression"]) -> Self:
        """Return it with names replaced by what they stand for; its text stays.

        Parameters
        ----------
        meanings : mapping of str to Expression
            Names that it does not use are not looked at.

        Raises
        ------
        ExpressionError
            If that is too long to compute with.
        """
        if not any(name in meanings for name in self.names):
            return self
        return type(self)(self.text, _replaced(self.tree, meanings))

    @property
    def divisors(self) -> tuple["Expression", ...]:
        """What it divides by, and what it raises to a negative power."""
        found = []
        for node in walk(self.tree):
            match node:
                case Call("/", (_, divisor)) | Call("**", (divisor, Call("neg"))):
                    text = divisor.name if isinstance(divisor, Name) else "its divisor"
                    found.append(Expression(text, divisor))
        return tuple(found)

    def _check_values(self, values: Mapping[str, object]) -> None:
        for name in self.names:
            if name not in values:
                given = ", ".join(values) or "nothing"
                raise ExpressionError(
                    f"{self.text!r} needs a value for {name!r}, but there is only: {given}"
                )


@lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """Parse `text` once and remember it; see `Expression`."""
    return Expression(text)


def _replaced(node: Node, meanings: Mapping[str, Expression]) -> Node:
    match node:
        case Name(name) if name in meanings:
            return meanings[name].tree
        case Call(function, arguments):
            return Call(function, tuple(_replaced(inner, meanings) for inner in arguments))
    return node
