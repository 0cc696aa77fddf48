import math
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from reactune.devices.clock import LabStatus, RealClock
from reactune.devices.instruments.detector import Detector
from reactune.devices.instruments.interlock import Interlock
from reactune.devices.instruments.valve import InjectionValve, ValveError
from reactune.devices.protocols.transport import InstrumentError, NoReplyError
from reactune.devices.protocols.vici import ViciValve
from reactune.devices.specs import ValveSpec

# -- valve


@pytest.fixture
def rig(open_rig):
    return open_rig()


def test_valve_goes_and_confirms(open_rig, line):
    rig = open_rig(line)
    rig.clock.wait(rig.valve.set("inject"), timeout=10)
    assert rig.emulation.world.position == "inject"
    assert rig.valve.place.get() == "inject"
    rig.clock.wait(rig.valve.set("inject"), timeout=10)  # absolute: twice is once
    assert rig.emulation.world.injections == 1
    rig.clock.wait(rig.valve.set("load"), timeout=10)
    assert rig.emulation.world.position == "load"


def test_valve_refuses_other_positions(rig):
    before = rig.valve.driver.transport.exchanges
    with pytest.raises(ValueError, match="neither 'load' nor 'inject'"):
        rig.valve.set("toggle")
    assert rig.valve.driver.transport.exchanges == before


def test_silent_valve(open_rig):
    rig = open_rig(changes={"transports.valve": {"timeout": 0.03}})
    rig.emulation.world.links["valve"].silent = math.inf
    with pytest.raises(NoReplyError):
        rig.clock.wait(rig.valve.set("inject"), timeout=10)
    assert len(rig.safe().unconfirmed) == 1
    rig.emulation.world.links["valve"].silent = 0


class StuckLine:
    """A transport to a valve that turns after some looks, or never."""

    url = "stuck"

    def __init__(self, looks):
        self.looks, self.sent = looks, []

    def send(self, request):
        self.sent.append(request)

    def together(self):
        return nullcontext()

    def urgent(self, patience):
        return nullcontext()

    def exchange(self, request, framing, parse, *, repeat):
        self.looks -= 1
        return parse(b"CPB\r" if self.looks < 0 else b"CPA\r")


def valve_on(line, clock, timeout=0.3):
    spec = ValveSpec(transport="v", timeout=timeout)
    return InjectionValve(
        name="valve", driver=ViciValve(line), clock=clock, interlock=Interlock(), spec=spec
    )


def test_slow_and_stuck_valves(open_rig):
    clock = RealClock()
    slow = StuckLine(looks=2)
    clock.wait(valve_on(slow, clock).set("inject"), timeout=5)
    assert slow.sent == [b"GOB\r"]
    stuck = valve_on(StuckLine(looks=10**6), clock)
    with pytest.raises(ValveError, match=r"has not reached inject in 0\.3 s"):
        clock.wait(stuck.set("inject"), timeout=5)
    clock.close()
    rig = open_rig(changes={"valve.timeout": 0.3})
    rig.valve.driver = ViciValve(StuckLine(looks=0))
    assert "does not turn to A" in rig.safe().unconfirmed[0]


# -- detector


def test_one_sample_a_second_for_the_whole_method(open_rig, line):
    rig = open_rig(line, {"emulation.noise": False})
    begin = rig.clock.now()
    rig.clock.wait(rig.detector.trigger(), timeout=20)
    assert rig.clock.now() - begin == 779.0
    trace = rig.detector.trace.get()
    assert trace.shape == (780,)
    assert trace.dtype == float
    np.testing.assert_allclose(trace, 10.48, atol=1e-3)
    assert rig.detector.late_samples.get() == 0.0


def test_what_it_reads_is_described_with_units_and_shape(rig):
    keys = rig.detector.describe()
    assert keys["detector_trace"]["units"] == "V"
    assert keys["detector_trace"]["shape"] == [780]
    assert keys["detector_trace"]["dtype"] == "array"
    assert set(rig.detector.read()) == set(keys)
    assert "34401A" in rig.detector.read_configuration()["detector_firmware"]["value"]
    assert rig.valve.describe()["valve_place"]["dtype"] == "string"


SHORT = {"chromatogram.duration": 30, "transports.detector": {"timeout": 0.02, "stopbits": 2}}


ALONE = SHORT | {"emulation.detector": {"memory": 0}}  # it has to be asked for each sample


