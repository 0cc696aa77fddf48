"""Tiled inside the process: what it is given, what it lacks, how it is read and how it ends."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from event_model import compose_run, pack_event_page
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.comparing import differences
from reactune.analysis.storage.journals import journal, reading
from reactune.analysis.storage.journals.journal import is_being_written
from reactune.analysis.storage.stores.columns import from_columns, to_columns
from tests.analysis.storage.samples import (
    assert_same,
    documents,
    record,
    write_journal,
)

PROGRAM = """
import os, signal, sys, time, warnings
import bluesky_tiled_plugins, tiled.catalog, tiled.server.app  # once for both processes
import numpy as np
from event_model import compose_run
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import SynSignal
from reactune.analysis.storage.catalogue import Catalogue

def die(name, doc):
    if doc["seq_num"] == 5:
        os.kill(os.getpid(), signal.SIGKILL)

def measure(folder, simulated, callback):
    catalogue = Catalogue(folder, writing=True, store="tiled")
    numbers = iter(range(100))
    level = SynSignal(name="level", func=lambda: next(numbers) / 4)
    trace = SynSignal(name="trace", func=lambda: np.linspace(0, 1, 40))
    RE = RunEngine({"simulated": simulated})
    RE.subscribe(catalogue.record)
    RE.subscribe(callback, "event")
    RE(count([level, trace], num=8))
    return catalogue

# numpy's threads are idle here; Python 3.12 and later warn of any
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
child = os.fork()
if child == 0:
    measure(sys.argv[1] + "/killed", True, die)
assert os.waitpid(child, 0)[1] == signal.SIGKILL
left_open = measure(sys.argv[1] + "/left open", False, print)
print(time.time())
assert not left_open.problems
run = compose_run(metadata={"plan_name": "cut short"})
left_open.record("start", run.start_doc)
level = run.compose_descriptor(
    name="primary", data_keys={"level": {"source": "test", "dtype": "number", "shape": []}}
)
left_open.record("descriptor", level.descriptor_doc)
for n in range(30):
    event = level.compose_event(data={"level": n / 4}, timestamps={"level": 0.0})
    left_open.record("event", event)
