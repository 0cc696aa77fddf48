"""Chromatograms in files -> what they measure, and methods that standards have calibrated."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactune.analysis.analytics.hplc.calibration import calibrate, fit_curves
from reactune.analysis.analytics.hplc.chromatogram import Chromatogram, analyse
from reactune.analysis.analytics.hplc.files import TraceError, read_trace
from reactune.analysis.analytics.hplc.method import Method
from reactune.analysis.problem.units import UnitError, converted
from reactune.analysis.sheets.sheet import SheetError, open_sheet
from reactune.analysis.written import quoted
from reactune.devices.methodfile import MethodError, MethodFile, load_method, peaks_text

from ..errors import UserError, told
from ..hplc_method import method_of

Floats = NDArray[np.float64]

CALIBRATED = ("response", "response_sd", "intercept", "curvature", "curve_sd")
"""What a calibration writes into a method file."""


@dataclass(frozen=True)
class Reading:
    """How one file was integrated; `reason` says why not.

    Attributes
    ----------
    file : str
    found : Chromatogram or None
        None where the file is no trace.
    reason : str
    """

    file: str
    found: Chromatogram | None
    reason: str

    @property
    def valid(self) -> bool:
        """Whether it gives numbers."""
        return self.found is not None and self.found.valid

    def row(self, quantities: Sequence[str]) -> dict[str, Any]:
        """Give it by the columns of the table; None where there is nothing."""
        values = self.found.fractions if self.found is not None and self.found.valid else {}
        sd = self.found.sd if self.found is not None else {}
        row: dict[str, Any] = {"file": self.file}
        for name in quantities:
            row[name] = values.get(name)
            row[f"{name}_sd"] = sd[name] if name in values else None
        flags = self.found.flags if self.found is not None else ()
        return row | {"valid": self.valid, "flags": "; ".join(flags), "reason": self.reason}


def open_method(method: str | Path) -> MethodFile:
    """Read a method file, the method of a rig file, or a built-in one.

    Raises
    ------
    UserError
    """
    with told(MethodError):
        return load_method(method)


def integrate(
    files: Sequence[str | Path], stated: MethodFile, channel: str = ""
) -> Iterator[Reading]:
    """Integrate chromatograms; one that cannot be read costs nothing but itself.

    Parameters
    ----------
    files : sequence of str or Path
    stated : MethodFile
    channel : str
        Which signal, where files have several.
    """
    with told(ValueError):
        method = method_of(stated)
    yield from _integrate(files, stated, method, channel)


def _integrate(
    files: Sequence[str | Path], stated: MethodFile, method: Method, channel: str
) -> Iterator[Reading]:
    """Integrate files that are as stated by a method."""
    for file in files:
        try:
            signal, rate = read_trace(Path(file), channel).in_unit(stated.unit).even(stated.rate)
        except TraceError as error:
            yield Reading(str(file), None, f"{Path(file).name or file} {error}")
            continue
        found = analyse(signal, replace(method, rate=rate))
        yield Reading(str(file), found, found.reason)


@dataclass(frozen=True)
class Calibration:
    """A calibrated method.

    Attributes
    ----------
    method : Method
    used : list of str
        The standards' files.
    known : list of dict
        What is known of each, by quantity.
    found : list of Chromatogram
        The standards by the new method.
    failed : list of Reading
        Standards that give no areas.
    """

    method: Method
    used: list[str]
    known: list[dict[str, float]]
    found: list[Chromatogram]
    failed: list[Reading]

    def residuals(self, name: str) -> tuple[Floats, Floats, Floats]:
        """Give known values, how far off the found ones are, and their sd, of one quantity."""
        pairs = [(k[name], c) for k, c in zip(self.known, self.found, strict=True) if name in k]
        known = np.array([k for k, _ in pairs])
        found = np.array([(c.fractions[name], c.sd[name]) for _, c in pairs]).reshape(-1, 2)
        return known, found[:, 0] - known, found[:, 1]

    def rms(self, name: str) -> float:
        """Give the root mean square of a quantity's residuals."""
        return float(np.sqrt(np.mean(self.residuals(name)[1] ** 2)))


