"""Tables as spreadsheets leave them: hidden sheets, formats, marks, what only they can keep."""

import datetime
import re
import resource
import signal
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.asking import Asking
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError

STATED = {
    "maximise": "product",
    "measured": ["product", "sm"],
    "variables": {
        "tau": {"range": (0.5, 10), "unit": "min"},
        "loading": {"range": (1, 20), "unit": "%"},
    },
}
REAL = Problem.load(STATED)
FRACTIONS = Problem.load(STATED | {"kind": "fractions"})
TITLES = ["tau", "loading", "product", "sm"]


def book(path: Path, *rows: list, formats: dict[str, str] | None = None) -> Path:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for place, form in (formats or {}).items():
        made.active[place].number_format = form
    made.save(path)
    return path


def values(path: Path, problem: Problem = FRACTIONS) -> list[tuple[float, ...]]:
    """Give what each row says: the variables, then what was measured."""
    return [
        (*e.conditions.values(), *(e.measurement.values.values() if e.measurement else ()))
        for e in Results.open(path, problem).entries
    ]


def refused(path: Path, problem: Problem = FRACTIONS) -> str:
    with pytest.raises(SheetError) as caught:
        Results.open(path, problem)
    return str(caught.value)


@pytest.mark.parametrize("title", ["product", "product [%]", "product / %"])
def test_a_cell_that_is_shown_as_percent_is_what_it_shows(tmp_path, title) -> None:
    rows = [["tau", "loading", title, "sm"], [1, 0.05, 0.45, 0.5]]
    path = book(tmp_path / "t.xlsx", *rows, formats={"B2": "0%", "C2": "0.0%"})
    assert values(path) == [(1, 5, 0.45, 0.5)]
    # of what is no fraction the title says in which unit the numbers are
    assert values(path, REAL) == [(1, 5, 0.45 if title == "product" else 45, 0.5)]
    plain = book(tmp_path / "p.xlsx", *rows[:1], [1, 5, 45, 0.5], formats={"C2": '0.0"%"'})
    if title != "product":  # the sign is nothing but a text beside 45
        assert values(plain) == [(1, 5, 0.45, 0.5)]


def test_what_is_added_is_not_shown_as_percent(tmp_path) -> None:
    path = book(tmp_path / "t.xlsx", TITLES, [1, 5, 0.4, 0.6], formats={"B3": "0%"})
    (asked,) = Asking(FRACTIONS, Results.open(path, FRACTIONS)).ask(1)
    assert values(path)[1] == tuple(asked.conditions.values())


def test_titles_may_stand_lower_and_cells_have_been_formatted(tmp_path) -> None:
    rows = [[None], [None], TITLES]
    path = book(tmp_path / "t.xlsx", *rows, formats={"A4": "yyyy-mm-dd", "B5": "0%"})
    asks = Asking(FRACTIONS, Results.open(path, FRACTIONS)).ask(2)
    assert [asked.number for asked in asks] == [4, 5]
    assert values(path) == [tuple(asked.conditions.values()) for asked in asks]


def test_merged_cells_are_not_written_to(tmp_path) -> None:
    path = book(tmp_path / "t.xlsx", TITLES, [1, 5, 0.4, 0.6])
    made = openpyxl.load_workbook(path)
    made.active.merge_cells("A3:B4")
    made.save(path)
    asking = Asking(FRACTIONS, Results.open(path, FRACTIONS))
    with pytest.raises(SheetError, match="has merged cells in row 3, where the next experiment be"):
        asking.ask(1)


