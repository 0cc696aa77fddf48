"""A catalogue that version 0.1.0 wrote is shown, read, replayed and gone on with.

It holds a campaign that SIGTERM ended after 8 of 12 experiments (run II, composite) and a whole one
of 4 (run V, merit only), journals and Tiled's files, as they lay in a folder of another computer.
"""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from reactune.plans.cli import main

pytestmark = pytest.mark.usefixtures("drawn")

STORED = Path(__file__).parent / "stored" / "version-0.1.0.tar.xz"
INTERRUPTED, WHOLE = "8dbdecb4", "31c1799c"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The old catalogue, to be read only."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(STORED) as archive:
        archive.extractall(folder, filter="data")
    return folder / "reactune"


@pytest.fixture
def copy(old, tmp_path):
    return shutil.copytree(old, tmp_path / "copy")


def test_its_runs_are_listed_with_the_way_on(old, capsys):
    assert main(["runs", "--catalogue", str(old)]) == 0
    out = capsys.readouterr().out
    assert out.count("simulated") == 2
    assert f"--resume {INTERRUPTED}" in out
    assert "budget: 4 of 4 experiments done" in out


@pytest.mark.parametrize(
    ("uid", "n", "feasible", "best", "best_goal", "best_feasible", "hours"),
    [
        (INTERRUPTED, 8, 5, 8, 0.004744397125636794, 1, 4.198158731387914),
        (WHOLE, 4, 0, 2, 0.14323965204606517, None, 1.5407359034753891),
    ],
)
def test_its_campaigns_are_shown_as_they_were(
    old, capsys, uid, n, feasible, best, best_goal, best_feasible, hours
):
    assert main(["show", uid, "--json", "--catalogue", str(old)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["n"], said["n_feasible"]) == (n, feasible)
    assert said["best"]["number"] == best
    assert said["best"]["goal"] == best_goal
    assert (said["best_feasible"] or {}).get("number") == best_feasible
    assert said["lab_hours"] == hours
    assert (old / "reports" / f"{uid}.html").stat().st_size > 10_000


def test_it_goes_on_where_its_asks_repeat_and_says_the_way_on_elsewhere(copy, tiled, capsys):
    """Whether they do is up to the processor: another one rounds another way."""
    where = ["--catalogue", str(copy)]
    repeats = main(["replay", INTERRUPTED, *where]) == 0
    replayed = capsys.readouterr().out
    resumed = main(["optimise", "--resume", INTERRUPTED, "--json", *where])
    out, err = capsys.readouterr()
    if repeats:
        assert "8 of 8 asks identical" in replayed
        assert resumed == 0
        assert json.loads(out)["n"] == 12
        assert len(list((copy / "data").iterdir())) == 3  # Tiled's files, made anew for this place
    else:
        assert resumed == 2
        assert_refused(err)


def test_where_an_ask_differs_by_a_bit_it_is_refused_with_the_way_on(copy, capsys):
    (journal,) = (copy / "journal").glob(f"*{INTERRUPTED}*")
    lines = journal.read_text().splitlines(keepends=True)
    changed = next(n for n, line in enumerate(lines) if '"asked_temperature": 1' in line)
    event = json.loads(lines[changed])
    event["doc"]["data"]["asked_temperature"] += 2**-40
    lines[changed] = json.dumps(event) + "\n"
    journal.write_text("".join(lines))
    assert main(["replay", INTERRUPTED, "--catalogue", str(copy)]) == 1
    assert "asks identical" in capsys.readouterr().out
    assert main(["optimise", "--resume", INTERRUPTED, "--catalogue", str(copy)]) == 2
    assert_refused(capsys.readouterr().err)


def assert_refused(err):
    (sentence,) = (line for line in err.splitlines() if "cannot be resumed" in line)
    assert "asks come out differently here" in sentence
    assert f"reactune rediscover {INTERRUPTED}" in sentence
