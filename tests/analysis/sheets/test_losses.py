"""What of a workbook would be lost with what is added is named, and the workbook left alone."""

import io
import zipfile
from pathlib import Path

import openpyxl
import PIL.Image
import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.asking import Asking
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError

PROBLEM = Problem.load(
    {"maximise": "y", "measured": ["y"], "variables": {"x": (0, 1000)}, "budget": 9}
)


@pytest.fixture
def path(tmp_path) -> Path:
    made = openpyxl.Workbook()
    for row in (["x", "y"], [1, 5]):
        made.active.append(row)
    made.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


@pytest.mark.parametrize(
    ("part", "content", "what"),
    [
        ("xl/drawings/drawing9.xml", b"<a><xdr:sp macro=''/></a>", "text boxes or shapes"),
        ("xl/threadedComments/threadedComment1.xml", b"<x/>", "threaded comments"),
        ("xl/media/image9.emf", b"\x01\0\0\0", "pictures that are no PNG or JPEG, or lie el"),
        (
            "xl/drawings/drawing9.xml",
            b"<xdr:pic></xdr:pic>",
            "pictures that are no PNG or JPEG, or lie el",
        ),
        ("xl/drawings/drawing9.xml", b"<a:srcRect l='9'/>", "pictures that are cropped"),
        ("xl/charts/chartEx1.xml", b"<cx/>", "charts of Excel's newer kinds"),
        ("xl/charts/chart9.xml", b"<c15:datalabelsRange/>", "labels of charts that are taken fro"),
        ("xl/richData/rdrichvalue.xml", b"<rvData/>", "pictures or data types in cells"),
        ("xl/connections.xml", b"<connections/>", "queries or connections to data elsewhere"),
        ("customXml/item1.xml", b"<DataMashup/>", "queries or connections to data elsewhere"),
        ("xl/model/item.data", b"x", "a data model"),
        ("xl/timelines/timeline1.xml", b"<timelines/>", "timelines"),
        ("xl/drawings/vmlDrawing9.vml", b'<x:ClientData ObjectType="Button">', "buttons or other"),
        ("docMetadata/LabelInfo.xml", b"<labels/>", "a sensitivity label"),
        ("xl/newest/one1.xml", b"<x/>", r"a part that is not known here .xl/newest/one1.xml."),
        ("xl/worksheets/sheet9.xml", b"<newest >", "something that is not known here .newest."),
        ("xl/worksheets/sheet9.xml", b"<protectedRanges >", "ranges that a protected sheet lets"),
        ("xl/worksheets/sheet9.xml", b'<c r="A1" cm="1">', "formulas that fill further cells by"),
        ("xl/worksheets/sheet9.xml", b'<c r="A1" t="e" vm="1">', "pictures or data types in cel"),
        ("xl/worksheets/sheet9.xml", b"<legacyDrawingHF />", "pictures in its header or footer"),
        ("xl/worksheets/sheet9.xml", b"<x14:conditionalFormattings >", "conditional formats, val"),
    ],
)
def test_a_workbook_that_would_lose_something_is_left_alone(path, part, content, what) -> None:
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr(part, content)
    before = path.read_bytes()
    asking = Asking(PROBLEM, Results.open(path, PROBLEM))
    with pytest.raises(
        SheetError,
        match=rf"has {what}.*, which would be lost with what is added; .*, or save it as .csv",
    ):
        asking.ask(1)
    assert path.read_bytes() == before


_TYPED = {
    "xl/printerSettings/printerSettings1.bin": "vnd.openxmlformats-officedocument.spreadsheetml."
    "printerSettings",
    "xl/calcChain.xml": "vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml",
    "xl/persons/person.xml": "vnd.ms-excel.person+xml",
    "xl/charts/style1.xml": "vnd.ms-office.chartstyle+xml",
}


def test_what_a_workbook_has_besides_survives_or_is_made_again(path) -> None:
    made = openpyxl.load_workbook(path)
    sheet, dots = made.active, io.BytesIO()
    PIL.Image.new("RGB", (4, 3)).save(dots, "PNG")
    sheet.add_image(openpyxl.drawing.image.Image(dots), "H2")
    chart = openpyxl.chart.LineChart()
    chart.append(openpyxl.chart.Series(openpyxl.chart.Reference(sheet, 3, 2, 3, 9), title="x"))
    sheet.add_chart(chart, "H9")
    sheet["A2"].comment = openpyxl.comments.Comment("stirred", "Ann")
    sheet.freeze_panes, sheet.auto_filter.ref = "A2", "A1:D9"
    sheet.conditional_formatting.add(
        "C2:C9",
        openpyxl.formatting.rule.ColorScaleRule("min", None, "FF0000", "max", None, "00FF00"),
    )
    choice = openpyxl.worksheet.datavalidation.DataValidation("list", '"1,2"')
    choice.add("A2:A9")
    sheet.add_data_validation(choice)
    made.create_sheet("other").append(["a"])
    made["other"].add_table(openpyxl.worksheet.table.Table(displayName="T", ref="A1:A2"))
    made.save(path)
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    types = "".join(
        f'<Override PartName="/{part}" ContentType="application/{kind}" />'
        for part, kind in _TYPED.items()
    )
    ends = content["[Content_Types].xml"].replace(b"</Types>", f"{types}</Types>".encode())
    content |= {"[Content_Types].xml": ends, "docProps/thumbnail.png": b"\x89PNG"}
    shelf = (
        b'<p:properties xmlns:p="http://schemas.microsoft.com/office/2006/metadata/properties"/>'
    )
    content |= {"customXml/item1.xml": shelf, "customXml/itemProps1.xml": b"<x/>"}
    with zipfile.ZipFile(path, "w") as parts:
        for name, text in (content | dict.fromkeys(_TYPED, b"<x/>")).items():
            parts.writestr(name, text)
    Asking(PROBLEM, Results.open(path, PROBLEM)).ask(2)
    after = openpyxl.load_workbook(path).worksheets
    assert (len(after[0]._images), len(after[0]._charts)) == (1, 1)
    assert after[0]["A2"].comment.text == "stirred"
    assert len(after[0].conditional_formatting) == 1
    assert list(after[1].tables) == ["T"]
    assert after[0].max_row == 4


_EMPTY = (
    b'<sheetCalcPr fullCalcOnLoad="1"/><phoneticPr fontId="1"/><dataValidations count="0"/>'
    b'<printOptions headings="false" gridLines="false"/><headerFooter><oddHeader/></headerFooter>'
    b'<rowBreaks count="0" manualBreakCount="0"/><ignoredErrors/><tableParts count="0"/>'
)


def test_what_other_programs_write_though_it_is_empty_is_no_loss(path) -> None:
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    sheet = content["xl/worksheets/sheet1.xml"]
    assert b"</sheetData>" in sheet
    content["xl/worksheets/sheet1.xml"] = sheet.replace(b"</sheetData>", b"</sheetData>" + _EMPTY)
    with zipfile.ZipFile(path, "w") as parts:
        for name, text in content.items():
            parts.writestr(name, text)
    Asking(PROBLEM, Results.open(path, PROBLEM)).ask(2)
    assert len(Results.open(path, PROBLEM).entries) == 3
