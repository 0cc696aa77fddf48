"""Emulated instruments on each kind of line."""

from collections.abc import Iterator

import pytest

from tests.devices.emulation.lines import Lab


@pytest.fixture(params=["pty", "tcp"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(request.param)
    yield lab
    for line in lab.lines:
        line.close()
    lab.emulation.close()
