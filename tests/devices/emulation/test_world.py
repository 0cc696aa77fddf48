"""The emulated rig's physics: what is in the loop, on the column, and on the photodiode."""

from dataclasses import dataclass, field, replace
from math import inf, log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from reactune.devices.emulation.layout import FeedStream, Layout, Noise, Sample, layout_of
from reactune.devices.emulation.physics import ElutingPeak, Oven, absorbance
from reactune.devices.emulation.reactions.walker2017 import Kinetics, Walker2017, mole_fractions
from reactune.devices.emulation.world import World
from reactune.devices.rigfile import load

MINUTE = 60.0
WALKER = layout_of(load("walker"), Walker2017())


def fed(*streams: FeedStream) -> Layout:
    """The paper's rig with other syringes."""
    return replace(WALKER, streams=streams)


BIG = fed(FeedStream("c60", 2.775, 1e6), FeedStream("sultine", 8.323, 1e6))


@dataclass
class Bench:
    """A world and a hand-driven clock."""

    layout: Layout = BIG
    reaction: Walker2017 = Walker2017()  # noqa: RUF009 - frozen
    options: dict[str, Any] = field(default_factory=lambda: {"noise": None})
    time: float = 0.0

    def __post_init__(self) -> None:
        self.world = World(lambda: self.time, self.layout, self.reaction, **self.options)

    def wait(self, minutes: float) -> None:
        self.time += MINUTE * minutes

    def pump(self, *rates: float) -> None:
        for i, rate in enumerate(rates):
            if rate:
                self.world.start(i, rate)
            else:
                self.world.stop(i)

    def settle(self, c60: float, sultine: float, celsius: float) -> None:
        """Set conditions and wait until the loop is full of them."""
        self.world.switch("load")
        self.world.heat(celsius)
        self.wait(30)
        self.pump(c60, sultine)
        self.wait(2 * (931 + 50) / (c60 + sultine) + 10)

    def trace(self, seconds: int = 780) -> NDArray[np.float64]:
        """Inject, and read once a second."""
        self.world.switch("inject")
        start, volts = self.time, []
        for i in range(seconds):
            self.time = start + i
            volts.append(self.world.volts())
        return np.array(volts)


def ratio(sample: Sample) -> float:
    """Sultine per C60."""
    c60, sultine = sample.feed
    return sultine / c60


def absorbed(volts: NDArray[np.float64], baseline: float = 10.48) -> NDArray[np.float64]:
    return -np.log10(volts / baseline)


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


# -- column and detector --------------------------------------------------------------------------


def test_peaks_have_their_areas() -> None:
    minutes = np.arange(0, 30, 0.002)
    for peak in (
        *BIG.peaks,
        *BIG.front,
        ElutingPeak(5, 0.05, 0.5, 1),
        ElutingPeak(5, 0.5, 0.01, 1),
    ):
        assert (peak.at(minutes) >= 0).all()
        assert np.trapezoid(peak.at(minutes), minutes) == pytest.approx(1, abs=1e-9)
        centre = np.trapezoid(minutes * peak.at(minutes), minutes)
        assert centre == pytest.approx(peak.position + peak.tail, abs=1e-9)


def test_trace_holds_the_fractions() -> None:
    bench = Bench()
    bench.settle(50, 50, 110)
    sample, volts = bench.world.sample(), bench.trace()
    fractions = mole_fractions(9.31, 8.323 / 2.775, 110)
    areas = [x * sample.feed[0] * p.response for x, p in zip(fractions, BIG.peaks, strict=True)]
    areas += [p.response for p in BIG.front]
    expected = absorbance(np.arange(780) / 60, (*BIG.peaks, *BIG.front), areas)
    assert absorbed(volts) == pytest.approx(expected, abs=1e-12)
    assert 1e-3 < expected.max() < 2e-2  # mAU, as the published ones
    assert volts.min() > 10.1


def test_between_the_ticks_it_is_as_good_as_exact() -> None:
    bench = Bench()
    bench.settle(50, 50, 110)
    bench.world.switch("inject")
    start, times = bench.time, np.arange(240, 760, 0.73)
    seen = []
    for t in times:
        bench.time = start + t
        seen.append(bench.world.volts())
    ((_, areas),) = bench.world._on_column
    exact = absorbance(times / 60, (*BIG.peaks, *BIG.front), areas)
    assert np.abs(absorbed(np.array(seen)) - exact).max() < 1e-6  # noise: 5e-6


def test_chromatograms_superpose() -> None:
    bench, other = Bench(), Bench()
    for b in (bench, other):
        b.settle(50, 50, 110)
    alone = absorbed(other.trace(1000))
    bench.trace(300)
    bench.world.switch("load")
    bench.wait(1)
    both = absorbed(bench.trace(600))
    assert both == pytest.approx(alone[:600] + alone[359:959], abs=1e-12)


@pytest.mark.parametrize("fault", ["lamp_off", "loop_clogged"])
def test_no_peak(fault: str) -> None:
    bench = Bench()
    bench.settle(50, 50, 110)
    setattr(bench.world, fault, True)
    volts = bench.trace()
    assert np.ptp(volts) == 0
    assert volts[0] == (0.002 if fault == "lamp_off" else 10.48)


