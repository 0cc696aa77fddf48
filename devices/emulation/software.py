"""Emulated software that analyses: it writes a file for each injection, well or badly."""

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from math import log10
from pathlib import Path, PurePath
from typing import Any

from ..clock import ClockError, LabClock
from ..resultfile import JSON, WORKBOOKS, QuantitySpec
from ..rigfile import RigFile
from .layout import Noise
from .variants import SoftwareVariant
from .world import Injection, World

_BREAK = 0.6  # of a file: where one that is half written ends
_LATE = 60.0  # lab s after the time-out at which a late one comes
_FUTURE = 4e9  # what the clock says of files that lay there before [s since 1970]


class EmulatedSoftware:
    """Analyses each injection of a world, and writes what it has found into a folder of its own.

    Parameters
    ----------
    rig : RigFile
        With ``[analytics]``; its own folder is not touched.
    world : World
    clock : LabClock
        When files are written.
    variant : SoftwareVariant
        How it writes, and what goes wrong.

    Attributes
    ----------
    folder : Path
        Removed when it is closed.
    """

    def __init__(self, rig: RigFile, world: World, clock: LabClock, variant: SoftwareVariant):
        assert rig.analytics is not None
        self._rig, self._spec, self._clock, self._variant = rig, rig.analytics, clock, variant
        self._layout, self._noise = world.layout, world.noise or Noise()
        self.folder = Path(tempfile.mkdtemp(prefix="reactune-simulated-"))
        world.injected = self._analyse
        for k in range(variant.old):
            amounts = dict.fromkeys(world.reaction.products, 1.0)
            path = self._write(self._name(f"old{k + 1}"), self._file(amounts, None))
            os.utime(path, (_FUTURE, _FUTURE))

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _analyse(self, injection: Injection) -> None:
        """Have the file of an injection written when its analysis is over."""
        how = self._variant.spoilt.get(str(injection.number), "")
        if how == "never":
            return
        raw = self._file(injection.amounts, injection, how)
        done = injection.time + self._rig.analysis_duration + self._variant.delay
        if how == "late":
            done = injection.time + self._spec.timeout + _LATE
        name = self._name(f"{injection.number:04d}")
        half = raw[: round(_BREAK * len(raw))].rstrip(b"\r\n")
        if how == "half":
            self._at(done, lambda: self._write(name, half))
            return
        if how == "twice":
            self._at(done, lambda: self._write(self._name(f"{injection.number:04d}b"), raw))
        if self._variant.writing:
            self._at(done, lambda: self._write(name, half))
        self._at(done + self._variant.writing, lambda: self._write(name, raw))

    def _at(self, when: float, call: Callable[[], object]) -> None:
        with suppress(ClockError):  # closed: nobody is there who would read it
            self._clock.call_at(when, call, background=True)

    def _name(self, mark: str) -> str:
        return named(self._spec.files, mark)

    def _write(self, name: str, raw: bytes) -> Path:
        path = self.folder / name
        if self.folder.exists():  # not closed meanwhile
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(raw)
        return path

    # -- what is in the files ---------------------------------------------------------------

    def _file(
        self, amounts: Mapping[str, float], injection: Injection | None, how: str = ""
    ) -> bytes:
        """Give the file of an injection, as the rig file wants it."""
        if how == "unreadable":
            return b"\x7f\x00\x01" + bytes(range(256))
        if self._spec.kind == "trace":
            return self._trace(injection)
        total = sum(amounts.values())
        cells: dict[str, tuple[str | float, str | float]] = {}
        for name, place in self._spec.quantities.items():
            value, sd = self._told(amounts[name], total, place.unit)
            cells[name] = (value, sd)
        first = next(iter(cells))
        if how == "outside":
            cells[first] = (120.0 if self._spec.quantities[first].unit == "%" else 1.2, 0.01)
        elif how == "text":
            cells[first] = ("n.d.", 0.01)
        places = dict(self._spec.quantities)
        if how == "lacking":
            places[first] = places[first].model_copy(
                update={"column": places[first].column and "other", "key": places[first].key + "x"}
            )
        if self._spec.suffix == JSON:
            return _json(places, cells)
        return self._table(_rows(places, cells))

    def _told(self, amount: float, total: float, unit: str) -> tuple[str | float, str | float]:
        """Give what the software tells of an amount [mM], and its sd; nothing if it saw nothing."""
        if not total:
            return "", ""
        factor = {"1": 1.0, "%": 100.0}.get(unit, total)
        fraction = amount / total
        sd = self._noise.fraction + self._noise.relative * fraction
        return round(fraction * factor, 6), float(f"{sd * factor:.3g}")

    def _table(self, rows: list[list[str | float]]) -> bytes:
        """Write a table as text or workbook."""
        if self._spec.suffix in WORKBOOKS:
            from openpyxl import Workbook

            book, file = Workbook(), io.BytesIO()
            for row in rows:
                book.active.append(row)
            book.save(file)
            return file.getvalue()
        comma = self._spec.decimal == ","
        text = io.StringIO()
        writer = csv.writer(text, delimiter=";" if comma else ",", lineterminator="\r\n")
        for cells in rows:
            said = [c if isinstance(c, str) else repr(c) for c in cells]
            numbers = [isinstance(c, float) and comma for c in cells]
            writer.writerow(
                [s.replace(".", ",") if n else s for s, n in zip(said, numbers, strict=True)]
            )
        return (text.getvalue() + self._spec.end.strip()).encode()

    def _trace(self, injection: Injection | None) -> bytes:
        """Write a chromatogram as text or ANDI/AIA, in the unit of the method."""
        method = self._rig.chromatogram
        assert method is not None
        start = injection.time if injection else 0.0
        seconds = [k / method.rate for k in range(method.samples)]
        volts = [injection.record.at(start + s) if injection else 1.0 for s in seconds]
        if method.scale is None:
            signal = volts
        else:
            dark = 1e-9 * self._layout.baseline
            signal = [-method.scale * log10(max(v, dark) / self._layout.baseline) for v in volts]
        if self._spec.suffix == ".cdf":
            return _andi(signal, 1 / method.rate, method.unit)
        rows: list[list[str | float]] = [["Time [min]", f"Signal [{method.unit}]"]]
        samples = zip(seconds, signal, strict=True)
        rows += [[round(s / 60, 6), float(f"{v:.8g}")] for s, v in samples]
        return self._table(rows)


