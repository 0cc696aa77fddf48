"""Expressions in units: what is added agrees, and the value is in the unit that is stated."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .algebra import Algebra
from .expression import Expression
from .grammar import Call, Name, Node, Number
from .units import Unit, UnitError, is_size, measures, unit


@dataclass(frozen=True)
class _Typed:
    """A part of an expression, with units made to agree, and its own unit (None: unknown).

    `literal`: whether a number in it may stand for a unit, as 60 may for the seconds of a minute.
    `priced`: whether a number is a factor of all of it, and may be the price of one of its unit.
    `factor`: that number, or the product of those; 1 if there is none.
    `shares`: the sizes of the plain numbers that were added up in it, 1 or those of percent.
    """

    node: Node
    unit: Unit | None
    literal: bool = False
    priced: bool = False
    factor: float = 1.0
    shares: frozenset[float] = frozenset()


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
    own = typed.unit
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
        raise UnitError(_LEFT_OUT.format(repr(expression.text), f"make {to} of it"))
    difference = wanted.offset and not own.offset and not _is_temperature(found, units, own, to)
    into = replace(wanted, offset=0.0) if difference else wanted
    return Expression(found.text, _in_other(found.tree, own, into)), wanted


def _is_temperature(
    expression: Expression, units: Mapping[str, Unit | None], own: Unit, to: str
) -> bool:
    """Say whether an expression in K or the like is a temperature, or a difference of two.

    Where all temperatures in it are the same, it is that one, or none.
    """
    there = {name: units.get(name) or Unit() for name in expression.names}
    found = []
    for kelvin in (300.0, 400.0):
        values = {
            name: (kelvin - u.offset) / u.size if u.dimension == own.dimension else 0.7
            for name, u in there.items()  # whatever else is in it
        }
        found.append(expression(values) * own.size / kelvin)
    if all(is_size(ratio, 1.0) for ratio in found):
        return True
    if any(u.offset for u in there.values()) or not any(found):  # only differences of degC are told
        return False
    raise UnitError(
        f"{expression.text!r} is neither a temperature nor a difference of two, so that nobody can "
        f"say what it is in {to!r}; state it in K"
    )


def _in_other(node: Node, own: Unit, wanted: Unit) -> Node:
    """Give a quantity of one unit in another."""
    if own.size != wanted.size:
        node = _scaled(node, own.size / wanted.size)
    if shift := (own.offset - wanted.offset) / wanted.size:
        node = Call("+", (node, Number(shift)))
    return node


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
        if typed.literal and _converts(typed.factor, own, share):
            raise UnitError(_LEFT_OUT.format(repr(found.text), "make its units agree"))
        found = Expression(found.text, _scaled(found.tree, own.size / share.size))
    return found, wanted


def _scaled(node: Node, factor: float) -> Node:
    """Multiply, or divide where that is by a whole number."""
    for operator, number in (("*", factor), ("/", 1 / factor)):
        if number >= 1 and is_size(number, round(number)):
            return Call(operator, (node, Number(float(round(number)))))
    return Call("*", (node, Number(factor)))


_LEFT_OUT = (
    "{} has a number in it that may be meant to {}; units are converted for you, so leave that "
    "number out"
)


def _converts(factor: float, own: Unit, wanted: Unit) -> bool:
    """Say whether a factor is what makes one unit of another."""
    return is_size(factor, own.size / wanted.size)


def _shares(x: _Typed) -> frozenset[float]:
    """Give the sizes of the plain numbers that a part of a sum is made of."""
    if x.unit is None or x.unit.dimension or x.shares:
        return x.shares
    return frozenset() if x.literal else frozenset({x.unit.size})


def _check_scales(parts: Iterable[_Typed]) -> None:
    """Refuse a sum of temperatures on scales that begin elsewhere."""
    units = [part.unit for part in parts if part.unit is not None]
    for one in (u for u in units if u.offset):
        for other in units:
            if other.dimension == one.dimension and other.offset != one.offset:
                raise UnitError(
                    f"temperatures in {one.text} and in {other.text or 'K'} are added or "
                    "subtracted; state both in one unit"
                )


def _plain(x: _Typed) -> _Typed:
    """Forget the unit of a temperature in degC, which arithmetic has no use for."""
    return replace(x, unit=None) if x.unit is not None and x.unit.offset else x


def _agreeing(function: str) -> Any:
    """Of operands that have to be in one unit.

    A plain number as a factor may be a price, or whatever else makes unlike things alike: then
    nothing is known of that term where it disagrees with the others.
    """

    def apply(*parts: _Typed) -> _Typed:
        _check_scales(parts)
        operands = [_plain(part) for part in parts]
        shares = frozenset[float]().union(*map(_shares, operands))

        def made_of(nodes: Iterable[Node], own: Unit | None) -> _Typed:
            literal = any(part.literal for part in operands)
            priced = all(part.priced for part in operands)
            if literal and len(shares) > 1 and own is not None and not own.dimension:
                raise UnitError(_LEFT_OUT.format("a sum of shares", "make percent of them, or not"))
            return _Typed(Call(function, tuple(nodes)), own, literal, priced, shares=shares)

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
        first, factor = units[0], known[0].factor
        for part, other in zip(known, units, strict=True):
            if other.dimension != first.dimension:
                raise UnitError(_unlike(first, other))
            if not is_size(first.size, other.size) and _converts(
                part.factor / factor, other, first
            ):
                raise UnitError(_LEFT_OUT.format("a sum", "make its units agree"))
        nodes = [
            _scaled(part.node, part.unit.size / first.size)
            if part.unit is not None and part.unit in units and not part.unit.same_size(first)
            else part.node
            for part in operands
        ]
        unknown = not first.dimension and any(part.unit is None for part in operands)
        return made_of(nodes, None if unknown else first)

    return apply


def _picking(function: str) -> Any:
    """Of one of its operands, which may be a temperature in degC, too."""
    agreeing: Callable[..., _Typed] = _agreeing(function)

    def apply(*parts: _Typed) -> _Typed:
        units = [part.unit for part in parts if part.unit is not None]
        alike = len(units) == len(parts) and len({u.dimension for u in units}) == 1
        if not alike or not any(u.offset for u in units):
            return agreeing(*parts)
        nodes = [_in_other(p.node, u, units[0]) for p, u in zip(parts, units, strict=True)]
        return _Typed(Call(function, tuple(nodes)), units[0])

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
        factor = a.factor * b.factor if function == "*" else a.factor / b.factor
        return _Typed(Call(function, (a.node, b.node)), own, *marks, factor)

    return apply


def _power(base: _Typed, exponent: _Typed) -> _Typed:
    base = _plain(base)
    own, factor = None, 1.0
    power = Expression("", exponent.node)
    if base.unit is not None and not power.names:
        own, factor = base.unit ** power({}), base.factor ** power({})
    return replace(base, node=Call("**", (base.node, exponent.node)), unit=own, factor=factor)


def _number_of(function: str) -> Any:
    """Of functions whose value is a plain number."""
    return lambda x: replace(x, node=Call(function, (x.node,)), unit=None)


def _alike(function: str) -> Any:
    """Of functions whose value is in the unit of their operand."""
    return lambda x: replace(_plain(x), node=Call(function, (x.node,)))


_TYPES = Algebra(
    lambda x: _Typed(Number(x), Unit(), x != 1, x != 1, factor=abs(x) or 1.0),
    {
        **{name: _agreeing(name) for name in ("+", "-")},
        **{name: _picking(name) for name in ("min", "max")},
        **{name: _product(name) for name in ("*", "/")},
        "**": _power,
        "sqrt": lambda x: replace(
            _power(x, _Typed(Number(0.5), Unit())), node=Call("sqrt", (x.node,))
        ),
        **{name: _number_of(name) for name in ("log", "log10", "exp")},
        **{name: _alike(name) for name in ("neg", "abs")},
    },
)
