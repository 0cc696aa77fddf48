"""The Nth call of the system that storage makes fails: full, ill or read-only disks."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reactune.analysis.campaign.replay import replay
from reactune.analysis.storage.catalogue import Catalogue

from .campaigns import BUDGET, Pair, campaign, hold, same_documents, stored_facts, surroundings

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
CALLS = ((os, "write"), (os, "fsync"), (os, "rename"), (os, "replace"), (os, "open"),
         (os, "mkdir"), (io, "open"))  # fmt: skip


class Disk:
    """Stands for the calls above when the storage layer makes them.

    Parameters
    ----------
    home : Path
        Where the catalogue is.
    number : int
        The call that fails, from 1; never if 0.
    error : int
        What it fails with.
    for_good : bool
        Whether every later call for something at home fails, too.
    """

    def __init__(self, home: Path, number: int = 0, error: int = 0, for_good: bool = False) -> None:
        self.home, self.number, self.error, self.for_good = str(home), number, error, for_good
        self.calls = 0

    @contextmanager
    def mounted(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for module, name in CALLS:
                patch.setattr(module, name, self._standing_for(getattr(module, name)))
            yield

    def _standing_for(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(what: Any, *rest: Any, **options: Any) -> Any:
            if _by_storage():
                self.calls += 1
                later = self.for_good and self.calls > self.number > 0 and self._at_home(what)
                if self.calls == self.number or later:
                    raise OSError(self.error, os.strerror(self.error), str(what))
            return real(what, *rest, **options)

        return call

    def _at_home(self, what: Any) -> bool:
        """Whether a file, by its name or its descriptor, is in the catalogue."""
        name = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fspath(what)
        return Path(name).is_relative_to(self.home)


def _by_storage() -> bool:
    """Whether the storage layer makes this call, maybe by `pathlib`."""
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") in ("pathlib", "pathlib._local"):
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith("reactune.analysis.storage")


def recorded(folder: Path, store: str, pairs: list[Pair], disk: Disk) -> None:
    """Record a campaign on a disk with a fault, then look for it on a sound one.

    Raises
    ------
    BrokenPromiseError
        When something is lost or doubled.
    """
    uid = pairs[0][1]["uid"]
    with surroundings(folder.parent / f"{folder.name} around", store):
        with disk.mounted():
            try:
                catalogue = Catalogue(folder, writing=True)
            except OSError:  # refused, before anything has moved
                disk.number, disk.for_good = 0, False
                catalogue = Catalogue(folder, writing=True)
            for name, doc in pairs:
                catalogue.record(name, doc)
            hold(same_documents(catalogue[uid].documents(), pairs), "not readable at the end")
            stored = catalogue.stored(uid)
            catalogue.close()
        with Catalogue(folder, store="journal") as reader:
            hold(same_documents(reader[uid].documents(), pairs), "lost at the end of the process")
            hold(stored or bool(catalogue.problems), "not stored, and nothing said")
        with Catalogue(folder, writing=True) as catalogue:
            hold([run.uid for run in catalogue.runs()] == [uid], "doubled, or gone")
            hold(same_documents(catalogue[uid].documents(), pairs), "lost when it was brought home")
            hold(catalogue.stored(uid), "not brought home")
            if store == "tiled":
                rows = catalogue.broker[uid]["primary"].read().sizes["time"]
                hold(rows == BUDGET, f"{rows} rows in Tiled")
        left = [path.name for path in (folder / "journal").iterdir() if path.suffix != ".jsonl"]
        hold(not left, f"left behind: {left}")


def whole(folder: Path, seed: int, disk: Disk, expected: list) -> None:
    """Run a whole campaign on a disk with a fault.

    Raises
    ------
    BrokenPromiseError
        When it does not go on, something is lost, or an ask is another.
    """
    with surroundings(folder.parent / f"{folder.name} around", "journal"):
        with disk.mounted():
            outcome, pairs = campaign(folder, seed)
        hold(outcome.finished, f"it did not go on: {outcome.reason}")
        hold(outcome.summary is not None and outcome.summary.n == BUDGET, "no summary")
        Catalogue(folder, writing=True).close()
        hold(stored_facts(folder) == expected, "lost, doubled or asked otherwise")
        with Catalogue(folder) as catalogue:
            hold(same_documents(catalogue[-1].documents(), pairs), "not what was emitted")
            found = replay(catalogue, outcome.uid)
            hold(found.identical == BUDGET, f"{found.differences}")
