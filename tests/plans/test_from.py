"""Campaigns that begin with old results: of stored runs, and of tables."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from ord_schema.proto import dataset_pb2

from reactune.analysis.campaign.replay import replay
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.html import write_html
from reactune.analysis.report.summary import Summary, summarise
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.encoding import loads, seal
from reactune.devices import load
from reactune.plans.cli import main
from reactune.plans.earlier import earlier
from reactune.plans.errors import UserError
from reactune.plans.preparation import informed_campaign, rediscovered_campaign
from reactune.plans.service import Listener, resume, run, stored_campaign
from reactune.plans.startup import Workspace
from reactune.plans.tables import kept, open_table

pytestmark = pytest.mark.usefixtures("drawn")

TABLE = """\
temperature [degC],flow_c60 [uL/min],flow_sultine [uL/min],X0,X1,X2,X3,failed,by
120,60,60,0.05,0.75,0.19,0.01,,anna
90,40,50,0.60,0.35,0.05,0.00,,anna
130,30,45,,,,,clogged,bert
140,50,60,,,,,,bert
"""


@pytest.fixture(autouse=True)
def _journals_alone(monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalogue with a campaign of six, and one of three that begins with it."""
    folder = tmp_path_factory.mktemp("stored")
    with Catalogue(folder, writing=True, store="journal") as catalogue:
        assert run("walker-ii", catalogue=catalogue, seed=4, budget=6).well
        assert run("walker-ii", catalogue=catalogue, seed=5, budget=3, known=["last"]).well
    return folder


@pytest.fixture
def place(stored, placed):
    """A copy of that catalogue, and a table."""
    runs = placed(stored)
    Path("old.csv").write_text(TABLE)
    return runs


def shown(folder: Path) -> Summary:
    """What the newest run came to."""
    with Catalogue(folder) as catalogue:
        return summarise(stored_campaign(catalogue, "last"))


def newest(folder: Path) -> str:
    with Catalogue(folder) as catalogue:
        return catalogue["last"].uid


def test_a_campaign_begins_with_what_a_run_found(place):
    told = shown(place)
    assert (told.n, told.n_known, told.budget) == (9, 6, 9)
    with Catalogue(place) as catalogue:
        new, old = catalogue["last"], catalogue[-2]
        known = new.start["known"]
        assert known["sources"] == [{"run": old.uid, "experiments": 6}]
        assert [data["number"] for data in new.events("primary")] == [7.0, 8.0, 9.0]
        decided = {int(data["number"]): data for data in old.events("decision")}
        for experiment in known["experiments"]:
            assert experiment["measurement"]["values"]["X3"] == decided[experiment["number"]]["X3"]
        again = replay(catalogue, "last")
    assert (again.n, again.differences) == (3, ())


def test_what_was_known_is_exported_as_such(place, capsys):
    assert main(["export", "last", "-o", "out.csv"]) == 0
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [int(row["number"]) for row in rows] == [*range(1, 10)]
    assert {row["run"] for row in rows[:6]} == {row["recorded"] for row in rows[:6]} == {""}
    assert all(row["run"] and row["recorded"] for row in rows[6:])
    assert {row["origin"] for row in rows} == {"SIMULATED"}
    assert "known: experiment 6 of run" in rows[5]["why"]


def test_what_was_known_is_no_record_of_this_run_for_the_ord(place, capsys):
    out = ["-o", "out.ord", "--by", "Anna Beck <anna@lab.org>"]
    assert main(["export", "last", *out]) == 0
    assert "out.ord: 3 experiments, 6 known before left out\n" in capsys.readouterr().out
    reactions = dataset_pb2.Dataset.FromString(Path("out.ord").read_bytes()).reactions
    told = [reaction.notes.procedure_details for reaction in reactions]
    assert all(f"experiment {n} of" in text for n, text in zip((7, 8, 9), told, strict=True))
    for reaction in reactions:
        assert reaction.inputs["c60"].flow_rate.value > 0
        assert reaction.conditions.temperature.setpoint.value >= 100
        assert reaction.outcomes[0].reaction_time.value > 0
    *_, journal = sorted((place / "journal").iterdir())  # cut off before its first result
    lines = journal.read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b'"number": 7.0' in line)
    journal.write_bytes(b"".join(lines[: first + 1]))
    assert main(["export", "last", *out, "--overwrite"]) == 2
    assert "there is nothing to record" in capsys.readouterr().err


