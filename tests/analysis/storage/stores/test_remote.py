"""What a server's answers mean, where a real one would have to fail at the right moment."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from bluesky_tiled_plugins.writing import tiled_writer

from reactune.analysis.storage.stores.remote import DoubtfulRun, RemoteTiled
from reactune.analysis.storage.stores.server import Server
from reactune.analysis.storage.stores.tiled_runs import TiledRuns


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


def test_decisions_of_others_are_sent_whatever_they_hold(monkeypatch, tmp_path):
    noted = []
    run = SimpleNamespace(update_metadata=lambda told, drop_revision: noted.append(told))
    monkeypatch.setattr(TiledRuns, "_writer", lambda *_: lambda name, doc: None)
    monkeypatch.setattr(RemoteTiled, "broker", {"run": run})
    write = RemoteTiled(Server("http://lab"), tmp_path)._writer(1)
    write("descriptor", {"uid": "d", "name": "decision"})
    data = {
        "best": np.float64(3),
        "why": "near it",
        "beside": [1.0, 2.0],
        "of": {},
        "merit": np.nan,
    }
    write("event", {"descriptor": "d", "data": data})
    write("stop", {"run_start": "run"})
    assert noted == [{"last": {"best": 3.0, "why": "near it", "merit": None}}]
