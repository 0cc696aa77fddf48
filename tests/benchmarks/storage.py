"""What it costs to store an experiment: journal, embedded Tiled, Tiled over HTTP on PostgreSQL.

    python -m tests.benchmarks.storage [--experiments 100]

An experiment is what a campaign makes of one: an event with a trace of 3000 points and 20 numbers,
and one with 20 numbers that were concluded from it. Its stores take it event by event, as from
hardware, or 25 at once, as from a simulated rig. Given are, an experiment: how long the plan waits
(the journal's fsync), CPU time of this process and of the servers, and how long it takes until
everything is stored; and the bytes of the whole run on the disk, beside those of its journal.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from event_model import compose_run

from reactune.analysis.storage.catalogue import Catalogue
from tests.servers.running import MissingError, Tiled, postgresql

from .tables import markdown

POINTS, NUMBERS = 3000, 20
TICK = os.sysconf("SC_CLK_TCK")


def documents(experiments: int, simulated: bool) -> Iterator[tuple[str, Any]]:
    """A run as of a campaign."""
    rng = np.random.default_rng(0)
    run = compose_run(metadata={"plan_name": "optimise", "simulated": simulated})
    yield "start", run.start_doc
    number = {"source": "benchmark", "dtype": "number", "shape": []}
    numbers = {f"number_{n}": number for n in range(NUMBERS)}
    trace = {"trace": {"source": "benchmark", "dtype": "array", "shape": [POINTS]}}
    primary = run.compose_descriptor(name="primary", data_keys=numbers | trace)
    yield "descriptor", primary.descriptor_doc
    decision = run.compose_descriptor(name="decision", data_keys=numbers)
    yield "descriptor", decision.descriptor_doc
    for _ in range(experiments):
        for stream, more in ((primary, {"trace": rng.normal(size=POINTS)}), (decision, {})):
            data = dict(zip(numbers, rng.normal(size=NUMBERS).tolist(), strict=True)) | more
            yield "event", stream.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
    yield "stop", run.compose_stop()


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of processes and of those that they started."""
    total = 0.0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, stat[11:15])) / TICK
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        total += cpu_of([int(child) for child in children])
    return total


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measured(
    place: str, store: str | None, experiments: int, simulated: bool, servers: Sequence[int] = ()
) -> tuple[list[float], Path]:
    """Record a run; ms an experiment: waiting, CPU here, CPU there, wall until stored."""
    pairs = list(documents(experiments, simulated))
    with Catalogue(place, writing=True, store=store) as catalogue:
        waited, here, there = 0.0, time.process_time(), cpu_of(servers)
        begun = time.monotonic()
        for name, doc in pairs:
            before = time.monotonic()
            catalogue.record(name, doc)
            if name == "event":
                waited += time.monotonic() - before
        assert catalogue.flush(600)
        wall = time.monotonic() - begun
        cpu = time.process_time() - here, cpu_of(servers) - there
        assert not catalogue.problems, catalogue.problems
        folder = catalogue.folder
    return [1000 * each / experiments for each in (waited, *cpu, wall)], folder


def rows(experiments: int, folder: Path) -> Iterator[list[str]]:
    """Measure every store."""
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    for simulated in (False, True):
        how = "25 at once" if simulated else "each"
        for store in ("journal", "tiled"):
            where = folder / f"{store}-{simulated}"
            costs, _ = measured(str(where), store, experiments, simulated)
            journal = size(where / "journal")
            yield row(
                {"journal": "journal", "tiled": "embedded"}[store],
                how,
                costs,
                size(where) - journal,
                journal,
            )
        with postgresql() as database, Tiled(folder / f"server-{simulated}", database.uri) as tiled:
            os.environ |= tiled.environment
            assert tiled.process
            pids = [tiled.process.pid, database.process.pid]
            before = size(tiled.folder) + database.size()
            costs, kept = measured(tiled.url, None, experiments, simulated, pids)
            grown = size(tiled.folder) + database.size() - before
            yield row("HTTP", how, costs, grown, size(kept / "journal"))


def row(store: str, how: str, costs: Sequence[float], stored: int, journal: int) -> list[str]:
    waited, here, there, wall = costs
    told = "" if store == "journal" else f"{stored / 1e6:.1f}"
    return [
        store,
        how if told else "",
        f"{waited:.1f}",
        f"{here:.0f}",
        f"{there:.0f}" if there else "",
        f"{wall:.0f}",
        told,
        f"{journal / 1e6:.1f}",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.storage")
    parser.add_argument("--experiments", type=int, default=100, metavar="N")
    a = parser.parse_args(argv)
    head = ["store", "events", "plan waits, ms", "CPU here, ms", "CPU servers, ms", "wall, ms"]
    head += ["stored, MB", "journal, MB"]
    try:
        with tempfile.TemporaryDirectory(prefix="reactune-storage-") as folder:
            print(markdown(head, []))
            for line in rows(a.experiments, Path(folder)):
                print(f"| {' | '.join(line)} |", flush=True)
    except MissingError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    main()