def test_cut_off_it_goes_on_as_it_would_have(place):
    whole = shown(place)
    *_, journal = sorted((place / "journal").iterdir())
    lines = journal.read_bytes().splitlines(keepends=True)
    (second,) = [i for i, line in enumerate(lines) if b'"number": 8.0' in line and b"trace" in line]
    journal.write_bytes(b"".join(lines[: second + 1]))
    assert resume(whole.uid, catalogue=place).well
    resumed = shown(place)
    for key in ("best", "best_feasible", "n", "n_known", "n_feasible", "budget"):
        assert getattr(resumed, key) == getattr(whole, key)
    with Catalogue(place) as catalogue:
        assert replay(catalogue, "last").differences == ()


def test_it_can_be_begun_from_itself_and_nothing_counts_twice(place):
    with Catalogue(place) as catalogue:
        sources = [catalogue[-1].uid, catalogue[-2].uid, Path("old.csv")]
        prepared = informed_campaign(catalogue, sources, "walker-ii", "walker", seed=1)
    counts = [source["experiments"] for source in prepared.md["known"]["sources"]]
    assert counts == [9, 0, 3]
    assert [e.number for e in prepared.agent.evaluations] == list(range(1, 13))


def test_a_campaign_begins_with_the_rows_of_a_table(place):
    outcome = run("walker-ii", catalogue=place, seed=1, budget=2, known=["old.csv"])
    assert (outcome.summary.n, outcome.summary.n_known) == (5, 3)
    assert outcome.summary.failed == {3: "clogged"}
    write_html(outcome.campaign, "page.html")  # the best is a row, which has no trace
    assert "known: row 2 of old.csv" in Path("page.html").read_text()
    with Catalogue(place) as catalogue:
        stored = catalogue["last"]
        (source,) = stored.start["known"]["sources"]
        assert source["table"] == str(Path("old.csv").absolute())
        assert len(source["sha256"]) == 64
        # 90 degC is outside today's range: known, and never asked for
        assert stored.start["known"]["experiments"][1]["conditions"]["temperature"] == 90
        assert all(data["asked_temperature"] >= 100 for data in stored.events("primary"))
        assert stored.start["known"]["experiments"][1]["why"] == "known: row 3 of old.csv"
        Path("old.csv").unlink()  # what is known is in the run
        assert replay(catalogue, "last").differences == ()


DOUBTFUL = """\
temperature,flow_c60,flow_sultine,X0,X1,X2,X3
120,60,60,0.05,0.75,0.19,0.01
130,60,60,0.05,0.75,0.19,-3
140,60,60,0.05,0.75,0.19,0.02
"""


def test_what_may_be_meant_otherwise_in_a_table_is_said_before_it_begins(place, capsys):
    Path("doubtful.csv").write_text(DOUBTFUL)
    problem = Problem.load("walker-ii").to_dict() | {"kind": "positive"}
    (remark,) = informed_campaign(None, "doubtful.csv", problem, "walker", seed=1).remarks
    assert remark.startswith("doubtful.csv: X3 is -3 in row 3, and ")
    with Catalogue(place) as catalogue:
        again = rediscovered_campaign(catalogue, "doubtful.csv", problem=problem, seed=1)
    assert [*again.remarks] == [remark]
    heard = Heard()
    run(problem, catalogue=place, seed=1, budget=1, known="doubtful.csv", listener=heard)
    assert heard.remarks == [remark]


class Heard(Listener):
    """A listener that keeps the remarks."""

    def __init__(self):
        self.remarks = []

    def remark(self, sentence):
        self.remarks.append(sentence)


def test_what_was_known_outside_of_the_limits_is_no_place_to_start_from(place):
    assert run("walker-ii", catalogue=place, seed=1, budget=1, known="old.csv").well
    with Catalogue(place) as catalogue:
        first = rediscovered_campaign(catalogue, "last").agent.first
    assert first
    assert all(point["temperature"] >= 100 for point in first)


def test_old_results_with_another_choice_of_solvents(tmp_path):
    problem = {
        "maximise": "y", "measured": ["y"], "batch": 1,
        "variables": {"t": (0, 1), "solvent": {"choices": ["THF", "DMF"]}},
    }  # fmt: skip
    table = tmp_path / "old.csv"
    table.write_text("t,solvent,y\n0.5,THF,1\n0.25,DMF,2\n")
    asking = open_table(Problem.load(problem), table, 0)
    campaign, _ = kept(asking, table, 0, tmp_path / "runs")
    today = problem | {"variables": {"t": (0, 2), "solvent": {"choices": ["MeCN", "DMF"]}}}
    with Catalogue(tmp_path / "runs") as catalogue:
        found = earlier([campaign.run.uid], Problem.load(today), catalogue)
    assert [asked.conditions for asked, _ in found.experiments] == [{"t": 0.25, "solvent": "DMF"}]


def variant(**keys) -> Problem:
    return Problem.load({**Problem.load("walker-ii").to_dict(), **keys})


