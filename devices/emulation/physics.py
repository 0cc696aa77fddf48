"""Physics of the emulated rig, piece by piece, each a closed form in lab time.

Nothing here knows of clocks, locks or noise; `world` puts the pieces together.
Lab time is in seconds, volumes in uL, rates in uL/min, residence times in min.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, erfcx

MINUTE = 60.0  # [s]

_BEYOND = 1e-3  # of its volume a syringe may be drawn beyond its scale before a limit switch

PumpState = Literal["idle", "moving", "target", "limit", "stalled"]


@dataclass
class Plunger:
    """A syringe and its motion since `since`, which ends by itself at `until`.

    Attributes
    ----------
    capacity, content : float
        Volume of the full syringe, and in it at `since` [uL].
    rate : float
        Positive into the reactor, negative from the flask [uL/min].
    since, until : float
        The motion [s].
    ending : str
        The state once `until` has passed.
    stalled : bool
        The motor is blocked until this is taken back.
    """

    capacity: float
    content: float
    rate: float = 0.0
    since: float = 0.0
    until: float = inf
    ending: PumpState = "idle"
    stalled: bool = False

    def start(self, t: float, rate: float, volume: float) -> None:
        """Move from `t` on, at most `volume` [uL] and never beyond an end of the syringe."""
        content = self.level(t)
        room = content if rate > 0 else self.capacity - content
        self.content, self.rate, self.since = content, rate, t
        self.until = t + MINUTE * min(volume, room) / abs(rate)
        spare = _BEYOND * self.capacity if rate < 0 else 0.0
        self.ending = "target" if volume <= room + spare else "limit"

    def stop(self, t: float) -> None:
        """Come to rest at `t`."""
        self.content, self.rate, self.since, self.until = self.level(t), 0.0, t, inf

    def moved(self, t: float) -> float:
        """Volume displaced since `since` [uL]."""
        return abs(self.rate) * (min(t, self.until) - self.since) / MINUTE

    def level(self, t: float) -> float:
        """Volume in the syringe [uL]."""
        level = self.content - (self.moved(t) if self.rate > 0 else -self.moved(t))
        return min(max(level, 0.0), self.capacity)  # rounding only: the motion ends at the ends

    def inflow(self, t: float) -> float:
        """Flow into the reactor [uL/min]."""
        return self.rate if self.rate > 0 and t < self.until else 0.0

    def state(self, t: float) -> PumpState:
        """Tell what the motor does."""
        if self.stalled:
            return "stalled"
        if not self.rate:
            return "idle"
        return "moving" if t < self.until else self.ending


class Oven:
    """Heated cylinder: rate-limited, first order close to the target, then exactly on it.

    100 to 150 degC takes 4.6 min, the way back with the fans 7.4 min. Within 0.02 K of the target
    the temperature snaps onto it, so that a settled oven does not remember where it came from.

    Parameters
    ----------
    start : float
        Lab time [s], at ambient temperature.
    """

    AMBIENT = 22.0  # [degC]
    GAIN = 2.0  # steady rise per output [K/%]
    HEATING, COOLING = 15.0, 8.0  # steepest change [K/min]
    LAG = 0.3  # [min]
    SNAP = 0.02  # [K]

    def __init__(self, start: float):
        self.target = self.AMBIENT
        self._pieces = [_Piece(start, self.AMBIENT, self.AMBIENT, 0.0)]

    def set_target(self, t: float, target: float | None) -> None:
        """Go for `target` [degC] from `t` on; None: no heat."""
        self.target = max(self.AMBIENT if target is None else target, self.AMBIENT)
        here = self.temperature(t)
        while len(self._pieces) > 1 and self._pieces[-1].start >= t:
            self._pieces.pop()
        self._pieces += self._approach(t, here)

    def _approach(self, t: float, here: float) -> "list[_Piece]":
        pieces, way = [], self.target - here
        rate = (self.HEATING if way > 0 else -self.COOLING) / MINUTE
        lag = self.LAG * MINUTE
        if abs(way) > abs(rate) * lag:
            pieces.append(_Piece(t, here, None, rate))
            t += (way - rate * lag) / rate
            here, way = self.target - rate * lag, rate * lag
        if abs(way) > self.SNAP:
            pieces.append(_Piece(t, here, self.target, lag))
            t += lag * log(abs(way) / self.SNAP)
        return [*pieces, _Piece(t, self.target, self.target, 0.0)]

    def temperature(self, t: float) -> float:
        """[degC] at `t`."""
        return self._pieces[self._index(t)].value(t)

    def output(self, t: float) -> float:
        """Heating power at `t` [%]."""
        piece = self._pieces[self._index(t)]
        if piece.end is None:
            return 100.0 if piece.scale > 0 else 0.0
        return min((self.temperature(t) - self.AMBIENT) / self.GAIN, 100.0)

    def mean(self, start: float, end: float) -> float:
        """Temperature averaged over a time [degC]."""
        first, last = self._index(start), self._index(end)
        if (first == last and not self._pieces[first].scale) or start == end:
            return self.temperature(start)  # exactly, not up to rounding
        total = 0.0
        for i in range(first, last + 1):
            stop = end if i == last else self._pieces[i + 1].start
            total += self._pieces[i].integral(max(start, self._pieces[i].start), stop)
        return total / (end - start)

    def forget(self, before: float) -> None:
        """Drop what nobody will ask about."""
        del self._pieces[: self._index(before)]

    def _index(self, t: float) -> int:
        return max(bisect_right(self._pieces, t, key=lambda p: p.start) - 1, 0)


class _Piece(NamedTuple):
    """Temperature from `start` on.

    A ramp (`end` None, `scale` its slope in K/s) or an exponential approach to `end` (`scale` its
    time constant in s, 0: there already).
    """

    start: float
    first: float
    end: float | None
    scale: float

    def value(self, t: float) -> float:
        if self.end is None:
            return self.first + self.scale * (t - self.start)
        if not self.scale:
            return self.end
        return self.end + (self.first - self.end) * exp((self.start - t) / self.scale)

    def integral(self, a: float, b: float) -> float:
        if self.end is None:
            return (b - a) * (self.value(a) + self.value(b)) / 2
        return self.end * (b - a) + self.scale * (self.value(a) - self.value(b))


class Inflow(NamedTuple):
    """What flows into the reactor: what the mixed feed contains [mM], and what was chosen of it."""

    feed: tuple[float, ...] = ()
    chosen: tuple[tuple[str, str], ...] = ()


class Stretch(NamedTuple):
    """A time of constant flow: since when [s], from which volume passed on [uL], what [uL/min]."""

    start: float
    volume: float
    rate: float
    inflow: Inflow

    def passed_at(self, volume: float) -> float:
        """Lab time at which `volume` has passed [s]."""
        return self.start + MINUTE * (volume - self.volume) / self.rate


class PlugFlow:
    """The tube from the mixer on: what entered when, as volume passed against time.

    Parameters
    ----------
    start : float
        Lab time [s]; nothing flows, and the tube is full of solvent.
    """

    def __init__(self, start: float):
        self._stretches = [Stretch(start, 0.0, 0.0, Inflow())]

    def set(self, t: float, rate: float, inflow: Inflow) -> None:
        """Flow at `rate` [uL/min] from `t` on."""
        volume = self.passed(t)
        if self._stretches[-1].start == t:  # two changes in the same instant are one
            self._stretches.pop()
        if not self._stretches or self._stretches[-1][2:] != (rate, inflow):
            self._stretches.append(Stretch(t, volume, rate, inflow))

    def passed(self, t: float) -> float:
        """Volume that has entered until `t`, which is not before the last change [uL]."""
        last = self._stretches[-1]
        return last.volume + last.rate * (t - last.start) / MINUTE

    def parcel(self, volume: float, length: float) -> tuple[float, float, float, Inflow]:
        """Return what entered at `volume` and how it passed the first `length` of the tube.

        Parameters
        ----------
        volume : float
            Volume that had entered before it [uL]; must have passed `length` by now.
        length : float
            Volume of that part of the tube [uL].

        Returns
        -------
        entered, left : float
            Lab times [s].
        stay : float
            Between them [min]; exactly `length` / rate at constant flow.
        inflow : Inflow
            Empty for the solvent of the beginning.
        """
        if volume < 0:
            start = self._stretches[0].start
            return start, start, 0.0, Inflow()
        i, j = self._index(volume), self._index(volume + length)
        first, last = self._stretches[i], self._stretches[j]
        entered, left = first.passed_at(volume), last.passed_at(volume + length)
        stay = length / first.rate if i == j else (left - entered) / MINUTE
        return entered, left, stay, first.inflow

    def forget(self, before: float) -> float:
        """Drop what entered before the volume `before`; return since when the rest is in [s]."""
        if before > 0:
            del self._stretches[: self._index(before)]
        return self._stretches[0].start

    def _index(self, volume: float) -> int:
        """Find the stretch in which `volume` entered: if several begin with it, the flowing one."""
        return max(bisect_right(self._stretches, volume, key=lambda s: s.volume) - 1, 0)


@dataclass(frozen=True)
class ElutingPeak:
    """An exponentially modified Gaussian of the detector.

    Attributes
    ----------
    position, width, tail : float
        Centre and SD of the Gaussian, time constant of the exponential [min]. The apex comes up to
        one `tail` after `position`.
    response : float
        Area [AU min] per concentration in a full loop [1/mM]; of a front peak, the area itself.

    Raises
    ------
    ValueError
        If width or tail is not positive.
    """

    position: float
    width: float
    tail: float
    response: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.tail <= 0:
            raise ValueError(
                f"a peak needs width > 0 and tail > 0, not {self.width} and {self.tail} min"
            )

    def at(self, minutes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Peak of unit area [1/min] at times since injection."""
        u = minutes - self.position
        z = (self.width / self.tail - u / self.width) / 2**0.5
        shape = np.empty_like(u)
        front = z > 0  # either form overflows where the other is used
        shape[front] = np.exp(-((u[front] / self.width) ** 2) / 2) * erfcx(z[front])
        rest = ~front
        decay = (self.width / self.tail) ** 2 / 2 - u[rest] / self.tail
        shape[rest] = np.exp(decay) * erfc(z[rest])
        return shape / (2 * self.tail)


