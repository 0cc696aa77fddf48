"""What failed, what did not, and what is asked about because it may be either."""

from pathlib import Path

import openpyxl
import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.results import Entry, Results
from reactune.analysis.sheets.sheet import SheetError

PROBLEM = Problem.load(
    {"maximise": "product", "measured": ["product", "sm"], "variables": {"tau": (0.5, 10)}}
)


def entry(path: Path) -> Entry:
    (found,) = Results.open(path, PROBLEM).entries
    return found


def book(path: Path, told: object) -> Path:
    made = openpyxl.Workbook()
    made.active.append(["tau", "product", "sm", "failed"])
    made.active.append([1, 0.4, 0.6, told])
    made.save(path)
    return path


def text(path: Path, row: str) -> Path:
    path.write_text(f"tau,product,sm,failed\n{row}\n", "utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(SheetError) as caught:
        Results.open(path, PROBLEM)
    return str(caught.value)


@pytest.mark.parametrize(
    "told",
    [0, 0.0, False, "ok", "\u2013", "none", "nan", "no", "nein", "Non", "nej", "-", "n", "false",
     "FALSCH", "n\u00e3o", "nem", "No."],
)  # fmt: skip
def test_what_did_not_fail_has_not_failed(tmp_path, told) -> None:
    found = entry(book(tmp_path / "t.xlsx", told)).measurement
    assert (found.valid, found.values) == (True, {"product": 0.4, "sm": 0.6})


@pytest.mark.parametrize("told", [1, True, "x", "yes", "ja", "Oui", "WAHR", "s\u00ed", "failed"])
def test_what_failed_has_failed_whatever_stands_beside_it(tmp_path, told) -> None:
    found = entry(book(tmp_path / "t.xlsx", told)).measurement
    assert (found.valid, found.reason) == (False, "failed")


@pytest.mark.parametrize("told", ["leaky septum", "ne\u017eino", "repeat?"])
def test_a_reason_beside_all_results_is_asked_about(tmp_path, told) -> None:
    path = text(tmp_path / "t.csv", f"1,40 %,0.6,{told}")
    assert refused(path).endswith(
        f"row 2: failed is '{told}', and product, sm are there all the same; leave failed empty if "
        f"they count, or write 'failed: {told}' if they do not"
    )
    for cells in (f"40 %,0.6,failed: {told}", f",,{told}", f"40 %,,{told}"):
        found = entry(text(path, f"1,{cells}")).measurement
        assert (found.valid, found.reason) == (False, told)


def test_a_number_is_no_reason(tmp_path) -> None:
    path = text(tmp_path / "t.csv", "1,0,1,87")  # 0,1 and 0,87, perhaps
    assert "row 2: failed is 87, which is no reason; say in words why" in refused(path)
