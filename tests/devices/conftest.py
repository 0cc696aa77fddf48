"""Rigs for the tests of the devices; every one of them is closed again."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from typing import Any

import pytest

from reactune import devices
from reactune.devices import FlowRig
from reactune.devices.rigfile import RigFile


@pytest.fixture(params=["pty", "tcp"])
def line(request: pytest.FixtureRequest) -> str:
    """Both kinds of port: TCP splits bytes where a pty does not."""
    return str(request.param)


@pytest.fixture
def walker() -> Callable[..., RigFile]:
    """The built-in rig with changes, as `walker({"heater.settle": 0})`."""

    def build(changes: dict[str, Any] | None = None) -> RigFile:
        text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
        tables = tomllib.loads(text)
        for place, value in (changes or {}).items():
            *parents, key = place.split(".")
            table = tables
            for parent in parents:
                table = table[parent]
            table[key] = value
        return RigFile.model_validate(tables)

    return build


@pytest.fixture
def open_rig(walker: Callable[..., RigFile]) -> Iterator[Callable[..., FlowRig]]:
    """Open rigs, as `open_rig("tcp", {"heater.settle": 0}, seed=1)`."""
    with ExitStack() as stack:

        def build(
            line: str = "pty", changes: dict[str, Any] | None = None, **options: Any
        ) -> FlowRig:
            config = walker({"emulation.transport": line, **(changes or {})})
            return stack.enter_context(devices.open_rig(config, **options))

        yield build
