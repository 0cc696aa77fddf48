"""The shipped rig and problem with a choice of catalysts, as tests change them."""

import tomllib
from importlib.resources import files
from typing import Any

PROBLEM = (files("reactune.analysis.problem") / "built_in" / "catalysts.toml").read_text("utf-8")
EIGHT = '["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"]'
TWO = PROBLEM.replace(EIGHT, '["C1", "C6"]')


def tables(way: str = "valve", **choice: Any) -> dict[str, Any]:
    """The shipped rig for catalysts; or with a pump for each of two in place of the valve."""
    text = (files("reactune.devices") / "rigs" / "catalysts.toml").read_text("utf-8")
    rig = tomllib.loads(text)
    if way == "streams":
        del rig["transports"]["selector"]
        pump = rig["streams"].pop("catalyst")
        rig["streams"] |= {"pd": pump, "ni": pump | {"address": 3, "limits": [10, 400]}}
        rig["choices"]["catalyst"] = {"streams": {"C1": "pd", "C6": "ni"}, "line_volume": 60}
    rig["choices"]["catalyst"] |= choice
    return rig
