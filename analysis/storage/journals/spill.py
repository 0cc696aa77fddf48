"""The second place: journals of runs that their own folder does not take.

It is laid out as a catalogue, so that what is there can be shown and replayed from there. What was
spilled goes home when the folder it belongs to is next opened for writing and has room.
"""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import platformdirs

from .content import Content
from .journal import Journal, hold
from .names import path_of, paths, uid_of


def default_spill() -> Path:
    """Where runs go that their folder does not take: $REACTUNE_SPILL, else in the state folder."""
    if chosen := os.environ.get("REACTUNE_SPILL"):
        return Path(chosen)
    return platformdirs.user_state_path("reactune", appauthor=False) / "spill"


class Spill:
    """The second place of one catalogue.

    Parameters
    ----------
    home : Path
        The catalogue's folder, absolute.
    folder : Path, optional
        Where the second places of all catalogues are; by default `default_spill`.

    Attributes
    ----------
    folder : Path
        Laid out as a catalogue; not there while nothing is in it.
    """

    def __init__(self, home: Path, folder: Path | None = None) -> None:
        self._home = home
        place = os.fsencode(home)
        name = re.sub(r"[^\w.-]", "_", home.name, flags=re.ASCII)
        mark = hashlib.sha256(place).hexdigest()[:12]
        self.folder = (folder or default_spill()).expanduser().absolute() / f"{name:.40}-{mark}"

    def journal(self, name: str, content: Content) -> Journal:
        """Give the journal of a run in the second place; it shares its content.

        Raises
        ------
        OSError
            When there is no such place to be had.
        """
        path = path_of(self.folder, name)
        self.prepare()
        return Journal(path, content)

    def prepare(self) -> None:
        """Make the place, or make it again: somebody may have emptied it.

        Raises
        ------
        OSError
            When there is no such place to be had.
        """
        (self.folder / "journal").mkdir(parents=True, exist_ok=True)
        (self.folder / "home").write_bytes(os.fsencode(self._home))  # for who finds it

    def names(self) -> list[str]:
        """Names of the runs that are there."""
        return [path.stem for path in paths(self.folder)]

    def bring_home(self, report: Callable[[str], None]) -> None:
        """Take every run that is there back into its catalogue, save those being written."""
        for path in paths(self.folder):
            run = f"Run {uid_of(path.stem)[:8]}"
            try:
                fd = hold(path)
                if fd is None:  # it is being written
                    continue
                try:
                    self._take_home(path)
                finally:
                    os.close(fd)
                path.unlink(missing_ok=True)  # by another, whom nobody kept out any more
            except OSError as error:
                report(f"{run} is still in {path}, as {self._home} does not take it ({error}).")
            else:
                report(f"{run} was brought home from {path}; nothing was lost.")
        self._tidy()

    def _take_home(self, path: Path) -> None:
        """Put a run in place of what its home holds of it, which is never more than a part."""
        home = path_of(self._home, path.stem)
        spilled = path.read_bytes()
        held = home.read_bytes() if home.exists() else b""
        if held and not spilled.startswith(held) and not held.startswith(spilled):
            home.rename(home.with_suffix(".replaced"))  # ended there as crashed in the meantime
            held = b""
        if len(held) < len(spilled):
            with closing(Journal(home, Content(spilled))) as whole:
                whole.save()

    def remove(self, journal: Journal) -> None:
        """Remove the journal of a run that is whole at home."""
        journal.close()
        with suppress(OSError):  # then it is brought home once more, which changes nothing
            journal.path.unlink()
        self._tidy()

    def _tidy(self) -> None:
        """Leave no empty folder behind."""
        if self.folder.exists() and not any((self.folder / "journal").glob("*")):
            with suppress(OSError):
                (self.folder / "home").unlink(missing_ok=True)
                (self.folder / "journal").rmdir()
                self.folder.rmdir()
