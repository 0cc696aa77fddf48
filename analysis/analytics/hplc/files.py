"""Chromatograms out of files: text as any software exports it, ANDI/AIA, and vendors' own."""

import csv
import io
import math
import re
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...cells import decoded
from ...written import UnreadableError, quoted, read_bytes

__all__ = ["FileTrace", "TraceError", "read_trace", "trace_in"]

Floats = NDArray[np.float64]

_MOST_BYTES = 100_000_000  # of a text or netCDF file; an hour at 100 Hz has a tenth
_FEWEST = 10  # rows of numbers that make a trace
_UNEVEN = 0.02  # of an interval, by which samples may be off and still count as evenly spaced
_ROUNDED = 0.9  # of an interval, by which times are off that are written with few digits
_SPARSE = 10  # times as many samples as there are that would fill a trace with holes
_LONGEST = 10_000_000  # samples from injection on; a day at 100 Hz has fewer
_VENDOR = {".ch", ".uv", ".d", ".dx", ".raw"}
_SIGNAL_UNITS = {
    unit.lower(): unit for unit in ("V", "mV", "uV", "AU", "mAU", "uAU", "counts")
}  # u is micro
_FACTORS = {
    **{("V", "mV"): 1e3, ("mV", "V"): 1e-3, ("uV", "V"): 1e-6, ("uV", "mV"): 1e-3},
    **{("AU", "mAU"): 1e3, ("mAU", "AU"): 1e-3, ("uAU", "AU"): 1e-6, ("uAU", "mAU"): 1e-3},
    **{("uV", "counts"): 1.0, ("uAU", "counts"): 1.0},
}
"""What a signal in one unit is multiplied by to be in another; a converter's counts are its uV."""

_TIME = re.compile(r"time|zeit|temps|minutes|seconds|r\.?\s*t", re.IGNORECASE)
_TITLED = re.compile(
    r"(ret\w*\.?\s*)?(time|zeit|temps|minutes|seconds)\b|r\.?\s*t\b", re.IGNORECASE
)
_UNIT = re.compile(r"[\[(/]\s*([A-Za-zµμ]+)\s*[\])]?")


class TraceError(ValueError):
    """A file is no trace; the text goes on from its name: why, and the cure."""


class FileTrace(NamedTuple):
    """A chromatogram as its file has it.

    Attributes
    ----------
    signal : ndarray, shape (n,)
        In `unit`, or in the method's where that is empty.
    minutes : ndarray, shape (n,), or None
        When each sample was taken, since injection [min]; None where the file does not say.
    unit : str
    """

    signal: Floats
    minutes: Floats | None = None
    unit: str = ""

    def in_unit(self, unit: str) -> "FileTrace":
        """Give it in another unit.

        Raises
        ------
        TraceError
            If its own cannot be converted.
        """
        if not self.unit or self.unit == unit:
            return self
        if (self.unit, unit) not in _FACTORS:
            cure = f'unit = "{self.unit}"'
            if self.unit.startswith("u"):
                cure = 'unit = "counts", and per_au,'
            raise TraceError(
                f"is in {self.unit}, and the method's unit is {unit}: write {cure} into the method"
            )
        return FileTrace(self.signal * _FACTORS[self.unit, unit], self.minutes, unit)

    def even(self, rate: float) -> tuple[Floats, float]:
        """Give the signal from injection on at one rate, and that [Hz]; NaN where there is none.

        Parameters
        ----------
        rate : float
            Of samples without times [Hz].

        Raises
        ------
        TraceError
            If the times do not increase.
        """
        if self.minutes is None:
            return self.signal, rate
        if not np.isfinite(self.minutes).all():
            raise TraceError("has times that are no numbers; export it anew")
        minutes = np.linspace(self.minutes[0], self.minutes[-1], len(self.minutes))
        step = float(minutes[1] - minutes[0])
        if not np.abs(self.minutes - minutes).max() < _ROUNDED * step:
            minutes, steps = self.minutes, np.diff(self.minutes)
            if not (steps > 0).all():
                row = int(np.argmin(steps > 0)) + 2
                raise TraceError(f"has times that do not increase, at sample {row}; export it anew")
            step = float(np.median(steps))
        rate = 1 / (60 * step)
        place = minutes / step
        if place[-1] - place[0] > _SPARSE * len(place):
            raise TraceError(
                f"has {len(place)} samples over {self.minutes[-1]:.4g} min, {60 * step:.2g} s "
                "apart where there are any; export it anew"
            )
        if not place[-1] < _LONGEST:
            raise TraceError(
                f"goes from {self.minutes[0]:.4g} to {self.minutes[-1]:.4g} min after injection, "
                f"with samples {60 * step:.2g} s apart; export it anew"
            )
        first = max(math.ceil(place[0] - _UNEVEN), 0)
        grid = np.arange(first, math.floor(place[-1] + _UNEVEN) + 1)
        if len(grid) < _FEWEST:
            raise TraceError(f"has {len(grid)} samples after injection; export the whole trace")
        signal = np.interp(grid, place, self.signal)
        after = np.minimum(np.searchsorted(place, grid - _UNEVEN), len(place) - 1)
        before = np.maximum(after - 1, 0)
        lonely = (place[after] - place[before] > 1.5) & (np.abs(place[after] - grid) > _UNEVEN)
        signal[lonely] = np.nan  # nothing was recorded there
        return np.concatenate([np.full(first, np.nan), signal]), rate


