import errno
import io
import itertools
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from event_model import compose_run, pack_event_page

from reactune.analysis.storage import journal, recorder
from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy, UnknownRun, default_folder

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
    catalogue = Catalogue(folder, writing=True)
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


def documents(
    events: int = 3,
    *,
    uid: str | None = None,
    time: float | None = None,
    ints: bool = False,
    **metadata,
) -> Iterator[tuple[str, dict]]:
    """A small campaign: a trace and numbers in primary, words in decision, NaN and inf in both."""
    run = compose_run(metadata={"plan_name": "optimise", **metadata}, uid=uid, time=time)
    yield "start", run.start_doc
    number = {"source": "test", "dtype": "number", "shape": []}
    keys = {"x": number, "trace": {"source": "test", "dtype": "array", "shape": [4]}}
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    yield "descriptor", primary.descriptor_doc
    keys = {"merit": number, "why": {"source": "test", "dtype": "string", "shape": []}}
    decision = run.compose_descriptor(name="decision", data_keys=keys)
    yield "descriptor", decision.descriptor_doc
    awkward = itertools.cycle([0.1, math.nan, math.inf])
    for n in range(events):
        x = 1 if ints and n == 0 else 0.1 + n
        data = {"x": x, "trace": np.array([n, np.nan, 1 / 3, -0.0])}
        yield "event", primary.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
        data = {"merit": next(awkward), "why": f"class {n}"}
        yield "event", decision.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
    yield "stop", {**run.compose_stop(), "reason": "budget spent"}


def record(catalogue: Catalogue, pairs) -> list[tuple[str, dict]]:
    pairs = list(pairs)
    for name, doc in pairs:
        catalogue.record(name, doc)
    return pairs


def write_journal(folder: Path, pairs) -> Path:
    pairs = list(pairs)
    out = journal.Journal(journal.journal_path(folder, pairs[0][1]))
    for pair in pairs:
        out.append(journal.dumps(*pair)[0])
    out.close()
    return out.path


def assert_same(documents, expected) -> None:
    assert [name for name, _ in documents] == [name for name, _ in expected]
    for (_, doc), (_, wanted) in zip(documents, expected, strict=True):
        np.testing.assert_equal(doc, wanted)


def tiled_events(catalogue: Catalogue, uid: str) -> int:
    return catalogue.broker[uid]["primary"].read().sizes["time"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[tuple[Catalogue, dict[str, list]]]:
    """A catalogue with three finished runs, open for writing."""
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


def test_runs_are_listed_newest_first(shelf):
    catalogue, _ = shelf
    assert [run.uid for run in catalogue.runs()] == ["abd2-new", "xyz3-mid", "abc1-old"]
    assert [run.uid for run in catalogue.runs(limit=1)] == ["abd2-new"]
    first = catalogue.runs()[0]
    assert (first.plan_name, first.problem, first.title) == ("optimise", "II", None)
    assert (first.time, first.simulated, first.events) == (1.2e9, False, 3)
    assert (first.exit_status, first.reason, first.best) == ("success", "budget spent", None)


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


def test_databroker_queries_search(shelf):
    from databroker.client import CatalogOfBlueskyRuns
    from databroker.queries import Key, TimeRange

    catalogue, _ = shelf
    assert isinstance(catalogue.broker, CatalogOfBlueskyRuns)
    found = catalogue.search(Key("start.simulated") == True)  # noqa: E712 - databroker's spelling
    assert [run.uid for run in found] == ["xyz3-mid", "abc1-old"]
    found = catalogue.search(Key("stop.exit_status") == "success", TimeRange(since=1.05e9))
    assert [run.uid for run in found] == ["abd2-new", "xyz3-mid"]


def test_a_run_gives_its_documents_exactly(shelf):
    catalogue, runs = shelf
    for uid, emitted in runs.items():
        run = catalogue[uid]
        assert_same(run.documents(), emitted)
        assert run.start == emitted[0][1]
        assert run.stop == emitted[-1][1]
        assert run.problem == emitted[0][1].get("problem")
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
    assert run.traces().shape == (3, 4)
    with pytest.raises(ValueError, match="Run abc1-old has no 'trace' in stream 'decision'"):
        run.traces(stream="decision")


@pytest.mark.parametrize(
    ("key", "uid"),
    [(-1, "abd2-new"), (-3, "abc1-old"), ("x", "xyz3-mid"), ("abd2-new", "abd2-new")],
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
    ],
)
def test_other_keys_are_answered_in_one_sentence(shelf, key, message):
    with pytest.raises(UnknownRun, match=message):
        shelf[0][key]


