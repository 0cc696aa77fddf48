"""What a heater's display or a pump's digits cannot say is refused, not set to something else."""

import pytest

from reactune.plans.cli import main

PROBLEM = """
minimise = "X3"
budget = 3
measured = ["X0", "X1", "X2", "X3"]
[variables]
flow_c60 = { range = [10, 207] }
flow_sultine = { range = [10, 207] }
"""


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (
            "temperature = { values = [100, 120.05, 149.999] }",
            "variables.temperature.values: 120.05, 149.999 degC cannot be set on this rig; the "
            "nearest that can: 120, 150",
        ),
        (
            "temperature = { range = [100, 150], step = 0.003 }",
            "variables.temperature.step: 100.003, 149.995, 149.998 degC cannot be set on this rig",
        ),
        (
            "temperature = { range = [100, 150], resolution = 0.25 }",
            "variables.temperature.resolution: 100.25, 149.75 degC cannot be set",
        ),
        (
            "temperature = { range = [120, 120.04] }",
            "variables.temperature.range: 120, 120.04 degC are one setpoint to this rig: put them "
            "farther apart",
        ),
        (
            'temperature = { range = [373.15, 393.15], step = 0.003, unit = "K" }',
            "variables.temperature.step: 373.15, 373.153, 393.145, 393.148 K are one setpoint",
        ),
        ("[fixed]\ntemperature = 120.05", "fixed.temperature: 120.05 degC cannot be set"),
        (
            "flow_c60 = { values = [50.00004, 60] }\ntemperature = { range = [100, 150] }",
            "variables.flow_c60.values: 50.00004 uL/min cannot be set on this rig; the nearest "
            "that can: 50",
        ),
    ],
)
def test_what_no_instrument_can_be_set_to_is_refused(tmp_path, capsys, stated, told):
    problem = tmp_path / "problem.toml"
    text = PROBLEM.replace("flow_c60 = { range = [10, 207] }", "") if "flow" in stated else PROBLEM
    problem.write_text(text + stated, "utf-8")
    assert main(["check", str(problem), "--rig", "walker"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "stated",
    [
        "{ values = [100, 120.1, 149.9] }",
        "{ range = [100, 150], step = 0.1 }",
        "{ range = [100.03, 149.97] }",
        '{ range = [380, 400], step = 5, unit = "K" }',  # 106.85 degC: no integer could be said
    ],
)
def test_what_can_be_set_is_not(tmp_path, stated):
    problem = tmp_path / "problem.toml"
    problem.write_text(PROBLEM + f"temperature = {stated}", "utf-8")
    assert main(["check", str(problem), "--rig", "walker"]) == 0
