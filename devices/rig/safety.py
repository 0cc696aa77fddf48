"""The safe state: pumps stopped, heater at its safe setpoint, valve to load."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from ..instruments.heater import Heater
from ..instruments.pump import SyringePump
from ..instruments.valve import InjectionValve
from ..protocols.transport import InstrumentError
from ..rigfile import RigFile
from .lines import Lines

_log = logging.getLogger(__name__)

_Step = tuple[Callable[[], None], str, str]
"""What to do, what to say when it is done, and what to do by hand when it is not."""


@dataclass(frozen=True)
class SafeReport:
    """What making the rig safe has achieved.

    Attributes
    ----------
    lines : tuple of str
        One sentence an instrument; what could not be confirmed says what to do by hand.
    unconfirmed : tuple of str
        Those of them that tell what to do by hand.
    """

    lines: tuple[str, ...]
    unconfirmed: tuple[str, ...]

    @property
    def confirmed(self) -> bool:
        """Whether every instrument has confirmed."""
        return not self.unconfirmed


def make_safe(
    pumps: Iterable[SyringePump],
    heater: Heater,
    valve: InjectionValve,
    reason: Exception | None = None,
) -> SafeReport:
    """Make every instrument safe, in this order, each whether or not the others could be.

    Parameters
    ----------
    reason : Exception, optional
        Fails what is pending at the heater.

    Returns
    -------
    SafeReport
        Confirmed by what each instrument reads back.
    """
    return _attempt(
        _steps(
            {pump.name: pump.halt for pump in pumps},
            lambda: heater.make_safe(reason),
            heater.spec.safe,
            valve.make_safe,
        )
    )


def make_hardware_safe(rig: RigFile) -> SafeReport:
    """Make a rig safe that nobody has open, instrument by instrument.

    Nothing is asked of one instrument that another has to answer first: a port that cannot be
    opened, or an instrument that is silent, keeps no other from being made safe.

    Parameters
    ----------
    rig : RigFile
        With a url for each transport.

    Returns
    -------
    SafeReport
        Confirmed by what each instrument reads back.
    """
    lines = Lines(rig)

    def stop(stream: str) -> None:
        pump = lines.pump(stream)
        pump.connect()
        pump.stop()

    def cool() -> None:
        lines.heater().cool(rig.heater.safe)

    def turn() -> None:
        valve = lines.valve()
        valve.connect()
        valve.go(rig.valve.load)
        deadline = time.monotonic() + rig.valve.timeout
        while valve.position() != rig.valve.load:
            if time.monotonic() > deadline:
                raise InstrumentError(f"{valve.name} does not turn to {rig.valve.load}")
            threading.Event().wait(0.1)

    stops = {name: partial(stop, name) for name in rig.streams}
    try:
        return _attempt(_steps(stops, cool, rig.heater.safe, turn))
    finally:
        lines.close()


def _steps(
    stops: Mapping[str, Callable[[], None]],
    cool: Callable[[], None],
    safe: float,
    turn: Callable[[], None],
) -> list[_Step]:
    """Put the steps in their order, with their words."""
    return [
        *((stop, f"pump {k} stopped", f"stop pump {k} by hand") for k, stop in stops.items()),
        (cool, f"heater setpoint {safe:g} degC", "switch the heater off by hand"),
        (turn, "valve in load", "turn the valve to load by hand"),
    ]


def _attempt(steps: Iterable[_Step]) -> SafeReport:
    """Do every step, whether or not those before it could be done."""
    lines, unconfirmed = [], []
    for step, success, cure in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever failed here, the rest must be tried
            unconfirmed.append(f"NOT CONFIRMED, {cure}: {error}")
            lines.append(unconfirmed[-1])
            _log.error("%s: %s", cure, error)
        else:
            lines.append(success)
    return SafeReport(tuple(lines), tuple(unconfirmed))