def test_a_uid_that_begins_another_is_found(tmp_path):
    for uid in ("ab", "abc"):
        path = journal.journal_path(tmp_path / "journal", {"uid": uid, "time": 1.0})
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert Catalogue(tmp_path)["ab"].uid == "ab"


def test_a_run_without_its_journal_is_read_through_databroker(tmp_path):
    with Catalogue(tmp_path, writing=True) as catalogue:
        emitted = [
            record(catalogue, documents(uid=f"alone-{n}", time=n, simulated=True))
            for n in (2.0, 1.0)
        ]
        expected = catalogue.runs()
    shutil.rmtree(tmp_path / "journal")
    with Catalogue(tmp_path) as catalogue:
        assert catalogue.runs() == expected
        assert catalogue[-1].uid == "alone-2.0"
        run = catalogue["alone-1"]
        assert run.start == emitted[1][0][1]
        assert run.stop == emitted[1][-1][1]
        assert list(run.table()["x"]) == [0.1, 1.1, 2.1]
        np.testing.assert_array_equal(run.traces()[1], [1, np.nan, 1 / 3, -0.0])
        assert list(run.table("decision")["why"]) == ["class 0", "class 1", "class 2"]
        np.testing.assert_array_equal(run.table("decision")["merit"], [0.1, math.nan, math.inf])


def test_a_moved_catalogue_is_made_anew_from_the_journal(shelf, tmp_path):
    original, runs = shelf
    folder = tmp_path / "copy"
    shutil.copytree(original.folder, folder)
    with Catalogue(folder) as reader:
        assert_same(reader["abc1"].documents(), runs["abc1-old"])
        with pytest.raises(RuntimeError, match=r"was moved here from .*: open it once for writing"):
            reader.broker  # noqa: B018 - a property that opens
    with Catalogue(folder, writing=True) as copy:
        assert "was moved here from" in copy.problems[0]
        shutil.rmtree(next(folder.glob("moved-*")))
        for uid in runs:
            assert tiled_events(copy, uid) == 3


def test_an_empty_folder_has_no_runs_and_stays_empty(tmp_path):
    catalogue = Catalogue(tmp_path / "new")
    assert catalogue.runs() == []
    with pytest.raises(UnknownRun, match="There is no run -1: 0 are in"):
        catalogue[-1]
    with pytest.raises(FileNotFoundError, match="There is no catalogue in"):
        catalogue.broker  # noqa: B018 - a property that opens
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


def test_a_damaged_journal_is_reported_and_the_others_are_listed(tmp_path):
    catalogue = Catalogue(tmp_path)
    (tmp_path / "journal").mkdir()
    for uid in ("good", "bad"):
        path = write_journal(tmp_path / "journal", documents(uid=uid))
    path.write_bytes(path.read_bytes().replace(b'{"name": "start"', b'{"name"', 1))
    assert [run.uid for run in catalogue.runs()] == ["good"]
    assert "Line 2 of the journal" in catalogue.problems[0]


# --- writing ---


