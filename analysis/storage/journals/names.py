"""Names of runs and of their journals: they sort by the order of recording and end in the uid."""

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import platformdirs

_STAMP = re.compile(r"\d{8}T\d{6}\.\d{6}(?=_)")
_FORM = "%Y%m%dT%H%M%S.%f"


class UnknownRun(LookupError):  # noqa: N818 - says what is, as KeyError does not
    """No run, or more than one, answers to a uid or prefix."""


def default_folder() -> Path:
    """Where runs are stored: $REACTUNE_CATALOGUE, else reactune in the user's data folder."""
    if chosen := os.environ.get("REACTUNE_CATALOGUE"):
        return Path(chosen)
    return platformdirs.user_data_path("reactune", appauthor=False)


def run_name(start: Mapping[str, Any], others: Iterable[str] = ()) -> str:
    """Name of the run that `start` begins: its time, and its uid.

    Among `others`, the names that there are already, it is the last: where the clock was set back,
    the time in the name is the last one there, and a microsecond.
    """
    seconds, micro = divmod(round(start["time"] * 1e6), 1_000_000)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + f".{micro:06d}"
    last = max(map(order_of, others), default="")
    if last >= stamp:
        stamp = (datetime.strptime(last, _FORM) + timedelta(microseconds=1)).strftime(_FORM)
    return f"{stamp}_{start['uid']}"


def order_of(name: str) -> str:
    """Give what a name is sorted by; one that is not of our making comes first."""
    found = _STAMP.match(name)
    return found[0] if found else ""


def time_of(name: str) -> float:
    """Time in the name of a run [s since the epoch]; 0 in one that is not of our making."""
    stamp = order_of(name)
    return datetime.strptime(stamp, _FORM).replace(tzinfo=UTC).timestamp() if stamp else 0.0


def uid_of(name: str) -> str:
    """Uid in the name of a run."""
    return name.split("_", 1)[-1]


def path_of(folder: Path, name: str) -> Path:
    """Where the journal of a run is in the catalogue's `folder`."""
    return folder / "journal" / f"{name}.jsonl"


def paths(folder: Path) -> list[Path]:
    """Find all journals in the catalogue's `folder`, the oldest run first."""
    found = (folder / "journal").glob("*.jsonl")
    files = (path for path in found if path.is_file())  # a pipe would be waited for
    return sorted(files, key=lambda path: order_of(path.stem))


def match(key: str | int, known: Sequence[str], place: str) -> str:
    """Find the one uid that is meant among those `known`, newest first.

    Parameters
    ----------
    key : str or int
        How it begins; or "last" or -1, the newest, -2 the one before, and so on.
    known : sequence of str
    place : str
        What the user calls where they are.

    Raises
    ------
    UnknownRun
        When none or more than one is.
    """
    if key == "last" and not known:
        raise UnknownRun(f"There is no last run: none is in {place} yet.")
    key = -1 if key == "last" else key
    if isinstance(key, int):
        if not -len(known) <= key < 0:
            raise UnknownRun(
                f"There is no run {key}: {len(known)} are in {place}, "
                f"counted back from the newest, -1."
            )
        return known[-key - 1]
    if not isinstance(key, str):
        raise UnknownRun(f"{key!r} is neither a uid nor a whole number: give one of these.")
    matches = [uid for uid in known if key and uid.startswith(key)]
    if key in matches or len(matches) == 1:
        return key if key in matches else matches[0]
    if matches:
        raise UnknownRun(
            f"{key!r} is the beginning of {len(matches)} runs "
            f"({', '.join(uid[: len(key) + 4] for uid in matches[:5])}); give more of it."
        )
    heads = [uid[: max(len(key), 8)] for uid in known]
    near = get_close_matches(key, heads, n=3, cutoff=0.5)
    hint = f"; near it: {', '.join(near)}" if near else "; reactune runs lists them"
    raise UnknownRun(f"No run in {place} begins with {key!r}{hint}.")
