"""Tables and catalogues that others use too, or that cannot be used."""

import csv
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reactune.analysis.sheets import writing
from reactune.analysis.sheets.writing import alone
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.names import uid_of
from reactune.plans.cli import main
from tests.plans.by_hand import asked, fill

POSIXLESS = Path(__file__).with_name("posixless.py")


def test_a_catalogue_that_cannot_be_is_named(place, capsys) -> None:
    asked(capsys)
    fill(place / "results.csv")
    before = (place / "results.csv").read_text()
    assert main(["ask", "snar.toml", "results.csv", "--catalogue", "snar.toml/runs"]) == 2
    told = capsys.readouterr().err
    assert "cannot be used (Not a directory): look at its path and rights" in told
    assert "Errno" not in told
    assert (place / "results.csv").read_text() == before


def test_nothing_that_only_posix_has_is_needed(place) -> None:
    """Nor is an instrument needed to answer a table."""

    def told(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, POSIXLESS, *command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for _ in range(2):
        told("ask", "snar.toml", "results.csv")  # the second time it is kept, too
        fill(place / "results.csv")
    told("show", "snar.toml", "results.csv")
    assert all(path.suffix == ".jsonl" for path in (place / "runs/journal").iterdir())
    with Catalogue(place / "runs") as catalogue:
        assert [len(catalogue[k].table()) for k in (-1, -2)] == [10, 6]


def test_who_asks_at_the_same_time_waits_and_is_told_of_other_rows(place, capsys) -> None:
    asked(capsys, "-n", "5")
    fill(place / "results.csv")
    told: list[int] = []
    with alone(Path("results.csv")):  # as an ask that goes on
        late = threading.Thread(
            target=lambda: told.append(main(["ask", "snar.toml", "results.csv", "-n", "1"]))
        )
        late.start()
        late.join(1.0)
        (first,) = asked(capsys, "-n", "1")  # has it already, and so need not wait
        assert not told
    late.join()
    assert told == [0]
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "8"
    rows = list(csv.DictReader(Path("results.csv").read_text().splitlines()))
    assert first["row"] == 7
    assert float(rows[5]["tau [min]"]) == first["tau"]
    assert rows[6] != rows[5]


def test_two_who_show_a_table_at_once_keep_one_run(place, capsys) -> None:
    asked(capsys)
    fill(place / "results.csv")
    assert main(["show", "snar.toml", "results.csv"]) == 0
    (kept,) = (place / "runs/journal").glob("*.jsonl")
    content = kept.read_bytes()
    kept.unlink()
    with alone(kept.with_name(uid_of(kept.stem))):  # as one who is about to write it
        late = threading.Thread(target=main, args=(["show", "snar.toml", "results.csv"],))
        late.start()
        late.join(2.0)
        assert late.is_alive()
        kept.write_bytes(content)
    late.join()
    assert list((place / "runs/journal").iterdir()) == [kept]


def test_who_would_wait_too_long_is_told(place, capsys, monkeypatch) -> None:
    asked(capsys)
    before = Path("results.csv").read_text()
    monkeypatch.setattr(writing, "PATIENCE", 0.0)
    codes: list[int] = []
    with alone(Path("results.csv")):
        late = threading.Thread(
            target=lambda: codes.append(main(["ask", "snar.toml", "results.csv"]))
        )
        late.start()
        late.join()
    assert codes == [2]
    told = capsys.readouterr().err
    assert "results.csv is in use by another reactune, and nothing is added to it" in told
    assert Path("results.csv").read_text() == before


def fails(monkeypatch, call: str) -> None:
    """Have a call of the system fail as on a full disk."""

    def full(*given: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_of_the_catalogue_is_named_and_left_as_it_was(
    place, capsys, monkeypatch, call
) -> None:
    asked(capsys)
    fill(place / "results.csv")
    before = (place / "results.csv").read_text()
    with monkeypatch.context() as patch:
        fails(patch, call)
        for command in ("ask", "show", "ask"):
            assert main([command, "snar.toml", "results.csv"]) == 2
            told = capsys.readouterr().err
            assert f"{place / 'runs'} cannot be used (No space left on device): free space" in told
            assert "Errno" not in told
    assert (place / "results.csv").read_text() == before
    assert [path for path in (place / "runs").rglob("*") if path.is_file()] == []
    assert main(["show", "snar.toml", "results.csv"]) == 0


def test_a_page_that_a_full_disk_does_not_take_is_said_with_its_folder(
    place, capsys, monkeypatch
) -> None:
    asked(capsys)
    fill(place / "results.csv")

    def full(*given: object, **named: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["show", "snar.toml", "results.csv"]) == 0
    told = capsys.readouterr().err
    assert told == (
        f"No page and picture: {place / 'runs/reports'} cannot be used (No space left on device): "
        "free space on its disk\n"
    )