def test_a_percent_sign_goes_by_the_unit(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tau,loading,product,sm,product_sd\n1,5 %,45 %,0.5,2%\n")
    (entry,) = Results.open(path, FRACTIONS).entries
    assert entry.conditions["loading"] == 5
    assert (entry.measurement.values["product"], entry.measurement.sd["product"]) == (0.45, 0.02)
    path.write_text("tau,loading,product [%],sm,product_sd\n1,5,45,0.5,2\n")
    (entry,) = Results.open(path, FRACTIONS).entries
    assert (entry.measurement.values["product"], entry.measurement.sd["product"]) == (0.45, 0.02)
    path.write_text("tau,loading,product,sm\n5 %,5,0.45,0.5\n")
    assert "row 2: tau is '5 %', which is no number; write the number that was set" in refused(path)


@pytest.mark.parametrize(
    ("text", "problem", "sentence"),
    [
        ("1,5,45 %,0.5\n2,5,50,0.5", REAL, "has product with and without percent signs (45 % in"
         " row 2, 50 in row 3); write all of it in one way"),
        ("1,5,45 %,0.5\n2,5,1.4,0.5", REAL, "has product with and without percent signs (45 % in "
         "row 2, 1.4 in row 3); write all of it in one way, with a percent sign or as fractions"),
        ("1,5,0.95,0.5\n2,5,95 %,0.5", FRACTIONS, "without percent signs (95 % in row 3, 0.95 in"),
        ("1,5,45 %,54", FRACTIONS, "if they are percentages write 54 % for 54, or sm [%] as title"),
        ("1,5,-45,0.5", FRACTIONS, "row 2: product is -45, and no fraction of a whole is below 0"),
        ("1,5,-0.4,0.5", FRACTIONS, "row 2: product is -0.4, and no fraction of a whole is below"),
        ('1,5,"1,234",5', REAL, "row 2: product is '1,234', which may be 1234 or 1.234; write 1234,"
         " or with another digit 1,2340"),
        ("1;5;1.234;5", REAL, "row 2: product is '1.234', which may be 1234 or 1.234; write"),
        ('1.5,5,"1,234",5', REAL, "write all numbers in one way, and none with a mark for thousa"),
        ("1,5,0,5,0,3", REAL, "has 6 cells in row 2 and 4 titles; name every column, and where "
         "numbers have a decimal comma part the cells by semicolons"),
        ('1,5,0.4,"fail\n2,5,0.4,0.3\n', REAL, "has a quotation mark in row 2 that nothing closes"),
        ("1,5,<0.01,0.3", REAL, "product is '<0.01', which is no number; leave it empty while it is"
         " outstanding, write the number to reckon with, or say in a column failed why"),
    ],
)  # fmt: skip
def test_what_may_mean_two_things_is_refused(tmp_path, text, problem, sentence) -> None:
    path = tmp_path / "t.csv"
    mark = ";" if ";" in text else ","
    path.write_text(f"{mark.join(TITLES)}\n{text}\n")
    assert sentence in refused(path, problem)


def test_a_decimal_comma_is_one_where_the_file_tells(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tau;loading;product;sm\n1;5;1,234;5\n")
    assert values(path, REAL) == [(1, 5, 1.234, 5)]
    path.write_text('tau,loading,product,sm\n"0,5",5,"1,234",5\n')
    assert values(path, REAL) == [(0.5, 5, 1.234, 5)]
    path.write_text("tau,loading,product,sm\n1,5,1.234,5\n")
    assert values(path, REAL) == [(1, 5, 1.234, 5)]


@pytest.mark.parametrize(
    ("product", "sd", "shown"),
    [
        ("50 %", "2", "product with and product_sd without percent signs (50 % in row 2, 2 in row"),
        ("50 %", "0.02", "product with and product_sd without percent signs (50 % in row 2, 0.02 "),
        ("0.5", "2 %", "product_sd with and product without percent signs (2 % in row 2, 0.5 in "),
    ],
)
def test_an_uncertainty_is_written_as_what_it_is_of(tmp_path, product, sd, shown) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"tau,loading,product,sm,product_sd\n1,5,{product},0.5,{sd}\n")
    for problem in (REAL, FRACTIONS):
        assert shown in refused(path, problem)
    path.write_text("tau,loading,product,sm,product_sd\n1,5,50 %,0.5,2 %\n2,5,0,0.5,0\n")
    found = [entry.measurement for entry in Results.open(path, REAL).entries]
    assert [(m.values["product"], m.sd["product"]) for m in found] == [(0.5, 0.02), (0, 0)]


def test_a_cell_shown_as_percent_beside_one_that_is_not_may_be_either(tmp_path) -> None:
    rows = [TITLES, [1, 5, 0.45, 0.5], [2, 5, 0.5, 0.4]]
    path = book(tmp_path / "t.xlsx", *rows, formats={"C2": "0.0%"})
    assert "with and without percent signs (45 % in row 2, 0.5 in row 3)" in refused(path)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_fractions_that_are_set_are_added_as_the_others_are_written(tmp_path, ending) -> None:
    problem = Problem.load(
        {"maximise": "y", "measured": ["y"], "variables": {"share": (0.001, 1), "tau": (1, 9)}}
    )
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        path.write_text("share;tau;y\n12,5 %;3;0,2\n")
    else:
        book(path, ["share", "tau", "y"], [0.125, 3, 0.2], formats={"A2": "0.0%"})
    asks = Asking(problem, Results.open(path, problem)).ask(4)
    found = [entry.conditions for entry in Results.open(path, problem).entries]
    assert found == [{"share": 0.125, "tau": 3}, *(asked.conditions for asked in asks)]
    if ending == "csv":
        shown = [line.split(";")[0] for line in path.read_text().splitlines()[1:]]
        assert all(text.endswith(" %") and "." not in text for text in shown)
    else:
        cells = openpyxl.load_workbook(path).active["A"][2:]
        assert all(re.fullmatch(r"0(\.0+)?%", cell.number_format) for cell in cells)


@pytest.mark.parametrize(
    "titles",
    ["tau / min,loading / %", "tau/min,loading [%]", "tau (min),loading", "tau\u00a0[min],loading"],
)
def test_titles_as_journals_write_them(tmp_path, titles) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{titles},product [-],sm / 1,product / sm,note / g\n1,5,0.4,0.6,0.67,x\n")
    assert values(path) == [(1, 5, 0.4, 0.6)]


@pytest.mark.parametrize("how", ["(NMR)", "[GC]", "(19F NMR)", "(isolated; dry)", "(1H)", "/ MS"])
def test_a_column_that_says_how_is_not_the_quantity_itself(tmp_path, how) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        f"tau (planned),tau,loading,product {how},product,product_sd {how},product_sd,sm\n"
        "9,1,5,0.7,0.4,9,0.1,0.6\n"
    )
    (entry,) = Results.open(path, FRACTIONS).entries
    assert entry.conditions == {"tau": 1, "loading": 5}
    assert entry.measurement.values == {"product": 0.4, "sm": 0.6}
    assert entry.measurement.sd["product"] == 0.1
    path.write_text(f"tau,loading,product {how.replace('/ MS', '(MS)')},sm\n1,5,0.4,0.6\n")
    assert values(path) == [(1, 5, 0.4, 0.6)]  # where there is no other


