"""The safe state: pumps stopped, heater at its safe setpoint, valve to load, collection to waste.

What brings it about asks nobody: no lock of a rig or a device, only the line, of which whoever has
it is made to let go. The lines are served side by side, so that one that is flooded or dead keeps
no other waiting.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple

from ..instruments.heater import Heater
from ..instruments.pump import SyringePump
from ..instruments.valve import TwoPositionValve
from ..protocols.roles import HeaterDriver, PumpDriver, ValveDriver
from ..protocols.transport import InstrumentError
from ..rigfile import RigFile
from ..specs import HeaterSpec, TwoPositionSpec
from .lines import Lines

_log = logging.getLogger(__name__)

_AGAIN = 0.5  # wall s after which a valve that is not there is told again
_PATIENCE = 2.0  # wall s to wait for a line that another thread has


class _Step(NamedTuple):
    """One instrument: its line, what to do, what to say then, and what to do by hand if not."""

    line: str
    do: Callable[[], None]
    success: str
    cure: str


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
    valves: Iterable[TwoPositionValve],
    reason: Exception | None = None,
) -> SafeReport:
    """Make every instrument safe, each whether or not the others could be.

    Nothing must be able to move meanwhile: the interlock is shut, or held.

    Parameters
    ----------
    reason : Exception, optional
        Fails what is pending at the heater.

    Returns
    -------
    SafeReport
        Confirmed by what each instrument reads back.
    """
    pumps, valves = tuple(pumps), tuple(valves)
    for valve in valves:
        valve.forget()
    steps = _steps(
        {pump.name: (pump.spec.transport, partial(_stop, pump.driver)) for pump in pumps},
        heater.spec,
        partial(_cool, heater.driver, heater.spec),
        [(valve.spec, partial(_turn, valve.driver, valve.spec)) for valve in valves],
    )
    report = _attempt(steps)
    confirmed = iter([line == step.success for line, step in zip(report.lines, steps, strict=True)])
    for pump in pumps:
        pump.came_to_rest(confirmed=next(confirmed))
    heater.give_up(reason, cooled=next(confirmed))
    for valve in valves:
        valve.came_to_rest(confirmed=next(confirmed))
    return report


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
        driver = lines.pump(stream)
        driver.connect()
        _stop(driver)

    def turn(table: str) -> None:
        driver = lines.valve(table)
        driver.connect()
        _turn(driver, rig.valves[table])

    try:
        return _attempt(
            _steps(
                {k: (spec.transport, partial(stop, k)) for k, spec in rig.streams.items()},
                rig.heater,
                lambda: _cool(lines.heater(), rig.heater),
                [(valve, partial(turn, table)) for table, valve in rig.valves.items()],
            )
        )
    finally:
        lines.close()


def _stop(driver: PumpDriver) -> None:
    with driver.transport.urgent(_PATIENCE):
        driver.stop()


def _cool(driver: HeaterDriver, spec: HeaterSpec) -> None:
    with driver.transport.urgent(_PATIENCE):
        driver.cool(spec.safe)


def _turn(driver: ValveDriver, spec: TwoPositionSpec) -> None:
    """Turn to where it rests, and look until it is there, in wall time: safety knows no other."""
    position = spec.places[spec.rest]
    with driver.transport.urgent(_PATIENCE):
        deadline = time.monotonic() + spec.timeout
        told = -inf
        while True:
            if time.monotonic() - told > _AGAIN:  # nothing answers it: it may have been lost
                driver.go(position)
                told = time.monotonic()
            if driver.position() == position:
                return
            if time.monotonic() > deadline:
                raise InstrumentError(f"{driver.name} does not turn to {position}")
            threading.Event().wait(0.1)


def _steps(
    stops: Mapping[str, tuple[str, Callable[[], None]]],
    heater: HeaterSpec,
    cool: Callable[[], None],
    turns: Sequence[tuple[TwoPositionSpec, Callable[[], None]]],
) -> list[_Step]:
    """Put the steps in their order, with their words."""
    return [
        *(
            _Step(line, stop, f"pump {k} stopped", f"stop pump {k} by hand")
            for k, (line, stop) in stops.items()
        ),
        _Step(
            heater.transport,
            cool,
            f"heater setpoint {heater.safe:g} degC",
            "switch the heater off by hand",
        ),
        *(
            _Step(
                valve.transport,
                turn,
                f"{valve.called} in {valve.rest}",
                f"turn the {valve.called} to {valve.rest} by hand",
            )
            for valve, turn in turns
        ),
    ]


def _attempt(steps: Sequence[_Step]) -> SafeReport:
    """Do every step, the lines side by side, whether or not the others could be done."""
    failures: dict[_Step, Exception] = {}

    def work(mine: Sequence[_Step]) -> None:
        for step in mine:
            try:
                step.do()
            except Exception as error:  # noqa: BLE001 - whatever failed, the rest must be tried
                failures[step] = error
                _log.error("%s: %s", step.cure, error)

    threads = [
        threading.Thread(
            target=work, args=([s for s in steps if s.line == line],), name=f"safe-{line}"
        )
        for line in dict.fromkeys(step.line for step in steps)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    unconfirmed = {s: f"NOT CONFIRMED, {s.cure}: {e}" for s, e in failures.items()}
    lines = tuple(unconfirmed.get(step, step.success) for step in steps)
    return SafeReport(lines, tuple(line for line in lines if line in unconfirmed.values()))
