"""The emulated rig's physics: what is in the loop, on the column, and on the photodiode."""

from dataclasses import replace
from math import inf, log

import numpy as np
import pytest
from numpy.typing import NDArray

from reactune.devices.emulation.layout import FeedStream, Noise
from reactune.devices.emulation.physics import ElutingPeak, absorbance
from reactune.devices.emulation.reactions.walker2017 import Kinetics, Walker2017, mole_fractions
from tests.devices.emulation.bench import BIG, Bench, absorbed

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
        amounts = bench.world._amounts(sample, bench.world._rng())
        found.append(bench.world._areas(sample, amounts)[:4])
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
