"""Several processes in one folder: each records, one at a time files, the living are left alone."""

import signal
import subprocess
import sys
import textwrap

import pytest

from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy
from reactune.analysis.storage.journals import journal, names
from reactune.analysis.storage.lock import StoreLock
from tests.analysis.storage.samples import assert_same, documents, record

OTHER = textwrap.dedent("""
    import sys
    from reactune.analysis.storage.catalogue import Catalogue
    from tests.analysis.storage.samples import documents, record
    pairs = list(documents(uid="other", time=3.0))
    with Catalogue(sys.argv[1], writing=True) as catalogue:
        if sys.argv[2] == "half":
            record(catalogue, pairs[:5])
            print("recording", flush=True)
            input()
            record(catalogue, pairs[5:])
        else:
            record(catalogue, pairs)
    print(*catalogue.problems, sep="\\n")
""")


def other(folder, what="whole"):
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_an_idle_session_keeps_nobody_from_recording(tmp_path, tiled):
    with Catalogue(tmp_path, writing=True) as idle:
        record(idle, documents(uid="before", time=2.0))
        told, _ = other(tmp_path).communicate(timeout=100)
        assert told.strip() == ""  # filed at once
        record(idle, documents(uid="after", time=1.0))
        assert idle.problems == []
        assert [run.uid for run in idle.runs()] == ["after", "other", "before"]
        assert set(idle.broker) == {"before", "other", "after"}
        for uid in ("before", "other", "after"):
            assert idle.broker[uid]["primary"].read().sizes["time"] == 3


def test_two_campaigns_at_once_are_both_recorded_and_left_alone(tmp_path):
    with other(tmp_path, "half") as process:
        assert process.stdout.readline() == "recording\n"
        with Catalogue(tmp_path, writing=True) as mine:
            assert mine.problems == []  # the other's run lives: it is not ended as crashed
            assert mine.runs()[0].exit_status == "running"
            pairs = record(mine, documents(uid="mine", time=1.0))
            with (
                pytest.raises(CatalogueBusy, match="run other is being recorded"),
                mine.claim("other"),
            ):
                pass
        told, _ = process.communicate("\n", timeout=60)
        assert told.strip() == ""
    with Catalogue(tmp_path) as reader:
        assert_same(reader["mine"].documents(), pairs)
        assert reader["other"].stop["exit_status"] == "success"
        assert reader[-1].uid == "mine"


def test_what_others_file_meanwhile_is_filed_afterwards(tmp_path, tiled):
    lock = StoreLock(tmp_path)
    with Catalogue(tmp_path, writing=True) as catalogue:
        assert lock.take()
        record(catalogue, documents(uid="first", time=1.0))
        (problem,) = catalogue.problems
        assert "Run first is in its journal; process" in problem
        assert not list(catalogue.broker)
        lock.give_back()
        record(catalogue, documents(uid="second", time=2.0))
        assert set(catalogue.broker) == {"first", "second"}
        assert len(catalogue.problems) == 1


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    with other(tmp_path, "half") as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    with Catalogue(tmp_path, writing=True) as catalogue:
        assert "recovered from the journal" in catalogue.problems[0]
        assert catalogue["other"].stop["num_events"] == {"primary": 1, "decision": 1}
        with Catalogue(tmp_path, writing=True) as second:
            with pytest.raises(ValueError, match="nothing left"), second.claim("other"):
                raise ValueError("nothing left to ask")
            with catalogue.claim("other"):
                pass
            with pytest.raises(CatalogueBusy), second.claim("other"):
                pass
            record(catalogue, documents(uid="goes on", time=4.0, resumes="other"))
            with second.claim("other"):  # and finds that it has been resumed
                assert second.runs(resumes="other")[0].uid == "goes on"


def test_a_journal_appears_whole_and_locked(tmp_path):
    path = names.path_of(tmp_path, "19700101T000001.000000_a")
    path.parent.mkdir()
    out = journal.Journal(path)
    with pytest.MonkeyPatch.context() as patch:
        seen = []
        sync = journal.os.fsync
        patch.setattr(journal.os, "fsync", lambda fd: (seen.append(path.exists()), sync(fd)))
        out.append(b"line\n")
    assert seen[0] is False  # not under its name before it is on the disk
    assert journal.is_being_written(path)
    out.close()
    assert not journal.is_being_written(path)
