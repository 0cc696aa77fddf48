import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ophyd.utils import LimitError, ReadOnlyError

from reactune.devices import load, open_rig
from reactune.devices.instruments.ledger import LedgerError
from reactune.devices.instruments.pump import InterruptedRefillError
from reactune.devices.protocols.roles import PumpError
from reactune.devices.protocols.transport import InstrumentError, NoReplyError


@pytest.fixture
def rig(open_rig):
    return open_rig()


@pytest.fixture
def pump(rig):
    return rig.pumps["sultine"]


def requests(pump, monkeypatch):
    """Record what goes out on the pump's line."""
    sent, line = [], pump.driver.transport
    write = line._write
    monkeypatch.setattr(line, "_write", lambda request: (sent.append(request), write(request)))
    return sent


def test_pumps_share_a_line(open_rig, line):
    rig = open_rig(line)
    rig.clock.wait(rig.pumps["c60"].set(20.0), timeout=10)
    rig.clock.wait(rig.pumps["sultine"].set(40.0), timeout=10)
    rig.clock.wait(rig.clock.timer(60.0), timeout=10)
    assert rig.emulation.world.flow() == (20.0, 40.0)
    for name, flow in (("c60", 20.0), ("sultine", 40.0)):
        status = rig.pumps[name].poll()
        assert (status.state, status.flow) == ("infusing", pytest.approx(flow, rel=1e-8))
        assert status.volume == pytest.approx(flow, rel=1e-6)


def test_stop_is_confirmed_and_harmless_twice(rig, pump):
    rig.clock.wait(pump.set(50.0), timeout=10)
    pump.stop(success=True)
    pump.stop()
    assert rig.emulation.world.flow() == (0.0, 0.0)
    assert pump.state.get() == "idle"
    assert pump.flow.get() == 0.0


@settings(derandomize=True, max_examples=60)
@given(flow=st.floats(allow_nan=True, allow_infinity=True))
def test_flow_outside_limits_sends_no_byte(module_rig, flow):
    pump = module_rig.pumps["c60"]
    low, high = pump.limits
    if not math.isfinite(flow) or not low <= pump.driver.achievable(flow) <= high:
        before = pump.driver.transport.exchanges
        with pytest.raises(LimitError, match=r"flow_c60 = (.* 10 to 207 uL/min|nan is no number)"):
            pump.set(flow)
        assert pump.driver.transport.exchanges == before


@pytest.fixture(scope="module")
def module_rig():
    with open_rig(load("walker")) as rig:
        yield rig


def test_described_with_units_and_limits(pump):
    keys = pump.describe()
    assert keys["sultine_flow"]["units"] == "uL/min"
    assert keys["sultine_flow"]["lower_ctrl_limit"] == 10.0
    assert keys["sultine_flow"]["upper_ctrl_limit"] == 207.0
    assert keys["sultine_remaining"]["units"] == "uL"
    assert all(key["source"].startswith("serial:") for key in keys.values())
    assert set(pump.read()) == set(keys)
    config = pump.read_configuration()
    assert config["sultine_diameter"]["value"] == 14.57
    assert "ELITE" in config["sultine_firmware"]["value"]
    assert pump.hints == {"fields": ["sultine_flow"]}
    with pytest.raises(ReadOnlyError):
        pump.flow.put(3.0)
    with pytest.raises(ReadOnlyError):
        pump.flow.set(3.0)


def test_reading_costs_no_byte(pump):
    before = pump.driver.transport.exchanges
    pump.read()
    assert pump.driver.transport.exchanges == before


def test_program_on_the_wire(rig, pump, monkeypatch):
    sent = requests(pump, monkeypatch)
    rig.clock.wait(pump.set(12.34567), timeout=10)
    text = b"".join(sent).decode()
    assert "1:irate 12.3457 u/m\r" in text
    assert text.index("stp") < text.index("tvolume") < text.index("irun")
    assert "e-" not in text
    assert pump.flow_setpoint.get() == 12.3457


def test_pump_stops_by_itself_when_its_budget_is_used(rig, pump):
    pump.rest()
    pump.prepare(60.0, 120.0)
    pump.run()
    rig.clock.wait(rig.clock.timer(150.0), timeout=10)  # and nobody said stop
    assert pump.poll().state == "target"
    pump.rest()
    assert pump.ledger.infused == pytest.approx(120.0, abs=0.01)
    assert pump.ledger.content == pytest.approx(9880.0, abs=0.01)


