import pytest

from reactune import devices
from reactune.devices.clock import EmulationToken, SimulatedClock
from reactune.devices.emulation.build import emulate
from reactune.devices.opening import emulated
from reactune.devices.rig.flow_rig import (
    RigError,
)
from reactune.devices.rig.hardware import Bench
from reactune.devices.rig.lines import Lines
from tests.devices.rig.driving import experiment

# -- the token rule


def test_simulated_clock_is_refused_before_other_ports(walker):
    config = walker()
    emulation, clock, urls = emulate(config)
    lines = Lines(config, urls)  # the same ports, but nobody vouches for them
    with pytest.raises(RigError, match=r"transports\.pumps = .* hardware runs on the real clock"):
        Bench(config, clock=clock, lines=lines)
    lines.close()
    other = SimulatedClock(EmulationToken(["socket://nowhere:1"]))
    lines = Lines(config, urls, emulation.token)
    with pytest.raises(RigError, match="was not opened by the emulator launcher"):
        Bench(config, clock=other, lines=lines)
    bench = Bench(config, clock=clock, lines=lines, emulation=emulation)
    assert bench.simulated
    bench.close()
    other.close()


def test_the_emulation_is_built_as_the_file_says(open_rig):
    world = open_rig(changes={"chromatogram.lamp": 9.5}).emulation.world
    layout = world.layout
    assert [(s.name, s.stock, s.syringe) for s in layout.streams] == [
        ("c60", 2.775, 10000),
        ("sultine", 8.323, 10000),
    ]
    assert (layout.heated_volume, layout.total_volume, layout.loop_volume) == (931, 1587, 5)
    assert world.reaction.products == ("X0", "X1", "X2", "X3")  # the file has X3 first
    assert [peak.position for peak in layout.peaks] == [11.40, 7.50, 5.40, 4.40]
    assert [peak.position for peak in layout.front] == [2.81, 2.99]
    assert layout.baseline == 9.5


def test_hardware_runs_on_the_real_clock(walker):
    """A rig file with urls - here of emulators, which it does not know - never simulates time."""
    with emulated(walker()) as hardware, devices.open_rig(hardware) as rig:
        assert not rig.clock.simulated
        assert rig.simulated  # the instruments say themselves that they are emulated
        assert rig.description()["simulated"] is True
        with pytest.raises(RigError, match="seed: only for an emulated rig"):
            devices.open_rig(rig.config, seed=1)


# -- the real clock


def test_on_the_real_clock(open_rig):
    rig = open_rig(
        changes={
            "emulation.clock": "real",
            "heater.limits": [20, 150],
            "heater.settle": 0,
            "reactor": {"heated_volume": 0.5, "total_volume": 0.8, "loop_volume": 0.05},
            "chromatogram.duration": 0.5,
            "chromatogram.rate": 10,
        }
    )
    begin = rig.clock.now()
    event = experiment(rig, {"temperature": 22.0, "flow_c60": 100.0, "flow_sultine": 100.0})
    assert 0.3 + 0.15 + 0.4 <= rig.clock.now() - begin < 10
    assert event["trace"].shape == (5,)
    assert event["late_samples"] <= 4.0
    assert rig.fault is None
