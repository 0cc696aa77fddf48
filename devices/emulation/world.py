"""The one physical world behind all emulated instruments of a rig.

It is advanced lazily, under one lock, to the lab time of whoever asks: pumps fill the reactor, the
oven heats it, the valve puts the loop's contents onto the column, the photodiode sees them elute.
The pieces are in `physics`; what happens to the reagents is the `reaction.Reaction`'s to say.
"""

import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import inf, pi
from typing import Literal, NamedTuple

import numpy as np

from .layout import Layout, LinkFaults, Noise, Sample
from .mixing import Mixer
from .physics import MINUTE, Oven, PlugFlow, Plunger, PumpState, Record, absorbance
from .reaction import Composition, Reaction

_DARK = 0.002  # photodiode without light [V]
_HOUR = 3600.0  # [s]
_RUN = 13.0  # length of a chromatogram, to which the lamp's drift refers [min]


class Injection(NamedTuple):
    """What an injection gives those who analyse it.

    Attributes
    ----------
    number : int
    time : float
        Lab time [s].
    amounts : dict of str to float
        Of each product, with the noise of an analysis [mM].
    record : Record
        What the detector will see of it.
    """

    number: int
    time: float
    amounts: Mapping[str, float]
    record: Record


class World:
    """The rig's physics.

    Parameters
    ----------
    now : callable
        Lab time [s].
    layout : Layout
        Volumes, stocks, peaks.
    reaction : Reaction
        What the streams do to each other in the heated volume.
    noise : Noise or None
        None: every trace is exact.
    seed : int
        The noise of injection n is drawn from ``[seed, n]`` alone, whatever came before.
    chosen : callable, optional
        Gives the reaction for what was chosen, by choice; without it that makes no difference.
    first_injection : int
        Injections done before; the next gets the number after it, so that a resumed campaign
        measures what the uninterrupted one would have.

    Attributes
    ----------
    now, noise
        As given.
    links : dict of str to LinkFaults
        Faults of the lines to "pumps", "heater", "valve" and "detector".
    lamp_off, loop_clogged : bool
        Faults: no light; or nothing of the loop reaches the column.
    position : str
        Of the valve, "load" or "inject".
    outlet : str
        Where the collection valve leads, "waste" or "collect".
    injections : int
        Number of the last injection.
    injected : callable
        Told of each injection, after it: its `Injection`.
    last_sample : Sample or None
        What it put onto the column.

    Raises
    ------
    ValueError
        If the layout has not one peak for each product of the reaction.
    """

    def __init__(
        self,
        now: Callable[[], float],
        layout: Layout,
        reaction: Reaction,
        *,
        noise: Noise | None = Noise(),  # noqa: B008 - frozen
        seed: int = 0,
        first_injection: int = 0,
        chosen: Callable[[Mapping[str, str]], Reaction] | None = None,
    ):
        if len(layout.peaks) != len(reaction.products):
            raise ValueError(
                f"the reaction gives {len(reaction.products)} peaks "
                f"({', '.join(reaction.products)}), the layout has {len(layout.peaks)}"
            )
        self.now, self.layout, self.reaction = now, layout, reaction
        self._of_choice = lru_cache(lambda these: chosen(dict(these)) if chosen else reaction)
        self.noise, self._seed, self.injections = noise, seed, first_injection
        self._lock = threading.RLock()
        self._time = now()
        self.links: dict[str, LinkFaults] = {}
        self._lamp_off = self.loop_clogged = self._sensor_broken = False
        self._runaway = (0.0, 0.0)  # since when [s], how fast [K/s]
        self._oven = Oven(self._time)
        self.demand: float | None = None
        self._plungers = [
            Plunger(s.syringe, s.syringe if s.filled is None else s.filled, since=self._time)
            for s in layout.streams
        ]
        self._flow = PlugFlow(self._time)
        self._mixer = Mixer(layout, reaction.reagents)
        self.selected = {choice.name: 1 for choice in layout.choices if choice.positions}
        self.position: Literal["load", "inject"] = "load"
        self.outlet: Literal["waste", "collect"] = "waste"
        self._flask = self._flask_from = 0.0  # its content, of what had passed by then [uL]
        self._load_from = 0.0  # volume passed when the loop, full of eluent, came in line
        self.last_sample: Sample | None = None
        self._on_column: list[tuple[float, list[float]]] = []  # injected when [s], areas [AU min]
        self.injected: Callable[[Injection], object] = lambda injection: None
        peaks = (*layout.peaks, *layout.front)
        self._horizon = max(p.position + 6 * p.width + 20 * p.tail for p in peaks)
        ticks = int(self._horizon * MINUTE * Record.TICKS) + 1
        self._minutes = np.arange(ticks) / (Record.TICKS * MINUTE)
        self._seen: list[tuple[float, Record, bool]] = []  # since when, what, without light
        self._see(self._expose(self._time, self._rng()))

    # -- pumps ------------------------------------------------------------------------------------

    def start(self, pump: int, rate: float, volume: float = inf) -> None:
        """Move a plunger at `rate` [uL/min] until stopped, `volume` [uL], or the syringe's end.

        Negative rates refill the syringe from the flask, through check valves: no flow in the
        reactor. A stalled motor does not move.
        """
        with self._lock:
            t = self._advance()
            if not self._plungers[pump].stalled:
                self._plungers[pump].start(t, rate, volume)
                self._feed(t)

    def stop(self, pump: int) -> None:
        """Stop a plunger."""
        with self._lock:
            t = self._advance()
            self._plungers[pump].stop(t)
            self._feed(t)

    def pump(self, pump: int) -> tuple[PumpState, float, float]:
        """State of a pump, volume moved since its start, and left in its syringe [uL]."""
        with self._lock:
            t, plunger = self._advance(), self._plungers[pump]
            return plunger.state(t), plunger.moved(t), plunger.level(t)

    def stall(self, pump: int, stalled: bool = True) -> None:
        """Fault: block a motor, or free it again (it stays at rest then)."""
        with self._lock:
            plunger = self._plungers[pump]
            if stalled:  # it keeps its count of what it has moved
                plunger.until = min(plunger.until, self._advance())
                self._feed(self._time)
                plunger.ending = "idle"
            plunger.stalled = stalled

    def flow(self) -> tuple[float, ...]:
        """Flow of each stream into the reactor [uL/min]."""
        with self._lock:
            t = self._advance()
            return tuple(p.inflow(t) for p in self._plungers)

    # -- selector valves --------------------------------------------------------------------------

    def select(self, choice: str, position: int) -> None:
        """Turn the selector valve of a choice."""
        with self._lock:
            t = self._advance()
            self.selected[choice] = position
            self._feed(t)

    # -- heater -----------------------------------------------------------------------------------

    def heat(self, target: float | None) -> None:
        """Control the oven to `target` [degC]; None cuts its power."""
        with self._lock:
            self.demand = target
            self._oven.set_target(self._advance(), None if self._sensor_broken else target)

    def heat_openly(self, output: float) -> None:
        """Give the oven a constant power [%]."""
        self.heat(Oven.AMBIENT + Oven.GAIN * output)

    def temperature(self) -> float | None:
        """Read the oven's sensor [degC]; None if it is broken."""
        with self._lock:
            t = self._advance()
            since, pace = self._runaway
            if self._sensor_broken:
                return None
            return self._oven.temperature(t) + pace * (t - since)

    def heater_output(self) -> float:
        """Power of the oven [%]."""
        with self._lock:
            return self._oven.output(self._advance())

    def run_away(self, pace: float = 0.5) -> None:
        """Fault: from now on the sensor's reading rises by `pace` [K/s] on top; 0 ends it."""
        with self._lock:
            self._runaway = (self._advance(), pace)

    def break_sensor(self, broken: bool = True) -> None:
        """Fault: the sensor reads nothing, and the controller cuts the power; or all is well."""
        with self._lock:
            self._sensor_broken = broken
            self.heat(self.demand)

    # -- valve, column, detector ------------------------------------------------------------------

    def switch(self, position: Literal["load", "inject"]) -> None:
        """Turn the valve; from load to inject the loop's contents go onto the column."""
        with self._lock:
            t = self._advance()
            if position == self.position:
                return
            if position == "load":
                self.position, self._load_from = position, self._flow.passed(t)
                return
            self.last_sample = self._loop(t)
            self.position = position
            self.injections += 1
            rng = self._rng()
            amounts = self._amounts(self.last_sample, rng)
            self._on_column.append((t, self._areas(self.last_sample, amounts)))
            self._see(self._expose(t, rng))
            injection = Injection(self.injections, t, amounts, self._seen[-1][1])
        self.injected(injection)

    def lead(self, outlet: Literal["waste", "collect"]) -> None:
        """Turn the collection valve."""
        with self._lock:
            self._flask, self._flask_from = self.collected(), self._flow.passed(self._time)
            self.outlet = outlet

    def collected(self) -> float:
        """Volume in the flask behind the collection valve [uL]."""
        with self._lock:
            passed = self._flow.passed(self._advance()) - self._flask_from
            return self._flask + (passed if self.outlet == "collect" else 0.0)

    def sample(self) -> Sample:
        """Look into the loop: what it would put onto the column now; eluent while it injects."""
        with self._lock:
            return self._loop(self._advance())

    def composition(self, sample: Sample, extent: float = 1.0) -> Composition:
        """Noise-free products of a sample, and the concentration that they are fractions of."""
        if not any(sample.feed):  # solvent: no reaction has to know what to say of it
            return Composition(np.zeros(()), np.zeros(len(self.reaction.products)))
        return self._of_choice(sample.chosen).composition(
            sample.feed, sample.residence_time, sample.temperature, extent
        )

    def volts(self, t: float | None = None) -> float:
        """Signal of the photodiode [V], now or at a lab time [s] of the last hour."""
        with self._lock:
            t = self.now() if t is None else t
            since, record, dark = self._seen[-1]
            if t < since:
                earlier = (seen for seen in reversed(self._seen) if seen[0] <= t)
                _, record, dark = next(earlier, self._seen[0])
            return _DARK if dark else record.at(t)

    @property
    def lamp_off(self) -> bool:
        """Whether there is no light."""
        return self._lamp_off

    @lamp_off.setter
    def lamp_off(self, off: bool) -> None:
        with self._lock:
            self._lamp_off = off
            self._see(self._seen[-1][1])

    # -- how it goes on ---------------------------------------------------------------------------

    def _advance(self) -> float:
        """Let plungers reach their ends at the right times, and liquids those of their lines.

        Returns the lab time.
        """
        t = max(self.now(), self._time)
        while True:
            ends = [*(plunger.until for plunger in self._plungers), self._mixer.change()]
            if (end := min((e for e in ends if self._time < e <= t), default=None)) is None:
                break
            self._time = end
            self._feed(end)
        self._time = t
        return t

    def _feed(self, t: float) -> None:
        """Put what the pumps deliver from `t` on into the reactor's history."""
        rates = [p.inflow(t) for p in self._plungers]
        self._flow.set(t, sum(rates), self._mixer.mix(t, rates, self.selected))
        held = self.layout.total_volume + self.layout.loop_volume
        self._oven.forget(self._flow.forget(self._flow.passed(t) - held))

    def _loop(self, t: float) -> Sample:
        """Contents of the loop at `t`."""
        layout, passed = self.layout, self._flow.passed(t)
        solvent = (0.0,) * len(self.reaction.reagents)
        fresh = min(passed - self._load_from, layout.loop_volume)
        if self.position == "inject" or fresh <= 0:
            return Sample(0.0, 0.0, Oven.AMBIENT, solvent)
        entered, left, stay, (feed, chosen) = self._flow.parcel(
            passed - fresh / 2 - layout.total_volume, layout.heated_volume
        )
        warmth = self._oven.mean(entered, left)
        return Sample(fresh / layout.loop_volume, stay, warmth, feed or solvent, chosen)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng([self._seed, self.injections])

    def _amounts(self, sample: Sample, rng: np.random.Generator) -> dict[str, float]:
        """Amount of each product that an analysis of an injection finds [mM]."""
        extent, *errors = rng.standard_normal(1 + len(self.reaction.products))
        if self.noise is None:
            total, fractions = self.composition(sample)
        else:
            total, fractions = self.composition(sample, float(np.exp(self.noise.extent * extent)))
            sd = self.noise.fraction + self.noise.relative * fractions
            fractions = np.maximum(fractions + sd * errors, 0.0)
        share = 0.0 if self.loop_clogged else sample.filled
        return {
            name: share * float(total) * float(x)
            for name, x in zip(self.reaction.products, fractions, strict=True)
        }

    def _areas(self, sample: Sample, amounts: Mapping[str, float]) -> list[float]:
        """Peak areas of an injection [AU min]: the products', then the solvent's."""
        share = 0.0 if self.loop_clogged else sample.filled
        peaks = zip(amounts.values(), self.layout.peaks, strict=True)
        products = [amount * peak.response for amount, peak in peaks]
        return products + [share * peak.response for peak in self.layout.front]

    def _see(self, record: Record) -> None:
        """Have the photodiode see this from now on; what it saw in the last hour stays known."""
        t = self.now()
        old = max((k for k, s in enumerate(self._seen) if s[0] < t - _HOUR), default=0)
        self._seen = [*self._seen[old:], (t, record, self._lamp_off)]

    def _expose(self, t: float, rng: np.random.Generator) -> Record:
        """Tabulate what the detector will see from `t` on if nothing else is injected."""
        peaks, horizon = (*self.layout.peaks, *self.layout.front), self._horizon * MINUTE
        self._on_column = [(start, a) for start, a in self._on_column if t - start < horizon]
        total = np.zeros_like(self._minutes)
        for start, areas in self._on_column:  # still eluting ones superpose
            total += absorbance(self._minutes + (t - start) / MINUTE, peaks, areas)
        noise, lamp = np.zeros_like(total), np.ones_like(total)
        if self.noise is not None:
            level, slope, wave = self.noise.drift * rng.standard_normal(3)
            phase = self._minutes / _RUN
            lamp += level - (self.noise.drift + 0.3 * slope) * phase
            lamp += 0.2 * wave * np.sin(2 * pi * phase)
            noise = self.noise.volts * rng.standard_normal(total.size)
        return Record(t, self.layout.baseline * lamp * 10**-total, noise)
