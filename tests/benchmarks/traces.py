"""The published traces, integrated: errors, uncertainties, refusals, time.

    python -m tests.benchmarks.traces [--method M]... [--standards OUT.csv]

``REACTUNE_DATA`` names the 164 traces and the mole fractions that were published with them. Every
second one (the first, the third ...) calibrates, the others are compared. A method is taken as it
is; ``--standards`` writes the table for `reactune calibrate`, by which the shipped one was made.
"""

import argparse
import csv
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from reactune.analysis.analytics.hplc.chromatogram import Chromatogram, analyse
from reactune.analysis.analytics.hplc.method import Method
from reactune.devices.methodfile import load_method
from reactune.plans.hplc_method import method_of
from tests.data import grid, walker2017

NAMES = ("X0", "X1", "X2", "X3")
FAST = 20  # times the rate of the published traces


def path(row: dict[str, float]) -> Path:
    """Path of a row's trace."""
    return walker2017("hplc", f"{int(row['measurement']):03d}.txt")


def fast(volts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same trace at `FAST` times the rate, each sample with as much noise as one has now."""
    noise = 1.4826 * np.median(np.abs(np.diff(volts, 2))) / np.sqrt(6)
    t = np.arange(len(volts) * FAST) / FAST
    return np.interp(t, np.arange(len(volts)), volts) + rng.normal(0, noise, len(t))


def timed(traces: list[np.ndarray], method: Method) -> tuple[list[Chromatogram], float]:
    """Chromatograms, and the CPU time of one [ms]."""
    start = time.process_time()
    found = [analyse(v, method) for v in traces]
    return found, 1000 * (time.process_time() - start) / len(traces)


def compared(found: list[Chromatogram], rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Errors and standard uncertainties of those that are valid, (n, species)."""
    pairs = [(c, row) for c, row in zip(found, rows, strict=True) if c.valid]
    x, known, sd = (
        np.array([[values[k] for k in NAMES] for values in table])
        for table in (
            [c.fractions for c, _ in pairs], [row for _, row in pairs], [c.sd for c, _ in pairs]
        )
    )  # fmt: skip
    return {"x": x, "known": known, "wrong": x - known, "sd": sd}


def flips(x: np.ndarray, known: np.ndarray) -> float:
    """Share of runs that lie on the other side of X1 + X2 >= 0.9 than was published."""
    window = [values[:, 1] + values[:, 2] >= 0.9 for values in (x, known)]
    return float(np.mean(window[0] != window[1]))


def report(name: str) -> None:
    """Print what a method makes of the traces that did not calibrate it."""
    method = method_of(load_method(name))
    rows = grid()[1::2]
    traces = [np.loadtxt(path(row))[:, 1] for row in rows]
    found, slow_ms = timed(traces, method)
    rng = np.random.default_rng(0)
    quick, fast_ms = timed([fast(v, rng) for v in traces], replace(method, rate=FAST * method.rate))
    print(f"{name}: {len(rows)} traces")
    for rate, results, ms in ((1, found, slow_ms), (FAST, quick, fast_ms)):
        c = compared(results, rows)
        each = np.sqrt(np.mean(c["wrong"] ** 2, axis=0))
        within = np.mean(abs(c["wrong"]) < 2 * c["sd"], axis=0)
        print(
            f"  {rate} Hz: refused {sum(not r.valid for r in results)}, "
            f"flips {flips(c['x'], c['known']):.1%}, CPU {ms:.0f} ms a trace"
        )
        print(f"    rms {np.sqrt(np.mean(c['wrong'] ** 2)):.4f};", *(f"{e:.4f}" for e in each))
        print("    within 2 sd [%]:", *(f"{100 * w:.1f}" for w in within))
        print("    median sd:", *(f"{sd:.4f}" for sd in np.median(c["sd"], axis=0)))


def main(argv: list[str] | None = None) -> None:
    """Print the table, or write the standards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", action="append", help="[walker]")
    parser.add_argument("--standards", type=Path, metavar="OUT.csv")
    a = parser.parse_args(argv)
    if a.standards:
        with a.standards.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["file", *NAMES])
            table.writerows([path(r).absolute(), *(r[k] for k in NAMES)] for r in grid()[::2])
        return
    for name in a.method or ["walker"]:
        report(name)


if __name__ == "__main__":
    main()
