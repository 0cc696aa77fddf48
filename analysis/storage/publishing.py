"""Journals and a store: what it lacks is sent, and what it holds compared, document by document."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..written import words
from .comparing import differences
from .journals.encoding import JournalError
from .journals.journal import hold, is_being_written, recover
from .journals.names import paths, uid_of
from .journals.reading import read, read_ends
from .stores.store import Refused, Store, Unreachable
from .stores.tiled_runs import TiledRuns

_TOLD = 5  # differences of one run that are named


@dataclass(frozen=True)
class Published:
    """What sending came to.

    Attributes
    ----------
    sent : tuple of str
        Uids of the runs that were sent.
    held : int
        Runs that were there already.
    said : tuple of str
        What else the user should know, a sentence each.
    left : dict of str to str
        By the uid of a run that could not be sent why, in a sentence.
    """

    sent: tuple[str, ...]
    held: int
    said: tuple[str, ...]
    left: dict[str, str]


@dataclass(frozen=True)
class Verified:
    """What comparing came to.

    Attributes
    ----------
    runs, documents : int
        That were compared.
    said : tuple of str
        What was not compared and why, a sentence each.
    differing : dict of str to tuple of str
        By the uid of a run what is other in the store than was recorded, a sentence each.
    elsewhere : int
        Runs of the store that have no journal here to be compared with.
    """

    runs: int
    documents: int
    said: tuple[str, ...]
    differing: dict[str, tuple[str, ...]]
    elsewhere: int


def publish(folder: Path, store: TiledRuns, again: Collection[str] = ()) -> Published:
    """Send a store the ended runs of a folder's journals that it does not hold whole.

    Runs of processes that died are ended first. Sent again is harmless: what it holds stays.

    Parameters
    ----------
    folder : Path
    store : TiledRuns
    again : collection of str
        Uids of runs that are put in place of what the store holds of them, or tried once more.

    Raises
    ------
    Unreachable
        When the server does not answer, or no more.
    """
    there = store.whole().difference(again)
    sent: list[str] = []
    said: list[str] = []
    left: dict[str, str] = {}
    held = 0
    for path in paths(folder):
        uid = uid_of(path.stem)
        try:
            ends = read_ends(path)
            if ends.stop is None and (note := recover(path)):
                said.append(note)
            if store.identity in ends.refused - ends.filed and uid not in again:
                left[uid] = refused(path)
            elif uid in there:
                store.seal(path)
                held += 1
            elif is_being_written(path) or not _send(path, store):
                said.append(f"Run {uid[:8]} is being recorded, and sent when it ends.")
            else:
                sent.append(uid)
        except Unreachable:
            raise
        except Refused:
            left[uid] = refused(path)
        except (JournalError, OSError) as error:
            left[uid] = str(error)
        except Exception as error:  # noqa: BLE001 - Tiled's; the others can be sent
            left[uid] = f"Run {uid[:8]} was not sent ({words(error)})."
    return Published(tuple(sent), held, tuple(said), left)


def refused(path: Path) -> str:
    """Say that a store can never take the run of a journal."""
    return (
        f"Run {uid_of(path.stem)[:8]} cannot be in the catalogue, whose store does not take it; it "
        f"is kept and read in its journal, {path}."
    )


def _send(path: Path, store: Store) -> bool:
    """Send a run, unless another process is about to."""
    fd = hold(path)
    if fd is None:
        return False
    try:
        store.refile(path)
        store.seal(path)
    finally:
        os.close(fd)
    return True


def verify(folder: Path, store: Store) -> Verified:
    """Compare each journal of a folder with what a store holds of the run.

    Raises
    ------
    Unreachable
        When the store is a server that does not answer, or no more.
    """
    names = {uid_of(name): name for name in store.names()}
    differing: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    runs = documents = 0
    for path in paths(folder):
        uid = uid_of(path.stem)
        run = f"Run {uid[:8]}"
        names_it = names.pop(uid, None)
        try:
            contents = read(path)
        except (JournalError, OSError) as error:
            differing[uid] = (str(error),)
            continue
        if not contents.documents or contents.documents[-1][0] != "stop":
            said.append(f"{run} has not ended, and was not compared.")
            continue
        runs += 1
        documents += len(contents.documents)
        if names_it is None:
            differing[uid] = (f"{run} is not there.",)
            continue
        try:
            told = differences(contents.documents, store.documents(names_it))
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - Tiled's; the others can be compared
            differing[uid] = (f"{run} cannot be read there ({words(error)}).",)
            continue
        if told:
            differing[uid] = tuple(_told(run, told))
    return Verified(runs, documents, tuple(said), differing, len(names))


def _told(run: str, found: list[str]) -> Iterator[str]:
    """Name the first differences of a run, and how many more there are."""
    yield from (f"{run}: {each}." for each in found[:_TOLD])
    if len(found) > _TOLD:
        yield f"{run}: {len(found) - _TOLD} more differences."
