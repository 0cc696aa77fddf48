"""The contract of `Store`, kept by a server: here one on SQLite, which needs nothing installed."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import names
from reactune.analysis.storage.stores import remote
from reactune.analysis.storage.stores.server import Server
from reactune.analysis.storage.stores.table import opener_of
from reactune.plans.cli import main
from reactune.plans.service import run
from tests.analysis.storage.samples import documents
from tests.analysis.storage.stores.test_store import Shelf
from tests.analysis.storage.stores.test_store import TestStore as Contract
from tests.servers.running import REACTUNE, Tiled

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


def test_a_list_of_runs_says_what_was_decided_last_of_runs_recorded_elsewhere(shelf, monkeypatch):
    """A run is listed as where its journal is, and after it was sent anew."""
    monkeypatch.chdir(shelf.folder)
    address = shelf.store.identity
    monkeypatch.setenv("XDG_STATE_HOME", str(shelf.folder / "recorded"))
    two = Problem.load("walker-ii").to_dict() | {"minimise": ["X3", "X0"]}
    infeasible = Problem.load("walker-ii").to_dict() | {"constraints": ["X0 / X3 >= 1e9 +/- 1"]}
    for asked in ("walker-ii", infeasible, two):
        assert run(asked, catalogue=address, seed=1, budget=3).well

    def listed(where: str) -> str:
        monkeypatch.setenv("XDG_STATE_HOME", str(shelf.folder / where))
        told = subprocess.run(
            [*REACTUNE, "runs", "--catalogue", address], capture_output=True, text=True, check=True
        )
        return told.stdout

    here = listed("recorded")
    assert here.count("expected of no. ") == 2
    assert "(none is feasible)" in here
    assert "on the front no. " in here
    assert listed("elsewhere") == here
    monkeypatch.setenv("XDG_STATE_HOME", str(shelf.folder / "recorded"))
    with Catalogue(address) as catalogue:
        catalogue.broker.delete_contents(catalogue[-1].uid, recursive=True, external_only=False)
    assert main(["catalogue", "repair", "--catalogue", address]) == 0
    assert listed("elsewhere") == here


def test_runs_beyond_one_page_are_listed(shelf, monkeypatch):
    own = {f"page-{n}" for n in range(3)}
    shelf.give(*(documents(1, uid=uid, time=20.0 + n) for n, uid in enumerate(sorted(own))))
    monkeypatch.setattr(remote, "PAGE", 1)
    reader = shelf.opener(shelf.folder, writing=False)
    listed = [uid for name in reader.names() if (uid := names.uid_of(name)) in own]
    assert (len(listed), set(listed)) == (3, own)
    assert own <= reader.whole()
    reader.close()


def test_its_page_is_told_to_list_runs_by_title(shelf):
    base = shelf.store.identity
    (view,) = httpx.get(f"{base}/tiled-ui-settings").json()["spec_views"]
    script = httpx.get(base + view["url"])
    assert script.headers["content-type"].startswith("text/javascript")
    assert f"__TILED_SPEC_VIEWS__.{view['spec']}" in script.text
