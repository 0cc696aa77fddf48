"""A world that is driven by hand."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactune.devices.emulation.layout import FeedStream, Layout, Sample, layout_of
from reactune.devices.emulation.reactions.walker2017 import Walker2017
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
