"""A table as people keep it: read as it is, extended at its end, nothing else changed."""

import errno
import math
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.asking import Asking
from reactune.analysis.sheets.dial import dialled
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError

SNAR = Problem(
    maximise="60 * product * c_sm / tau",
    measured=["product", "sm", "bis"],
    constraints=["product >= 0.9 +/- 0.05", "bis <= 0.02 +/- 0.01"],
    variables={
        "tau": {"range": (0.5, 10), "unit": "min"},
        "equiv": (1, 5),
        "temperature": {"range": (30, 120), "unit": "degC"},
    },
    fixed={"c_sm": 0.5},
    budget=30,
    batch=4,
)
FRACTIONS = Problem.load(SNAR.to_dict() | {"kind": "fractions"})
DONE = """tau,equiv,temperature,product,sm,bis
1,1.5,40,0.22,0.77,0.01
2,2,60,0.55,0.44,0.01
5,3,90,0.93,0.03,0.04
8,1.2,80,0.81,0.18,0.01
3,4,110,0.94,0.01,0.05
"""
SEMICOLONS = DONE.replace(",", ";").replace(".", ",")


def written(folder: Path, text: str, name: str = "past.csv", mark: bytes = b"") -> Path:
    path = folder / name
    path.write_bytes(mark + text.encode())
    return path


def read(path: Path) -> Results:
    return Results.open(path, SNAR)


