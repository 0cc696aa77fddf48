"""Disks that are full, gone or read-only: a second place, and home again."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import journal, names, reading
from reactune.analysis.storage.journals.spill import Spill, default_spill
from tests.analysis.storage.samples import assert_same, documents, record


@pytest.fixture
def pairs():
    return list(documents(uid="spilled", time=1.0, simulated=True))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@contextmanager
def refusing(folder: Path, error: int):
    """A disk that takes no journal in a folder."""
    write = os.write

    def refuse(fd, data):
        if Path(os.readlink(f"/proc/self/fd/{fd}")).is_relative_to(folder / "journal"):
            raise OSError(error, os.strerror(error))
        return write(fd, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal.os, "write", refuse)
        yield


def spilled(home: Path) -> list[str]:
    return Spill(home).names()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("first", [0, 4])
def test_what_the_folder_does_not_take_goes_elsewhere_and_comes_home(home, pairs, error, first):
    catalogue = Catalogue(home, writing=True)
    record(catalogue, pairs[:first])
    with refusing(home, error):
        record(catalogue, pairs[first:-1])
        (problem,) = catalogue.problems  # said at once, and once
        assert f"RUN spilled IS NOT BEING SAVED IN ITS CATALOGUE: [Errno {error}]" in problem
        assert str(default_spill()) in problem
        record(catalogue, pairs[-1:])
        assert_same(catalogue["spilled"].documents(), pairs)
        assert not catalogue.stored("spilled")
        catalogue.close()
        assert "reactune show spilled --catalogue" in catalogue.problems[-1]
    with Catalogue(home) as reader:
        assert_same(reader["spilled"].documents(), pairs)
        assert not reader.stored("spilled")
    with Catalogue(Spill(home).folder) as elsewhere:
        assert_same(elsewhere["spilled"].documents(), pairs)
    with Catalogue(home, writing=True) as catalogue:
        (problem,) = catalogue.problems
        assert "Run spilled was brought home from" in problem
        assert_same(catalogue["spilled"].documents(), pairs)
        assert catalogue.stored("spilled")
    assert not Spill(home).folder.exists()


def test_room_in_mid_run_makes_it_whole_at_home(home, pairs):
    with Catalogue(home, writing=True) as catalogue:
        record(catalogue, pairs[:3])
        with refusing(home, errno.ENOSPC):
            record(catalogue, pairs[3:5])
            assert len(spilled(home)) == 1
        record(catalogue, pairs[5:])
        assert catalogue.problems[1:] == ["Run spilled is saved again; nothing was lost."]
        assert spilled(home) == []
        assert catalogue.stored("spilled")
    assert_same(Catalogue(home)["spilled"].documents(), pairs)


@pytest.mark.parametrize("back", ["as it was", "never", "empty"])
def test_a_folder_that_vanishes_in_mid_run(home, pairs, back, tmp_path):
    catalogue = Catalogue(home, writing=True)
    record(catalogue, pairs[:4])
    home.rename(tmp_path / "away")
    record(catalogue, pairs[4:6])
    assert any("IS NOT BEING SAVED IN ITS CATALOGUE" in said for said in catalogue.problems)
    if back == "as it was":
        (tmp_path / "away").rename(home)
    elif back == "empty":
        home.mkdir()
    record(catalogue, pairs[6:])
    assert_same(catalogue["spilled"].documents(), pairs)
    assert catalogue.stored("spilled") is (back == "as it was")
    catalogue.close()
    with Catalogue(home, writing=True) as catalogue:
        assert_same(catalogue["spilled"].documents(), pairs)
        assert len(catalogue.runs()) == 1


def test_a_folder_that_is_deleted_loses_nothing(home, pairs):
    catalogue = Catalogue(home, writing=True)
    record(catalogue, pairs[:4])
    while home.exists():  # a thread of the catalogue's may be making a file there
        shutil.rmtree(home, ignore_errors=True)
    record(catalogue, pairs[4:])
    catalogue.close()
    with Catalogue(home, writing=True) as catalogue:
        assert_same(catalogue["spilled"].documents(), pairs)


def test_a_file_of_ours_that_was_changed_in_mid_run_is_made_right(home, pairs):
    with Catalogue(home, writing=True) as catalogue:
        record(catalogue, pairs[:4])
        path = names.paths(home)[0]
        copy = path.with_suffix(".copy")
        copy.write_bytes(path.read_bytes()[:-30] + b"something else\n")
        copy.rename(path)  # as an editor saves
        record(catalogue, pairs[4:])
        assert catalogue.problems == []
    assert_same(Catalogue(home)["spilled"].documents(), pairs)


def test_what_was_ended_at_home_meanwhile_is_put_aside(home, pairs):
    catalogue = Catalogue(home, writing=True)
    record(catalogue, pairs[:4])
    with refusing(home, errno.ENOSPC):
        record(catalogue, pairs[4:])
        catalogue.close()
    journal.recover(names.paths(home)[0])  # by somebody who has another second place
    with Catalogue(home, writing=True) as catalogue:
        assert_same(catalogue["spilled"].documents(), pairs)
    assert len(list((home / "journal").glob("*.replaced"))) == 1


def test_the_second_place_can_be_chosen(home, pairs, monkeypatch, tmp_path):
    monkeypatch.setenv("REACTUNE_SPILL", str(tmp_path / "stick"))
    assert default_spill() == tmp_path / "stick"
    catalogue = Catalogue(home, writing=True, spill=tmp_path / "other")
    with refusing(home, errno.EIO):
        record(catalogue, pairs)
        catalogue.close()
    assert len(list((tmp_path / "other").glob("home-*/journal/*.jsonl"))) == 1


def test_a_second_place_that_is_emptied_meanwhile_is_made_again(home, tmp_path, pairs):
    places = tmp_path / "spill"
    with Catalogue(home, writing=True, store="journal", spill=places) as catalogue:
        with refusing(home, errno.ENOSPC):
            record(catalogue, pairs[:3])
            shutil.rmtree(places)
            record(catalogue, pairs[3:5])
            (path,) = places.rglob("*.jsonl")
            assert_same(reading.read(path).documents, pairs[:5])
        record(catalogue, pairs[5:])
        assert catalogue.stored("spilled")
        assert_same(catalogue["spilled"].documents(), pairs)
