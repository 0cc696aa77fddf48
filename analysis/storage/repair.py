"""Mending a catalogue: its store made anew from the journals, what was spilled brought home.

What a server holds otherwise than it was recorded is put in its place from the journals.
"""

from dataclasses import dataclass
from pathlib import Path

from ..written import words
from .catalogue import Catalogue
from .journals.encoding import JournalError
from .journals.names import paths, uid_of
from .journals.reading import read
from .lock import CatalogueBusy, StoreLock
from .place import Place, place_of
from .publishing import publish, refused, verify
from .stores.embedded import EmbeddedTiled
from .stores.remote import RemoteTiled
from .stores.server import Server
from .stores.table import opener_of
from .stores.tiled_folder import DamagedStore, TiledFolder
from .stores.tiled_runs import TiledRuns


@dataclass(frozen=True)
class Repair:
    """What mending a catalogue came to.

    Attributes
    ----------
    done : tuple of str
        What was done, a sentence each.
    left : tuple of str
        What cannot be mended, a sentence each: lost documents, runs that the store cannot take.
    """

    done: tuple[str, ...]
    left: tuple[str, ...]


def repair(place: Place) -> Repair:
    """Mend a catalogue; nothing is deleted that is not in a journal.

    Databases of a folder that do not work are put aside, and made anew from the journals by the
    store of $REACTUNE_STORE. A server is sent what it lacks or holds otherwise than it is in the
    journals here. Runs of processes that died are ended, spilled ones brought home.

    Parameters
    ----------
    place : Place
        A folder; or a server, and the folder with the journals that are to be in it.

    Raises
    ------
    CatalogueBusy
        When another process files runs there.
    OSError
        When the folder cannot be written to, or the server not worked with.
    """
    if place.server:
        return _repair_server(place.server, place.folder)
    return _repair_folder(place.folder)


def _repair_server(server: Server, folder: Path) -> Repair:
    """Send what is missing or other."""
    done: list[str] = []
    if folder == place_of(str(server)).folder:
        with Catalogue(str(server), writing=True) as catalogue:  # ends and brings home what has to
            done += catalogue.problems
    store = RemoteTiled(server, folder)
    try:
        mended, left = _put_right(folder, store)
    finally:
        store.close()
    return Repair((*done, *mended), (*left, *_damages(folder, left)))


def _put_right(folder: Path, store: TiledRuns) -> tuple[list[str], list[str]]:
    """File what a store lacks or holds otherwise than the journals; what was done, what is left."""
    other = verify(folder, store).differing
    if not other:
        return [], []
    found = publish(folder, store, again=other)
    after = verify(folder, store).differing
    mended = [uid for uid in found.sent if uid not in after]
    done = [sentence for uid in mended for sentence in other.get(uid, ())]
    done += [f"Run {uid[:8]} was filed anew from its journal." for uid in mended]
    left = [sentence for uid in after.keys() - found.left.keys() for sentence in after[uid]]
    return done, [*found.left.values(), *left]


def _repair_folder(folder: Path) -> Repair:
    """Make what does not work anew."""
    done: list[str] = []
    lock = StoreLock(folder)
    if not lock.take():
        raise CatalogueBusy(
            f"{lock.holder()} files runs in {folder}: repair it when that has ended."
        )
    try:
        files = TiledFolder(folder)
        if wrong := _what_is_wrong(files):
            done += _put_aside(files, wrong)
    finally:
        lock.give_back()
    with Catalogue(folder, writing=True) as catalogue:
        said = list(dict.fromkeys(catalogue.problems))
    left = [problem for problem in said if _is_left(problem)]
    done += [problem for problem in said if problem not in left]
    if lock.take():
        store = opener_of(None)(folder, writing=True)
        try:
            mended, others = _put_right(folder, store) if isinstance(store, TiledRuns) else ([], [])
        finally:
            store.close()
            lock.give_back()
        done += mended
        known = {refused(path): path for path in paths(folder)}
        left = [told for told in left if told not in known or _look_at(known[told])]
        left += [problem for problem in others if problem not in left]
    return Repair(tuple(done), (*left, *_damages(folder, left)))


def _damages(folder: Path, named: list[str]) -> list[str]:
    """Name what is wrong with journals, unless it is named already."""
    return [told for path in paths(folder) for told in _look_at(path) if told not in named]


def _what_is_wrong(files: TiledFolder) -> str:
    """Say what keeps the databases from working, if they are there."""
    if not files.catalog.exists():
        return ""
    try:
        files.index()
        files.made()
        files.check()
    except DamagedStore as error:
        return str(error)
    try:
        store = EmbeddedTiled(files.folder, writing=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it does not open
        return f"{files.catalog} does not open ({words(error)})"
    try:
        return "" if store.is_well() else f"{files.catalog} takes no run"
    finally:
        store.close()


def _put_aside(files: TiledFolder, wrong: str) -> list[str]:
    """Put the databases aside; name the runs that are nowhere else."""
    try:
        names = files.index() or []
    except DamagedStore:
        names = []
    journals = {path.stem for path in paths(files.folder)}
    aside = files.put_aside("damaged")
    said = [f"{wrong}: the databases were put aside in {aside}, to be made anew from the journals."]
    if only := [uid_of(name)[:8] for name in names if name not in journals]:
        said.append(f"Without a journal, and only there: {', '.join(only)}.")
    return said


def _is_left(problem: str) -> bool:
    """Whether a problem that was met on opening is one still."""
    return any(
        words in problem
        for words in (
            " is damaged: ",
            " is not named after ",
            "cannot be in the catalogue",
            "is not in the",
            "is still in",
        )
    )


def _look_at(path: Path) -> list[str]:
    """Name what is lost of a run, and whether it can never be filed."""
    try:
        contents = read(path)
    except (JournalError, OSError) as error:
        return [str(error)]
    said = list(contents.damages)
    if contents.refused - contents.filed:
        said.append(refused(path))
    return said
