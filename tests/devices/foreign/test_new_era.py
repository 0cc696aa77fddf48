"""NESP-Lib at the emulated New Era pumps; it opens device paths only, so a pseudo-terminal."""

import pytest
from nesp_lib import Port, Pump, PumpingDirection, Status

NEW_ERA = {"streams.c60.protocol": "ne1000", "streams.sultine.protocol": "ne1000"}


@pytest.mark.parametrize("seconds", [0, 30])
def test_nesp_lib(serve, seconds):
    rig = serve("pty", NEW_ERA | {"emulation.pumps": {"fresh": False, "marked": False}})
    with Port(rig.transports["pumps"].url, 19200) as port:
        pump = Pump(port, 0, safe_mode_timeout_s=seconds)
        assert pump.model_number == 1000
        pump.syringe_diameter_mm = 14.57
        pump.pumping_direction = PumpingDirection.INFUSE
        pump.pumping_rate_ml_per_min = 0.5
        pump.pumping_volume_ml = 2.0
        assert (pump.syringe_diameter_mm, pump.pumping_rate_ml_per_min) == (14.57, 0.5)
        pump.run(wait_while_running=False)
        assert pump.status is Status.INFUSING
        pump.stop()
        assert pump.status is not Status.INFUSING
        assert pump.volume_infused_ml < 0.1
        pump.safe_mode_timeout_s = 0
