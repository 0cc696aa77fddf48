"""Greet every instrument of a rig, to see what answers; nothing moves, heats or turns."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..instruments.arrivals import stamps
from ..instruments.resultfile import unreadable
from ..protocols.roles import (
    DetectorDriver,
    HeaterDriver,
    Identity,
    PumpDriver,
    SelectorDriver,
    ValveDriver,
)
from ..protocols.transport import InstrumentError, TransportError
from ..rigfile import RigFile
from ..specs import HeaterSpec
from .lines import Lines

Exchange = tuple[bytes, bytes]
"""What was sent, and what came back."""

# What no instrument can tell of itself.
_SOFTWARE = (
    "that it writes a new file for each injection into this folder, and begins with it by itself",
)
_PUMP = ("that the plunger pushes the syringe of the rig file, and which reagent is in it",)
_HEATER = ("that the sensor sits in the reactor, and that a fuse of its own ends heating",)
_VALVE = ("that in this position the loop is where the rig file says",)
_COLLECTION = ("that in this position the outlet leads where the rig file says",)
_SELECTOR = (
    "that at each position is the coil of the choice that the rig file names, and is full",
)


@dataclass(frozen=True)
class Greeting:
    """How one instrument answered.

    Attributes
    ----------
    instrument : str
        Its place in the rig file, such as ``streams.c60``.
    protocol : str
    name : str
        Model and firmware; empty if it does not tell.
    facts : mapping of str to str
        What was learnt of it, and what it reads, in words; empty if it did not answer.
    look : tuple of str
        What a human still has to look at.
    wrong : str
        What is wrong and what to do; empty if it answered as it should.
    exchanges : tuple of (bytes, bytes)
        Every request and its reply.
    """

    instrument: str
    protocol: str
    name: str
    facts: Mapping[str, str]
    look: tuple[str, ...]
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
        Pumps in the order of the rig file, heater, valves, detector or other software's folder.
    """
    streams = rig.streams.items()
    return [
        *(_one(f"streams.{k}", s.protocol, partial(lines.pump, k), _pump) for k, s in streams),
        _one("heater", rig.heater.protocol, lines.heater, partial(_heater, rig.heater)),
        *(
            _one(table, spec.protocol, partial(lines.valve, table), partial(_valve, rig, table))
            for table, spec in rig.valves.items()
        ),
        *(
            _one(f"choices.{k}.valve", c.valve.protocol, partial(lines.selector, k), _selector)
            for k, c in rig.choices.items()
            if c.valve is not None
        ),
        (
            _one("detector", rig.detector.protocol, lines.detector, _detector)
            if rig.detector is not None
            else _software(rig)
        ),
    ]


def _pump(driver: PumpDriver) -> Iterator[Identity]:
    """Agree with a pump on how to talk, and read its state."""
    yield driver.connect()
    status = driver.status()
    yield Identity("", {"now": f"{status.state}, {status.flow:g} uL/min"}, _PUMP)


def _heater(spec: HeaterSpec, driver: HeaterDriver) -> Iterator[Identity]:
    """Read a heater, and whether the rig file makes sense with it."""
    yield driver.connect()
    reading = driver.read()
    now = f"{reading.temperature:g} degC, setpoint {reading.setpoint:g} degC"
    yield Identity("", {"now": now + (", SENSOR BROKEN" if reading.sensor_break else "")})
    driver.check(spec.limits, spec.maximum, spec.safe)
    fits = f"limits {list(spec.limits)}, safe {spec.safe:g} and maximum {spec.maximum:g} degC"
    yield Identity("", {"makes sense with": fits}, _HEATER)


def _valve(rig: RigFile, table: str, driver: ValveDriver) -> Iterator[Identity]:
    """Read where a valve of two positions is."""
    yield driver.connect()
    position = driver.position()
    (place,) = (n for n, there in rig.valves[table].places.items() if there == position)
    look = _VALVE if table == "valve" else _COLLECTION
    yield Identity("", {"now": f"position {position} ({place})"}, look)


def _selector(driver: SelectorDriver) -> Iterator[Identity]:
    """Read where a selector valve is."""
    yield driver.connect()
    yield Identity("", {"now": f"position {driver.position()}"}, _SELECTOR)


def _detector(driver: DetectorDriver) -> Iterator[Identity]:
    """Read what a detector shows."""
    yield driver.connect()
    yield Identity("", {"now": f"{driver.read():g} V"})


def _one(
    instrument: str,
    protocol: str,
    find: Callable[[], Any],
    ask: Callable[[Any], Iterator[Identity]],
) -> Greeting:
    """Ask one instrument, and keep every exchange, whether or not it answers."""
    exchanges: list[Exchange] = []
    name = wrong = ""
    facts: dict[str, str] = {}
    look: tuple[str, ...] = ()
    try:
        driver = find()
        driver.transport.record = exchanges
        for learnt in ask(driver):
            name, facts = name or learnt.name, {**facts, **learnt.facts}
            look += learnt.look
        if driver.transport.echo:
            facts["line"] = "gives back what is sent; that is removed"
    except (TransportError, InstrumentError) as error:
        wrong = str(error)
    return Greeting(instrument, protocol, name, facts, look, wrong, tuple(exchanges))


def _software(rig: RigFile) -> Greeting:
    """Look into the folder that other software writes into."""
    spec = rig.analytics
    assert spec is not None  # who has no detector
    facts = {}
    if not (wrong := unreadable(spec.path)):
        there = len(stamps(spec.path, spec.files))
        facts = {"folder": str(spec.path), "files": f"{there} of {spec.files} are there"}
    return Greeting("analytics", spec.kind, "", facts, _SOFTWARE, wrong, ())


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