@pytest.mark.parametrize("titles", ["product,product [%]", "product (NMR),product (GC)"])
def test_two_columns_that_may_be_the_quantity_are_refused(tmp_path, titles) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"tau,loading,sm,{titles}\n1,5,0.5,0.4,40\n")
    assert "has two columns product; rename one of them" in refused(path)
    path.write_text("tau,tau [s],loading,product,sm\n1,60,5,0.4,0.6\n")
    assert "has two columns tau; rename one of them" in refused(path)


def test_a_quotient_is_not_taken_for_its_numerator(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tau,loading,sm,product / sm\n1,5,0.4,1.5\n")
    assert "has no column product" in refused(path)


def test_the_first_sheet_is_the_first_that_is_seen(tmp_path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["list of", "flasks"])
    made.active.sheet_state = "hidden"
    sheet = made.create_sheet("results")
    sheet.append(TITLES)
    sheet.append([1, 5, 0.4, 0.6])
    made.active = 1
    made.save(tmp_path / "t.xlsx")
    (asked,) = Asking(FRACTIONS, Results.open(tmp_path / "t.xlsx", FRACTIONS)).ask(1)
    assert values(tmp_path / "t.xlsx") == [(1, 5, 0.4, 0.6), tuple(asked.conditions.values())]
    assert openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets[0].max_row == 1


def test_files_that_are_no_workbooks_are_told_without_words_of_programs(tmp_path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK\x03\x04broken")
    cure = "save it anew as .xlsx, or as .csv"
    assert refused(path) == f"{path} is no Excel workbook that can be read; {cure}"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))
    assert "is an old workbook, or has a password; save it as .xlsx without one" in refused(path)