def absorbance(
    minutes: NDArray[np.float64], peaks: Iterable[ElutingPeak], areas: Sequence[float]
) -> NDArray[np.float64]:
    """Sum of peaks [AU] with `areas` [AU min] at times since injection."""
    total = np.zeros_like(minutes)
    for peak, area in zip(peaks, areas, strict=True):
        if area:
            total += area * peak.at(minutes)
    return total


class Record:
    """The detector's signal since an injection, tabulated to be read quickly.

    Parameters
    ----------
    start : float
        Lab time of the injection [s].
    volts, noise : ndarray, shape (n,)
        Signal and noise at ``start + i / TICKS``; a reading in between interpolates the signal and
        takes the nearest noise. After the last, the signal stays and the noise repeats.
    """

    TICKS = 5  # a lab second; what is asked for at whole seconds is exact

    def __init__(self, start: float, volts: NDArray[np.float64], noise: NDArray[np.float64]):
        self.start = start
        self._volts, self._noise = volts.tolist(), noise.tolist()
        self._last = len(self._volts) - 1

    def at(self, t: float) -> float:
        """Signal at lab time `t` [V]."""
        # The lists come from ndarray.tolist(), which is Any to a checker.
        # Rounded: a reading depends on the time since injection, not on the last bits of `t`.
        x = round((t - self.start) * self.TICKS, 6)
        k = int(x)
        if k >= self._last:
            return self._volts[-1] + self._noise[k % self._last]  # type: ignore[no-any-return]
        volts, rest = self._volts[k], x - k
        return (  # type: ignore[no-any-return]
            volts + rest * (self._volts[k + 1] - volts) + self._noise[k + (rest >= 0.5)]
        )
