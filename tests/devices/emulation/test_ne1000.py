"""New Era pumps emulated: what the manual says, and a rig that runs on them."""

import pytest

from reactune.devices.emulation import World, ne1000
from reactune.devices.emulation.ne1000 import EmulatedNewEraNetwork
from reactune.devices.protocols.ne1000 import encode, frames
from reactune.devices.protocols.roles import PumpError

NEW_ERA = {"streams.c60.protocol": "ne1000", "streams.sultine.protocol": "ne1000"}
WARM = {"temperature": 25.0, "flow_c60": 60.0, "flow_sultine": 40.0}


@pytest.fixture
def rig(open_rig, line):
    return open_rig(line, {**NEW_ERA, "heater.settle": 0})


@pytest.fixture
def network(open_rig):
    """Two pumps at addresses 0 and 12, just switched on, without a line."""
    world = open_rig().emulation.world
    assert isinstance(world, World)
    return EmulatedNewEraNetwork(world, {0: 0, 12: 1})


def test_basic_mode(network):
    assert network.receive(b"VER\r") == b"\x0200A?R\x03"  # an alarm is reported once
    assert network.receive(b"v e r\r") == b"\x0200SNE1000V3.928 EMULATED\x03"
    assert network.receive(b"12VER\r") == b"\x0212A?R\x03"
    assert network.receive(b"5VER\r") == b""  # nobody
    assert network.receive(b"XYZ\r") == b"\x0200S?\x03"
    assert network.receive(b"RAT12.345UM\r") == b"\x0200S?OOR\x03"  # five digits
    assert network.receive(b"STP\r") == b"\x0200S?NA\x03"
    assert network.receive(b"DI") + network.receive(b"A\r") == b"\x0200S26.59\x03"


def test_safe_mode(network):
    network.receive(b"VER\r")
    assert frames(network.receive(b"SAF5\r"), safe=True) == [b"00S"]  # in the mode behind it
    assert network.receive(b"VER\r") == b""  # it hears packets only
    assert frames(network.receive(encode("SAF", 0, safe=True)), safe=True) == [b"00S5"]
    garbled = bytearray(encode("VER", 0, safe=True))
    garbled[3] ^= 1
    assert network.receive(bytes(garbled)) == b""
    network.receive(encode("SAF0", 0, safe=True))
    assert network.receive(b"SAF\r") == b"\x0200S0\x03"


def test_a_rig_flows_refills_and_comes_to_rest(rig):
    clock = rig.clock
    clock.wait(rig.set(WARM), timeout=20)
    assert rig.emulation.world.flow() == (60.0, 40.0)
    pump = rig.pumps["c60"]
    before = pump.ledger.content
    clock.wait(rig.clock.timer(600.0), timeout=20)
    pump.poll()
    assert before - pump.ledger.content == pytest.approx(600.0, abs=2.0)
    clock.wait(rig.pause_flow(), timeout=20)
    clock.wait(pump.refill(), timeout=20)
    assert pump.ledger.content == pytest.approx(10000.0, abs=20.0)
    assert rig.safe().confirmed
    assert rig.fault is None


def test_a_stall_makes_the_rig_safe(rig):
    rig.clock.wait(rig.set(WARM), timeout=20)
    rig.emulation.world.stall(1)
    with pytest.raises(PumpError, match=r"sultine has stalled|acknowledged"):
        rig.clock.wait(rig.fill_loop(), timeout=20)
    assert "sultine has stalled" in rig.fault
    assert rig.emulation.world.flow() == (0.0, 0.0)
    rig.emulation.world.stall(1, False)
    rig.acknowledge()
    rig.clock.wait(rig.set(WARM), timeout=20)


def test_a_silent_computer_stops_the_pump(rig, monkeypatch):
    rig.clock.wait(rig.set(WARM), timeout=20)
    now = ne1000.time.monotonic()
    monkeypatch.setattr(ne1000.time, "monotonic", lambda: now + 31.0)
    with pytest.raises(PumpError, match="heard nobody for too long"):
        rig.pumps["c60"].poll()
    assert rig.emulation.world.flow()[0] == 0.0
