"""One campaign through a RunEngine, with emulated instruments on a pty and on TCP."""

import math

import numpy as np
import pytest

from reactune.plans.campaign import CampaignError


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_a_campaign_is_one_run_of_facts_and_decisions(open_lab, transport):
    with open_lab(transport, seed=1) as lab:
        lab.campaign(lab.agent(budget=8))
    start, stop = lab.only("start"), lab.only("stop")
    assert start["simulated"] is True
    assert start["problem"]["minimise"] == "X3"
    assert stop["exit_status"] == "success"
    assert stop["reason"] == "budget: 8 of 8 experiments done"
    facts, evaluated = lab.events("primary"), lab.events("decision")
    assert [e["number"] for e in facts] == [e["number"] for e in evaluated] == list(range(1, 9))
    for fact, decision in zip(facts, evaluated, strict=True):
        assert len(fact["trace"]) == 780
        assert np.all(np.isfinite(fact["trace"]))
        assert sum(decision[f"X{i}"] for i in range(4)) == pytest.approx(1)
        assert decision["feasibility"] in {"feasible", "semi-feasible", "infeasible"}
        assert all(isinstance(v, float | str | list | np.ndarray) for v in fact.values())


def test_the_rig_is_safe_before_the_run_ends(lab):
    """A stop document is stored in its own time, through which nothing may flow or be hot."""
    seen = []

    def look(name, doc):
        seen.append(doc["exit_status"])
        lab.assert_safe()

    lab.RE.subscribe(look, "stop")
    lab.campaign(lab.agent(budget=2))
    assert seen == ["success"]


def test_pty_and_tcp_give_the_same_campaign(open_lab):
    runs = []
    for transport in ("pty", "tcp"):
        with open_lab(transport, seed=3) as lab:
            lab.campaign(lab.agent(budget=9, seed=3))
            runs.append(lab.events("decision"))
    assert repr(runs[0]) == repr(runs[1])


def test_every_number_is_described_with_its_unit(lab):
    lab.campaign(lab.agent(budget=1))
    for name, doc in lab.documents:
        if name == "descriptor":
            numbers = {k: v for k, v in doc["data_keys"].items() if v["dtype"] != "string"}
            assert [key for key, v in numbers.items() if "units" not in v] == []
            assert all(k["units"] == "uL/min" for n, k in numbers.items() if "flow" in n)


def test_conditions_are_those_of_the_injection(lab):
    """The next conditions are set while a trace is recorded; the event must not see them."""
    lab.campaign(lab.agent(budget=7))
    for fact in lab.events("primary"):
        for variable in ("temperature", "flow_c60", "flow_sultine"):
            # as asked, but for the last digit that the instrument takes
            setpoint = fact[f"{variable}_setpoint"]
            assert setpoint == pytest.approx(fact[f"asked_{variable}"], abs=0.06)
            assert fact[variable] == pytest.approx(fact[f"{variable}_setpoint"], abs=0.6)
        total = fact["flow_c60"] + fact["flow_sultine"]
        assert fact["residence_time"] == pytest.approx(931 / total, rel=1e-3)


def test_recording_overlaps_with_the_next_stabilisation(lab):
    lab.campaign(lab.agent(budget=7))
    facts = lab.events("primary")
    gaps = np.diff([fact["lab_time"] for fact in facts]) / 60
    needed = [2 * fact["residence_time"] + 50 * fact["residence_time"] / 931 for fact in facts[1:]]
    assert np.all(gaps >= 13 - 0.1)  # the column is busy for 13 min
    assert np.all(gaps >= np.array(needed) - 0.1)
    # In sequence it would be 13 min and the stabilisation.
    assert np.all(gaps < 13 + np.array(needed) - 5)


def test_an_experiment_without_peaks_is_data_and_the_campaign_goes_on(lab):
    agent = lab.agent(budget=5)
    evaluate = agent.evaluate

    def blind_the_third(data):
        if data["number"] == 3:
            data = data | {"trace": np.full(780, 10.48)}
        return evaluate(data)

    agent.evaluate = blind_the_third
    lab.campaign(agent)
    third = lab.events("decision")[2]
    assert third["valid"] == 0
    assert third["feasibility"] == "failed"
    assert third["reason"]
    assert math.isnan(third["f"])
    assert third["f_soft"] == 3
    assert len(lab.events("decision")) == 5
    assert lab.only("stop")["exit_status"] == "success"


def test_three_failures_in_a_row_end_the_campaign(lab):
    agent = lab.agent(budget=20)
    evaluate = agent.evaluate
    agent.evaluate = lambda data: evaluate(data | {"trace": np.full(780, 10.48)})
    lab.campaign(agent)
    assert len(lab.events("primary")) == 3
    assert lab.only("stop")["reason"].startswith("3 experiments in a row failed")
    lab.assert_safe()


def test_an_exception_in_the_agent_leaves_the_rig_safe_and_the_run_closed(lab):
    agent = lab.agent()
    evaluate = agent.evaluate

    def break_at_the_second(data):
        if data["number"] == 2:
            raise ZeroDivisionError("a fault in the agent")
        return evaluate(data)

    agent.evaluate = break_at_the_second
    with pytest.raises(ZeroDivisionError):
        lab.campaign(agent)
    assert lab.only("stop")["exit_status"] == "fail"
    assert "a fault in the agent" in lab.only("stop")["reason"]
    assert len(lab.events("primary")) >= 1
    lab.assert_safe()


def test_a_stalled_pump_ends_the_campaign_safely_with_its_reason(lab):
    agent = lab.agent()
    evaluate = agent.evaluate

    def stall_after_the_second(data):
        if data["number"] == 2:
            lab.world.stall(0)
        return evaluate(data)

    agent.evaluate = stall_after_the_second
    with pytest.raises(CampaignError, match="stall"):
        lab.campaign(agent)
    failed = lab.events("primary")[-1]
    assert failed["valid"] == 0
    assert "stall" in failed["reason"]
    assert lab.only("stop")["exit_status"] == "fail"
    assert "stall" in lab.only("stop")["reason"]
    assert lab.events("decision")[-1]["feasibility"] == "failed"
    lab.world.stall(0, stalled=False)
    lab.assert_safe()


def test_a_goal_that_is_reached_ends_the_campaign(lab):
    from reactune.analysis.problem.model import Problem

    agent = lab.agent(budget=50)
    agent.problem = Problem.load(agent.problem.to_dict() | {"stop": {"goal": 0.9}})
    lab.campaign(agent)
    assert lab.only("stop")["reason"].startswith("goal reached: X3 = ")
    assert lab.events("decision")[-1]["feasibility"] == "feasible"


def test_a_problem_beyond_the_rig_is_refused_before_a_run(lab):
    stated = lab.agent().problem.to_dict()
    stated["variables"]["temperature"]["range"] = [100, 180]
    from reactune.plans.campaign import optimise

    with pytest.raises(ValueError, match=r"variables.temperature.range: \[100, 180\] goes beyond"):
        lab.RE(optimise(stated, lab.rig))
    assert lab.documents == []
