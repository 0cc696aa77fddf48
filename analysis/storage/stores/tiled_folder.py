"""What the embedded store keeps in its folder: Tiled's databases, whose they are, their index."""

import asyncio
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import platformdirs

from ...files import replace_file
from ..journals.names import order_of

_PLAIN = re.compile(r"[\w ./+,=@~:-]+")  # what Tiled's URIs of files and databases can hold


class DamagedStore(ValueError):  # noqa: N818 - says what is, as KeyError does not
    """A file of the embedded store is not what was written."""


class TiledFolder:
    """The files of an embedded Tiled catalogue.

    ``catalog.db``, ``storage.db`` and ``data/`` are Tiled's; ``catalog.id`` says which catalogue
    they are and in which folder they were made; ``catalog.runs`` names the runs that are in it
    whole, so that listing them takes none of the seconds that Tiled needs to open.

    Parameters
    ----------
    folder : Path
        Absolute, links resolved: Tiled's databases hold it.

    Attributes
    ----------
    place : Path
        The folder as Tiled knows it: itself, or a link to it if its name has characters that would
        mean something else in Tiled's URIs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = plain(folder)
        self.catalog = folder / "catalog.db"
        self.storage = folder / "storage.db"
        self.data = folder / "data"
        self._id = folder / "catalog.id"
        self._index = folder / "catalog.runs"

    def made(self) -> tuple[str, Path] | None:
        """Id of the databases and the folder they were made in; None without them.

        Raises
        ------
        DamagedStore
            When ``catalog.id`` does not say.
        """
        if not self.catalog.exists() or not self._id.exists():
            return None
        identity, _, place = self._id.read_bytes().partition(b"\n")
        if not re.fullmatch(rb"[0-9a-f-]{36}", identity) or not place.startswith(b"/"):
            raise DamagedStore(f"{self._id} is damaged")
        return identity.decode(), Path(os.fsdecode(place.removesuffix(b"\n")))

    def prepare(self) -> tuple[str, str]:
        """Make the databases unless they are there; give their id and what the user should know.

        Raises
        ------
        DamagedStore
            When they are there and are none.
        """
        note = ""
        make_way(self.folder)
        if made := self.made():
            identity, place = made
            if place == self.place:
                self.check()
                return identity, note
            aside = self.put_aside("moved")
            note = (
                f"The catalogue was moved here from {place}: it is made anew from the journal. "
                f"What Tiled had before is in {aside}."
            )
        if not self.catalog.exists():
            if self.storage.exists():  # of another catalogue, whose numbers the new one would use
                self.put_aside("left")
            self.write_index([])
            self._initialise()
        identity = str(uuid4())
        replace_file(self._id, f"{identity}\n".encode() + os.fsencode(self.place) + b"\n")
        return identity, note

    def check(self) -> None:
        """Look whether the databases are whole.

        Raises
        ------
        DamagedStore
            When one is not.
        """
        for path in (self.catalog, self.storage):
            try:
                if not path.stat().st_size:
                    raise DamagedStore(f"{path} is damaged (it is empty)")
                with closing(sqlite3.connect(path)) as database:
                    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            except (OSError, sqlite3.DatabaseError) as error:
                raise DamagedStore(f"{path} is damaged ({error})") from error
            if found != "ok":
                raise DamagedStore(f"{path} is damaged ({found.splitlines()[-1]})")

    def put_aside(self, why: str) -> Path:
        """Move everything of Tiled's out of the way, into a folder of its own; give that."""
        number = 1
        while (aside := self.folder / f"{why}-{number}").exists():
            number += 1
        aside.mkdir()
        # the id first: without it nothing of the rest is believed
        for part in (self._id, self._index, *sorted(self.folder.glob("*.db*")), self.data):
            if part.exists():
                part.rename(aside / part.name)
        return aside

    def index(self) -> list[str] | None:
        """Names of the runs that Tiled holds whole; None if it was made before it had an index.

        Raises
        ------
        DamagedStore
            When the index is none.
        """
        if not self.catalog.exists():
            return []
        try:
            names = self._index.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise DamagedStore(f"{self._index} is damaged") from error
        if not all(map(order_of, names)):
            raise DamagedStore(f"{self._index} is damaged")
        return names

    def write_index(self, names: Iterable[str]) -> None:
        """Put `names` in place of the index, or leave it as it was."""
        replace_file(self._index, "".join(f"{name}\n" for name in names).encode())

    def _initialise(self) -> None:
        """Make the databases, or leave nothing when cut off."""
        half_made = self.folder / "catalog.new"
        forget_half_made(half_made)
        make_tables(f"sqlite+aiosqlite:///{self.place / half_made.name}")
        # An empty file of ours, before Tiled knows it: readers beside the writer need this mode.
        with closing(sqlite3.connect(self.storage)) as storage:
            storage.execute("PRAGMA journal_mode=WAL")
        half_made.rename(self.catalog)


def make_tables(uri: str) -> None:
    """Do what ``tiled catalog init`` does, for which Tiled would start a new interpreter.

    Its public way, `tiled.catalog.from_uri(init_if_not_exists=True)`, takes seconds more by that,
    and leaves half a database when it is cut off. This goes on where it was cut off.

    Parameters
    ----------
    uri : str
        As SQLAlchemy's asynchronous engines have it: ``sqlite+aiosqlite:///...``.
    """
    from sqlalchemy import inspect
    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import stamp_head
    from tiled.catalog.alembic_constants import (
        ALEMBIC_DIR,
        ALEMBIC_INI_TEMPLATE_PATH,
    )
    from tiled.catalog.core import initialize_database

    async def make() -> None:
        engine = create_async_engine(uri)
        try:
            async with engine.connect() as connection:
                there = await connection.run_sync(lambda it: inspect(it).has_table("nodes"))
            if not there:
                await initialize_database(engine)
        finally:
            await engine.dispose()

    # A notebook runs an event loop in this thread, where a second one is refused.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(make())).result()
        pool.submit(stamp_head, ALEMBIC_INI_TEMPLATE_PATH, ALEMBIC_DIR, uri).result()


def plain(folder: Path) -> Path:
    """Give a folder by a name that Tiled's URIs can hold: its own, or a link's (`make_way`)."""
    if _PLAIN.fullmatch(str(folder)):
        return folder
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return platformdirs.user_state_path("reactune", appauthor=False) / "places" / mark


def make_way(folder: Path) -> None:
    """Make the link that leads to a folder whose own name will not do."""
    place = plain(folder)
    if place != folder and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(folder)


def forget_half_made(path: Path) -> None:
    """Remove a database that was cut off while it was made, with what SQLite has beside it."""
    for part in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        part.unlink(missing_ok=True)
