"""Bounds finer than an instrument's display: what is set stays inside."""

from reactune.analysis.problem.model import Problem


def test_setpoints_are_rounded_into_the_problems_own_bounds(open_lab):
    stated = Problem.load("walker-ii").to_dict() | {"budget": 8}
    stated["variables"]["temperature"]["range"] = [100.04, 148.89]
    stated["variables"]["flow_c60"]["range"] = [20.00004, 80.00004]
    with open_lab(seed=1) as lab:
        lab.campaign(lab.agent(Problem.load(stated)))
        facts = lab.events("primary")
    assert len(facts) == 8
    temperatures = [fact["temperature_setpoint"] for fact in facts]
    assert min(temperatures) >= 100.1
    assert max(temperatures) <= 148.8
    assert all(20.0001 <= fact["flow_c60_setpoint"] <= 80.0 for fact in facts)
