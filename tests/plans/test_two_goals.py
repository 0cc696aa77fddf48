"""Two goals through the command line: the front instead of a best, everywhere."""

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
from matplotlib.backends.backend_agg import FigureCanvasAgg

from reactune.analysis.problem.model import Problem
from reactune.analysis.report import figures
from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from reactune.plans.problems import load_problem
from reactune.plans.service import stored_campaign
from reactune.plans.tables import kept, open_table

BUDGET = 8


def problem(path: Path, **changes: object) -> str:
    """Write a problem like run V that trades X3 off against X1 / X2."""
    plain = Problem.load("walker-v").to_dict() | {
        "title": "",
        "minimise": ["X3", "X1 / X2"],
        "constraints": ["X1 + X2 in [0.85, 1.0] +/- 0.3"],
        "budget": BUDGET,
    }
    path.write_text(tomli_w.dumps(without_none(plain | changes)))
    return str(path)


def without_none(plain):
    if isinstance(plain, dict):
        return {k: without_none(v) for k, v in plain.items() if v is not None}
    if isinstance(plain, (list, tuple)):
        return [without_none(v) for v in plain]
    return plain


def told(*arguments: str) -> str:
    """Give what a command says."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*arguments]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory, drawn):
    """A finished campaign of two goals."""
    folder = tmp_path_factory.mktemp("two")
    asked, here = problem(folder / "curve.toml"), ["--catalogue", str(folder)]
    said = json.loads(told("optimise", asked, "--seed", "0", "--json", *here))
    with Catalogue(folder) as catalogue:
        text = summarise(stored_campaign(catalogue, said["uid"])).to_text()
    return SimpleNamespace(
        folder=folder, here=here, asked=asked, said=said, text=text, uid=said["uid"]
    )


def test_the_summary_shows_the_front(done):
    said = done.said
    assert said["goal"] == "minimise X3 and X1 / X2"
    assert said["goals"] == ["X3", "X1 / X2"]
    assert said["best"] is said["best_feasible"] is said["best_measured"] is None
    front = said["front"]
    assert len(front) > 2
    values = [[point["expected"][goal] for goal in said["goals"]] for point in front]
    assert values == sorted(values)  # by the first goal
    assert [v[1] for v in values] == sorted((v[1] for v in values), reverse=True)
    for point in front:
        assert point["probability_feasible"] >= 0.5
        assert point["expected"]["X1 + X2"] > 0.84
        assert 0 < point["expected_sd"]["X3"] < 0.03
    lines = done.text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "THE FRONT" in done.text
    assert "BEST" not in done.text
    head = next(i for i, line in enumerate(lines) if line.split()[:1] == ["no."])
    assert "X1 / X2" in lines[head]
    assert "inside" in lines[head]
    rows = [line.split() for line in lines[head + 1 : head + 1 + len(front)]]
    assert [int(row[0]) for row in rows] == [point["number"] for point in front]
    assert "+/-" in rows[0]


def test_page_and_picture_show_the_curve(done):
    page = (done.folder / "reports" / f"{done.uid[:8]}.html").read_text()
    assert 'aria-label="The two goals against each other, and the front"' in page
    assert "front, expected" in page
    assert ">Best feasible" not in page
    for point in done.said["front"]:
        assert f'<tr><th scope="row">{point["number"]}</th>' in page
    assert (done.folder / "reports" / f"{done.uid[:8]}.png").stat().st_size > 10_000


def test_the_list_of_runs_and_replay_know_it(done):
    said = told("runs", *done.here)
    assert "minimise X3 and X1 / X2: on the front no. " in said
    assert f"{BUDGET} of {BUDGET}" in told("replay", done.uid, *done.here)


def test_it_is_gone_on_with(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "copy")
    more = ["--budget", str(BUDGET + 1), "--json", "--catalogue", str(tmp_path / "copy")]
    said = json.loads(told("optimise", "--resume", done.uid, *more))
    assert said["n"] == BUDGET + 1
    assert len(said["front"]) > 2


def test_a_front_of_stored_runs_says_how_sure_it_is_as_a_summary_does(done, tmp_path):
    asked = problem(tmp_path / "near.toml", constraints=["X1 + X2 in [0.86, 1.0] +/- 0.3"])
    how = ["rescore", done.uid, "--problem", asked, *done.here]
    front, shown = json.loads(told(*how, "--json"))["front"], told(*how)
    words = " ".join(shown.split())
    assert "THE FRONT (those likely inside every window that no other experiment" in words
    assert all(point["probability_feasible"] >= 0.5 for point in front)
    unsure = [point for point in front if point["probability_feasible"] < 0.9]
    assert 0 < len(unsure) < len(front)
    names = ", ".join(f"{point['run'][:8]}/{point['number']}" for point in unsure)
    assert f"Close less than 90% likely inside every window: {names}; repeat what" in words
    rows = shown[shown.index("  measured\n") :].splitlines()[1 : len(front) + 1]
    assert [row.split()[-1] for row in rows] == [point["feasibility"] for point in front]
    sure = problem(tmp_path / "none.toml", constraints=[])
    assert "Close" not in told("rescore", done.uid, "--problem", sure, *done.here)


def test_stored_runs_are_rescored_by_two_goals_and_by_one(done, tmp_path):
    said = json.loads(told("rescore", done.uid, "--problem", done.asked, "--json", *done.here))
    assert [p["number"] for p in said["front"]] == [p["number"] for p in done.said["front"]]
    assert said["best"] is said["best_feasible"] is None
    assert said["prices"] == []
    assert "hypervolume" in said["next"]["why"]
    # and back: one of the goals, the other as a window
    one = problem(tmp_path / "one.toml", minimise="X3", constraints=["X1 / X2 <= 3 +/- 0.3"])
    back = json.loads(told("rescore", done.uid, "--problem", one, "--json", *done.here))
    assert back["front"] == []
    assert back["best_feasible"]["expected"]["X1 / X2"]["value"] < 3.2
    anew = told("rescore", done.uid, "--method", "walker", *done.here)
    assert max(map(len, anew.splitlines())) <= 80
    words = " ".join(anew.split())
    assert "The front was " in words
    assert "Price a window has one for each goal" in words


def test_other_commands_take_it_or_refuse_it(done, capsys, tmp_path):
    assert "Two goals: what is sought" in told("check", done.asked)
    table = tmp_path / "run.csv"
    told("export", done.uid, "-o", str(table), *done.here)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == BUDGET
    for row in rows:
        assert float(row["X1 / X2"]) == pytest.approx(float(row["X1"]) / float(row["X2"]))
    assert "front" not in rows[0]
    capsys.readouterr()
    for command in (["rediscover", done.uid], ["make", done.uid, "--volume", "1mL"]):
        assert main([*command, *done.here]) == 2
        out, err = capsys.readouterr()
        assert (out, "Traceback" in err) == ("", False)
        assert f"run {done.uid[:8]} has two goals" in " ".join(err.split())
    assert main(["rediscover", str(table), "--problem", done.asked, *done.here]) == 2
    assert "the problem has two goals" in " ".join(capsys.readouterr().err.split())


TWO = """
minimise = ["cost"]
maximise = ["gain"]
measured = ["cost", "gain"]
[variables]
x = [0, 1]
y = [0, 1]
"""


def fill(path: Path) -> None:
    """Enter what a made-up process gives."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        x, y = float(row["x"]), float(row["y"])
        row |= {"cost": f"{x**2 + y:.4f}", "gain": f"{1 - (1 - x) ** 2 - y:.4f}"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_table_is_asked_and_summed_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    Path("two.toml").write_text(TWO)
    table = Path("results.csv")
    for n in ("6", "2"):
        told("ask", "two.toml", "results.csv", "-n", n)
        fill(table)

    def summed_up(text: str):
        stated = load_problem(Problem.load({**Problem.load("two.toml").to_dict(), **text}))
        return summarise(kept(open_table(stated, table, 0, begin=False), table, 0, None)[0])

    found = summed_up({})
    assert found.goal == "minimise cost, maximise gain"
    assert len(found.front) > 1
    (asked,) = json.loads(told("ask", "two.toml", "results.csv", "-n", "1", "--json"))
    assert "expected hypervolume gain" in asked["why"]
    # while nothing is inside what is nearest is told
    nothing = summed_up({"constraints": ["gain >= 2 +/- 0.1"]})
    assert nothing.front == ()
    assert nothing.best.violated.startswith("gain = ")
    text = nothing.to_text()
    assert "None      is likely inside every window" in text
    assert "Violated" in text


def test_long_names_of_goals_are_not_cut_off_in_the_curve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    names = [f"what it costs to make one gram of adduct number {k}, solvents too" for k in (1, 2)]
    Path("two.toml").write_text(TWO)
    table = Path("results.csv")
    told("ask", "two.toml", "results.csv", "-n", "6")
    fill(table)
    goals = [
        {"of": of, "name": name} for of, name in zip(("cost", "cost - gain"), names, strict=True)
    ]
    plain = Problem.load("two.toml").to_dict() | {"minimise": goals}
    stated = load_problem({key: value for key, value in plain.items() if key != "maximise"})
    run = kept(open_table(stated, table, 0, begin=False), table, 0, None)[0]
    ax = figures.trade_off(run)
    FigureCanvasAgg(ax.figure).draw()
    assert ax.get_title("left") == "Goal against goal"
    for label, name in zip((ax.xaxis.label, ax.yaxis.label), names, strict=True):
        box, page = label.get_window_extent(), ax.figure.bbox
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
        assert " ".join(label.get_text().split()) == f"{name} (minimised)"
    ax = figures.products(run)
    FigureCanvasAgg(ax.figure).draw()
    box = ax.get_legend().get_window_extent()
    assert box.x1 <= ax.figure.bbox.x1
