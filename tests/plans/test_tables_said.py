"""What is said of a table: in summary, page and export, in digits and units that can be read."""

import csv
import html
import json
import re
from pathlib import Path

import pytest

from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from reactune.plans.earlier import earlier
from reactune.plans.errors import UserError

PARABOLA = "a,prod,d\n" + "".join(f"{a},{0.9 - 0.01 * (a - 4) ** 2:.4f},0\n" for a in range(11))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    return tmp_path


def test_the_noise_of_a_verdict_is_called_otherwise_than_the_scatter_of_a_repeat(
    place, capsys
) -> None:
    Path("one.toml").write_text(
        'maximise = "prod"\nmeasured = ["prod", "d"]\nkind = "fractions"\n'
        "[variables]\na = { range = [0, 10] }\n"
    )
    Path("one.csv").write_text(PARABOLA)
    assert main(["show", "one.toml", "one.csv", "--stop"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    stop = shown[shown.index("Stop: converged") :]
    assert "the noise that the models find is 0.000" in stop
    assert "scatter" not in stop
    assert "Expected of a repeat, +/- scatter" in shown


def test_no_point_asked_for_is_called_certain(place, capsys) -> None:
    Path("one.toml").write_text(
        'maximise = "prod"\nmeasured = ["prod", "d"]\nkind = "fractions"\n'
        'constraints = ["d <= 0.5 +/- 0.1"]\n[variables]\na = { range = [0, 10] }\n'
    )
    Path("one.csv").write_text(PARABOLA)
    assert main(["ask", "one.toml", "one.csv", "--json"]) == 0
    (asked,) = json.loads(capsys.readouterr().out)
    assert ">99% likely inside all windows" in asked["why"]


def test_a_row_without_a_place_is_named_with_what_was_measured(place, capsys) -> None:
    Path("solvent.toml").write_text(
        'maximise = "y"\nmeasured = ["y"]\n[variables]\nT = { range = [20, 100] }\n'
        'solvent = { choices = ["THF", "MeCN", "DMF"] }\n'
    )
    Path("t.csv").write_text("solvent,T,y\nTHF,20,0.1\nMeCN,40,0.2\nTHFF,90,0.875\nDMF,60,0.3\n")
    why = "solvent = 'THFF' (did you mean 'THF'?) is none of its choices: THF, MeCN or DMF"
    assert main(["show", "solvent.toml", "t.csv"]) == 0
    shown = capsys.readouterr().out
    assert f"Unjudged 4 ({why})" in " ".join(shown.split())
    assert max(map(len, shown.splitlines()[:-2])) <= 80
    assert main(["show", "last", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n_unjudged"], told["unjudged"]) == (1, {"4": why})
    (page,) = place.glob("runs/reports/*.html")
    (row,) = re.findall(r'<tr class="not-evaluated">(.*?)</tr>', page.read_text("utf-8"), re.S)
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
    assert html.unescape(cells[-1]) == f"not evaluated: {why}"
    assert "0.875" in cells
    assert "why this point" not in page.read_text("utf-8")
    assert main(["export", "last", "-o", "out.csv"]) == 0
    rows = {row["number"]: row for row in csv.DictReader(Path("out.csv").read_text().splitlines())}
    assert (rows["4"]["reason"], rows["4"]["y"]) == (why, "0.875")
    assert (rows["4"]["goal"], rows["2"]["reason"]) == ("", "")


def test_what_is_called_outside_is_not_written_as_its_edge(place, capsys) -> None:
    Path("edge.toml").write_text(
        'minimise = "y"\nmeasured = ["y", "z"]\nconstraints = ["z <= 1 +/- 0.1"]\n'
        "[variables]\nt = { range = [0, 9] }\n"
    )
    Path("edge.csv").write_text("t,y,z\n2,0.5,1.00004\n")
    assert main(["show", "edge.toml", "edge.csv"]) == 0
    shown = capsys.readouterr().out.split("Measured, once")[1]
    assert next(line.split() for line in shown.splitlines() if "z <= 1" in line)[-1] == "1.00004"
    assert "semi-feasible" in shown
    (page,) = place.glob("runs/reports/*.html")
    (row,) = re.findall(r'<tr class="semi-feasible">(.*?)</tr>', page.read_text("utf-8"), re.S)
    assert "<td>1.00004</td>" in row


def test_large_and_tiny_numbers_keep_to_two_digits_and_eighty_columns(place, capsys) -> None:
    Path("far.toml").write_text(
        'maximise = "y"\nmeasured = ["y", "z"]\nconstraints = ["z <= 1e-11 +/- 1e-12"]\n'
        "[variables]\nt = { range = [0, 9] }\n"
    )
    ys, zs = (50, 43, 57, 49, 61, 44), (4.1, 3.8, 4.4, 4.0, 3.7, 4.3)
    rows = "".join(f"{t},{y}e12,{z}e-12\n" for t, (y, z) in enumerate(zip(ys, zs, strict=True)))
    Path("far.csv").write_text(f"t,y,z\n{rows}")
    assert main(["show", "far.toml", "far.csv", "--stop"]) == 0
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if not line.startswith(("Page", "Picture"))]
    assert max(map(len, lines)) <= 80
    for label, power in (("maximise y", "e+13"), ("z <= 1e-11", "e-12")):
        line = next(one for one in lines if one.strip().startswith(label) and "+/-" in one)
        assert re.search(rf"\(\d\.\d\d \+/- 0\.\d\d\){re.escape(power)}", line)


def test_goal_and_edges_are_told_in_their_units(place, capsys) -> None:
    Path("sty.toml").write_text(
        'maximise = { of = "P / tau", name = "STY", unit = "g/L/h" }\nmeasured = ["P"]\n'
        'constraints = ["tau >= 120 +/- 10"]\n[variables]\n'
        'tau = { range = [60, 600], unit = "s" }\n'
    )
    Path("sty.csv").write_text("tau [s],P\n115,21\n120,20\n300,30\n")
    assert main(["show", "sty.toml", "sty.csv"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1] == "tau >= 120 s; where STY = P / tau"
    for row in ("maximise STY [g/L/h]", "tau >= 120 s"):
        assert shown.count(f"\n  {row} ") == 2
    (page,) = place.glob("runs/reports/*.html")
    text = page.read_text("utf-8")
    assert "g/L/h expected of a repeat" in text
    assert '<th scope="col">STY [g/L/h]</th>' in text
    assert main(["check", "sty.toml"]) == 0
    assert "tau at least 120 s; values down to 110 s are" in capsys.readouterr().out
    assert main(["rescore", "last"]) == 0
    judged = capsys.readouterr().out
    assert "maximise STY; tau >= 120 s" in judged
    assert "\n  STY [g/L/h] " in judged


def test_an_export_says_whose_a_goal_is_and_nothing_that_a_table_does_not_know(place, capsys):
    head = 'measured = ["P", "Q"]\n[variables]\ntau = { range = [60, 600], unit = "s" }\n'
    sty = '{ of = "P / tau", name = "STY", unit = "g/L/h" }'
    for name, goal in (("one", f"maximise = {sty}\n"), ("two", 'minimise = "P * Q"\n')):
        Path(f"{name}.toml").write_text(goal + head)
        Path(f"{name}.csv").write_text("tau [s],P,Q\n120,30,1\n")
        assert main(["show", f"{name}.toml", f"{name}.csv"]) == 0
    with Catalogue(place / "runs") as catalogue:
        uids = sorted(catalogue, key=lambda uid: str(catalogue[uid].start["table"]))
    assert main(["export", *uids, "-o", "both.csv"]) == 0
    one, two = csv.DictReader(Path("both.csv").read_text().splitlines())
    assert one["goal: maximise STY [g/L/h]"] == "0.25"
    assert two["goal: minimise P * Q"] == "30.0"
    assert one["goal: minimise P * Q"] == two["goal: maximise STY [g/L/h]"] == ""
    assert one["why"] == two["why"] == ""  # nobody knows by whom a row was chosen
    assert not {"goal", "residence_time", "lab_time"} & one.keys()
    assert main(["export", uids[0], "-o", "alone.csv"]) == 0
    (alone,) = csv.DictReader(Path("alone.csv").read_text().splitlines())
    assert alone["goal [g/L/h]"] == "0.25"
    capsys.readouterr()
    assert main(["show", "one.toml", "alone.csv"]) == 2
    told = capsys.readouterr().err
    assert "alone.csv is no table of a campaign but was exported from stored runs" in told


EDGE = """\
maximise = "-X3"
measured = ["X1", "X2", "X3"]
kind = "fractions"
constraints = ["X1 + X2 >= 0.9 +/- 0.3", "-X3 <= 0.5 +/- 0.1"]
[variables]
T = { range = [-20, 120], unit = "degC" }
"""


def test_what_rounding_puts_beyond_an_edge_is_inside_and_short(place, capsys) -> None:
    Path("edge.toml").write_text(EDGE)
    rows = ["T,X1,X1_sd,X2,X2_sd,X3", "-0,0.7,0.01,0.2,0.01,0", "50,0.6,0.01,0.2,0.01,0.2"]
    Path("edge.csv").write_text("\n".join([*rows, "70,0.5,0.01,0.2,0.01,0.3", ""]))
    assert main(["show", "edge.toml", "edge.csv"]) == 0
    shown = capsys.readouterr().out
    assert "0.900 +/- 0.014" in shown
    assert "1 inside every window" in shown
    assert max(map(len, shown[: shown.index("Run ")].splitlines())) <= 80
    assert not re.search(r"(?<![\w.])-0(\.0*)?(?![\d.e])", shown)
    assert main(["export", "last", "-o", "all.csv"]) == 0
    with Path("all.csv").open() as file:
        first = next(csv.DictReader(file))
    assert first["feasibility"] == "feasible"
    assert first["violated"] == ""
    assert "-0.0" not in first.values()


def test_what_somebody_says_of_a_failure_is_what_is_told(place, capsys) -> None:
    Path("solvent.toml").write_text(
        'maximise = "y"\nmeasured = ["y"]\n[variables]\nT = { range = [20, 100] }\n'
        'solvent = { choices = ["THF", "MeCN", "DMF"] }\n'
    )
    rows = "solvent,T,y,failed\nTHF,20,0.1,\nMeCN,40,0.2,\nTHFF,90,,clogged\nDMF,60,0.3,\n"
    Path("t.csv").write_text(rows)
    assert main(["show", "solvent.toml", "t.csv"]) == 0
    assert "4 (clogged)" in capsys.readouterr().out


LARGE = """\
maximise = "y"
measured = ["y", "g"]
constraints = ["g = 1234567 +/- 1"]
[variables]
T = { range = [20, 120], unit = "degC" }
q = [0, 1]
"""


def test_a_narrow_window_far_from_0_is_told_with_digits_that_show_it(place, capsys) -> None:
    Path("large.toml").write_text(LARGE)
    rows = "30,0.1,1,1234567.2\n80,0.7,2,1234567.6\n50,0.5,3,1234568.9\n60,0.2,2.5,1234566.4\n"
    Path("large.csv").write_text(f"T,q,y,g\n{rows}90,0.2,2.1,1234567.1\n20,0.9,2.1,1234567.3\n")
    assert main(["show", "large.toml", "large.csv"]) == 0
    assert main(["rescore", "last"]) == 0
    shown, rescored = capsys.readouterr().out.split("Page: ")
    for said in (shown, rescored):
        (expected,) = re.findall(r"  g(?: in \[1234566.5, 1234567.5\])? +(\S+) +(\S+)\n", said)[:1]
        assert expected == ("1234567", "1234566")
    assert "g >= 1234566.5 " in rescored
    assert "g <= 1234567.5 " in rescored


def test_noise_about_zero_is_no_fault_of_a_table(place, capsys) -> None:
    noise = [0.4, -0.9, 1.1, -0.2, -1.2, 0.7, 0.1, -0.6]
    Path("one.toml").write_text(
        'maximise = "prod"\nmeasured = ["prod", "imp"]\nkind = "positive"\n'
        "[variables]\na = { range = [0, 10] }\n"
    )
    for last, said in ((0.3, False), (-40.0, True)):
        rows = [f"{a},{9 - (a - 4) ** 2 / 9},{0.001 * e}" for a, e in enumerate([*noise, last])]
        Path("one.csv").write_text("\n".join(["a,prod,imp", *rows, ""]))
        assert main(["show", "one.toml", "one.csv"]) == 0
        assert ("imp is -0.04 in row 10" in " ".join(capsys.readouterr().out.split())) is said
        assert main(["ask", "one.toml", "one.csv", "-n", "1"]) == 0
        assert ("not believed" in " ".join(capsys.readouterr().out.split())) is said


PLAIN = 'minimise = "y"\nmeasured = ["y"]\nbudget = 20\n[variables]\nT = { range = [20, 100] }\n'


def test_a_row_at_another_value_than_the_fixed_one_is_kept_and_not_counted(place, capsys):
    Path("p.toml").write_text(PLAIN.replace('"y"', '"y / flow"', 1) + "[fixed]\nflow = 1.0\n")
    Path("t.csv").write_text("T;flow;y\n45;0,5;1,1\n60;1;2\n75;;2,2\n")
    assert main(["ask", "p.toml", "t.csv", "-n", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "Row 2: flow = 0.5, and the problem has 1 fixed; kept, and not counted.\n"
    (asked,) = json.loads(out)
    assert Path("t.csv").read_text().splitlines()[-1] == f"{asked['T']:g};1;".replace(".", ",")
    assert main(["show", "p.toml", "t.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["best"]["number"] == 3
    assert told["unjudged"] == {"2": "flow = 0.5, and the problem has 1 fixed"}
    old = earlier([Path("t.csv")], Problem.load("p.toml"), None)
    assert [asked.number for asked, _ in old.experiments] == [3, 4]
    assert old.remarks == ["t.csv, row 2: flow = 0.5, and the problem has 1 fixed; not counted."]
    Path("t.csv").write_text("T,flow,y\n45,0.5,1.1\n")
    with pytest.raises(UserError, match=r"no row with the values of this problem under \[fixed\]"):
        earlier([Path("t.csv")], Problem.load("p.toml"), None)
    Path("t.csv").write_text("T,flow,y\n45,fast,1.1\n")
    assert main(["show", "p.toml", "t.csv"]) == 2
    assert "row 2: flow is 'fast', which is no number" in capsys.readouterr().err


def test_tables_of_one_name_keep_their_rows(place):
    Path("p.toml").write_text(PLAIN)
    for folder, last in (("a", 70), ("b", 60)):
        Path(folder).mkdir()
        Path(folder, "t.csv").write_text(f"T,y\n30,1\n50,2\n{last},3\n")
    problem = Problem.load("p.toml")
    assert len(earlier(["a/t.csv", "b/t.csv"], problem, None).experiments) == 6
    assert len(earlier(["a/t.csv", "a/t.csv"], problem, None).experiments) == 3


@pytest.mark.parametrize(
    ("kind", "titles", "told"),
    [
        ("", "y [g],y_sd [mg]", "has y in g and y_sd in mg; bring them to one unit"),
        ("", "y [g],y_sd [g]", ""),
        ("", "y (NMR),y_sd", ""),
        ("fractions", "y [ppm],y_sd", "has y in ppm, and the problem has y as a fraction of 1"),
        ("fractions", "y [mg],y_sd", "has y in mg, and the problem has y as a fraction of 1"),
        ("fractions", "y [mol/mol],y_sd", ""),
        ("fractions", "y [mol%],y_sd", ""),
    ],
)
def test_no_unit_of_a_result_is_passed_over(place, capsys, kind, titles, told):
    Path("p.toml").write_text((f'kind = "{kind}"\n' if kind else "") + PLAIN)
    Path("t.csv").write_text(f"T,{titles}\n68,0.5,0.1\n30,0.4,0.1\n")
    assert main(["show", "p.toml", "t.csv"]) == (2 if told else 0)
    assert told in capsys.readouterr().err


def test_what_a_rig_gives_in_fractions_is_not_read_in_ppm(place):
    Path("p.toml").write_text(PLAIN)
    Path("t.csv").write_text("T,y [ppm]\n68,0.5\n")
    with pytest.raises(UserError, match=r"has y in ppm, the rig in parts of a whole"):
        earlier([Path("t.csv")], Problem.load("p.toml"), None, {"y": "1"})


def test_settings_beyond_todays_are_named_and_names_of_an_ask_are_its_own(place, capsys):
    Path("p.toml").write_text(PLAIN)
    Path("t.csv").write_text("T,y\n-300,1\n6000,2\n50,3\n")
    assert main(["ask", "p.toml", "t.csv", "-n", "1"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Rows 2, 3: outside today's ranges or limits; counted, and not asked for again." in told
    Path("p.toml").write_text(PLAIN.replace("T =", "row ="))
    assert main(["ask", "p.toml", "new.csv", "-n", "1", "--json"]) == 0
    (asked,) = json.loads(capsys.readouterr().out)
    assert (asked["row"], 20 <= asked["row_"] <= 100) == (2, True)
