"""From a rig file to an open rig, whatever is plugged in where."""

import pytest

from reactune.devices import open_rig
from reactune.devices import protocols as spoken
from reactune.devices.emulation import build
from reactune.devices.opening import obstacles
from reactune.devices.rigfile import RigError


@pytest.mark.parametrize(
    ("spoken", "emulated"),
    [
        (spoken.PUMPS, build.EMULATED_PUMPS),
        (spoken.HEATERS, build.EMULATED_HEATERS),
        (spoken.VALVES, build.EMULATED_VALVES),
        (spoken.VALVES, build.EMULATED_COLLECTIONS),
        (spoken.SELECTORS, build.EMULATED_SELECTORS),
        (spoken.DETECTORS, build.EMULATED_DETECTORS),
    ],
)
def test_whatever_has_a_driver_is_emulated(spoken, emulated):
    assert set(spoken) == set(emulated)


def test_pumps_on_lines_of_their_own_and_any_addresses(walker, line):
    rig_file = walker(
        {
            "emulation.transport": line,
            "transports.second": {"baudrate": 9600},
            "streams.c60.address": 7,
            "streams.sultine.transport": "second",
            "streams.sultine.address": 12,
            "heater.address": 3,
            "heater.settle": 0,
        }
    )
    with open_rig(rig_file) as rig:
        conditions = {"temperature": 25.0, "flow_c60": 100.0, "flow_sultine": 50.0}
        rig.clock.wait(rig.flow(conditions), timeout=10)
        assert rig.emulation.world.flow() == (100.0, 50.0)
        assert set(rig.emulation.world.links) == set(rig_file.transports)
    assert rig.last_report.confirmed


def test_emulated_instruments_share_a_line_only_within_their_protocol(walker):
    shared = walker(
        {
            "transports": {"all": {}, "valve": {}, "detector": {}},
            "streams.c60.transport": "all",
            "streams.sultine.transport": "all",
            "heater.transport": "all",
            "heater.address": 5,
        }
    )
    (sentence,) = obstacles(shared)
    assert sentence.startswith("streams.c60 and streams.sultine and heater share transports.all, ")
    with pytest.raises(RigError, match="give each its own transport"):
        open_rig(shared)


def test_what_nobody_emulates_is_said_before_anything_opens(walker, monkeypatch):
    monkeypatch.setattr(build, "EMULATED_PUMPS", {"other": None, "another": None})
    wrong = obstacles(walker())
    assert len(wrong) == 2
    assert wrong[0] == (
        "streams.c60.protocol = 'harvard11' has no emulated instrument, there is one for another, "
        "other: take one of these, or hardware"
    )