@pytest.mark.parametrize(
    ("names", "marked"),
    [
        (("tau", "THF"), False),
        (("\u03c4", "THF"), True),  # in a title
        (("tau", "Dimethylsulfoxid, \u00fcber Sieb"), True),  # in a cell
    ],
)
def test_a_new_file_tells_excel_of_letters_beyond_ascii(tmp_path, names, marked) -> None:
    variable, solvent = names
    problem = Problem(
        maximise="P",
        measured=["P"],
        variables={variable: (1, 9), "solvent": {"choices": [solvent, "DMF"]}},
        budget=9,
    )
    path = tmp_path / "new.csv"
    asks = Asking(problem, Results.open(path, problem), 0).ask(2)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") is marked
    assert path.read_text("utf-8-sig").splitlines()[0] == f"{variable},solvent,P,failed"
    entries = Results.open(path, problem).entries
    assert [entry.conditions for entry in entries] == [ask.conditions for ask in asks]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("text", [DONE, SEMICOLONS, DONE.replace(",", "\t")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_marks_and_line_ends_say_the_same(tmp_path, text, mark, end) -> None:
    path = written(tmp_path, text.replace("\n", end), mark=mark)
    entries = read(path).entries
    assert [entry.row for entry in entries] == [2, 3, 4, 5, 6]
    assert entries[0].conditions == {"tau": 1.0, "equiv": 1.5, "temperature": 40.0}
    assert entries[4].measurement.values == {"product": 0.94, "sm": 0.01, "bis": 0.05}
    before = path.read_bytes()
    asks = Asking(SNAR, read(path), 0).ask(2)
    after = path.read_bytes()
    assert after.startswith(before)
    assert after[len(before) :].count(end.encode()) == 2
    again = read(path)
    assert [entry.conditions for entry in again.entries[5:]] == [a.conditions for a in asks]
    assert [entry.measurement for entry in again.entries[5:]] == [None, None]


@pytest.mark.parametrize("title", ["note (colour, smell, pH, rest, who)", "a, b, c, d, e, f, g"])
@pytest.mark.parametrize("note", ["yellow", "red, thick", ""])
def test_commas_in_a_title_part_no_columns_of_a_file_with_semicolons(tmp_path, title, note) -> None:
    lines = SEMICOLONS.splitlines()
    rows = [f"{title};{lines[0]}", *(f"{note};{line}" for line in lines[1:])]
    entries = read(written(tmp_path, "\n".join(rows) + "\n")).entries
    assert entries == read(written(tmp_path, DONE, "plain.csv")).entries


def test_titles_alone_are_parted_by_what_is_outside_their_brackets(tmp_path) -> None:
    path = written(tmp_path, "tau;equiv;temperature;product;sm;bis;note (a, b, c, d, e, f, g, h)\n")
    read(path).extend([{"tau": 1.5, "equiv": 2.0, "temperature": 40.0}])
    assert path.read_text().splitlines()[1] == "1,5;2;40;;;;"


def test_other_columns_and_the_last_line_without_end_stay_as_they_are(tmp_path) -> None:
    text = 'run by,"tau [min]",equiv,temperature (°C),product,sm,bis,note\n'
    text += '"Ann, B.",1,1.5,40,0.22,0.77,0.01,"two\nlines"\nBo,2,2,60,,,,'
    path = written(tmp_path, text)
    results = read(path)
    assert [(entry.row, entry.measurement is None) for entry in results.entries] == [
        (2, False),
        (3, True),
    ]
    (row,) = results.extend([{"tau": 3.0, "equiv": 2.0, "temperature": 50.0}])
    assert row == 4
    assert path.read_text() == text + "\n,3,2,50,,,,\n"


def test_failures_repeats_shares_and_uncertainties(tmp_path) -> None:
    text = "tau,equiv,temperature,product,product_sd,sm,bis,failed\n"
    text += "1,1.5,40,22 %,1 %,77%,1e-2,\n1,1.5,40,24 %,,75 %,0.01,no\n"
    text += "2,2,60,,,,,clogged\n2,2,61,failed: no peak,,,,\n2,2,62,50 %,,40 %,0.1,x\n"
    found = [entry.measurement for entry in read(written(tmp_path, text)).entries]
    assert found[0].values == pytest.approx({"product": 0.22, "sm": 0.77, "bis": 0.01})
    assert found[0].sd["product"] == 0.01
    assert math.isnan(found[0].sd["sm"])
    assert found[1].valid
    assert [(m.valid, m.reason) for m in found[2:]] == [
        (False, "clogged"),
        (False, "no peak"),
        (False, "failed"),
    ]


def test_a_row_outside_todays_ranges_is_known_and_never_asked_for(tmp_path) -> None:
    path = written(tmp_path, DONE + "12,2,50,0.9,0.1,0\n")
    asking = Asking(SNAR, read(path), 0)
    assert asking.lost == {}
    assert len(asking.agent.evaluations) == 6
    assert asking.agent.optimiser.book.table.x[-1][0] == 12
    for asked in asking.ask(8):
        assert SNAR.outside_limits(asked.conditions) is None


def test_the_same_seed_and_table_give_the_same_asks(tmp_path) -> None:
    asks = []
    for name, seed in (("a.csv", 3), ("b.csv", 3), ("c.csv", 4)):
        asks.append(Asking(SNAR, read(written(tmp_path, DONE, name)), seed).ask(4))
    assert asks[0] == asks[1]
    assert asks[0] != asks[2]
    # what is outstanding is not asked for again
    more = Asking(SNAR, read(tmp_path / "a.csv"), 3).ask(4)
    points = [tuple(asked.conditions.values()) for asked in asks[0] + more]
    assert len(set(points)) == 8


TITLED = "tau [s],equiv,temperature (K),product,sm,bis\n60,1.5,313.15,0.22,0.77,0.01\n"


def test_units_in_titles_are_converted_both_ways(tmp_path) -> None:
    path = written(tmp_path, TITLED)
    results = read(path)
    assert results.entries[0].conditions == {"tau": 1.0, "equiv": 1.5, "temperature": 40.0}
    results.extend([{"tau": 0.7, "equiv": 2.0, "temperature": 55.5}])
    assert path.read_text() == TITLED + "42,2,328.65,,,\n"
    assert read(path).entries[1].conditions == {"tau": 0.7, "equiv": 2.0, "temperature": 55.5}


def test_what_is_asked_in_other_units_is_asked_alike(tmp_path) -> None:
    here = Asking(SNAR, read(written(tmp_path, DONE)), seed=1)
    hours = DONE.replace("tau", "tau [h]").splitlines()
    lines = [",".join([str(float(line.split(",")[0]) / 60), *line.split(",")[1:]])
             for line in hours[1:]]  # fmt: skip
    path = written(tmp_path, "\n".join([hours[0], *lines, ""]), "hours.csv")
    there = Asking(SNAR, read(path), seed=1)
    asks = here.ask(4)
    assert [asked.conditions for asked in there.ask(4)] == [asked.conditions for asked in asks]
    again = [entry.conditions for entry in read(path).entries[5:]]
    assert again == [asked.conditions for asked in asks]


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("tau [mL]", "has tau in mL, the problem in min: 'mL' is a volume, not a time"),
        ("tau [ages]", "'ages' is not a unit that is known"),
    ],
)
def test_a_unit_of_something_else_is_refused(tmp_path, title, sentence) -> None:
    with pytest.raises(SheetError) as error:
        read(written(tmp_path, DONE.replace("tau", title)))
    assert sentence in str(error.value)


