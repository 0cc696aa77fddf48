"""Metadata that go on from session to session: ``RE.md``, kept beside the runs."""

import json
import logging
from collections import UserDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from reactune.analysis.files import replace_file
from reactune.analysis.sheets.writing import alone

from .stating import check_keys, check_text

_log = logging.getLogger(__name__)


class Metadata(UserDict[str, Any]):
    """A RunEngine's metadata in a file, replaced whole at each change: a power cut loses none.

    bluesky's own ``PersistentDict`` deletes a value before it writes the next one. What the file
    does not take is held in memory, for a full disk ends no campaign; of a value changed in place
    the next assignment takes note. Sessions that are open at once keep each its own, and write into
    the file nothing but what they have changed.

    Parameters
    ----------
    path : Path
        A file in JSON, made at the first change.

    Raises
    ------
    ValueError
        If there is such a file and it holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__()
        self.data.update(_read(path))
        if not _is_scan_id(number := self.data.get("scan_id", 0)):
            _log.warning("scan_id = %r in %s is no number: it begins anew at 1", number, path)
            del self.data["scan_id"]
        self._kept = _texts(self.data)  # as the file has taken it from here, or had it

    def __setitem__(self, key: str, value: Any) -> None:
        check_keys({key: value}, "RE.md")
        try:
            json.dumps({key: value})
        except TypeError as error:
            raise TypeError(
                f"RE.md[{key!r}] = {value!r} cannot be kept ({error}): give text, numbers, lists "
                "and dicts of them"
            ) from None
        if key == "scan_id" and not _is_scan_id(value):
            raise ValueError(
                f"RE.md['scan_id'] = {value!r} is no number to count runs from: give a whole one, "
                "from 0 up"
            )
        check_text(key, value, "RE.md")
        super().__setitem__(key, value)
        self._kept.pop(key, None)  # said anew, be it the same
        self._write()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._kept.setdefault(key, "")
        self._write()

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # UserDict's own asks nothing
        """Take over metadata, each as if assigned."""
        self.update(other)
        return self

    def next_scan_id(self, _: Any = None) -> int:
        """Give the number after the last, be that another session's; a ``scan_id_source``.

        It is in the file at once: another session may begin a run in the same moment.
        """
        try:
            with alone(self._path):
                stored = _read(self._path).get("scan_id", 0)
                last = stored if _is_scan_id(stored) else 0
                self["scan_id"] = max(last, self._own_scan_id) + 1
        except (OSError, ValueError) as error:
            _log.warning("scan_id goes on from this session's alone: %s", error)
            self["scan_id"] = self._own_scan_id + 1
        return self._own_scan_id

    @property
    def _own_scan_id(self) -> int:
        return int(self.get("scan_id", 0))

    def _write(self) -> None:
        try:
            mine = _texts(self.data)
            gone = set(self._kept) - set(mine)
            changed = [key for key, text in mine.items() if self._kept.get(key) != text]
            with alone(self._path):
                stored = {k: v for k, v in _read(self._path).items() if k not in gone}
                text = json.dumps(stored | {key: self.data[key] for key in changed}, indent=1)
                replace_file(self._path, text.encode())
        except (OSError, ValueError, TypeError) as error:  # of what was changed in place
            _log.warning("RE.md is not kept for the next session: %s", error)
        else:
            self._kept = mine


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Write each value as the file does, to tell whether it has changed."""
    return {key: json.dumps(value) for key, value in data.items()}


def _is_scan_id(value: Any) -> bool:
    """Whether runs can be counted from a value."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        raise ValueError(f"{path} does not hold the metadata of a session: move it away or mend it")
    return found
