"""minimalmodbus and pymodbus at the emulated heater, and beside our driver."""

import minimalmodbus
import pytest
import serial
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from reactune.devices.protocols.eurotherm import Eurotherm
from reactune.devices.protocols.transport import Transport
from tests.devices.foreign.conftest import socket_of

decimals = pytest.mark.parametrize("decimals", [0, 1, 2])


@pytest.fixture
def served(serve, line, decimals):
    return serve(line, {"emulation.heater": {"decimals": decimals}}).transports["heater"].url


@decimals
def test_minimalmodbus(served, decimals):
    with serial.serial_for_url(served, 9600, timeout=1) as port:
        heater = minimalmodbus.Instrument(port, 1)
        assert heater.read_register(525) == decimals
        assert heater.read_register(1, decimals, signed=True) == pytest.approx(22.3, abs=0.6)
        for function in (16, 6):
            for target in (80.0, 85.0):
                heater.write_register(2, target, decimals, functioncode=function)
                assert heater.read_register(2, decimals) == target
        assert heater.read_registers(1, 4)[1] == 85 * 10**decimals
        assert heater.read_register(75) == 0
        with pytest.raises(minimalmodbus.IllegalRequestError, match="illegal data address"):
            heater.read_register(9999)
        with pytest.raises(minimalmodbus.IllegalRequestError):
            heater.write_register(2, 201.0, decimals)  # above what its setpoints may be
        heater.write_register(2, 25.0, decimals)
    ours(served, decimals, 25.0)


@decimals
def test_pymodbus(served, line, decimals):
    if line == "pty":
        client = ModbusSerialClient(served, baudrate=9600, timeout=1)
    else:
        host, port = socket_of(served)
        client = ModbusTcpClient(host, port=port, framer=FramerType.RTU, timeout=1)
    assert client.connect()
    assert client.read_holding_registers(525, count=1).registers == [decimals]
    assert not client.write_register(2, 85 * 10**decimals).isError()
    assert not client.write_registers(2, [90 * 10**decimals]).isError()
    for read in (client.read_holding_registers, client.read_input_registers):
        temperature, setpoint, *_ = read(1, count=4).registers
        assert temperature / 10**decimals == pytest.approx(22.3, abs=0.6)
        assert setpoint == 90 * 10**decimals
    refused = client.read_holding_registers(9999, count=1)
    assert refused.isError()
    assert refused.exception_code == 2
    assert not client.write_register(2, 25 * 10**decimals).isError()
    client.close()
    ours(served, decimals, 25.0)


def ours(url, decimals, setpoint):
    """What our driver says of it, once the other has gone."""
    port = Transport(url)
    driver = Eurotherm(port, 1)
    assert driver.connect().facts["decimals"].startswith(str(decimals))
    assert driver.read().setpoint == setpoint
    port.close()
