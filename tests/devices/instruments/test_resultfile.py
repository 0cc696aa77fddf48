"""Waiting for the file that other software writes of an injection, on simulated lab time."""

import base64
import hashlib
import io
import os
import threading
import time
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import netcdf_file

from reactune.devices.clock import EmulationToken, RealClock, SimulatedClock
from reactune.devices.instruments import resultfile
from reactune.devices.instruments.arrivals import lacking
from reactune.devices.instruments.interlock import Interlock
from reactune.devices.instruments.resultfile import ResultError, ResultFile
from reactune.devices.resultfile import AnalyticsSpec

WHOLE = b"X1;X2\r\n0,25;0,75\r\n"
PLACES = {"X1": {"column": "X1"}}


def spec(**changes) -> AnalyticsSpec:
    stated = {"kind": "table", "folder": "here", "duration": 100, "timeout": 300, "settle": 20}
    return AnalyticsSpec.model_validate(stated | {"quantities": PLACES} | changes)


class Bench:
    """A device on a clock, and a folder that files come into at lab times."""

    def __init__(self, folder, clock, **changes):
        self.folder, self.clock = folder, clock
        stated = spec(**changes)
        self.device = ResultFile(
            name="results", spec=stated, folder=folder, duration=stated.duration,
            clock=clock, interlock=Interlock(),
        )  # fmt: skip

    def at(self, when: float, name: str, raw: bytes = WHOLE) -> None:
        self.clock.call_at(when, lambda: (self.folder / name).write_bytes(raw), background=True)

    def wait(self) -> ResultFile:
        self.clock.wait(self.device.trigger(), 20)
        return self.device


@pytest.fixture
def clock() -> Iterator[SimulatedClock]:
    it = SimulatedClock(EmulationToken(["socket://nowhere:1"]))
    yield it
    it.close()


@pytest.fixture
def bench(tmp_path, clock) -> Bench:
    return Bench(tmp_path, clock)


def test_the_new_file_is_published_whole(bench):
    (bench.folder / "old.csv").write_bytes(b"X1\n0.9\n")
    os.utime(bench.folder / "old.csv", (4e9, 4e9))  # its clock is of the future
    bench.at(110, "new.csv")
    os.utime(bench.folder, (0, 0))
    found = bench.wait()
    facts = found.facts()
    assert facts["file"] == "new.csv"
    assert base64.b64decode(facts["file_content"]) == WHOLE
    assert facts["file_digest"] == hashlib.sha256(WHOLE).hexdigest()
    assert 130 <= facts["file_delay"] <= 145  # there at 110, and as it is for 20 s
    assert found.read()["results_file"]["value"] == "new.csv"
    assert set(found.describe()) == set(found.read())


def test_a_progress_bar_sees_it_go_on(bench):
    shown = []
    bench.at(110, "new.csv")
    status = bench.device.trigger()
    status.watch(lambda **told: shown.append(told["current"]))
    bench.clock.wait(status, 20)
    assert shown == sorted(shown)
    assert len({current for current in shown if 0 < current < 90}) > 10


def test_a_file_of_the_past_by_its_clock_is_new_all_the_same(bench):
    def come() -> None:
        path = bench.folder / "new.csv"
        path.write_bytes(WHOLE)
        os.utime(path, (1e9, 1e9))

    bench.clock.call_at(110, come, background=True)
    assert bench.wait().file.get() == "new.csv"


def test_a_file_that_is_being_written_is_waited_for(bench):
    for k in range(1, len(WHOLE) + 1):
        bench.at(100 + 5 * k, "new.csv", WHOLE[:k])
    facts = bench.wait().facts()
    assert base64.b64decode(facts["file_content"]) == WHOLE


def test_one_size_from_the_start_is_no_whole_file(bench):
    """Some systems make room for a file before there is anything in it."""
    for k in range(8):
        bench.at(105 + 15 * k, "new.csv", WHOLE[: 2 * k].ljust(len(WHOLE) - 1) + b"\n")
    bench.at(225, "new.csv")
    assert base64.b64decode(bench.wait().content.get()) == WHOLE


@pytest.mark.parametrize(
    ("come", "sentence"),
    [
        ([], r"no new file \*\.csv has come into .* within 300 s of the injection: look at the so"),
        ([(50, "old.csv", WHOLE)], "old.csv was there before and has been written anew"),
        ([(50, "e.csv", WHOLE)], "e.csv was finished within 90 s and taken for an earlier"),
        ([(110, "h.csv", WHOLE[:-4])], "300 s after the injection h.csv ends in the middle of a l"),
        ([(110, "h.csv", b"")], "h.csv is empty"),
        ([(295, "new.csv", WHOLE)], "new.csv is still being written"),
        ([(110, "a.csv", WHOLE), (110, "b.csv", WHOLE)], "2 new files have come into .*: a.csv, b"),
        ([(110, "a.csv", WHOLE), (112, "b.csv", WHOLE[:3])], "nobody can tell which is this inje"),
        ([(110, "a.txt", WHOLE), (110, "~$a.csv", WHOLE)], "no new file"),
    ],
)
def test_what_is_not_surely_the_whole_file_fails_with_its_reason(bench, come, sentence):
    (bench.folder / "old.csv").write_bytes(b"X1\n0.9\n")
    for when, name, raw in come:
        bench.at(when, name, raw)
    with pytest.raises(ResultError, match=sentence):
        bench.wait()
    assert bench.device.interlock.fault
    assert not bench.device.interlock.passing


