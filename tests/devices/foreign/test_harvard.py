"""flowchem's Elite 11 at the emulated Harvard pumps.

Its requirements and ours exclude each other, so it runs in an environment of its own, whose
interpreter `REACTUNE_FLOWCHEM` names. It opens device paths only, so a pseudo-terminal; and it
reads an address in front of every prompt, which a pump at address 0 may leave out.
"""

import json
import os
import subprocess

import pytest

PYTHON = os.environ.get("REACTUNE_FLOWCHEM")
SESSION = """
import asyncio, json, sys
from loguru import logger
from flowchem.devices.harvardapparatus.elite11 import Elite11
logger.remove()

async def session(port, address):
    pump = Elite11.from_config(port, "14.57 mm", "10 ml", address, "pump")
    await pump.initialize()
    said = {"version": await pump.version(), "diameter": await pump.get_syringe_diameter()}
    said["volume"], said["force"] = await pump.get_syringe_volume(), await pump.get_force()
    await pump.set_flow_rate("0.5 ml/min")
    said["flow"] = await pump.get_flow_rate()
    await pump.set_flow_rate("100 ml/min")  # it takes the limit that the pump tells instead
    said["limit"] = await pump.get_flow_rate()
    await pump.set_flow_rate("0.5 ml/min")
    await pump.set_target_volume("2 ml")
    await pump.infuse()
    said["moving"], said["now"] = await pump.is_moving(), await pump.get_current_flow_rate()
    await pump.stop()
    said["idle"] = await pump.is_idle()
    await pump.set_withdrawing_flow_rate("0.5 ml/min")
    await pump.withdraw()
    said["withdraws"] = await pump.is_moving()
    await pump.stop()
    return said

print(json.dumps(asyncio.run(session(sys.argv[1], int(sys.argv[2])))))
"""


@pytest.mark.skipif(not PYTHON, reason="REACTUNE_FLOWCHEM names no interpreter with flowchem")
@pytest.mark.parametrize(
    ("address", "variant"), [(0, {"poll": False}), (1, {}), (1, {"colon": False})]
)
def test_flowchem(serve, address, variant):
    rig = serve("pty", {"emulation.pumps": variant})
    command = [PYTHON, "-c", SESSION, rig.transports["pumps"].url, str(address)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("version").startswith("11 ELITE I/W Single")
    assert said.pop("limit") == pytest.approx(26.5097)
    assert said == {
        "diameter": "14.5700 mm", "volume": "10 ml", "force": 30, "flow": 0.5, "moving": True,
        "now": 0.5, "idle": True, "withdraws": True,
    }  # fmt: skip
