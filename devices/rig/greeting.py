"""Greet every instrument of a rig, to see what answers; nothing moves, heats or turns."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..protocols.roles import DetectorDriver, HeaterDriver, PumpDriver, ValveDriver
from ..protocols.transport import InstrumentError, TransportError
from ..rigfile import RigFile
from .lines import Lines

Exchange = tuple[bytes, bytes]
"""What was sent, and what came back."""


@dataclass(frozen=True)
class Greeting:
    """How one instrument answered.

    Attributes
    ----------
    instrument : str
        Its place in the rig file, such as ``streams.c60``.
    protocol : str
    said : str
        What it is and what it reads; empty if it did not answer.
    wrong : str
        What is wrong and what to do; empty if it answered.
    exchanges : tuple of (bytes, bytes)
        Every request and its reply.
    """

    instrument: str
    protocol: str
    said: str
    wrong: str
    exchanges: tuple[Exchange, ...]


def greet(rig: RigFile, lines: Lines) -> list[Greeting]:
    """Greet every instrument, whether or not the others answer.

    Sent is what the driver needs to agree on how to talk (`connect`), and what reads the present
    state: no setpoint, no motion. A voltmeter is set to read volts, a pump told to end its replies
    so that their end is seen.

    Parameters
    ----------
    rig : RigFile
    lines : Lines
        Of the same rig; the caller closes them.

    Returns
    -------
    list of Greeting
        Pumps in the order of the rig file, heater, valve, detector.
    """

    def pump(driver: PumpDriver) -> str:
        identity, status = driver.connect(), driver.status()
        return f"{identity}; {status.state}, {status.flow:g} uL/min"

    def heater(driver: HeaterDriver) -> str:
        reading = driver.read()
        broken = ", SENSOR BROKEN" if reading.sensor_break else ""
        return f"{reading.temperature:g} degC, setpoint {reading.setpoint:g} degC{broken}"

    def valve(driver: ValveDriver) -> str:
        driver.connect()
        position = driver.position()
        return f"position {position} ({'load' if position == rig.valve.load else 'inject'})"

    def detector(driver: DetectorDriver) -> str:
        return f"{driver.connect()}; {driver.read():g} V"

    def one(
        instrument: str, protocol: str, find: Callable[[], Any], ask: Callable[[Any], str]
    ) -> Greeting:
        exchanges: list[Exchange] = []
        said = wrong = ""
        try:
            driver = find()
            driver.transport.record = exchanges
            said = ask(driver)
        except (TransportError, InstrumentError) as error:
            wrong = str(error)
        return Greeting(instrument, protocol, said, wrong, tuple(exchanges))

    streams = rig.streams.items()
    return [
        *(one(f"streams.{k}", s.protocol, partial(lines.pump, k), pump) for k, s in streams),
        one("heater", rig.heater.protocol, lines.heater, heater),
        one("valve", rig.valve.protocol, lines.valve, valve),
        one("detector", rig.detector.protocol, lines.detector, detector),
    ]


def write_record(greetings: Iterable[Greeting], file: Path) -> None:
    """Write what went over the lines, a JSON object a line; its texts hold a byte a character.

    A test plays it back to the driver (`tests/devices/protocols/transcript.py`).
    """
    rows = [
        {
            "instrument": greeting.instrument,
            "protocol": greeting.protocol,
            "sent": sent.decode("latin-1"),
            "received": received.decode("latin-1"),
        }
        for greeting in greetings
        for sent, received in greeting.exchanges
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "ascii")