def test_faults_of_the_sensor() -> None:
    bench = Bench()
    bench.world.heat(120)
    bench.wait(30)
    bench.world.run_away(0.5)
    bench.wait(1)
    assert bench.world.temperature() == pytest.approx(150)
    bench.world.run_away(0)
    assert bench.world.temperature() == 120
    bench.world.break_sensor()
    assert bench.world.temperature() is None
    assert bench.world.heater_output() == 0
    bench.wait(1)
    bench.world.break_sensor(False)
    assert bench.world.temperature() == pytest.approx(112, abs=0.1)
    bench.wait(10)
    assert bench.world.temperature() == 120


# -- noise ----------------------------------------------------------------------------------------


def campaign(bench: Bench, experiments: range) -> list[NDArray[np.float64]]:
    traces = []
    for i in experiments:
        bench.settle(40 + i, 60 - i, 110 + i)
        traces.append(bench.trace())
    return traces


def test_a_resumed_campaign_measures_what_the_uninterrupted_one_would_have() -> None:
    whole = campaign(Bench(options={"seed": 7}), range(4))
    resumed = Bench(options={"seed": 7, "first_injection": 2}, time=98765.4321)
    for one, other in zip(whole[2:], campaign(resumed, range(2, 4)), strict=True):
        assert (one == other).all()
    assert resumed.world.injections == 4


def test_seeds_and_injections_differ() -> None:
    traces = [campaign(Bench(options={"seed": seed}), range(1))[0] for seed in (1, 1, 2)]
    assert (traces[0] == traces[1]).all()
    assert (traces[0] != traces[2]).mean() > 0.99
    bench = Bench(options={"seed": 1})
    assert (campaign(bench, range(1))[0] == traces[0]).all()
    assert (campaign(bench, range(1))[0] != traces[0]).mean() > 0.99


def test_asking_twice_tells_the_same() -> None:
    bench = Bench(options={})
    bench.time = 3.0
    assert bench.world.volts() == bench.world.volts()
    assert bench.trace(50).std() > 0


def test_detector_noise_is_that_of_the_published_traces() -> None:
    volts = Bench(options={}).trace()
    assert np.diff(volts).std() / 2**0.5 == pytest.approx(1.3e-4, rel=0.1)
    drift = np.polyfit(np.arange(780), volts, 1)[0] * 780 / 10.48
    assert -3e-3 < drift < 1e-3
    late = Bench(options={})
    late.wait(24 * 60)
    assert np.diff(late.trace(3)).any()


def areas(noise: Noise, n: int = 400) -> NDArray[np.float64]:
    """Fractions that n injections of the same thing would give a perfect chromatographer."""
    bench = Bench(options={"noise": noise})
    bench.settle(50, 50, 110)
    sample, found = bench.world.sample(), []
    for i in range(n):
        bench.world.injections = i
        found.append(bench.world._areas(sample, bench.world._rng())[:4])
    return np.array(found) / [sample.feed[0] * p.response for p in BIG.peaks]


def test_hplc_noise() -> None:
    x = areas(Noise(extent=0))
    true = mole_fractions(9.31, 8.323 / 2.775, 110)
    sd = 0.001 + 0.005 * true
    assert np.abs(x.mean(axis=0) - true)[1:].max() < 4 * sd.max() / 20
    assert x.std(axis=0)[1:] == pytest.approx(sd[1:], rel=0.15)
    assert x.min() >= 0


def test_experiments_reproduce_as_well_as_theirs() -> None:
    x0 = areas(Noise(fraction=0, relative=0))[:, 0]
    theta = -np.log(x0)
    true = -log(mole_fractions(9.31, 8.323 / 2.775, 110)[0])
    assert np.log(theta / true).std() == pytest.approx(0.03, rel=0.12)
    assert np.log(theta / true).mean() == pytest.approx(0, abs=0.005)


def test_kinetics_can_be_another() -> None:
    bench = Bench(reaction=Walker2017(Kinetics(ks=0.9)))
    bench.settle(50, 50, 110)
    assert bench.world.composition(bench.world.sample()).fractions == pytest.approx(
        mole_fractions(9.31, 8.323 / 2.775, 110, kinetics=Kinetics(ks=0.9))
    )


def test_impossible_layouts() -> None:
    with pytest.raises(ValueError, match="heated <= total"):
        replace(BIG, heated_volume=2000)
    with pytest.raises(ValueError, match=r"gives 4 peaks \(X0, X1, X2, X3\), the layout has 3"):
        Bench(replace(BIG, peaks=BIG.peaks[:3]))
    with pytest.raises(ValueError, match="0 to its syringe"):
        FeedStream("c60", 2.775, 1000, 2000)
    with pytest.raises(ValueError, match="width"):
        ElutingPeak(1, 0, 1, 1)


def test_stop_takes_effect_at_once_and_start_for_ever() -> None:
    bench = Bench()
    bench.world.start(0, 10, inf)
    bench.wait(10)
    bench.world.stop(0)
    assert bench.world.flow() == (0, 0)
    assert bench.world.pump(0) == ("idle", 0, pytest.approx(1e6 - 100))
