"""Rig files whose analysis is done by other software, and such rigs opened."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from reactune.devices import load, open_rig
from tests.plans.conftest import Lab

NAMES = ("X0", "X1", "X2", "X3")

COLUMNS = {name: {"column": name, "sd": f"sd of {name}"} for name in NAMES}
ROWS = {name: {"row": name, "column": "Area %", "unit": "%"} for name in NAMES}
KEYS = {name: {"key": f"peaks.{i}.fraction", "sd": f"peaks.{i}.sd"} for i, name in enumerate(NAMES)}


def tables(
    kind: str = "table", emulated: Any = None, *, of: str = "walker", **analytics: Any
) -> dict[str, Any]:
    """Give a built-in rig, by default the paper's, without its detector."""
    rig = tomllib.loads((files("reactune.devices") / "rigs" / f"{of}.toml").read_text("utf-8"))
    del rig["detector"], rig["transports"]["detector"]
    stated = {"kind": kind, "folder": "results", "timeout": 1800}
    if kind == "table":
        method = rig.pop("chromatogram")
        names = [peak["name"] for peak in method["peaks"]]
        places = COLUMNS if set(names) == set(NAMES) else {name: {"column": name} for name in names}
        stated |= {"duration": method["duration"], "quantities": places}
    else:
        del rig["chromatogram"]["lamp"]
        rig["chromatogram"]["unit"] = "mAU"
    rig["analytics"] = stated | analytics
    rig["emulation"]["analytics"] = emulated or {}
    return rig


def written(folder: Path, rig: dict[str, Any]) -> str:
    path = folder / "rig.toml"
    path.write_text(tomli_w.dumps(rig), "utf-8")
    return str(path)


@contextmanager
def lab(rig: str) -> Iterator[Lab]:
    """Open the rig of a file."""
    with open_rig(load(rig)) as opened:
        yield Lab(opened)
