"""From the pumps to the mixer: what each adds to the feed, through lines that are shared."""

from collections.abc import Mapping, Sequence
from math import inf

from .layout import Choice, Layout
from .physics import MINUTE, Inflow


class SharedLine:
    """A line that several liquids go through one after the other, plug by plug.

    Parameters
    ----------
    volume : float
        [uL]; at first it holds solvent.
    """

    def __init__(self, volume: float):
        self._volume = volume
        self._since, self._rate, self._passed = 0.0, 0.0, 0.0
        self._plugs: list[tuple[float, str | None]] = [(-inf, None)]  # from which volume on, what

    def set(self, t: float, rate: float, liquid: str | None) -> None:
        """Let a liquid, or solvent, enter at `rate` [uL/min] from `t` on."""
        self._passed, self._since, self._rate = self._until(t), t, rate
        if rate and liquid != self._plugs[-1][1]:
            self._plugs.append((self._passed, liquid))

    def leaving(self, t: float) -> str | None:
        """Tell what leaves it at `t`, and forget what has left before."""
        out = self._until(t) - self._volume + 1e-6  # of rounding
        while len(self._plugs) > 1 and self._plugs[1][0] <= out:
            del self._plugs[0]
        return self._plugs[0][1]

    def change(self) -> float:
        """Lab time at which something else begins to leave it [s]; infinite if nothing will."""
        if len(self._plugs) == 1 or not self._rate:
            return inf
        ahead = self._plugs[1][0] + self._volume - self._passed
        return self._since + MINUTE * max(ahead, 0.0) / self._rate

    def _until(self, t: float) -> float:
        return self._passed + self._rate * (t - self._since) / MINUTE


class Mixer:
    """Mixes what the pumps deliver.

    Parameters
    ----------
    layout : Layout
    reagents : sequence of str
        Of the reaction, in its order; what no stream of theirs carries only dilutes.
    """

    def __init__(self, layout: Layout, reagents: Sequence[str]):
        self._streams, self._choices, self._reagents = layout.streams, layout.choices, reagents
        self._lines = {choice.name: SharedLine(choice.line) for choice in layout.choices}

    def mix(self, t: float, rates: Sequence[float], selected: Mapping[str, int]) -> Inflow:
        """Tell what flows into the reactor from `t` on.

        Parameters
        ----------
        t : float
            Lab time [s].
        rates : sequence of float
            Of each pump [uL/min].
        selected : mapping of str to int
            Positions of the selector valves, by choice.
        """
        total = sum(rates)
        chosen: dict[str, str] = {}
        flows = {s.name: r for s, r in zip(self._streams, rates, strict=True)}
        stocks = {stream.name: stream.stock for stream in self._streams}
        for choice in self._choices:
            running = {i: rates[i] for i in choice.pumps if rates[i]}
            pump = max(running, key=running.__getitem__, default=None)
            entering = self._entering(choice, pump, selected)
            line, flow = self._lines[choice.name], sum(running.values())
            line.set(t, flow, entering)
            leaving = line.leaving(t) if flow else None
            if leaving is not None:
                chosen[choice.name] = leaving
            flows[choice.flow] = flow if leaving is not None else 0.0
            carriers = [i for i, option in choice.pumps.items() if option in ("", leaving)]
            stocks[choice.flow] = self._streams[carriers[0]].stock if carriers else 0.0
        if not total:
            return Inflow()
        feed = tuple(stocks.get(r, 0.0) * flows.get(r, 0.0) / total for r in self._reagents)
        return Inflow(feed, tuple(chosen.items()))

    def _entering(
        self, choice: Choice, pump: int | None, selected: Mapping[str, int]
    ) -> str | None:
        """Tell what enters the line of a choice; None for solvent, or if nothing does."""
        if pump is None:
            return None
        return choice.pumps[pump] or choice.positions.get(selected[choice.name])

    def change(self) -> float:
        """Lab time at which something else begins to leave a line [s]; infinite if nothing will."""
        return min((line.change() for line in self._lines.values()), default=inf)
