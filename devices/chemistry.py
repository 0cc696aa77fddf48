"""Chemistry as it is written: formulae, equations such as ``A + 2 B <-> P``, units of rates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isclose
from typing import Any, Self

from .written import exact, quoted

_ELEMENTS = (
    " H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy "
    "Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf "
    "Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og D "
)
_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)|(\()|\)(\d*)")
_ARROW = re.compile(r"<-*>|<=*>|⇌|⇄|-+>|=+>|→|=")
_TERM = re.compile(r"(?:(\d+(?:\.\d+)?)\s*\*?\s*)?([^\W\d]\w*)")

NAME = re.compile(r"[^\W\d]\w*")
"""What a species may be called."""


def elements(formula: str) -> dict[str, int]:
    """Count the atoms of a formula such as ``C6H3F2NO2`` or ``Ca(OH)2``.

    Raises
    ------
    ValueError
        If it is none.
    """
    counts: list[dict[str, int]] = [{}]
    place = 0
    while place < len(formula):
        found = _TOKEN.match(formula, place)
        if found is None or (found[1] and f" {found[1]} " not in _ELEMENTS):
            break
        place = found.end()
        if found[3]:
            counts.append({})
            continue
        group = {found[1]: 1} if found[1] else counts.pop()
        if not counts:
            break
        for element, number in group.items():
            times = int(found[2 if found[1] else 4] or 1)
            counts[-1][element] = counts[-1].get(element, 0) + number * times
    if place < len(formula) or len(counts) != 1 or not counts[0]:
        raise ValueError(
            f"{quoted(formula)} is no formula: write elements and numbers, such as C6H3F2NO2 or "
            "Ca(OH)2"
        )
    return counts[0]


@dataclass(frozen=True)
class Equation:
    """An equation of a reaction: stoichiometric numbers of what it consumes and makes.

    Attributes
    ----------
    left, right : dict of str to float
        By species, in the order in which they are written.
    reversible : bool
    """

    left: Mapping[str, float]
    right: Mapping[str, float]
    reversible: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``A + 2 B -> P``; ``<->``, ``<=>``, ``⇌`` and ``=`` make it reversible.

        Raises
        ------
        ValueError
            If it cannot be read, or changes nothing.
        """
        arrows = _ARROW.findall(text)
        if len(arrows) != 1:
            raise ValueError(
                f"{quoted(text)} has {len(arrows) or 'no'} arrows: write one, '->' or for a "
                "reversible step '<->', such as 'A + B -> P'"
            )
        left, right = (_side(side, text) for side in _ARROW.split(text))
        equation = cls(left, right, arrows[0] not in ("→",) and not re.match("[-=]+>", arrows[0]))
        if not any(equation.net(name) for name in equation.species):
            raise ValueError(f"{quoted(text)} changes nothing: both sides are the same")
        return equation

    def __str__(self) -> str:
        sides = [
            " + ".join(name if n == 1 else f"{exact(n)} {name}" for name, n in side.items())
            for side in (self.left, self.right)
        ]
        return f"{sides[0]} {'<->' if self.reversible else '->'} {sides[1]}"

    @property
    def species(self) -> tuple[str, ...]:
        """Every species in it, once."""
        return tuple(dict.fromkeys([*self.left, *self.right]))

    def net(self, name: str) -> float:
        """How much of a species the equation makes; negative for what it consumes."""
        return self.right.get(name, 0.0) - self.left.get(name, 0.0)

    def imbalance(self, formulae: Mapping[str, str], weights: Mapping[str, float]) -> str:
        """Say what is not as much on the left as on the right; empty if nothing can be said.

        Parameters
        ----------
        formulae : mapping of str to str
            Atoms are counted if every species of the equation has one.
        weights : mapping of str to float
            [g/mol]; weighed likewise, to 0.1 % of the whole.
        """
        if all(name in formulae for name in self.species):
            atoms = {name: elements(formulae[name]) for name in self.species}
            kinds = sorted({element for counts in atoms.values() for element in counts})
            sums = {
                e: [sum(n * atoms[s].get(e, 0) for s, n in side.items()) for side in self._sides]
                for e in kinds
            }
            return ", ".join(
                f"{exact(a)} {e} on the left and {exact(b)} on the right"
                for e, (a, b) in sums.items()
                if not isclose(a, b, rel_tol=1e-9)
            )
        if all(name in weights for name in self.species):
            a, b = (sum(n * weights[s] for s, n in side.items()) for side in self._sides)
            if not isclose(a, b, rel_tol=1e-3):
                return f"{a:.6g} g/mol on the left and {b:.6g} on the right"
        return ""

    @property
    def _sides(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        return self.left, self.right


def _side(side: str, text: str) -> dict[str, float]:
    """Read one side of an equation."""
    found: dict[str, float] = {}
    for term in side.split("+"):
        match = _TERM.fullmatch(term.strip())
        number = float(match[1] or 1) if match else 0.0
        if match is None or not 0 < number < 100:
            what = quoted(term.strip()) if term.strip() else "an empty place"
            raise ValueError(
                f"{quoted(text)} holds {what}, which is no species: write a name, with its number "
                "before it, such as '2 B'; name waste, too"
            )
        found[match[2]] = found.get(match[2], 0.0) + number
    return found


@lru_cache(maxsize=256)
def rate_unit(unit: str, order: float) -> float:
    """Say how many mM^(1 - order)/min the unit of a rate constant is.

    Raises
    ------
    ValueError
        If it is no unit, or none of a rate constant of this order.
    """
    import pint  # most of a second, and only who reads a reaction file needs it

    power = exact(1 - order)
    try:
        stated = _registry().Quantity(1.0, _registry().parse_units(unit))
        return float(stated.to(f"mM**{power} / min").magnitude)
    except pint.DimensionalityError:
        example = "1/min" if order == 1 else f"M^{power} / s"
        raise ValueError(
            f"unit = {quoted(unit)} is none of a rate constant of order {exact(order)}: give it "
            f"in {example} or the like, or correct the orders"
        ) from None
    except Exception:  # noqa: BLE001 - of text that is none it raises what its parsers happen to
        raise ValueError(
            f"unit = {quoted(unit)} cannot be read: write it like 1/min, 1/(M s) or L/(mol s)"
        ) from None


@lru_cache(maxsize=16)
def of_mM(unit: str) -> float:  # noqa: N802 - a unit
    """Say how much 1 mM is in a unit of amounts; 1 where it is none of concentrations."""
    if unit == "mM":
        return 1.0
    try:
        return float(_registry().Quantity(1.0, "mM").to(unit).magnitude)
    except Exception:  # noqa: BLE001 - of text that is none it raises what its parsers happen to
        return 1.0


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)
