import json

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import FailedStatus
from event_model import DocumentNames, schema_validators

from tests.devices.rig.driving import SHORT, WARM


class Act:
    """A step of the rig as a Movable."""

    parent = None

    def __init__(self, name, call):
        self.name, self._call = name, call

    def set(self, _):
        return self._call()


def one_experiment(rig, conditions):
    yield from bps.checkpoint()
    yield from bps.abs_set(rig, conditions, wait=True)
    yield from bps.abs_set(Act("fill_loop", rig.fill_loop), 1, wait=True)
    yield from bps.abs_set(Act("inject", rig.inject), 1, wait=True)
    yield from bps.trigger(rig, group="trace")
    yield from bps.wait("trace")
    yield from bps.create("primary")
    yield from bps.read(rig)
    yield from bps.save()


@pytest.fixture
def engine():
    return RunEngine({})


def test_one_experiment_through_the_runengine(open_rig, line, engine):
    rig = open_rig(line)
    engine.waiting_hook = rig.clock.waiting
    documents = []
    engine.subscribe(lambda name, document: documents.append((name, document)))

    @bpp.stage_decorator([rig])
    @bpp.run_decorator(md={"rig": rig.description()})
    def plan():
        yield from one_experiment(rig, WARM)

    engine(plan())
    for name, document in documents:
        if name in ("descriptor", "event"):
            plain = json.loads(json.dumps(document, default=lambda v: v.tolist()))
            schema_validators[DocumentNames[name]].validate(plain)
    descriptor = next(d for name, d in documents if name == "descriptor")
    keys = descriptor["data_keys"]
    assert keys["temperature"]["units"] == "degC"
    assert keys["flow_c60"]["units"] == "uL/min"
    assert keys["trace"]["units"] == "V"
    assert keys["trace"]["shape"] == [780]
    assert keys["lab_time"]["units"] == "s"
    assert descriptor["configuration"]["rig"]["data"]["heated_volume"] == 931.0
    assert descriptor["hints"]["rig"]["fields"][0] == "temperature"
    (event,) = [d for name, d in documents if name == "event"]
    assert event["data"]["flow_sultine"] == pytest.approx(200.0)
    assert np.isfinite(event["data"]["trace"]).all()
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.last_report.confirmed  # unstaged


def test_stall_fails_the_plan_with_its_reason(open_rig, engine):
    rig = open_rig(changes=SHORT)
    engine.waiting_hook = rig.clock.waiting

    def plan():
        yield from bps.abs_set(rig, WARM, group="g")
        yield from bps.abs_set(Act("flow", lambda: rig.flow(WARM)), 1, wait=True)
        rig.emulation.world.stall(1)
        yield from bps.wait("g")

    with pytest.raises(FailedStatus) as caught:
        engine(bpp.stage_wrapper(plan(), [rig]))
    assert "sultine has stalled" in str(caught.value.__cause__)
    assert rig.fault is not None


def test_pause_and_resume_repeat_the_experiment(open_rig, engine):
    rig = open_rig(changes=SHORT)
    engine.waiting_hook = rig.clock.waiting
    events, paused = [], []
    engine.subscribe(lambda name, document: events.append(document), "event")

    def plan():
        yield from bps.open_run()
        yield from bps.checkpoint()
        yield from bps.abs_set(rig, WARM, wait=True)
        yield from bps.abs_set(Act("fill_loop", rig.fill_loop), 1, wait=True)
        if not paused:
            paused.append(rig.clock.now())
            yield from bps.pause()
        yield from bps.abs_set(Act("inject", rig.inject), 1, wait=True)
        yield from bps.trigger(rig, wait=True)
        yield from bps.create("primary")
        yield from bps.read(rig)
        yield from bps.save()
        yield from bps.close_run()

    from bluesky.utils import RunEngineInterrupted

    with pytest.raises(RunEngineInterrupted):
        engine(plan())
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert rig.heater.driver.read().setpoint == 60.0
    engine.resume()
    (event,) = events
    assert event["data"]["lab_time"] - paused[0] >= rig.stabilisation(rig.setpoints(WARM))
    assert event["data"]["flow_c60"] == pytest.approx(100.0)
    assert rig.emulation.world.last_sample.filled == pytest.approx(1.0)
