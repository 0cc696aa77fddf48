import errno
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from reactune.analysis.storage.journals import journal, names, reading
from reactune.analysis.storage.journals.encoding import JournalError, dumps, seal
from tests.analysis.storage.samples import same

START = {"uid": "a1", "time": 1.5}
DESCRIPTOR = {"uid": "d1", "time": 1.6, "run_start": "a1", "name": "primary", "data_keys": {}}
STOP = {"uid": "s1", "time": 9.0, "run_start": "a1", "exit_status": "success"}


def event(number: int, **data) -> dict:
    return {
        "uid": f"e{number}",
        "time": 2.0 + number,
        "descriptor": "d1",
        "seq_num": number,
        "data": data,
        "timestamps": dict.fromkeys(data, 2.0),
    }


def write(folder: Path, *documents: tuple[str, dict]) -> Path:
    path = folder / f"{names.run_name(documents[0][1])}.jsonl"
    out = journal.Journal(path)
    for name, doc in documents:
        out.append(dumps(name, doc)[0])
    out.close()
    return path


def a_run(events: int = 3) -> list[tuple[str, dict]]:
    trace = np.array([0.1, np.nan, -np.inf])
    middle = [("event", event(i + 1, x=0.1 * i, trace=trace + i)) for i in range(events)]
    return [("start", START), ("descriptor", DESCRIPTOR), *middle]


def test_numbers_can_be_read_in_the_file(tmp_path):
    path = write(tmp_path, *a_run())
    text = path.read_text("ascii")
    assert '{"$array": [0.1, "nan", "-inf"], "dtype": "<f8", "shape": [3]}' in text
    assert text.count("\n") == 6  # header, start, descriptor, three events


def test_names_sort_by_time_and_end_in_the_uid():
    given = [names.run_name({"uid": u, "time": t}) for u, t in [("b", 1.25), ("a", 1e9)]]
    assert given == ["19700101T000001.250000_b", "20010909T014640.000000_a"]
    assert names.uid_of("19700101T000001.250000_b_c") == "b_c"
    assert names.time_of(given[1]) == 1e9


def test_a_name_comes_after_all_others_though_the_clock_was_set_back():
    others = ["20010909T014640.999999_z", "19700101T000001.250000_b", "zzz foreign"]
    name = names.run_name({"uid": "a", "time": 5.0}, others)
    assert name == "20010909T014641.000000_a"
    assert names.order_of(name) > max(map(names.order_of, others))


def test_a_journal_reads_as_written(tmp_path):
    documents = [*a_run(), ("stop", STOP)]
    contents = reading.read(write(tmp_path, *documents))
    assert same(contents.documents, documents)
    assert contents.torn == 0


@pytest.mark.parametrize("cut", [1, 2, 30, 150])
def test_a_torn_last_line_is_dropped_and_recovered(tmp_path, cut):
    documents = a_run()
    path = write(tmp_path, *documents)
    whole = path.stat().st_size
    os.truncate(path, whole - cut)
    contents = reading.read(path)
    assert same(contents.documents, documents[:-1])
    assert contents.torn > 0
    note = journal.recover(path)
    assert note.startswith("Run a1: process ended without a stop document")
    assert f"{contents.torn} bytes was dropped" in note
    *kept, (name, stop) = reading.read(path).documents
    assert same(kept, documents[:-1])
    assert name == "stop"
    assert stop["num_events"] == {"primary": 2}
    assert stop["recovered"] is True
    assert stop["exit_status"] == "fail"
    assert stop["time"] == documents[-2][1]["time"]
    assert "torn" in stop["reason"]


def test_blocks_of_zeros_after_a_power_cut_are_a_torn_line(tmp_path):
    path = write(tmp_path, *a_run())
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert reading.read(path).torn == 4096
    journal.recover(path)
    assert reading.read(path).documents[-1][1]["num_events"] == {"primary": 3}


def test_events_in_pages_are_counted(tmp_path):
    from event_model import pack_event_page

    documents = a_run(3)
    page = pack_event_page(*(doc for name, doc in documents if name == "event"))
    path = write(tmp_path, *documents[:2], ("event_page", page))
    journal.recover(path)
    stop = reading.read(path).documents[-1][1]
    assert (stop["num_events"], stop["time"]) == ({"primary": 3}, 5.0)


def test_a_run_that_has_ended_since_somebody_looked_is_left_alone(tmp_path):
    path = write(tmp_path, *a_run(), ("stop", STOP))
    journal.mark_filed(path, "here")
    before = path.read_bytes()
    assert journal.recover(path) == ""
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [0, 5, 16, 40])
def test_a_journal_without_its_start_is_set_aside(tmp_path, size):
    path = write(tmp_path, *a_run())
    os.truncate(path, size)
    assert reading.read_ends(path).start is None
    assert "start document" in journal.recover(path)
    assert [p.suffix for p in tmp_path.iterdir()] == [".empty"]


