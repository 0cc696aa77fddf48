"""New files in a folder: which there are, what they hold, and whether they are whole."""

import io
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from ..resultfile import JSON, WORKBOOKS, AnalyticsSpec
from ..written import UnreadableError, read_bytes

MOST_BYTES = 20_000_000
"""Of a file: it goes into the documents whole."""

_NETCDF = b"CDF"

Stamp = tuple[int, int]

_ASIDE = (".", "~$")  # begin what a writer puts beside its file meanwhile


def stamps(folder: Path, files: str) -> dict[str, Stamp]:
    """Tell which files there are, by name, and their size [B] and time of change [ns].

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    with os.scandir(folder):  # a glob would find nothing, and say nothing
        pass
    found = {}
    for path in sorted(folder.glob(files)):
        if not path.name.startswith(_ASIDE):
            try:
                state = path.stat()
            except FileNotFoundError:  # renamed this moment
                continue
            found[path.relative_to(folder).as_posix()] = (state.st_size, state.st_mtime_ns)
    return found


class Look(NamedTuple):
    """What a look into a folder has shown.

    Attributes
    ----------
    stamps : dict of str to (int, int)
        Of every file; see `stamps`.
    new : dict of str to bytes or str
        What is in those that were not there before; of one that cannot be read, why.
    """

    stamps: Mapping[str, Stamp]
    new: Mapping[str, bytes | str]

    def anew(self, before: Mapping[str, Stamp]) -> list[str]:
        """Name the files that were there before and have been written anew."""
        return [k for k, stamp in before.items() if self.stamps.get(k, stamp) != stamp]


def look(folder: Path, files: str, before: Collection[str]) -> Look:
    """Read every file that was not there before.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    there = stamps(folder, files)
    new: dict[str, bytes | str] = {}
    for name in there:
        if name in before:
            continue
        try:
            new[name] = read_bytes(folder / name, MOST_BYTES)
        except FileNotFoundError:
            continue
        except OSError as error:  # somebody may be writing it
            new[name] = f"cannot be read ({error.strerror or error})"
        except UnreadableError as error:
            new[name] = str(error)
    return Look(there, new)


def lacking(name: str, raw: bytes | str, spec: AnalyticsSpec) -> str:
    """Say what a file lacks to be whole; empty if nothing. Whether it makes sense is not asked."""
    if isinstance(raw, str):
        return raw
    suffix = Path(name).suffix.lower()
    if not raw:
        return "is empty"
    if suffix in WORKBOOKS:
        return "" if zipfile.is_zipfile(io.BytesIO(raw)) else "is no whole Excel workbook"
    if suffix == JSON:
        try:
            json.loads(raw)
        except (ValueError, RecursionError):
            return "is no whole JSON"
        return ""
    if raw.startswith(_NETCDF):
        return "" if _is_netcdf(raw) else "is no whole netCDF file"
    if _is_binary(raw):
        return ""
    text, end = raw.replace(b"\0", b""), spec.end.encode()
    if end.strip():  # blanks and line ends behind it do not count
        text, end = text.rstrip(), end.strip()
    if text.endswith(end):
        return ""
    return "ends in the middle of a line" if not end.strip() else f"does not end with {spec.end!r}"


def _is_netcdf(raw: bytes) -> bool:
    """Whether everything is there that its head announces."""
    from scipy.io import netcdf_file  # only those who have such files wait for it

    try:
        with netcdf_file(io.BytesIO(raw), "r", mmap=False):
            return True
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, EOFError):
        return False


def _is_binary(raw: bytes) -> bool:
    """Whether this is no text; that of 16 bits has a mark."""
    return b"\0" in raw and raw[:2] not in (b"\xff\xfe", b"\xfe\xff")
