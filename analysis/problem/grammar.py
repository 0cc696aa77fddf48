"""The grammar of expressions: from text to a tree, by a small parser of our own.

Nothing is ever handed to Python: there is no name, attribute or call that could reach it, and what
is refused is refused in the words of who wrote it. Text and depth are bounded::

    sum     = product {("+" | "-") product}
    product = sign {("*" | "/") sign}
    sign    = "-" sign | power
    power   = atom [("^" | "**") sign]
    atom    = number | name | function "(" sum {"," sum} ")" | "(" sum ")"
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FUNCTIONS = ("log", "log10", "exp", "sqrt", "abs", "min", "max")
"""What may be called; `log` is the natural logarithm."""

EXAMPLE = "write names, numbers, + - * / ^ ( ) and functions, as in 'X1 / (X1 + X2)'"

_LONGEST = 300  # characters; far above any real expression
_DEEPEST = 50  # brackets, signs and powers in each other
_SEVERAL = ("min", "max")  # functions of two or more
_WORDS = ("in", "inf", "nan")  # that mean something in windows, or are numbers
_SAME = str.maketrans({"−": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/"})
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPERATOR = re.compile(r"\*\*|[-+*/^(),]")
_WORD = re.compile(rf"[^\W\d][\w{_SUBSCRIPTS}]*")
_RELATION = re.compile(r"[<>=≤≥]|\+/-|±")


class ExpressionError(ValueError):
    """The text is not an expression; the message says in which way, and what to write."""


@dataclass(frozen=True)
class Number:
    """A number of the text."""

    value: float


@dataclass(frozen=True)
class Name:
    """A quantity."""

    name: str


@dataclass(frozen=True)
class Call:
    """An operator (`neg` is the sign) or function, and what it is applied to."""

    function: str
    arguments: "tuple[Node, ...]"


Node = Number | Name | Call


def is_name(text: str) -> bool:
    """Whether `text` can name a quantity.

    Latin and Greek letters, digits, subscript digits and ``_``, no digit first, and no word of
    the grammar itself. Letters that only look like others (full-width, mathematical, Cyrillic) are
    none of these.
    """
    known = text not in FUNCTIONS and text not in _WORDS
    return known and _WORD.fullmatch(text) is not None and all(map(_is_letter, text))


def _is_letter(char: str) -> bool:
    if char.isascii() or char in _SUBSCRIPTS or char == "µ":
        return True
    script = unicodedata.name(char, "").split(" ")[0]
    return script in ("LATIN", "GREEK") and unicodedata.normalize("NFKC", char) == char


def read(text: str) -> Node:
    """Parse a text.

    Raises
    ------
    ExpressionError
    """
    if len(text) > _LONGEST:
        raise ExpressionError(
            f"'{text[:30]}...' has {len(text)} characters; {_LONGEST} are allowed: give parts of "
            "it names of their own under [define]"
        )
    return _Parser(text).whole()


def walk(node: Node) -> Iterator[Node]:
    """Give all nodes, the outer before the inner and the left before the right."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Call):
            waiting.extend(reversed(node.arguments))


def depth(node: Node) -> int:
    """Give how many operators and functions stand in each other."""
    deepest, waiting = 0, [(node, 0)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        if isinstance(node, Call):
            waiting.extend((argument, level + 1) for argument in node.arguments)
    return deepest


def _tokens(text: str) -> Iterator[str]:
    """Cut a text into numbers, words and operators."""
    plain, at = text.translate(_SAME), 0
    while at < len(plain):
        if plain[at].isspace():
            at += 1
            continue
        found = next(
            (m for kind in (_NUMBER, _WORD, _OPERATOR) if (m := kind.match(plain, at))), None
        )
        if found is None:
            raise ExpressionError(f"{text!r}: {_why_not(plain[at:])}")
        yield found[0]
        at = found.end()


def _why_not(rest: str) -> str:
    """Say what is wrong with a text that begins with what no expression has."""
    char = rest[0]
    if _RELATION.match(rest):
        return f"{char!r} compares, but here a quantity is wanted; windows go under constraints"
    if char == "%":
        return "% only stands behind the numbers of a window"
    if char == ".":
        return "a point stands only in numbers; name a quantity without one"
    if char in "\"'":
        return f"text in quotes is no quantity; {EXAMPLE}"
    return f"{char!r} is not understood; {EXAMPLE}"


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), ""]
        self._at = self._depth = 0

    def whole(self) -> Node:
        if self._next == "":
            raise ExpressionError(f"{self._text!r} is empty; {EXAMPLE}")
        tree = self._sum()
        if self._next == ")":
            raise self._error("a ')' has no '('")
        if self._next == ",":
            raise self._error("a ',' stands only between what min and max choose from; write "
                              "decimals with a point")  # fmt: skip
        if self._next:
            before, after = self._tokens[self._at - 1], self._next
            raise self._error(
                f"between {before!r} and {after!r} an operator is missing; write "
                f"'{before} * {after}' to multiply"
            )
        return tree

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"{self._text!r}: {reason}")

    def _sum(self) -> Node:
        left = self._product()
        while self._next in ("+", "-"):
            left = Call(self._take(), (left, self._product()))
        return left

    def _product(self) -> Node:
        left = self._sign()
        while self._next in ("*", "/"):
            operator, right = self._take(), self._sign()
            if operator == "/" and right == Number(0.0):
                raise ExpressionError(f"{self._text!r} divides by 0")
            left = Call(operator, (left, right))
        return left

    def _sign(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"{self._text!r} is nested too deeply")
        if self._next == "-":
            self._take()
            node: Node = Call("neg", (self._sign(),))
        else:
            node = self._power()
        self._depth -= 1
        return node

    def _power(self) -> Node:
        base = self._atom()
        if self._next not in ("^", "**"):
            return base
        self._take()
        return Call("**", (base, self._sign()))

    def _atom(self) -> Node:
        token = self._take()
        if token == "(":
            return self._bracket()
        if _NUMBER.fullmatch(token):
            value = float(token)
            if value > sys.float_info.max:
                raise self._error(f"{token} is a number too large to compute with")
            return Number(value)
        if _WORD.fullmatch(token):
            return self._word(token)
        if not token:
            raise self._error(f"behind {self._tokens[-2]!r} something is missing")
        raise self._error(f"{token!r} stands where a name or a number is wanted")

    def _word(self, word: str) -> Node:
        if self._next != "(":
            if word in FUNCTIONS:
                raise self._error(f"{word} needs what it is applied to, as in '{word}(X1)'")
            if not is_name(word):
                raise ExpressionError(
                    f"{word!r} in {self._text!r} is no name; names are Latin and Greek letters, "
                    "digits and _"
                )
            return Name(word)
        if word not in FUNCTIONS:
            raise self._error(
                f"{word!r} is no function; write '{word} * (...)' to multiply. Functions are "
                f"{', '.join(FUNCTIONS)}"
            )
        self._take()
        arguments = [self._sum()]
        while self._next == ",":
            self._take()
            arguments.append(self._sum())
        self._close()
        if (len(arguments) > 1) != (word in _SEVERAL):
            wanted = "two quantities or more" if word in _SEVERAL else "one quantity"
            raise self._error(f"{word} takes {wanted}, and decimals have a point")
        return Call(word, tuple(arguments))

    def _bracket(self) -> Node:
        inside = self._sum()
        self._close()
        return inside

    def _close(self) -> None:
        if self._next == "":
            raise self._error("a '(' is never closed")
        if self._next != ")":
            raise self._error(f"{self._next!r} stands where a ')' is wanted")
        self._take()
