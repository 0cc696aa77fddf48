"""How the tests of the rig have it run an experiment."""

WARM = {"temperature": 60.0, "flow_c60": 100.0, "flow_sultine": 200.0}
SHORT = {"heater.settle": 10, "chromatogram.duration": 30}
FAST = {  # a line that falls silent is given up soon
    "transports.pumps": {"timeout": 0.03},
    "transports.heater": {"timeout": 0.03},
    "transports.valve": {"timeout": 0.03},
    "transports.detector": {"timeout": 0.03},
}
WALL = 20  # s of wall time anything here may take


def go(rig, status):
    rig.clock.wait(status, timeout=WALL)


def experiment(rig, conditions):
    go(rig, rig.set(conditions))
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    go(rig, rig.trigger())
    return {key: reading["value"] for key, reading in rig.read().items()}


def lines(rig):
    """Every line of an open rig, once."""
    devices = (*rig.pumps.values(), rig.heater, rig.valve, rig.detector)
    return list({id(d.driver.transport): d.driver.transport for d in devices}.values())


def exchanges(rig):
    return sum(line.exchanges for line in lines(rig))