def test_a_new_table_has_units_in_its_titles(tmp_path) -> None:
    for name in ("new.csv", "new.xlsx"):
        path = tmp_path / name
        Asking(SNAR, read(path), 0).ask(5)
        results = read(path)
        assert results.sheet.titles[:3] == ["tau [min]", "equiv", "temperature [degC]"]
        assert [entry.measurement for entry in results.entries] == [None] * 5


def test_a_workbook_keeps_what_is_in_it(tmp_path) -> None:
    path, book = tmp_path / "past.xlsx", openpyxl.Workbook()
    sheet = book.active
    for line in DONE.splitlines():
        sheet.append([float(c) if c[0].isdigit() else c for c in line.split(",")] + ["note"])
    sheet["A2"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("other")["A1"] = "kept"
    book.save(path)
    asks = Asking(SNAR, read(path), 0).ask(2)
    book = openpyxl.load_workbook(path)
    assert book["other"]["A1"].value == "kept"
    assert book.worksheets[0]["A2"].font.bold
    assert book.worksheets[0]["A7"].value == asks[0].conditions["tau"]
    assert len(read(path).entries) == 7


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tau,equiv,product,sm,bis\n", "has no column temperature; its titles are tau, equiv,"),
        ("tau,equiv,product,sm,bis\n", "product, sm, bis; add it, with what each row had"),
        ("tau,product,sm\n", "product, sm; add them, with what each row had"),
        (DONE.replace("0.55", "?"), "row 3: product is '?', which is no number; leave it empty"),
        (DONE.replace("0.55", ""), "row 3: product is empty and others are not; fill it in"),
        (DONE.replace("\n2,", "\n,"), "row 3: tau is empty; fill in what was set"),
        (DONE.replace("equiv", "equiv [g]"), "has equiv in g, the problem in no unit; bring them"),
        (DONE.replace("sm,", "sm,SM,"), "has two columns sm; rename one"),
        (
            SEMICOLONS.replace("0,55", "0.55"),
            "decimal commas and points ('1,5' in row 2, '0.55' in",
        ),
        ("\n\n", "is empty; its first line has to name the columns"),
        (DONE.replace("\n2,", "\n2 min,"), "row 3: tau is '2 min', which is no number; write the"),
        (
            DONE.replace("\n2,", "\n2_0,"),
            "row 3: tau is '2_0', which is no number; write the number",
        ),
        (DONE.replace("\n2,", "\n1e300,"), "row 3: tau is '1e300', which is too large; write the"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_cure(tmp_path, text, sentence) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SheetError) as caught:
        read(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_text() == text


def test_percentages_that_do_not_say_so_are_no_fractions(tmp_path) -> None:
    path = written(tmp_path, DONE.replace("0.55,0.44,0.01", "55,44,1"))
    assert read(path).entries[1].measurement.values["product"] == 55  # it may be an amount
    cure = "correct them, or if they are percentages write 55 % for 55, or product [%] as title"
    with pytest.raises(SheetError) as caught:
        Results.open(path, FRACTIONS)
    assert f"row 3: product, sm, bis add up to 100, and fractions of a whole to 1; {cure}" in str(
        caught.value
    )


def test_percentages_and_typographers_signs_are_read(tmp_path) -> None:
    text = DONE.replace("product", "product [%]").replace("0.55,", "55,").replace("0.22,", "22 %,")
    text = "\n".join(line for line in text.splitlines() if line[0] in "t12") + "\n"
    text = text.replace("0.44,0.01", "0.46,\u22120.01")
    found = [
        entry.measurement.values
        for entry in Results.open(written(tmp_path, text), FRACTIONS).entries
    ]
    assert [row["product"] for row in found] == pytest.approx([0.22, 0.55])
    assert found[1]["bis"] == -0.01


@pytest.mark.parametrize("name", ["old.xls", "other.ods"])
def test_other_spreadsheets_are_neither_read_nor_begun(tmp_path, name) -> None:
    for _ in range(2):
        with pytest.raises(SheetError, match=r"is no table that is read here; save it as .xlsx"):
            read(tmp_path / name)
        written(tmp_path, DONE, name)


def test_a_formula_that_nobody_computed_is_no_empty_cell(tmp_path) -> None:
    path, book = tmp_path / "past.xlsx", openpyxl.Workbook()
    sheet = book.active
    for line in DONE.splitlines():
        sheet.append([float(c) if c[0].isdigit() else c for c in line.split(",")])
    for cell in sheet[3][3:]:
        cell.value = "=1/2"
    book.save(path)
    with pytest.raises(SheetError, match=r"row 3: product is a formula, .* open it in your"):
        read(path)


def test_a_link_stays_one(tmp_path) -> None:
    path, there = tmp_path / "link.csv", tmp_path / "share"
    there.mkdir()
    path.symlink_to(written(there, DONE))
    Asking(SNAR, read(path), 0).ask(2)
    assert path.is_symlink()
    assert len(read(there / "past.csv").entries) == 7
    (there / "~$past.csv").touch()
    with pytest.raises(SheetError, match="is open in a spreadsheet"):
        Asking(SNAR, read(path), 0).ask(2)


def test_what_somebody_entered_meanwhile_is_not_written_over(tmp_path) -> None:
    path = written(tmp_path, DONE)
    asking = Asking(SNAR, read(path), 0)
    path.write_text(DONE + "4,4,100,0.9,0.05,0.05\n")
    with pytest.raises(SheetError, match=r"has changed since it was read, .* ask again"):
        asking.ask(2)
    assert len(read(path).entries) == 6


def test_other_files_are_refused(tmp_path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("tau,equiv,température\n".encode("latin-1"))
    with pytest.raises(SheetError, match="is not UTF-8 text"):
        read(latin)
    with pytest.raises(SheetError, match="is no Excel workbook"):
        read(written(tmp_path, DONE, "text.xlsx"))
    with pytest.raises(SheetError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize("lock", [".~lock.past.csv#", "~$past.csv"])
def test_a_file_that_a_spreadsheet_holds_open_is_left_alone(tmp_path, lock) -> None:
    path = written(tmp_path, DONE)
    (tmp_path / lock).touch()
    with pytest.raises(SheetError, match=r"is open in a spreadsheet .* save and close it there"):
        Asking(SNAR, read(path), 0).ask(2)
    assert path.read_text() == DONE


def test_a_file_is_never_half_written(tmp_path, monkeypatch) -> None:
    path = written(tmp_path, DONE)

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SheetError, match="cannot be written: No space left"):
        Asking(SNAR, read(path), 0).ask(2)
    assert [p.name for p in tmp_path.iterdir()] == ["past.csv"]
    assert path.read_text() == DONE


TRAPEZOID = Problem.load("walker-ii")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_is_dialled_is_inside_all_limits(a: float, b: float, c: float) -> None:
    space = Asking(TRAPEZOID, _Nothing(), 0).agent.space  # type: ignore[arg-type]
    x = space.lower + [a, b, c] * (space.upper - space.lower)
    (exact,) = space.to_conditions(x[None])
    point = dialled(TRAPEZOID, exact)
    assert TRAPEZOID.outside_limits(point) is None
    for name, value in point.items():
        low, high = TRAPEZOID.variables[name].range
        assert abs(value - exact[name]) <= (high - low) / 100


class _Nothing:
    """An empty table."""

    entries: tuple[()] = ()
