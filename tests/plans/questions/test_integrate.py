"""``reactune integrate`` and ``calibrate``: files of any kind, by a method file, to a table."""

import csv
import json
import struct
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from scipy.io import netcdf_file
from scipy.stats import exponnorm

from reactune.devices import load
from reactune.devices.methodfile import load_method
from reactune.plans.cli import main
from reactune.plans.hplc_method import method_of
from reactune.plans.questions.integration import calibrated_text

RATE = 2.0  # Hz
MINUTES = np.arange(1200) / 60 / RATE
TIMES = {"A": 3.0, "B": 5.0, "S": 7.5}


def peak(name, **more):
    at = TIMES[name]
    shape = {"time": at, "window": [at - 0.8, at + 0.8], "width": 0.1, "tail": 0.05}
    return {"name": name, **shape, "response": 1.0, **more}


METHOD = {"unit": "mAU", "start": 1.0, "peaks": [peak("A"), peak("B", response=2.0)]}


@pytest.fixture
def method(tmp_path):
    def write(**changes):
        path = tmp_path / "m.toml"
        path.write_text("# ours\n" + tomli_w.dumps(METHOD | changes))
        return str(path)

    return write


def signal(seed=0, minutes=MINUTES, **areas):
    """Absorbance [mAU] of areas [AU min] on a sloping baseline."""
    y = np.random.default_rng(seed).normal(0.0, 0.02, len(minutes)) + 3 + 0.2 * minutes
    for name, area in (areas or {"A": 0.01, "B": 0.06}).items():
        y += 1000 * area * exponnorm.pdf(minutes, 0.5, TIMES[name], 0.1)
    return y


def table(head, delimiter, y, minutes=MINUTES, comma=False, scale=1.0):
    rows = (f"{scale * t:.5f}{delimiter}{v:.5f}" for t, v in zip(minutes, y, strict=True))
    return head + "\n".join(r.replace(".", ",") if comma else r for r in rows) + "\n"


TEXTS = {
    "plain": table("", "\t", signal()),
    "comma.csv": table("Sample,run 7\nTime (min),Signal (mAU)\n", ",", signal()),
    "semicolon.csv": table("Zeit [s];Signal [mAU]\n", ";", signal(), comma=True, scale=60),
    "spaces.txt": table("R.Time  Intensity\n", "  ", signal()),
    "au.txt": table("Time [min]\tAbsorbance [AU]\n", "\t", signal() / 1000),
    "footer.txt": "[Header]\nDate;x\n\n" + table("min\tmAU\n", "\t", signal()) + "[End]\n",
    "few-digits.txt": "".join(
        f"{t:.2f} {y:.3f}\n" for t, y in zip(MINUTES, signal(), strict=True) if t < 9
    ),
    "hours.csv": table("Time [h],Signal [mAU]\n", ",", signal(), scale=1 / 60),
    "micro.csv": table("Time [min],Signal [µAU]\n", ",", 1000 * signal()),
    "times-behind.csv": "Signal [mAU],Time [min]\n"
    + "".join(f"{y:.5f},{t:.5f}\n" for t, y in zip(MINUTES, signal(), strict=True)),
    "decimal-commas.txt": table("Time\tValue\n", "\t", signal(), comma=True),
}


def andi(path, y, unit=b"mAU"):
    """A chromatogram by the rules of ANDI/AIA: netCDF-3, dimension point_number."""
    with netcdf_file(path, "w") as file:
        file.aia_template_revision = b"1.0"
        file.detector_unit, file.retention_unit = unit, b"seconds"
        file.createDimension("point_number", len(y))
        for key, value in (("actual_sampling_interval", 1 / RATE), ("actual_delay_time", 0.0)):
            file.createVariable(key, "f", ())[...] = value
        file.createVariable("ordinate_values", "f", ("point_number",))[:] = y


