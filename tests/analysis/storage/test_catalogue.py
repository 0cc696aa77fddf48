"""The catalogue with its journals alone, and what it does about stores that fail."""

import io
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from event_model import compose_run

from reactune.analysis.storage import catalogue as catalogues
from reactune.analysis.storage.catalogue import (
    Catalogue,
    UnknownRun,
    default_folder,
)
from reactune.analysis.storage.journals import journal, names
from reactune.analysis.storage.journals.encoding import loads
from reactune.analysis.storage.lock import StoreLock
from reactune.analysis.storage.stores.journal_only import JournalOnly
from tests.analysis.storage.samples import (
    assert_same,
    documents,
    no_space,
    record,
    write_journal,
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[tuple[Catalogue, dict[str, list]]]:
    """A catalogue with three finished runs, open for writing; the clock was set back once."""
    with Catalogue(tmp_path_factory.mktemp("shelf"), writing=True) as catalogue:
        runs = {
            uid: record(catalogue, documents(uid=uid, time=when, **metadata))
            for uid, when, metadata in [
                ("abc1-old", 1e9, {"simulated": True, "problem": {"title": "I", "batch": 7}}),
                ("abd2-new", 1.2e9, {"simulated": False, "problem": {"title": "II", "batch": 7}}),
                ("xyz3-mid", 1.1e9, {"simulated": True, "plan_name": "grid", "title": "map"}),
            ]
        }
        assert catalogue.flush()
        assert catalogue.problems == []
        yield catalogue, runs


# --- reading ---


def test_one_that_was_interrupted_while_it_was_opened_is_closed_at_the_end(tmp_path, monkeypatch):
    hooks = []
    monkeypatch.setattr(catalogues, "at_the_end", hooks.append)

    def interrupted(folder, *, writing):
        if not writing:
            raise KeyboardInterrupt
        return JournalOnly(folder)

    with pytest.raises(KeyboardInterrupt) as held:  # whose traceback holds the catalogue
        Catalogue(tmp_path, writing=True, store=interrupted)
    assert held.traceback
    leaving = [leave() for leave in hooks]
    assert leaving
    for leave in leaving:
        leave()


def test_runs_are_listed_in_the_order_of_recording_whatever_the_clock_says(shelf):
    catalogue, _ = shelf
    assert [run.uid for run in catalogue.runs()] == ["xyz3-mid", "abd2-new", "abc1-old"]
    assert [run.uid for run in catalogue.runs(limit=1)] == ["xyz3-mid"]
    assert catalogue.runs()[0].time == 1.1e9  # the clock's, as recorded
    first = catalogue.runs()[1]
    assert (first.plan_name, first.problem, first.title) == ("optimise", "II", None)
    assert (first.time, first.simulated, first.events) == (1.2e9, False, 3)
    assert (first.exit_status, first.reason) == ("success", "budget spent")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"simulated": True}, ["xyz3-mid", "abc1-old"]),
        ({"plan_name": "grid"}, ["xyz3-mid"]),
        ({"problem": "I"}, ["abc1-old"]),
        ({"problem.batch": 7}, ["abd2-new", "abc1-old"]),
        ({"problem.batch": 7, "simulated": True}, ["abc1-old"]),
        ({"exit_status": "fail"}, []),
    ],
)
def test_runs_are_filtered(shelf, filters, found):
    assert [run.uid for run in shelf[0].runs(**filters)] == found
    assert [run.uid for run in shelf[0].runs(limit=1, **filters)] == found[:1]


def test_a_run_gives_its_documents_exactly(shelf):
    catalogue, runs = shelf
    for uid, emitted in runs.items():
        run = catalogue[uid]
        assert_same(run.documents(), emitted)
        assert run.start == emitted[0][1]
        assert run.stop == emitted[-1][1]
        assert run.streams == ["primary", "decision"]


def test_events_and_tables_have_a_row_per_event(shelf):
    run = shelf[0]["abc1"]
    assert [data["why"] for data in run.events("decision")] == ["class 0", "class 1", "class 2"]
    assert run.events("nothing") == []
    assert run.table("nothing").empty
    table = run.table()
    assert list(table.columns) == ["time", "x", "trace"]
    assert list(table.index) == [1, 2, 3]
    assert list(table["x"]) == [0.1, 1.1, 2.1]
    np.testing.assert_array_equal(table["trace"][2], [1, np.nan, 1 / 3, -0.0])
    np.testing.assert_array_equal(run.table("decision")["merit"], [0.1, math.nan, math.inf])


@pytest.mark.parametrize(
    ("key", "uid"),
    [(-1, "xyz3-mid"), (-3, "abc1-old"), ("x", "xyz3-mid"), ("abd2-new", "abd2-new")],
)
def test_a_run_answers_to_uid_beginning_and_place(shelf, key, uid):
    assert shelf[0][key].uid == uid


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("ab", r"'ab' is the beginning of 2 runs \(abd2-n, abc1-o\); give more of it"),
        ("abc2-old", "No run in .* begins with 'abc2-old'; near it: abc1-old"),
        ("", "begins with ''"),
        (-4, "There is no run -4: 3 are in"),
        (0, "There is no run 0"),
        (slice(-2, None), "is neither a uid nor a whole number"),
        ([1, 2], "is neither a uid nor a whole number"),
    ],
)
def test_other_keys_are_answered_in_one_sentence(shelf, key, message):
    with pytest.raises(UnknownRun, match=message):
        shelf[0][key]


