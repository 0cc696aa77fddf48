"""The contract of `Store`, which every implementation keeps."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from reactune.analysis.storage.journals import names
from reactune.analysis.storage.run import Run
from reactune.analysis.storage.stores.store import Opener, Store
from reactune.analysis.storage.stores.table import STORES
from tests.analysis.storage.samples import Pair, documents, write_journal


class Shelf:
    """A folder with a store that is open for writing."""

    def __init__(self, folder: Path, opener: Opener) -> None:
        self.folder, self.opener = folder, opener
        self.store: Store = opener(folder, writing=True)

    def give(self, *runs: Iterable[Pair]) -> None:
        """As the recorder does: journals first, then the documents, of all runs by turns."""
        pairs = [list(run) for run in runs]
        paths = [write_journal(self.folder, run) for run in pairs]
        writers = [self.store.writer(run[0][1]) for run in pairs]
        for turn in itertools.zip_longest(*pairs):
            for write, pair in zip(writers, turn, strict=True):
                if write and pair:
                    write(*pair)
        for path in paths:
            self.store.seal(path)

    def run(self, uid: str) -> Run:
        (name,) = [name for name in self.store.names() if name.endswith(f"_{uid}")]
        return Run(uid, lambda: self.store.documents(name))


@pytest.mark.parametrize("kind", STORES)
def test_opened_for_reading_an_empty_folder_stays_empty(kind, tmp_path):
    store = STORES[kind](tmp_path / "new", writing=False)
    assert not store.names()
    with pytest.raises(OSError, match=str(tmp_path / "new")):
        store.broker  # noqa: B018 - a property that opens
    store.close()
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module", params=STORES)
def shelf(request, tmp_path_factory) -> Iterator[Shelf]:
    it = Shelf(tmp_path_factory.mktemp(request.param), STORES[request.param])
    assert it.store.note == ""
    assert not it.store.names()
    yield it
    it.store.close()
    it.store.close()


class TestStore:
    """Whatever is stored where."""

    def test_a_run_is_listed_and_given_back(self, shelf):
        pairs = list(documents(uid="given", time=1.2e9, problem={"title": "I", "batch": 7}))
        shelf.give(pairs)
        name = names.run_name(pairs[0][1])
        assert name in shelf.store.names()
        ends = shelf.store.ends(name)
        assert (ends.start, ends.stop) == (pairs[0][1], pairs[-1][1])
        run = shelf.run("given")
        assert (run.start, run.stop) == (ends.start, ends.stop)
        assert set(run.streams) == {"primary", "decision"}
        table = run.table()
        assert list(table["x"]) == [0.1, 1.1, 2.1]
        np.testing.assert_array_equal(table["trace"][2], [1, np.nan, 1 / 3, -0.0])
        assert list(run.table("decision")["why"]) == ["class 0", "class 1", "class 2"]
        np.testing.assert_array_equal(run.table("decision")["merit"], [0.1, np.nan, np.inf])

    def test_runs_that_are_open_at_once_stay_apart(self, shelf):
        shelf.give(
            documents(2, uid="first", time=2.0, simulated=True),
            documents(4, uid="second", time=1.0, simulated=True),
        )
        for uid, events in (("first", 2), ("second", 4)):
            words = [data["why"] for data in shelf.run(uid).events("decision")]
            assert words == [f"class {n}" for n in range(events)]

    def test_a_run_that_was_cut_off_is_forgotten_and_filed_whole(self, shelf):
        pairs = list(documents(uid="cut off", time=3.0))
        path = write_journal(shelf.folder, pairs)
        if write := shelf.store.writer(pairs[0][1]):
            for name, doc in pairs[:5]:
                write(name, doc)
        shelf.store.refile(path)
        shelf.store.seal(path)
        assert list(shelf.run("cut off").table()["x"]) == [0.1, 1.1, 2.1]
        assert shelf.run("cut off").stop == pairs[-1][1]

    def test_a_run_is_lacked_until_it_is_sealed(self, shelf):
        path = write_journal(shelf.folder, documents(uid="sealed", time=4.0))
        shelf.store.refile(path)
        for _ in range(2):
            shelf.store.seal(path)
            assert not shelf.store.lacks(path)
            assert list(shelf.store.names()).count(path.stem) == 1

    def test_a_reader_lists_what_the_writer_stored(self, shelf):
        shelf.give(documents(uid="reader", time=5.0))
        reader = shelf.opener(shelf.folder, writing=False)
        assert set(reader.names()) == set(shelf.store.names())
        reader.close()
