"""The HPLC method as a file: what a chromatogram holds, and how areas become quantities.

The same keys make the table ``[chromatogram]`` of a rig file. Times are minutes, as on every
chromatogram; only `duration` is seconds.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .chemistry import of_mM
from .reading import SpecError, table, text_of, validated
from .tables import Positive, Range, Table, Text
from .written import exact

NotNegative = Annotated[float, Field(ge=0)]


class MethodError(SpecError):
    """The method file cannot be used; the text names key, value and cure."""


class Shape(Table):
    """A peak's shape: an exponentially modified Gaussian.

    Attributes
    ----------
    time : float
        Centre of the Gaussian [min]; the apex lies up to one `tail` later.
    width : float
        SD of the Gaussian [min]: 0.42 of the peak's width at half height.
    tail : float
        Time constant of the exponential [min]; for a symmetric peak a tenth of the width.
    """

    time: Positive
    width: Positive
    tail: Positive


class Front(Shape):
    """A peak of the solvent; its tail is fitted along where it reaches under a peak.

    Attributes
    ----------
    area : float
        For the emulator [AU min].
    """

    area: Positive


class OtherPeak(Shape):
    """A peak that is not measured, such as an impurity: fitted along where it overlaps one.

    Attributes
    ----------
    name : str
        The species.
    window : (float, float)
        Where its signal lives, start and end [min].
    components : list of tables
        Further peaks of the same species, such as isomers: `time`, `width`, `tail` of each. They
        shift and broaden together with the first. The emulator draws the first only.
    """

    name: Text
    window: Range
    components: tuple[Shape, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.window[0] < self.time < self.window[1]:
            raise ValueError(
                f"window = {list(self.window)} min does not enclose time = {exact(self.time)} min"
            )
        return self


class PeakSpec(OtherPeak):
    """A peak that is measured: area = intercept + response x amount + curvature x amount^2.

    Attributes
    ----------
    response : float
        Area [AU min] per amount; for mole fractions only the ratios of the responses count. With
        an internal standard and amounts, the area relative to the standard's, times its amount,
        per amount. The emulator takes the standard's own, and mole fractions', per mM.
    response_sd : float
        Its standard uncertainty, in the same unit.
    intercept : float
        Area at no amount [AU min].
    curvature : float
        Area [AU min] per squared amount.
    curve_sd : float
        Standard uncertainty of a curve as a whole, in areas [AU min].
    """

    response: Positive
    response_sd: NotNegative = 0.0
    intercept: float = 0.0
    curvature: float = 0.0
    curve_sd: NotNegative = 0.0


class Standard(Table):
    """The internal standard; areas are taken relative to its own.

    Attributes
    ----------
    peak : str
        Name of its peak.
    amount : float
        How much of it is in every sample, in the unit of the amounts.
    """

    peak: Text
    amount: Positive = 1.0


class MethodFile(Table):
    """The HPLC method: a file, or the table ``[chromatogram]`` of a rig file.

    Attributes
    ----------
    title : str
        What it is called.
    unit : str
        Of the signal: ``V``, ``mV``, ``AU``, ``mAU`` or ``counts``. In V and mV it is the light
        that passes, which falls under a peak; `per_au` says otherwise.
    per_au : float
        How many of the unit are one absorbance unit, for a signal that rises with the absorbance.
    duration : float
        Length of a chromatogram that a rig records [s].
    rate : float
        Samples per second [Hz] where a trace has no times of its own; at most 10 for a rig.
    lamp : float
        Signal through pure eluent, where it is light, in the unit of the signal.
    start : float
        Nothing before is evaluated [min]; by default the end of the solvent front.
    solvent_front : list of tables
        Peaks of the injection disturbance.
    peaks : list of tables
        What is measured.
    others : list of tables
        Peaks that are not.
    max_shift : float
        How far off a peak may elute [min]; half of it is flagged.
    tolerance : float
        How much a fit may miss, relative to the tallest point; beyond, windows are integrated.
    max_absorbance : float
        Above it a sample counts as saturated [AU].
    amounts : str
        Unit of the amounts that areas are turned into, such as ``mM``; without, mole fractions.
    standard : table
        The internal standard.
    """

    title: Text = ""
    unit: Literal["V", "mV", "AU", "mAU", "counts"] = "V"
    per_au: Positive | None = None
    duration: Positive | None = None
    rate: Annotated[float, Field(gt=0, le=1000)] = 1.0
    lamp: Positive | None = None
    start: NotNegative | None = None
    solvent_front: tuple[Front, ...] = ()
    peaks: Annotated[tuple[PeakSpec, ...], Field(min_length=1)]
    others: tuple[OtherPeak, ...] = ()
    max_shift: Positive = 0.25
    tolerance: Positive = 0.03
    max_absorbance: Positive = 2.0
    amounts: Text | None = None
    standard: Standard | None = None

    @property
    def scale(self) -> float | None:
        """How many of the unit are one absorbance unit; None where the signal is light."""
        return self.per_au or {"AU": 1.0, "mAU": 1000.0}.get(self.unit)

    @property
    def areas(self) -> tuple[float, ...]:
        """Area of each peak per mM [AU min], as an emulated detector sees it."""
        found = {peak.name: peak.response for peak in self.peaks}
        if self.amounts is None:
            return tuple(found.values())
        if self.standard is None:
            return tuple(response * of_mM(self.amounts) for response in found.values())
        own = found[self.standard.peak]
        return tuple(r if name == self.standard.peak else r * own for name, r in found.items())

    @property
    def evaluated_from(self) -> float:
        """Where evaluation begins [min]."""
        if self.start is not None:
            return self.start
        return max((f.time + 4 * f.tail for f in self.solvent_front), default=0.0)

    @model_validator(mode="after")
    def _signal(self) -> Self:
        if self.per_au is not None and self.unit in ("AU", "mAU"):
            raise ValueError(f"per_au: one AU is known in {self.unit}; delete it")
        if self.unit == "counts" and self.per_au is None:
            raise ValueError(
                'per_au is missing: with unit = "counts", say how many counts are one absorbance '
                "unit, such as per_au = 1e6"
            )
        if self.scale is None and self.lamp is None:
            raise ValueError(
                f"lamp is missing: give the signal through pure eluent [{self.unit}]; or, if the "
                "signal rises under a peak, per_au"
            )
        return self

    @model_validator(mode="after")
    def _peaks(self) -> Self:
        names = [peak.name for peak in (*self.peaks, *self.others)]
        if len(set(names)) < len(names):
            raise ValueError(f"peaks have the names {names}: give each its own")
        first = min(self.peaks, key=lambda p: p.window)
        if first.window[0] < self.evaluated_from:
            raise ValueError(
                f"peaks: the window of {first.name!r} opens at {exact(first.window[0])} min, but "
                f"nothing is evaluated before {exact(self.evaluated_from)} min: narrow it, or "
                "state start"
            )
        if early := [p.name for p in self.others if p.window[1] <= self.evaluated_from]:
            raise ValueError(
                f"others: {', '.join(early)} ends before {exact(self.evaluated_from)} min, from "
                "where on is evaluated: delete it, or state start"
            )
        return self

    @model_validator(mode="after")
    def _calibration(self) -> Self:
        names = [peak.name for peak in self.peaks]
        quantities = list(names)
        if self.standard is not None:
            if self.standard.peak not in names:
                raise ValueError(
                    f"standard.peak = {self.standard.peak!r} is none of the peaks "
                    f"{', '.join(names)}: name one of them"
                )
            quantities.remove(self.standard.peak)
        if not quantities:
            raise ValueError("peaks: there is only the standard; add what is to be measured")
        return self


def load_method(method: str | Path, folder: Path = Path()) -> MethodFile:
    """Read a method file.

    Parameters
    ----------
    method : str or Path
        Name of a built-in method (`walker`), or path of a TOML file: a method file, or a rig file,
        whose table ``[chromatogram]`` is taken.
    folder : Path, optional
        What a path is relative to.

    Raises
    ------
    MethodError
        If there is no such file, or what it says cannot be used.
    """
    data, place = stated_method(method, folder)
    return validated(
        MethodFile, data, "method", MethodError, lambda text: f"{method}: {place}{text}"
    )


def stated_method(method: str | Path, folder: Path = Path()) -> tuple[dict[str, Any], str]:
    """Give what a method file says, unchecked, and the table of it in which that stands."""
    data = table(text_of(method, "method", MethodError, folder), str(method), MethodError)
    if "chromatogram" not in data:
        return data, ""
    stated = data["chromatogram"]
    if not isinstance(stated, dict):
        raise MethodError(f"{method}: chromatogram is no table: write [chromatogram]")
    return filled_in(stated, (folder / method).parent), "chromatogram."


def filled_in(stated: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Give a rig file's table ``[chromatogram]`` with what the method file says that it names.

    Raises
    ------
    MethodError
        If that cannot be read, or both state a key.
    """
    if "method" not in stated:
        return stated
    name = stated["method"]
    if not isinstance(name, str):
        raise MethodError("chromatogram.method names a method file: write it in quotes")
    own = {key: value for key, value in stated.items() if key != "method"}
    theirs, _ = stated_method(name, folder)
    if both := sorted(own.keys() & theirs.keys()):
        raise MethodError(
            f"chromatogram: {', '.join(both)} is stated here and in {name}: delete one of the two"
        )
    whole = {**theirs, **own}

    def whose(text: str) -> str:
        """Begin what is wrong with the file in which it stands."""
        return f"{name}: {text}" if re.split(r"[. :]", text)[0] in theirs else text

    validated(MethodFile, whole, "method", MethodError, whose)
    return whole


def peaks_text(method: str | Path) -> tuple[str, bool]:
    """Give the text in which a method's peaks stand, and whether it is that of a rig file.

    Raises
    ------
    MethodError
        As of `load_method`.
    """
    text = text_of(method, "method", MethodError)
    stated = table(text, str(method), MethodError).get("chromatogram")
    if isinstance(stated, dict) and "peaks" not in stated and "method" in stated:
        named = Path(stated["method"])
        return peaks_text(Path(method).parent / named if named.suffix else named)
    return text, stated is not None