def test_what_there_was_of_a_half_written_file_is_kept(bench):
    bench.at(110, "new.csv", WHOLE[:9])
    with pytest.raises(ResultError):
        bench.wait()
    assert base64.b64decode(bench.device.facts()["file_content"]) == WHOLE[:9]


def test_an_early_file_that_goes_on_growing_is_this_injections(bench):
    bench.at(1, "new.csv", b"X1;X2\r\n")
    bench.at(105, "new.csv")
    assert base64.b64decode(bench.wait().content.get()) == WHOLE


def test_a_folder_that_is_gone_for_a_while_costs_nothing(bench, tmp_path):
    away = tmp_path.parent / f"{tmp_path.name}-away"
    bench.clock.call_at(120, lambda: tmp_path.rename(away), background=True)
    bench.clock.call_at(200, lambda: away.rename(tmp_path), background=True)
    bench.at(210, "new.csv")
    assert bench.wait().file.get() == "new.csv"


def test_a_folder_that_is_gone_for_good_is_named(bench, tmp_path):
    away = tmp_path.parent / f"{tmp_path.name}-away"
    bench.clock.call_at(120, lambda: tmp_path.rename(away), background=True)
    with pytest.raises(ResultError, match=r"analytics\.folder = .* cannot be read \(No such file"):
        bench.wait()


def test_nothing_is_injected_where_no_folder_is(tmp_path, clock):
    bench = Bench(tmp_path / "none", clock)
    with pytest.raises(ResultError, match="cannot be read"):
        bench.device.connect()
    with pytest.raises(ResultError, match="cannot be read"):
        bench.wait()


@pytest.mark.parametrize("after", [1, 50, 99])
def test_the_file_of_an_injection_that_was_given_up_is_not_the_next_ones(bench, after):
    bench.at(110, "first.csv", b"X1;X2\r\n1;0\r\n")
    given_up = bench.device.trigger()
    bench.clock.wait(bench.clock.timer(after))
    bench.device.stop()
    assert not bench.device.recording
    bench.at(250, "second.csv")
    found = bench.wait()
    assert found.file.get() == "second.csv"
    assert given_up.done  # together with the second


def test_a_drive_that_hangs_holds_up_neither_stop_nor_safe_state(tmp_path, monkeypatch):
    """A network drive may keep whoever asks it for minutes."""
    hang, asked = threading.Event(), threading.Event()
    clock = RealClock()
    bench = Bench(tmp_path, clock, duration=0.1, settle=0.01)
    monkeypatch.setattr(resultfile, "look", lambda *_: asked.set() or hang.wait(30))
    status = bench.device.trigger()
    assert asked.wait(10)
    start = time.monotonic()
    bench.device.stop()
    assert time.monotonic() - start < 0.5
    assert not bench.device.recording
    assert not status.done
    hang.set()
    clock.close()


def test_a_drive_that_hangs_for_good_is_named(tmp_path, monkeypatch):
    hang = threading.Event()
    clock = RealClock()
    bench = Bench(tmp_path, clock, duration=0.05, settle=0.01, timeout=0.2)
    monkeypatch.setattr(resultfile, "look", lambda *_: hang.wait(30))
    with pytest.raises(ResultError, match="does not answer: see to the drive it is on"):
        clock.wait(bench.device.trigger(), 10)
    hang.set()
    clock.close()


def _workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("x", "y" * 100)
    return file.getvalue()


def _netcdf() -> bytes:
    file = io.BytesIO()
    with netcdf_file(file, "w") as cdf:
        cdf.createDimension("point_number", 12)
        cdf.createVariable("ordinate_values", "f", ("point_number",))[:] = range(12)
        cdf.flush()
        return file.getvalue()


@pytest.mark.parametrize(
    ("files", "name", "raw"),
    [("*.xlsx", "r.xlsx", _workbook()), ("*.json", "r.json", b'{"a": [1, {"b": 0.25}]}'),
     ("*.csv", "r.csv", WHOLE), ("*.cdf", "r.cdf", _netcdf()),
     ("*.txt", "r.txt", "X1\n0,5 \u00b5\n".encode("utf-16"))],
)  # fmt: skip
def test_what_breaks_off_anywhere_is_not_whole(files, name, raw):
    places = {"X1": {"key": "a"}} if files == "*.json" else PLACES
    stated = spec(files=files, quantities=places)

    @given(st.integers(0, len(raw) - 1))
    def broken_off(end: int) -> None:
        if raw[:end].rstrip(b"\0").endswith(b"\n"):
            return  # at the end of a line: that a row is missing shows when it is read
        assert lacking(name, raw[:end], stated)

    broken_off()
    assert lacking(name, raw, stated) == ""


def test_a_text_ends_as_the_rig_file_says():
    assert lacking("r.csv", b"X1\n0.5", spec(end="")) == ""
    assert lacking("r.csv", b"X1\n0.5\nEnd of report  \r\n", spec(end="End of report")) == ""
    assert "does not end with" in lacking("r.csv", b"X1\n0.5\n", spec(end="End of report"))
