"""The fault matrix: whatever goes wrong on a line, whenever, however often.

    python -m tests.faults [--all] [--fraction N] [--only TEXT] [--workers N]

A cell is an instrument, a fault, a moment of the second experiment, and how often the fault comes.
Each is a campaign of three experiments through bytes on the simulated clock, without noise, so that
results can be compared with those of the campaign that nothing disturbs. In every cell:

* what is stored as valid is right, however often it had to be measured;
* the campaign goes on to its end, or ends with its reason and a rig that is safe, and names what it
  could not reach;
* nothing hangs, and the rig can be used again once the fault is over and acknowledged.
"""

import argparse
import itertools
import logging
import math
import multiprocessing
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import bluesky.plan_stubs as bps
from bluesky.utils import RunEngineInterrupted

from reactune.devices import FlowRig, open_rig
from reactune.devices.protocols import ne1000
from reactune.devices.protocols.eurotherm import crc16
from reactune.devices.protocols.transport import InstrumentError, TransportError
from reactune.plans.campaign import CampaignError
from tests.plans.conftest import Lab, rig_file
from tests.plans.test_faults import at, pause

ROLES = ("pumps", "heater", "valve", "detector")
KINDS = ("silent", "garbled", "truncated", "late", "split", "merged", "flooded", "wrong address",
         "busy", "stall or alarm", "port lost", "port back")  # fmt: skip
MOMENTS = ("heating", "stabilising", "loading", "injecting", "recording", "overlapped", "paused",
           "idle")  # fmt: skip
TIMES = {"once": 1.0, "three times": 3.0, "for good": math.inf}

TIMEOUT = 0.1  # wall s of a line
BRISK = 0.03  # wall s of one on which thousands of answers come late
PATIENCE = 240.0  # wall s of a cell
BUDGET = 3
CLOSE = 0.01  # mole fraction by which a result may differ from the undisturbed one
LATCHING = ("stall or alarm",)
FAILED_BEFORE: tuple[str, ...] = ("heater / late / stabilising / for good",)
"""Cells that have failed once: always tried."""


@dataclass(frozen=True)
class Cell:
    """One case."""

    role: str
    kind: str
    moment: str
    times: str

    def __str__(self) -> str:
        return " / ".join((self.role, self.kind, self.moment, self.times))

    @property
    def makes_sense(self) -> bool:
        """Whether there is such a case at all."""
        if self.kind == "wrong address" and self.role in ("valve", "detector"):
            return False  # alone on their lines, without an address
        if self.kind == "busy" and self.role in ("valve", "detector"):
            return False  # their protocols know no such answer
        if self.kind in ("port lost", "stall or alarm"):
            return self.times == "for good"
        return not (self.kind == "port back" and self.times == "for good")


def cells() -> list[Cell]:
    """Every case."""
    every = (Cell(*each) for each in itertools.product(ROLES, KINDS, MOMENTS, TIMES))
    return [cell for cell in every if cell.makes_sense]


def chosen(fraction: int) -> list[Cell]:
    """One in so many, always the same, and what has failed before."""
    mixed = sorted(cells(), key=_number)
    return [c for k, c in enumerate(mixed) if k % fraction == 0 or str(c) in FAILED_BEFORE]


def _number(cell: Cell) -> int:
    """Draw a number for a cell, always the same; one in 40 has some of everything."""
    return zlib.crc32(f"227 {cell}".encode())


# -- what goes wrong ------------------------------------------------------------------------------


def _of_another(role: str, answer: bytes) -> bytes:
    """Make of an answer that of another instrument on the line."""
    if role == "heater":
        body = bytes([answer[0] + 1]) + answer[1:-2]
        return body + crc16(body)
    return answer.replace(b"01", b"07").replace(b"00:", b"05:").replace(b"\n:", b"\n05:")


def _busy(role: str, request: bytes) -> bytes:
    """Answer as an instrument that has no time now."""
    if role == "heater":
        body = bytes([request[0], request[1] | 0x80, 6])
        return body + crc16(body)
    addresses = [re.match(rb"\d*", told) for told in ne1000.frames(request, safe=True)]
    numbers = [int(found[0] or b"0") for found in addresses if found]
    return b"".join(ne1000.encode(f"{n:02d}S?IGN", 0, safe=True) for n in numbers)


