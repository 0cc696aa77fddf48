"""What integrating the published traces anew flips.

    python -m tests.benchmarks.reintegration [--problems II,III,V] [--method walker]

``REACTUNE_DATA`` names the 164 traces and the mole fractions that their authors published. Those
that did not calibrate our method (every second one) are stored as a run that was decided by the
published fractions; then `reactune rescore RUN --problem P --method M` is asked which experiments
the method judges otherwise: against the published integration, so that a flip need not be wrong.
How far the published result was from an edge is told, too, in standard uncertainties of the new.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reactune.analysis.analytics import Measurement, to_start
from reactune.analysis.campaign.evaluation import Decision, Evaluation, describe, describe_asked
from reactune.analysis.learning.rescore import Flip
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.questions.rescoring import answer
from tests.data import grid

from .lab import HPLC, PER_FLOW, SPECIES
from .stored import Pair, event_of, store
from .traces import path

UID = "00c7be00-0123-4a00-8000-000000002017"


def published(problem: Problem) -> Iterator[Pair]:
    """Give the documents of a run of the traces, decided by the published fractions."""
    rows = grid()[1::2]
    yield (
        "start",
        {
            "uid": UID,
            "time": 1.5e9,
            "plan_name": "optimise",
            "title": "as published",
            "simulated": False,
            "seed": 0,
            "first": [],
            "problem": problem.to_dict(),
            "rig": {"title": "as published"},
            "lab_time": 0.0,
            **to_start(HPLC),
        },
    )
    keys: dict[str, Any] = {
        "primary": describe_asked(problem, "published")
        | {"trace": {"source": "published", "dtype": "array", "shape": [780], "units": "V"}},
        "decision": describe(problem, {}),
    }
    for name, described in keys.items():
        doc = {"uid": name, "run_start": UID, "name": name, "time": 1.5e9, "data_keys": described}
        yield "descriptor", doc
    for number, row in enumerate(rows, 1):
        total = problem.fixed["volume"] / row["residence_time_min"]
        share = 1 / (1 + row["sultine_per_c60"] / PER_FLOW)
        conditions = {
            "temperature": row["temperature_degC"],
            "flow_c60": total * share,
            "flow_sultine": total * (1 - share),
        }
        values = {name: row[name] for name in SPECIES}
        measured = Measurement(values, dict.fromkeys(values, float("nan")))
        found = Evaluation.of(number, conditions, measured, problem)
        fact = {f"asked_{name}": value for name, value in conditions.items()}
        fact |= {"number": float(number), "valid": 1.0, "reason": ""}
        fact |= {"trace": np.loadtxt(path(row))[:, 1].tolist()}
        yield "event", event_of("primary", number, 1.5e9, fact)
        told = Decision.undecided(found).to_data(problem)
        yield "event", event_of("decision", number, 1.5e9, told)
    counts = {"primary": len(rows), "decision": len(rows)}
    stop = {"uid": "stop", "run_start": UID, "time": 1.5e9, "exit_status": "success"}
    yield "stop", stop | {"num_events": counts, "reason": "as published"}


def distance(problem: Problem, flip: Flip) -> float:
    """Give how far the published result of a flip is from the edge, in sd of the new one."""
    row = grid()[1::2][flip.experiment.number - 1]
    old = problem.properties({name: row[name] for name in SPECIES})
    new = flip.experiment.measurement
    found = problem.properties(new.values, new.sd)
    windows = problem.soft
    edges = np.vstack([windows.lower, windows.upper])
    return float((np.abs(edges - old.F) / found.F_sd).min())


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reintegration")
    parser.add_argument("--problems", default="II,III,V")
    parser.add_argument("--method", default="walker")
    a = parser.parse_args(argv)
    print("| problem | traces | feasible, published | feasible, anew | flips | of these refused |")
    print("|---|---|---|---|---|---|")
    told = []
    for run in a.problems.split(","):
        problem = Problem.load(f"walker-{run.lower()}")
        with tempfile.TemporaryDirectory() as folder:
            uid = store(Path(folder), list(published(problem)))
            with Catalogue(folder, store="journal") as catalogue:
                found = answer(catalogue, [uid], method=a.method)
        assert found.before is not None
        was, now = (r.feasibility.count("feasible") for r in (found.before, found.found))
        refused = [flip for flip in found.flips if flip.after == "failed"]
        n = len(found.found.pool)
        print(f"| {run} | {n} | {was} | {now} | {len(found.flips)} | {len(refused)} |", flush=True)
        for flip in found.flips:
            how = "" if flip in refused else f", {distance(problem, flip):.1f} sd from an edge"
            told.append(f"{run}: {flip.experiment.number}: {flip.before} -> {flip.after}{how}")
    print("\n" + "\n".join(told))


if __name__ == "__main__":
    main()
