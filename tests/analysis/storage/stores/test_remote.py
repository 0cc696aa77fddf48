"""What a server's answers mean, where a real one would have to fail at the right moment."""

import inspect
from types import SimpleNamespace

import pytest
from bluesky_tiled_plugins.writing import tiled_writer

from reactune.analysis.storage.stores.remote import DoubtfulRun, RemoteTiled
from reactune.analysis.storage.stores.server import Server


@pytest.mark.parametrize("doubtful", [True, False])
def test_rows_that_may_have_been_sent_twice_are_not_believed(doubtful, monkeypatch, tmp_path):
    told = "the rows may be duplicated"
    assert told in inspect.getsource(tiled_writer)  # its own words, in the run's metadata
    metadata = {"notes": [f"... {told}. Affected 'seq_num': 2."] if doubtful else []}
    given = []
    monkeypatch.setattr(Server, "reach", lambda _: None)
    monkeypatch.setattr(RemoteTiled, "_writer", lambda *_: lambda name, _: given.append(name))
    monkeypatch.setattr(RemoteTiled, "broker", {"run": SimpleNamespace(metadata=metadata)})
    write = RemoteTiled(Server("http://lab"), tmp_path).writer({"uid": "run"})
    write("start", {})
    write("event", {})
    if doubtful:
        with pytest.raises(DoubtfulRun, match="some of its rows twice"):
            write("stop", {})
    else:
        write("stop", {})
    assert given == ["start", "event", "stop"]