def test_ledger_counts_and_refill_restores(rig, pump):
    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(600.0), timeout=10)
    pump.rest()
    assert pump.ledger.content == pytest.approx(8000.0, abs=0.1)
    begin = rig.clock.now()
    rig.clock.wait(pump.refill(), timeout=10)
    assert rig.clock.now() - begin == pytest.approx(61.0, abs=1.5)  # 2000 uL at 2000 uL/min
    assert pump.ledger.content == pytest.approx(10000.0, abs=0.1)
    assert pump.ledger.flask == pytest.approx(248000.0, abs=0.1)
    assert pump.ledger.infused == pytest.approx(2000.0, abs=0.1)
    assert rig.emulation.world.pump(1)[2] == pytest.approx(10000.0, abs=0.1)


def test_refill_that_is_stopped_is_still_booked(rig, pump):
    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(1200.0), timeout=10)
    refill = pump.refill()
    rig.clock.wait(rig.clock.timer(60.0), timeout=10)
    pump.stop()
    with pytest.raises(InterruptedRefillError, match="interrupted"):
        rig.clock.wait(refill, timeout=10)
    pump.rest()
    assert pump.ledger.content == pytest.approx(rig.emulation.world.pump(1)[2], abs=0.1)
    assert pump.ledger.content == pytest.approx(8000.0, abs=1.0)


@pytest.mark.parametrize("end", ["safe", "close", "stop", "killed"])
def test_what_a_refill_has_drawn_is_known_wherever_it_is_cut_off(rig, pump, end):
    """To the next process, too, which would draw the plunger too far."""
    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(1500.0), timeout=10)
    pump.refill()
    rig.clock.wait(rig.clock.timer(70.0), timeout=10)
    level = rig.emulation.world.pump(1)[2]
    assert level == pytest.approx(7333.3, abs=1.0)
    if end != "killed":
        {"safe": rig.safe, "close": rig.close, "stop": pump.stop}[end]()
    unseen = 10 * 2000 / 60 + 1 if end == "killed" else 0.1  # since the last look
    assert pump.ledger.content == pytest.approx(level, abs=unseen)
    assert pump.ledger.flask == pytest.approx(250000 - (level - 5000), abs=unseen)
    assert pump.remaining.get() == pump.ledger.content
    if end != "close":
        pump.rest()
        assert pump.ledger.content == pytest.approx(rig.emulation.world.pump(1)[2], abs=0.1)


def test_what_a_pump_that_is_made_safe_has_moved_is_asked_for_once(rig, pump):
    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(30.0), timeout=10)
    rig.safe()
    assert pump.ledger.content == pytest.approx(9900.0, abs=0.1)
    asked = pump.driver.transport.exchanges
    rig.safe()
    assert pump.driver.transport.exchanges == asked + 2  # both are told to stop, and that is all


def test_a_pump_that_does_not_say_what_it_has_moved_is_safe_all_the_same(rig, pump, monkeypatch):
    def silent():
        raise NoReplyError("no reply")

    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(30.0), timeout=10)
    with monkeypatch.context() as line:
        line.setattr(pump.driver, "volumes", silent)
        assert rig.safe().confirmed
        assert pump.ledger.content == 10000.0  # as of the last look
    rig.safe()
    assert pump.ledger.content == pytest.approx(9900.0, abs=0.1)


@pytest.mark.parametrize(
    ("flask", "need", "match"),
    [
        (250000, 12000, "needs 12000 uL .* a full syringe delivers 9900 uL"),
        (0, 9950, "a full syringe delivers 9900 uL"),
        (0, 9901, "delivers 9900"),
    ],
)
def test_ledger_refuses_more_than_a_stroke(open_rig, flask, need, match):
    rig = open_rig("pty", {"streams.c60.flask_volume": flask})
    with pytest.raises(LedgerError, match=match):
        rig.pumps["c60"].ledger.check(need)


