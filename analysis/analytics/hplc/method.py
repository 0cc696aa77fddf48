"""The HPLC method: which peaks a chromatogram holds, and what makes it unusable."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Self

__all__ = ["Method", "Peak"]


@dataclass(frozen=True)
class Peak:
    """One species' peak in the chromatogram.

    Parameters
    ----------
    name : str
        Species, the key of the fractions.
    time, sd, tail : float
        Centre, width and exponential tail of the EMG [min]. `time` is the centre of the Gaussian;
        the apex lies up to one `tail` later.
    window : tuple of float
        Where the species' signal lives, (start, end) [min].
    response : float
        Area per amount; for mole fractions only its ratio to those of the other peaks counts.
    response_sd : float
        Standard uncertainty of `response`, in the same unit.
    intercept, curvature : float
        Of the calibration curve, area = intercept + response x amount + curvature x amount^2.
    curve_sd : float
        Standard uncertainty of such a curve as a whole, in areas.
    components : tuple of (time, sd, tail)
        Further EMGs that belong to the same species, such as regioisomers. They shift and broaden
        together with the first; each has its own area, the peak's area is their sum.
    """

    name: str
    time: float
    window: tuple[float, float]
    sd: float
    tail: float
    response: float = 1.0
    response_sd: float = 0.0
    components: tuple[tuple[float, float, float], ...] = ()
    intercept: float = 0.0
    curvature: float = 0.0
    curve_sd: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", tuple(map(float, self.window)))
        object.__setattr__(self, "components", tuple(tuple(map(float, c)) for c in self.components))
        who = f"peak {self.name!r}"
        if len(self.window) != 2 or not self.window[0] < self.time < self.window[1]:
            raise ValueError(
                f"{who}: its time {self.time} min must lie inside its window "
                f"{self.window}; give window = (start, end) in minutes around it"
            )
        for time, sd, tail in self.shapes:
            if not (math.isfinite(time) and 0 < sd < math.inf and 0 < tail < math.inf):
                raise ValueError(
                    f"{who}: sd {sd} and tail {tail} must be positive minutes; "
                    "for a symmetric peak give a tail of a tenth of the sd"
                )
        if not 0 < self.response < math.inf or not 0 <= self.response_sd < math.inf:
            raise ValueError(
                f"{who}: response {self.response} must be positive and response_sd "
                f"{self.response_sd} not negative; calibrate() finds both"
            )

    @property
    def shapes(self) -> tuple[tuple[float, float, float], ...]:
        """Every EMG of the peak as (time, sd, tail) [min], the main one first."""
        return ((self.time, self.sd, self.tail), *self.components)


@dataclass(frozen=True)
class Method:
    """How a trace becomes mole fractions; travels as a dict in the start document.

    Parameters
    ----------
    rate : float
        Samples per second [Hz].
    peaks : tuple of Peak
        The species; the fractions are normalised over them.
    solvent_front : tuple of float
        (start, end) [min] of the injection disturbance; nothing before its end is evaluated.
    others : tuple of Peak
        Peaks that overlap a species without being one, such as an impurity or the tail of the
        solvent: fitted along, left out of the fractions.
    max_shift : float
        Largest retention shift that the fit may follow [min]; half of it is flagged.
    tolerance : float
        Largest rms misfit inside the windows of a cluster, relative to its tallest point.
    min_volts, max_volts : float
        A baseline below `min_volts` is a dead lamp; samples at or above `max_volts` are
        overload readings [V] (a 34401A on its 10 V range reads to 12 V).
    max_absorbance : float
        Above it stray light bends the response: the sample counts as saturated.
    scale : float, optional
        How much of the signal is one absorbance unit, where it rises with the absorbance; by
        default it is light, and falls.
    amounts : str
        Unit of the amounts that areas are turned into; empty for mole fractions.
    standard : str
        Peak of the internal standard, to which areas are compared; empty without.
    standard_amount : float
        How much of it is in every sample, in the unit of the amounts.
    """

    rate: float
    peaks: tuple[Peak, ...]
    solvent_front: tuple[float, float]
    others: tuple[Peak, ...] = ()
    max_shift: float = 0.25
    tolerance: float = 0.03
    min_volts: float = 0.1
    max_volts: float = 12.0
    max_absorbance: float = 2.0
    scale: float | None = None
    amounts: str = ""
    standard: str = ""
    standard_amount: float = 1.0

    def __post_init__(self) -> None:
        for key in ("peaks", "others", "solvent_front"):
            object.__setattr__(self, key, tuple(getattr(self, key)))
        names = [p.name for p in (*self.peaks, *self.others)]
        if not self.peaks or len(set(names)) != len(names):
            raise ValueError(f"method: peaks {names} must be at least one, each with its own name")
        positive = ("rate", "max_shift", "tolerance", "min_volts", "max_absorbance")
        for key in (*positive, "standard_amount", *(["scale"] if self.scale is not None else [])):
            if not 0 < getattr(self, key) < math.inf:
                raise ValueError(f"method: {key} {getattr(self, key)} must be a positive number")
        if not self.max_volts > self.min_volts:
            raise ValueError(f"method: max_volts {self.max_volts} must exceed {self.min_volts} V")
        first = min(self.peaks, key=lambda p: p.window)
        front = self.solvent_front
        if len(front) != 2 or not 0 <= front[0] <= front[1] <= first.window[0]:
            raise ValueError(
                f"method: solvent_front {front} must be (start, end) in minutes and end before "
                f"the window of {first.name!r} opens at {first.window[0]} min"
            )
        if self.standard and self.standard not in (p.name for p in self.peaks):
            raise ValueError(f"method: the standard {self.standard!r} is none of the peaks")
        if not self.quantities:
            raise ValueError("method: there is only the standard; add what is to be measured")
        if early := [p.name for p in self.others if p.window[1] <= front[1]]:
            raise ValueError(
                f"method: {', '.join(early)} ends within the solvent front, which is not "
                "evaluated; leave it out of others"
            )

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is measured: every peak but that of the standard."""
        return tuple(p.name for p in self.peaks if p.name != self.standard)

    def to_dict(self) -> dict[str, Any]:
        """Return the method as a JSON-able dict; `from_dict` reads it back unchanged."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        """Build a method from `to_dict` output or the same table of a rig file.

        Raises
        ------
        ValueError
            A key is unknown or missing, or a value makes no sense.
        """
        _check_keys(cls, d, "method")
        tables = {key: d.get(key, ()) for key in ("peaks", "others")}
        for p in (*tables["peaks"], *tables["others"]):
            _check_keys(Peak, p, f"peak {p.get('name', '?')!r}")
        return cls(**{**d, **{k: tuple(Peak(**p) for p in t) for k, t in tables.items()}})


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: what JSON would make of them."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _check_keys(cls: type[Peak] | type[Method], d: Mapping[str, Any], who: str) -> None:
    """Refuse unknown or missing keys in one sentence."""
    known = {f.name: f.default is MISSING for f in fields(cls)}
    if strange := sorted(d.keys() - known.keys()):
        raise ValueError(f"{who}: unknown {', '.join(strange)}; known are {', '.join(known)}")
    if missing := [name for name, needed in known.items() if needed and name not in d]:
        raise ValueError(f"{who}: {', '.join(missing)} missing")