FLOWS = {
    "flow_c60": {"range": [10, 207], "unit": "uL/min"},
    "flow_sultine": {"range": [10, 207], "unit": "uL/min"},
}


def test_units_and_fixed_values_are_brought_to_todays_problem(place):
    variables = FLOWS | {"temperature": {"range": [373.15, 423.15], "unit": "K"}}
    with Catalogue(place) as catalogue:
        old = [data["asked_temperature"] for data in catalogue[-2].events("primary")]
        problem = variant(variables=variables)
        prepared = informed_campaign(catalogue, [catalogue[-2].uid], problem, "walker", seed=1)
        found = [e.conditions["temperature"] for e in prepared.agent.evaluations]
        assert found == pytest.approx([celsius + 273.15 for celsius in old])
        # of a variable that is fixed now only the experiments at its value count
        fixed = {"volume": 931, "temperature": old[0]}
        problem = variant(variables=FLOWS, fixed=fixed)
        prepared = informed_campaign(catalogue, [catalogue[-2].uid], problem, "walker", seed=1)
        assert len(prepared.agent.evaluations) == old.count(old[0])


def marked_as_real(place: Path) -> None:
    """Have the first run say that it was on hardware."""
    journal = min((place / "journal").iterdir())
    lines = journal.read_bytes().splitlines(keepends=True)
    item = loads(lines[1])
    item.pop("crc")
    item["doc"]["simulated"] = False
    journal.write_bytes(b"".join((lines[0], seal(item), *lines[2:])))


def test_simulated_and_real_are_never_mixed(place, capsys):
    with Catalogue(place) as catalogue:
        uid = catalogue[-2].uid
        prepared = informed_campaign(catalogue, [uid], "walker-ii", "walker", seed=1)
        with pytest.raises(UserError, match=f"run {uid[:8]} was simulated, this rig is on real"):
            prepared.check_mark(simulated=False)
    marked_as_real(place)
    assert main(["optimise", "walker-ii", "--from", uid]) == 2
    assert f"run {uid[:8]} was on real hardware, this rig is simulated" in capsys.readouterr().err
    assert main(["optimise", "walker-ii", "--from", uid, "--from", "last"]) == 2
    assert "was simulated and run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "problem", "sentence"),
    [
        ("none.csv", {}, "there is no none.csv; give a table, CSV or XLSX, or the uid of a run"),
        ("0000000", {}, "No run in"),
        ("empty.csv", {}, "empty.csv has no row with a result"),
        ("last", {"measured": ["X3", "ee"], "constraints": []}, "it did not measure ee"),
        (
            "last",
            {"variables": {"ratio": {"range": [0.5, 2]}, "temperature": {"range": [100, 150]}}},
            "it says nothing of ratio: it varied temperature, flow_c60, flow_sultine",
        ),
        ("last", {"fixed": {"volume": 500}}, "fixed.volume = 500 was 931"),
        ("last", {"variables": FLOWS}, "it varied temperature, of which the problem says nothing"),
    ],
)
def test_what_cannot_be_used_is_named(place, source, problem, sentence):
    Path("empty.csv").write_text(TABLE.splitlines()[0] + "\n")
    stated = variant(**problem, limits={}) if problem else variant()
    with Catalogue(place) as catalogue, pytest.raises(UserError, match=r"^[^\n]*$") as error:
        earlier([source], stated, catalogue)
    assert sentence in str(error.value)


def test_another_rig_is_refused_by_what_differs(place):
    rig = load("walker")
    streams = rig.streams | {"c60": rig.streams["c60"].model_copy(update={"stock": 5.0})}
    other = rig.model_copy(update={"streams": streams})
    with Catalogue(place) as catalogue:
        uid = catalogue[-2].uid
        with pytest.raises(UserError, match=rf"run {uid[:8]}: streams\.c60\.stock = 5 was"):
            informed_campaign(catalogue, [uid], "walker-ii", other)


def test_resuming_takes_nothing_from_elsewhere(place, capsys):
    assert main(["optimise", "--resume", "last", "--from", "old.csv"]) == 2
    assert "reactune optimise PROBLEM --from last" in capsys.readouterr().err