def calibration(
    standards: Path,
    stated: MethodFile,
    *,
    quadratic: bool = False,
    intercept: bool = False,
    channel: str = "",
) -> Calibration:
    """Calibrate a method with samples of known composition.

    Parameters
    ----------
    standards : Path
        Table with a column ``file``, relative to the table's folder, and one for each quantity.
    stated : MethodFile
    quadratic, intercept : bool
        Whether the curves of amounts bend, and whether they need not go through 0.
    channel : str
        Which signal, where files have several.

    Raises
    ------
    UserError
        If the table cannot be used, or the standards do not determine the responses.
    """
    with told(ValueError):
        method = method_of(stated)
    if (quadratic or intercept) and not method.amounts:
        raise UserError(
            'calibrate: a curve needs amounts: write amounts = "mM", or what the table is in, into '
            "the method; mole fractions only need relative responses"
        )
    rows = _standards(standards, method.quantities, method.amounts)
    if not rows:
        raise UserError(f"{standards} has no rows below its titles; add one for each standard")
    files = {name: standards.parent / name for name, _ in rows}
    readings = list(_integrate([files[name] for name, _ in rows], stated, method, channel))
    good = [
        (name, values, reading.found.areas)
        for (name, values), reading in zip(rows, readings, strict=True)
        if reading.found is not None and reading.valid
    ]
    if not good:
        raise UserError(f"calibrate: no standard gives areas; the first: {readings[0].reason}")
    used, known, areas = (list(each) for each in zip(*good, strict=True))
    failed = [reading for reading in readings if not reading.valid]
    try:
        if method.amounts:
            method = fit_curves(method, areas, known, quadratic=quadratic, intercept=intercept)
        else:
            method = calibrate(method, areas, known)
            known = [_normalised(values) for values in known]
    except ValueError as error:
        left_out = "".join(f"\nleft out: {reading.reason}" for reading in failed)
        raise UserError(f"{error}{left_out}") from error
    again = _integrate([files[name] for name in used], stated, method, channel)
    found = [reading.found for reading in again if reading.found is not None]
    return Calibration(method, used, known, found, failed)


def _normalised(values: Mapping[str, float]) -> dict[str, float]:
    """Give fractions that sum to 1."""
    total = sum(values.values())
    return {name: value / total for name, value in values.items()}


def _standards(
    path: Path, quantities: Sequence[str], amounts: str
) -> list[tuple[str, dict[str, float]]]:
    """Read the table of standards: file and known values of each row; amounts in their unit."""
    whole = not amounts
    with told(SheetError):
        sheet = open_sheet(path)
    named = [str(title).partition("[") for title in sheet.titles]
    titles = [name.strip() for name, _, _ in named]
    units = {name.strip(): unit.rstrip("] ") for name, _, unit in named if amounts}
    wanted = ["file", *quantities]
    if lacking := [name for name in wanted if name not in titles]:
        raise UserError(
            f"{path} has no column {', '.join(lacking)}; it needs {', '.join(wanted)}, and has "
            f"{', '.join(titles)}"
        )
    rows = []
    for number, cells in sheet.rows:
        by_title = dict(zip(titles, cells, strict=False))
        values = {}
        for name in quantities:
            cell = by_title[name]
            if cell in (None, "") and not whole:
                continue
            try:
                value = float(str(cell).replace(",", "."))
                values[name] = converted(value, units.get(name, ""), amounts)
            except UnitError as error:
                raise UserError(f"{path}, column {name}: {error}, the method's amounts") from None
            except ValueError:
                said = "empty" if cell in (None, "") else quoted(cell)
                raise UserError(
                    f"{path}, row {number}: {name} is {said}; write the known "
                    f"{'fraction, 0 where there is none' if whole else 'amount, or nothing'}"
                ) from None
        if not by_title["file"]:
            raise UserError(f"{path}, row {number}: the file is missing; name it")
        rows.append((str(by_title["file"]), values))
    for (name, values), (other, others) in itertools.combinations(rows, 2):
        if name == other and values != others:
            raise UserError(f"{path} says two things of {name}: a sample has one composition")
    return rows


def calibrated_text(source: str | Path, method: Method) -> str:
    """Give the text of a method's file with the responses of a calibrated one; comments stay.

    Parameters
    ----------
    source : str or Path
        As of `open_method`; of a rig file that holds its method itself, a rig file comes out.
    method : Method
    """
    import tomlkit

    with told(MethodError):
        text, in_rig = peaks_text(source)
    document: Any = tomlkit.parse(text)
    peaks = (document["chromatogram"] if in_rig else document)["peaks"]
    found = {peak.name: peak for peak in method.peaks}
    for stated in peaks:
        peak = found[stated["name"]]
        for key in CALIBRATED:
            value = float(f"{getattr(peak, key):.6g}")
            if value or key in stated:
                stated[key] = value
    return tomlkit.dumps(document)
