"""Tiled inside this process: the engine of the catalogue, on SQLite and files, without a server.

Everything here imports Tiled when called, not when imported: that takes seconds.
"""

import logging
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from . import journal
from .journal import Document

_NOT_THE_USERS = (  # Tiled 0.2's own affairs
    "Using `httpx` with `starlette.testclient` is deprecated",
    "No path_separator found in configuration",
)


class Tiled:
    """A Tiled catalogue inside this process, on SQLite and files; no server, no port.

    Parameters
    ----------
    folder : Path
        Absolute, links resolved: Tiled's databases hold it.
    writing : bool
        Make what is missing.

    Attributes
    ----------
    id : str
        Names this catalogue in the filing marks of journals.
    note : str
        What the user should know of its opening, if anything.
    client : databroker.client.CatalogOfBlueskyRuns

    Raises
    ------
    FileNotFoundError
        When there is none and it is not opened for writing.
    RuntimeError
        When the folder was moved, likewise.
    """

    def __init__(self, folder: Path, *, writing: bool) -> None:
        made = _made(folder)
        if not writing and made is None:
            raise FileNotFoundError(f"There is no catalogue in {folder} yet.")
        if not writing and made is not None and made[1] != folder:
            raise RuntimeError(
                f"The catalogue in {folder} was moved here from {made[1]}, which Tiled cannot "
                f"follow: open it once for writing to have it made anew from the journal."
            )
        for message in _NOT_THE_USERS:
            warnings.filterwarnings("ignore", message=message)
        from bluesky_tiled_plugins.exporters import json_seq_exporter
        from tiled.catalog import from_uri
        from tiled.client import Context, from_context
        from tiled.media_type_registration import default_serialization_registry
        from tiled.server.app import build_app

        logging.getLogger("tiled.server.app").setLevel(logging.WARNING)  # greets at INFO
        # Without it a run's documents() are answered by 406.
        default_serialization_registry.register(
            "BlueskyRun", "application/json-seq", json_seq_exporter
        )
        self.id, self.note = _prepare(folder) if writing or made is None else (made[0], "")
        tree = from_uri(
            f"sqlite:///{folder / 'catalog.db'}",
            specs=[{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
            writable_storage=[str(folder / "data"), f"sqlite:///{folder / 'storage.db'}"],
        )
        self._context = Context.from_app(build_app(tree))
        self.client: Any = from_context(self._context)

    def writer(self, batch: int) -> Callable[[str, Document], None]:
        """Make the callback that files one run, `batch` events at a time."""
        from bluesky_tiled_plugins import TiledWriter

        # SQLite has no list columns, so arrays of any size (> 0) go to files.
        writer: Callable[[str, Document], None] = TiledWriter(
            self.client, batch_size=batch, max_array_size=0, patches={"event": _plain}
        )
        return writer

    def refile(self, path: Path) -> None:
        """File a whole run anew from its journal."""
        documents = journal.read(path).documents
        uid = documents[0][1]["uid"]
        if uid in self.client:
            if self.client[uid].metadata.get("stop") and documents[-1][1].get("recovered"):
                return  # the disk had no room for the journal's end, but Tiled has it
            self.client.delete_contents(uid, recursive=True, external_only=False)
        # In one piece: then a column of mixed integers and floats finds its type.
        write = self.writer(batch=len(documents))
        for name, doc in documents:
            write(name, doc)

    def close(self) -> None:
        """End the server inside and its threads."""
        self._context.close()


def _plain(event: Document) -> Document:
    """Make arrays and numpy numbers plain, which is all that event-model and Arrow agree on."""
    kinds = (np.ndarray, np.generic)
    data = {k: v.tolist() if isinstance(v, kinds) else v for k, v in event["data"].items()}
    return {**event, "data": data}


def _made(folder: Path) -> tuple[str, Path] | None:
    """Id of the databases in `folder` and the folder they were made in; None without them."""
    name = folder / "catalog.id"
    if not (folder / "catalog.db").exists() or not name.exists():
        return None
    identity, place = name.read_text().splitlines()
    return identity, Path(place)


def _prepare(folder: Path) -> tuple[str, str]:
    """Make Tiled's databases unless they are there; give their id and what the user should know."""
    note = ""
    if made := _made(folder):
        identity, place = made
        if place == folder:
            return identity, note
        aside = folder / f"moved-{identity[:8]}"
        aside.mkdir()
        for part in [*folder.glob("*.db*"), folder / "data"]:
            part.rename(aside / part.name)
        note = (
            f"The catalogue was moved here from {place}: it is made anew from the journal. "
            f"What Tiled had before is in {aside}."
        )
    if not (folder / "catalog.db").exists():
        _initialise(folder)
    identity = str(uuid4())
    (folder / "catalog.id").write_text(f"{identity}\n{folder}\n")
    return identity, note


def _initialise(folder: Path) -> None:
    """Do what ``tiled catalog init`` does, which Tiled itself would start a new interpreter for."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import stamp_head
    from tiled.catalog.alembic_constants import (
        ALEMBIC_DIR,
        ALEMBIC_INI_TEMPLATE_PATH,
    )
    from tiled.catalog.core import initialize_database

    half_made = folder / "catalog.new"
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
    with closing(sqlite3.connect(folder / "storage.db")) as storage:
        storage.execute("PRAGMA journal_mode=WAL")  # readers beside the writer
    half_made.rename(folder / "catalog.db")
