"""Where a catalogue is: a folder, or a server and the folder that keeps the journals for it."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import platformdirs

from .journals.names import default_folder
from .stores.server import NoCatalogue, Server, ServerTrouble
from .stores.store import Unreachable

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # one letter and a colon is a drive
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d{1,5}(/.*)?")


@dataclass(frozen=True)
class Place:
    """Where a catalogue is.

    Attributes
    ----------
    folder : Path
        With the journals; of a server's catalogue this computer's own, in the user's state folder.
    server : Server or None
        What holds the runs for everybody.
    """

    folder: Path
    server: Server | None = None

    def __str__(self) -> str:
        return str(self.server or self.folder)

    @property
    def cure(self) -> str:
        """How a store that did not take something is given it."""
        if self.server:
            return f"To send what is missing: reactune catalogue publish --catalogue {self}"
        where = quote(str(self.folder))
        return f"To make it anew from the journals: reactune catalogue repair --catalogue {where}"

    def check(self, *, writing: bool = False) -> None:
        """See that a server can be worked with; of a folder its opening tells.

        Raises
        ------
        NoCatalogue
            If there is a file in place of a folder.
        Unreachable, ServerTrouble
            If not, in a sentence.
        """
        if self.server is None:
            if self.folder.exists() and not self.folder.is_dir():
                raise NoCatalogue(f"{self.folder} is a file, and a catalogue is a folder: name one")
            return
        try:
            self.server.check(writing=writing)
        except ServerTrouble:
            raise
        except Unreachable as error:
            here = ""
            if self.folder.exists():
                here = f" What was recorded on this computer is in {quote(str(self.folder))}."
            raise Unreachable(f"{error}{here}") from error

    def sign(self) -> None:
        """Note in the folder of a server's journals which server that is, for who finds it."""
        if self.server:
            with suppress(OSError):  # without it nothing is lost
                (self.folder / "server").write_text(f"{self.server}\n", "utf-8")


def place_of(given: str | Path | None = None) -> Place:
    """Find where a catalogue is: by default that of $REACTUNE_CATALOGUE, else the user's folder.

    Parameters
    ----------
    given : str or Path, optional
        A folder, or the address of a Tiled server.

    Raises
    ------
    NoCatalogue
        If it is an address that is not one of a Tiled server: never is a folder made of it.
    """
    given = given or os.environ.get("REACTUNE_CATALOGUE") or default_folder()
    text = str(given)
    if found := _SCHEME.match(text):
        if found[1].lower() not in ("http", "https"):
            raise NoCatalogue(
                f"A catalogue is a folder or a Tiled server, http://... or https://..., "
                f"not {found[1]}:"
            )
        if isinstance(given, Path):  # which has made one slash of two
            raise NoCatalogue("The address of a server is given as text, not as a Path.")
        server = Server.at(text)
        return Place(_folder_of(server), server)
    folder = Path(given).expanduser()
    if _HOST_AND_PORT.fullmatch(text) and not folder.exists():
        raise NoCatalogue(f"There is no folder {text}; if it is a server: http://{text}")
    return Place(folder.resolve())


def _folder_of(server: Server) -> Path:
    """Where the journals of a server's catalogue are on this computer."""
    mark = hashlib.sha256(str(server).encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.-]", "_", server.base.partition("://")[2], flags=re.ASCII)
    state = platformdirs.user_state_path("reactune", appauthor=False)
    return state / "servers" / f"{name:.60}-{mark}"
