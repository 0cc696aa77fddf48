"""A Tiled server that holds runs whole: what it is set up with, and how it is started.

Tiled's own ``tiled serve catalog`` shows half of a run: it lacks the spec by which runs are found,
the exporter that gives them back as documents, and places for tables and traces.
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .listening import listening
from .server import KEY, KEY_FILE, ServerTrouble, api_key
from .tiled_folder import forget_half_made, make_tables, make_way, plain
from .tiled_runs import quieten

_PATIENCE = 10.0  # s that a database has to answer


@dataclass(frozen=True)
class Service:
    """What a Tiled server is started with.

    Attributes
    ----------
    folder : Path
        With the traces; without a database also with everything else. As Tiled knows it
        (`tiled_folder.plain`).
    database : str or None
        URI of a PostgreSQL database, ``postgresql://USER@HOST:PORT/NAME``.
    key : str
        That lets read and write.
    key_source : str
        Where the key is, for the user.
    """

    folder: Path
    database: str | None
    key: str
    key_source: str

    @classmethod
    def prepared(cls, folder: Path, database: str | None = None) -> "Service":
        """Make what is missing: folder, key, database.

        The key is that of $TILED_API_KEY or $TILED_API_KEY_FILE; without them it is made, in the
        folder, for nobody but its owner to read.

        Raises
        ------
        ServerTrouble
            If the database cannot be used, or what is given as a key is none.
        OSError
            If the folder cannot be written to.
        """
        if (folder / "catalog.id").exists():
            raise ServerTrouble(
                f"{folder} is a catalogue that sessions of reactune write themselves: give the "
                f"server a folder of its own (reactune catalogue publish sends it the runs)."
            )
        (folder / "files").mkdir(parents=True, exist_ok=True)
        source = f"${KEY}" if os.environ.get(KEY) else os.environ.get(KEY_FILE, "")
        key = api_key()
        if key is None:
            source = str(folder / "api-key")
            key = _own_key(folder / "api-key")
        if not re.fullmatch("[A-Za-z0-9]{16,}", key):
            raise ServerTrouble(
                f"The key in {source} is not fit for a server: at least 16 letters and digits."
            )
        make_way(folder)
        made = cls(plain(folder), database, key, source)
        quieten()
        if database and asyncio.run(_lacks_tables(database)):
            make_tables(made.catalog)
        elif not database and not made.file.exists():
            half_made = made.file.with_suffix(".new")
            forget_half_made(half_made)
            make_tables(f"sqlite+aiosqlite:///{half_made}")
            half_made.rename(made.file)
        return made

    @property
    def file(self) -> Path:
        """With Tiled's own tables, without a database."""
        return self.folder / "runs.db"

    @property
    def catalog(self) -> str:
        """URI of Tiled's own tables, as SQLAlchemy has it."""
        if self.database:
            return self.database.replace("postgresql://", "postgresql+asyncpg://", 1)
        return f"sqlite+aiosqlite:///{self.file}"

    def app(self) -> Any:
        """Give the ASGI application."""
        from tiled.server.app import build_app_from_config
        from tiled.utils import SHARE_TILED_PATH

        from .page import SETTINGS

        logging.getLogger("tiled.server.app").setLevel(logging.WARNING)  # greets at INFO

        page = self.folder / "page.yml"
        page.write_text(
            Path(SHARE_TILED_PATH, "static", "default_ui_settings.yml").read_text("utf-8")
            + SETTINGS,
            encoding="utf-8",
        )
        os.environ["TILED_UI_SETTINGS"] = str(page)
        tables = self.database or f"sqlite:///{self.folder / 'tables.db'}"
        return build_app_from_config(
            {
                "catalog": {
                    "uri": self.catalog,
                    "specs": [{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
                    "writable_storage": [str(self.folder / "files"), tables],
                },
                "media_types": {
                    "BlueskyRun": {
                        "application/json-seq": "bluesky_tiled_plugins.exporters:json_seq_exporter"
                    }
                },
                "routers": ["reactune.analysis.storage.stores.page:router"],
                "authentication": {
                    "allow_anonymous_access": False,
                    "single_user_api_key": self.key,
                },
            }
        )

    def run(self, host: str, port: int, started: Callable[[str], None]) -> None:
        """Serve until SIGINT or SIGTERM.

        Parameters
        ----------
        host : str
        port : int
            0 for any that is free.
        started : callable
            Is told the address once the server answers.

        Raises
        ------
        ServerTrouble
            If the port is not to be had.
        """
        import uvicorn

        with listening(host, port) as listener:
            shown = f"[{host}]" if ":" in host else host
            address = f"http://{shown}:{listener.getsockname()[1]}"

            class Server(uvicorn.Server):
                async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                    await super().startup(sockets)
                    if self.started:
                        started(address)

            # below "warning" each request is logged: of a page's first one with its key
            Server(uvicorn.Config(self.app(), log_level="warning")).run(sockets=[listener])


def _own_key(file: Path) -> str:
    """Give the key in a file, which is made with a new one."""
    with contextlib.suppress(FileExistsError):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as made:
            made.write(f"{secrets.token_hex(32)}\n")
    return file.read_text("utf-8").strip()


async def _connected(database: str) -> Any:
    """Connect to a database, which may still be starting, as when both start with the computer."""
    import asyncpg

    until = monotonic() + _PATIENCE
    while True:
        try:
            return await asyncpg.connect(database, timeout=_PATIENCE)
        except asyncpg.CannotConnectNowError:
            if monotonic() > until:
                raise
        await asyncio.sleep(0.2)


async def _lacks_tables(database: str) -> bool:
    """See that a database can be used, and make it if it is not there; whether tables are to make.

    What Tiled makes last tells that it was not cut off before.
    """
    import asyncpg

    parts = urlsplit(database)
    name = parts.path.removeprefix("/")
    if parts.scheme != "postgresql" or not name:
        raise ServerTrouble("A database is given as postgresql://USER@HOST:PORT/NAME.")
    place = f"{name} at {parts.hostname or 'this computer'}"
    try:
        try:
            connection = await _connected(database)
        except asyncpg.InvalidCatalogNameError:
            connection = await _connected(urlunsplit(parts._replace(path="/postgres")))
            quoted = name.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}"')
            await connection.close()
            return True
        last = await connection.fetchval("SELECT to_regclass('alembic_version')")
        await connection.close()
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise ServerTrouble(f"The database {place} cannot be used: {why}") from None
    return last is None