def test_missing_samples_are_nan_and_counted(open_rig):
    rig = open_rig(changes=ALONE)
    status = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(4.5), timeout=10)
    rig.emulation.world.links["detector"].silent = 3  # all tries of one sample
    rig.clock.wait(status, timeout=10)
    trace = rig.detector.trace.get()
    assert np.flatnonzero(np.isnan(trace)).tolist() == [5]
    assert rig.detector.late_samples.get() == 1.0


def test_single_garbled_reply_is_asked_for_again(open_rig):
    rig = open_rig(changes=SHORT)
    rig.emulation.world.links["detector"].garble = 1
    rig.clock.wait(rig.detector.trigger(), timeout=10)
    assert not np.isnan(rig.detector.trace.get()).any()


@pytest.fixture
def ramp(open_rig):
    """Open a rig before whose detector the light fades; sample k of a trace reads 1 + k / 1000."""

    def build(line="pty", duration=100, timeout=0.2, **detector):
        changes = {
            "transports.detector": {"timeout": timeout, "stopbits": 2},
            "chromatogram.duration": duration,
            "emulation.detector": detector,
        }
        rig = open_rig(line, changes)
        world, begin = rig.emulation.world, rig.clock.now()
        world.volts = lambda t=None: 1 + ((rig.clock.now() if t is None else t) - begin) / 1000
        return rig

    return build


def read_off(trace):
    """Return which samples there are, after a look at whether each has its own time's value."""
    there = np.flatnonzero(~np.isnan(trace))
    np.testing.assert_allclose(trace[there], 1 + there / 1000, rtol=0, atol=1e-7)
    return there.tolist()


def test_a_meter_that_samples_by_itself_reads_the_same(ramp, line):
    def record(**detector):
        rig = ramp(line, 780, **detector)
        meter = rig.detector.driver.transport
        before = meter.exchanges
        rig.clock.wait(rig.detector.trigger(), timeout=20)
        assert read_off(rig.detector.trace.get()) == list(range(780))
        assert rig.clock.now() == 779.0
        return rig.detector.trace.get().tolist(), meter.exchanges - before

    by_itself, few = record(memory=512)
    one_by_one, many = record(memory=0)
    assert by_itself == one_by_one
    assert few < 70 < 780 < many


def test_a_piece_that_does_not_come_is_asked_for_again(ramp):
    """All tries of one exchange fail, then some more: the meter keeps what it has taken."""
    rig = ramp()
    status = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(20.0), timeout=10)
    rig.emulation.world.links["detector"].lost = 7  # until sample 30 is due
    rig.clock.wait(status, timeout=10)
    assert read_off(rig.detector.trace.get()) == [k for k in range(100) if k != 29]
    assert rig.detector.late_samples.get() == 1.0


@pytest.mark.parametrize("fault", ["silent", "lost", "garble", "merged", "late", "split"])
@pytest.mark.parametrize("when", [0.5, 20.0, 28.5])
def test_a_sample_is_never_invented_or_doubled(ramp, fault, when):
    rig = ramp()
    status = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(when), timeout=10)
    link = rig.emulation.world.links["detector"]
    link.delay = 0.01 if fault == "split" else 0.3
    setattr(link, fault, 1 if fault == "late" else 2)
    rig.clock.wait(status, timeout=10)
    assert len(read_off(rig.detector.trace.get())) == 100  # got over


def test_a_piece_that_the_meter_no_longer_holds_fails_the_trace(ramp):
    rig = ramp(timeout=0.02)
    status = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(20.0), timeout=10)
    rig.detector.driver.transport.send(b"\x03")  # it was switched off and on
    assert rig.detector.driver._ask("*OPC?") == "1"
    with pytest.raises(NoReplyError, match="left 10 samples unanswered"):
        rig.clock.wait(status, timeout=20)
    assert np.isnan(rig.detector.trace.get()).all()


def test_what_the_memory_still_holds_is_no_answer(ramp):
    """A line of which the meter has not understood INIT: it keeps the readings of before."""
    rig = ramp(timeout=0.02)
    transport = rig.detector.driver.transport
    send = transport.exchange

    def damaged(request, *options, **more):
        inits.append(request) if b"INIT" in request else None
        damage = len(inits) == 2
        return send(request.replace(b"INIT", b"INI") if damage else request, *options, **more)

    inits, transport.exchange = [], damaged
    with pytest.raises(NoReplyError, match=r"left 10 samples unanswered.* is not 26 readings"):
        rig.clock.wait(rig.detector.trigger(), timeout=20)


