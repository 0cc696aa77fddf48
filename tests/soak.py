"""A long campaign: does it stay as quick and as small as it began, and leave nothing open?

    python -m tests.soak [--experiments N] [--seed N] [--problem NAME] [--store NAME]

One campaign through the service and the emulated instruments' bytes, on the simulated clock, with
nothing but its budget to end it. Memory, the median of the last 25 readings, has to stay within 5 %
of what it was after 100 experiments, whenever one looks; the last 100 may cost 1.3 times the CPU of
the second 100, and no file and no thread may be left open. Seconds are the processor's, so that
what else the machine does hardly counts. A guard stands beside it as beside hardware: a false alarm
would end the process.
"""

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.rigfile import RigFile, load
from reactune.plans.guard import Guard
from reactune.plans.service import Listener, run

SPAN = 100
"""Experiments between two lines of what is printed."""
READINGS = 25
"""Whose median is the memory after an experiment: one alone has what is computed just then."""
GROWTH = 1.05
"""What memory may become, of what it was after the first span."""
SLOWER = 1.3
"""What the last span may cost, of the second."""


@dataclass
class Meter(Listener):
    """Reads CPU time [s] and resident memory [MiB] as the run begins and after each decision."""

    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    span: int = SPAN

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start" or (name == "event" and "digest" in doc["data"]):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.cpu.append(time.process_time())
            self.memory.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
            done = len(self.cpu) - 1
            if done and done % self.span == 0:
                print(f"{done:5} {self.each(done):6.3f} s {self.held(done):6.1f} MiB", flush=True)

    def each(self, done: int) -> float:
        """CPU of one experiment [s], in the span that ends with this one."""
        return (self.cpu[done] - self.cpu[done - self.span]) / self.span

    def held(self, done: int) -> float:
        """Memory after an experiment [MiB]."""
        return median(self.memory[done + 1 - min(self.span, READINGS) : done + 1])


def open_now() -> set[str]:
    """Name all files and threads that the process has open, and somebody still refers to."""
    gc.collect()
    files = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            files.add(f"file {number}: {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:  # the listing itself
            continue
    return files | {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}


def endless(name: str, experiments: int) -> Problem:
    """Give a built-in problem that only its budget ends."""
    stop = {"goal": None, "patience": None, "verdict": False}
    return Problem.load(Problem.load(name).to_dict() | {"budget": experiments, "stop": stop})


def well_stocked() -> RigFile:
    """Give the paper's rig, with flasks that do not run out."""
    rig = load("walker")
    full = {k: s.model_copy(update={"flask_volume": 1e9}) for k, s in rig.streams.items()}
    return rig.model_copy(update={"streams": full})


def guarded(rig: RigFile, folder: Path, wanted: bool = True) -> Guard:
    """Start a guard whose lines lead nowhere."""
    nowhere = {
        k: p.model_copy(update={"url": f"/dev/nowhere/{k}"}) for k, p in rig.transports.items()
    }
    hardware = rig.model_copy(update={"emulation": None, "transports": nowhere})
    return Guard(hardware, folder / "guard.log")


def soak(name: str, experiments: int, seed: int, folder: Path, store: str) -> tuple[Meter, str]:
    """Run the campaign in a catalogue of its own; give the readings and why it ended."""
    meter = Meter()
    guard = patch("reactune.plans.watched.guarded", guarded)
    with guard, Catalogue(folder, writing=True, store=store) as catalogue:
        problem = endless(name, experiments)
        outcome = run(problem, well_stocked(), catalogue=catalogue, seed=seed, listener=meter)
    return meter, outcome.reason


def warm_up() -> None:
    """Have Tiled's libraries open what they open once in a process: zarr's thread, and its pool."""
    for seed in range(2):
        with tempfile.TemporaryDirectory() as folder:
            soak("walker-ii", 1, seed, Path(folder), "tiled")


def complaints(meter: Meter, experiments: int, left: set[str]) -> list[str]:
    """Say what is not as it has to be."""
    done, span = len(meter.cpu) - 1, meter.span
    found = [f"left open: {what}" for what in sorted(left)]
    if done != experiments:
        found.append(f"only {done} of {experiments} experiments were done")
    if done >= 3 * span:
        growth = max(map(meter.held, range(span, done + 1))) / meter.held(span)
        slower = meter.each(done) / meter.each(2 * span)
        print(f"memory x {growth:.3f}, CPU of an experiment x {slower:.2f}")
        if growth > GROWTH:
            found.append(f"memory grew {growth:.3f} times, {GROWTH} are allowed")
        if slower > SLOWER:
            found.append(f"experiments became {slower:.2f} times as slow, {SLOWER} are allowed")
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the campaign and judge it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="[%(default)s]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="[%(default)s]")
    parser.add_argument("--problem", default="walker-ii", metavar="NAME", help="[%(default)s]")
    parser.add_argument("--store", default="journal", metavar="NAME", help="or tiled [%(default)s]")
    a = parser.parse_args(argv)
    if a.store == "tiled":
        warm_up()
    with tempfile.TemporaryDirectory() as folder:
        before = open_now()
        meter, reason = soak(a.problem, a.experiments, a.seed, Path(folder), a.store)
        left = open_now() - before
    print(reason)
    wrong = complaints(meter, a.experiments, left)
    print("\n".join(wrong) or "nothing grew, nothing was left open")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
