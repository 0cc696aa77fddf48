"""What all tests share: what takes long is left to the tests that are about it.

Runs are stored in journals alone, unless a test is about Tiled, and pages have no figures, unless
it is about these. What a full or vanished folder does not take goes to a place of the tests' own.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from serial.urlhandler import protocol_socket

from reactune.analysis.report import html

DRAWING = {name: getattr(html, name) for name in ("_figures", "write_png")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the real servers: what takes half a minute must not be left over at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/servers/"))


def pytest_collection_finish() -> None:
    """Look through what was imported for garbage no more, and more rarely: a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def journals_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep Tiled shut, here and in the commands that tests start: opening it takes seconds.

    What is remembered from one process to the next stays in the tests' own folder.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REACTUNE_STORE", "journal")
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("REACTUNE_SPILL", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def sockets_close_at_once() -> Iterator[None]:
    """Spare the 0.3 s for which pyserial lets any server rest; emulators need no rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol_socket, "time", SimpleNamespace(sleep=lambda seconds: None))
        yield


@pytest.fixture(scope="session")
def tiled_routes() -> Iterator[None]:
    """Have Tiled work out once what its addresses are, not at each opening of a catalogue.

    That is the same for all of them, and is most of what an opening takes.
    """
    from tiled.server import app

    kept: dict[tuple[int, ...], Any] = {}
    make = app.get_router

    def get_router(*registries: Any) -> Any:
        if any(registries[4:]):  # somebody who has to log in
            return make(*registries)
        key = tuple(map(id, registries[:4]))
        if key not in kept:
            kept[key] = make(*registries)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "get_router", get_router)
        yield


@pytest.fixture
def tiled(monkeypatch: pytest.MonkeyPatch, tiled_routes: None) -> None:
    """Store runs in Tiled, as users do."""
    monkeypatch.delenv("REACTUNE_STORE")


@pytest.fixture(scope="session", autouse=True)
def undrawn() -> Iterator[None]:
    """Leave a page without its figures and a picture empty: to draw them takes a second each time.

    Commands in processes of their own draw them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "_figures", lambda run: [])
        patch.setattr(html, "write_png", lambda run, path: Path(path).touch())
        yield


@pytest.fixture(scope="module")
def drawn(undrawn: None) -> Iterator[None]:
    """Draw what users see."""
    with pytest.MonkeyPatch.context() as patch:
        for name, draw in DRAWING.items():
            patch.setattr(html, name, draw)
        yield
