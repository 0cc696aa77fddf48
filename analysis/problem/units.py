"""Units: what they measure and how large they are.

What rigs are set in is known here, so that a problem in these words needs no library. Any other
unit is looked up by `pint`, which is imported then.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

_ROUNDING = 1e-12  # relative difference of two sizes that is none


def is_size(one: float, other: float) -> bool:
    """Whether two sizes of units are the same but for rounding."""
    return math.isclose(one, other, rel_tol=_ROUNDING)


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
        same = is_size(self.size, other.size)
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
        zero, one, two = (registry.Quantity(v, found).to_base_units() for v in (0.0, 1.0, 2.0))
        rise, next_rise = one.magnitude - zero.magnitude, two.magnitude - one.magnitude
        if not math.isclose(rise, next_rise, rel_tol=1e-9):  # a logarithm, as dBm and pH are
            return None
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
        if is_size(max(ratio, 1 / ratio), whole):
            return value / whole if ratio < 1 else value * whole
    return (value * a.size + a.offset - b.offset) / b.size


def same(one: str, other: str) -> bool:
    """Whether a number means the same in two units."""
    if one == other:
        return True
    a, b = unit(one), unit(other)
    if a is None or b is None or not (one and other):
        return False
    return a.same_size(b) and _share_alike(one, other)


def _share_alike(one: str, other: str) -> bool:
    """Whether two units are no shares of different things, as wt% and mol% are."""
    of = {m[1].lower() for m in map(_SHARE.fullmatch, (one, other)) if m and m[1]}
    return len(of) < 2


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
    if not _share_alike(of, to):
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
