"""An agent that knows an earlier campaign finds out whether it still holds."""

import json

import numpy as np
import pytest
from scipy.stats import qmc

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.known import Old
from reactune.analysis.campaign.rediscovery import (
    SENTINELS,
    Earlier,
    Finding,
    Rediscoverer,
    taken,
)
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.optimisers.surrogate.before import Compared
from reactune.analysis.optimisers.surrogate.drift import drift
from reactune.analysis.optimisers.surrogate.gp import GaussianProcess
from reactune.analysis.report.rediscovered import Rediscovered
from tests.benchmarks import drifted
from tests.benchmarks.drifted import CASES, VERDICTS, Today
from tests.benchmarks.lab import HPLC, Lab, stated

PROBLEM = Agent(stated("walker-ii", budget=20), HPLC).problem


@pytest.fixture(scope="module")
def earlier() -> Earlier:
    """Forty experiments all over the box."""
    return known(40, 1)


def known(count: int, seed: int) -> Earlier:
    """So many experiments all over the box."""
    space = Agent(PROBLEM, HPLC).space
    u = qmc.LatinHypercube(space.dim, rng=seed).random(count)
    asked = space.to_conditions(space.lower + u * (space.upper - space.lower))
    agent = Agent(PROBLEM, HPLC)
    agent.ingest(Lab(seed).measure(agent.register_suggestions(asked)))
    return Earlier(PROBLEM, olds(agent))


def olds(agent: Agent) -> list[Old]:
    return [(Suggestion(e.number, e.conditions, e.why), e.measurement) for e in agent.evaluations]


def begun(earlier: Earlier, case: str, n: int = SENTINELS) -> Rediscoverer:
    kinetics, hotter = CASES[case]
    lab = Today([1, 2], kinetics=kinetics, hotter=hotter)
    agent = Rediscoverer(PROBLEM, HPLC, 5, earlier.sentinels(), earlier=earlier)
    for _ in range(n):
        asked = agent.ask()
        agent.ingest(lab.measure([{"_id": asked.number, **asked.conditions}]))
    return agent


def test_sentinels_are_the_best_and_what_tells_shift_from_scale(earlier):
    points = earlier.sentinels()
    assert points[0] == earlier.agent.handed_over().conditions
    assert len(points) == SENTINELS
    old = {e.number: e for e in earlier.evaluations}
    values = [
        next(e.measurement.values["X1"] for e in old.values() if e.conditions == point)
        for point in points
    ]
    assert np.ptp(values) > 0.3  # far apart in what is measured
    assert earlier.sentinels() == points


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_after_the_sentinels(earlier, case):
    agent = begun(earlier, case)
    finding = agent.finding
    assert finding.verdict == VERDICTS[case]
    assert finding.probability[finding.verdict] > 0.5
    before = agent.optimiser.book.before
    if case == "another":
        assert before is None
        assert finding.trust == "not at all"
    else:
        assert before.differs == (case == "drifted")
        assert len(before.points.x) == 40
    if case == "drifted":
        change = finding.change["X3"]
        assert change.now > change.then + change.sd  # hotter, with a faster second addition
    assert [one["number"] for one in finding.compared] == [1, 2, 3]
    sentinels = [e.why.startswith("sentinel") for e in agent.evaluations]
    assert sentinels[0]
    assert all(sentinels) or case == "another"  # where it is sure no more of them is asked for
    assert type(finding).from_data(json.loads(json.dumps(finding.to_data()))) == finding


def test_what_is_handed_over_was_measured_today(earlier):
    agent = begun(earlier, "same")
    assert agent.handed_over() in agent.evaluations
    assert len(agent.evaluations) == SENTINELS
    asked = agent.ask()
    assert asked.why.startswith("class 1: expected improvement")  # by the models of before


def test_another_reaction_is_begun_as_from_nothing(earlier):
    agent = begun(earlier, "another", PROBLEM.first_batch)
    cold = Agent(PROBLEM, HPLC, 5)
    span = cold.space.upper - cold.space.lower

    def place(found):
        return cold.space.to_box(found.conditions) / span

    first = [cold.ask() for _ in range(PROBLEM.first_batch)]
    sentinels = [e for e in agent.evaluations if e.why.startswith("sentinel")]
    assert len(sentinels) < SENTINELS
    for known in sentinels:  # each stands for the point nearest to it
        first.remove(min(first, key=lambda s: np.linalg.norm(place(s) - place(known))))
    given = agent.evaluations[len(sentinels) :]
    assert [e.conditions for e in given] == [s.conditions for s in first]
    assert all("not believed" in e.why for e in given)
    assert "not believed" not in agent.ask().why


SMALL = {
    "minimise": "y",
    "measured": ["y", "g"],
    "constraints": ["g >= 0.5 +/- 0.1"],
    "variables": {"x": (0, 1), "z": (0, 1)},
    "batch": 1,
    "budget": 40,
}


