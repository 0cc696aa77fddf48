"""The opened hardware of a rig: clock, ports, and a device on each."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from ..clock import LabClock, RealClock, SimulatedClock
from ..instruments.detector import Detector
from ..instruments.heater import Heater
from ..instruments.pump import SyringePump
from ..instruments.valve import InjectionValve
from ..protocols import DETECTORS, HEATERS, PUMPS, VALVES
from ..protocols.transport import Transport
from ..rigfile import RigError, RigFile

if TYPE_CHECKING:
    from ..emulation.ports import Emulation


class Bench:
    """Clock, transports and devices, as the rig file says.

    Parameters
    ----------
    config : RigFile
        The rig.
    clock : LabClock
        Lab time; a simulated one only before emulators.
    transports : mapping of str to Transport
        By their names in the rig file.
    emulation : Emulation, optional
        Closed with the bench.

    Attributes
    ----------
    pumps : dict of str to SyringePump
        By stream.
    heater, valve, detector : ophyd Device
        The other instruments.

    Raises
    ------
    RigError
        If the clock is simulated and a transport is not an emulator's.
    """

    def __init__(
        self,
        config: RigFile,
        *,
        clock: LabClock,
        transports: Mapping[str, Transport],
        emulation: "Emulation | None" = None,
    ):
        if isinstance(clock, SimulatedClock):
            for key, line in transports.items():
                if not (line.emulated and line.url in clock.token.urls):
                    raise RigError(
                        f"transports.{key} = {line.url!r} was not opened by the emulator launcher: "
                        "hardware runs on the real clock only"
                    )
        self.config, self.clock, self.emulation = config, clock, emulation
        self.transports = dict(transports)
        lines = transports
        self.pumps = {
            key: SyringePump(
                name=key,
                driver=PUMPS[spec.protocol](lines[spec.transport], spec.address),
                clock=clock,
                spec=spec,
            )
            for key, spec in config.streams.items()
        }
        controller = HEATERS[config.heater.protocol](
            lines[config.heater.transport], config.heater.address
        )
        self.heater = Heater(name="heater", driver=controller, clock=clock, spec=config.heater)
        actuator = VALVES[config.valve.protocol](lines[config.valve.transport])
        self.valve = InjectionValve(name="valve", driver=actuator, clock=clock, spec=config.valve)
        self.detector = Detector(
            name="detector",
            driver=DETECTORS[config.detector.protocol](
                lines[config.detector.transport], config.detector.range
            ),
            clock=clock,
            method=config.chromatogram,
        )

    @classmethod
    def open(cls, config: RigFile) -> Self:
        """Open the ports, or start the emulators, and greet every instrument.

        Raises
        ------
        RigError
            If the rig cannot be emulated.
        TransportError, InstrumentError
            If an instrument does not answer; every port is closed again.
        """
        with ExitStack() as stack:
            emulation, token = None, None
            urls: dict[str, str] = {}
            if config.emulation is None:
                clock: LabClock = RealClock()
            else:
                from ..emulation.build import emulate  # late: hardware needs none

                emulation, clock, urls = emulate(config)
                token = emulation.token
                stack.callback(emulation.close)
            stack.callback(clock.close)
            transports = {}
            for key, port in config.transports.items():
                settings = port.model_dump(exclude={"url"})
                line = Transport(port.url or urls[key], token=token, **settings)
                transports[key] = line
                stack.callback(line.close)
            bench = cls(config, clock=clock, transports=transports, emulation=emulation)
            bench.connect()
            stack.pop_all()
        return bench

    @property
    def simulated(self) -> bool:
        """Whether emulators stand in for hardware, here or in another process.

        Pumps and voltmeter name themselves when greeted; an emulated one says that it is one.
        """
        names = [pump.firmware.get() for pump in self.pumps.values()]
        names.append(self.detector.firmware.get())
        vouched = any(line.emulated for line in self.transports.values())
        return vouched or any("EMULATED" in name for name in names)

    def connect(self) -> None:
        """Check that every instrument is there, and configure it.

        Raises
        ------
        TransportError, InstrumentError
            If one does not answer, or is not what the rig file says.
        """
        devices: tuple[Any, ...] = (*self.pumps.values(), self.heater, self.valve, self.detector)
        for device in devices:
            device.connect()

    def close(self) -> None:
        """Close clock, ports and emulators; sends nothing."""
        self.clock.close()
        for line in self.transports.values():
            line.close()
        if self.emulation is not None:
            self.emulation.close()
