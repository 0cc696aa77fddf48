"""Reactor, loop, oven and pumps of the emulated world."""

import numpy as np
import pytest
from scipy.integrate import quad

from reactune.devices.emulation.layout import FeedStream
from reactune.devices.emulation.physics import Oven
from reactune.devices.emulation.reactions.walker2017 import mole_fractions
from tests.devices.emulation.bench import BIG, MINUTE, Bench, absorbed, fed, ratio

# -- reactor and loop -----------------------------------------------------------------------------


def test_settled_sample_is_exact() -> None:
    bench = Bench()
    bench.settle(60, 30, 130)
    sample = bench.world.sample()
    assert sample.filled == 1
    assert sample.residence_time == 931 / 90
    assert sample.temperature == 130
    assert sample.feed[0] == pytest.approx(2.775 * 60 / 90, rel=1e-15)
    assert ratio(sample) == pytest.approx(8.323 / 2.775 / 2, rel=1e-15)


def test_settled_sample_has_no_history() -> None:
    direct, devious = Bench(), Bench(time=1234567.891)
    for c60, sultine, celsius in ((20, 20, 150), (200, 100, 100.3), (11, 17, 122)):
        devious.settle(c60, sultine, celsius)
        devious.wait(0.123)
        devious.trace(200)
        devious.pump(0, 0)
        devious.wait(7.7)
    for bench in (direct, devious):
        bench.settle(35.5, 71.3, 117)
    assert direct.world.sample() == devious.world.sample()
    assert (direct.trace() == devious.trace()).all()


def test_before_the_plug_arrives_there_is_solvent() -> None:
    bench = Bench()
    bench.pump(50, 50)
    bench.wait(1587 / 100 - 0.05)
    assert bench.world.sample().feed[0] == 0
    assert bench.world.sample().filled == 1
    bench.wait(0.2)
    assert bench.world.sample().feed[0] == pytest.approx(2.775 / 2)


def test_a_stopped_plug_goes_on_reacting() -> None:
    bench = Bench()
    bench.settle(50, 50, 120)
    before = bench.world.sample()
    bench.pump(0, 0)
    bench.wait(10)
    assert bench.world.sample() == before  # what is in the loop has left the heat
    bench.pump(50, 50)
    bench.wait(8)  # 800 uL: what was in the middle of the heated part is in the loop
    sample = bench.world.sample()
    assert sample.residence_time == pytest.approx(931 / 100 + 10, rel=1e-12)
    assert bench.world.composition(sample).fractions == pytest.approx(
        mole_fractions(19.31, 8.323 / 2.775, 120), abs=1e-12
    )
    bench.wait(8)  # and now what was not in there yet
    assert bench.world.sample().residence_time == 931 / 100


def test_ratio_is_of_when_it_entered_and_time_of_what_came_behind() -> None:
    bench = Bench()
    bench.settle(50, 50, 120)
    bench.pump(100, 50)  # half of the reactor's contents are the old mixture, pushed faster
    bench.wait(5)  # 750 uL on
    sample = bench.world.sample()
    assert ratio(sample) == pytest.approx(8.323 / 2.775)
    # It was 1589.5 - 750 = 839.5 of the 931 heated uL on its way when the flow changed.
    old = (1587 + 2.5 - 750) / 100
    assert sample.residence_time == pytest.approx(old + (931 - 100 * old) / 150, rel=1e-12)


def test_temperature_is_averaged_over_the_stay() -> None:
    bench = Bench()
    bench.settle(20, 20, 100)
    bench.world.heat(140)
    start = bench.time
    bench.wait(20)
    bench.world.heat(115)
    bench.wait(13)
    end = bench.time - MINUTE * (1587 + 2.5 - 931) / 40  # the loop's plug left the heat then
    entered = end - MINUTE * 931 / 40
    oven = Oven(0)
    oven.set_target(0, 100)
    oven.set_target(start, 140)
    oven.set_target(start + 20 * MINUTE, 115)
    mean = quad(oven.temperature, entered, end, limit=500, epsabs=1e-8)[0] / (end - entered)
    assert 101 < mean < 139
    assert bench.world.sample().temperature == pytest.approx(mean, abs=2e-5)


def test_loop_holds_eluent_until_it_is_flushed() -> None:
    bench = Bench()
    bench.settle(50, 50, 120)
    first = bench.trace()
    assert bench.world.sample().filled == 0  # in line with the column
    bench.world.switch("load")
    bench.wait(0.02)  # 2 uL of 5
    assert bench.world.sample().filled == pytest.approx(0.4)
    second = bench.trace()
    assert absorbed(second)[450] == pytest.approx(0.4 * absorbed(first)[450], rel=1e-6)
    bench.wait(10)
    bench.pump(0, 0)
    bench.world.switch("load")
    bench.wait(10)  # nothing flows
    assert absorbed(bench.trace()).max() < 1e-12