def read_trace(path: Path, channel: str = "") -> FileTrace:
    """Read a chromatogram.

    Parameters
    ----------
    path : Path
        Text with any delimiter, header and decimal sign; ANDI/AIA ``.cdf``; with the extra
        ``vendor``, Agilent ``.D``, ``.dx``, ``.ch``, ``.uv`` and Waters ``.raw``.
    channel : str
        Which signal, where a file has several: a column's header, or a wavelength in nm.

    Raises
    ------
    TraceError
        If it is none.
    """
    try:
        if path.suffix.lower() in _VENDOR:
            return _vendor(path, channel)
        return _own(read_bytes(path, _MOST_BYTES), channel)
    except UnreadableError as error:
        raise TraceError(str(error)) from error
    except OSError as error:
        raise TraceError(f"cannot be read ({error.strerror or error}): check its path") from error


def trace_in(name: str, raw: bytes, channel: str = "") -> FileTrace:
    """Read a chromatogram out of what a file of this name holds; see `read_trace`."""
    if PurePath(name).suffix.lower() in _VENDOR:  # whose library wants a path
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, PurePath(name).name)
            path.write_bytes(raw)
            return read_trace(path, channel)
    try:
        return _own(raw, channel)
    except UnreadableError as error:
        raise TraceError(str(error)) from error


def _own(raw: bytes, channel: str) -> FileTrace:
    """Read what needs no library of others."""
    return _andi(raw) if raw[:3] == b"CDF" else _text(raw, channel)


# ---- text ----------------------------------------------------------------------------------------


def _text(raw: bytes, channel: str) -> FileTrace:
    """Read a table of numbers below a header of any kind."""
    lines = decoded(raw).splitlines()
    delimiter, comma = _manner(lines)
    rows = [_cells(line, delimiter) for line in lines]
    numbers = [_numbers(row, comma) for row in rows]
    first, last = _longest([len(n) if n is not None else 0 for n in numbers])
    if last - first < _FEWEST:
        raise TraceError(
            f"holds no table of {_FEWEST} or more rows of numbers; export the trace as text or CSV"
        )
    data = np.array(numbers[first:last], dtype=float)
    width = data.shape[1]
    head = next((r for r in reversed(rows[:first]) if len(r) == width and any(r)), [""] * width)
    titled = [i for i, title in enumerate(head) if _TITLED.match(title.strip())]
    rising = bool((np.diff(data[:, 0]) >= 0).all()) and data[-1, 0] > data[0, 0]
    if width == 1:
        titled = []
    elif not titled and (rising or _TIME.search(head[0])):
        titled = [0]
    column = _column(head, [i for i in range(width) if i not in titled], channel)
    minutes = None
    if titled:  # of several, those before the signal are its own
        at = max((i for i in titled if i < column), default=titled[0])
        minutes = data[:, at] / _per_minute(head[at], data[:, at])
    named = _UNIT.search(head[column])
    return FileTrace(data[:, column], minutes, _signal_unit(named[1] if named else head[column]))


def _signal_unit(text: str) -> str:
    """Give the unit that a text names; nothing where it is none that is known."""
    return _SIGNAL_UNITS.get(re.sub("[µμ]", "u", text.strip().lower()), "")


def _manner(lines: Sequence[str]) -> tuple[str | None, bool]:
    """Find delimiter (None: spaces) and whether decimals are behind a comma.

    That way is taken by which most lines are numbers; of equals, the first.
    """
    sample = [line for line in lines if line.strip()][-200:]
    ways: list[tuple[str | None, bool]] = [
        ("\t", False), ("\t", True), (";", False), (";", True), (",", False),
        (None, False), (None, True), ("|", False),
    ]  # fmt: skip

    def fits(way: tuple[str | None, bool]) -> tuple[int, int]:
        found = [_numbers(_cells(line, way[0]), way[1]) for line in sample]
        return sum(n is not None for n in found), max((len(n) for n in found if n), default=0)

    return max(ways, key=fits)


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    while cells and not cells[-1]:  # a delimiter at the end of the line
        cells.pop()
    return cells


def _numbers(cells: Sequence[str], comma: bool) -> list[float] | None:
    try:
        return [float(c.replace(",", ".") if comma else c) for c in cells] or None
    except ValueError:
        return None


