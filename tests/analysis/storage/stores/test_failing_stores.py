"""Stores that fail, are late or are not there: the journal goes on."""

import errno
import io

import pytest

from reactune.analysis.storage.catalogue import (
    Catalogue,
)
from reactune.analysis.storage.journals import journal
from reactune.analysis.storage.journals.spill import Spill
from reactune.analysis.storage.place import Place
from reactune.analysis.storage.recorder import Recorder
from reactune.analysis.storage.stores.journal_only import JournalOnly
from reactune.analysis.storage.stores.table import UnknownStore
from tests.analysis.storage.samples import (
    assert_same,
    documents,
    interleaved,
    no_space,
    record,
    write_journal,
)


class Shelves(JournalOnly):
    """A store that counts what it is given, and fails where it is told to."""

    note = "The shelves creak."

    def __init__(self, folder, *, writing=False):
        super().__init__(folder, writing=writing)
        self.given: dict[str, list[str]] = {}
        self.files: list[str] = []
        self.sealed: set[str] = set()
        self.fails: dict[str, Exception] = {}

    def may(self, what: str) -> None:
        if error := self.fails.get(what):
            raise error

    def names(self):
        self.may("names")
        return super().names()

    def writer(self, start):
        given = self.given[start["uid"]] = []

        def write(name, doc):
            self.may(f"{name} of {start['uid']}")
            given.append(name)

        return write

    def lacks(self, path):
        self.may("lacks")
        return path.stem not in self.sealed

    def refile(self, path):
        self.may("refile")
        self.files.append(path.stem)

    def seal(self, path):
        self.sealed.add(path.stem)

    def close(self):
        self.may("close")
        super().close()


@pytest.fixture
def shelves(tmp_path) -> Shelves:
    return Shelves(tmp_path)


@pytest.fixture
def opener(shelves):
    return lambda folder, writing: shelves


def test_a_store_that_fails_in_any_way_costs_no_run(opener, shelves, tmp_path):
    write_journal(tmp_path, documents(uid="before", time=0.5))
    ill = RuntimeError("the shelves are on fire\nat 7")
    shelves.fails |= {"lacks": ill, "close": ill}
    with Catalogue(tmp_path, writing=True, store=opener) as catalogue:
        runs = {uid: list(documents(uid=uid, time=t)) for uid, t in (("one", 1.0), ("two", 2.0))}
        for pairs in runs.values():
            record(catalogue, pairs)
        assert list(shelves.given) == ["one", "two"]  # the thread that files goes on
        assert [run.uid for run in catalogue.runs()] == ["two", "one", "before"]
    told = "cannot be told (RuntimeError: the shelves are on fire)."
    assert [problem.startswith("Whether run before") for problem in catalogue.problems].count(True)
    assert sum(told in problem for problem in catalogue.problems) == len(shelves.given) + 1
    assert "does not close (RuntimeError: the shelves are on fire)." in catalogue.problems[-1]


def test_a_store_that_cannot_say_its_note_does_not_open(shelves, tmp_path):
    class Silent(Shelves):
        @property
        def note(self):
            raise RuntimeError("it has lost its tongue")

    with Catalogue(tmp_path, writing=True, store=Silent) as catalogue:
        record(catalogue, documents(uid="one", time=1.0))
        assert [run.uid for run in catalogue.runs()] == ["one"]
    assert "does not open (RuntimeError: it has lost its tongue)" in catalogue.problems[0]


def test_what_a_store_did_not_take_is_filed_when_the_run_ends(opener, shelves, tmp_path, caplog):
    shelves.fails["event of first"] = OSError(errno.EIO, "the disk of the catalogue is ill\nat 7")
    with Catalogue(tmp_path, writing=True, store=opener) as catalogue:
        one = list(documents(uid="first", time=1.0))
        record(catalogue, interleaved(one, documents(4, uid="second", time=2.0)))
        assert catalogue.problems == [
            "The shelves creak.",
            "Run first: the catalogue did not take a document of kind event (OSError: [Errno 5] "
            "the disk of the catalogue is ill); it is in the journal, and is filed again when the "
            "run ends.",
        ]
        assert catalogue.problems == caplog.messages
        assert_same(catalogue["first"].documents(), one)
    assert shelves.files == ["19700101T000001.000000_first"]
    assert len(shelves.sealed) == 2
    assert shelves.given["first"] == ["start", "descriptor", "descriptor"]
    assert shelves.given["second"] == ["start", "descriptor", "descriptor", *["event"] * 8, "stop"]