def test_loop_keeps_what_it_held_when_the_flow_stopped() -> None:
    bench = Bench()
    bench.settle(50, 50, 120)
    held = bench.world.sample()
    bench.pump(0, 0)
    bench.world.heat(25)
    bench.wait(600)
    assert bench.world.sample() == held


def test_a_third_stream_dilutes() -> None:
    bench = Bench(fed(*BIG.streams, FeedStream("solvent", 0.0, 1e6)))
    bench.world.heat(120)
    bench.wait(10)
    bench.pump(20, 20, 60)
    bench.wait(30)
    sample = bench.world.sample()
    assert sample.feed[0] == pytest.approx(2.775 / 5)
    assert ratio(sample) == pytest.approx(8.323 / 2.775)
    assert sample.residence_time == 931 / 100


def test_history_stays_short() -> None:
    bench = Bench()
    for i in range(400):
        bench.pump(20 + i % 7, 30 + i % 11)
        bench.world.heat(100 + i % 50)
        bench.wait(3)
    assert len(bench.world._flow._stretches) < 60
    assert len(bench.world._oven._pieces) < 100
    assert bench.world.sample().filled == 1


# -- oven and pumps -------------------------------------------------------------------------------


def test_oven_takes_its_time_and_then_stands_still() -> None:
    bench = Bench()
    bench.world.heat(100)
    bench.wait(20)
    for target, least, most in ((150, 3, 5), (100, 6, 9)):
        bench.world.heat(target)
        start, last = bench.time, 100.0
        while bench.world.temperature() != target:
            last = bench.world.temperature() or 0.0
            bench.time += 0.5
        assert least < (bench.time - start) / MINUTE < most
        assert 0 < abs(last - target) < 0.05
    assert bench.world.heater_output() == pytest.approx(39)
    bench.world.heat(None)
    assert bench.world.heater_output() == 0
    bench.wait(60)
    assert bench.world.temperature() == Oven.AMBIENT


def test_heating_never_overshoots_nor_exceeds_its_rate() -> None:
    oven = Oven(0)
    oven.set_target(0, 150)
    t = np.linspace(0, 1200, 2401)
    rise = np.diff([oven.temperature(s) for s in t])
    assert (rise >= 0).all()
    assert rise.max() <= Oven.HEATING / MINUTE * 0.5 + Oven.SNAP
    oven.set_target(60, 20.0)  # below ambient: as far as it goes, and from wherever it was
    assert oven.temperature(60) == pytest.approx(22 + 15, abs=1e-9)
    assert oven.temperature(9999) == Oven.AMBIENT


def test_an_empty_syringe_stops_the_flow_when_it_is_empty() -> None:
    bench = Bench(fed(FeedStream("c60", 2.775, 1000), FeedStream("sultine", 8.323, 1000, 300)))
    bench.pump(100, 50)
    bench.wait(5)
    assert bench.world.flow() == (100, 50)
    assert bench.world.pump(1) == ("moving", pytest.approx(250), pytest.approx(50))
    bench.wait(2)
    assert bench.world.flow() == (100, 0)
    assert bench.world.pump(1) == ("limit", pytest.approx(300), pytest.approx(0))
    bench.wait(20)
    assert bench.world.pump(0) == ("limit", pytest.approx(1000), pytest.approx(0))
    # 6 min of 150 and 4 of 100 uL/min, whoever asked and when.
    assert bench.world._flow.passed(bench.time) == pytest.approx(1300)


def test_refilling_puts_nothing_into_the_reactor() -> None:
    bench = Bench(fed(FeedStream("c60", 2.775, 1000, 200), FeedStream("sultine", 8.323)))
    bench.world.start(0, -500)
    bench.wait(1)
    assert bench.world.flow() == (0, 0)
    assert bench.world.pump(0) == ("moving", pytest.approx(500), pytest.approx(700))
    bench.wait(1)
    assert bench.world.pump(0) == ("limit", pytest.approx(800), pytest.approx(1000))
    assert bench.world._flow.passed(bench.time) == 0


def test_a_stalled_pump_stays_stalled() -> None:
    bench = Bench()
    bench.pump(100, 50)
    bench.wait(1)
    bench.world.stall(0)
    bench.wait(1)
    assert bench.world.flow() == (0, 50)
    assert bench.world.pump(0)[:2] == ("stalled", pytest.approx(100))
    bench.world.start(0, 100)
    assert bench.world.pump(0)[0] == "stalled"
    bench.world.stall(0, False)
    assert bench.world.pump(0)[0] == "idle"
    bench.world.start(0, 100)
    assert bench.world.flow() == (100, 50)