def test_a_second_writer_is_refused(shelf):
    catalogue, _ = shelf
    program = (
        "import sys; from reactune.analysis.storage.catalogue import Catalogue as C;"
        "C(sys.argv[1], writing=True)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(catalogue.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"is being written by process {os.getpid()}: wait until it ends" in other.stderr
    with pytest.raises(CatalogueBusy, match="is being written by this process"):
        Catalogue(catalogue.folder, writing=True)


def test_a_running_run_is_seen_beside_the_writer(shelf):
    catalogue, _ = shelf
    pairs = list(documents(uid="living", time=0.5e9, simulated=False))
    record(catalogue, pairs[:5])
    with Catalogue(catalogue.folder) as reader:
        run = reader["living"]
        assert run.stop is None
        assert_same(run.documents(), pairs[:5])
        summary = reader.runs()[-1]
        assert (summary.uid, summary.exit_status, summary.events) == ("living", "running", 1)
        assert catalogue.flush()
        assert tiled_events(reader, "living") == 1
        assert tiled_events(reader, "abd2-new") == 3
    record(catalogue, pairs[5:])
    assert catalogue.runs()[-1].exit_status == "success"
    assert catalogue.problems == []


def test_reading_only_refuses_to_record(shelf):
    with pytest.raises(io.UnsupportedOperation, match="not open for writing"):
        Catalogue(shelf[0].folder).record("start", {"uid": "u", "time": 1.0})


def test_what_goes_wrong_with_tiled_is_made_good(tmp_path, monkeypatch, caplog):
    with Catalogue(tmp_path, writing=True) as catalogue:
        mixed = record(catalogue, documents(uid="mixed", ints=True))  # Arrow: first int, then float
        assert catalogue.flush()
        assert (
            "Run mixed: the catalogue did not take a document of kind event"
            in catalogue.problems[0]
        )
        assert catalogue.problems == caplog.messages
        assert list(catalogue.broker["mixed"]["primary"].read()["x"]) == [1, 1.1, 2.1]

        one = documents(uid="first", simulated=True)
        two = documents(4, uid="second", simulated=True)
        both = [pair for pairs in itertools.zip_longest(one, two) for pair in pairs if pair]
        make = recorder.Tiled.writer

        def failing(self, batch):
            write = make(self, batch)

            def callback(name, doc):
                if name == "stop" and doc["run_start"] == "first":
                    raise OSError(errno.EIO, "the disk of the catalogue is ill")
                write(name, doc)

            return callback

        with monkeypatch.context() as patch:
            patch.setattr(recorder.Tiled, "writer", failing)
            record(catalogue, both)
            assert catalogue.flush()
        assert len(catalogue.problems) == 3
        assert "document of kind stop (OSError" in catalogue.problems[1]
        assert "Run first is not in the catalogue" in catalogue.problems[2]
        assert catalogue.broker["first"].metadata.get("stop") is None
        assert tiled_events(catalogue, "second") == 4

    with Catalogue(tmp_path, writing=True) as catalogue:
        assert catalogue.problems == []
        assert catalogue.broker["first"].metadata["stop"]["reason"] == "budget spent"
        assert tiled_events(catalogue, "first") == 3
        assert_same(catalogue["mixed"].documents(), mixed)
        for uid in ("first", "second"):  # interleaved, yet each in order
            assert [d["why"] for d in catalogue[uid].events("decision")][:3] == [
                "class 0",
                "class 1",
                "class 2",
            ]


def test_without_tiled_the_journal_goes_on(without_tiled, tmp_path):
    with Catalogue(tmp_path, writing=True) as catalogue:
        emitted = record(catalogue, documents(uid="alone"))
        assert_same(catalogue["alone"].documents(), emitted)
        (problem,) = catalogue.problems
        assert "does not open (RuntimeError: no such table: nodes)" in problem


def test_journals_not_filed_here_are_filed_at_the_start(tmp_path):
    # Written when Tiled did not open, or on another machine, and put here.
    (tmp_path / "journal").mkdir()
    for uid in ("alone", "foreign"):
        path = write_journal(tmp_path / "journal", documents(uid=uid))
    journal.mark_filed(path, "another catalogue")
    with Catalogue(tmp_path, writing=True) as catalogue:
        assert catalogue.problems == []
        assert set(catalogue.broker) == {"alone", "foreign"}
        assert tiled_events(catalogue, "foreign") == 3


def test_pages_and_foreign_values(shelf):
    catalogue, _ = shelf
    before = len(catalogue.problems)
    pairs = list(documents(uid="pages", time=1.0, simulated=True, folder=Path("rig")))
    events = [doc for name, doc in pairs if name == "event" and "trace" not in doc["data"]]
    record(catalogue, [*pairs[:3], ("event_page", pack_event_page(*events)), pairs[-1]])
    assert catalogue.flush()
    assert "only the text is kept of values in its start document" in catalogue.problems[before]
    assert catalogue.problems[before + 1 :] == []
    assert [d["why"] for d in catalogue["pages"].events("decision")] == [
        "class 0",
        "class 1",
        "class 2",
    ]
    assert list(catalogue["pages"].table("decision").index) == [1, 2, 3]
    assert catalogue.broker["pages"]["decision"].read().sizes["time"] == 3
    del catalogue.problems[before:]


def test_a_full_disk_is_told_at_once_and_loses_nothing(shelf, monkeypatch):
    catalogue, _ = shelf
    before = len(catalogue.problems)
    pairs = list(documents(uid="fuller", time=2.0, simulated=True))

    def no_space(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    record(catalogue, pairs[:4])
    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", no_space)
        record(catalogue, pairs[4:6])
        assert "RUN fuller IS NOT BEING SAVED: [Errno 28]" in catalogue.problems[before]
        assert_same(catalogue["fuller"].documents(), pairs[:4])
    record(catalogue, pairs[6:])
    assert catalogue.flush()
    assert catalogue.problems[before + 1 :] == ["Run fuller is saved again; nothing was lost."]
    assert_same(catalogue["fuller"].documents(), pairs)
    assert tiled_events(catalogue, "fuller") == 3
    del catalogue.problems[before:]


@pytest.fixture
def without_tiled(monkeypatch):
    def broken(folder, writing):
        raise RuntimeError("no such table: nodes")

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "Tiled", broken)
        yield


@pytest.mark.parametrize(("ended", "leaving"), [(True, False), (False, False), (True, True)])
def test_what_no_disk_took_is_tried_again_at_the_end(
    without_tiled, tmp_path, monkeypatch, ended, leaving
):
    pairs = list(documents(uid="fuller"))[: None if ended else -1]

    def no_space(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    for lost in (True, False):
        folder = tmp_path / str(lost)
        catalogue = Catalogue(folder, writing=True)
        with monkeypatch.context() as patch:
            record(catalogue, pairs[:4])
            patch.setattr(journal.os, "write", no_space)
            if leaving:  # the interpreter ends while the stop document waits for Tiled
                catalogue._recorder.leave()
            record(catalogue, pairs[4:])
            assert catalogue.flush()
            if lost:
                catalogue.close()
        catalogue.close()
        assert ("ARE LOST" in catalogue.problems[-1]) is lost
        assert_same(catalogue["fuller"].documents(), pairs[:4] if lost else pairs)


def test_documents_of_no_run_never_raise(shelf):
    catalogue, _ = shelf
    before = len(catalogue.problems)
    catalogue.record("stop", {"uid": "s", "run_start": "never begun", "time": 1.0})
    catalogue.record("event", {"descriptor": "unknown", "data": {}})
    assert len(catalogue.problems) == before + 2
    assert all("WAS NOT SAVED" in problem for problem in catalogue.problems[before:])
    del catalogue.problems[before:]


# --- other processes ---


def test_a_process_ends_by_itself_with_every_finished_run_filed(other_processes):
    process, folder = other_processes[0], other_processes[1] / "left open"
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.decode()) == (0, "")
    done, cut_short = sorted((folder / "journal").iterdir())
    uid = journal.read_ends(done).start["uid"]
    identity = (folder / "catalog.id").read_text().split()[0]
    assert journal.read_ends(done).filed == {identity}
    # by the end of the run, not by that of the process, when Tiled can do little any more
    assert done.stat().st_mtime <= float(out.split()[-1])
    assert (folder / "writer.lock").read_text() == ""
    with Catalogue(folder) as reader:
        assert tiled_events(reader, uid) == 8
    with Catalogue(folder, writing=True) as catalogue:
        assert "recovered from the journal" in catalogue.problems[0]
        assert tiled_events(catalogue, journal.read_ends(cut_short).start["uid"]) == 30


def test_a_killed_run_is_recovered_with_every_event(other_processes):
    process, folder = other_processes[0], other_processes[1] / "killed"
    process.wait(60)
    (path,) = (folder / "journal").iterdir()
    with path.open("ab") as file:
        file.write(b'{"name": "event", "doc": {"uid": "torn')
    with Catalogue(folder) as reader:
        assert reader[-1].stop is None
        assert (reader.runs()[0].exit_status, reader.runs()[0].events) == ("crashed", 5)
        stored = reader[-1].documents()
    with Catalogue(folder, writing=True) as catalogue:
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
        np.testing.assert_array_equal(data["trace"], run.traces())