"""


@pytest.fixture(scope="module", autouse=True)
def other_processes(tmp_path_factory) -> Iterator[tuple[subprocess.Popen, Path]]:
    """Record in a process that is killed and in one that does not close its catalogue.

    They take seconds to import Tiled; meanwhile the other tests go on.
    """
    folder = tmp_path_factory.mktemp("processes")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process, folder
    process.kill()
    process.communicate()


def tiled(folder: Path, **options) -> Catalogue:
    return Catalogue(folder, store="tiled", **options)


def tiled_events(catalogue: Catalogue, uid: str) -> int:
    return catalogue.broker[uid]["primary"].read().sizes["time"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[tuple[Catalogue, dict[str, list]]]:
    """A catalogue with three finished runs, open for writing."""
    with tiled(tmp_path_factory.mktemp("shelf"), writing=True) as catalogue:
        runs = {
            uid: record(catalogue, documents(uid=uid, time=when, **metadata))
            for uid, when, metadata in [
                ("abc1-old", 1e9, {"simulated": True}),
                ("abd2-new", 1.2e9, {"simulated": False}),
                ("xyz3-mid", 1.1e9, {"simulated": True}),
            ]
        }
        assert catalogue.flush()
        assert catalogue.problems == []
        yield catalogue, runs


def test_databroker_queries_search(shelf):
    from databroker.client import CatalogOfBlueskyRuns
    from databroker.queries import Key, TimeRange

    catalogue, _ = shelf
    assert isinstance(catalogue.broker, CatalogOfBlueskyRuns)
    found = catalogue.search(Key("start.simulated") == True)  # noqa: E712 - databroker's spelling
    assert [run.uid for run in found] == ["xyz3-mid", "abc1-old"]
    found = catalogue.search(Key("stop.exit_status") == "success", TimeRange(since=1.05e9))
    assert [run.uid for run in found] == ["xyz3-mid", "abd2-new"]


def test_what_tiled_did_not_take_is_filed_from_the_journal_when_the_run_ends(shelf, caplog):
    catalogue, _ = shelf
    mixed = record(catalogue, documents(uid="mixed", ints=True))  # Arrow: first int, then float
    assert catalogue.flush()
    (problem,) = catalogue.problems
    assert "Run mixed: the catalogue did not take a document of kind event" in problem
    assert catalogue.problems == caplog.messages
    assert list(catalogue.broker["mixed"]["primary"].read()["x"]) == [1, 1.1, 2.1]
    assert_same(catalogue["mixed"].documents(), mixed)
    catalogue.problems.clear()


def test_names_that_sql_does_not_take_are_columns_of_others_and_read_back(shelf):
    catalogue, _ = shelf
    run = compose_run(uid="greek", time=0.9e9, metadata={"simulated": False})
    number = {"source": "test", "dtype": "number", "shape": []}
    data = {"\u03b1": 0.5, "asked_\u03b2": 1.5, "name_1": 2.5}
    stream = run.compose_descriptor(
        name="primary", data_keys=dict.fromkeys(data, number), object_keys={"rig": list(data)}
    )
    event = stream.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc)]
    pairs = record(catalogue, [*documents, ("event", event), ("stop", run.compose_stop())])
    assert catalogue.flush()
    assert catalogue.problems == []
    assert_same(catalogue["greek"].documents(), pairs)
    columns = catalogue.broker["greek"]["primary"].read()
    assert {str(name) for name in columns} == {"name_\u03b1", "asked_\u03b2", "name_name_1"}
    (name,) = (n for n in catalogue._store.names() if n.endswith("greek"))
    told = [doc for kind, doc in catalogue._store.documents(name) if kind == "descriptor"]
    assert set(told[0]["data_keys"]) == set(data)
    from_tiled = [doc for kind, doc in catalogue._store.documents(name) if kind == "event"]
    assert [doc["data"] for doc in from_tiled] == [data]


def test_names_that_differ_in_capitals_alone_are_columns_of_others_and_read_back(shelf):
    catalogue, _ = shelf
    run = compose_run(uid="capitals", time=0.9e9, metadata={"simulated": False})
    data = {"p": 0.5, "P": 1.5, "P_sd": 0.1, "asked_T": 2.5, "asked_t": 3.5}
    number = {"source": "test", "dtype": "number", "shape": []}
    stream = run.compose_descriptor(name="decision", data_keys=dict.fromkeys(data, number))
    event = stream.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc)]
    pairs = record(catalogue, [*documents, ("event", event), ("stop", run.compose_stop())])
    assert catalogue.flush()
    assert catalogue.problems == []
    columns = {str(name) for name in catalogue.broker["capitals"]["decision"].read()}
    assert {"p", "asked_t", "P_sd"} == columns & {*data}
    (name,) = (n for n in catalogue._store.names() if n.endswith("capitals"))
    in_tiled = catalogue._store.documents(name)
    assert differences([(kind, dict(doc)) for kind, doc in pairs], in_tiled) == []


def test_keys_that_are_called_as_columns_of_tiled_come_back(shelf):
    catalogue, _ = shelf
    run = compose_run(uid="tileds", time=0.8e9, metadata={"simulated": False})
    data = {"p": 0.5, "ts_p": 1.5, "time": 2.5, "Time": 3.5, "seq_num": 4.5, "trace": [1.0, 2.0]}
    number = {"source": "test", "dtype": "number", "shape": []}
    keys = dict.fromkeys(data, number) | {"trace": {**number, "dtype": "array", "shape": [2]}}
    stream = run.compose_descriptor(name="decision", data_keys=keys)
    stamps = {key: float(n) for n, key in enumerate(data)}
    event = stream.compose_event(data=data, timestamps=stamps)
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc)]
    pairs = record(catalogue, [*documents, ("event", event), ("stop", run.compose_stop())])
    assert catalogue.flush()
    assert catalogue.problems == []
    (name,) = (n for n in catalogue._store.names() if n.endswith("tileds"))
    in_tiled = catalogue._store.documents(name)
    assert differences([(kind, dict(doc)) for kind, doc in pairs], in_tiled) == []


@settings(deadline=None)
@given(st.sets(st.text(min_size=1, max_size=90), min_size=1))
def test_every_key_can_be_told_from_its_column(keys):
    about = {key: {"dtype": "number"} for key in keys}
    data = {key: float(n) for n, key in enumerate(keys)}
    pairs = [("descriptor", {"data_keys": about}), ("event", {"data": data})]
    stored = [(name, to_columns(name, doc)) for name, doc in pairs]
    assert from_columns(stored) == pairs
    columns = stored[1][1]["data"]
    assert set(columns) == set(stored[0][1]["data_keys"])
    assert len({column.lower() for column in columns}) == len(keys)  # as SQL tells them apart
    for column in columns:
        assert column.lower() not in {"time", "seq_num"}
        assert not column.startswith("ts_")
        assert column[0].isascii()
        assert column[0].isalpha()
        assert len(f"ts_{column}".encode()) <= 63  # PostgreSQL's limit


def test_pages_and_foreign_values(shelf):
    catalogue, _ = shelf
    pairs = list(documents(uid="pages", time=1.0, simulated=True, folder=Path("rig")))
    events = [doc for name, doc in pairs if name == "event" and "trace" not in doc["data"]]
    record(catalogue, [*pairs[:3], ("event_page", pack_event_page(*events)), pairs[-1]])
    assert catalogue.flush()
    (problem,) = catalogue.problems
    assert "only the text is kept of values in its start document" in problem
    decisions = catalogue["pages"].table("decision")
    assert list(decisions["why"]) == ["class 0", "class 1", "class 2"]
    assert list(decisions.index) == [1, 2, 3]
    assert catalogue.broker["pages"]["decision"].read().sizes["time"] == 3
    catalogue.problems.clear()


def test_a_run_that_goes_on_can_be_read_in_tiled_beside_the_writer(shelf):
    catalogue, _ = shelf
    pairs = list(documents(uid="living", time=0.5e9, simulated=False))
    record(catalogue, pairs[:5])
    assert catalogue.flush()
    with tiled(catalogue.folder) as reader:
        assert tiled_events(reader, "living") == 1
        assert tiled_events(reader, "abd2-new") == 3
    record(catalogue, pairs[5:])
    assert catalogue.problems == []


def test_a_moved_catalogue_is_made_anew_from_the_journal(shelf, tmp_path):
    original, runs = shelf
    folder = tmp_path / "copy"
    shutil.copytree(original.folder, folder)
    with tiled(folder) as reader:
        assert_same(reader["abc1"].documents(), runs["abc1-old"])
        with pytest.raises(RuntimeError, match=r"was moved here from .*: open it once for writing"):
            reader.broker  # noqa: B018 - a property that opens
    with tiled(folder, writing=True) as copy:
        assert "was moved here from" in copy.problems[0]
        shutil.rmtree(next(folder.glob("moved-*")))
        for uid in runs:
            assert tiled_events(copy, uid) == 3


def test_journals_are_filed_at_the_start_and_read_through_databroker_without(tmp_path):
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        emitted = record(catalogue, documents(uid="alone", time=2.0, simulated=True))
    path = write_journal(tmp_path, documents(uid="foreign", time=1.0))
    journal.mark_filed(path, "another catalogue")
    with tiled(tmp_path, writing=True) as catalogue:
        assert catalogue.problems == []
        assert set(catalogue.broker) == {"alone", "foreign"}
        assert tiled_events(catalogue, "foreign") == 3
        expected = catalogue.runs()

    shutil.rmtree(tmp_path / "journal")
    with tiled(tmp_path) as catalogue:
        assert catalogue.runs() == expected
        assert catalogue[-1].uid == "alone"
        run = catalogue["alone"]
        assert (run.start, run.stop) == (emitted[0][1], emitted[-1][1])
        assert list(run.table()["x"]) == [0.1, 1.1, 2.1]
        (tmp_path / "catalog.runs").unlink()  # as in a catalogue made before there was one
        assert catalogue.runs() == expected
    with tiled(tmp_path, writing=True) as catalogue:
        assert (tmp_path / "catalog.runs").exists()
        assert catalogue.runs() == expected


# --- other processes ---


def test_a_process_ends_by_itself_with_every_finished_run_filed(other_processes):
    process, folder = other_processes[0], other_processes[1] / "left open"
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.decode()) == (0, "")
    done, cut_short = sorted((folder / "journal").iterdir())
    uid = reading.read_ends(done).start["uid"]
    identity = (folder / "catalog.id").read_text().split()[0]
    assert reading.read_ends(done).filed == {identity}
    # by the end of the run, not by that of the process, when Tiled can do little any more
    assert done.stat().st_mtime <= float(out.split()[-1])
    assert not is_being_written(cut_short)
    with tiled(folder) as reader:
        assert tiled_events(reader, uid) == 8
    with tiled(folder, writing=True) as catalogue:
        assert "recovered from the journal" in catalogue.problems[0]
        assert tiled_events(catalogue, reading.read_ends(cut_short).start["uid"]) == 30


def test_a_killed_run_is_recovered_with_every_event(other_processes):
    process, folder = other_processes[0], other_processes[1] / "killed"
    process.wait(60)
    (path,) = (folder / "journal").iterdir()
    with path.open("ab") as file:
        file.write(b'{"name": "event", "doc": {"uid": "torn')
    with tiled(folder) as reader:
        assert reader[-1].stop is None
        assert (reader.runs()[0].exit_status, reader.runs()[0].events) == ("crashed", 5)
        stored = reader[-1].documents()
    with tiled(folder, writing=True) as catalogue:
        (problem,) = catalogue.problems
        assert "process ended without a stop document; recovered from the journal" in problem
        run = catalogue[-1]
        assert_same(run.documents()[:-1], stored)
        assert run.stop == catalogue.broker[run.uid].metadata["stop"]
        assert (run.stop["exit_status"], run.stop["recovered"]) == ("fail", True)
        assert run.stop["num_events"] == {"primary": 5}
        assert catalogue.runs()[0].events == 5
        data = catalogue.broker[run.uid]["primary"].read()
        assert list(data["level"]) == list(run.table()["level"]) == [0.25, 0.5, 0.75, 1, 1.25]
        np.testing.assert_array_equal(data["trace"], np.stack(run.table()["trace"]))
