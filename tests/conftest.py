"""What all tests share: runs are stored in journals alone, unless a test is about Tiled."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def journals_alone() -> Iterator[None]:
    """Keep Tiled shut, here and in the commands that tests start: opening it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REACTUNE_STORE", "journal")
        yield


@pytest.fixture
def tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store runs in Tiled, as users do."""
    monkeypatch.delenv("REACTUNE_STORE")