def small(**changes) -> Earlier:
    """Twelve exact results of a simple function."""
    agent = Agent(SMALL | changes)
    grid = [{"x": x, "z": z} for x in np.linspace(0, 1, 4) for z in np.linspace(0, 1, 3)]
    for asked in agent.register_suggestions(grid):
        x, z = asked["x"], asked["z"]
        agent.ingest([{"_id": asked["_id"], "y": (x - 0.3) ** 2 + 0.2 * z + 0.1, "g": 1 + x}])
    return Earlier(agent.problem, olds(agent))


def far_off(k: int) -> dict[str, float]:
    return {"y": float(3 + k % 2), "g": float(2 - 3 * (k % 2))}


def test_results_in_one_place_stand_for_one_point_of_a_cold_start():
    earlier = small()
    agent = Rediscoverer(earlier.agent.problem, seed=11, earlier=earlier)
    for k in range(5):
        (point,) = agent.register_suggestions([{"x": 0.3 + 0.004 * k, "z": 0.002 * k}])
        agent.ingest([point | far_off(k)])
    assert agent.finding.verdict == "another"
    points = Agent(agent.problem, seed=11).suggest(agent.problem.first_batch)
    points.sort(key=lambda p: np.hypot(p["x"] - 0.308, p["z"] - 0.004))
    asked = []
    for k in range(len(points) - 1):
        asked.append(agent.ask())
        agent.ingest([{"_id": asked[-1].number, **far_off(k)}])
    assert all("not believed" in s.why for s in asked)
    assert {s.conditions["x"] for s in asked} == {p["x"] for p in points[1:]}


def test_a_result_stands_for_the_point_it_is_near():
    points = np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 0.2], [0.9, 0.9]])
    told = np.array([[0.05, 0.0], [0.06, 0.0], [0.6, 0.6]])
    assert taken(points, told).tolist() == [True, False, False, False]
    assert not taken(points, told[:0]).any()
    assert not taken(points[:1], told).any()  # what is near one point alone?


def test_a_batch_of_a_cold_start_has_its_shared_settings_in_common():
    earlier = small(shared=["x"], batch=3)
    agent = Rediscoverer(earlier.agent.problem, None, 7, earlier.sentinels(), earlier=earlier)
    agent.ingest([{"_id": agent.ask().number, **far_off(0)}])
    assert agent.finding.verdict == "another"
    first = agent.ask()
    batch = [first, *agent._queue]
    assert "not believed" in first.why
    assert len(batch) == 2  # the third is known
    assert len({s.conditions["x"] for s in batch}) == 1


def test_a_state_goes_on_with_the_same_asks(earlier):
    agent = begun(earlier, "drifted")
    plain = json.loads(json.dumps(agent.state(), allow_nan=False))
    again = Rediscoverer.from_state(plain)
    assert again.finding == agent.finding
    assert again.ask() == agent.ask()


def test_what_is_said_of_now_is_what_was_measured_now():
    """Old models that know little of their best point: what is found there is no drift."""
    z = np.array([[0.9, 0.9], [-0.5, 0.0], [0.0, -0.5], [0.9, 0.9]])
    foretold, values = np.array([[0.3], [0.1], [0.2], [0.3]]), np.array([[0.5], [0.12], [0.22]])
    doubt = np.full((4, 4), 1e-6) + 1e-6 * np.eye(4)
    doubt[np.ix_([0, 3], [0, 3])] = 0.1**2
    scatter, level = np.full((3, 1), 0.005), np.array([[0.3, 0.2]])
    new = Compared(values, foretold, doubt[None], scatter, level, lambda y: y, np.array([200]))
    found = drift(new, z)
    assert found.was == 0.3
    assert found.was_sd == pytest.approx(0.12, rel=0.1)
    assert abs(found.now - 0.5) < 0.01
    assert found.now_sd < 0.01


def test_a_change_is_claimed_only_beyond_the_doubt_of_both():
    told = {
        "X0": [2e-7, 0.0012, 0.0004, 2e-4, 3e-4],  # nothing then: no percentage of it
        "X1": [0.304, 0.472, 0.15, 0.128, 0.078],
        "X2": [0.5, 0.4, 0.01, 0.006, 0.008],
        "X3": [0.304, 0.472, 0.078],  # as earlier versions stored it
    }
    plain = Finding(5, "shifted", "with a fitted shift").to_data() | {"change": json.dumps(told)}
    finding = Finding.from_data(plain)
    (drifted,) = [
        text
        for label, text in Rediscovered(finding, ("run 1",), 9, None, None, ()).remarks()
        if label == "Drift"
    ]
    assert drifted.removeprefix("at the best of then: ").split("; ") == [
        "X0 0.00000 +/- 0.00020 then, 0.00120 +/- 0.00030 now",
        "X1 0.30 +/- 0.13 then, 0.472 +/- 0.078 now",
        "X2 0.5000 +/- 0.0060 then, 0.4000 +/- 0.0080 now (-20%)",
        "X3 0.304 then, +0.168 +/- 0.078 since",
    ]


