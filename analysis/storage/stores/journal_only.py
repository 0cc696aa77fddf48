"""The store that is no more than the journals: nothing to open, nothing to file."""

import io
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..journals import names, reading
from ..journals.encoding import Document
from .store import Writer


class JournalOnly:
    """The journals of a folder, read as a store (`store.Store`).

    They answer everything but databroker's queries.

    Parameters
    ----------
    folder : Path
    writing : bool
        Without meaning here: the recorder writes the journals.
    report : callable, optional
        Is told of damaged lines, in a sentence each.

    Attributes
    ----------
    folder : Path
    """

    note = ""

    def __init__(
        self,
        folder: Path,
        *,
        writing: bool = False,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self._report = report

    def names(self) -> Collection[str]:
        """Names of the journals."""
        return [path.stem for path in names.paths(self.folder)]

    def ends(self, name: str) -> reading.Ends:
        """Both ends of a journal, read without what lies between."""
        return reading.read_ends(names.path_of(self.folder, name))

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """Every document of a journal, exactly as emitted, and stand-ins for some that are lost."""
        contents = reading.read(names.path_of(self.folder, name))
        for damage in contents.damages:
            self._report(damage)
        return contents.documents

    @property
    def broker(self) -> Any:
        """Refused: databroker reads a catalogue of Tiled's."""
        raise io.UnsupportedOperation(
            f"{self.folder} is opened with its journals alone, which databroker cannot read; "
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


class InMemory(JournalOnly):
    """A run that this process has whole in memory, whatever has become of the disk.

    Parameters
    ----------
    folder : Path
    contents : callable
        Reads it.
    """

    def __init__(self, folder: Path, contents: Callable[[], reading.Contents]) -> None:
        super().__init__(folder)
        self._contents = contents

    def ends(self, name: str) -> reading.Ends:
        """Both ends of the run."""
        documents = self.documents(name)
        (first, start), (last, stop) = documents[0], documents[-1]
        return reading.Ends(start if first == "start" else None, stop if last == "stop" else None)

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """Every document of the run so far."""
        return self._contents().documents
