"""What all tests share: runs are stored in journals alone, unless a test is about Tiled.

What a full or vanished folder does not take goes to a place of the tests' own.
"""

from collections.abc import Iterator

import pytest


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


@pytest.fixture
def tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store runs in Tiled, as users do."""
    monkeypatch.delenv("REACTUNE_STORE")