def test_a_quantity_called_time_has_a_column_of_its_own(tmp_path):
    run = compose_run(metadata={"plan_name": "scan"})
    units = {"time": "min", "time_": "h"}
    keys = {
        k: {"source": "s", "dtype": "number", "shape": [], "units": u} for k, u in units.items()
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys)
    event = stream.compose_event(
        data={"time": 5.0, "time_": 7.0}, timestamps=dict.fromkeys(keys, 0)
    )
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        record(
            catalogue,
            [
                ("start", run.start_doc),
                ("descriptor", stream.descriptor_doc),
                ("event", event),
                ("stop", run.compose_stop()),
            ],
        )
        table = catalogue[-1].table()
    assert table[["time_", "time__"]].to_numpy().tolist() == [[7.0, 5.0]]
    assert table.attrs["units"] == {"time": "s", "time_": "h", "time__": "min"}


def test_a_uid_that_begins_another_is_found(tmp_path):
    for uid in ("ab", "abc"):
        path = names.path_of(tmp_path, names.run_name({"uid": uid, "time": 1.0}))
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert Catalogue(tmp_path)["ab"].uid == "ab"


def test_an_empty_folder_has_no_runs_and_stays_empty(tmp_path):
    catalogue = Catalogue(tmp_path / "new")
    assert catalogue.runs() == []
    with pytest.raises(UnknownRun, match="There is no run -1: 0 are in"):
        catalogue[-1]
    assert not (tmp_path / "new").exists()


def test_the_default_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.delenv("REACTUNE_CATALOGUE", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_folder() == Path.home() / ".local/share/reactune"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "reactune"
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "mine"))
    assert Catalogue().folder == tmp_path / "mine"
    assert Catalogue(tmp_path / "other").folder == tmp_path / "other"


# --- writing ---


@pytest.fixture
def catalogue(tmp_path) -> Iterator[Catalogue]:
    with Catalogue(tmp_path, writing=True) as it:
        yield it


def test_reading_only_refuses_to_record(catalogue):
    with pytest.raises(io.UnsupportedOperation, match="not open for writing"):
        Catalogue(catalogue.folder).record("start", {"uid": "u", "time": 1.0})


def test_a_full_disk_is_told_at_once_and_loses_nothing(catalogue, monkeypatch):
    pairs = list(documents(uid="fuller", time=2.0, simulated=True))
    record(catalogue, pairs[:4])
    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", no_space)
        record(catalogue, pairs[4:6])
        assert "RUN fuller IS NOT BEING SAVED: [Errno 28]" in catalogue.problems[0]
        assert_same(catalogue["fuller"].documents(), pairs[:6])
        assert_same(Catalogue(catalogue.folder)["fuller"].documents(), pairs[:4])
    record(catalogue, pairs[6:])
    assert catalogue.flush()
    assert catalogue.problems[1:] == ["Run fuller is saved again; nothing was lost."]
    assert_same(catalogue["fuller"].documents(), pairs)


def test_documents_of_no_run_never_raise(catalogue):
    catalogue.record("stop", {"uid": "s", "run_start": "never begun", "time": 1.0})
    catalogue.record("event", {"descriptor": "unknown", "data": {}})
    assert len(catalogue.problems) == 2
    assert all("WAS NOT SAVED" in problem for problem in catalogue.problems)


def test_a_run_that_goes_on_is_seen_beside_the_writer(catalogue):
    pairs = list(documents(uid="living", simulated=False))
    record(catalogue, pairs[:5])
    with Catalogue(catalogue.folder) as reader:
        run = reader["living"]
        assert run.stop is None
        assert_same(run.documents(), pairs[:5])
        summary = reader.runs()[-1]
        assert (summary.uid, summary.exit_status, summary.events) == ("living", "running", 1)
    record(catalogue, pairs[5:])
    assert catalogue.runs()[-1].exit_status == "success"
    assert catalogue.problems == []


def test_a_run_of_a_process_that_died_is_ended_by_the_next_writer(tmp_path):
    pairs = list(documents(uid="died"))[:-1]
    path = write_journal(tmp_path, pairs)
    with path.open("ab") as file:
        file.write(b'{"name": "event", "doc": {"uid": "torn')
    with Catalogue(tmp_path) as reader:
        assert reader["died"].stop is None
        assert (reader.runs()[0].exit_status, reader.runs()[0].events) == ("crashed", 3)
        assert_same(reader["died"].documents(), pairs)
    with Catalogue(tmp_path, writing=True) as catalogue:
        (problem,) = catalogue.problems
        assert "process ended without a stop document; recovered from the journal" in problem
        assert_same(catalogue["died"].documents()[:-1], pairs)
        stop = catalogue["died"].stop
        assert (stop["exit_status"], stop["recovered"]) == ("fail", True)
        assert stop["num_events"] == {"primary": 3, "decision": 3}


LEFT_OPEN = """
import sys
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.encoding import loads
catalogue = Catalogue(sys.argv[1], writing=True)
for line in sys.stdin.buffer:
    item = loads(line)
    catalogue.record(item["name"], item["doc"])
"""


def test_a_process_that_leaves_its_catalogue_open_ends_and_lets_others_write(tmp_path):
    path = write_journal(tmp_path, documents(uid="left"))
    lines = path.read_bytes().splitlines(keepends=True)[1:]
    done = subprocess.run(
        [sys.executable, "-c", LEFT_OPEN, str(tmp_path / "new")],
        input=b"".join(lines),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert StoreLock(tmp_path / "new").take()
    with Catalogue(tmp_path / "new") as catalogue:
        assert catalogue["left"].stop == loads(lines[-1])["doc"]
