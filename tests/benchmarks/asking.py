"""How long `reactune ask` takes, from start to end of the command, by the rows of the table.

    python -m tests.benchmarks.asking [--rows 20,100,1000]

The median of three, each in a process of its own: seconds that a person waits, and CPU seconds,
which do not depend on what else the machine does.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .tables import markdown

PROBLEM = """
maximise    = "60 * product * c_sm / tau"
measured    = ["product", "sm", "bis"]
kind        = "fractions"
constraints = ["product >= 0.9 +/- 0.05", "bis <= 0.02 +/- 0.01"]
[variables]
tau         = { range = [0.5, 10], unit = "min" }
equiv       = { range = [1, 5] }
temperature = { range = [30, 120], unit = "degC" }
[fixed]
c_sm = 0.5
"""
NOISE = 0.003
REPEATS = 3


def write_table(path: Path, rows: int) -> None:
    """Write results of a simple reaction at random conditions."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["tau", "equiv", "temperature", "product", "sm", "bis"])
        for _ in range(rows):
            tau, equiv, celsius = rng.uniform([0.5, 1, 30], [10, 5, 120]).round(2)
            extent = 0.02 * tau * equiv * 1.04 ** (celsius - 30)
            bis = 0.002 * extent
            sm = (1 - bis) / (1 + extent**2)
            told = np.array([1 - sm - bis, sm, bis]) + rng.normal(0, NOISE, 3)
            table.writerow([tau, equiv, celsius, *told.round(4)])


def seconds(rows: int) -> tuple[float, float]:
    """Give wall and CPU seconds of an ask of five points, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "snar.toml").write_text(PROBLEM)
        write_table(folder / "results.csv", rows)
        command = [sys.executable, "-m", "reactune", "ask", "snar.toml", "results.csv", "-n", "5"]
        environment = os.environ | {"REACTUNE_CATALOGUE": str(folder / "runs")}
        start, before = time.monotonic(), os.times()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return time.monotonic() - start, cpu


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.asking")
    parser.add_argument("--rows", default="20,100,1000")
    args = parser.parse_args(argv)
    table = []
    for rows in map(int, args.rows.split(",")):
        wall, cpu = np.median([seconds(rows) for _ in range(REPEATS)], axis=0)
        table.append([str(rows), f"{wall:.1f}", f"{cpu:.1f}"])
    print(markdown(["rows", "s", "CPU s"], table))


if __name__ == "__main__":
    main()