def named(pattern: str, mark: str) -> str:
    """Give a name that a pattern fits; it says that it is simulated."""
    name = pattern.replace("*", f"simulated-{mark}", 1).replace("*", "x").replace("?", "0")
    return re.sub(r"\[!?(.)[^\]]*\]", r"\1", name)


def unwritten(rig: RigFile, products: tuple[str, ...]) -> list[str]:
    """Say in one sentence each which of a rig's result files cannot be emulated."""
    spec = rig.analytics
    if spec is None:
        return []
    wrong = []
    if strange := [name for name in spec.quantities if name not in products]:
        wrong.append(
            f"emulation.reaction gives {', '.join(products)}, but analytics.quantities are "
            f"{', '.join(spec.quantities)}: name {', '.join(strange)} as the reaction does, or "
            "give the reaction that makes them"
        )
    texts = ("", ".csv", ".txt", ".tsv", ".asc", ".dat", ".prn")
    known = (*texts, ".cdf") if spec.kind == "trace" else (*texts, JSON, *WORKBOOKS)
    if spec.suffix not in known:
        wrong.append(
            f"analytics.files = {spec.files!r}: emulated software writes {', '.join(known[1:])}, "
            f"not {spec.suffix}: rehearse with one of these"
        )
    if not fnmatchcase(PurePath(named(spec.files, "1")).name, PurePath(spec.files).name):
        wrong.append(
            f"analytics.files = {spec.files!r}: emulated software finds no name that fits: give a "
            "simpler pattern, such as '*.csv'"
        )
    return wrong


def _rows(
    places: Mapping[str, QuantitySpec], cells: Mapping[str, tuple[str | float, str | float]]
) -> list[list[str | float]]:
    """Lay out titles and rows so that each value is where it is looked for."""
    titles: list[str] = [""] if any(p.row for p in places.values()) else []
    titles += [t for p in places.values() for t in (p.column, p.sd) if t]
    titles = list(dict.fromkeys(titles))
    rows: dict[str, list[str | float]] = {}
    for name, place in places.items():
        row = rows.setdefault(place.row, [place.row if t == "" else "" for t in titles])
        row[titles.index(place.column)] = cells[name][0]
        if place.sd:
            row[titles.index(place.sd)] = cells[name][1]
    return [list(titles), *rows.values()]


def _json(
    places: Mapping[str, QuantitySpec], cells: Mapping[str, tuple[str | float, str | float]]
) -> bytes:
    """Nest objects and lists so that each value is where it is looked for."""
    whole: dict[str, Any] = {}
    for name, place in places.items():
        for path, value in zip((place.key, place.sd), cells[name], strict=True):
            *way, last = path.split(".") if path else [""]
            inside = whole
            for key in way:
                inside = inside.setdefault(key, {})
            if path:
                inside[last] = value
    return json.dumps(_lists(whole), indent=1).encode()


def _lists(tree: Any) -> Any:
    """Make lists of the objects whose keys count from 0."""
    if not isinstance(tree, dict):
        return tree
    inner = {key: _lists(value) for key, value in tree.items()}
    if inner and set(inner) == {str(k) for k in range(len(inner))}:
        return [inner[str(k)] for k in range(len(inner))]
    return inner


def _andi(signal: list[float], interval: float, unit: str) -> bytes:
    """Write ANDI/AIA: netCDF with the samples, their interval and unit."""
    from scipy.io import netcdf_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.cdf")
        with netcdf_file(path, "w") as file:
            file.createDimension("point_number", len(signal))
            file.createVariable("ordinate_values", "f", ("point_number",))[:] = signal
            for name, value in (
                ("actual_sampling_interval", interval),
                ("actual_delay_time", 0.0),
            ):
                file.createVariable(name, "f", ())[...] = value
            for name, text in (("detector_unit", unit), ("retention_unit", "seconds")):
                setattr(file, name, text)
        return path.read_bytes()
