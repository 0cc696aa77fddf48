"""A result that all others contradict is named, asked for again, and shown."""

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.evaluation import Decision
from tests.benchmarks.lab import HPLC, Lab, stated


def test_an_outlier_is_named_by_its_experiment_and_quantity() -> None:
    lab = Lab(4)
    agent = Agent(stated("walker-ii", batch=4, stop={"verdict": False}), HPLC, seed=4)
    lab.campaign(agent, 24)
    (point,) = agent.suggest(1)
    (outcome,) = lab.measure([point])
    wrong = 0.5 if outcome["X0"] < 0.25 else -0.2
    agent.ingest([outcome | {"X0": outcome["X0"] + wrong, "X1": outcome["X1"] - wrong}])
    number = point["_id"]
    assert list(agent.doubted()) == [number]
    assert " times as far from what all others tell as these are" in agent.doubted()[number]
    decision = agent.decision()
    stored = decision.to_data(agent.problem)
    fact = {f"asked_{name}": 1.0 for name in agent.problem.variables} | {"valid": 1.0}
    assert Decision.from_data(stored, fact, agent.problem).doubted == decision.doubted
    again = agent.suggest(4)
    assert any(all(abs(a[v] - point[v]) < 1e-6 for v in agent.problem.variables) for a in again)
    (why,) = [s.why for s in agent._asked.values() if s.why.startswith("repeat")]
    assert why.startswith(f"repeat: experiment {number} is doubted, X")
