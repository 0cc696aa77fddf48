"""The published traces by other libraries: baselines of pybaselines, peaks of MOCCA2, and ours.

    python -m tests.benchmarks.integrators

Each way gives areas in the windows of the shipped method, is calibrated with every second trace and
compared on the others, as in `tests.benchmarks.traces`. Needs ``REACTUNE_DATA`` and the extra
``benchmark``.
"""

import time
import warnings
from collections.abc import Callable

import numpy as np

from reactune.analysis.analytics.hplc.calibration import calibrate
from reactune.analysis.analytics.hplc.chromatogram import analyse
from reactune.devices.methodfile import load_method
from reactune.plans.hplc_method import method_of
from tests.benchmarks.traces import NAMES, path
from tests.data import grid

METHOD = method_of(load_method("walker"))
MINUTES = np.arange(781) / 60
START = METHOD.solvent_front[1]


def absorbance(volts: np.ndarray) -> np.ndarray:
    """Absorbance from the end of the solvent front on."""
    seen = volts[MINUTES[: len(volts)] > START]
    return -np.log10(seen / np.median(seen))


def in_windows(y: np.ndarray) -> dict[str, float]:
    """Areas in the windows of the method."""
    t = START + (np.arange(len(y)) + 0.5) / 60
    return {
        p.name: float(y[(t >= p.window[0]) & (t <= p.window[1])].sum() / 60) for p in METHOD.peaks
    }


def ours(volts: np.ndarray) -> dict[str, float]:
    """Areas by our own code."""
    return analyse(volts, METHOD).areas


def above(algorithm: str, **how: float) -> Callable[[np.ndarray], dict[str, float]]:
    """Areas in windows above a baseline of pybaselines."""
    from pybaselines import Baseline

    def areas(volts: np.ndarray) -> dict[str, float]:
        y = absorbance(volts)
        return in_windows(y - getattr(Baseline(), algorithm)(y, **how)[0])

    return areas


def mocca(method: str) -> Callable[[np.ndarray], dict[str, float]]:
    """Areas of the peaks that MOCCA2 finds, each counted where its apex lies."""
    from mocca2 import estimate_baseline, find_peaks

    def areas(volts: np.ndarray) -> dict[str, float]:
        y = absorbance(volts) * 1000
        y = y - estimate_baseline(y, method=method)
        found = dict.fromkeys(NAMES, 0.0)
        for peak in find_peaks(y, min_rel_height=0.002, merge_overlapping=False):
            at = START + (peak.maximum + 0.5) / 60
            for p in METHOD.peaks:
                if p.window[0] <= at <= p.window[1]:
                    found[p.name] += float(y[peak.left : peak.right + 1].sum()) / 60_000
        return found

    return areas


WAYS: dict[str, Callable[[], Callable[[np.ndarray], dict[str, float]]]] = {
    "reactune": lambda: ours,
    "pybaselines, arPLS (1e5)": lambda: above("arpls", lam=1e5),
    "pybaselines, asPLS (1e5)": lambda: above("aspls", lam=1e5),
    "pybaselines, SNIP": lambda: above("snip", max_half_window=40, decreasing=True),
    "pybaselines, FABC": lambda: above("fabc", lam=1e4),
    "mocca2, flatfit": lambda: mocca("flatfit"),
    "mocca2, arPLS": lambda: mocca("arpls"),
}


def main() -> None:
    """Print a row a way."""
    rows = grid()
    traces = [np.loadtxt(path(row))[:, 1] for row in rows]
    known = [{k: row[k] for k in NAMES} for row in rows]
    print(f"{'':<26} rms     X0     X1     X2     X3     failed  ms")
    for name, make in WAYS.items():
        way = make()
        start, areas, failed = time.process_time(), [], []
        for number, volts in enumerate(traces):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    areas.append(way(volts))
            except (ValueError, IndexError, np.linalg.LinAlgError):
                areas.append(dict.fromkeys(NAMES, np.nan))
            if not sum(areas[-1].values()) > 0:
                failed.append(number)
        ms = 1000 * (time.process_time() - start) / len(traces)
        good = [i for i in range(len(rows)) if i not in failed]
        learn = [i for i in good if i % 2 == 0]
        method = calibrate(METHOD, [areas[i] for i in learn], [known[i] for i in learn])
        moles = np.array(
            [[areas[i][p.name] / p.response for p in method.peaks] for i in good if i % 2]
        )
        names = [p.name for p in method.peaks]
        truth = np.array([[known[i][k] for k in names] for i in good if i % 2])
        wrong = moles / moles.sum(axis=1, keepdims=True) - truth
        each = dict(zip(names, np.sqrt(np.mean(wrong**2, axis=0)), strict=True))
        total = np.sqrt(np.mean(wrong**2))
        shown = " ".join(f"{each[k]:.4f}" for k in NAMES)
        print(f"{name:<26} {total:.4f}  {shown}  {len(failed):>4}  {ms:4.0f}", flush=True)


if __name__ == "__main__":
    main()
