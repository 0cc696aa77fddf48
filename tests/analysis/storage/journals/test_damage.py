"""Journals with damaged lines: the line is lost, named, and nothing else."""

import json

import numpy as np
import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import journal, reading
from reactune.analysis.storage.journals.encoding import JournalError
from tests.analysis.storage.samples import assert_same, documents, record, write_journal

START, PRIMARY, DECISION, EVENT, STOP = 2, 3, 4, 7, 11  # lines; EVENT is the second of primary


@pytest.fixture
def pairs():
    return list(documents(uid="ill", time=1e9, simulated=True))


def damage(path, number, how=lambda line: line[:40] + b"\x07" + line[41:]):
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = how(lines[number - 1])
    path.write_bytes(b"\n".join(lines))
    return path


def old_format(path):
    """The same journal as format 1 had it: without checksums."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    lines[0]["journal"] = 1
    for line in lines:
        del line["crc"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("line", "sentence", "left"),
    [
        (1, "it held the header, which names the format; nothing else is lost.", 10),
        (START, "it held the start document: what was asked for, seed and method are lost", 10),
        (PRIMARY, "it held a descriptor, which named a stream and its units; the events", 10),
        (EVENT, "it held event 2 of stream primary, which the tables and reports", 9),
        (STOP, "it held the stop document: why the run ended is lost.", 9),
    ],
)
def test_a_damaged_line_costs_that_line_and_is_named(tmp_path, pairs, line, sentence, left):
    path = damage(write_journal(tmp_path, pairs), line)
    catalogue = Catalogue(tmp_path)
    assert [run.uid for run in catalogue.runs()] == ["ill"]
    run = catalogue["ill"]
    assert len(run.documents()) == left  # what others refer to is stood in for
    assert set(run.streams) == {"primary", "decision"}
    (problem,) = catalogue.problems
    assert problem.startswith(f"Line {line} of the journal {path} is damaged: {sentence}")
    whole = {0.1, 1.1, 2.1} - ({1.1} if line == EVENT else set())
    assert {data["x"] for data in run.events("primary")} == whole
    for name, doc in run.documents():
        assert "lost" in doc or (name, doc["uid"]) in [(n, d["uid"]) for n, d in pairs]


@pytest.mark.parametrize("line", range(1, 12))
def test_a_damaged_run_is_filed_with_what_is_left_and_said_once(tmp_path, pairs, line):
    path = damage(write_journal(tmp_path, pairs), line)
    with Catalogue(tmp_path, writing=True) as catalogue:
        assert catalogue["ill"].stop is not None
        assert catalogue.runs()[0].exit_status == ("fail" if line == STOP else "success")
        named = [problem for problem in catalogue.problems if problem.startswith("Line")]
        assert len(named) == 1
    assert not journal.is_being_written(path)


def test_lines_that_ran_together_are_told_apart(tmp_path, pairs):
    path = write_journal(tmp_path, pairs)
    content = bytearray(path.read_bytes())
    ends = [at for at, byte in enumerate(content) if byte == ord("\n")]
    content[ends[4]] ^= 4
    path.write_bytes(content)
    contents = reading.read(path)
    assert_same(contents.documents, pairs)
    assert "is damaged: it held the end of a line; nothing is lost" in contents.damages[0]


@pytest.mark.parametrize("seed", range(8))
def test_no_changed_byte_is_ever_believed(tmp_path, pairs, seed):
    path = write_journal(tmp_path, pairs)
    journal.mark_filed(path, "here")
    sound = path.read_bytes()
    rng = np.random.default_rng(seed)
    emitted = {doc["uid"]: doc for _, doc in pairs}
    for _ in range(60):
        content = bytearray(sound)
        content[rng.integers(len(content) - 1)] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        contents = reading.read(path)
        assert len(contents.damages) in (1, 2)  # two if the byte became the end of a line
        for _, doc in contents.documents:
            if "lost" not in doc:
                np.testing.assert_equal(doc, emitted[doc["uid"]])
        assert len(contents.documents) >= len(pairs) - 1
        reading.read_ends(path)


def test_the_old_format_is_read_continued_and_forgiven_a_line(tmp_path, pairs):
    path = old_format(write_journal(tmp_path, pairs[:-1]))
    assert_same(reading.read(path).documents, pairs[:-1])
    assert "recovered from the journal" in journal.recover(path)
    journal.mark_filed(path, "here")
    ends = reading.read_ends(path)
    assert (ends.format, ends.stop["recovered"], ends.filed) == (1, True, {"here"})
    assert_same(reading.read(path).documents[:-1], pairs[:-1])
    damage(path, EVENT, lambda line: line[:60])
    contents = reading.read(path)
    assert "Line 7 of" in contents.damages[0]
    assert len(contents.documents) == len(pairs) - 1
    damage(path, 1)
    assert len(reading.read(path).documents) == len(pairs) - 1


def test_a_line_without_its_checksum_is_not_believed(tmp_path, pairs):
    path = damage(
        write_journal(tmp_path, pairs), EVENT, lambda line: line[: line.rindex(b", ")] + b"}"
    )
    assert "Line 7 of" in reading.read(path).damages[0]


@pytest.mark.parametrize(
    "wrong", [{"data": True}, {"data": {"n": 1}, "seq_num": [1, 2]}, {"time": "noon"}]
)
def test_an_event_that_is_none_is_a_damaged_line(tmp_path, pairs, wrong):
    """Also where its descriptor is lost, for which it would have to stand in."""
    path = damage(old_format(write_journal(tmp_path, pairs)), PRIMARY)

    def other(line):
        item = json.loads(line)
        item["doc"] |= wrong
        return json.dumps(item).encode()

    damage(path, EVENT, other)
    with Catalogue(tmp_path, store="journal") as catalogue:
        kinds = [name for name, _ in catalogue[-1].documents()]
        problems = " ".join(catalogue.problems)
    assert kinds.count("event") == 5
    assert f"Line {EVENT} of the journal" in problems


@pytest.mark.parametrize("columns", [list, np.array])
def test_a_lost_descriptor_is_stood_in_for_by_a_page_of_events(tmp_path, pairs, columns):
    descriptor = next(
        doc for name, doc in pairs if name == "descriptor" and doc["name"] == "primary"
    )
    page = {
        "descriptor": descriptor["uid"],
        "uid": ["a", "b"],
        "time": columns([1.0, 2.0]),
        "seq_num": columns([1, 2]),
        "data": {"x": columns([0.1, 0.2])},
        "timestamps": {"x": columns([1.0, 2.0])},
        "filled": {},
    }
    path = write_journal(tmp_path, [pairs[0], ("descriptor", descriptor), ("event_page", page)])
    damage(path, 3)
    _, (kind, stand_in), _ = reading.read(path).documents
    assert (kind, stand_in["time"]) == ("descriptor", 1.0)
    assert stand_in["data_keys"]["x"] == {"source": "lost", "dtype": "number", "shape": []}


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("event", {"seq_num": np.int64(1)}),
        ("event", {"time": np.float32(1.5)}),
        ("start", {"time": np.int64(1_700_000_000)}),
    ],
)
def test_numbers_of_numpy_are_numbers_in_every_document(tmp_path, pairs, kind, other):
    changed = [(name, doc | other if name == kind else doc) for name, doc in pairs]
    contents = reading.read(write_journal(tmp_path, changed))
    assert contents.damages == ()
    assert_same(contents.documents, changed)


def test_what_is_no_document_is_told_when_it_is_recorded_and_is_not_called_damaged(tmp_path, pairs):
    changed = [(name, doc | {"time": None} if name == "event" else doc) for name, doc in pairs]
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        record(catalogue, changed)
        told = catalogue.problems
    assert sum("lacks what it is read by, such as a number" in line for line in told) == 6
    with Catalogue(tmp_path, store="journal") as catalogue:
        assert catalogue[-1].stop["exit_status"] == "success"
        assert "is as it was written, and lacks what such" in catalogue.problems[0]
        assert not any("damaged" in problem for problem in catalogue.problems)


@pytest.mark.parametrize("name", ["copy", "{} (1)", "{}-old", "x{}", "20270115T080000.0_other"])
def test_a_journal_with_the_name_of_another_run_is_none(tmp_path, pairs, name):
    path = write_journal(tmp_path, pairs)
    copy = path.rename(path.with_name(f"{name.format(path.stem)}.jsonl"))
    for read in reading.read, reading.read_ends:
        if name == "x{}":  # its order is lost, not its run
            assert read(copy)
            continue
        with pytest.raises(JournalError, match=r"is not named after the run .* end its name in _"):
            read(copy)
