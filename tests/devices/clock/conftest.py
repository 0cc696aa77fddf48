"""Clocks of lab time."""

import pytest

from reactune.devices.clock import (
    EmulationToken,
    RealClock,
    SimulatedClock,
)


@pytest.fixture
def clock():
    clock = SimulatedClock(EmulationToken(["socket://nowhere:1"]), grace=0.2)
    yield clock
    clock.close()


@pytest.fixture(params=["simulated", "real"])
def either(request, clock):
    if request.param == "simulated":
        yield clock
    else:
        real = RealClock()
        yield real
        real.close()
