"""The agent keeps bluesky-adaptive's protocols: `bluesky_adaptive.optimize` runs it on the rig."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky_adaptive import optimize, protocols, sample_suggestions
from bluesky_adaptive.scipy import Objective, RangeDOF, Scipy
from ophyd.sim import SynAxis, SynSignal

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.rig.flow_rig import load
from reactune.plans import Outcomes, optimization_problem
from reactune.plans.cli import main
from reactune.plans.compatibility import analytics_of
from reactune.plans.session.detectors import OnlineAnalysis
from reactune.plans.startup import Workspace

PROTOCOLS = [
    protocols.Optimizer,
    protocols.CanRegisterSuggestions,
    protocols.TrialFaultAware,
    protocols.SupportsStoppingCriteria,
    protocols.Checkpointable,
]


@pytest.fixture(scope="module")
def walker_hplc() -> Any:
    return analytics_of(load("walker"))


@pytest.fixture
def agent(walker_hplc, tmp_path) -> Agent:
    stated = Problem.load("walker-ii").to_dict() | {"budget": 6}
    return Agent(Problem.load(stated), walker_hplc, seed=1, file=tmp_path / "agent.json")


def outcome(number: int, X3: float = 0.02, **more: float) -> dict[str, float]:
    return {"_id": number, "X0": 0.05, "X1": 0.6, "X2": 0.35 - X3, "X3": X3, **more}


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.__name__)
def test_every_protocol_is_kept(agent, protocol):
    assert isinstance(agent, protocol)


@pytest.mark.parametrize("name", ["number", "used_c60", "temperature"])
def test_a_quantity_called_like_a_fact_of_the_same_event_is_refused(lab, agent, name):
    named = dataclasses.replace(agent.analytics.method, peaks=[
        dataclasses.replace(peak, name=name) if peak.name == "X0" else peak
        for peak in agent.analytics.method.peaks
    ])  # fmt: skip
    agent.analytics = dataclasses.replace(agent.analytics, method=named)
    agent.problem = Problem.load(agent.problem.to_dict() | {"measured": ["X1", "X2", "X3"]})
    with pytest.raises(ValueError, match=f"calls a quantity {name}, which is something else"):
        optimization_problem(agent, lab.rig)


def test_bluesky_adaptive_optimizes_with_it_on_the_emulated_rig(lab, agent):
    lab.RE(
        optimize(
            optimization_problem(agent, lab.rig), iterations=None, n_points=2, checkpoint_interval=1
        )
    )
    assert [e.number for e in agent.evaluations] == [1, 2, 3, 4, 5, 6]
    assert all(e.valid for e in agent.evaluations)
    assert agent.should_stop() == (True, "budget: 6 of 6 experiments done")
    kept = json.loads(agent.file.read_text())
    assert len(kept["evaluations"]) == 4  # the plan stops before it would write the last
    ((number, conditions, fractions),) = agent.get_best_points()
    assert agent.problem.outside_limits(conditions) is None
    assert sum(fractions.values()) == pytest.approx(1)
    assert agent.evaluations[number - 1].measurement.values == fractions
    events = [d["data"] for n, d in lab.documents if n == "event" and "suggestion_ids" in d["data"]]
    assert [e["suggestion_ids"] for e in events] == ["1", "2", "3", "4"]
    lab.assert_safe()


def test_what_it_acquired_is_shown_and_rescored_as_scans_are(lab, agent, tmp_path, capsys):
    folder = str(tmp_path / "runs")
    with Catalogue(folder, writing=True, store="journal") as catalogue:
        workspace = Workspace(lab.rig, catalogue)
        workspace.RE(optimize(optimization_problem(agent, lab.rig), iterations=3))
        workspace.summary()
        uids = [run.uid for run in catalogue.runs() if run.plan_name == "acquire"]
        (whole,) = [run.uid for run in catalogue.runs() if run.plan_name == "optimize"]
        (x3,) = catalogue[uids[0]].table()["X3"]
    shown = capsys.readouterr().out
    assert "Run II: little third adduct at a high yield of the first two" in shown
    assert "X3" in shown
    assert main(["rescore", *uids, "--problem", "walker-ii", "--catalogue", folder, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n"] == 3
    assert main(["show", whole, "--catalogue", folder, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scan"]
    assert {"X3", "X1"} <= set(found["quantities"])
    assert "X3_sd" not in found["quantities"]  # stated of X3
    best = told["best"]["number"]
    values = {e.number: e.measurement.values for e in agent.evaluations}
    assert told["best"]["measured"] == values[best]
    assert x3 in [v["X3"] for v in values.values()]


def test_conditions_of_ones_own_can_be_measured_too(lab, agent):
    middle = agent.space.to_conditions((agent.space.lower + agent.space.upper)[None, :] / 2)
    lab.RE(sample_suggestions(optimization_problem(agent, lab.rig), middle))
    (found,) = agent.evaluations
    assert (found.number, found.conditions, found.why) == (1, middle[0], "given")
    assert found.valid


def test_a_fault_of_the_acquisition_is_a_failed_experiment(lab, agent):
    problem = optimization_problem(agent, lab.rig)

    def broken(*args: Any) -> Any:
        raise OSError("no chromatogram")

    object.__setattr__(problem, "evaluation_function", broken)
    with pytest.raises(OSError, match="no chromatogram"):
        lab.RE(optimize(problem, iterations=1, n_points=2))
    assert [(e.number, e.valid, e.reason) for e in agent.evaluations] == [
        (1, False, "not acquired"),
        (2, False, "not acquired"),
    ]
    lab.assert_safe()


def test_suggestions_are_numbered_allowed_and_exactly_as_many_as_asked_for(agent):
    drawn = agent.suggest() + agent.suggest(5) + agent.suggest(2)
    assert [s["_id"] for s in drawn] == list(range(1, 9))
    for suggestion in drawn:
        conditions = {k: v for k, v in suggestion.items() if k != "_id"}
        assert set(conditions) == set(agent.problem.variables)
        assert agent.problem.outside_limits(conditions) is None


def test_outcomes_come_in_any_order_and_failures_are_told_as_such(agent):
    agent.suggest(4)
    agent.ingest([outcome(3, 0.03), outcome(1, 0.01, X3_sd=0.001, X0_sd=0, X1_sd=0, X2_sd=0)])
    agent.ingest([outcome(2) | {"X1": math.nan}])
    agent.register_failures([{"_id": 4}, {"_id": 1}])  # what has its outcome keeps it
    assert [(e.number, e.valid) for e in agent.evaluations] == [
        (3, True),
        (1, True),
        (2, False),
        (4, False),
    ]
    assert [e.recorded for e in agent.evaluations] == [True, True, True, False]
    assert agent.evaluations[1].f_sd == 0.001
    assert agent.get_best_points()[0][0] == 1
    best = agent.optimiser.best()
    assert best is not None
    assert best.f == 0.01


def test_points_of_others_are_ingested_with_their_conditions(agent):
    (middle,) = agent.space.to_conditions((agent.space.lower + agent.space.upper)[None, :] / 2)
    agent.ingest([outcome("baseline") | middle])  # type: ignore[arg-type]
    assert agent.evaluations[0].conditions == middle
    with pytest.raises(ValueError, match=r"_id 7 is no suggestion .*temperature, flow_c60"):
        agent.ingest([outcome(7)])
    with pytest.raises(ValueError, match="suggestion 1 has its outcome already"):
        agent.ingest([outcome(1)])
    with pytest.raises(ValueError, match="temperature = 200 degC is outside its range"):
        agent.register_suggestions([middle, middle | {"temperature": 200.0}])
    assert agent.suggest()[0]["_id"] == 2  # nothing was registered


def test_without_outcomes_there_is_no_best(agent):
    assert agent.get_best_points() == []
    agent.suggest(1)
    agent.register_failures([{"_id": 1}])
    assert agent.get_best_points() == []


def test_a_checkpoint_goes_on_where_the_agent_was(agent):
    rng = np.random.default_rng(0)
    for n in (7, 7, 3):
        agent.ingest([outcome(s["_id"], float(rng.uniform(0, 0.1))) for s in agent.suggest(n)])
    agent.ask()  # leaves a queue behind
    left = agent.suggest(2)
    agent.ingest([outcome(left[0]["_id"]) | {"X1": math.nan}])
    agent.checkpoint()
    twin = Agent.from_state(json.loads(agent.file.read_text()), file=agent.file)
    assert repr(twin.evaluations) == repr(agent.evaluations)
    assert twin.suggest(9) == agent.suggest(9)
    assert twin.digest() == agent.digest()
    assert list(agent.file.parent.iterdir()) == [agent.file]


def test_a_checkpoint_needs_a_file():
    with pytest.raises(ValueError, match="no file to write to"):
        Agent(Problem.load("walker-i")).checkpoint()


HILL = {
    "maximise": "signal",
    "measured": ["signal"],
    "variables": {"x": (-5, 5), "y": (-5, 5)},
    "budget": 20,
    "stop": {"verdict": False},
}


def hill(x: float, y: float) -> float:
    return 10 - (x - 1) ** 2 - (y + 2) ** 2


def assert_on_top(agent: Agent) -> None:
    ((_, conditions, values),) = agent.get_best_points()
    assert values["signal"] > 9.9
    assert conditions["x"] == pytest.approx(1, abs=0.3)


def test_any_devices_are_tuned_without_a_rig():
    x, y = SynAxis(name="x"), SynAxis(name="y")
    detector = SynSignal(name="det", func=lambda: hill(x.position, y.position))
    agent = Agent(Problem.load(HILL), seed=1)
    RE = RunEngine({}, context_managers=[])
    outcomes = Outcomes(lambda data: {"signal": data["det"]})
    RE.subscribe(outcomes.record)
    RE(
        optimize(
            protocols.OptimizationProblem(agent, [x, y], [detector], outcomes.evaluate),
            iterations=None,
            n_points=2,
        )
    )
    assert len(agent.evaluations) == 20
    assert_on_top(agent)


def test_asynchronous_devices_are_tuned_alike():
    core = pytest.importorskip("ophyd_async.core")
    agent = Agent(Problem.load(HILL), seed=1)
    RE = RunEngine({}, context_managers=[])
    with core.init_devices():
        x = core.soft_signal_rw(float)
        y = core.soft_signal_rw(float)
        detector = core.derived_signal_r(hill, x=x, y=y)
    outcomes = Outcomes(lambda data: {"signal": data["detector"]})
    RE.subscribe(outcomes.record)
    RE(
        optimize(
            protocols.OptimizationProblem(agent, [x, y], [detector], outcomes.evaluate),
            iterations=None,
        )
    )
    assert_on_top(agent)


def test_an_optimiser_of_theirs_moves_our_axes(lab):
    lab.rig.axes.held = {"temperature": 110.0, "flow_c60": 100.0, "flow_sultine": 100.0}
    outcomes = Outcomes()
    lab.RE.subscribe(outcomes.record)
    theirs = Scipy.Agent(
        sensors=[OnlineAnalysis(lab.rig)],
        dofs=[
            RangeDOF(actuator=lab.rig.temperature, bounds=(100.0, 150.0), parameter_type="float")
        ],
        objectives=[Objective(name="X3", minimize=True)],
        evaluation_function=outcomes.evaluate,
    )
    lab.RE(theirs.optimize(iterations=3))
    assert len(lab.events("primary")) >= 3
    lab.assert_safe()


def test_what_was_not_heard_or_is_not_whole_is_said():
    outcomes = Outcomes()
    with pytest.raises(ValueError, match="nothing was heard of run abcdefgh"):
        outcomes.evaluate("abcdefgh-1", [])
    outcomes.record("start", {"uid": "abcdefgh-1", "blop_acquisition_order": [1, 2]})
    with pytest.raises(ValueError, match="0 events for 2 suggestions"):
        outcomes.evaluate("abcdefgh-1", [])


def test_a_function_that_gives_no_measurement_is_told():
    outcomes = Outcomes(lambda data: print(data) or None)
    outcomes.record("start", {"uid": "abcdefgh-1", "blop_acquisition_order": [1]})
    outcomes.record("descriptor", {"uid": "d", "run_start": "abcdefgh-1", "name": "primary"})
    outcomes.record("event", {"descriptor": "d", "data": {"det": 1.0}})
    with pytest.raises(ValueError, match="gave None: it has to return a mapping"):
        outcomes.evaluate("abcdefgh-1", [])
