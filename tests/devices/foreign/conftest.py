"""Emulated instruments for other people's software, as `reactune emulate` gives them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from reactune.devices.opening import emulated
from reactune.devices.rigfile import RigFile


@pytest.fixture
def serve(walker: Callable[..., RigFile]) -> Iterator[Callable[..., RigFile]]:
    """Serve a rig in real time, as `serve("tcp", {"heater.decimals": 0})`; return it with urls."""
    with ExitStack() as stack:

        def build(line: str, changes: dict[str, Any] | None = None) -> RigFile:
            return stack.enter_context(emulated(walker(changes), line))

        yield build


def socket_of(url: str) -> tuple[str, int]:
    """Host and port of a pyserial url."""
    host, port = url.removeprefix("socket://").split(":")
    return host, int(port)