def break_it(lab: Lab, cell: Cell) -> None:
    """Have it happen from the next exchange on."""
    link, world, times = lab.world.links[cell.role], lab.world, TIMES[cell.times]
    timeout = BRISK if cell.kind == "late" else TIMEOUT
    link.delay = timeout / 50 if cell.kind == "split" else 1.5 * timeout
    counts = {"silent": "silent", "garbled": "garble", "late": "late", "split": "split",
              "merged": "merged", "truncated": "altered", "wrong address": "altered",
              "busy": "refused"}  # fmt: skip
    if cell.kind == "truncated":
        link.alter = lambda answer: answer[: len(answer) // 2]
    elif cell.kind == "wrong address":
        link.alter = lambda answer: _of_another(cell.role, answer)
    elif cell.kind == "busy":
        link.refuse = lambda request: _busy(cell.role, request)
    if cell.kind in counts:
        setattr(link, counts[cell.kind], times)
    elif cell.kind == "flooded":
        link.flood = True
        if cell.times != "for good":
            _after(times * 2 * TIMEOUT, lambda: setattr(link, "flood", False))
    elif cell.kind == "stall or alarm":
        {
            "pumps": lambda: world.stall(0),
            "heater": world.break_sensor,
            "valve": lambda: setattr(world, "switch", lambda position: None),
            "detector": lambda: setattr(world, "lamp_off", True),
        }[cell.role]()
    else:
        link.unplug()
        if cell.kind == "port back":
            _after(times * TIMEOUT, link.plug)


def _after(seconds: float, do: Callable[[], object]) -> None:
    threading.Timer(seconds, do).start()


def mend(lab: Lab, cell: Cell) -> None:
    """Undo all of it."""
    link, world = lab.world.links[cell.role], lab.world
    link.flood, link.held = False, b""
    for count in ("silent", "garble", "late", "split", "merged", "altered", "refused"):
        setattr(link, count, 0)
    if cell.kind == "port lost":
        link.plug()
    world.stall(0, stalled=False)
    world.break_sensor(broken=False)
    world.lamp_off = False
    world.__dict__.pop("switch", None)


def arrange(lab: Lab, cell: Cell) -> None:
    """Have it happen at its moment."""
    rig = lab.rig

    def once(condition: Callable[[], bool]) -> Callable[[], None]:
        def look() -> None:
            if condition():
                break_it(lab, cell)
            else:
                rig.clock.call_later(5.0, look, background=True)

        return look

    def paused() -> None:
        pause(lab)
        break_it(lab, cell)

    moments: dict[str, tuple[str, int, float, Callable[[], object]]] = {
        "heating": ("set", 1, 20.0, lambda: break_it(lab, cell)),
        "stabilising": ("set", 2, 0.0, once(lambda: rig.feed.since is not None)),
        "loading": ("fill_loop", 2, 1.0, lambda: break_it(lab, cell)),
        "injecting": ("inject", 2, 0.0, lambda: break_it(lab, cell)),
        "recording": ("trigger", 2, 50.0, lambda: break_it(lab, cell)),
        "overlapped": ("trigger", 2, 60.0, once(lambda: rig.feed.since is not None)),
        "paused": ("fill_loop", 2, 1.0, paused),
    }
    if cell.moment == "idle":
        break_it(lab, cell)
    else:
        at(lab, *moments[cell.moment])


# -- what has to hold -----------------------------------------------------------------------------


def opened(cell: Cell | None) -> FlowRig:
    """Open the rig that a cell is tried on."""
    tcp = cell is None or cell.kind.startswith("port") or _number(cell) % 2
    config = rig_file("tcp" if tcp else "pty", noise=False)
    brisk = cell.role if cell is not None and cell.kind == "late" else None
    ports = {
        name: port.model_copy(update={"timeout": BRISK if name == brisk else TIMEOUT})
        for name, port in config.transports.items()
    }
    streams = dict(config.streams)
    if cell is not None and (cell.role, cell.kind) == (
        "pumps",
        "busy",
    ):  # it knows one
        streams = {k: s.model_copy(update={"protocol": "ne1000"}) for k, s in streams.items()}
    return open_rig(config.model_copy(update={"transports": ports, "streams": streams}))


def results(lab: Lab) -> dict[float, dict[str, float]]:
    """What was decided of each experiment that is valid, by its number."""
    facts = {e["number"]: e for e in lab.events("primary")}
    return {
        number: {key: value for key, value in e.items() if key in ("X0", "X1", "X2", "X3")}
        for number, e in ((float(e["number"]), e) for e in lab.events("decision"))
        if facts[number]["valid"] and math.isfinite(e["X3"])
    }


def undisturbed() -> dict[float, dict[str, float]]:
    """Results of the campaign that nothing disturbs."""
    with opened(None) as rig:
        lab = Lab(rig)
        lab.campaign(lab.agent(budget=BUDGET))
        return results(lab)


def run(cell: Cell, right: dict[float, dict[str, float]]) -> list[str]:
    """Try a cell; return what is wrong."""
    with opened(cell) as rig:
        lab = Lab(rig)
        arrange(lab, cell)
        ended = campaign(lab)
        wrong = list(_complaints(lab, cell, ended, right))
        mend(lab, cell)
        wrong += _usable(lab)
    return wrong


def campaign(lab: Lab) -> str:
    """Run it, on after a pause; return why it ended, or nothing."""
    try:
        try:
            lab.campaign(lab.agent(budget=BUDGET))
        except RunEngineInterrupted:
            lab.RE.resume()
    except CampaignError as error:
        return str(error)
    return ""


def _complaints(
    lab: Lab, cell: Cell, ended: str, right: dict[float, dict[str, float]]
) -> Iterator[str]:
    found = results(lab)
    for number, fractions in found.items():
        # later asks follow from earlier results: only while these agree do the conditions
        off = max(abs(x - right[number][key]) for key, x in fractions.items())
        if off > CLOSE:
            yield f"experiment {number:g} is off by {off:.3g}"
            break
    if lab.only("stop")["reason"] != ended and ended:
        yield f"the run says {lab.only('stop')['reason']!r}, the campaign {ended!r}"
    if ended:
        yield from _ending(lab, cell)
    elif len(found) < BUDGET and cell.kind not in LATCHING:
        yield f"only {len(found)} of {BUDGET} experiments are valid"
    elif cell.kind in LATCHING and cell.role != "detector":
        yield "nobody was told"
    if cell.times != "for good" and ended:
        yield f"it ended: {ended}"


def _ending(lab: Lab, cell: Cell) -> Iterator[str]:
    world, report = lab.world, lab.rig.last_report
    unreached = "" if report is None or report.confirmed else " ".join(report.unconfirmed)
    names = {"pumps": "stop pump", "heater": "heater off", "valve": "valve to load"}
    if any(world.flow()) and names["pumps"] not in unreached:
        yield "something flows, and nobody was told"
    if world.demand not in (25.0, None) and names["heater"] not in unreached:
        yield "the heater is on, and nobody was told"
    if world.position != "load" and names["valve"] not in unreached:
        yield "the valve is not in load, and nobody was told"
    for role, name in names.items():
        if name in unreached and role != cell.role:
            yield f"an instrument that answers was not made safe: {unreached}"


def _usable(lab: Lab) -> list[str]:
    """Say what keeps the rig from being used once all is well again."""
    rig = lab.rig
    if rig.fault is not None:
        try:
            rig.acknowledge()
        except (TransportError, InstrumentError) as error:
            return [f"it cannot be acknowledged: {error}"]
    lab.RE(bps.mv(rig.heater, 60.0))
    if unconfirmed := rig.safe().unconfirmed:
        return [f"it cannot be made safe afterwards: {'; '.join(unconfirmed)}"]
    return []


# -- many cells -----------------------------------------------------------------------------------


def _one(task: tuple[Cell, dict[float, dict[str, float]]]) -> tuple[Cell, list[str], float]:
    logging.disable(logging.CRITICAL)
    cell, right = task
    start = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        tried = pool.submit(run, cell, right)
        try:
            wrong = tried.result(PATIENCE)
        except TimeoutError:
            wrong = [f"it hangs for more than {PATIENCE:g} s"]
        except Exception as error:  # noqa: BLE001 - whatever it is, the cell has failed
            wrong = [f"{type(error).__name__}: {error}"]
    return cell, wrong, time.monotonic() - start


def main() -> int:
    """Try the cells, side by side; say which fail."""
    parser = argparse.ArgumentParser(description="The fault matrix.")
    parser.add_argument("--all", action="store_true", help="every cell, not one in 40")
    parser.add_argument("--fraction", type=int, default=40, metavar="N", help="one in N [40]")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells with this in their names")
    parser.add_argument("--workers", type=int, default=2)
    a = parser.parse_args()
    logging.disable(logging.CRITICAL)
    tried = [c for c in chosen(1 if a.all or a.only else a.fraction) if a.only in str(c)]
    right = undisturbed()
    failed, start = 0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(a.workers, maxtasksperchild=20) as pool, suppress(KeyboardInterrupt):
        outcomes = pool.imap_unordered(_one, [(c, right) for c in tried])
        for done, (cell, wrong, took) in enumerate(outcomes, 1):
            failed += bool(wrong)
            if done % 50 == 0:
                print(f"{done} of {len(tried)} in {time.monotonic() - start:.0f} s", flush=True)
            if wrong:
                print(f"{cell}  ({took:.1f} s)\n    " + "\n    ".join(wrong), flush=True)
    print(f"tried {len(tried)}, passed {len(tried) - failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
