"""The contract of `Store`, kept by a server: here one on SQLite, which needs nothing installed."""

from collections.abc import Iterator

import httpx
import pytest

from reactune.analysis.storage.journals import names
from reactune.analysis.storage.stores import remote
from reactune.analysis.storage.stores.server import Server
from reactune.analysis.storage.stores.table import opener_of
from tests.analysis.storage.samples import documents
from tests.analysis.storage.stores.test_store import Shelf
from tests.analysis.storage.stores.test_store import TestStore as Contract
from tests.servers.running import Tiled

pytestmark = pytest.mark.timeout(300)  # servers start slowly where much else runs


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("remote")
    with Tiled(folder / "server", None) as tiled, pytest.MonkeyPatch.context() as patch:
        patch.delenv("TILED_API_KEY", raising=False)
        patch.setenv("TILED_API_KEY_FILE", str(tiled.key_file))
        (folder / "here").mkdir()
        it = Shelf(folder / "here", opener_of(None, Server.at(tiled.url)))
        assert not it.store.names()
        yield it
        it.store.close()
        it.store.close()


class TestServer(Contract):
    """Whatever is stored there."""


def test_runs_beyond_one_page_are_listed(shelf, monkeypatch):
    own = {f"page-{n}" for n in range(5)}
    shelf.give(*(documents(1, uid=uid, time=20.0 + n) for n, uid in enumerate(sorted(own))))
    monkeypatch.setattr(remote, "PAGE", 2)
    reader = shelf.opener(shelf.folder, writing=False)
    listed = [uid for name in reader.names() if (uid := names.uid_of(name)) in own]
    assert (len(listed), set(listed)) == (5, own)
    assert own <= reader.whole()
    reader.close()


def test_its_page_is_told_to_list_runs_by_title(shelf):
    base = shelf.store.identity
    (view,) = httpx.get(f"{base}/tiled-ui-settings").json()["spec_views"]
    script = httpx.get(base + view["url"])
    assert script.headers["content-type"].startswith("text/javascript")
    assert f"__TILED_SPEC_VIEWS__.{view['spec']}" in script.text
