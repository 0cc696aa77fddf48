"""Servers for tests: what is not installed is said, and fails them where it has to be."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.running import MissingError, Tiled, postgresql


def absent(error: MissingError) -> None:
    """Skip, or fail where nothing may be missing."""
    if os.environ.get("REACTUNE_SERVERS") == "required":
        pytest.fail(str(error))
    pytest.skip(f"{error}; with REACTUNE_SERVERS=required it has to be")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiled]:
    """A catalogue on PostgreSQL, and its key where a client looks for it."""
    for name in ("TILED_API_KEY", "TILED_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    try:
        with (
            postgresql() as database,
            Tiled(tmp_path / "server", database.uri) as tiled,
        ):
            for name, value in tiled.environment.items():
                monkeypatch.setenv(name, value)
            yield tiled
    except MissingError as error:
        absent(error)
