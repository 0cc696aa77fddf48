"""Arithmetic on named quantities, as written in a problem file; parsed, never executed as code."""

import ast
import operator
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
T = TypeVar("T")

_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_STRUCTURE = (ast.BinOp, ast.UnaryOp, ast.USub, ast.Load, *_BINARY)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 300  # characters; far above any real expression, far below the parser's own limits


class ExpressionError(ValueError):
    """The text is not an expression made of names, numbers and ``+ - * / ( )``."""


def is_name(text: str) -> bool:
    """Whether `text` can be used as a name: ASCII letters, digits and ``_``, no digit first."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class Expression:
    """An expression of names, numbers and ``+ - * / ( )``.

    Parameters
    ----------
    text : str
        For example ``"X1 / (X1 + X2)"``.

    Attributes
    ----------
    names : tuple of str
        The names it uses, in order of appearance.

    Raises
    ------
    ExpressionError
        If the text holds anything else; the message names the text and the offence.
    """

    text: str
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _tree: ast.expr = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        tree = _parse(self.text)
        names = (node.id for node in _in_order(tree) if isinstance(node, ast.Name))
        object.__setattr__(self, "_tree", tree)
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
            Division by zero gives inf or nan, as in IEEE arithmetic; it never raises.

        Raises
        ------
        ExpressionError
            If a name has no value.
        """
        self._check_values(values)
        numbers = {name: np.asarray(values[name], dtype=np.float64) for name in self.names}
        with np.errstate(all="ignore"):
            result = np.asarray(self.over(numbers, np.asarray))
        return float(result) if result.ndim == 0 else result

    def over(self, values: Mapping[str, T], constant: Callable[[float], T]) -> T:
        """Evaluate over any operands that know ``+ - * /`` and unary minus.

        Parameters
        ----------
        values : mapping of str to operand
            One entry for each of `names`.
        constant : callable
            Makes an operand of a number in the text.
        """
        result: T = _walk(self._tree, values, constant)
        return result

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
        operands = {name: _Interval(*map(float, ranges[name])) for name in self.names}
        result = self.over(operands, lambda number: _Interval(number, number))
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
            name: _Dual(np.float64(values[name]), unit.get(name, zero)) for name in self.names
        }
        with np.errstate(all="ignore"):
            result = self.over(operands, lambda number: _Dual(np.float64(number), zero))
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
            name: _Ratio(row, unit[-1]) for name, row in zip(variables, unit[:-1], strict=True)
        }
        operands |= {name: _Ratio(value * unit[-1], unit[-1]) for name, value in constants.items()}
        self._check_values(operands)
        try:
            ratio = self.over(operands, lambda number: _Ratio(number * unit[-1], unit[-1]))
        except _NotLinearError:
            raise ExpressionError(
                f"{self.text!r} is not a ratio of sums, as in 'b / a', 'volume / (a + b)' or "
                "'a - b'"
            ) from None
        return ratio.num, ratio.den

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


def _parse(text: str) -> ast.expr:
    """Parse, and refuse everything that is not on the whitelist."""
    if len(text) > _LONGEST:
        raise ExpressionError(
            f"'{text[:30]}...' has {len(text)} characters; {_LONGEST} are allowed"
        )
    try:
        with warnings.catch_warnings():  # what Python warns of is refused below
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(
            f"{text!r} is not an expression ({reason}); write names, numbers and + - * / ( ), "
            f"as in 'X1 / (X1 + X2)'"
        ) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(f"{text!r} is nested too deeply") from None
    for node in _in_order(tree):
        _check(node, text)
    return tree


def _in_order(node: ast.AST) -> list[ast.AST]:
    """All nodes, the outer before the inner and the left before the right."""
    found = [node]
    for child in ast.iter_child_nodes(node):
        found += _in_order(child)
    return found


