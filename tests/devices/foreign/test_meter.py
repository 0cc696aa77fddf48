"""pymeasure, on pyvisa-py, at the emulated voltmeter."""

import pytest
from pymeasure.instruments.hp import HP34401A

from tests.devices.foreign.conftest import socket_of


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI")
@pytest.mark.parametrize("rs232", [True, False])
def test_pymeasure(serve, line, rs232):
    url = serve(line, {"emulation.detector": {"rs232": rs232}}).transports["detector"].url
    if line == "pty":
        resource = f"ASRL{url}::INSTR"
    else:
        resource = "TCPIP::{}::{}::SOCKET".format(*socket_of(url))
    meter = HP34401A(resource, visa_library="@py", read_termination="\n", write_termination="\n")
    try:
        session(meter, rs232)
    finally:
        meter.adapter.close()


def session(meter, rs232):
    assert "34401A" in meter.id  # before SYST:REM, as others ask it
    meter.trigger_source = "IMM"  # on RS-232 it obeys only in remote
    assert [error[0] for error in meter.check_errors()] == ([550] if rs232 else [])
    meter.write("SYST:REM")
    meter.function_ = "DCV"
    meter.range_ = 10
    meter.nplc = 1
    meter.trigger_source = "IMM"
    meter.sample_count = 1
    assert (meter.function_, meter.range_, meter.nplc) == ("DCV", 10.0, 1.0)
    assert meter.reading == pytest.approx(10.48, abs=0.01)
    meter.init_trigger()
    assert float(meter.ask("FETC?")) == pytest.approx(10.48, abs=0.01)
    assert meter.check_errors() == []
    meter.write("VOLT:FOO 3")
    assert [error[0] for error in meter.check_errors()] == [-113]