def test_a_trace_that_is_given_up_leaves_the_meter_idle(ramp, line):
    rig = ramp(line)
    first = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(10.0), timeout=10)
    rig.detector.stop()
    rig.clock.wait(rig.detector.trigger(), timeout=20)  # at once, from the first sample on
    trace = rig.detector.trace.get()
    np.testing.assert_allclose(trace, 1.010 + np.arange(100) / 1000, rtol=0, atol=1e-7)
    assert first.done
    assert rig.detector.driver._ask("SYST:ERR?") == '+0,"No error"'


def test_a_meter_is_not_greeted_while_it_records(ramp):
    """After a fault of another instrument all are greeted; its configuration would end a piece."""
    rig = ramp()
    status = rig.detector.trigger()
    rig.clock.wait(rig.clock.timer(10.0), timeout=10)
    rig.detector.connect()
    rig.clock.wait(status, timeout=10)
    assert read_off(rig.detector.trace.get()) == list(range(100))


def test_a_meter_that_was_left_taking_readings_can_be_greeted(ramp):
    rig = ramp()
    assert rig.detector.driver.prepare(1.0) == 27
    rig.detector.driver.begin(27, 1.0)  # and the process dies
    rig.detector.connect()
    rig.clock.wait(rig.detector.trigger(), timeout=10)
    assert read_off(rig.detector.trace.get()) == list(range(100))


def test_dead_detector(open_rig):
    rig = open_rig(changes=SHORT)
    rig.emulation.world.links["detector"].silent = math.inf
    with pytest.raises(NoReplyError, match="left 10 samples unanswered"):
        rig.clock.wait(rig.detector.trigger(), timeout=20)
    assert not rig.detector.recording
    assert np.isnan(rig.detector.trace.get()).all()
    rig.emulation.world.links["detector"].silent = 0


def test_overload_is_no_value(open_rig):
    rig = open_rig(changes=SHORT)
    rig.detector.driver.transport.send(b"CONF:VOLT:DC 1\n")  # somebody at the meter's keys
    rig.clock.wait(rig.detector.trigger(), timeout=10)
    assert np.isnan(rig.detector.trace.get()).all()
    assert rig.detector.late_samples.get() == 30.0


def test_one_recording_at_a_time(rig):
    first = rig.detector.trigger()
    with pytest.raises(InstrumentError, match="recording already"):
        rig.detector.trigger()
    rig.detector.stop()
    assert not first.done
    rig.clock.wait(rig.detector.trigger(), timeout=20)


def test_refused_configuration(open_rig):
    with pytest.raises(InstrumentError, match="refused its configuration: -222"):
        open_rig(changes={"detector.range": 1e6})


class SlowMeter:
    """Takes long over its third sample."""

    name, url = "slow", "slow"
    count = 0

    @property
    def transport(self):
        return self

    def read(self):
        self.count += 1
        if self.count == 3:
            threading.Event().wait(0.26)
        return float(self.count)


def test_late_samples_are_nan_in_their_own_places(walker):
    clock = RealClock()
    method = walker({"chromatogram.duration": 1.0, "chromatogram.rate": 10}).chromatogram
    detector = Detector(
        name="d", driver=SlowMeter(), clock=clock, interlock=Interlock(), method=method
    )
    begin = clock.now()
    status = detector.trigger()
    assert isinstance(status, LabStatus)
    clock.wait(status, timeout=5)
    assert 0.9 <= clock.now() - begin < 2.5
    trace = detector.trace.get()
    assert trace[:3].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(trace[3:5]).any()  # due while the meter was busy
    assert trace[9] > 3.0  # and in step again at the end
    assert detector.late_samples.get() == np.isnan(trace).sum()
    clock.close()


class SlowToBegin(SlowMeter):
    """Takes readings by itself, but it is not known when it has begun for the first time."""

    began = halted = 0

    def connect(self): ...

    def prepare(self, period):
        return 3

    def begin(self, count, period):
        self.began += 1
        if self.began == 1:
            threading.Event().wait(0.75 * period)
        return 10.0, count

    def fetch(self, count):
        assert self.began > 1
        return [20.0] * count

    def halt(self):
        self.halted += 1

    def read(self):
        return 5.0


def test_no_piece_is_timed_by_a_sample_that_came_late(walker):
    clock, meter = RealClock(), SlowToBegin()
    method = walker({"chromatogram.duration": 1.6, "chromatogram.rate": 5}).chromatogram
    detector = Detector(name="d", driver=meter, clock=clock, interlock=Interlock(), method=method)
    clock.wait(detector.trigger(), timeout=5)
    assert meter.halted == 1
    assert detector.trace.get()[:2].tolist() == [5.0, 10.0]
    assert 20.0 in detector.trace.get()
    clock.close()
