"""What expressions are evaluated over: numbers, intervals, derivatives, ratios of sums.

Each algebra says how it makes an operand of a number and what each operator and function does.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grammar import Call, Name, Node, Number

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Algebra:
    """How to evaluate a tree.

    Attributes
    ----------
    constant : callable
        Makes an operand of a number in the text.
    functions : mapping of str to callable
        By the names of `grammar`: operators, ``neg`` and functions.
    """

    constant: Callable[[float], Any]
    functions: Mapping[str, Callable[..., Any]]

    def evaluate(self, node: Node, values: Mapping[str, Any]) -> Any:
        """Evaluate over operands by name."""
        match node:
            case Name(name):
                return values[name]
            case Number(value):
                return self.constant(value)
            case Call(function, arguments):
                return self.functions[function](*(self.evaluate(a, values) for a in arguments))


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "neg": operator.neg,
}

NUMBERS = Algebra(
    np.asarray,
    {
        **_ARITHMETIC,
        "**": operator.pow,
        "log": np.log,
        "log10": np.log10,
        "exp": np.exp,
        "sqrt": np.sqrt,
        "abs": np.abs,
        "min": lambda *a: reduce(np.minimum, a),
        "max": lambda *a: reduce(np.maximum, a),
    },
)
"""Floats and arrays, as in IEEE arithmetic: nothing raises."""


# ---- intervals -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """All numbers from `lower` to `upper`, either of which may be infinite."""

    lower: float
    upper: float

    def __neg__(self) -> "Interval":
        return Interval(-self.upper, -self.lower)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.lower + other.lower, self.upper + other.upper)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def __mul__(self, other: "Interval") -> "Interval":
        ends = [
            a * b if a and b else 0.0  # 0 * inf is 0 here: the end itself is never reached
            for a in (self.lower, self.upper)
            for b in (other.lower, other.upper)
        ]
        return Interval(min(ends), max(ends))

    def __truediv__(self, other: "Interval") -> "Interval":
        if other.lower < 0 < other.upper or other.lower == other.upper == 0:
            return ANY
        upper = 1 / other.lower if other.lower else np.inf
        lower = 1 / other.upper if other.upper else -np.inf
        return self * Interval(lower, upper)

    def __pow__(self, other: "Interval") -> "Interval":
        n = other.lower
        if n != other.upper or n != int(n):  # of negative numbers there is no such power
            return _of_ends(np.power, Interval(max(self.lower, 0.0), self.upper), other)
        if n < 0:
            return Interval(1.0, 1.0) / self ** Interval(-n, -n)
        if n % 2 == 0:
            return _of_ends(np.power, magnitude(self), other)
        return _of_ends(np.power, self, other)


ANY = Interval(-np.inf, np.inf)


def magnitude(x: Interval) -> Interval:
    """Give the absolute values."""
    low, high = sorted((abs(x.lower), abs(x.upper)))
    return Interval(0.0 if x.lower <= 0 <= x.upper else low, high)


def _of_ends(function: Callable[..., Any], *operands: Interval) -> Interval:
    """Bounds of a function that is monotonic in each operand, where it is defined at all."""
    grid = np.meshgrid(*([operand.lower, operand.upper] for operand in operands))
    with np.errstate(all="ignore"):
        values = np.asarray(function(*map(np.ravel, grid)), dtype=float)
    values = values[~np.isnan(values)]
    return Interval(float(values.min()), float(values.max())) if len(values) > 1 else ANY


def _from_zero(function: Callable[..., Any]) -> Callable[[Interval], Interval]:
    """Bounds of a function that rises from 0 on, and is not defined below."""
    return lambda x: _of_ends(function, Interval(max(x.lower, 0.0), x.upper))


INTERVALS = Algebra(
    lambda number: Interval(number, number),
    {
        **_ARITHMETIC,
        "**": operator.pow,
        "log": _from_zero(np.log),
        "log10": _from_zero(np.log10),
        "exp": lambda x: _of_ends(np.exp, x),
        "sqrt": _from_zero(np.sqrt),
        "abs": magnitude,
        "min": lambda *a: Interval(min(x.lower for x in a), min(x.upper for x in a)),
        "max": lambda *a: Interval(max(x.lower for x in a), max(x.upper for x in a)),
    },
)


# ---- derivatives ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dual:
    """A value with its partial derivatives."""

    value: np.float64
    slopes: FloatArray

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.slopes)

    def __add__(self, other: "Dual") -> "Dual":
        return Dual(self.value + other.value, self.slopes + other.slopes)

    def __sub__(self, other: "Dual") -> "Dual":
        return Dual(self.value - other.value, self.slopes - other.slopes)

    def __mul__(self, other: "Dual") -> "Dual":
        return Dual(self.value * other.value, self.slopes * other.value + self.value * other.slopes)

    def __truediv__(self, other: "Dual") -> "Dual":
        value = self.value / other.value
        return Dual(value, (self.slopes - value * other.slopes) / other.value)

    def __pow__(self, other: "Dual") -> "Dual":
        value = self.value**other.value
        slopes = other.value * self.value ** (other.value - 1) * self.slopes
        if other.slopes.any():  # its logarithm would be none for a negative base
            slopes = slopes + value * np.log(self.value) * other.slopes
        return Dual(value, slopes)


def _chain(function: Callable[..., Any], slope: Callable[..., Any]) -> Callable[[Dual], Dual]:
    return lambda x: Dual(function(x.value), slope(x.value) * x.slopes)


def derivatives(count: int) -> Algebra:
    """Give the algebra of values with `count` partial derivatives."""
    zero = np.zeros(count)
    return Algebra(
        lambda number: Dual(np.float64(number), zero),
        {
            **_ARITHMETIC,
            "**": operator.pow,
            "log": _chain(np.log, lambda x: 1 / x),
            "log10": _chain(np.log10, lambda x: 1 / (x * np.log(10))),
            "exp": _chain(np.exp, np.exp),
            "sqrt": _chain(np.sqrt, lambda x: 0.5 / np.sqrt(x)),
            "abs": _chain(np.abs, np.sign),
            "min": lambda *a: _undefined(a) or min(a, key=lambda x: x.value),
            "max": lambda *a: _undefined(a) or max(a, key=lambda x: x.value),
        },
    )


def _undefined(operands: tuple[Dual, ...]) -> Dual | None:
    """Give an operand that is no number, whose minimum with others is none either."""
    return next((x for x in operands if np.isnan(x.value)), None)


# ---- ratios of sums ------------------------------------------------------------------------------


class NotLinearError(Exception):
    """The expression is not a ratio of two linear expressions."""


@dataclass(frozen=True)
class Ratio:
    """``(num[:k] @ x + num[k]) / (den[:k] @ x + den[k])`` of k variables x."""

    num: FloatArray
    den: FloatArray

    def __neg__(self) -> "Ratio":
        return Ratio(-self.num, self.den)

    def __add__(self, other: "Ratio") -> "Ratio":
        if np.array_equal(self.den, other.den):
            return Ratio(self.num + other.num, self.den)
        num = _product(self.num, other.den) + _product(other.num, self.den)
        return Ratio(num, _product(self.den, other.den))

    def __sub__(self, other: "Ratio") -> "Ratio":
        return self + -other

    def __mul__(self, other: "Ratio") -> "Ratio":
        return Ratio(_product(self.num, other.num), _product(self.den, other.den))

    def __truediv__(self, other: "Ratio") -> "Ratio":
        return Ratio(_product(self.num, other.den), _product(self.den, other.num))

    def __pow__(self, other: "Ratio") -> "Ratio":
        match other.constant:
            case 1.0:
                return self
            case -1.0:
                return Ratio(self.den, self.num)
        return _of_constants(np.power)(self, other)

    @property
    def constant(self) -> float | None:
        """Its value, if it depends on no variable."""
        if self.num[:-1].any() or self.den[:-1].any():
            return None
        return float(self.num[-1] / self.den[-1])


def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Multiply two linear expressions, one of which must be a constant."""
    if b[:-1].any():
        a, b = b, a
    if b[:-1].any():
        raise NotLinearError
    return a * float(b[-1])


def _of_constants(function: Callable[..., Any]) -> Callable[..., Ratio]:
    """Any function, of what depends on no variable."""

    def apply(*operands: Ratio) -> Ratio:
        values = [operand.constant for operand in operands]
        if None in values:
            raise NotLinearError
        return constant_ratio(float(function(*values)), len(operands[0].num))

    return apply


def constant_ratio(number: float, size: int) -> Ratio:
    """Give a number as a ratio; `size` counts the variables and the constant term."""
    one = np.eye(size)[-1]
    return Ratio(number * one, one)


def ratios(size: int) -> Algebra:
    """Give the algebra of ratios; `size` counts the variables and the constant term."""
    functions = {
        name: _of_constants(NUMBERS.functions[name])
        for name in ("log", "log10", "exp", "sqrt", "abs", "min", "max")
    }
    return Algebra(
        lambda number: constant_ratio(number, size),
        {**_ARITHMETIC, "**": operator.pow, **functions},
    )
