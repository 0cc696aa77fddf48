"""Who adds to a table keeps others from it for that long, and no longer than he lives."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets import writing
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError
from reactune.analysis.sheets.writing import alone
from reactune.analysis.storage.journals import locking

PROBLEM = Problem.load(
    {"maximise": "y", "measured": ["y"], "variables": {"x": (0, 1000)}, "budget": 9}
)


def added(path: Path, x: float) -> list[int]:
    return Results.open(path, PROBLEM).extend([{"x": x}])


def test_no_row_that_was_told_is_lost_to_another_who_adds(tmp_path) -> None:
    path, told, refused = tmp_path / "t.csv", dict[float, int](), list[str]()
    start = threading.Barrier(3)

    def work(first: int) -> None:
        start.wait()
        for x in range(first, first + 40):
            try:
                (told[x],) = added(path, x)
            except SheetError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work, args=(first,)) for first in (100, 300, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = {entry.conditions["x"]: entry.row for entry in Results.open(path, PROBLEM).entries}
    assert held == told
    assert all("has changed since it was read, and" in sentence for sentence in refused)
    assert len(told) + len(refused) == 120
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_table_is_begun_once(tmp_path, monkeypatch) -> None:
    path = tmp_path / "t.csv"
    with alone(path):
        late = threading.Thread(target=added, args=(path, 7))
        late.start()  # there is no table yet
        added(path, 5)
    late.join()
    assert path.read_text() == "x,y,failed\n5,,\n7,,\n"


def test_who_was_killed_keeps_nobody_from_a_table(tmp_path) -> None:
    path = tmp_path / "t.csv"
    code = (
        "import os, sys; from pathlib import Path; from reactune.analysis.sheets.writing import *\n"
        "with alone(Path(sys.argv[1])): print(flush=True); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True)
    assert [p.name for p in tmp_path.iterdir()] == [".t.csv.lock"]
    assert added(path, 5) == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_another_process_is_waited_for_and_named_when_it_takes_long(tmp_path, monkeypatch) -> None:
    path, link = tmp_path / "t.csv", tmp_path / "link.csv"
    link.symlink_to(path)
    code = (
        "import sys; from pathlib import Path; from reactune.analysis.sheets.writing import *\n"
        "with alone(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=pipe, stdout=pipe
    ) as other:
        other.stdout.readline()
        monkeypatch.setattr(writing, "PATIENCE", 0.1)
        with pytest.raises(SheetError, match=r"link.csv is in use by another reactune, "):
            added(link, 5)
        monkeypatch.setattr(writing, "PATIENCE", 20.0)
        later = threading.Timer(0.3, other.stdin.close)
        later.start()
        assert added(link, 5) == [2]
        later.join()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
def test_a_folder_without_locks_keeps_nobody_out(tmp_path, monkeypatch, number) -> None:
    def none(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing, "lock", none)
    assert added(tmp_path / "t.csv", 5) == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


class Windows:
    """What msvcrt has of locks: whoever opened the file, a byte is locked by one."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.locked = dict[tuple[int, int], int]()

    def locking(self, fd: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        at = (os.fstat(fd).st_ino, os.lseek(fd, 0, os.SEEK_CUR))
        if self.locked.setdefault(at, fd) != fd:
            raise PermissionError(errno.EACCES, "Permission denied")


def test_windows_locks_a_byte_that_no_reader_meets(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(locking, "fcntl", None)
    monkeypatch.setattr(locking, "msvcrt", Windows())
    (tmp_path / "t").write_text("content")
    with (tmp_path / "t").open("rb") as one, (tmp_path / "t").open("rb") as two:
        locking.lock(one.fileno())
        with pytest.raises(BlockingIOError):
            locking.lock(two.fileno())
        assert list(locking.msvcrt.locked) == [(os.fstat(one.fileno()).st_ino, 1 << 30)]
    with alone(tmp_path / "t.csv"):
        assert (tmp_path / ".t.csv.lock").exists()
