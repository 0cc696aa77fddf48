"""The safe state: pumps stopped, heater at its safe setpoint, valve to load."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .heater import Heater
from .hplc import InjectionValve
from .pumps import SyringePump

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SafeReport:
    """What making the rig safe has achieved.

    Attributes
    ----------
    confirmed : bool
        Whether every instrument has confirmed.
    lines : tuple of str
        One sentence an instrument; what could not be confirmed says what to do by hand.
    """

    confirmed: bool
    lines: tuple[str, ...]


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
    lines, confirmed = [], True
    steps: list[tuple[Callable[[], None], str, str]] = [
        (pump.halt, f"pump {pump.name} stopped", f"stop pump {pump.name} by hand") for pump in pumps
    ]
    safe = heater.spec.safe
    steps += [
        (
            lambda: heater.make_safe(reason),
            f"heater setpoint {safe:g} degC",
            "switch the heater off by hand",
        ),
        (valve.make_safe, "valve in load", "turn the valve to load by hand"),
    ]
    for step, success, cure in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever failed here, the rest must be tried
            confirmed = False
            lines.append(f"NOT CONFIRMED, {cure}: {error}")
            _log.error("%s: %s", cure, error)
        else:
            lines.append(success)
    return SafeReport(confirmed, tuple(lines))
