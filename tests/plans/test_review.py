"""A person looks at each batch: approves, changes, adds, drops; and documents say who did."""

import io
import json
import os
import signal
import threading

import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.replay import replay
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load
from reactune.plans.reviewing import Reviewer
from reactune.plans.service import resume, run
from reactune.plans.signals import StopSignals
from reactune.plans.terminal.review import TerminalReview

STEPPED = {
    "minimise": "y",
    "measured": ["y"],
    "variables": {"x": {"range": [0, 10], "step": 2}, "z": {"range": [0.1, 1]}},
    "limits": {"both": {"of": "x + z", "within": [0.1, 10]}},
    "budget": 8,
    "batch": 3,
}


def agent() -> Agent:
    return Agent(Problem.load(STEPPED), seed=1)


def test_a_suggestion_is_changed_added_and_left_out():
    asked = agent()
    seen = []

    def review(points):
        seen.extend(points)
        first, second, *_ = points
        return [first | {"z": 0.25}, second, {"x": 4, "z": 0.5}]

    chosen = asked.suggest(4, review=review, by="anna")
    assert [point["_id"] for point in seen] == [1, 2, 3, 4]
    assert all(point["_why"] for point in seen)
    assert [point["_id"] for point in chosen] == [1, 2, 3]
    assert chosen[0] == {"_id": 1, "x": seen[0]["x"], "z": 0.25}
    assert chosen[1]["z"] == seen[1]["z"]
    asked.ingest([{"_id": n, "y": float(n)} for n in (1, 2, 3)])
    whys = [evaluation.why for evaluation in asked.evaluations]
    assert whys[0].startswith("changed by anna: z was ")
    assert whys[1:] == [seen[1]["_why"], "added by anna"]
    assert asked.suggest()[0]["_id"] == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x": 3}, "x = 3 lies between what can be set: 2 and 4"),
        ({"x": 12}, "x = 12 is outside its range [0, 10]"),
        ({"x": 10, "z": 0.5}, "both: x + z = 10.5 is outside the limits [0.1, 10]"),
        ({"z": "much"}, "z = 'much' is no number"),
        ({"_id": 9}, "_id 9 is no point of this batch, or is there twice"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(changes, sentence):
    asked, other = agent(), agent()
    with pytest.raises(ValueError, match=r"x|z|_id") as error:
        asked.suggest(2, review=lambda points: [points[0] | changes, points[1]])
    assert sentence in str(error.value)
    assert asked.suggest(2) == other.suggest(2)


def test_no_more_is_chosen_than_the_budget_has_left():
    with pytest.raises(ValueError, match="9 points are chosen, and 8 are left of the budget"):
        agent().suggest(1, review=lambda points: [{"x": 2, "z": 0.1 * k} for k in range(1, 10)])


def typed(*lines: str, n: int = 2, **problem) -> tuple[list[dict], list[dict]]:
    """What a person at the terminal makes of a batch."""
    asked = Agent(Problem.load({**STEPPED, **problem}), seed=1)
    asked._queue.extend(asked.draw(n))
    batch = asked.shown(asked._queue)
    review = TerminalReview(asked, io.StringIO("".join(f"{line}\n" for line in lines)))
    return batch, list(review(batch))


def bare(point: dict) -> dict:
    return {key: value for key, value in point.items() if key != "_why"}


def test_at_the_terminal(capsys):
    batch, chosen = typed("")
    assert chosen == [bare(point) for point in batch]
    shown = capsys.readouterr().err
    assert "To be measured next, after 0 experiments:" in shown
    assert max(map(len, shown.splitlines())) <= 80

    batch, chosen = typed("1 x=4 z=0.5", "drop 2", "add x=2 z=0.75", "")
    assert chosen == [{"_id": 1, "x": 4.0, "z": 0.5}, {"x": 2.0, "z": 0.75}]

    assert typed("stop")[1] == []
    assert typed("1 x=4")[1] == []  # the input ends: nobody has approved it
    assert "nobody answers" in capsys.readouterr().err


def test_at_the_terminal_a_batch_is_approved_that_can_be_measured_together(capsys):
    more = "add x=2 z=0.75"
    _, chosen = typed(more, "", "drop 1", "", budget=2)
    assert len(chosen) == 2
    assert "3 points are chosen, and 2 are left of the budget (2)" in capsys.readouterr().err
    _, chosen = typed("1 x=4", "", "2 x=4", "", n=2, shared=["x"], limits={})
    assert [point["x"] for point in chosen] == [4, 4]
    assert "a batch shares one x: give all points the same" in capsys.readouterr().err


def test_a_choice_at_the_terminal_may_have_spaces():
    solvents = {"x": {"choices": ["THF", "ethyl acetate"]}, "z": (0, 1)}
    _, chosen = typed('1 x="ethyl acetate" z=0.5', "", n=1, variables=solvents, limits={})
    assert chosen == [{"_id": 1, "x": "ethyl acetate", "z": 0.5}]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1 x=3", "x = 3 lies between what can be set: 2 and 4"),
        ("7 x=4", "'7' is no point of this batch; those are 1, 2"),
        ("drop 1 9", "'9' is no point of this batch"),
        ("1 flow=4", "'flow=4' sets no variable; write NAME=VALUE, with a name among x, z"),
        ("add x=4", "z is missing; give it a number\n"),
        ("1 z=0,5", "z = '0,5' is no number: write it with a decimal point"),
        ("1 z='0.5", "has a quote that nothing closes: close it"),
        ("yes", "'yes' is nothing to do here"),
    ],
)
def test_a_slip_at_the_terminal_is_named_and_changes_nothing(capsys, line, sentence):
    batch, chosen = typed(line, "")
    assert chosen == [bare(point) for point in batch]
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("word", ["help", "?"])
def test_who_asks_for_help_at_the_terminal_is_told_the_commands(capsys, word):
    batch, chosen = typed(word, "")
    assert chosen == [bare(point) for point in batch]
    shown = capsys.readouterr().err
    assert shown.count("leave points out") == 2
    assert "nothing to do here" not in shown