def test_few_old_experiments_say_nothing(earlier):
    few = Earlier(PROBLEM, [(Suggestion(e.number, e.conditions, ""), e.measurement)
                            for e in earlier.evaluations[:4]])  # fmt: skip
    assert few.surrogate is None
    assert few.sentinels() == []
    agent = Rediscoverer(PROBLEM, HPLC, 5, earlier=few)
    assert agent.finding.verdict == "unknown"
    assert agent.ask().conditions == Agent(PROBLEM, HPLC, 5).ask().conditions


def test_what_few_old_experiments_foretell_is_not_taken_for_certain():
    """Twelve say little of how they scatter: repeats beyond that are no drift for sure."""
    sure = {"same": [], "drifted": []}
    for seed in range(20):
        old = known(12, seed)
        for case, verdicts in sure.items():
            kinetics, hotter = CASES[case]
            agent = Agent(PROBLEM, HPLC)
            asked = agent.register_suggestions(old.sentinels(6))
            agent.ingest(Today([seed, 2], kinetics=kinetics, hotter=hotter).measure(asked))
            found = drift(*old.compared([*agent.evaluations, old.agent.handed_over()]))
            if found.probability[found.kind] >= 0.95:
                verdicts.append(found.kind)
    assert sum(kind != "holds" for kind in sure["same"]) <= 1
    assert len(sure["drifted"]) >= 10
    assert set(sure["drifted"]) == {"shifted"}


def test_a_model_learns_how_far_earlier_values_are_off():
    """Six values of today and forty that are off by a shift and a tilt: the shape is theirs."""
    rng = np.random.default_rng(0)

    def truth(z):
        return np.sin(2 * z[:, 0]) + z[:, 1] ** 2

    old, new, there = (rng.uniform(-1, 1, (n, 2)) for n in (40, 6, 200))
    off = truth(old) + 0.4 + 0.2 * old[:, 0]
    z, y = np.vstack([new, old]), np.r_[truth(new), off]
    before, error = np.arange(46) >= 6, np.full(46, 1e-3)
    knowing = GaussianProcess(z, y, error, before=before)
    alone, mixed = GaussianProcess(new, y[:6], error[:6]), GaussianProcess(z, y, error)
    misses = [
        np.sqrt(np.mean((model.predict(there)[0] - truth(there)) ** 2))
        for model in (knowing, alone, mixed)
    ]
    assert misses[0] < 0.05
    assert misses[0] < 0.2 * min(misses[1:])
    mean, covariance = knowing.joint(there[:5])
    assert mean == pytest.approx(knowing.predict(there[:5])[0])
    assert np.sqrt(np.diag(covariance)) == pytest.approx(knowing.predict(there[:5])[1], rel=1e-3)
    drawn = knowing.sample(4000, np.random.default_rng(1))(there[:5])
    assert drawn.mean(axis=1) == pytest.approx(mean, abs=0.02)


def test_the_gradient_of_the_hyper_parameters_with_a_difference():
    from scipy.optimize import check_grad

    from reactune.analysis.optimisers.surrogate.posterior import Posterior
    from reactune.analysis.optimisers.surrogate.prior import Prior

    rng = np.random.default_rng(3)
    z, y = rng.uniform(-1, 1, (12, 2)), rng.normal(size=12)
    i, j = np.triu_indices(2)
    products = z[:, i] * z[:, j]
    prior = Prior.of(2, 0.02).with_difference()
    loss = Posterior(z, z, products, np.zeros(12), y, np.full(12, 0.01), prior, np.arange(12) > 5)
    at = prior.start + 0.1
    wrong = check_grad(lambda h: loss(h)[0], lambda h: loss(h)[1], at, epsilon=1e-6)
    assert wrong < 1e-3 * np.linalg.norm(loss(at)[1])


def test_the_benchmark_prints_a_row_for_each_case(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(drifted, "OLD", 8)
    monkeypatch.setattr(drifted.Truth, "optimum", 0.00871)
    monkeypatch.setattr(drifted, "MOST", 5)
    monkeypatch.setattr(drifted, "ProcessPoolExecutor", _Here)
    where = ["--out", str(tmp_path / "rows.jsonl")]
    drifted.main(["--seeds", "1", "--runs", "II", "--cases", "same", *where])
    (row,) = capsys.readouterr().out.splitlines()[2:]
    assert row.startswith("| same | II | ")
    assert row.count("of 1") == 5
    monkeypatch.setattr(drifted, "both", len)  # what is there is not run again
    drifted.main(["--seeds", "1", "--runs", "II", "--cases", "same", *where])
    assert capsys.readouterr().out.splitlines()[2:] == [row]


def test_the_benchmark_counts_verdicts_by_old_experiments(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(drifted.Truth, "optimum", 0.00871)
    monkeypatch.setattr(drifted, "MOST", 3)
    monkeypatch.setattr(drifted, "ProcessPoolExecutor", _Here)
    what = ["--seeds", "1", "--runs", "II", "--cases", "same", "--old", "6,8"]
    drifted.main([*what, "--out", str(tmp_path / "rows.jsonl")])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [["| same", "6"], ["| same", "8"]]
    assert all(row.count("of 1") == 3 for row in rows)


class _Here:
    def __init__(self, jobs):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None
