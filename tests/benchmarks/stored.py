"""How long answers from many stored runs take.

    python -m tests.benchmarks.stored [--runs 100] [--experiments 100] [--all 10000]

Two catalogues are written: one of so many campaigns of so many experiments each, with traces, on
the twin's conditions and noise (a short campaign on the emulated rig lends its documents), and one
of very many copies of the short one. Told is what `reactune rescore` of all of the first takes, and
opening the second and finding its last run, by its uid and as ``last``; each in a process of its
own: wall seconds, those after the imports, and of these the CPU's.
"""

import argparse
import copy
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from reactune.analysis.analytics import Measurement
from reactune.analysis.campaign.evaluation import Decision, Evaluation
from reactune.analysis.campaign.known import stated_in
from reactune.analysis.problem.space import Space
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.content import Content
from reactune.analysis.storage.journals.encoding import dumps
from reactune.analysis.storage.journals.journal import HEADER, Journal
from reactune.analysis.storage.journals.names import path_of, run_name
from reactune.analysis.storage.run import Run

from .lab import SPECIES, Lab

Pair = tuple[str, dict[str, Any]]

LEND = 8
"""Experiments of the campaign that lends its documents."""

FIND = """
import time
began = time.perf_counter()
from reactune.plans.service import open_catalogue
imported, cpu = time.perf_counter(), time.process_time()
with open_catalogue({folder!r}) as catalogue:
    run = catalogue[{key!r}]
    assert run.uid == {uid!r} and run.stop["exit_status"] == "success", run
print(time.perf_counter() - began, imported - began, time.process_time() - cpu)
"""

RESCORE = """
import contextlib, io, time
began = time.perf_counter()
import reactune.analysis.report.rescored, reactune.plans.questions.rescoring, reactune.plans.service
from reactune.plans.cli import main
imported, cpu = time.perf_counter(), time.process_time()
said = io.StringIO()
with contextlib.redirect_stdout(said):
    assert main(["rescore", *{uids!r}, "--problem", {problem!r}, "--catalogue", {folder!r}]) == 0
print(time.perf_counter() - began, imported - began, time.process_time() - cpu)
"""


def lent() -> list[Pair]:
    """Give the documents of a short campaign on the emulated rig."""
    from reactune.plans import service

    with (
        tempfile.TemporaryDirectory() as folder,
        Catalogue(folder, writing=True, store="journal") as catalogue,
    ):
        outcome = service.run("walker-v", catalogue=catalogue, seed=1, budget=LEND)
        return catalogue[outcome.uid].documents()


def campaign(docs: Sequence[Pair], number: int, experiments: int) -> Iterator[Pair]:
    """Give the documents of another campaign: other conditions and results, the same traces."""
    run = Run("", lambda: list(docs))
    facts, decided = run.events("primary"), run.events("decision")
    problem, _ = stated_in(run.start)
    streams = {d["name"]: d for name, d in docs if name == "descriptor"}
    uid, rng = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))), np.random.default_rng(number)
    start = {**run.start, "uid": uid, "time": run.start["time"] + 3600 * number}
    yield "start", start
    for doc in streams.values():
        yield "descriptor", {**doc, "run_start": uid, "uid": f"{doc['name']}-{uid}"}
    space, lab = Space.of(problem), Lab([number, 1])
    # spread at first, then ever nearer to where this campaign thinks the best is
    widths = np.geomspace(1.0, 0.02, experiments)[:, None]
    centre = rng.uniform(0.2, 0.8, space.dim)
    share = np.clip(centre + widths * rng.uniform(-1, 1, (experiments, space.dim)), 0, 1)
    points = space.to_conditions(space.lower + (space.upper - space.lower) * share)
    outcomes = lab.measure([{"_id": i, **point} for i, point in enumerate(points)])
    for i, (point, outcome) in enumerate(zip(points, outcomes, strict=True)):
        values = {name: outcome[name] for name in SPECIES}
        sd = {name: outcome[f"{name}_sd"] for name in SPECIES}
        found = Evaluation.of(i + 1, point, Measurement(values, sd), problem)
        told = Decision.undecided(found).to_data(problem)
        fact = {**facts[i % LEND], "number": i + 1.0}
        fact |= {f"asked_{name}": value for name, value in point.items()}
        for name, data in (
            ("primary", fact),
            ("decision", {**decided[i % LEND], **told, "feasibility": "feasible"}),
        ):
            yield "event", event_of(f"{name}-{uid}", i + 1, start["time"] + i, data)
    stop = copy.deepcopy(docs[-1][1])
    stop |= {"uid": f"stop-{uid}", "run_start": uid}
    yield "stop", stop | {"num_events": dict.fromkeys(streams, experiments)}


def event_of(descriptor: str, number: int, time: float, data: dict[str, Any]) -> dict[str, Any]:
    """Give an event of a descriptor."""
    stamps = dict.fromkeys(data, time)
    uid = f"{descriptor}-{number}"
    event = {"uid": uid, "descriptor": descriptor, "seq_num": number, "time": time}
    return event | {"data": data, "timestamps": stamps, "filled": {}}


def store(folder: Path, docs: Sequence[Pair]) -> str:
    """Write a run's journal; gives its uid."""
    start = docs[0][1]
    path = path_of(folder, run_name(start))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = Content(HEADER)
    for name, doc in docs:
        content.append(dumps(name, doc)[0])
    with closing(content), closing(Journal(path, content)) as journal:
        journal.save()
    return str(start["uid"])


def copies(folder: Path, docs: Sequence[Pair], count: int) -> str:
    """Write one run's journal under many names, an hour apart; gives the uid in the last."""
    uid = store(folder, docs)
    (first,) = folder.glob("journal/*.jsonl")
    whole = first.read_bytes()
    for number in range(1, count):
        uid = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
        start = {"uid": uid, "time": docs[0][1]["time"] + 3600 * number}
        path_of(folder, run_name(start)).write_bytes(whole)
    return uid


def seconds(code: str) -> tuple[float, float, float]:
    """Give wall seconds of a program, those after its imports, and the CPU's; median of three."""
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        times.append(tuple(map(float, done.stdout.split()[-3:])))
    whole, imports, cpu = sorted(times)[1]
    return whole, whole - imports, cpu


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalogues, and print what the answers take."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stored")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--all", type=int, default=10_000)
    a = parser.parse_args(argv)
    docs = lent()
    print("| what | wall [s] | after imports [s] | of these CPU [s] |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "campaigns"
        uids = [
            store(folder, list(campaign(docs, number, a.experiments))) for number in range(a.runs)
        ]
        size = sum(path.stat().st_size for path in folder.rglob("*.jsonl")) / 1e6
        code = RESCORE.format(uids=uids, problem="walker-iii", folder=str(folder))
        what = f"rescore {a.runs} runs of {a.experiments} ({size:.0f} MB)"
        print(f"| {what} | {' | '.join(f'{t:.1f}' for t in seconds(code))} |", flush=True)
        folder = Path(place) / "many"
        uid = copies(folder, docs, a.all)
        for key in ("last", uid[:8]):
            found = seconds(FIND.format(folder=str(folder), key=key, uid=uid))
            what = f"open {a.all} runs, find the last as {key}"
            print(f"| {what} | {' | '.join(f'{t:.2f}' for t in found)} |", flush=True)


if __name__ == "__main__":
    main()
