"""Results in files of other software: what is read, and what is refused rather than guessed."""

import base64
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from reactune.analysis.analytics import from_start, to_start
from reactune.analysis.analytics.resulttable import Quantity, ResultTable

WIDE = ResultTable((Quantity("P", column="P", sd="sd"), Quantity("S", column="S")))
LONG = ResultTable(
    (
        Quantity("P", column="Area %", row="product", unit="%"),
        Quantity("S", column="Area %", row="side", unit="%"),
    ),
)
KEYED = ResultTable((Quantity("P", key="peaks.0.x", sd="peaks.0.sd"), Quantity("S", key="S")))


def event(name: str, raw: bytes) -> dict:
    return {"file": name, "file_content": base64.b64encode(raw).decode(), "file_delay": 800.0}


def workbook(rows, percent: bool = False) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    if percent:
        for cells in book.active.iter_rows(min_row=2):
            for cell in cells:
                cell.number_format = "0.0 %"
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("analytics", "name", "raw"),
    [
        (WIDE, "r.csv", b"P,sd,S\n0.25,0.01,0.75\n"),
        (WIDE, "r.csv", b"\xef\xbb\xbfP;sd;S\r\n0.25;0.01;0.75\r\n"),
        (WIDE, "r.txt", b"P\tsd\tS\n0.25\t0.01\t0.75\t\n"),
        (WIDE, "r.txt", b"P    sd   S\n0.25 0.01 0.75"),
        (WIDE, "r", b"P|sd|S\n0.25|0.01|0.75"),
        (WIDE, "r.csv", "Date,today\nSample,µ\n\nNo,S,P,sd\n1,0.75,0.25,1e-2\n".encode("utf-16")),
        (WIDE, "r.csv", "Opérateur;é\nS;P;sd\n0.75;0.25;0.01\n".encode("cp1252")),
        (WIDE, "r.xlsx", workbook([["Report"], ["P", "sd", "S"], [0.25, 0.01, 0.75]])),
        (WIDE, "r.XLSX", workbook([["P", "sd", "S"], ["0.25", "0.01", 0.75]])),
        (LONG, "r.csv", b"Peak,RT,Area %\nfront,1,2\nproduct,5.2,25.0\nside,7,75 %\nsum,,102\n"),
        (LONG, "r.xlsx", workbook([["", "Area %"], ["product", 25], ["side", 75.0]])),
        (LONG, "r.xlsx", workbook([["", "Area %"], ["product", 0.25], ["side", 0.75]], True)),
        (KEYED, "r.json", b'{"peaks": [{"x": 0.25, "sd": 0.01}], "S": 0.75}'),
    ],
)
def test_what_is_read(analytics, name, raw):
    found = analytics.measure(event(name, raw))
    assert found.reason == ""
    assert found.valid
    assert found.values == pytest.approx({"P": 0.25, "S": 0.75})
    told = found.sd["P"]
    assert math.isnan(told) if analytics is LONG else told == 0.01
    assert math.isnan(found.sd["S"])


def test_a_decimal_comma_is_one_where_the_rig_file_says_so():
    comma = ResultTable(WIDE.quantities, decimal=",")
    raw = b"P;sd;S\r\n0,25;0,01;0,75\r\n"
    assert comma.measure(event("r.csv", raw)).values == {"P": 0.25, "S": 0.75}
    assert WIDE.measure(event("r.csv", raw)).reason == (
        "r.csv says P = '0,25', which is no number: write decimal = \",\" into the rig file"
    )
    quoted = b'P,sd,S\n"0,25","0,01","0,75"\n'
    assert comma.measure(event("r.csv", quoted)).values == {"P": 0.25, "S": 0.75}
    bare = comma.measure(event("r.csv", b"P,sd,S\n0,25,0,01,0,75\n"))
    assert "has 6 cells in the row of P and 3 titles" in bare.reason


def test_a_title_with_a_unit_is_not_read_as_two_between_spaces():
    found = WIDE.measure(event("r.txt", b"P [%]\tsd\tS\n0.25\t0.01\t0.75\n"))
    assert not found.valid
    assert "has 3 cells in the row of P and 4 titles" in found.reason