def test_a_later_format_is_refused_and_left_alone(tmp_path):
    path = write(tmp_path, *a_run())
    later = path.read_bytes().replace(journal.HEADER, seal({"journal": 3}))
    path.write_bytes(later)
    for look in (reading.read, reading.read_ends, journal.recover):
        with pytest.raises(JournalError, match="not a journal of format 1 or 2"):
            look(path)
    assert path.read_bytes() == later


@pytest.mark.parametrize("padding", [0, 1, 8150, 8192, 20000])
def test_the_ends_are_read_without_the_middle(tmp_path, padding):
    stop = {**STOP, "reason": "x" * padding}
    path = write(tmp_path, *a_run(50), ("stop", stop))
    assert reading.read_ends(path) == reading.Ends(START, stop, frozenset())
    journal.mark_filed(path, "here")
    journal.mark_filed(path, "there")
    assert reading.read_ends(path) == reading.Ends(START, stop, frozenset({"here", "there"}))
    assert len(reading.read(path).documents) == 53  # marks are no documents


def test_a_torn_filing_mark_is_written_anew(tmp_path):
    path = write(tmp_path, *a_run(), ("stop", STOP))
    journal.mark_filed(path, "here")
    os.truncate(path, path.stat().st_size - 3)
    assert reading.read_ends(path) == reading.Ends(START, STOP, frozenset())
    journal.mark_filed(path, "here")
    journal.mark_filed(path, "there")
    assert reading.read_ends(path).filed == {"here", "there"}
    assert reading.read(path).torn == 0


def test_the_ends_of_a_run_that_goes_on(tmp_path):
    path = write(tmp_path, *a_run())
    with path.open("ab") as file:
        file.write(b'{"name": "stop", "doc": {"u')  # being written at this moment
    assert reading.read_ends(path) == reading.Ends(START, None, frozenset())


class Disk:
    """Stands for os.write or os.fsync; takes `room` bytes, then is full."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, fd: int, data) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.write(fd, bytes(data)[: int(min(self.room, len(data)))])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 10, 200])
def test_a_full_disk_loses_nothing_once_it_has_room(tmp_path, monkeypatch, room):
    documents = [*a_run(), ("stop", STOP)]
    lines = [dumps(*document)[0] for document in documents]
    out = journal.Journal(tmp_path / "0_a1.jsonl")
    disk = Disk(room)
    monkeypatch.setattr(journal.os, "write", disk)
    failures = 0
    for line in lines[:-1]:
        try:
            out.append(line)
        except OSError:
            failures += 1
            assert not out.complete
            if out.path.exists():
                assert reading.read(out.path).torn == 0  # nothing half written stays
    assert failures >= 3
    disk.room = math.inf
    out.append(lines[-1])
    assert out.complete
    out.close()
    assert same(reading.read(out.path).documents, documents)


def test_a_missing_folder_holds_the_documents_too(tmp_path):
    folder = tmp_path / "later"
    out = journal.Journal(folder / "0_a1.jsonl")
    lines = [dumps(*document)[0] for document in a_run()]
    with pytest.raises(FileNotFoundError):
        out.append(lines[0])
    folder.mkdir()
    for line in lines[1:]:
        out.append(line)
    out.close()
    assert same(reading.read(out.path).documents, a_run())


def test_every_line_is_synced_before_append_returns(tmp_path, monkeypatch):
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(
        journal.os, "fsync", lambda fd: (sync(fd), synced.append(os.fstat(fd).st_size))
    )
    out = journal.Journal(tmp_path / "0_a1.jsonl")
    for name, doc in a_run():
        out.append(dumps(name, doc)[0])
        assert out.path.stat().st_size in synced  # and the folder's, the first time
        synced.clear()
    out.close()


def test_documents_survive_the_death_of_the_process(tmp_path):
    program = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from reactune.analysis.storage.journals import journal, names, reading
        from reactune.analysis.storage.journals.encoding import dumps
        out = journal.Journal(Path({str(tmp_path)!r}) / "0_a1.jsonl")
        for number in range(1000):
            out.append(dumps("start", {{"uid": "a1", "time": 1.0, "number": number}})[0])
            if number == 11:
                os.kill(os.getpid(), signal.SIGKILL)
    """)
    died = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    documents = reading.read(tmp_path / "0_a1.jsonl").documents
    assert [doc["number"] for _, doc in documents] == list(range(12))
