"""The power is cut: what was not synced is dropped, kept in part or zeros."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import journal

from .campaigns import Pair, hold, same_documents, surroundings


@dataclass(frozen=True)
class Moment:
    """What a disk holds at a moment.

    Attributes
    ----------
    acknowledged : int
        Documents that `record` has returned for.
    content : bytes
        Of the journal's file, as who reads it sees it.
    synced : int
        Bytes of it that are sure.
    names : tuple of str
        What the file may be called after a power cut.
    """

    acknowledged: int
    content: bytes
    synced: int
    names: tuple[str, ...]


def moments(folder: Path, pairs: list[Pair]) -> list[Moment]:
    """Record a campaign, and give what the disk holds after each call that changes it."""
    taken: list[Moment] = []
    acknowledged = synced = 0
    names: tuple[str, ...] = ()

    def take() -> None:
        for path in (folder / "journal").iterdir() if (folder / "journal").exists() else ():
            taken.append(Moment(acknowledged, path.read_bytes(), synced, names or (path.name,)))

    real = {name: getattr(os, name) for name in ("write", "fsync")}

    def write(fd: int, data: bytes) -> int:
        length = real["write"](fd, data)
        take()
        return length

    def fsync(fd: int) -> None:
        nonlocal synced, names
        target = Path(os.readlink(f"/proc/self/fd/{fd}"))
        real["fsync"](fd)
        if target.is_dir():
            names = tuple(path.name for path in target.iterdir())
        elif target.parent.name == "journal":
            synced = os.fstat(fd).st_size
            names = names or (target.name, target.with_suffix(".jsonl").name)
        take()

    with (
        surroundings(folder, "journal"),
        Catalogue(folder, writing=True) as catalogue,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(journal.os, "write", write)
        patch.setattr(journal.os, "fsync", fsync)
        for name, doc in pairs:
            catalogue.record(name, doc)
            acknowledged += 1
            take()
    return taken


def cut(folder: Path, moment: Moment, pairs: list[Pair], rng: np.random.Generator) -> None:
    """Cut the power at a moment; what was acknowledged has to be there when it is back.

    Raises
    ------
    BrokenPromiseError
        When it is not.
    """
    loose = moment.content[moment.synced :]
    kept = loose[: rng.integers(len(loose) + 1)]
    if rng.random() < 0.3:  # blocks that were given to the file, but not written
        kept = kept[: len(kept) // 2] + bytes(len(kept) - len(kept) // 2)
    name = moment.names[rng.integers(len(moment.names))]
    (folder / "journal").mkdir(parents=True)
    (folder / "journal" / name).write_bytes(moment.content[: moment.synced] + kept)
    uid = pairs[0][1]["uid"]
    with surroundings(folder, "journal"), Catalogue(folder, writing=True) as catalogue:
        known = [run.uid for run in catalogue.runs()]
        if moment.acknowledged == 0 and not known:
            return
        hold(known == [uid], f"the run is gone: {known}")
        found = catalogue[uid].documents()
        emitted = [pair for pair in found if not pair[1].get("recovered")]
        hold(len(emitted) >= moment.acknowledged, f"lost: {moment.acknowledged - len(emitted)}")
        hold(len(emitted) <= moment.acknowledged + 1, "more than was recorded")
        hold(same_documents(emitted, pairs[: len(emitted)]), "not what was emitted")
        hold(found[-1][0] == "stop", "not ended")
