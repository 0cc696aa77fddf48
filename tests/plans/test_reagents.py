"""What an experiment uses is what was said that it needs."""

import pytest

from reactune.devices.rig.setpoints import needed


@pytest.mark.parametrize("seed", [11, 3])
def test_no_experiment_uses_more_than_it_needs(open_lab, seed):
    """Flows begin ahead of the next experiment, but not before its temperature is there."""
    with open_lab(seed=seed) as lab:
        lab.campaign(lab.agent(budget=12, seed=seed))
        facts = lab.events("primary")
        assert [fact["reason"] for fact in facts] == 12 * [""]
        for fact in facts:
            names = {name: fact[f"{name}_setpoint"] for name in ("temperature", "flow_c60")}
            names["flow_sultine"] = fact["flow_sultine_setpoint"]
            for stream, volume in needed(lab.rig.setpoints(names), lab.rig.config).items():
                assert fact[f"used_{stream}"] <= 1.02 * volume + 1.0