def test_no_word_is_broken_at_the_end_of_a_line(capsys):
    names = [f"temperature_of_zone_{k}" for k in range(9)]
    variables = {name: {"range": (1, 9)} for name in names}
    typed("1 flow=4", "", n=1, variables=variables, limits={})
    shown = capsys.readouterr().err
    shown = shown[shown.index("'flow=4' sets") :]
    shown = shown[: shown.index("\nreview>")] if "\nreview>" in shown else shown
    assert max(map(len, shown.splitlines())) <= 80
    assert set(names) <= set(shown.replace(",", " ").split())


def by_anna(batches: list, made=lambda points: points):
    """Who looks at the batches of a campaign, and remembers them."""

    def review(points):
        batches.append(points)
        return made(points)

    return lambda agent: Reviewer(review, "anna")


BATCHES = {**Problem.load("walker-ii").to_dict(), "budget": 9, "batch": 2}


def test_a_campaign_is_reviewed_stored_replayed_and_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")
    batches: list[list[dict]] = []

    def warmer(points):
        return [] if len(batches) == 3 else [points[0] | {"temperature": 121.5}, *points[2:]]

    with Catalogue(tmp_path, writing=True) as catalogue:
        outcome = run(BATCHES, catalogue=catalogue, seed=2, reviewer=by_anna(batches, warmer))
        assert outcome.reason == "ended at the review by anna"
        assert not outcome.finished
        stored = catalogue["last"]
        assert stored.start["review"] == "anna"
        reviews = stored.events("review")
        assert [(data["number"], data["by"]) for data in reviews] == [(1.0, "anna"), (6.0, "anna")]
        assert [len(json.loads(data["proposed"])) for data in reviews] == [6, 2]
        assert [len(json.loads(data["chosen"])) for data in reviews] == [5, 1]
        temperatures = [data["asked_temperature"] for data in stored.events("primary")]
        assert (temperatures[0], temperatures[5]) == (121.5, 121.5)
        whys = [data["why"] for data in stored.events("decision")]
        assert whys[0].startswith("changed by anna: temperature was ")
        assert not any("anna" in why for why in whys[1:5])
        assert replay(catalogue, "last").differences == ()
        # on with a review, and then without one
        assert resume("last", catalogue=catalogue, budget=8, reviewer=by_anna(batches)).well
        assert bare(batches[3][0]) == bare(batches[2][0])  # asked about again
        assert resume("last", catalogue=catalogue, budget=9).well
        again = replay(catalogue, "last")
    assert (again.n, again.differences) == (9, ())


def test_cut_off_in_a_reviewed_batch_the_rest_of_it_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")
    hot = by_anna([], lambda points: [point | {"temperature": 130} for point in points])
    whole = run({**BATCHES, "budget": 6}, catalogue=tmp_path, seed=2, reviewer=hot)
    (journal,) = (tmp_path / "journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    (third,) = [i for i, line in enumerate(lines) if b'"number": 3.0' in line and b"trace" in line]
    journal.write_bytes(b"".join(lines[: third + 1]))
    batches: list[list[dict]] = []
    resumed = resume(whole.uid, catalogue=tmp_path, reviewer=by_anna(batches))
    assert batches == []  # what anna approved needs nobody's word again
    assert resumed.campaign.table["asked_temperature"].tolist() == [130] * 6
    assert resumed.summary.best == whole.summary.best


def test_a_rig_that_waits_for_long_waits_in_its_safe_state(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("REACTUNE_STORE", "journal")
    rig = load("walker").model_copy(update={"pause_limit": 0.1})

    def slow(points):
        threading.Event().wait(0.6)
        return points

    late = {**BATCHES, "budget": 7}
    assert run(late, rig, catalogue=tmp_path, seed=2, reviewer=by_anna([], slow)).well
    assert "the batch still waits for anna: the rig goes to its safe state" in caplog.text


def test_ctrl_c_ends_a_review(tmp_path, monkeypatch):
    monkeypatch.setenv("REACTUNE_STORE", "journal")
    over = threading.Event()

    def called_away(points):
        os.kill(os.getpid(), signal.SIGINT)
        over.wait(60)
        return points

    reviewer = by_anna([], called_away)
    outcome = run(BATCHES, catalogue=tmp_path, reviewer=reviewer, interrupters=[StopSignals])
    over.set()
    assert outcome.interrupted
    assert outcome.safe
    assert outcome.reason == "stopped by the user (Ctrl-C)"
