"""Databases that are damaged keep nobody from recording, and are made anew from the journals."""

import shutil
from pathlib import Path

import pytest

from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy
from reactune.analysis.storage.journals import reading
from reactune.analysis.storage.lock import StoreLock
from reactune.analysis.storage.place import Place
from reactune.analysis.storage.repair import repair
from reactune.analysis.storage.stores.columns import to_columns
from reactune.plans.cli import main
from tests.analysis.storage.samples import assert_same, documents, record

pytestmark = pytest.mark.usefixtures("tiled")


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A catalogue with a run, in Tiled, too."""
    folder = tmp_path_factory.mktemp("sound")
    with Catalogue(folder, writing=True, store="tiled") as catalogue:
        record(catalogue, documents(uid="first", time=1.0, simulated=True))
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    """The same, where it was made: Tiled's files know their place."""
    kept = tmp_path / "kept"
    shutil.copytree(sound, kept)
    yield sound
    shutil.rmtree(sound)
    shutil.copytree(kept, sound)


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 7):
        content[at] ^= 0x5A
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("catalog.db", scribble),
        ("storage.db", scribble),
        ("storage.db", lambda path: path.write_bytes(b"")),
        ("catalog.id", lambda path: path.write_bytes(b"\xff\x00")),
        ("catalog.runs", lambda path: path.write_text("rubbish\n")),
    ],
)
def test_damage_is_said_in_one_sentence_keeps_nobody_and_is_mended(folder, name, harm):
    harm(folder / name)
    for part in folder.glob(f"{name}-*"):  # what SQLite has beside it would mend it
        part.unlink()
    with Catalogue(folder, writing=True) as catalogue:
        emitted = record(catalogue, documents(uid="second", time=2.0))
        assert_same(catalogue["second"].documents(), emitted)
        assert {run.uid for run in catalogue.runs()} == {"first", "second"}
        problem = catalogue.problems[0]
        assert f"{name} is damaged" in problem
        assert problem.endswith(f"reactune catalogue repair --catalogue {folder}")
        assert len(catalogue.problems) <= 2  # of the index readers are told, too
    found = repair(Place(folder))
    assert found.left == ()
    assert "were put aside in" in found.done[0]
    assert (next(folder.glob("damaged-*")) / name).exists()
    with Catalogue(folder) as catalogue:
        assert set(catalogue.broker) == {"first", "second"}
        assert catalogue.broker["first"]["primary"].read().sizes["time"] == 3
        assert [run.uid for run in catalogue.runs()] == ["second", "first"]
        assert catalogue.problems == []
    assert repair(Place(folder)).done == ()


def test_a_damaged_index_is_said_where_runs_are_compared(folder, capsys):
    (folder / "catalog.runs").write_bytes(b"rubbish\xff\n")
    assert main(["catalogue", "verify", "--catalogue", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{folder}/catalog.runs is damaged. To make it anew")
    assert err == ""


def test_a_copy_of_a_journal_is_named_and_is_no_run(folder, capsys):
    (journal,) = (folder / "journal").iterdir()
    copy = journal.with_name(f"{journal.stem} (1).jsonl")
    shutil.copy(journal, copy)
    with Catalogue(folder, writing=True) as catalogue:
        assert [run.uid for run in catalogue.runs()] == ["first"]
        problem = catalogue.problems[0]
        assert problem.startswith(f"The journal {copy} is not named after the run that it holds")
        record(catalogue, documents(uid="second", time=2.0))
        assert set(catalogue.broker) == {"first", "second"}
    assert repair(Place(folder)).left == (problem,)
    copy.unlink()
    assert main(["catalogue", "verify", "--catalogue", str(folder)]) == 0
    assert "2 runs" in capsys.readouterr().out


def test_what_only_the_databases_had_is_named(folder):
    shutil.rmtree(folder / "journal")
    (folder / "catalog.db").write_bytes(b"")
    assert any("only there: first" in sentence for sentence in repair(Place(folder)).done)


def test_it_waits_for_who_files(folder):
    lock = StoreLock(folder)
    assert lock.take()
    with pytest.raises(CatalogueBusy, match="repair it when that has ended"):
        repair(Place(folder))
    lock.give_back()


def test_what_the_store_can_never_take_is_said_once(folder):
    pairs = list(documents(uid="never", time=3.0))
    pairs[4][1]["data"]["why"] = {"no": "text"}
    pairs[6][1]["data"]["why"] = 7.0
    with Catalogue(folder, writing=True) as catalogue:
        record(catalogue, pairs)
        (problem,) = [p for p in catalogue.problems if "cannot be in the catalogue" in p]
        assert "it is kept and read in its journal" in problem
        assert not any("next opened" in problem for problem in catalogue.problems)
        assert set(catalogue.broker) == {"first"}
    for _ in range(2):
        with Catalogue(folder, writing=True) as catalogue:
            assert catalogue.problems == []
            assert_same(catalogue["never"].documents(), pairs)
    (journal,) = (folder / "journal").glob("*never*")
    assert len(reading.read_ends(journal).refused) == 1
    found = repair(Place(folder))
    assert found.done == ()
    assert "Run never cannot be in the catalogue" in found.left[0]


def test_what_an_earlier_version_could_not_file_is_tried_again(folder, monkeypatch):
    def earlier(name, doc):
        if "merit" in doc.get("data", ()):
            raise ValueError("Column names must be unique when converted to lower case.")
        return to_columns(name, doc)

    with monkeypatch.context() as patched, Catalogue(folder, writing=True) as catalogue:
        patched.setattr("reactune.analysis.storage.stores.tiled_runs.to_columns", earlier)
        pairs = record(catalogue, documents(uid="later", time=3.0))
        assert any("cannot be in the catalogue" in problem for problem in catalogue.problems)
    found = repair(Place(folder))
    assert found.left == ()
    assert "Run later was filed anew from its journal." in found.done
    with Catalogue(folder) as catalogue:
        assert set(catalogue.broker) == {"first", "later"}
        assert_same(catalogue["later"].documents(), pairs)


NASTY = ["a?b#c%20d  Müller 実験", 'it\'s "quoted"\nnew line;b&c=[d]']


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_a_folder_works(tmp_path, name):
    folder = tmp_path / name
    with Catalogue(folder, writing=True) as catalogue:
        emitted = record(catalogue, documents(uid="named", time=1.0))
        assert catalogue.problems == []
        assert catalogue.broker["named"]["primary"].read().sizes["time"] == 3
    with Catalogue(folder, writing=True) as catalogue:
        assert catalogue.problems == []
        assert_same(catalogue["named"].documents(), emitted)
        assert catalogue.broker["named"]["primary"].read().sizes["time"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (folder / "catalog.db").stat().st_size > 10_000


def test_a_folder_is_compared_with_its_journals(folder, capsys):
    verify = ("catalogue", "verify", "--catalogue", str(folder))
    assert main([*verify]) == 0
    assert f"1 run with 10 documents compared in {folder}: all as they were" in (
        capsys.readouterr().out
    )
    with Catalogue(folder) as catalogue:
        start = catalogue.broker["first"].metadata["start"]
        catalogue.broker["first"].update_metadata({"start": {**start, "plan_name": "count"}})
    assert main([*verify]) == 1
    told = capsys.readouterr().out
    assert "Run first: the start document: plan_name is 'optimise', there 'count'." in told
    assert f"reactune catalogue repair --catalogue {folder}" in told
    assert main(["catalogue", "repair", "--catalogue", str(folder)]) == 0
    assert "Run first was filed anew from its journal." in capsys.readouterr().out
    assert main([*verify]) == 0