@pytest.mark.parametrize(("mark", "end"), [(";", "\r\n"), (",", "\n"), ("|", "\n"), ("\t", "\r\n")])
@pytest.mark.parametrize("line", ["sep={}", "SEP={}", '"sep={}"'])
def test_a_line_that_says_what_parts_the_cells_is_no_row(tmp_path, mark, end, line) -> None:
    path = tmp_path / "t.csv"
    rows = ["tau,loading,sm,product,note (a;b)", "1,5,0.4,0.6,", "3,5,0.1,oops,"]
    head = (line.format(mark) + end).encode()
    whole = head + "".join(row.replace(",", mark) + end for row in rows).encode()
    if mark == ";":
        whole = whole.replace(b"(a;b)", b"(a, b)")
    path.write_bytes(whole)
    assert "row 3: product is 'oops'" in refused(path)  # as Excel counts, which hides that line
    path.write_bytes(whole := whole.replace(b"oops", b"0.9"))
    (asked,) = Asking(FRACTIONS, Results.open(path, FRACTIONS)).ask(1)
    assert path.read_bytes().startswith(whole)
    assert asked.number == 4
    assert len(Results.open(path, FRACTIONS).entries) == 3


@pytest.mark.parametrize("name", ["t.pdf", "t.xlsm", "t.xslx"])
def test_a_table_is_not_begun_under_another_name(tmp_path, name) -> None:
    assert "begin one called .xlsx for Excel, or .csv" in refused(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_date_is_no_number(tmp_path) -> None:
    path = book(tmp_path / "t.xlsx", TITLES, [datetime.date(2026, 5, 1), 5, 0.4, 0.6])
    assert "row 2: tau is '2026-05-01 00:00:00', which is no number" in refused(path)


def computed(path: Path, cells: dict[str, tuple[str, float | str]]) -> Path:
    """Put formulas into a workbook, with what a spreadsheet found that they come to."""
    made = openpyxl.load_workbook(path)
    for place, (formula, _) in cells.items():
        made.active[place] = formula
    made.save(path)
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name).decode() for name in parts.namelist()}
    sheet = content["xl/worksheets/sheet1.xml"]
    for place, (_, value) in cells.items():
        kind = ' t="str"' if isinstance(value, str) else ""
        sheet, n = re.subn(
            rf'<c r="{place}"([^>]*)>(<f>.*?</f>)<v ?/?>(?:</v>)?</c>',
            rf'<c r="{place}"\1{kind}>\2<v>{value}</v></c>',
            sheet,
        )
        assert n == 1
    with zipfile.ZipFile(path, "w") as parts:
        for name, text in (content | {"xl/worksheets/sheet1.xml": sheet}).items():
            parts.writestr(name, text)
    return path