def test_ledger_refuses_what_is_gone(open_rig):
    rig = open_rig("pty", {"streams.c60.flask_volume": 0})
    pump = rig.pumps["c60"]
    rig.clock.wait(pump.set(200.0), timeout=10)
    rig.clock.wait(rig.clock.timer(2400.0), timeout=10)
    pump.rest()
    pump.ledger.check(1899.0)
    with pytest.raises(LedgerError, match=r"c60 needs 1950 uL, but the syringe has 1900 uL and th"):
        pump.ledger.check(1950.0)


def test_an_empty_syringe_is_not_set_in_motion(rig, pump):
    pump.ledger._content = rig.config.streams["sultine"].dead_volume
    with pytest.raises(LedgerError, match="sultine has nothing left in its syringe: refill it"):
        rig.clock.wait(pump.set(200.0), timeout=10)
    assert not pump.running


def test_what_fills_the_dead_volume_is_not_promised(rig, pump):
    """Of an empty syringe: the first 100 uL from the flask stay in it."""
    pump.ledger._content, pump.ledger._flask = 0.0, 600.0
    assert pump.ledger.supply == 500.0
    pump.ledger.check(500.0)
    with pytest.raises(LedgerError) as error:
        pump.ledger.check(550.0)
    assert str(error.value) == (
        "stream sultine needs 550 uL, but the syringe has 0 uL and the flask 600 uL left, of which "
        "100 uL stay in the syringe (dead_volume): refill them and open the rig again"
    )
    rig.emulation.world._plungers[1].content = 0.0
    rig.clock.wait(pump.refill(), timeout=10)
    assert (pump.ledger.deliverable, pump.ledger.supply) == (500.0, 500.0)


def test_stall_is_a_pump_error(rig, pump):
    rig.clock.wait(pump.set(50.0), timeout=10)
    rig.emulation.world.stall(1)
    with pytest.raises(PumpError, match="sultine has stalled: look for a blockage"):
        pump.poll()
    pump.halt()  # a stalled pump counts as stopped


def test_pump_stopped_at_its_panel_is_noticed(rig, pump):
    rig.clock.wait(pump.set(50.0), timeout=10)
    rig.emulation.world.stop(1)
    with pytest.raises(PumpError, match="does not run"):
        pump.poll()


def test_silent_pump(open_rig):
    rig = open_rig("pty", {"transports.pumps": {"baudrate": 115200, "timeout": 0.05}})
    rig.emulation.world.links["pumps"].silent = math.inf
    with pytest.raises(NoReplyError, match="no reply"):
        rig.clock.wait(rig.pumps["c60"].set(50.0), timeout=10)
    rig.pumps["c60"].stop()  # never raises
    rig.emulation.world.links["pumps"].silent = 0


@pytest.mark.parametrize("fault", ["garble", "lost", "late", "split"])
def test_single_line_faults_are_overcome(open_rig, line, fault):
    rig = open_rig(line, {"transports.pumps": {"baudrate": 115200, "timeout": 0.2}})
    setattr(rig.emulation.world.links["pumps"], fault, 1)
    rig.clock.wait(rig.pumps["c60"].set(50.0), timeout=10)
    assert rig.emulation.world.flow()[0] == 50.0


def test_out_of_range_is_the_pumps_refusal(rig, pump):
    with pytest.raises(InstrumentError, match="refused 'irate 999999"):
        pump.driver.set_flow(999999.0)


def test_limits_beyond_the_pump_are_refused_at_opening(open_rig):
    with pytest.raises(InstrumentError, match="change syringe or limits"):
        open_rig("pty", {"streams.c60.limits": [10, 90000]})


@pytest.mark.parametrize("rate", [30000, 0.001])
def test_a_rate_of_refills_beyond_the_pump_is_refused_at_opening(open_rig, rate):
    told = rf"reaches .* uL/min .*, not the {rate} uL/min at .*change streams\.c60\.refill_rate"
    with pytest.raises(InstrumentError, match=told):
        open_rig("pty", {"streams.c60.refill_rate": rate})
    never = {"streams.c60.refill_rate": rate, "streams.c60.flask_volume": 0}
    assert open_rig("pty", never).pumps["c60"].ledger.flask == 0


def test_stop_does_not_wait_for_the_lab_clock(rig, pump):
    rig.clock.wait(pump.set(50.0), timeout=10)
    done = threading.Event()
    threading.Thread(target=lambda: (pump.stop(), done.set())).start()
    assert done.wait(2)
    assert rig.emulation.world.flow() == (0.0, 0.0)
