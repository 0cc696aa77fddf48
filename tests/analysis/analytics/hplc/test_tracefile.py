"""Chromatograms that other software has written, out of the documents that hold their files."""

import base64
import json
import math

import numpy as np
import pytest

from reactune.analysis.analytics import from_start, to_start
from reactune.analysis.analytics.hplc.files import TraceError, read_trace, trace_in
from reactune.analysis.analytics.hplc.tracefile import TraceFile
from reactune.devices.methodfile import load_method
from reactune.plans.hplc_method import method_of
from tests.plans.questions.test_integrate import (
    METHOD,
    MINUTES,
    RATE,
    andi,
    chemstation,
    signal,
    table,
)


@pytest.fixture
def analytics(tmp_path) -> TraceFile:
    import tomli_w

    path = tmp_path / "m.toml"
    path.write_text(tomli_w.dumps(METHOD | {"rate": RATE}))
    return TraceFile(method_of(load_method(path)), "mAU")


def event(name: str, raw: bytes) -> dict:
    return {"file": name, "file_content": base64.b64encode(raw).decode()}


TEXT = table("Time [min];Signal [mAU]\n", ";", signal(), comma=True).encode()


def test_it_measures_what_the_file_holds(analytics, tmp_path):
    andi(tmp_path / "x.cdf", signal())
    chemstation(tmp_path / "x.D" / "DAD1A.ch", signal())
    files = {
        "x.csv": TEXT,
        "x.cdf": (tmp_path / "x.cdf").read_bytes(),
        "x.D/DAD1A.ch": (tmp_path / "x.D" / "DAD1A.ch").read_bytes(),
    }
    for name, raw in files.items():
        found = analytics.measure(event(name, raw))
        assert found.reason == ""
        assert found.values == pytest.approx({"A": 0.25, "B": 0.75}, abs=0.005)
        assert analytics.trace(event(name, raw)).y.max() > 100
        told = trace_in(name, raw)
        path = tmp_path / name
        if name != "x.csv":
            np.testing.assert_array_equal(told.signal, read_trace(path).signal)


def test_the_trace_is_recorded_at_the_methods_rate_and_of_one_length(analytics):
    trace = analytics.recorded(event("x.csv", TEXT), len(MINUTES) + 10)
    assert len(trace) == len(MINUTES) + 10
    np.testing.assert_allclose(trace[: len(MINUTES)], signal(), atol=0.01)
    assert np.isnan(trace[len(MINUTES) :]).all()
    twice = table("Time [min];Signal [mAU]\n", ";", signal(0, MINUTES), MINUTES / 2).encode()
    half = analytics.recorded(event("x.csv", twice), 600)  # at 4 Hz: every second sample
    np.testing.assert_allclose(half, signal()[::2], atol=0.01)
    assert np.isnan(analytics.recorded({}, 7)).all()


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("x.csv", b"no chromatogram\n", "x.csv holds no table of 10 or more rows of numbers"),
        ("x.csv", table("min;V\n", ";", signal()).encode(), "x.csv is in V, and the method's unit"),
        ("x.csv", b"min;A;B\n" + b"".join(b"%d;1;2\n" % k for k in range(20)),
         "x.csv has several signals: A, B; say which with channel in [analytics]"),
        ("x.cdf", b"CDF\x01" + bytes(range(99)), "x.cdf is a damaged netCDF file"),
        ("x.ch", b"broken", "x.ch"),
        ("x.csv", b"\n".join(TEXT.split(b"\n")[:500]), "B not measured"),  # it ends too soon
    ],
)  # fmt: skip
def test_what_is_no_whole_chromatogram_is_refused(analytics, name, raw, reason):
    found = analytics.measure(event(name, raw))
    assert not found.valid
    assert reason in found.reason
    assert all(map(math.isnan, found.values.values()))


def test_nothing_is_drawn_of_what_cannot_be_read(analytics):
    assert analytics.trace(event("x.csv", b"nothing")) is None
    assert analytics.measure({}).reason == "the event holds no result file"


def test_the_start_document_keeps_method_unit_and_channel(analytics):
    told = TraceFile(analytics.method, "AU", "254")
    assert from_start(json.loads(json.dumps(to_start(told)))) == told
    with pytest.raises(ValueError, match="method: unknown chanel"):
        TraceFile.from_dict({"method": analytics.method.to_dict(), "chanel": "1"})


@pytest.mark.parametrize("delay", [1e30, 1e9])
def test_a_trace_that_begins_absurdly_late_is_refused_and_takes_no_memory(delay):
    rows = "".join(f"{delay * (1 + k / 1e9):.17g};{k}\n" for k in range(20))
    with pytest.raises(TraceError, match="min after injection, with samples"):
        trace_in("x.csv", f"min;mAU\n{rows}".encode()).even(1.0)