def test_what_formulas_came_to_is_a_result_and_the_asks_are_told(tmp_path) -> None:
    path = book(tmp_path / "t.xlsx", TITLES, [1, 5, None, 0.6], [2, 6, None, 0.5], [3, 7])
    empty = '=IF(D4="","",1-D4)'  # prepared for what is outstanding
    computed(path, {"C2": ("=1-D2", 0.4), "C3": ("=1-D3", 0.5), "C4": (empty, "")})
    assert values(path) == [(1, 5, 0.4, 0.6), (2, 6, 0.5, 0.5), (3, 7)]
    results = Results.open(path, FRACTIONS)
    assert not results.uncomputed
    asks = Asking(FRACTIONS, results).ask(2)
    assert [asked.number for asked in asks] == [5, 6]
    assert results.uncomputed
    assert "row 2: product is a formula, and the file does not say what it comes to" in refused(
        path
    )


def test_what_stands_far_below_makes_no_cells_in_between(tmp_path) -> None:
    path = book(tmp_path / "t.xlsx", TITLES, [1, 5, 0.4, 0.6])
    made = openpyxl.load_workbook(path)
    made.active["AZ100000"] = "typed by accident"
    made.save(path)
    tracemalloc.start()
    results = Results.open(path, FRACTIONS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [entry.row for entry in results.entries] == [2]
    assert peak < 1e8  # 5 million cells in between are 2 GB


def test_a_table_of_formulas_alone_is_neither_empty_nor_written_over(tmp_path) -> None:
    elsewhere = [f"=Data!{column}2" for column in "ABCD"]
    path = book(tmp_path / "t.xlsx", TITLES, elsewhere)
    assert "row 2: tau is a formula, and the file does not say" in refused(path)
    found = (1, 5, 0.4, 0.6)
    computed(
        path, dict(zip(["A2", "B2", "C2", "D2"], zip(elsewhere, found, strict=True), strict=True))
    )
    assert values(path) == [found]
    assert [asked.number for asked in Asking(FRACTIONS, Results.open(path, FRACTIONS)).ask(2)] == [
        3,
        4,
    ]
    assert [cell.value for cell in openpyxl.load_workbook(path).active[2]] == elsewhere
    assert "row 2: tau is a formula" in refused(path)  # no results would be forgotten


@pytest.mark.parametrize("title", ["product_sd", "failed"])
def test_a_formula_beside_a_result_is_not_passed_over(tmp_path, title) -> None:
    path = book(tmp_path / "t.xlsx", [*TITLES, title], [1, 5, 0.4, 0.6, "=STDEV(C2,D2)"])
    assert f"row 2: {title} is a formula" in refused(path)


def test_a_choice_that_begins_as_formulas_do_is_a_word(tmp_path) -> None:
    stated = {"gas": {"choices": ["=O", "+N"]}}
    problem = Problem(maximise="y", measured=["y"], variables=stated)
    Asking(problem, Results.open(tmp_path / "t.xlsx", problem)).ask(2)
    found = Results.open(tmp_path / "t.xlsx", problem).entries
    assert {entry.conditions["gas"] for entry in found} == {"=O", "+N"}


def test_letters_below_the_line_stay_there(tmp_path) -> None:
    rich = CellRichText("H", TextBlock(InlineFont(vertAlign="subscript"), "2"), "O")
    path = book(tmp_path / "t.xlsx", [*TITLES, rich], [1, 5, 0.4, 0.6])
    Asking(FRACTIONS, Results.open(path, FRACTIONS)).ask(1)
    kept = openpyxl.load_workbook(path, rich_text=True).active["E1"].value
    assert kept[1].font.vertAlign == "subscript"


def test_a_table_that_nobody_may_write_is_not_written(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tau,loading,product,sm\n1,5,0.4,0.6\n")
    path.chmod(0o444)
    asking = Asking(FRACTIONS, Results.open(path, FRACTIONS))
    with pytest.raises(SheetError, match="is read-only, and nothing is added to it; see to its"):
        asking.ask(1)
    assert path.read_text().count("\n") == 2


def test_a_full_disk_leaves_nothing_behind(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("tau,loading,product,sm\n1,5,0.4,0.6\n")
    asking = Asking(FRACTIONS, Results.open(path, FRACTIONS))
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(SheetError, match="cannot be written: File too large"):
            asking.ask(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_bytes() == before