def _longest(lengths: Sequence[int]) -> tuple[int, int]:
    """Find the longest run of equal lengths that are not 0."""
    best = (0, 0)
    start = 0
    for i in range(1, len(lengths) + 1):
        if i == len(lengths) or lengths[i] != lengths[start]:
            if lengths[start] and i - start > best[1] - best[0]:
                best = (start, i)
            start = i
    return best


def _column(head: Sequence[str], candidates: Iterable[int], channel: str) -> int:
    """Which column is the signal."""
    places = list(candidates)
    if channel:
        places = [i for i in places if channel.lower() in head[i].lower()]
    if len(places) == 1:
        return places[0]
    names = ", ".join(head[i] or f"column {i + 1}" for i in places) or ", ".join(head)
    what = f"has no column {channel!r}" if not places else "has several signals"
    raise TraceError(f"{what}: {names}; say which with --channel")


def _per_minute(head: str, times: Floats) -> float:
    """How many of the unit of a time column make a minute."""
    named = head.lower()
    if re.search(r"\bms\b|millisec", named):
        return 60_000.0
    if re.search(r"\b(min|minutes?|minuten)\b|\(min|\[min", named):
        return 1.0
    if re.search(r"\b(s|sec|secs|seconds?|sekunden)\b", named):
        return 60.0
    if re.search(r"\b(h|hrs?|hours?|std|stunden)\b", named):
        return 1 / 60
    # not said: no detector is read once a minute, and no chromatogram takes hours
    return 60.0 if np.median(np.diff(times)) >= 0.1 or times[-1] > 200 else 1.0


# ---- ANDI/AIA ------------------------------------------------------------------------------------


def _andi(raw: bytes) -> FileTrace:
    """Read an ANDI/AIA chromatogram (ASTM E1947): netCDF with ``ordinate_values``."""
    from scipy.io import netcdf_file

    try:
        with np.errstate(all="ignore"), netcdf_file(io.BytesIO(raw), "r", mmap=False) as file:
            if "ordinate_values" not in file.variables:
                raise TraceError("is netCDF, but no ANDI/AIA chromatogram: no ordinate_values")
            signal = np.array(file.variables["ordinate_values"][:], float)
            times = file.variables.get("raw_data_retention")
            taken = None if times is None else np.array(times[:], float)
            found = {
                key: _scalar(file.variables.get(key))
                for key in ("actual_sampling_interval", "actual_delay_time")
            }
            labels = {
                key: getattr(file, key, b"").decode("latin-1", "replace").strip("\0 ").lower()
                for key in ("detector_unit", "retention_unit")
            }
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, EOFError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError("is a damaged netCDF file; export it anew") from error
    per_minute = 1.0 if labels["retention_unit"].startswith("min") else 60.0
    if taken is None or len(taken) != len(signal):
        interval = found["actual_sampling_interval"]
        if not interval > 0:
            raise TraceError("has no actual_sampling_interval; export it anew")
        taken = max(found["actual_delay_time"], 0.0) + interval * np.arange(len(signal))
    if len(signal) < _FEWEST:
        raise TraceError(f"holds {len(signal)} samples; export the whole trace")
    minutes = np.asarray(taken / per_minute, float)
    return FileTrace(signal, minutes, _signal_unit(labels["detector_unit"]))


def _scalar(variable: Any) -> float:
    return 0.0 if variable is None else float(np.ravel(variable[...])[0])


# ---- vendors -------------------------------------------------------------------------------------


def _vendor(path: Path, channel: str) -> FileTrace:
    """Read a vendor's own file through rainbow."""
    try:
        import rainbow
        from rainbow.agilent import chemstation
    except ImportError:
        raise TraceError(
            "is read by rainbow-api, which is not installed: pip install 'reactune[vendor]'; or "
            "export the trace as text, CSV or ANDI/AIA (.cdf)"
        ) from None
    path.stat()  # an OSError of ours where there is nothing
    try:
        with warnings.catch_warnings():  # it changes the filters
            warnings.simplefilter("ignore")
            if path.is_dir() or path.suffix.lower() == ".dx":
                found = rainbow.read(str(path)).datafiles
            else:
                one = chemstation.parse_file(str(path))
                found = [one] if one is not None else []
    except Exception as error:
        raise TraceError(f"cannot be read by rainbow ({quoted(str(error))})") from error
    signals = [
        (f"{file.name} {label}".strip(), file, i)
        for file in found
        if file.detector != "MS"
        for i, label in enumerate(file.ylabels)
    ]
    if channel:
        signals = [s for s in signals if channel.lower() in s[0].lower()]
    if len(signals) != 1:
        names = ", ".join(name for name, _, _ in signals[:8])
        if not signals:
            raise TraceError(f"holds no signal {channel!r}".replace(" ''", "") + " that is known")
        raise TraceError(f"has several signals: {names}; say which with --channel")
    _, file, column = signals[0]
    return FileTrace(
        np.asarray(file.data[:, column], float),
        np.asarray(file.xlabels, float),
        _signal_unit(str(file.metadata.get("unit", ""))),
    )