def test_what_a_store_could_not_file_is_filed_when_it_is_next_opened(opener, shelves, tmp_path):
    shelves.fails = {"stop of ill": OSError("too full"), "refile": OSError("too full")}
    with Catalogue(tmp_path, writing=True, store=opener) as catalogue:
        record(catalogue, documents(uid="ill"))
        *_, first, second = catalogue.problems
        assert "document of kind stop (OSError: too full)" in first
        assert "Run ill is not in the catalogue (OSError: too full)" in second
    shelves.fails = {}
    with Catalogue(tmp_path, writing=True, store=opener) as catalogue:
        assert catalogue.problems == ["The shelves creak."]
    assert len(shelves.files) == len(shelves.sealed) == 1


def test_once_the_process_ends_the_store_is_given_nothing(opener, shelves, tmp_path):
    problems: list[str] = []
    recorder = Recorder(Place(tmp_path), opener, Spill(tmp_path), problems.append)
    pairs = list(documents(uid="late"))
    for pair in pairs[:4]:
        recorder.record(*pair)
    assert recorder.flush(60)
    recorder.leave()
    for pair in pairs[4:]:
        recorder.record(*pair)
    recorder.close(60)
    assert problems == ["The shelves creak."]
    assert shelves.given["late"] == ["start", "descriptor", "descriptor", "event"]
    assert not shelves.sealed
    with Catalogue(tmp_path) as catalogue:
        assert_same(catalogue["late"].documents(), pairs)


def test_without_its_store_the_journal_goes_on(tmp_path):
    def broken(folder, writing):
        if not writing:
            return JournalOnly(folder)
        raise RuntimeError("no such table: nodes")

    with Catalogue(tmp_path, writing=True, store=broken) as catalogue:
        emitted = record(catalogue, documents(uid="alone"))
        assert_same(catalogue["alone"].documents(), emitted)
        (problem,) = catalogue.problems
        assert "does not open (RuntimeError: no such table: nodes)" in problem


def test_a_store_that_cannot_be_read_keeps_no_journal_from_being_read(opener, shelves, tmp_path):
    write_journal(tmp_path, documents(uid="alone"))
    shelves.fails["names"] = RuntimeError("no such table: nodes")
    catalogue = Catalogue(tmp_path, store=opener)
    assert catalogue["alone"].uid == "alone"
    assert catalogue["alo"].uid == "alone"
    assert "Only runs with a journal are listed (RuntimeError: no such" in catalogue.problems[0]


def test_a_run_that_only_the_store_has_is_read_from_there(tmp_path):
    emitted = list(documents(uid="elsewhere", simulated=True))
    write_journal(tmp_path, emitted)
    other = JournalOnly(tmp_path)
    with Catalogue(tmp_path / "new", store=lambda folder, writing: other) as catalogue:
        assert catalogue["else"].start == emitted[0][1]
        assert catalogue.runs()[0].events == 3
        assert catalogue.runs()[0].exit_status == "success"


def test_the_store_can_be_chosen(monkeypatch, tmp_path):
    with pytest.raises(
        UnknownStore, match=r"The store 'paper' is not known; known: tiled, journal"
    ):
        Catalogue(tmp_path, store="paper")
    monkeypatch.setenv("REACTUNE_STORE", "rock")
    with pytest.raises(UnknownStore, match=r"The store 'rock' of \$REACTUNE_STORE is not known"):
        Catalogue(tmp_path)
    with pytest.raises(io.UnsupportedOperation, match="with its journals alone"):
        Catalogue(tmp_path, store="journal").broker  # noqa: B018 - a property that opens
    monkeypatch.delenv("REACTUNE_STORE")
    with pytest.raises(FileNotFoundError, match="There is no catalogue in"):
        Catalogue(tmp_path).broker  # noqa: B018 - a property that opens


@pytest.mark.parametrize(("ended", "leaving"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("lost", [True, False])
def test_what_no_disk_took_is_tried_again_at_the_end(tmp_path, monkeypatch, ended, leaving, lost):
    problems: list[str] = []
    recorder = Recorder(Place(tmp_path), JournalOnly, Spill(tmp_path), problems.append)
    pairs = list(documents(uid="fuller"))[: None if ended else -1]
    with monkeypatch.context() as patch:
        for number, pair in enumerate(pairs):
            if number == 4:
                patch.setattr(journal.os, "write", no_space)
                if leaving:  # the interpreter ends while the stop document waits for the store
                    recorder.leave()
            recorder.record(*pair)
        assert recorder.flush(60)
        if lost:
            recorder.close(60)
    if not lost:
        recorder.close(60)
    assert ("ARE LOST" in problems[-1]) is lost
    with Catalogue(tmp_path) as reader:
        assert_same(reader["fuller"].documents(), pairs[:4] if lost else pairs)
