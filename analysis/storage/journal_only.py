"""The store that is no more than the journals: nothing to open, nothing to file."""

import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from . import journal
from .encoding import Document
from .store import Writer


class JournalOnly:
    """The journals of a folder, read as a store (`store.Store`).

    They answer everything but databroker's queries.

    Parameters
    ----------
    folder : Path
    writing : bool
        Without meaning here: the recorder writes the journals.
    """

    note = ""

    def __init__(self, folder: Path, *, writing: bool = False) -> None:
        self._folder = folder

    def names(self) -> Collection[str]:
        """Names of the journals."""
        return [path.stem for path in journal.paths(self._folder)]

    def ends(self, name: str) -> journal.Ends:
        """Both ends of a journal, read without what lies between."""
        return journal.read_ends(journal.path_of(self._folder, name))

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """Every document of a journal, exactly as emitted."""
        return journal.read(journal.path_of(self._folder, name)).documents

    @property
    def broker(self) -> Any:
        """Refused: databroker reads a catalogue of Tiled's."""
        raise io.UnsupportedOperation(
            f"{self._folder} is opened with its journals alone, which databroker cannot read; "
            f"open it by Catalogue(folder, store='tiled')."
        )

    def writer(self, start: Mapping[str, Any]) -> Writer | None:
        """None: what is in the journal is stored."""
        return None

    def lacks(self, path: Path) -> bool:
        """Never."""
        return False

    def refile(self, path: Path) -> None:
        """Nothing: what is in the journal is stored."""

    def seal(self, path: Path) -> None:
        """Nothing, likewise."""

    def close(self) -> None:
        """Nothing is open."""
