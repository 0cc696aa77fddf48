"""Instruments of other models and settings: the same campaign, decision for decision."""

import pytest

from tests.plans.conftest import Lab

ECHO = ("pumps", "heater", "valve", "detector")


def campaign(open_lab, line="pty", **emulation) -> Lab:
    with open_lab(line, seed=1, **emulation) as lab:
        lab.campaign(lab.agent(budget=9))
    return lab


@pytest.fixture(scope="module")
def decisions():
    """Of the paper's rig as it is built in."""
    from tests.plans.conftest import opened

    return campaign(opened).events("decision")


@pytest.mark.parametrize(
    ("line", "emulation"),
    [
        ("tcp", {"valve": {"echo": True}, "pumps": {"nvram": "off"}, "detector": {"errors": 3}}),
        ("pty", {"heater": {"model": "2416"}, "detector": {"rs232": False}, "echo": ECHO}),
        ("tcp", {"pumps": {"bare": True, "zero": False, "method": "qs i", "commands": "22"}}),
    ],
)
def test_it_decides_the_same(open_lab, decisions, line, emulation):
    assert campaign(open_lab, line, **emulation).events("decision") == decisions


@pytest.mark.parametrize("decimals", [0, 2])
def test_another_display_means_other_setpoints_and_never_a_power_of_ten(
    open_lab, decisions, decimals
):
    """What is measured is told where it was measured, so that the later asks differ."""
    lab = campaign(open_lab, heater={"decimals": decimals})
    facts = lab.events("primary")
    assert len(facts) == 9
    for fact in facts:
        assert fact["temperature_setpoint"] == round(fact["asked_temperature"], decimals)
        assert fact["temperature"] == pytest.approx(fact["asked_temperature"], abs=1.1)
    first = [(d["why"], d["valid"]) for d in lab.events("decision")[:5]]
    assert first == [(d["why"], d["valid"]) for d in decisions[:5]]