def _check(node: ast.AST, text: str) -> None:
    """Raise unless this one node is allowed."""
    if isinstance(node, _STRUCTURE):
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and isinstance(node.right, ast.Constant)
            and node.right.value == 0
        ):
            raise ExpressionError(f"{text!r} divides by 0")
        return
    if isinstance(node, ast.Name):
        # as it is written: Python takes mathematical letters and the like for those of ASCII
        name = ast.get_source_segment(text.strip(), node) or node.id
        if not is_name(name):
            raise ExpressionError(f"{name!r} in {text!r}: names are ASCII letters, digits and _")
        return
    what = type(node).__name__.lower()
    if isinstance(node, ast.Constant):
        match node.value:
            case bool() | complex() | None:
                what = repr(node.value)
            case int() | float() as number:
                if abs(number) <= sys.float_info.max:
                    return
                what = "a number too large"
            case str() | bytes():
                what = "text"
    raise ExpressionError(
        f"{text!r} uses {what}, which is not allowed; only names, numbers and + - * / ( )"
    )


def _walk(node: ast.expr, values: Mapping[str, Any], constant: Callable[[float], Any]) -> Any:
    """Evaluate a checked tree."""
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=int() | float() as number):
            return constant(float(number))
        case ast.UnaryOp(operand=operand):
            return -_walk(operand, values, constant)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_walk(left, values, constant), _walk(right, values, constant))
    raise AssertionError(f"unchecked node {node!r}")


@dataclass(frozen=True)
class _Interval:
    """All numbers from `lower` to `upper`, either of which may be infinite."""

    lower: float
    upper: float

    def __neg__(self) -> "_Interval":
        return _Interval(-self.upper, -self.lower)

    def __add__(self, other: "_Interval") -> "_Interval":
        return _Interval(self.lower + other.lower, self.upper + other.upper)

    def __sub__(self, other: "_Interval") -> "_Interval":
        return self + -other

    def __mul__(self, other: "_Interval") -> "_Interval":
        ends = [
            a * b if a and b else 0.0  # 0 * inf is 0 here: the end itself is never reached
            for a in (self.lower, self.upper)
            for b in (other.lower, other.upper)
        ]
        return _Interval(min(ends), max(ends))

    def __truediv__(self, other: "_Interval") -> "_Interval":
        if other.lower < 0 < other.upper or other.lower == other.upper == 0:
            return _Interval(-np.inf, np.inf)
        upper = 1 / other.lower if other.lower else np.inf
        lower = 1 / other.upper if other.upper else -np.inf
        return self * _Interval(lower, upper)


@dataclass(frozen=True)
class _Dual:
    """A value with its partial derivatives."""

    value: np.float64
    slopes: FloatArray

    def __neg__(self) -> "_Dual":
        return _Dual(-self.value, -self.slopes)

    def __add__(self, other: "_Dual") -> "_Dual":
        return _Dual(self.value + other.value, self.slopes + other.slopes)

    def __sub__(self, other: "_Dual") -> "_Dual":
        return _Dual(self.value - other.value, self.slopes - other.slopes)

    def __mul__(self, other: "_Dual") -> "_Dual":
        return _Dual(
            self.value * other.value, self.slopes * other.value + self.value * other.slopes
        )

    def __truediv__(self, other: "_Dual") -> "_Dual":
        value = self.value / other.value
        return _Dual(value, (self.slopes - value * other.slopes) / other.value)


class _NotLinearError(Exception):
    """The expression is not a ratio of two linear expressions."""


@dataclass(frozen=True)
class _Ratio:
    """``(num[:k] @ x + num[k]) / (den[:k] @ x + den[k])`` of k variables x."""

    num: FloatArray
    den: FloatArray

    def __neg__(self) -> "_Ratio":
        return _Ratio(-self.num, self.den)

    def __add__(self, other: "_Ratio") -> "_Ratio":
        if np.array_equal(self.den, other.den):
            return _Ratio(self.num + other.num, self.den)
        num = _product(self.num, other.den) + _product(other.num, self.den)
        return _Ratio(num, _product(self.den, other.den))

    def __sub__(self, other: "_Ratio") -> "_Ratio":
        return self + -other

    def __mul__(self, other: "_Ratio") -> "_Ratio":
        return _Ratio(_product(self.num, other.num), _product(self.den, other.den))

    def __truediv__(self, other: "_Ratio") -> "_Ratio":
        return _Ratio(_product(self.num, other.den), _product(self.den, other.num))


def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Multiply two linear expressions, one of which must be a constant."""
    if b[:-1].any():
        a, b = b, a
    if b[:-1].any():
        raise _NotLinearError
    return a * float(b[-1])
