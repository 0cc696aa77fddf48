"""The opened hardware of a rig: clock, lines, and a device on each."""

from pathlib import Path
from typing import Any, Protocol

from ..clock import LabClock, SimulatedClock
from ..instruments.detector import Detector
from ..instruments.heater import Heater
from ..instruments.interlock import Interlock
from ..instruments.pump import SyringePump
from ..instruments.resultfile import ResultFile
from ..instruments.valve import CollectionValve, InjectionValve, SelectorValve, TwoPositionValve
from ..rigfile import RigError, RigFile
from .lines import Lines


class EmulatedLab(Protocol):
    """What stands in for the hardware, as far as a rig has to know it."""

    world: Any
    """Its physics, for those who look behind the scenes or break something on purpose."""

    @property
    def folder(self) -> Path | None:
        """Where its software writes what it has analysed; None if there is none."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Bench:
    """Clock, lines and devices, as the rig file says.

    Parameters
    ----------
    config : RigFile
        The rig.
    clock : LabClock
        Lab time; a simulated one only before emulators.
    lines : Lines
        Its ports; all are opened, and closed with the bench.
    emulation : EmulatedLab, optional
        Closed with the bench.

    Attributes
    ----------
    transports : dict of str to Transport
        By their names in the rig file.
    interlock : Interlock
        Asked by every instrument.
    pumps : dict of str to SyringePump
        By stream.
    selectors : dict of str to SelectorValve
        By choice.
    collection : CollectionValve or None
        If there is one.
    heater, valve, detector : ophyd Device
        The other instruments; in place of a detector may be what waits for other software's files.

    Raises
    ------
    PortLostError
        If a port cannot be opened.
    RigError
        If the clock is simulated and a transport is not an emulator's.
    """

    def __init__(
        self,
        config: RigFile,
        *,
        clock: LabClock,
        lines: Lines,
        emulation: EmulatedLab | None = None,
    ):
        self.config, self.clock, self.emulation = config, clock, emulation
        self._lines = lines
        self.transports = {key: lines.open(key) for key in config.transports}
        if isinstance(clock, SimulatedClock):
            for key, line in self.transports.items():
                if not (line.emulated and line.url in clock.token.urls):
                    raise RigError(
                        f"transports.{key} = {line.url!r} was not opened by the emulator launcher: "
                        "hardware runs on the real clock only"
                    )
        self.interlock = Interlock()
        shared: dict[str, Any] = {"clock": clock, "interlock": self.interlock}
        self.pumps = {
            key: SyringePump(name=key, driver=lines.pump(key), spec=spec, **shared)
            for key, spec in config.streams.items()
        }
        self.heater = Heater(name="heater", driver=lines.heater(), spec=config.heater, **shared)
        self.valve = InjectionValve(name="valve", driver=lines.valve(), spec=config.valve, **shared)
        self.collection: CollectionValve | None = None
        if config.collection is not None:
            self.collection = CollectionValve(
                name="collection",
                driver=lines.valve("collection"),
                spec=config.collection,
                **shared,
            )
        self.selectors = {
            name: SelectorValve(
                name=name,
                driver=lines.selector(name),
                spec=spec.valve,
                places=spec.positions,
                **shared,
            )
            for name, spec in config.choices.items()
            if spec.valve is not None
        }
        self.detector: Detector | ResultFile
        if config.analytics is not None:
            emulated = emulation.folder if emulation else None
            self.detector = ResultFile(
                name="detector",
                spec=config.analytics,
                folder=emulated or config.analytics.path,
                duration=config.analysis_duration,
                **shared,
            )
        else:
            assert config.chromatogram is not None  # the rig file has seen to it
            self.detector = Detector(
                name="detector", driver=lines.detector(), method=config.chromatogram, **shared
            )

    @property
    def simulated(self) -> bool:
        """Whether emulators stand in for hardware, here or in another process.

        Pumps and voltmeter name themselves when greeted; an emulated one says that it is one.
        """
        names = [pump.firmware.get() for pump in self.pumps.values()]
        if isinstance(self.detector, Detector):
            names.append(self.detector.firmware.get())
        vouched = any(line.emulated for line in self.transports.values())
        return vouched or any("EMULATED" in name for name in names)

    @property
    def valves(self) -> tuple[TwoPositionValve, ...]:
        """The valves of two positions."""
        return (self.valve, *([self.collection] if self.collection else []))

    def connect(self) -> None:
        """Check that every instrument is there, and configure it.

        Raises
        ------
        TransportError, InstrumentError
            If one does not answer, or is not what the rig file says.
        """
        valves = (*self.selectors.values(), *self.valves)
        devices: tuple[Any, ...] = (*self.pumps.values(), self.heater, *valves, self.detector)
        for device in devices:
            device.connect()

    def close(self) -> None:
        """Close clock, ports and emulators; sends nothing."""
        self.clock.close()
        self._lines.close()
        if self.emulation is not None:
            self.emulation.close()
