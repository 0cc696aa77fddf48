"""Two goals through the command line: the front instead of a best, everywhere."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import tomli_w

from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main

BUDGET = 10


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


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A finished campaign of two goals: its catalogue, its uid, its problem file, what it said."""
    folder = tmp_path_factory.mktemp("two")
    asked = problem(folder / "curve.toml")
    assert main(["optimise", asked, "--seed", "0", "--catalogue", str(folder)]) == 0
    with Catalogue(folder) as catalogue:
        return folder, catalogue[-1].uid, asked


def told(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_the_summary_shows_the_front(stored, capsys):
    folder, uid, _ = stored
    said = json.loads(told(capsys, "show", uid, "--json", "--catalogue", str(folder)))
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
        assert 0 < point["expected_sd"]["X3"] < 0.02
    text = told(capsys, "show", uid, "--catalogue", str(folder))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "THE FRONT" in text
    assert "BEST" not in text
    head = next(i for i, line in enumerate(lines) if line.split()[:1] == ["no."])
    assert "X1 / X2" in lines[head]
    assert "inside" in lines[head]
    rows = [line.split() for line in lines[head + 1 : head + 1 + len(front)]]
    assert [int(row[0]) for row in rows] == [point["number"] for point in front]
    assert "+/-" in rows[0]
    page = (folder / "reports" / f"{uid[:8]}.html").read_text()
    assert 'aria-label="The two goals against each other, and the front"' in page
    assert "front, as expected" in page
    assert ">Best feasible" not in page
    for point in front:
        assert f'<tr><th scope="row">{point["number"]}</th>' in page
    assert (folder / "reports" / f"{uid[:8]}.png").stat().st_size > 10_000


def test_the_list_of_runs_and_replay_know_it(stored, capsys):
    folder, uid, _ = stored
    said = told(capsys, "runs", "--catalogue", str(folder))
    assert "minimise X3 and X1 / X2: on the front no. " in said
    assert f"{BUDGET} of {BUDGET}" in told(capsys, "replay", uid, "--catalogue", str(folder))


def test_it_is_gone_on_with(stored, capsys, tmp_path):
    folder, uid, _ = stored
    shutil.copytree(folder, tmp_path / "copy")
    more = ["--budget", str(BUDGET + 2), "--json", "--catalogue", str(tmp_path / "copy")]
    said = json.loads(told(capsys, "optimise", "--resume", uid, *more))
    assert said["n"] == BUDGET + 2
    assert len(said["front"]) > 2


def test_stored_runs_of_one_goal_are_rescored_by_two(stored, capsys, tmp_path):
    folder, uid, asked = stored
    here = ["--catalogue", str(folder)]
    said = json.loads(told(capsys, "rescore", uid, "--problem", asked, "--json", *here))
    shown = json.loads(told(capsys, "show", uid, "--json", *here))
    assert [p["number"] for p in said["front"]] == [p["number"] for p in shown["front"]]
    assert said["best"] is said["best_feasible"] is None
    assert said["prices"] == []
    assert "hypervolume" in said["next"]["why"]
    text = told(capsys, "rescore", uid, "--problem", asked, *here)
    assert "Price     a window has one for each goal" in text
    assert max(map(len, text.splitlines())) <= 80
    # and back: one of the goals, the other as a window, with its price
    one = problem(tmp_path / "one.toml", minimise="X3", constraints=["X1 / X2 <= 3 +/- 0.3"])
    back = json.loads(told(capsys, "rescore", uid, "--problem", one, "--json", *here))
    assert back["front"] == []
    assert back["best_feasible"]["expected"]["X1 / X2"]["value"] < 3.2
    assert back["prices"]
    anew = told(capsys, "rescore", uid, "--method", "walker", *here)
    assert "The front was " in " ".join(anew.split())


def test_other_commands_take_it_or_refuse_it(stored, capsys, tmp_path):
    folder, uid, asked = stored
    here = ["--catalogue", str(folder)]
    assert "Two goals: what is sought" in told(capsys, "check", asked)
    table = tmp_path / "run.csv"
    told(capsys, "export", uid, "-o", str(table), *here)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == BUDGET
    for row in rows:
        assert float(row["X1 / X2"]) == pytest.approx(float(row["X1"]) / float(row["X2"]))
    assert "front" not in rows[0]
    text = told(capsys, "redesign", uid, *here)
    assert "X3 or X1 / X2 in the new windows" in text
    capsys.readouterr()
    assert main(["rediscover", uid, *here]) == 2
    out, err = capsys.readouterr()
    assert (out, "Traceback" in err) == ("", False)
    assert "has two goals" in " ".join(err.split())


def test_while_nothing_is_inside_the_nearest_is_told(capsys, tmp_path):
    asked = problem(tmp_path / "none.toml", constraints=["X1 in [0.99, 1.0] +/- 0.1"], budget=8)
    more = ["--seed", "1", "--json", "--catalogue", str(tmp_path)]
    said = json.loads(told(capsys, "optimise", asked, *more))
    assert said["front"] == []
    assert said["best"]["violated"].startswith("X1 = ")
    text = told(capsys, "show", "last", "--catalogue", str(tmp_path))
    assert "None fits" in text
    assert "Violated" in text


def test_a_table_is_asked_and_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    Path("two.toml").write_text(
        'minimise = ["cost"]\nmaximise = ["yield"]\nmeasured = ["cost", "yield"]\n'
        "[variables]\nx = [0, 1]\ny = [0, 1]\n"
    )
    for n in ("6", "2"):
        told(capsys, "ask", "two.toml", "results.csv", "-n", n)
        rows = list(csv.DictReader(Path("results.csv").read_text().splitlines()))
        for row in rows:
            x, y = float(row["x"]), float(row["y"])
            row |= {"cost": f"{x**2 + y:.4f}", "yield": f"{1 - (1 - x) ** 2 - y:.4f}"}
        with Path("results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    said = json.loads(told(capsys, "show", "two.toml", "results.csv", "--json"))
    assert said["goal"] == "minimise cost, maximise yield"
    assert len(said["front"]) > 1
    assert all(0 <= point["number"] <= 9 for point in said["front"])
    (asked,) = json.loads(told(capsys, "ask", "two.toml", "results.csv", "-n", "1", "--json"))
    assert "expected hypervolume gain" in asked["why"]
