"""What a rig file says of other software's analysis."""

import pytest
import tomli_w

from reactune.devices.rigfile import RigError, load, parse
from tests.plans.software import COLUMNS, KEYS, ROWS, tables


def said(rig) -> str:
    with pytest.raises(RigError) as told:
        parse(tomli_w.dumps(rig), "my.toml")
    return str(told.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "tabel"}, "analytics.kind = 'tabel' cannot be used"),
        ({"folder": 7}, "analytics.folder = 7 cannot be used"),
        ({"fodler": "x"}, "analytics.fodler = 'x' is no key of a rig file: did you mean 'folder'"),
        ({"files": "result.csv"}, "'result.csv' names no new file for each injection: give a pat"),
        ({"files": "../*.csv"}, "give a pattern with a * in it, inside the folder"),
        ({"files": "**/*.csv"}, "give a pattern with a * in it, inside the folder"),
        ({"files": "/data/*.csv"}, "give a pattern with a * in it, inside the folder"),
        ({"files": ""}, "files = '' names no new file"),
        ({"duration": None}, "duration is missing: say how long an analysis takes [s]"),
        ({"timeout": 700}, "timeout = 700 s ends before an analysis of 780 s has settled for 5 s"),
        ({"settle": 0}, "analytics.settle = 0 cannot be used"),
        ({"channel": "254"}, "channel: only for kind = 'trace'; delete it"),
        ({"quantities": {}}, 'quantities is missing: say where the file tells each quantity, such'),
        ({"quantities": KEYS}, "quantities.X0: in files '*.csv' a value is found by its column"),
        ({"quantities": ROWS, "files": "*.json"}, "a value is found by its key, not by a column"),
        ({"quantities": {"P": {"colum": "P"}}}, "quantities.P.colum = 'P' is no key of a rig file"),
        ({"decimal": ";"}, "analytics.decimal = ';' cannot be used"),
        ({"kind": "trace"}, "duration, quantities: only for kind = 'table'"),
    ],
)  # fmt: skip
def test_errors_name_key_value_and_cure(changes, sentence):
    rig = tables()
    rig["analytics"] |= changes
    rig["analytics"] = {key: value for key, value in rig["analytics"].items() if value is not None}
    told = said(rig)
    assert told.startswith("my.toml: analytics")
    assert sentence in told


def test_there_is_one_analysis():
    walker = load("walker").model_dump(mode="json", by_alias=True, exclude_none=True)
    both = tables() | {"detector": walker["detector"], "transports": walker["transports"]}
    assert "detector: with [analytics] other software analyses, and nobody uses this" in said(both)
    assert "chromatogram: with [analytics] other software" in said(
        tables() | {"chromatogram": walker["chromatogram"]}
    )
    neither = tables()
    del neither["analytics"]
    assert said(neither) == "my.toml: detector is missing: add it"
    no_method = tables("trace")
    del no_method["chromatogram"]
    assert said(no_method) == "my.toml: chromatogram is missing: add it"
    short = tables("trace", timeout=780)
    assert "timeout = 780 s ends before an analysis of 780 s has settled" in said(short)


def test_a_meter_reads_volts_and_not_too_often():
    walker = load("walker").model_dump(mode="json", by_alias=True, exclude_none=True)
    walker["chromatogram"] |= {"rate": 20}
    assert "chromatogram.rate = 20 Hz is more than a meter is read at: 10 Hz" in said(walker)
    walker["chromatogram"] |= {"rate": 1, "unit": "mAU"}
    assert "unit: the meter of a rig reads the light on the photodiode in V" in said(walker)
    of_software = tables("trace")
    of_software["chromatogram"]["rate"] = 20
    assert parse(tomli_w.dumps(of_software)).analysis_duration == 780


def test_what_is_stated_is_what_is_stored():
    for kind in ("table", "trace"):
        rig = parse(tomli_w.dumps(tables(kind)))
        stated = rig.model_dump(mode="json", by_alias=True)
        assert type(rig).model_validate(stated) == rig
    assert set(rig.model_dump(exclude_none=True)) >= {"analytics", "chromatogram"}
    assert (
        parse(tomli_w.dumps(tables())).analytics.quantities["X1"].column == COLUMNS["X1"]["column"]
    )
