"""Units: what they measure and how large they are.

What rigs are set in is known here, so that a problem in these words needs no library. Any other
unit is looked up by `pint`, which is imported then.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from .algebra import Algebra
from .expression import Expression
from .grammar import Call, Name, Node, Number

_SAME = 1e-12  # relative difference of two sizes that only rounding makes


class UnitError(ValueError):
    """A unit is not known, or measures something else; the message says which and what."""


@dataclass(frozen=True)
class Unit:
    """A unit by its size and dimension.

    Attributes
    ----------
    size : float
        How many of the base units (m, kg, s, mol, K ...) one is.
    offset : float
        What is added once converted to base units: 273.15 for degC, otherwise 0.
    dimension : tuple of (str, float)
        Exponents of what is not 0, in the order of the names.
    text : str
        As it was written; "" of what was computed.
    """

    size: float = 1.0
    offset: float = 0.0
    dimension: tuple[tuple[str, float], ...] = ()
    text: str = field(default="", compare=False)

    def __mul__(self, other: "Unit") -> "Unit":
        powers = dict(self.dimension)
        for name, power in other.dimension:
            powers[name] = powers.get(name, 0) + power
        return Unit(self.size * other.size, 0.0, _dimension(powers))

    def __pow__(self, power: float) -> "Unit":
        powers = {name: power * own for name, own in self.dimension}
        return Unit(self.size**power, 0.0, _dimension(powers))

    def __truediv__(self, other: "Unit") -> "Unit":
        return self * other**-1

    def same_size(self, other: "Unit") -> bool:
        """Whether a number means the same in both."""
        same = math.isclose(self.size, other.size, rel_tol=_SAME)
        return same and self.offset == other.offset and self.dimension == other.dimension


def _dimension(powers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((name, power) for name, power in powers.items() if power))


_VOLUME = (("[length]", 3.0),)
_FLOW = (("[length]", 3.0), ("[time]", -1.0))
_CONTENT = (("[length]", -3.0), ("[mass]", 1.0))
_OWN = {
    "": Unit(),
    "degC": Unit(1.0, 273.15, (("[temperature]", 1.0),)),
    "°C": Unit(1.0, 273.15, (("[temperature]", 1.0),)),
    "K": Unit(1.0, 0.0, (("[temperature]", 1.0),)),
    "s": Unit(1.0, 0.0, (("[time]", 1.0),)),
    "min": Unit(60.0, 0.0, (("[time]", 1.0),)),
    "h": Unit(3600.0, 0.0, (("[time]", 1.0),)),
    "uL": Unit(1e-9, 0.0, _VOLUME),
    "mL": Unit(1e-6, 0.0, _VOLUME),
    "uL/min": Unit(1e-9 / 60, 0.0, _FLOW),
    "mL/min": Unit(1e-6 / 60, 0.0, _FLOW),
    "mM": Unit(1.0, 0.0, (("[length]", -3.0), ("[substance]", 1.0))),
}
_NAMES = {
    _OWN["K"].dimension: "a temperature",
    _OWN["s"].dimension: "a time",
    _OWN["uL"].dimension: "a volume",
    _OWN["uL/min"].dimension: "a flow",
    _OWN["mM"].dimension: "a concentration",
    _CONTENT: "a mass per volume",
    (): "a plain number",
}
_WORDS = {"uL/min": ("µL/min", "μL/min", "ul/min"), "uL": ("µL", "μL", "ul"), "mL": ("ml",)}
_DOUBTFUL = {"C": "degC or coulomb", "F": "degF or farad"}
_SHARE = re.compile(r"(?:(mol|wt|gew|w|m|vol|v|at|area)[ .-]{0,2})?%", re.IGNORECASE)
"""Percent, and of what: "mol%", "wt.-%", "area %"."""
_DEGREES = str.maketrans("\u00ba\u02da", "\u00b0\u00b0")  # what keyboards have for the sign
_TURNS = (("[time]", -1.0),)  # of a stirrer; pint has an angle per time
_KNOWN = {
    "rpm": Unit(1 / 60, 0.0, _TURNS),
    "RPM": Unit(1 / 60, 0.0, _TURNS),
    "rps": Unit(1.0, 0.0, _TURNS),
    **_OWN,
    **{word: _OWN[name] for name, words in _WORDS.items() for word in words},
}


@lru_cache(maxsize=256)
def unit(text: str) -> Unit | None:
    """Look a unit up.

    Returns
    -------
    Unit or None
        None for what is a label and no unit, such as "equiv" or "a.u.".
    """
    found = _looked_up(text)
    return found if found is None else replace(found, text=text)


def _looked_up(text: str) -> Unit | None:
    text = text.translate(_DEGREES)
    if text in _KNOWN:
        return _KNOWN[text]
    if _SHARE.fullmatch(text):  # pint has mol% for a hundredth of a mole
        return Unit(0.01)
    if (found := _from_pint(text)) is not None:
        return found
    plain = unicodedata.normalize("NFKC", text)  # a degree Celsius in one sign, and the like
    return _looked_up(plain) if plain != text else None


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # a second of imports that few problems need

    return pint.UnitRegistry(cache_folder=None)


def _from_pint(text: str) -> Unit | None:
    try:
        registry = _registry()
        found = registry.parse_units(text)
        zero, one = (registry.Quantity(value, found).to_base_units() for value in (0.0, 1.0))
        powers = {name: float(power) for name, power in found.dimensionality.items()}
        powers["[angle]"] = float(dict(one.unit_items()).get("radian", 0.0))  # which Hz is not
    except Exception:  # noqa: BLE001 - of text that is none it raises what its parsers happen to
        return None
    return Unit(float(one.magnitude - zero.magnitude), float(zero.magnitude), _dimension(powers))


def doubt(text: str) -> str:
    """Say which units a letter may stand for, where people and the standard differ; else ""."""
    return f"{text!r} may be {_DOUBTFUL[text]}; write the one it is" if text in _DOUBTFUL else ""


def converted(value: float, of: str, to: str) -> float:
    """Give a value in another unit.

    Parameters
    ----------
    value : float
    of, to : str
        Units; where one is empty, nothing is known of it and the value stays.

    Raises
    ------
    UnitError
        If they do not measure the same.
    """
    if not of or not to or of == to:
        return value
    a, b = _pair(of, to)
    if a.same_size(b):
        return value
    if not a.offset and not b.offset:  # one rounding where the other way would be three
        ratio = a.size / b.size
        whole = round(1 / ratio if ratio < 1 else ratio)
        if math.isclose(max(ratio, 1 / ratio), whole, rel_tol=_SAME):
            return value / whole if ratio < 1 else value * whole
    return (value * a.size + a.offset - b.offset) / b.size


def same(one: str, other: str) -> bool:
    """Whether a number means the same in two units."""
    if one == other:
        return True
    a, b = unit(one), unit(other)
    return a is not None and b is not None and bool(one and other) and a.same_size(b)


def _pair(of: str, to: str) -> tuple[Unit, Unit]:
    """Look up two units that measure the same."""
    a, b = unit(of), unit(to)
    for text, found in ((of, a), (to, b)):
        if doubtful := doubt(text):
            raise UnitError(doubtful)
        if found is None:
            raise UnitError(f"{text!r} is not a unit that is known")
    assert a is not None
    assert b is not None
    shares = {m[1].lower() for m in map(_SHARE.fullmatch, (of, to)) if m and m[1]}
    if len(shares) > 1:
        raise UnitError(f"{of!r} and {to!r} are shares of different things")
    if a.dimension != b.dimension:
        raise UnitError(f"{of!r} is {measures(a)}, not {measures(b)} as {to!r} is")
    return a, b


def measures(found: Unit) -> str:
    """Say what a unit measures."""
    if found.dimension in _NAMES:
        return _NAMES[found.dimension]
    return " ".join(
        name.strip("[]") + ("" if power == 1 else f"^{power:g}") for name, power in found.dimension
    )


# ---- of expressions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Typed:
    """A part of an expression, with units made to agree, and its own unit (None: unknown).

    `literal`: whether a number in it may stand for a unit, as 60 may for the seconds of a minute.
    `priced`: whether a number is a factor of all of it, and may be the price of one of its unit.
    """

    node: Node
    unit: Unit | None
    literal: bool = False
    priced: bool = False


def with_units(
    expression: Expression, units: Mapping[str, Unit | None], to: str = ""
) -> tuple[Expression, Unit | None]:
    """Make the units in an expression agree, and its value be in the unit that is stated.

    What is added or compared is converted to one unit, and the whole to `to`, as far as the units
    of all that it is made of are known. Plain numbers can be anything, and so nothing is converted
    where they may be a conversion already.

    Parameters
    ----------
    expression : Expression
    units : mapping of str to Unit or None
        Of the names it uses; of others nothing is known.
    to : str
        The unit that is stated; "" if none is.

    Returns
    -------
    Expression
        With the same text.
    Unit or None
        Of its value; None if it is not known.

    Raises
    ------
    UnitError
        If unlike things are added, or the whole does not measure what the unit does.
    """
    typed = _TYPES.evaluate(
        expression.tree, {name: _Typed(Name(name), units.get(name)) for name in expression.names}
    )
    same = typed.node == expression.tree
    found = expression if same else Expression(expression.text, typed.node)
    bare = isinstance(found.tree, Name)  # of other temperatures only differences are known
    own = typed.unit if bare else _plain(typed).unit
    wanted = unit(to) if to else own
    if own is None:
        return found, wanted
    if own.dimension == ():
        plain = not to and not any((units.get(n) or Unit()).dimension for n in found.names)
        return (found, own) if plain else _share(found, typed, own, wanted if to else Unit())
    if not to:
        return found, own
    if wanted is None or own.dimension != wanted.dimension:
        if typed.literal:
            return found, wanted
        other = f"{to!r} is {measures(wanted)}" if wanted else f"{to!r} is no unit that is known"
        raise UnitError(f"{expression.text!r} is {measures(own)}, but {other}")
    if own.same_size(wanted):
        return found, wanted
    if typed.literal:
        raise UnitError(
            f"{expression.text!r} has a number in it that may be meant to make {to} of it; units "
            "are converted for you, so leave that number out"
        )
    if not bare and wanted.offset:
        return found, wanted
    tree = _scaled(found.tree, own.size / wanted.size) if own.size != wanted.size else found.tree
    if shift := (own.offset - wanted.offset) / wanted.size:
        tree = Call("+", (tree, Number(shift)))
    return Expression(found.text, tree), wanted


def _share(
    found: Expression, typed: _Typed, own: Unit, wanted: Unit | None
) -> tuple[Expression, Unit | None]:
    """Make a plain number one of percent or the like; a unit that is none of these is a label."""
    share = Unit()
    if wanted is not None and not wanted.dimension:
        if own.same_size(wanted):
            return found, wanted
        if not typed.literal:
            share = wanted
    if not own.same_size(share):
        found = Expression(found.text, _scaled(found.tree, own.size / share.size))
    return found, wanted


def _scaled(node: Node, factor: float) -> Node:
    """Multiply, or divide where that is by a whole number."""
    for operator, number in (("*", factor), ("/", 1 / factor)):
        if number >= 1 and math.isclose(number, round(number), rel_tol=_SAME):
            return Call(operator, (node, Number(float(round(number)))))
    return Call("*", (node, Number(factor)))


def _plain(x: _Typed) -> _Typed:
    """Forget the unit of a temperature in degC, which arithmetic has no use for."""
    return replace(x, unit=None) if x.unit is not None and x.unit.offset else x


def _agreeing(function: str) -> Any:
    """Of operands that have to be in one unit.

    A plain number as a factor may be a price, or whatever else makes unlike things alike: then
    nothing is known of that term where it disagrees with the others.
    """

    def apply(*parts: _Typed) -> _Typed:
        operands = [_plain(part) for part in parts]

        def made_of(nodes: Iterable[Node], own: Unit | None) -> _Typed:
            literal = any(part.literal for part in operands)
            priced = all(part.priced for part in operands)
            return _Typed(Call(function, tuple(nodes)), own, literal, priced)

        known = [
            part
            for part in operands
            if part.unit is not None and not (part.literal and part.unit.dimension == ())
        ]
        if len({part.unit.dimension for part in known if part.unit is not None}) > 1:
            known = [part for part in known if not part.priced]
            if not known:
                return made_of((part.node for part in operands), None)
        units = [part.unit for part in known if part.unit is not None]
        if not units:
            own = None if any(part.unit is None for part in operands) else Unit()
            return made_of((part.node for part in operands), own)
        first = units[0]
        for other in units:
            if other.dimension != first.dimension:
                raise UnitError(_unlike(first, other))
        nodes = [
            _scaled(part.node, part.unit.size / first.size)
            if part.unit is not None and part.unit in units and not part.unit.same_size(first)
            else part.node
            for part in operands
        ]
        unknown = not first.dimension and any(part.unit is None for part in operands)
        return made_of(nodes, None if unknown else first)

    return apply


def _unlike(one: Unit, other: Unit) -> str:
    """Say that two quantities cannot be added, and what would make them alike."""
    first, second = (
        measures(found) + (f" [{found.text}]" if found.text else "") for found in (one, other)
    )
    return (
        f"{first} and {second} cannot be added or compared; if what counts is what they cost, "
        "multiply each by its price, a number or a name under [fixed]"
    )


def _product(function: str) -> Any:
    def apply(a: _Typed, b: _Typed) -> _Typed:
        a, b = _plain(a), _plain(b)
        own = None
        if a.unit is not None and b.unit is not None:
            own = a.unit * b.unit if function == "*" else a.unit / b.unit
        marks = a.literal or b.literal, a.priced or b.priced
        return _Typed(Call(function, (a.node, b.node)), own, *marks)

    return apply


def _power(base: _Typed, exponent: _Typed) -> _Typed:
    base = _plain(base)
    own = None
    power = Expression("", exponent.node)
    if base.unit is not None and not power.names:
        own = base.unit ** power({})
    return replace(base, node=Call("**", (base.node, exponent.node)), unit=own)


def _number_of(function: str) -> Any:
    """Of functions whose value is a plain number."""
    return lambda x: replace(x, node=Call(function, (x.node,)), unit=None)


def _alike(function: str) -> Any:
    """Of functions whose value is in the unit of their operand."""
    return lambda x: replace(_plain(x), node=Call(function, (x.node,)))


_TYPES = Algebra(
    lambda number: _Typed(Number(number), Unit(), number != 1, number != 1),
    {
        **{name: _agreeing(name) for name in ("+", "-", "min", "max")},
        **{name: _product(name) for name in ("*", "/")},
        "**": _power,
        "sqrt": lambda x: replace(
            _power(x, _Typed(Number(0.5), Unit())), node=Call("sqrt", (x.node,))
        ),
        **{name: _number_of(name) for name in ("log", "log10", "exp")},
        **{name: _alike(name) for name in ("neg", "abs")},
    },
)
