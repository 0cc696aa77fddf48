"""What is promised of a product found by few experiments, and whether repeats keep to it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from reactune.analysis.analytics import Measurement
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.keys import outcome_keys
from reactune.analysis.campaign.leader import Estimate, Leader
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.made import made_of
from reactune.analysis.report.summary import summarise
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from reactune.plans.making.product import Checks, Product
from reactune.plans.making.service import make_product
from reactune.plans.service import run
from tests.benchmarks.coverage import outcomes
from tests.benchmarks.lab import HPLC, SPECIES, Lab, stated
from tests.plans.making.test_collection import Nobody, collecting

WINDOWS = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 0.01 +/- 0.01"]


def off_by(seed: int, budget: int) -> list[float]:
    """How far repeats of the best of a small campaign are off, in the sd that was promised."""
    problem = stated("walker-iii", budget=budget, stop={"verdict": False})
    lab = Lab(seed)
    agent = lab.campaign(Agent(problem, HPLC, seed=seed), budget).agent
    index, found = agent.best()
    done = agent.evaluations[index]
    leader = Leader.of(done.number, found, agent.problem)
    keys, off = outcome_keys(agent.problem), []
    for repeat in lab.measure([{"_id": 0, **done.conditions}] * 4):
        values = {name: repeat[name] for name in SPECIES}
        again = outcomes(agent.problem, values, done.conditions)
        off += [
            abs(value - leader.expected[key].value) / leader.expected[key].repeat_sd
            for key, value in zip(keys, again, strict=True)
        ]
    return off


@pytest.mark.parametrize("budget", [3, 4, 6, 9])
def test_repeats_keep_to_what_few_experiments_promise(budget):
    off = np.concatenate([off_by(seed, budget) for seed in range(40, 52)])
    assert (off < 2).mean() > 0.9
    assert (off < 4).mean() > 0.98
    assert (off < 1).mean() < 0.98  # it is no promise that nothing could break


def test_checks_of_a_product_of_four_experiments_pass(tmp_path, monkeypatch):
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path))
    asked = Problem.load("walker-ii").to_dict() | {"constraints": WINDOWS}
    off = []
    for seed in range(3, 7):
        with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
            found = run(asked, catalogue=catalogue, seed=seed, budget=4)
        if found.summary.best_feasible is None:
            continue
        rig = collecting().emulating(seed=100 + seed)
        made = make_product(found.uid, 300.0, rig, attendant=Nobody()).made
        assert made.scatter_assumed
        assert len(made.checks) == 2
        assert "Scatter   of a repeat: what is usual" in made.to_text()
        off += [
            abs(one["measured"] - one["expected"]) / one["repeat_sd"]
            for check in made.checks
            for one in check.told.values()
        ]
    assert len(off) >= 24
    assert np.mean(np.array(off) < 2) > 0.9


@pytest.mark.parametrize(("assumed", "passed"), [(True, True), (False, False)])
def test_what_is_assumed_leaves_room_for_how_exact_the_analysis_is(assumed, passed):
    """Of a trace of a product the scatter is assumed far smaller than a peak can be integrated."""
    problem = Problem.load("walker-ii")
    values = {"X0": 0.05, "X1": 0.75, "X2": 0.1983, "X3": 0.0017}
    seen = Measurement(values, dict.fromkeys(values, 0.0005))
    promised = {name: Estimate(value, 0.01, 0.01) for name, value in values.items()}
    promised |= {"X1 + X2": Estimate(0.95, 0.01, 0.01)}
    promised["X3"] = Estimate(0.00038, 0.00008, 0.00012)
    where = {"temperature": 110.0, "flow_c60": 30.0, "flow_sultine": 30.0}
    analytics = SimpleNamespace(measure=lambda data: seen)
    product = Product("run", 1, problem, analytics, where, promised, assumed)
    rig = SimpleNamespace(read=dict, config=SimpleNamespace(chromatogram=None))
    checks = Checks(product, rig)
    assert [message.command for message in checks.record(1)].count("save") == 2
    assert (not checks.failure) is passed, checks.failure


def test_a_check_as_promised_but_outside_a_window_says_so():
    problem = Problem.load("walker-ii")
    values = {"X0": 0.1, "X1": 0.7821, "X2": 0.1158, "X3": 0.0087}
    seen = Measurement(values, dict.fromkeys(values, 0.0005))
    promised = {name: Estimate(value, 0.003, 0.006) for name, value in values.items()}
    promised["X1 + X2"] = Estimate(0.9037, 0.0035, 0.0067)
    where = {"temperature": 100.0, "flow_c60": 65.3, "flow_sultine": 81.9}
    analytics = SimpleNamespace(measure=lambda data: seen)
    checks = Checks(
        Product("run", 1, problem, analytics, where, promised),
        SimpleNamespace(read=dict, config=SimpleNamespace(chromatogram=None)),
    )
    list(checks.record(1))
    event = {key: reading["value"] for key, reading in checks.read().items()}
    assert event.keys() == checks.describe().keys()
    assert event["passed"]
    assert event["outside"] == "X1 + X2 = 0.898 is below 0.9"
    start = {
        "makes": "found",
        "product": checks._product.to_dict(),
        "rig": {"file": {"streams": {}}},
        "title": "A flask",
        "simulated": True,
        "volume": 2000.0,
    }
    events = {"check": [event]}
    stored = SimpleNamespace(
        uid="made", start=start, stop=None, events=lambda stream: events.get(stream, [])
    )
    made = made_of(stored)
    (check,) = made.to_json()["checks"]
    assert check["outside"] == event["outside"]
    assert "Outside   before: X1 + X2 = 0.898 is below 0.9" in made.to_text()
    words = (
        "a flask of what was found on a long day in spring, and found again in autumn, for the lab"
    )
    long = replace(made, title=words).to_text(60)
    assert words in " ".join(long.replace(made.mark, "").split())
    assert max(map(len, long.splitlines())) <= 60


def test_summary_page_and_json_say_that_it_is_assumed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path))
    assert main(["optimise", "walker-ii", "--seed", "3", "--budget", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["best"]["scatter_assumed"] is True
    assert main(["show", "last"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Scatter of a repeat: what is usual (a twentieth of the spread of the results); " in said
    with Catalogue(tmp_path) as catalogue:
        summary = summarise(catalogue["last"])
    assert told["best"]["repeat_sd"] == pytest.approx(summary.best.repeat_sd)
    (page,) = tmp_path.rglob("*.html")
    assert "these few experiments do not tell it" in page.read_text("utf-8")


def test_many_experiments_tell_it_themselves(tmp_path):
    problem = stated("walker-iii", budget=34, stop={"verdict": False})
    lab = Lab(5)
    agent = lab.campaign(Agent(problem, HPLC, seed=5), 34).agent
    assert not Leader.of(1, agent.best()[1], agent.problem).assumed


def test_repeats_tell_it_too():
    problem = stated("walker-iii", budget=40)
    agent, lab = Agent(problem, HPLC, seed=1), Lab(1)
    centre = {"temperature": 120.0, "flow_c60": 40.0, "flow_sultine": 40.0}
    conditions = [centre | {"temperature": t} for t in (110.0, 120.0, 130.0)] + [centre] * 22
    found = lab.measure([{"_id": k, **c} for k, c in enumerate(conditions)])
    agent.ingest([{**c, **told} for c, told in zip(conditions, found, strict=True)])
    assert len(agent.evaluations) == 25
    assert not Leader.of(1, agent.best()[1], agent.problem).assumed
