"""The variants of emulated instruments that a rig file can name."""

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from reactune.devices.emulation import obstacles
from reactune.devices.emulation.variants import (
    EurothermVariant,
    HarvardVariant,
    ViciVariant,
    VoltmeterVariant,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "instruments.md"


def test_the_page_has_every_key_with_its_default() -> None:
    _, _, block = PAGE.read_text("utf-8").partition("```toml\n")
    told = tomllib.loads(block.partition("```")[0])["emulation"]
    assert told == {
        "echo": [],
        "pumps": asdict(HarvardVariant()),
        "heater": asdict(EurothermVariant()),
        "valve": asdict(ViciVariant()),
        "detector": asdict(VoltmeterVariant()),
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"emulation.heater": {"decimal": 1}},
            "emulation.heater.decimal = 1 is nothing that this instrument can be; known are model, "
            "decimals, tells, unit, alarm: take one of these",
        ),
        (
            {"emulation.heater": {"decimals": 7}},
            "emulation.heater.decimals = 7 cannot be used: write 0, 1 or 2",
        ),
        (
            {"emulation.echo": ["heat"]},
            "emulation.echo names 'heat', which is none of the transports pumps, heater, valve, "
            "detector",
        ),
    ],
)
def test_what_no_variant_has_is_told_in_one_sentence(walker, changes, sentence) -> None:
    assert obstacles(walker(changes)) == [sentence]
