import inspect
import pkgutil
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune import devices
from reactune.devices import protocols
from reactune.devices.protocols import DETECTORS, HEATERS, PUMPS, VALVES
from reactune.devices.protocols.roles import (
    DetectorDriver,
    HeaterDriver,
    PumpDriver,
    ValveDriver,
    nearest,
)

TABLES = [
    (PumpDriver, PUMPS),
    (HeaterDriver, HEATERS),
    (ValveDriver, VALVES),
    (DetectorDriver, DETECTORS),
]


@pytest.mark.parametrize(
    ("role", "driver"), [(role, driver) for role, table in TABLES for driver in table.values()]
)
def test_a_driver_takes_what_its_role_is_made_with(role, driver):
    """A type checker compares the methods, but not how an instance is made."""
    positions = list(inspect.signature(role).parameters)
    inspect.signature(driver).bind(*positions)


def test_only_the_tables_know_a_concrete_driver():
    names = {module.name for module in pkgutil.iter_modules(protocols.__path__)}
    drivers = names - {"errors", "framing", "port", "roles", "transport"}
    assert {driver.__module__.rpartition(".")[2] for _, t in TABLES for driver in t.values()} == (
        drivers
    )
    for source in Path(devices.__file__).parent.rglob("*.py"):
        if source.parent.name not in ("protocols", "emulation"):
            text = source.read_text("utf-8")
            assert not [name for name in drivers if f"protocols.{name}" in text], source


@pytest.mark.parametrize(
    ("value", "decimals", "limits", "sent"),
    [
        (12.34567, 4, (-inf, inf), 12.3457),
        (84.96, 1, (25, 150), 85.0),
        (1234.0, -1, (0, 9999), 1230.0),
        (25.04, 1, (25.04, 150), 25.1),  # 25.0 would be outside
        (149.96, 1, (25, 149.96), 149.9),
        (150.04, 1, (25, 150), 150.0),  # half a step outside, as a variable's upper end may come
        (150.06, 1, (25, 150), 150.1),  # stays outside, and is refused
    ],
)
def test_nearest(value, decimals, limits, sent):
    assert nearest(value, decimals, limits) == sent


@settings(derandomize=True, max_examples=300)
@given(st.floats(1, 300), st.floats(0.1, 100), st.floats(0, 1), st.integers(0, 4))
def test_what_is_inside_the_limits_is_sent_inside_and_stays_as_sent(low, width, part, decimals):
    limits = (low, low + width)
    value = min(low + part * width, limits[1])
    sent = nearest(value, decimals, limits)
    step = 10.0**-decimals
    assert abs(sent - value) <= step * (1 + 1e-9)
    if width >= step:
        assert limits[0] <= sent <= limits[1]
        assert nearest(sent, decimals, limits) == sent


def test_importing_the_protocols_imports_no_ophyd():
    code = "import sys, reactune.devices.protocols; print('ophyd' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