def chemstation(path, y):
    """A channel by the rules of ChemStation's format 130: deltas of 16 bits, or 32 bits whole."""
    raw = bytearray(0x1800)

    def text(at, words, encoding="utf-16-le"):
        raw[at : at + 1 + len(words.encode(encoding))] = bytes([len(words)]) + words.encode(
            encoding
        )

    text(0, "130", "ascii")
    text(0x104C, "mAU")
    text(0x1075, "DAD1A, Sig=390,4 Ref=off")
    struct.pack_into(">ii", raw, 0x11A, 0, int(60000 * MINUTES[-1]))
    struct.pack_into(">d", raw, 0x127C, 1e-3)
    whole = np.rint(y * 1000).astype(int)
    for start in range(0, len(whole), 200):
        piece = whole[start : start + 200]
        raw += struct.pack(">BB", 0x10, len(piece))
        for i, value in enumerate(piece):
            delta = value - whole[start + i - 1] if start + i else 1 << 20
            near = abs(delta) < 32000
            raw += struct.pack(">h", delta) if near else struct.pack(">hi", -32768, value)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(raw) + b"\0\0")


def integrated(capsys, *arguments, code=0):
    assert main(["integrate", *map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_signal_is_read_by_its_own_times(tmp_path, method, capsys):
    """Beside a running number, and beside another signal with times of its own."""
    numbered = tmp_path / "numbered.csv"
    rows = enumerate(zip(MINUTES, signal(), strict=True), 1)
    numbered.write_text("No,Time [min],Signal\n" + "".join(f"{i},{t},{y}\n" for i, (t, y) in rows))
    pairs = tmp_path / "pairs.csv"
    later = signal(minutes=MINUTES + 0.4)
    both = zip(MINUTES, signal(), later, strict=True)
    pairs.write_text(
        "Time [min],254 nm,Time [min],280 nm\n"
        + "".join(f"{t:.5f},{y:.5f},{t + 0.4:.5f},{z:.5f}\n" for t, y, z in both)
    )
    for file, channel in ((numbered, "Signal"), (pairs, "254"), (pairs, "280")):
        (row,) = integrated(capsys, file, "--method", method(), "--channel", channel)
        assert row["valid"], row
        assert "shift" not in row["flags"]
        assert row["A"] == pytest.approx(0.25, abs=3 * row["A_sd"] + 1e-3)


def test_microvolts_are_counts_and_no_absorbance(tmp_path, method, capsys):
    (tmp_path / "uv.txt").write_text(table("Time [min]\tSignal [uV]\n", "\t", signal()), "utf-8")
    counts = method(unit="counts", per_au=1000.0)
    (row,) = integrated(capsys, tmp_path / "uv.txt", "--method", counts)
    assert row["A"] == pytest.approx(0.25, abs=3 * row["A_sd"] + 1e-3)
    (row,) = integrated(capsys, tmp_path / "uv.txt", "--method", method(), code=2)
    assert 'is in uV, and the method\'s unit is mAU: write unit = "counts", and' in row["reason"]


def test_every_kind_of_file_gives_the_same(tmp_path, method, capsys):
    pytest.importorskip("rainbow")
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "windows.txt").write_bytes(TEXTS["plain"].replace("\n", "\r\n").encode("utf-16"))
    (tmp_path / "german.txt").write_bytes(
        TEXTS["semicolon.csv"].replace("Z", "ä Z").encode("cp1252")
    )
    andi(tmp_path / "x.cdf", signal())
    chemstation(tmp_path / "x.D" / "DAD1A.ch", signal())
    names = [*TEXTS, "windows.txt", "german.txt", "x.cdf", "x.D", "x.D/DAD1A.ch"]
    rows = integrated(capsys, *(tmp_path / n for n in names), "--method", method())
    for row in rows:
        assert row["valid"], row
        assert row["A"] == pytest.approx(0.25, abs=3 * row["A_sd"] + 1e-3), row
        assert row["A"] + row["B"] == pytest.approx(1)
        assert row["A_sd"] < 0.02
    assert len({round(row["A"], 3) for row in rows}) <= 2


def test_a_trace_of_light_without_times(tmp_path, method, capsys):
    (tmp_path / "v.txt").write_text("\n".join(f"{8 * 10 ** (-y / 1e4):.6f}" for y in signal()))
    (tmp_path / "c.txt").write_text("\n".join(f"{y * 50:.3f}" for y in signal()))
    light = method(unit="V", lamp=8.0, rate=RATE)
    assert integrated(capsys, tmp_path / "v.txt", "--method", light)[0]["A"] == pytest.approx(
        0.25, abs=0.02
    )
    counts = method(unit="counts", per_au=50_000, rate=RATE)
    assert integrated(capsys, tmp_path / "c.txt", "--method", counts)[0]["A"] == pytest.approx(
        0.25, abs=0.01
    )


def test_one_that_cannot_be_read_costs_its_row(tmp_path, method, capsys):
    (tmp_path / "good.txt").write_text(TEXTS["plain"])
    (tmp_path / "words.txt").write_text("nothing but words\n" * 20)
    (tmp_path / "two.csv").write_text("t,a,b\n" + "".join(f"{i},1,2\n" for i in range(99)))
    (tmp_path / "back.txt").write_text("time\tmAU\n" + "1\t2\n" * 50)
    (tmp_path / "volts.txt").write_text(TEXTS["comma.csv"].replace("(mAU)", "(V)"))
    (tmp_path / "bad.cdf").write_bytes(b"CDF\x01" + bytes(range(200)))
    (tmp_path / "bad.ch").write_bytes(b"\x03130" + b"\xff" * 9000)
    (tmp_path / "flat.txt").write_text(table("", "\t", 0 * MINUTES))
    names = ["good", "words", "two", "back", "volts", "none", "flat"]
    paths = [tmp_path / f"{n}.txt" if n != "two" else tmp_path / "two.csv" for n in names]
    out = tmp_path / "out.csv"
    paths += [tmp_path / "bad.cdf", tmp_path / "bad.ch"]
    assert main(["integrate", *map(str, paths), "--method", method(), "--csv", str(out)]) == 2
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert list(rows[0]) == ["file", "A", "A_sd", "B", "B_sd", "valid", "flags", "reason"]
    assert [row["valid"] for row in rows] == ["true"] + 8 * ["false"]
    assert [row["A"] for row in rows[1:]] == 8 * [""]
    reasons = [row["reason"] for row in rows]
    for reason, words in zip(
        reasons[1:],
        ["no table of 10", "say which with --channel", "do not increase", "is in V", "cannot be r",
         "stuck", "damaged netCDF", ""],
        strict=True,
    ):  # fmt: skip
        assert words in reason
        assert reason
    assert "good.txt: A 0.25" in capsys.readouterr().out
    flat = integrated(capsys, tmp_path / "flat.txt", "--method", method())  # read, yet not valid
    assert not flat[0]["valid"]
    picked = ["--channel", "b", "--method", method()]
    assert "several" not in integrated(capsys, tmp_path / "two.csv", *picked)[0]["reason"]


def test_without_the_library_the_cure_is_named(tmp_path, method, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rainbow", None)
    chemstation(tmp_path / "x.D" / "DAD1A.ch", signal())
    row = integrated(capsys, tmp_path / "x.D", "--method", method(), code=2)[0]
    assert "pip install 'reactune[vendor]'" in row["reason"]


def standards(tmp_path, rows, known):
    lines = ["file," + ",".join(known[0])]
    for i, (areas, k) in enumerate(zip(rows, known, strict=True)):
        (tmp_path / f"s{i}.txt").write_text(table("", "\t", signal(seed=i, **areas)))
        lines.append(f"s{i}.txt," + ",".join(map(str, k.values())))
    (tmp_path / "standards.csv").write_text("\n".join(lines) + "\n")
    return str(tmp_path / "standards.csv")


def test_fractions_are_calibrated_and_the_file_keeps_its_comments(tmp_path, method, capsys):
    x = [0.1, 0.3, 0.5, 0.8]
    rows = [{"A": 0.03 * a * 3, "B": 0.03 * (1 - a)} for a in x]
    table_ = standards(tmp_path, rows, [{"A": a, "B": 1 - a} for a in x])
    new, plot = tmp_path / "new.toml", tmp_path / "off.png"
    told = ["calibrate", table_, "--method", method(), "-o", str(new), "--plot", str(plot)]
    assert main(told) == 0
    assert "4 standards" in capsys.readouterr().out
    assert new.read_text().startswith("# ours\n")
    assert plot.read_bytes().startswith(b"\x89PNG")
    a, b = load_method(new).peaks
    assert a.response / b.response == pytest.approx(3, rel=0.01)
    row = integrated(capsys, tmp_path / "s1.txt", "--method", new)[0]
    assert row["A"] == pytest.approx(0.3, abs=0.005)


def test_amounts_by_a_curve_and_an_internal_standard(tmp_path, method, capsys):
    three = [peak("A"), peak("B"), peak("S")]
    stated = method(peaks=three, amounts="mM", standard={"peak": "S", "amount": 2.0})
    x = np.array([0.5, 1, 2, 3, 4, 5.0])
    # injections of unequal volume: only the ratio to the standard tells
    volume = np.array([1, 1.3, 0.8, 1.1, 0.9, 1.2])
    rows = [
        {"A": v * (0.01 * c - 5e-4 * c**2), "B": v * 0.004 * c, "S": v * 0.02}
        for c, v in zip(x, volume, strict=True)
    ]
    known = standards(tmp_path, rows, [{"A": c, "B": c} for c in x])
    new = str(tmp_path / "new.toml")
    told = ["calibrate", known, "--method", stated, "-o", new, "--curve", "quadratic"]
    assert main(told) == 0
    capsys.readouterr()
    a = load_method(new).peaks[0]
    assert a.response == pytest.approx(1.0, rel=0.02)
    assert a.curvature == pytest.approx(-0.05, rel=0.1)
    row = integrated(capsys, tmp_path / "s3.txt", "--method", new)[0]
    assert set(row) == {"file", "A", "A_sd", "B", "B_sd", "valid", "flags", "reason"}
    assert row["A"] == pytest.approx(3, abs=0.05)
    assert row["B"] == pytest.approx(3, abs=0.05)
    assert 0 < row["A_sd"] < 0.1
    linear = ["calibrate", known, "--method", stated, "-o", new, "--intercept"]
    assert main(linear) == 0
    assert load_method(new).peaks[0].intercept > 0
    capsys.readouterr()
    (tmp_path / "t.txt").write_text(table("", "\t", signal(A=0.01, B=0.01)))
    row = integrated(capsys, tmp_path / "t.txt", "--method", new)[0]
    assert "standard S does not stand out" in row["reason"]


def test_what_cannot_be_calibrated_is_said(tmp_path, method, capsys):
    known = standards(tmp_path, [{"A": 0.01}], [{"A": 1.0}])
    told = ["calibrate", known, "-o", str(tmp_path / "n.toml"), "--method"]
    assert main([*told, method()]) == 2
    assert "has no column B; it needs file, A, B" in capsys.readouterr().err
    assert main([*told, method(), "--curve", "quadratic"]) == 2
    assert "a curve needs amounts" in capsys.readouterr().err
    assert main([*told, method(amounts="mM", peaks=[peak("A")])]) == 2
    assert "A has 1 standards" in capsys.readouterr().err


def test_the_copy_of_a_rig_file_is_a_rig_file(tmp_path):
    rig = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    (tmp_path / "rig.toml").write_text(rig)
    before = load(tmp_path / "rig.toml")
    method = method_of(before.chromatogram)
    peaks = tuple(replace(p, response=2 * p.response, response_sd=1e-5) for p in method.peaks)
    text = calibrated_text(tmp_path / "rig.toml", replace(method, peaks=peaks))
    (tmp_path / "new.toml").write_text(text)
    after = load(tmp_path / "new.toml")
    for old, new in zip(before.chromatogram.peaks, after.chromatogram.peaks, strict=True):
        assert new.response == pytest.approx(2 * old.response)
        assert new.response_sd == 1e-5
    assert after.model_copy(update={"chromatogram": before.chromatogram}) == before
    assert [line for line in rig.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]


def test_no_other_file_is_written_over(tmp_path, method, capsys):
    trace, results = tmp_path / "run.csv", tmp_path / "results.csv"
    trace.write_text(TEXTS["comma.csv"], "utf-8")
    stated = method()
    own = Path(stated).read_text()
    assert main(["integrate", str(trace), "--method", stated, "--csv", str(results)]) == 0
    assert main(["integrate", str(trace), "--method", stated, "--csv", str(results)]) == 0  # ours
    assert main(["integrate", str(trace), "--method", stated, "--csv", str(trace)]) == 2
    assert "run.csv is there already, and is something else" in capsys.readouterr().err
    assert trace.read_text("utf-8") == TEXTS["comma.csv"]
    table = tmp_path / "standards.csv"
    table.write_text("file,A,B\nrun.csv,0.25,0.75\nrun.csv,0.25,0.75\n")
    for target in (trace, table, Path(stated)):
        assert main(["calibrate", str(table), "--method", stated, "-o", str(target)]) == 2
        assert f"{target} is there already; name another file" in capsys.readouterr().err
    assert (trace.read_text("utf-8"), Path(stated).read_text()) == (TEXTS["comma.csv"], own)
    lost = str(tmp_path / "no" / "x.csv")
    assert main(["integrate", str(trace), "--method", stated, "--csv", lost]) == 2
    assert f"{lost} cannot be used (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("file,A,B\n", "has no rows below its titles; add one for each standard"),
        ("file,A,B\nrun.csv,,0.1\n", "row 2: A is empty; write the known fraction"),
        ("file,A,B\nrun.csv,1,0\nrun.csv,0,1\n", "says two things of run.csv"),
        ("file,A,B\nrun.csv,0.25,0.75\nno.csv,1,0\n", "left out: no.csv cannot be read"),
    ],
)
def test_standards_that_say_too_little_are_refused(tmp_path, method, capsys, rows, said):
    (tmp_path / "run.csv").write_text(TEXTS["comma.csv"], "utf-8")
    table = tmp_path / "standards.csv"
    table.write_text(rows)
    new = str(tmp_path / "new.toml")
    assert main(["calibrate", str(table), "--method", method(), "-o", new]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_known_amounts_are_in_the_unit_of_their_title(tmp_path, method, capsys):
    (tmp_path / "run.csv").write_text(TEXTS["comma.csv"], "utf-8")
    twice = signal(A=0.02, B=0.12)
    (tmp_path / "twice.csv").write_text(table("Time (min),Signal (mAU)\n", ",", twice), "utf-8")
    known, stated = tmp_path / "standards.csv", method(amounts="mM")
    responses = []
    for unit, scale in (("mM", 1), ("M", 1000)):
        rows = f"run.csv,{1 / scale},{2 / scale}\ntwice.csv,{2 / scale},{4 / scale}\n"
        known.write_text(f"file,A [{unit}],B [{unit}]\n{rows}")
        new = tmp_path / f"{unit}.toml"
        assert main(["calibrate", str(known), "--method", stated, "-o", str(new)]) == 0
        responses.append([peak.response for peak in load_method(new).peaks])
    assert responses[0] == pytest.approx(responses[1])
    known.write_text("file,A [g],B [mM]\nrun.csv,1,2\n")
    assert main(["calibrate", str(known), "--method", stated, "-o", str(tmp_path / "n.toml")]) == 2
    assert "column A: 'g'" in capsys.readouterr().err