def test_windows_and_limits_change_in_mid_campaign(place):
    with Catalogue(place) as catalogue:
        before = catalogue["last"].uid
        made = catalogue["last"].events("primary")
    changed = variant(
        constraints=["X1 + X2 in [0.95, 1.0] +/- 0.1"],
        variables=FLOWS | {"temperature": {"range": [100, 125], "unit": "degC"}},
        budget=11,
    )
    assert resume(before, catalogue=place, problem=changed).well
    told = shown(place)
    assert (told.n, told.n_known, told.budget) == (11, 9, 11)
    assert told.windows == ("X1 + X2 in [0.95, 1]",)
    with Catalogue(place) as catalogue:
        run = catalogue["last"]
        assert run.start["resumes"] == before
        assert run.start["known"]["sources"] == [{"run": before, "experiments": 9}]
        known = [e["conditions"]["temperature"] for e in run.start["known"]["experiments"]]
        assert known[6:] == [data["asked_temperature"] for data in made]
        assert max(known) > 125  # data, where nothing is asked for any more
        asked = [data["asked_temperature"] for data in run.events("primary")]
        assert len(asked) == 2
        assert max(asked) <= 125
        assert replay(catalogue, "last").differences == ()
    assert resume(run.uid, catalogue=place, budget=12).well
    assert shown(place).windows == ("X1 + X2 in [0.95, 1]",)
    with pytest.raises(UserError, match=f"run {before[:8]} has been resumed as run {run.uid[:8]}"):
        resume(before, catalogue=place, problem=changed)


def test_a_campaign_whose_problem_was_changed_is_asked_whole(place, capsys):
    with Catalogue(place) as catalogue:
        old, before = catalogue[-2].uid, catalogue["last"].uid
    changed = variant(constraints=["X1 + X2 in [0.95, 1.0] +/- 0.1"], budget=11)
    assert resume(before, catalogue=place, problem=changed).well
    capsys.readouterr()

    def told(*command: str) -> dict[str, Any]:
        assert main([*command, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    found = told("rescore", "last", "--problem", "walker-iii", "--method", "walker")
    assert [(run["uid"], run["n"]) for run in found["runs"]] == [(before, 3), (newest(place), 2)]
    assert found["windows"] == [w.text for w in Problem.load("walker-iii").windows]
    assert told("rescore", "last", "--method", "walker")["windows"] == ["X1 + X2 in [0.95, 1]"]
    every = told("rescore", old, before, "last", "--problem", "walker-iii")
    assert [run["n"] for run in every["runs"]] == [6, 3, 2]
    assert told("redesign", "last")["n"] == 11  # what it knew when it began, as told it then
    assert told("redesign", before)["n"] == 9


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"minimise": "X1"}, "the goal: minimise X1 now, minimise X3 before"),
        ({"measured": ["X1", "X2", "X3"]}, "measured: X1, X2, X3 now, X0, X1, X2, X3 before"),
        (
            {"fixed": {"volume": 931, "temperature": 120}, "variables": FLOWS},
            "variables: flow_c60, flow_sultine now",
        ),
        ({"budget": 9}, "needs no resuming: budget: 9 of 9 experiments done"),
    ],
)
def test_another_question_is_another_campaign(place, problem, sentence):
    with pytest.raises(UserError) as error:
        resume("last", catalogue=place, problem=variant(**problem))
    assert sentence in str(error.value)


def test_a_changed_problem_belongs_to_a_campaign_that_goes_on(place, capsys):
    assert main(["optimise", "--problem", "walker-ii"]) == 2
    assert "--problem changes a campaign: --resume UID" in capsys.readouterr().err


def test_the_list_of_runs_says_what_each_goes_on_from_and_what_it_came_to(place, capsys):
    with Catalogue(place) as catalogue:
        first, second = catalogue[-2].uid[:8], catalogue[-1].uid[:8]
        (last,) = catalogue.runs(limit=1)
        expected = last.last["best_feasible_goal"]
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert max(map(len, listed.splitlines())) <= 80
    head, tail = listed.split(second, 1)
    assert first in head
    assert "  campaign  " in head
    assert f"  from {first}  " in tail
    assert "3 experiments" in tail
    assert f"minimise X3: {expected:.4g} expected of no. " in tail


def test_show_asks_but_once_which_run_is_the_last(place, capsys, monkeypatch):
    """Another may begin meanwhile."""
    find, asked = Catalogue.__getitem__, []

    def finding(catalogue: Catalogue, uid: str) -> Any:
        asked.append(uid)
        return find(catalogue, uid)

    monkeypatch.setattr(Catalogue, "__getitem__", finding)
    assert main(["show", "last", "--json"]) == 0
    assert asked.count("last") == 1


def test_one_old_result_needs_no_list_and_none_is_named(place, lab):
    with Catalogue(place, writing=True, store="journal") as catalogue:
        workspace = Workspace(lab.rig, catalogue)
        workspace.RE(workspace.optimise("walker-ii", budget=1, known="last"))
        assert summarise(workspace.last()).n_known == 9
        with pytest.raises(UserError, match=r"rediscover: what\? Name stored runs, or tables"):
            workspace.RE(workspace.rediscover([]))
