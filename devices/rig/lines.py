"""The lines of a rig and the drivers on them, as the rig file says."""

from collections.abc import Mapping

from ..protocols import DETECTORS, HEATERS, PUMPS, SELECTORS, VALVES
from ..protocols.roles import (
    DetectorDriver,
    HeaterDriver,
    PumpDriver,
    SelectorDriver,
    ValveDriver,
)
from ..protocols.transport import Transport
from ..rigfile import RigFile
from ..token import EmulationToken


class Lines:
    """Every port of a rig, opened when it is first needed, and a driver for each instrument.

    A port that cannot be opened keeps nobody from the others.

    Parameters
    ----------
    rig : RigFile
        What is plugged in where, and what it speaks.
    urls : mapping of str to str, optional
        By transport, of those that the rig file gives no url.
    token : EmulationToken, optional
        Proof that emulators sit behind all of them.
    """

    def __init__(
        self,
        rig: RigFile,
        urls: Mapping[str, str] | None = None,
        token: EmulationToken | None = None,
    ):
        self._rig, self._urls, self._token = rig, urls or {}, token
        self._open: dict[str, Transport] = {}

    def open(self, transport: str) -> Transport:
        """Return a port by its name in the rig file (`PortLostError` if it cannot be opened)."""
        if transport not in self._open:
            port = self._rig.transports[transport]
            self._open[transport] = Transport(
                port.url or self._urls[transport],
                token=self._token,
                **port.model_dump(exclude={"url"}),
            )
        return self._open[transport]

    def close(self) -> None:
        """Close what is open; idempotent."""
        for line in self._open.values():
            line.close()

    # Each raises `PortLostError` if its port cannot be opened, and sends nothing.

    def pump(self, stream: str) -> PumpDriver:
        """Return the driver of the pump of a stream."""
        spec = self._rig.streams[stream]
        return PUMPS[spec.protocol](self.open(spec.transport), spec.address)

    def heater(self) -> HeaterDriver:
        """Return the driver of the heater."""
        spec = self._rig.heater
        return HEATERS[spec.protocol](self.open(spec.transport), spec.address, spec.decimals)

    def valve(self, table: str = "valve") -> ValveDriver:
        """Return the driver of a valve of two positions."""
        spec = self._rig.valves[table]
        return VALVES[spec.protocol](self.open(spec.transport), spec.id)

    def selector(self, choice: str) -> SelectorDriver:
        """Return the driver of the valve that makes a choice, of a rig that has one."""
        spec = self._rig.choices[choice].valve
        assert spec is not None
        return SELECTORS[spec.protocol](self.open(spec.transport), spec.id)

    def detector(self) -> DetectorDriver:
        """Return the driver of the detector, of a rig that has one."""
        spec = self._rig.detector
        assert spec is not None
        return DETECTORS[spec.protocol](self.open(spec.transport), spec.range)