@pytest.mark.parametrize(
    ("analytics", "name", "raw", "reason"),
    [
        (WIDE, "r.csv", b"P,S\n0.25,0.75\n", "r.csv has no column 'sd'; its columns are P, S: "),
        (WIDE, "r.csv", b"P,sd,S,P\n1,0,0,0\n", "r.csv has 2 columns 'P'"),
        (WIDE, "r.csv", b"P,sd,S\n", "r.csv has no rows with results: one is looked for"),
        (WIDE, "r.csv", b"P,sd,S\n1,0,0\n0,0,1\n", "has 2 rows with results: one is looked for"),
        (WIDE, "r.csv", b"P,sd,S\n1,0,\n,,0\n", "has 2 rows with results"),
        (WIDE, "r.csv", b"P,sd,S\n1.2,0,0\n", "says P = '1.2', which is outside 0 to 1"),
        (WIDE, "r.csv", b"P,sd,S\n-0.01,0,0\n", "says P = '-0.01', which is outside 0 to 1"),
        (WIDE, "r.csv", b"P,sd,S\nn.d.,0,0\n", "says P = 'n.d.', which is no number"),
        (WIDE, "r.csv", b"P,sd,S\n<0.01,0,0\n", "says P = '<0.01', which is no number"),
        (WIDE, "r.csv", b"P,sd,S\nnan,0,0\n", "which is no number"),
        (WIDE, "r.csv", b"P,sd,S\n1e999,0,0\n", "which is no number"),
        (WIDE, "r.csv", b"P,sd,S\n0_1,0,0\n", "which is no number"),
        (WIDE, "r.csv", b"P,sd,S\n0.2,0,\n", "says S = nothing, which is no number"),
        (WIDE, "r.csv", b"P,sd,S\n25 %,0,0\n", 'is no number: write unit = "%" into the rig'),
        (WIDE, "r.csv", b"P,sd,S\n0.2,-1,0\n", "says the sd of P = '-1'; none is below 0"),
        (WIDE, "r.csv", b"\x00\x01\x02", "r.csv is no text and no format known here"),
        (WIDE, "r.csv", b"", "r.csv has no column 'P'"),
        (WIDE, "r.xlsx", b"PK\x03\x04broken", "r.xlsx is no Excel workbook"),
        (LONG, "r.csv", b"Peak,Area %\nproduct,120\nside,1\n", "outside 0 to 1 (0 to 100 %)"),
        (LONG, "r.csv", b"Peak,Area %\nproduct,1\n", "has no rows with 'side'"),
        (LONG, "r.csv", b"Peak,Area %\nproduct,1\nproduct,2\nside,1\n", "2 rows with 'product'"),
        (KEYED, "r.json", b'{"peaks": [], "S": 1}', "r.json has no '0' of 'peaks.0.x' for P"),
        (KEYED, "r.json", b'{"peaks": [{"x": true, "sd": 0}], "S": 1}', "peaks.0.x = true, which"),
        (KEYED, "r.json", b'{"peaks": [{"x": NaN, "sd": 0}], "S": 1}', "which is no number"),
        (KEYED, "r.json", b'{"peaks": [{"x": 0, "sd": 0}], "S": 1, "S": 0}', "has a key twice"),
        (KEYED, "r.json", b'{"peaks": [{"x"', "r.json is no JSON"),
        (
            KEYED,
            "r.json",
            b'{"peaks": [{"x": 1' + b"0" * 400 + b', "sd": 0}], "S": 1}',
            "which no float holds",
        ),
        (KEYED, "r.json", b"[" * 100_000, "r.json is no JSON"),
    ],
)
def test_what_is_refused(analytics, name, raw, reason):
    found = analytics.measure(event(name, raw))
    assert not found.valid
    assert all(map(math.isnan, found.values.values()))
    assert reason in found.reason
    assert found.reason.startswith(name)
    assert len(found.reason) < 400


def test_an_event_without_a_file_is_refused():
    assert WIDE.measure({}).reason == "the event holds no result file"
    assert WIDE.measure({"file": "a", "file_content": "%"}).reason.endswith("holds no result file")


FRACTIONS = st.floats(0, 1)


@given(
    st.tuples(FRACTIONS, FRACTIONS, FRACTIONS),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.permutations(["P", "S", "sd", "other"]),
)
def test_every_delimiter_gives_back_what_was_written(values, delimiter, comma, titles):
    comma = comma and delimiter != ","
    said = dict(zip(("P", "S", "sd"), map(repr, values), strict=True)) | {"other": "x"}
    if comma:
        said = {k: v.replace(".", ",") for k, v in said.items()}
    rows = [["made", "today"], titles, [said[t] for t in titles]]
    raw = "".join(delimiter.join(row) + "\r\n" for row in rows).encode()
    found = ResultTable(WIDE.quantities, "," if comma else ".").measure(event("r.csv", raw))
    assert found.reason == ""
    assert (found.values["P"], found.values["S"], found.sd["P"]) == values


@given(st.binary(max_size=60), st.sampled_from(["r.csv", "r.json", "r.xlsx"]))
def test_no_bytes_give_more_than_a_reason(raw, name):
    analytics = KEYED if name == "r.json" else WIDE
    found = analytics.measure(event(name, raw))
    assert found.valid == (found.reason == "")


def test_the_start_document_keeps_the_mapping():
    for analytics in (WIDE, LONG, KEYED, ResultTable((Quantity("c", column="c", unit="mM"),), ",")):
        assert from_start(json.loads(json.dumps(to_start(analytics)))) == analytics
    with pytest.raises(ValueError, match="unknown colum of a quantity"):
        ResultTable.from_dict({"quantities": [{"name": "P", "colum": "P"}]})
    with pytest.raises(ValueError, match="quantities must be a list"):
        ResultTable.from_dict({})
    with pytest.raises(ValueError, match="each by its name"):
        ResultTable((Quantity("P", column="a"), Quantity("P", column="b")))


def test_amounts_are_taken_as_they_are():
    amounts = ResultTable((Quantity("c", column="c", unit="mM"), Quantity("P", column="P")))
    assert (amounts.kind, amounts.units) == ("positive", {"c": "mM", "P": "1"})
    assert amounts.measure(event("r.csv", b"c,P\n12.5,0.5\n")).values == {"c": 12.5, "P": 0.5}
    assert "no amount is below 0" in amounts.measure(event("r.csv", b"c,P\n-1,0.5\n")).reason
    assert amounts.duration({"file_delay": 800.0}) == 800
