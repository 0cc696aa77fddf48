"""What the embedded store keeps in its folder: Tiled's databases, whose they are, their index."""

import asyncio
import os
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4


class TiledFolder:
    """The files of an embedded Tiled catalogue.

    ``catalog.db``, ``storage.db`` and ``data/`` are Tiled's; ``catalog.id`` says which catalogue
    they are and in which folder they were made; ``catalog.runs`` names the runs that are in it
    whole, so that listing them takes none of the seconds that Tiled needs to open.

    Parameters
    ----------
    folder : Path
        Absolute, links resolved: Tiled's databases hold it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = folder / "catalog.db"
        self.storage = folder / "storage.db"
        self.data = folder / "data"
        self._id = folder / "catalog.id"
        self._index = folder / "catalog.runs"

    def made(self) -> tuple[str, Path] | None:
        """Id of the databases and the folder they were made in; None without them."""
        if not self.catalog.exists() or not self._id.exists():
            return None
        identity, place = self._id.read_text().splitlines()
        return identity, Path(place)

    def prepare(self) -> tuple[str, str]:
        """Make the databases unless they are there; give their id and what the user should know."""
        note = ""
        if made := self.made():
            identity, place = made
            if place == self.folder:
                return identity, note
            aside = self.folder / f"moved-{identity[:8]}"
            aside.mkdir()
            for part in [*self.folder.glob("*.db*"), self.data]:
                part.rename(aside / part.name)
            note = (
                f"The catalogue was moved here from {place}: it is made anew from the journal. "
                f"What Tiled had before is in {aside}."
            )
        if not self.catalog.exists():
            self.write_index([])
            self._initialise()
        identity = str(uuid4())
        self._id.write_text(f"{identity}\n{self.folder}\n")
        return identity, note

    def index(self) -> list[str] | None:
        """Names of the runs that Tiled holds whole; None if it was made before it had an index."""
        if not self.catalog.exists():
            return []
        try:
            return self._index.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return None

    def write_index(self, names: Iterable[str]) -> None:
        """Put `names` in place of the index, or leave it as it was."""
        half_made = self.folder / "runs.new"
        with half_made.open("w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in names)
            file.flush()
            os.fsync(file.fileno())
        half_made.replace(self._index)

    def _initialise(self) -> None:
        """Do what ``tiled catalog init`` does, for which Tiled would start a new interpreter.

        Its public way, `tiled.catalog.from_uri(init_if_not_exists=True)`, takes seconds more by
        that, and leaves half a database when it is cut off.
        """
        from sqlalchemy.ext.asyncio import create_async_engine
        from tiled.alembic_utils import stamp_head
        from tiled.catalog.alembic_constants import (
            ALEMBIC_DIR,
            ALEMBIC_INI_TEMPLATE_PATH,
        )
        from tiled.catalog.core import initialize_database

        half_made = self.folder / "catalog.new"
        half_made.unlink(missing_ok=True)
        uri = f"sqlite+aiosqlite:///{half_made}"

        async def make() -> None:
            engine = create_async_engine(uri)
            try:
                await initialize_database(engine)
            finally:
                await engine.dispose()

        # A notebook runs an event loop in this thread, where a second one is refused.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(make())).result()
            pool.submit(stamp_head, ALEMBIC_INI_TEMPLATE_PATH, ALEMBIC_DIR, uri).result()
        # An empty file of ours, before Tiled knows it: readers beside the writer need this mode.
        with closing(sqlite3.connect(self.storage)) as storage:
            storage.execute("PRAGMA journal_mode=WAL")
        half_made.rename(self.catalog)
